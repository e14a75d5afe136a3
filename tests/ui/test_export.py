"""What leaves the Explorer, as downloads: tables, pictures, the page, the session. A saved page makes pictures too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(240)

CELL = "import specviz\nexplorer = specviz.explore(['demo 1', 'demo 2'], online=False)\nexplorer"
SERVE = "import os, specviz\nspecviz.serve(['demo 1'], port=int(os.environ['PORT']), online=False)\n"


def saved(page: Page, button: str, folder: Path) -> Path:
    """Press a button (by its name) and give the file that the browser saved."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).first.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def check_pictures(png: Path, svg: Path, star: str = "demo_1") -> None:
    """Both show the panel: twice the screen's pixels and much ink; a drawing with its title and lines."""
    from PIL import Image

    assert (png.name, svg.name) == (f"{star}_lamost.png", f"{star}_lamost.svg")
    picture = Image.open(png).convert("L")
    assert picture.width > 1200 and picture.height > 700
    ground = picture.getpixel((3, 3))
    ink = sum(n for level, n in enumerate(picture.histogram()) if abs(level - ground) > 60)
    assert 0.005 < ink / (picture.width * picture.height) < 0.5
    root = ElementTree.parse(svg).getroot()
    text = svg.read_text("utf-8")
    assert root.tag.endswith("svg") and abs(float(root.get("width", 0)) * 2 - picture.width) <= 2
    assert text.count("<path") > 10 and "demo 1" in text and "Flux" in text and "https://" not in text


def test_tables_pictures_page_and_session_from_jupyterlab(
    open_notebook: Callable[..., Any], open_page: Callable[..., Any], shot: Callable[..., Path], tmp_path: Path
) -> None:
    from astropy.table import Table

    import specviz

    nb = open_notebook([CELL], viewport={"width": 1500, "height": 1650})
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("summary[aria-label='Export']").click()
    expect(page.get_by_role("button", name="Similar stars as FITS")).to_be_visible()
    shot(page, "export_menu")
    star = specviz.open(saved(page, "Observed spectra as ECSV", tmp_path))
    assert star.name == "demo 1" and set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert (tmp_path / "demo_1_spectra.ecsv").is_file()
    table = Table.read(saved(page, "Posterior samples as FITS", tmp_path), hdu=1)
    assert len(table) == 10_000 and str(table["teff"].unit) == "K"
    png = saved(page, "Picture of LAMOST spectrum as PNG", tmp_path)
    svg = saved(page, "Picture of LAMOST spectrum as SVG", tmp_path)
    check_pictures(png, svg)
    session = json.loads(saved(page, "This session as a file", tmp_path).read_bytes())
    assert session["shown"]["target"] == {"name": "demo 1"} and len(session["work"]) == 2
    html = saved(page, "This page as one HTML file", tmp_path)
    page.keyboard.press("Escape")

    page.locator("summary[aria-label='Code']").click()
    shot(page, "code_menu")
    expect(page.get_by_label("Python cell")).to_have_text(re.compile("explorer = specviz.explore\\('demo 1'\\)"))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cite").click()
    expect(page.get_by_text("Whom to cite").or_(page.get_by_text("the works behind them"))).to_be_visible()
    shot(page, "cite")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Provenance").click()
    shot(page, "provenance")
    page.keyboard.press("Escape")
    assert html.stat().st_size < 6e6
    copy = open_page("file")
    copy.goto(html.as_uri())
    copy.locator(".tile", has_text="K").first.wait_for()
    assert copy.title() == "demo 1 – specviz"
    copy.locator("summary[aria-label='Export']").click()
    expect(copy.get_by_role("button", name="Labels with errors as CSV")).to_be_hidden()
    shot(copy, "saved_page")
    (tmp_path / "copy").mkdir()
    check_pictures(
        saved(copy, "Picture of LAMOST spectrum as PNG", tmp_path / "copy"),
        saved(copy, "Picture of LAMOST spectrum as SVG", tmp_path / "copy"),
    )
    for panel in ("Gaia XP spectrum", "Posterior", "Map"):
        kept = saved(copy, f"Picture of {panel} as PNG", tmp_path / "copy")
        (shot(copy, f"picture_{kept.stem}")).write_bytes(kept.read_bytes())
    (shot(copy, "picture_lamost")).write_bytes(png.read_bytes())
    (shot(copy, "picture_lamost_svg").with_suffix(".svg")).write_bytes(svg.read_bytes())


def test_a_served_page_saves_through_its_own_channel(
    served: Callable[..., str], open_page: Callable[..., Any], tmp_path: Path
) -> None:
    from astropy.table import Table

    address = served(SERVE)
    page = open_page("serve", viewport={"width": 1400, "height": 1650})
    page.goto(address)
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("summary[aria-label='Export']").click()
    table = Table.read(BytesIO(saved(page, "Labels with errors as VOTable", tmp_path).read_bytes()), format="votable")
    assert "teff" in set(table["label"])
    html = saved(page, "This page as one HTML file", tmp_path)
    assert "sv-saved" in html.read_text("utf-8")
    check_pictures(
        saved(page, "Picture of LAMOST spectrum as PNG", tmp_path),
        saved(page, "Picture of LAMOST spectrum as SVG", tmp_path),
    )


def test_the_address_of_a_served_page_is_a_link(served: Callable[..., str], open_page: Callable[..., Any]) -> None:
    address = served(SERVE)
    page = open_page("serve", viewport={"width": 1400, "height": 1000})
    page.goto(address + "?star=demo%207&view=flux:normalised;smooth:2&lang=en")
    expect(page.locator(".name", has_text="demo 7").first).to_be_visible()
    expect(page.get_by_role("button", name="Normalised")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Air").click()
    page.wait_for_url("**/?star=demo%207&view=flux:normalised;medium:air;smooth:2&lang=en")
    page.reload()
    expect(page.locator(".name", has_text="demo 7").first).to_be_visible()
    expect(page.get_by_role("button", name="Air")).to_have_attribute("aria-pressed", "true")

    page.goto(address + "?star=/etc/passwd&view=flux:%3Cb%3E")
    expect(page.locator(".name", has_text="demo 1").first).to_be_visible()
    expect(page.get_by_text("The link asks for what this page cannot show")).to_be_visible()
