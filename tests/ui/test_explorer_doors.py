"""The Explorer at each door: star and temperature written, spectra drawn, nothing asked of another machine.

JupyterLab itself is gone through by the quickstart (``test_quickstart.py``) and by the tests of the panels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cell_stub import explored
from playwright.sync_api import Page, expect
from seen import layer, shows

ROOT = Path(__file__).resolve().parents[2]
CURRENT = """() => { const panel = window.jupyterapp.shell.currentWidget
    return [panel?.context?.path ?? '', panel?.content?.model?.cells?.get(0)?.sharedModel.source ?? ''] }"""
DEFAULT = "() => window.jupyterapp.docRegistry.defaultWidgetFactory('a.FITS.gz')?.name ?? 'Specviz'"


def spectrum_file(path: Path, number: int) -> Path:
    """The LAMOST spectrum of a demo star as a FITS table."""
    from astropy.table import Table

    from specviz.archives.demo import DemoArchive

    spectrum = DemoArchive().star(number).spectra["lamost_lrs"]
    cells = {k: getattr(spectrum, k)[None] for k in ("flux", "ivar", "wavelength")}
    path.parent.mkdir(parents=True, exist_ok=True)
    Table({k.upper(): v for k, v in cells.items()}).write(path)
    return path


def tree(jupyter: Any, page: Page, path: str = "lab") -> None:
    """Open JupyterLab, or Notebook 7's file browser, without a document."""
    from specviz.benchmarks.browser import TOKEN

    page.goto(f"{jupyter.base}/{path}?token={TOKEN}" + ("&reset" if path == "lab" else ""), wait_until="commit")
    page.wait_for_function("() => window.jupyterapp?.serviceManager.isReady")


def current(page: Page, path: str) -> str:
    """Wait until the notebook at ``path`` is in front; its first cell."""
    page.wait_for_function(f"(path) => ({CURRENT})()[0] === path && ({CURRENT})()[1] !== ''", arg=path)
    return page.evaluate(CURRENT)[1]


def entry(page: Page, text: str) -> Any:
    """A line of the file browser."""
    return page.locator(".jp-DirListing-item", has_text=text).first


@pytest.fixture
def kernels(jupyter: Any) -> Iterator[None]:
    """Ends the kernels that a page started, when the page is gone."""
    yield
    jupyter.end_kernels()


@pytest.fixture
def lab(kernels: None, open_page: Callable[..., Any]) -> Any:
    return open_page("lab")


def test_open_in_specviz(lab: Any, jupyter: Any, shot: Callable[..., Path]) -> None:
    """The context menu, on a file whose name is an attack on Python, HTML and paths at once."""
    odd = """it's <b onclick=1>αβ "1"; \\.fits"""
    spectrum_file(jupyter.root / "extension" / odd, 1)
    tree(jupyter, lab)
    entry(lab, "extension").dblclick()
    entry(lab, "αβ").click(button="right")
    shot(lab, "extension_menu")
    lab.locator(".lm-Menu-item", has_text="Open in Specviz").click()
    source = current(lab, f"extension/{odd.removesuffix('.fits')}-specviz.ipynb")
    assert explored(source) == odd
    shows(lab, "αβ")
    assert lab.locator(".name b").count() == 0
    shot(lab, "extension_opened")


