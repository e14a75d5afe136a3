"""The page of ``specviz vet``: who is asked for a name, keys that label, a reload that goes on, the Close button."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import expect

_SERVE = """
import os
import specviz.app.vetting_serving as serving
serving._HERE = {here}
serving.serve_vet(["demo 1", "demo 2", "demo 3"], labels="page.sqlite", port=int(os.environ["PORT"]), online=False)
"""


def _rows(tmp_path: Path) -> list[tuple[str, str, str, Any]]:
    from specviz.session.vetting.journal import LabelJournal

    journal = LabelJournal(tmp_path / "page.sqlite", "reader")
    try:
        return [(e.reviewer, e.star, e.kind, e.value) for e in journal.events() if e.kind != "open"]
    finally:
        journal.close()


def test_a_visitor_is_asked_labels_reloads_and_closes(
    open_page: Callable[..., Any], served: Callable[..., str], tmp_path: Path, shot: Callable[..., Any]
) -> None:
    address = served(_SERVE.format(here="()"))
    page = open_page("served")
    page.goto(address)
    expect(page.get_by_text("Who is labelling?")).to_be_visible()
    expect(page.get_by_text("list, 3 stars")).to_be_visible()
    shot(page, "asked")
    page.get_by_placeholder("Your name or initials").fill("A\u200bB")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("cannot be the name of a reviewer")).to_be_visible()
    page.get_by_placeholder("Your name or initials").fill("AB")
    page.get_by_placeholder("Your name or initials").press("Enter")
    expect(page.get_by_text("demo 1", exact=True).first).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?reviewer=AB$"))
    page.get_by_text("specclip-small").first.wait_for()  # until then the star is on its way, and keys are refused
    shot(page, "begun")
    page.locator("main").click(position={"x": 5, "y": 5})
    good = page.get_by_role("button", name=re.compile("^Quality 3"))
    page.keyboard.press("3")
    expect(good).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 3", exact=True).first).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 of 3", exact=True).first).to_be_visible()
    shot(page, "reloaded")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text("Every label is in page.sqlite")).to_be_visible()
    assert _rows(tmp_path) == [
        ("AB", "demo 1", "quality", 3),
        ("AB", "demo 1", "class", "emission"),
        ("AB", "demo 1", "done", True),
    ]


@pytest.mark.parametrize("door", ["voila", "nb7"])
def test_labels_by_keys_at_other_doors(
    open_notebook: Callable[..., Any], tmp_path: Path, shot: Callable[..., Any], door: str
) -> None:
    cell = f"specviz.vet(['demo 1', 'demo 2'], labels={str(tmp_path / 'page.sqlite')!r}, reviewer='AB', online=False)"
    nb = open_notebook(["import specviz", cell], door)
    if door != "voila":
        nb.run_all()
    page = nb.page
    view = page.locator(".sv-host").first
    view.wait_for()
    good = page.get_by_role("button", name=re.compile("^Quality 4"))
    good.wait_for()
    page.get_by_text("specclip-small").first.wait_for()  # until then the star is on its way, and keys are refused
    view.focus()
    page.keyboard.press("4")
    expect(good).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    shot(page, f"vet_{door}")
    expect(page.get_by_text("1 of 2", exact=True).first).to_be_visible()
    assert _rows(tmp_path)[-2:] == [("AB", "demo 1", "class", "star"), ("AB", "demo 1", "done", True)]
