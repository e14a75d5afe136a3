"""The chat in JupyterLab: a FITS file dropped into it gives parameters, a plot and similar stars; follow-ups; both
themes and narrow. ``docs/images/chat_light.png`` is the picture ``chat_light`` of this test::

    SPECVIZ_SHOTS=/tmp/shots pytest tests/ui/test_chat.py -k dropped
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

_START = "import specviz\nexplorer = specviz.chat(online=False)\nexplorer"
_STATE = "explorer.talking.state"
#: Drops a file on the chat, as a person does.
_DROP = """([name, text]) => {
  const find = (root) => { for (const el of root.querySelectorAll('*')) { if (el.dataset?.svFiles === 'chat') return el
    const deeper = el.shadowRoot && find(el.shadowRoot); if (deeper) return deeper } return null }
  const transfer = new DataTransfer()
  transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name))
  const options = {dataTransfer: transfer, bubbles: true, composed: true, cancelable: true}
  for (const type of ['dragover', 'drop']) find(document).dispatchEvent(new DragEvent(type, options)) }"""
#: Points of the observed curve that the newest plot of the chat draws.
_OBSERVED = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.type === 'Figure' && /LAMOST spectrum of/.test(m.html_attributes['aria-label'] ?? '')
        && m.height === 210) return Math.max(...m.renderers.map((r) => r.data_source?.data?.y?.length ?? 0))
    return 0 }"""


def fits_of(number: int) -> bytes:
    """A LAMOST-like FITS table of the spectrum of a demo star."""
    from astropy.table import Table

    from specviz.archives.demo import DemoArchive

    spectrum = DemoArchive().star(number).spectra["lamost_lrs"]
    cells = {k: getattr(spectrum, k)[None] for k in ("flux", "ivar", "wavelength")}
    out = BytesIO()
    Table({k.upper(): v for k, v in cells.items()}).write(out, format="fits")
    return out.getvalue()


def drop(page: Page, name: str, data: bytes) -> None:
    """Drop a file on the chat."""
    page.evaluate(_DROP, [name, base64.b64encode(data).decode()])


def ask(page: Page, words: str) -> Any:
    """Write a question, press Enter; gives the exchange once it is answered."""
    before = page.locator("[data-sv-exchange]").count()
    field = page.get_by_role("textbox", name="Ask about a star")
    field.fill(words)
    field.press("Enter")
    exchange = page.locator("[data-sv-exchange]").nth(before)
    exchange.wait_for()
    expect(exchange.locator(".prose")).not_to_be_empty()
    page.get_by_role("button", name="Ask", exact=True).wait_for()
    return exchange


def test_a_dropped_fits_gives_parameters_a_plot_and_similar_stars(
    open_notebook: Callable[..., Any], shot: Callable[..., Path]
) -> None:
    nb = open_notebook([_START], viewport={"width": 1500, "height": 1100})
    nb.run_all()
    page = nb.page
    page.get_by_text("Ask in words").wait_for()
    expect(page.get_by_text("Nothing leaves this machine.")).to_be_visible()
    shot(page, "chat_first")

    drop(page, "my star.fits", fits_of(11))
    parameters = page.get_by_role("region", name="Parameters")
    similar = page.get_by_role("region", name="Similar stars").filter(has_text="neighbour")
    parameters.wait_for()
    similar.wait_for()
    page.get_by_role("button", name="Ask", exact=True).wait_for()
    page.wait_for_function(f"() => ({_OBSERVED})() > 3000")
    assert nb.kernel_eval(f"[m.answer.tool for m in {_STATE}.exchanges[0].made]") == ["star", "labels", "similar"]
    teff = nb.kernel_eval(f"{_STATE}.exchanges[0].made[1].answer.data['labels'][0]['value']")
    expect(parameters).to_contain_text(f"{teff:.0f}")
    expect(similar.locator("tbody tr")).to_have_count(5)
    number = page.locator(".prose .num", has_text=f"{teff:.0f}").first
    assert "specclip-small" in (number.get_attribute("title") or "") and "weights" in (
        number.get_attribute("title") or ""
    )
    assert nb.kernel_eval("explorer.session.wait().star is explorer.talking.desk.star")  # both show the same star
    shot(page, "chat_light")

    number.click()  # leads to its call
    call = page.locator("details.call[open]")
    expect(call).to_contain_text('"label": "teff"')
    shot(page, "chat_call")

    why = ask(page, "why this temperature?")
    expect(why.get_by_role("region", name="Why")).to_be_visible()
    unsure = ask(page, "金属丰度的不确定度是多少？")
    expect(unsure).to_contain_text("68 %")
    page.get_by_role("button", name="预测它的 XP 光谱").or_(
        page.get_by_role("button", name="它有什么异常吗？")
    ).first.click()
    expect(page.locator("[data-sv-exchange]")).to_have_count(4)
    page.get_by_role("button", name="Ask", exact=True).wait_for()
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "chat_dark")
    nb.set_theme("light")

    explored = ask(page, "open demo 3")
    expect(explored).to_contain_text("demo 3")
    assert nb.kernel_eval("explorer.session.wait().star.name") == "demo 3"
    nb.kernel_eval("explorer.show('demo 5') or explorer.session.wait() and None")
    expect(page.get_by_text("In hand: demo 5")).to_be_visible()
    page.set_viewport_size({"width": 760, "height": 1100})
    page.wait_for_timeout(400)  # the narrow page is laid out
    shot(page, "chat_narrow")
    with page.expect_download() as saved:
        page.locator("summary[aria-label='Keep the conversation']").click()
        page.get_by_role("button", name="Save as notebook").click()
    assert b'"nbformat": 4' in Path(saved.value.path()).read_bytes()
    page.get_by_role("button", name="Close chat").click()
    page.get_by_role("textbox", name="Ask about a star").wait_for(state="hidden")


