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
    expect(page.get_by_role("progressbar", name="Opening demo 1")).to_have_count(0)
    shot(page, "begun")
    page.locator("main").click(position={"x": 5, "y": 5})
    good = page.get_by_role("button", name=re.compile("^Quality 3"))
    for _ in range(100):  # what is said while the star is on its way is refused
        page.keyboard.press("3")
        if good.get_attribute("aria-pressed") == "true":
            break
        page.wait_for_timeout(100)
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 3").first).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 of 3").first).to_be_visible()
    shot(page, "reloaded")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text("Every label is in page.sqlite")).to_be_visible()
    assert _rows(tmp_path) == [
        ("AB", "demo 1", "quality", 3),
        ("AB", "demo 1", "class", "emission"),
        ("AB", "demo 1", "done", True),
    ]
