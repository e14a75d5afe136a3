"""Vetting in real JupyterLab, by real keys: sixty stars labelled, nothing lost, all of it back after a reload."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, expect

from specviz.benchmarks.vetting import CLASSES, FLAG, QUALITIES, SETUP, STARS, label_by_keys, open_eyes, show_cell
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.values import by_star, label_of
from specviz.session.vetting.vocabulary import DEFAULT

_WHO = ".sv-who .name"
_KEYS = "[row.key for row in vetting.session.state.vet.rows]"
_RANGE = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.type === 'Figure' && m.name === 'lamost-flux') return [m.x_range.start, m.x_range.end].map(Math.round) }"""

_SCROLLED = "document.querySelector('.jp-WindowedPanel-outer').scrollTop"


def _range(page: Page) -> list[int]:
    """The stretch that the spectrum shows, Angstrom."""
    found: list[int] = page.evaluate(_RANGE)
    return found


def _written(labels: Path) -> dict[tuple[str, str], list[Any]]:
    """What is on disk, seen from another process while the kernel has the file open."""
    journal = LabelJournal(labels, "reader")
    try:
        return by_star([e for e in journal.events() if e.reviewer == "MK"])
    finally:
        journal.close()


def _name(page: Page, name: str) -> None:
    """Until the star stands in the header."""
    expect(page.locator(_WHO).last).to_have_text(name)


def _quality(page: Page, number: int | None) -> None:
    """Until that quality is pressed, or none."""
    pressed = page.locator('[data-sv-act^="vet-quality"][aria-pressed="true"]')
    if number is None:
        expect(pressed).to_have_count(0)
    else:
        expect(pressed).to_have_text(str(number))


def _open(open_notebook: Callable[..., Any], labels: Path, last: int) -> Any:
    notebook = open_notebook([SETUP, show_cell(labels, last)])
    notebook.run_cell(0)
    notebook.run_cell(1)
    open_eyes(notebook.page)
    return notebook


def test_sixty_stars_are_labelled_by_keys_alone(
    open_notebook: Callable[..., Any], tmp_path: Path, shot: Callable[..., Path]
) -> None:
    labels = tmp_path / "sixty.sqlite"
    notebook = _open(open_notebook, labels, STARS + 2)
    page = notebook.page
    timings = label_by_keys(page, STARS, 0.0)
    _name(page, f"demo {STARS + 1}")
    shot(page, "vetting_sixty")
    # Told, not asserted: how long a machine under load takes says nothing (tests/benchmarks/bench_vetting.py measures).
    star, label = median(timings.star), median(timings.label)
    sys.stdout.write(f"\nEnter to next star, median {star:.0f} ms; quality key to label, median {label:.0f} ms\n")

    events, keys = _written(labels), notebook.kernel_eval(_KEYS)[:STARS]
    classes = {c.key: c.name for c in DEFAULT.classes}
    flag = next(f.name for f in DEFAULT.flags if f.key == FLAG)
    for i, key in enumerate(keys):
        label = label_of(events[key, "MK"])
        assert label.done and label.blind and label.time, (i, label)
        assert label.quality == int(QUALITIES[i % len(QUALITIES)]), (i, label)
        assert label.klass == classes[CLASSES[i % len(CLASSES)]], (i, label)
        assert label.flags == ((flag,) if i % 3 == 2 else ()), (i, label)
    assert len({e.uuid for found in events.values() for e in found}) >= 3 * STARS