def test_double_click_several_files_and_the_launcher(lab: Any, jupyter: Any, shot: Callable[..., Path]) -> None:
    for number in (2, 3):
        spectrum_file(jupyter.root / "several" / f"star {number}.fits", number)
    spectrum_file(jupyter.root / "several" / "'quoted.fit", 4)
    tree(jupyter, lab)
    card = lab.locator(".jp-LauncherCard[data-category='Other']", has_text="specviz")
    expect(card).to_be_visible()
    shot(lab, "extension_launcher")
    card.click()
    assert current(lab, "specviz.ipynb") == "import specviz\n\nexplorer = specviz.explore()\nexplorer"
    lab.get_by_text("Which star?").wait_for()  # a notebook that is opened while another still runs may stay behind it
    entry(lab, "several").dblclick()
    entry(lab, "star 2.fits").dblclick()
    assert 'specviz.explore("star 2.fits")' in current(lab, "several/star 2-specviz.ipynb")
    shows(lab, "star 2")
    # nothing is left of the viewer that the double click went through
    expect(lab.locator(".lm-TabBar-tabLabel", has_text="star 2.fits")).to_have_count(0)
    entry(lab, "star 2-specviz.ipynb").wait_for()  # the list moves when it comes
    entry(lab, "'quoted.fit").click()
    entry(lab, "star 2.fits").click(modifiers=["ControlOrMeta"])
    entry(lab, "star 3.fits").click(modifiers=["ControlOrMeta"])
    expect(lab.locator(".jp-DirListing-item.jp-mod-selected")).to_have_count(3)
    entry(lab, "star 3.fits").click(button="right")
    lab.locator(".lm-Menu-item", has_text="Open in Specviz").click()
    assert sorted(explored(current(lab, "several/specviz.ipynb"))) == ["./'quoted.fit", "star 2.fits", "star 3.fits"]
    # the double click is an option, and what was before it comes back
    assert lab.evaluate(DEFAULT) == "Specviz"
    lab.evaluate("window.jupyterapp.serviceManager.settings.save('jupyter-specviz:plugin', '{\"doubleClick\": false}')")
    lab.reload()
    lab.wait_for_function(f"() => window.jupyterapp?.serviceManager.isReady && ({DEFAULT})() !== 'Specviz'")
    lab.evaluate("window.jupyterapp.serviceManager.settings.save('jupyter-specviz:plugin', '{}')")


@pytest.mark.usefixtures("kernels")
def test_open_in_specviz_from_notebook_7(jupyter: Any, open_page: Callable[..., Any]) -> None:
    """No launcher there, and a notebook is a page of its own, which runs what was asked for in the other."""
    from specviz.benchmarks.browser import Guard

    spectrum_file(jupyter.root / "nb7" / "five.fits", 5)
    page = open_page("nb7-tree")
    tree(jupyter, page, "tree/nb7")
    entry(page, "five.fits").click(button="right")
    with page.context.expect_page() as opened:
        page.locator(".lm-Menu-item", has_text="Open in Specviz").click()
    notebook = opened.value
    guard = Guard(notebook)
    shows(notebook, "five")
    guard.check("nb7")
    notebook.close()
    with page.context.expect_page() as opened:  # a double click opens a page for the file, which becomes the notebook's
        entry(page, "five.fits").dblclick()
    second = opened.value
    second.wait_for_url("**/notebooks/nb7/five-specviz-1.ipynb", wait_until="commit")
    shows(second, "five")
    second.close()


@pytest.mark.usefixtures("kernels")
def test_panel_preview(jupyter: Any, open_page: Callable[..., Any], shot: Callable[..., Path]) -> None:
    """The app file of the repository, on the Jupyter server that JupyterLab runs on; no port, no DocHost."""
    from specviz.benchmarks.browser import TOKEN

    (jupyter.root / "app.py").write_text((ROOT / "notebooks" / "explorer_app.py").read_text(encoding="utf-8"))
    page = open_page("serve")
    page.goto(f"{jupyter.base}/panel-preview/render/app.py?star=demo%206&token={TOKEN}")
    shows(page, "demo 6")
    shot(page, "panel_preview")
    spectrum_file(jupyter.root / "preview.fits", 7)  # its owner may name files, relative to the app
    field = page.get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    field.fill("preview.fits")
    field.press("Enter")
    shows(page, "preview")