_PAGE = """
import os, sys
sys.path.insert(0, {assistant!r})
from bokeh.io import curdoc
from specviz.app.chatting import listen, talking_of
from specviz.doors import serve
from specviz.views.chat.chat_view import ChatView
from specviz.views.palette import PALETTES

def build(inbox):
    talking = talking_of(online=False)
    view, doc = ChatView(talking), curdoc()
    view.connect(lambda draw, later=False: doc.add_next_tick_callback(draw))
    listen(inbox, view, talking)
    return view.layout

serve(build, port=int(os.environ["PORT"]), title="chat", palettes={{k: dict(v) for k, v in PALETTES.items()}})
"""


def test_a_language_model_is_chosen_in_the_menu(
    open_page: Callable[..., Any], served: Callable[[str], str], shot: Callable[..., Path]
) -> None:
    assistant = str(Path(__file__).parents[1] / "assistant")
    sys.path.insert(0, assistant)
    from model_server import calls, scripted, words

    script = [
        calls(("load", {"name": "demo 3"}), ("labels", {"only": ["teff", "logg"]}), ("similar", {"k": 3})),
        words("**demo 3** is warm:\n\n- Teff 7594 K\n- its mass is 1.7 solar masses"),
    ]
    with scripted(script) as (endpoint, got):
        page = open_page("served", viewport={"width": 480, "height": 900})
        page.goto(served(_PAGE.format(assistant=assistant)))
        page.get_by_text("Ask in words").wait_for()
        page.locator("summary[aria-label^='Who chooses']").click()
        page.get_by_label("Address").fill("nowhere")
        page.get_by_label("Address").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("no address of a language model")
        for label, value in (("Address", endpoint.base_url), ("Model", endpoint.model), ("Key", "sk-secret")):
            page.get_by_label(label, exact=True).fill(value)
        page.get_by_role("button", name="Use it").click()
        page.get_by_text("To the language model on this machine").wait_for()
        field = page.get_by_role("textbox", name="Ask about a star")
        field.fill("What is demo 3?")
        field.press("Shift+Enter")
        field.press_sequentially("And its mass?")
        assert field.input_value() == "What is demo 3?\nAnd its mass?"
        field.press("Enter")
        lost = page.locator(".lost")
        expect(lost).to_contain_text("1.7")  # what no tool gave is marked
        expect(page.locator("details.calls")).to_contain_text("3 calls chosen by")
        expect(page.locator(".prose li .num")).to_have_text("7594")
        assert got[0]["authorization"] == "Bearer sk-secret" and "sk-secret" not in page.content()
        assert "wavelength" not in str([r["messages"] for r in got])  # no spectrum has left
        shot(page, "chat_model")
        field.press("ArrowUp")
        assert field.input_value().startswith("What is demo 3?")
        page.locator("summary[aria-label^='Who chooses']").click()
        page.get_by_role("button", name="Grammar only").click()
        page.get_by_text("Nothing leaves this machine.").wait_for()