def test_a_session_of_vetting_by_keys(
    open_notebook: Callable[..., Any], tmp_path: Path, shot: Callable[..., Path]
) -> None:
    labels = tmp_path / "some.sqlite"
    notebook = _open(open_notebook, labels, 12)
    page = notebook.page
    said = "(lambda l: [l.quality, l.klass, l.comment, l.done])(vetting.session.state.vet.label)"

    # keys do nothing without the focus
    page.evaluate("() => document.activeElement.blur()")
    expect(page.locator(".sv-host").last).to_have_attribute("data-sv-keys", "idle")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.locator(".sv-host").last.focus()
    page.keyboard.press("2")
    _quality(page, 2)
    assert notebook.kernel_eval(said) == [2, "", "", False]
    _name(page, "demo 1")

    # a comment; letters in it are letters, Esc gives the keyboard back
    page.keyboard.press("c")
    page.keyboard.type("Hα seems double, b e s 4")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_function(
        """() => window.__vet.all('[data-sv-act="vet-class emission"][aria-pressed="true"]').length"""
    )
    assert notebook.kernel_eval(said) == [2, "emission", "Hα seems double, b e s 4", False]

    # save and next; undo leads back to the star it was of, as often as one likes
    page.keyboard.press("Enter")
    _name(page, "demo 2")
    page.keyboard.press("4")
    _quality(page, 4)
    page.keyboard.press("u")
    _quality(page, None)
    page.keyboard.press("u")
    _name(page, "demo 1")
    _quality(page, 2)
    assert notebook.kernel_eval(said) == [2, "emission", "Hα seems double, b e s 4", False]
    expect(page.locator(".sv-vet-bar")).to_contain_text("0 of 11")
    page.keyboard.press("Shift+U")
    expect(page.locator(".sv-vet-bar")).to_contain_text("1 of 11")

    # the score of a finished star may be seen; a jump from a field below the window leaves the page where it is
    expect(page.locator(".sv-odd")).to_be_visible()
    shot(page, "vetting_revealed")
    before = page.evaluate(_SCROLLED)
    page.keyboard.press("j")
    page.wait_for_function(f"() => {_SCROLLED} > {before} + 50")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    _name(page, "demo 7")
    expect(page.locator(".sv-odd")).to_have_count(0)
    assert page.evaluate(_SCROLLED) == before

    # line windows by brackets, by hand, and the whole range again
    window = page.locator(".sv-win")
    expect(window).to_have_count(7)
    page.keyboard.press("]")
    expect(window.nth(0)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("]")
    expect(window.nth(1)).to_have_attribute("aria-pressed", "true")
    assert _range(page) == [4762, 4962]
    shot(page, "vetting_window")
    window.nth(4).click()
    expect(window.nth(4)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"() => ({_RANGE})()[0] > 6000")
    page.keyboard.press("z")  # a press with the mouse has left the keyboard where it was
    expect(page.locator('.sv-win[aria-pressed="true"]')).to_have_count(0)
    page.wait_for_function(f"() => ({_RANGE})()[0] < 4000")

    # so do presses on the legend and in a menu
    page.locator(".sv-chip", has_text="Reconstructed").click()
    expect(page.locator(".sv-win .m")).to_have_count(0)
    page.keyboard.press("m")
    expect(page.locator(".sv-chip", has_text="Reconstructed")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".sv-win .m").first).to_be_attached()
    page.locator("summary", has_text="Lines").click()
    page.locator(".sv-item", has_text="Fe").click()
    page.wait_for_function(
        "() => window.Bokeh.documents.some((d) => d.get_model_by_name('sv-settings')?.tags[0].lines.includes('Fe'))"
    )
    page.keyboard.press("Escape")

    # find rows
    page.keyboard.press("/")
    page.keyboard.type("double")
    page.keyboard.press("Enter")
    expect(page.locator(".sv-vet-queue li[role=option], .sv-vet-queue ol > li")).to_have_count(1)
    assert notebook.kernel_eval("vetting.session.state.vet.order") == (0,)
    notebook.kernel_eval("vetting.set_filter('all')")
    page.keyboard.press("Escape")

    # dark
    page.locator(".sv-host").last.focus()
    page.keyboard.press("3")
    _quality(page, 3)
    notebook.set_theme("dark")
    ink = "getComputedStyle(window.__vet.all('.sv-win .o')[0]).stroke"
    page.wait_for_function(f"() => {ink} === 'rgb(232, 234, 237)'")  # the dark page's, without a word from the kernel
    shot(page, "vetting_dark")
    notebook.set_theme("light")

    # the page goes and comes: the same star, the same words, and keys go on
    notebook.reload()
    open_eyes(page)
    _name(page, "demo 7")
    _quality(page, 3)
    page.locator(".sv-host").last.focus()
    page.keyboard.press("1")
    _quality(page, 1)
    page.keyboard.press("Enter")
    _name(page, "demo 8")
    events, keys = _written(labels), notebook.kernel_eval(_KEYS)
    first, seventh = (label_of(events[k, "MK"]) for k in (keys[0], keys[6]))
    assert (first.quality, first.klass, first.comment, first.done) == (2, "emission", "Hα seems double, b e s 4", True)
    assert (seventh.quality, seventh.done) == (1, True)