def test_a_saved_page_works_from_the_disk(tmp_path: Path, open_page: Callable[..., Any], monkeypatch: Any) -> None:
    """One file, opened without a server: nothing is asked for, and the browser's own controls work."""
    import specviz

    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    explorer = specviz.explore("demo 8", online=False)
    explorer.session.wait()
    path = explorer.save_html(tmp_path / "it's a <star>.html")
    explorer.close()
    page = open_page("file")
    page.goto(path.as_uri())
    shows(page, "demo 8")
    for name in ("Add stars", "Next star", "Open", "Try again", "Draw a region of the map"):  # what asks a kernel
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    for name in ("Why this value of a label", "Plane of the map: Kiel", "Compare LAMOST → LAMOST"):
        expect(page.get_by_label(name).first).to_be_hidden()
    expect(page.get_by_label("Smooth", exact=False).first).to_be_visible()  # what the browser does alone
    expect(page.get_by_role("button", name="Save picture of Map")).to_be_visible()
    shot = page.locator(".bk-Canvas").first
    before = shot.screenshot()
    page.get_by_role("button", name="Normalised", exact=True).click()  # no Python is there to answer
    expect(page.get_by_role("button", name="Normalised", exact=True)).to_have_attribute("aria-pressed", "true")
    for _ in range(100):
        if shot.screenshot() != before:
            break
        page.wait_for_timeout(100)
    assert shot.screenshot() != before


def test_an_ipywidget_among_others(open_notebook: Callable[..., Any]) -> None:
    """Run-All, a box of other widgets, observers of star, report and selection, the page loaded again."""
    cells = [
        "import ipywidgets\nimport specviz\nseen = []\nexplorer = specviz.explore('demo 3', online=False)\n"
        "explorer.observe(lambda c: seen.append((c['name'], getattr(c['new'], 'name', c['new'] is not None))),"
        " ['star', 'report', 'selection'])\necho = ipywidgets.HTML('nothing chosen')\n"
        "explorer.observe(lambda c: setattr(echo, 'value', f'beside: {c[\"new\"].name}'), 'star')\n"
        "ipywidgets.VBox([echo, explorer])",
        "import time\ntime.sleep(2)",
    ]
    nb = open_notebook(cells)
    page = nb.page
    nb.run_all()
    shows(page, "demo 3")
    nb.kernel_eval("explorer.show('demo 4')")
    shows(page, "demo 4")
    expect(page.get_by_text("beside: demo 4")).to_be_visible()
    nb.kernel_eval("explorer.session.wait() and explorer.session.choose(1)")
    nb.kernel_eval("explorer.session.wait() and None")
    seen = nb.kernel_eval("seen")
    assert ("star", "demo 4") in seen and ("report", True) in seen
    assert seen[-1] == ("selection", nb.kernel_eval("explorer.selection.name"))
    nb.reload()
    shows(page, "demo 4")
    expect(page.get_by_text("beside: demo 4")).to_be_visible()
    nb.kernel_eval("explorer.show('demo 5')")  # alive, not only drawn
    shows(page, "demo 5")


@pytest.mark.parametrize("door", ["nb7", "voila"])
def test_explorer_at_the_other_notebook_doors(open_notebook: Callable[..., Any], door: str) -> None:
    shown = "e = specviz.explore('demo 5')\nipywidgets.VBox([ipywidgets.HTML('above'), e])"
    cells = ["import specviz\nimport ipywidgets", shown]
    nb = open_notebook(cells, door=door, viewport={"width": 1400, "height": 1000})
    if door != "voila":
        nb.run_all()
    shows(nb.page, "demo 5")
    expect(nb.page.get_by_text("above", exact=True)).to_be_visible()
    nb.page.get_by_role("button", name="Normalised", exact=True).click()
    layer(nb.page, "observed", "Math.abs(found.mid - 1) < 0.5")


def test_served_explorer_keeps_visitors_apart(
    served: Any, open_page: Callable[..., Any], shot: Callable[..., Path]
) -> None:
    address = served("import os, specviz\nspecviz.serve(port=int(os.environ['PORT']))")
    pages = [open_page("serve", viewport={"width": 1300, "height": 1500}) for _ in range(2)]
    for page, title in zip(pages, ("Sun-like star", "Red giant"), strict=True):
        page.goto(address)
        page.get_by_role("button", name=f"Open {title}").click()
        page.locator(".name").first.wait_for()
    shot(pages[0], "served")
    names = [page.locator(".name").first.inner_text() for page in pages]
    shows(pages[0], names[0])
    assert names[0] != names[1]
    field = pages[0].get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    field.fill("/etc/hostname")  # a visitor may not read files of this machine
    field.press("Enter")
    pages[0].get_by_text("No star or file called").first.wait_for()
    assert pages[1].locator(".name").first.inner_text() == names[1]
