"""The chat's view without a browser: what an exchange draws, what foreign text may not do, buttons, plots put away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from specviz.assistant.conversation import Turn
from specviz.assistant.desk import Desk
from specviz.assistant.number_sources import Piece
from specviz.assistant.talk_state import Exchange, Made
from specviz.assistant.talking import Talking
from specviz.assistant.tools.result import Answer
from specviz.views.chat import chat_view, prose
from specviz.views.chat.cards import card_html, link
from specviz.views.chat.chat_view import ChatView
from specviz.views.chat.exchange_view import ExchangeView

NASTY = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[Talking, ChatView]]:
    talking = Talking(Desk(online=False, device="cpu"))
    view = ChatView(talking)
    for words in ("open demo 3", "find 5 similar stars", "how sure are you of the metallicity?",
                  "predict its XP spectrum", "is anything odd about it?", "why this temperature?"):  # fmt: skip
        talking.say(words)
        talking.wait()
    yield talking, view
    view.close()
    talking.close()


def texts(model: Any) -> str:
    """Every HTML of a model and what is in it."""
    from bokeh.models.dom import HTML

    return "\n".join(str(m.html) for m in model.references() if isinstance(m, HTML))


def test_each_answer_has_its_card_and_plots(asked: tuple[Talking, ChatView]) -> None:
    _, view = asked
    titles = [p.title for v in view._views for p in v.plots]
    assert titles == ["LAMOST spectrum", "Posterior of [Fe/H]", "Gaia XP spectrum"]
    assert view._views[0].plots[0].chart.layers == ("Model", "Observed")  # data on top
    shown = texts(view.layout)
    for title in ("Parameters", "Similar stars", "Posterior", "Anomaly and quality", "Why"):
        assert f'aria-label="{title}"' in shown
    assert shown.count("<svg class=thumb") == 5
    figures = [m for m in view.layout.references() if type(m).__name__ == "figure"]
    assert len(figures) == 3 and all("demo 3" in f.html_attributes["aria-label"] for f in figures)


def test_numbers_and_calls_say_who_made_them(asked: tuple[Talking, ChatView]) -> None:
    _, view = asked
    said = view._views[1]._prose.object
    assert 'class="num" data-sv-call="c3" title="c3 similar: specclip-small' in said and "weights " in said
    calls = view._views[1]._calls.object
    assert 'data-sv-call-id="c3"' in calls and "similar(k=5)" in calls and "demo" in calls


def test_only_the_latest_offers_what_comes_next(asked: tuple[Talking, ChatView]) -> None:
    talking, view = asked
    assert [bool(v._foot.object) for v in view._views] == [False] * 5 + [True]
    assert talking.state.exchanges[-1].next[0] in view._views[-1]._foot.object.replace("&#x27;", "'")


def test_the_oldest_plots_are_put_away_and_come_back(asked: tuple[Talking, ChatView], monkeypatch: Any) -> None:
    _, view = asked
    monkeypatch.setattr(chat_view, "MOST_PLOTS", 1)
    view._put_away()
    assert [len(v.plots) for v in view._views] == [0, 0, 0, 1, 0, 0]
    assert "Show 1 plot again" in texts(view._views[0].root) and 'aria-label="Parameters"' in texts(view._views[0].root)
    assert view.act(f"chat-draw {view._views[0].number}") and len(view._views[0].plots) == 1


def test_buttons_reach_the_conversation() -> None:
    done: list[Any] = []

    class Fake:
        state = Talking(Desk(online=False)).state

        def subscribe(self, _listener: Any) -> Any:
            return lambda: None

        def plain(self) -> str:
            return "> asked"

        def __getattr__(self, name: str) -> Any:
            return lambda *args: done.append((name, *args)) or b"made"

    view = ChatView(Fake(), closes=True)
    saved: list[Any] = []
    view.deliver = lambda *file: saved.append(file[:2])
    view.close_asked = lambda: done.append("closed")
    for act in ("chat-say open demo 3", "chat-stop", "chat-clear", "chat-detach a b.fits", "chat-arrived now",
                "chat-arrived wait", "chat-grammar", "chat-endpoint not json", "chat-close",
                'chat-endpoint {"base_url": "http://h/v1", "model": "m", "key": "k"}', "chat-notebook"):  # fmt: skip
        assert view.act(act)
    view.attach("a.fits", b"1")
    assert not view.act("export labels")
    assert done == [
        ("say", "open demo 3"), ("stop",), ("clear",), ("detach", "a b.fits"), ("say", ""), ("use_endpoint",), "closed",
        ("use_endpoint", "http://h/v1", "m", "k"), ("notebook",), ("attach", "a.fits", b"1"),
    ]  # fmt: skip
    assert saved == [("conversation.ipynb", "application/x-ipynb+json")]
    assert "Close chat" in view._head.object and "Keep" in view._head.object


def test_the_welcome_goes_when_something_is_said() -> None:
    talking = Talking(Desk(online=False))
    view = ChatView(talking)
    assert "Drop a FITS file" in view._welcome.object and 'data-sv-act="chat-say Open demo 12"' in view._welcome.object
    talking.say("help")
    talking.wait()
    assert view._welcome.object == "" and "Stop" not in view._do.object
    talking.clear()
    assert "Drop a FITS file" in view._welcome.object
    view.close()


def _exchange(data: Any, tool: str = "strange", text: str = NASTY, **more: Any) -> Exchange:
    answer = Answer(tool, data, call="c1", arguments={"name": NASTY}, provenance={"model": NASTY})
    turn = Turn(NASTY, "en", (answer,), text, NASTY, (NASTY,))
    made = Made(answer, 0.1, f"c1 {NASTY}", more)
    pieces = (Piece(text), Piece("5", answer), Piece(f"{NASTY} ⚠", None, True))
    return Exchange(1, NASTY, (NASTY,), (made,), "", "", turn, pieces, (NASTY,), NASTY)


@pytest.mark.parametrize(
    ("tool", "data"),
    [
        ("strange", {"who": NASTY, "rows": [{NASTY: NASTY, "n": 1}], "list": [NASTY], NASTY: 1.0, "map": {"a": NASTY}}),
        ("labels", {"labels": [{"label": NASTY, "unit": NASTY, "value": 1.0, "plus": 1, "minus": 1, "from": NASTY}]}),
        ("similar", {"among": 3, "of": NASTY, "stars": [{"rank": 1, "star": f"demo {NASTY}", "similarity": 0.9}]}),
        ("oddness", {"percentile": 50.0, "checks": [{"name": "x", "passed": False, "text": NASTY}],
                     "reasons": [{"where": NASTY, "kind": NASTY, "wavelength": 5000.0, "sigma": 2.0}]}),
        ("compare", {"values": [{"label": NASTY, "source": NASTY, "from": NASTY, "value": 1.0}],
                     "silent": [{"model": NASTY, "why": NASTY}]}),
        ("outliers", {"oddest": [{"rank": 1, "star": NASTY, "percentile": 3.0, "why": NASTY}]}),
        ("papers", {"papers": [{"title": NASTY, "authors": NASTY, "year": NASTY, "id": NASTY, "note": NASTY}]}),
        ("why", {"label": NASTY, "lines": [{"line": NASTY, "from": 1.0, "to": 2.0, "adds": 1.0}]}),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_foreign_text_is_text(tool: str, data: Any) -> None:
    view = ExchangeView(_exchange(data, tool))
    view.update(_exchange(data, tool), latest=True)
    assert "<img" not in texts(view.root) and "onerror=&quot;" in texts(view.root)


def test_of_markdown_only_what_is_harmless_is_drawn() -> None:
    drawn = prose.streamed_html(
        "# Head\n**bold** `code`\n- one\n- two\n\n[link](https://x.org) ![p](https://x.org/p.png)"
    )
    assert drawn == (
        "<p>Head\n<b>bold</b> <code>code</code></p><ul><li>one</li><li>two</li></ul>"
        "<p>[link](https://x.org) ![p](https://x.org/p.png)</p>"
    )


@pytest.mark.parametrize(
    ("identifier", "address", "expected"),
    [
        ("2411.08842", "", "https://arxiv.org/abs/2411.08842"),
        ("arXiv:2411.08842", "", "https://arxiv.org/abs/2411.08842"),
        ("10.3847/1538-4357/abc", "", "https://doi.org/10.3847/1538-4357/abc"),
        ("2012RAA....12.1197C", "", "https://ui.adsabs.harvard.edu/abs/2012RAA....12.1197C"),
        ("x", "javascript:alert(1)", ""),
        ("x", "http://plain.example", ""),
    ],
)
def test_papers_lead_to_their_pages_only(identifier: str, address: str, expected: str) -> None:
    drawn = link(identifier, address)
    assert (f'href="{expected}"' in drawn) if expected else "<a" not in drawn


def test_the_notes_of_a_call_hold_its_data() -> None:
    made = Made(
        Answer("labels", {"labels": [], "star": "x"}, call="c7", arguments={"only": ["teff"]}), 1.25, "c7 labels"
    )
    drawn = prose.calls_html((made,), "", over=True)
    assert "1 call: labels" in drawn and "1.2 s" in drawn
    assert "labels(only=[&quot;teff&quot;])" in drawn and "&quot;star&quot;: &quot;x&quot;" in drawn
    assert prose.calls_html((), "labels", over=False).count("labels") == 1


def test_a_light_curve_is_drawn() -> None:
    import numpy as np

    from specviz.views.chat.charts import plots_of

    clean = SimpleNamespace(time=np.arange(9000.0), flux=np.ones(9000), span=30.0)
    shown = SimpleNamespace(measured=SimpleNamespace(curve=clean))
    answer = Answer("light_curve", {}, {"star": SimpleNamespace(name="s"), "curve": shown}, call="c1")
    (plot,) = plots_of(Made(answer, 0.0))
    assert plot.chart.data("Light curve")["x"].size == 3000 and "30.0 days" in plot.sentence


def test_data_of_a_call_is_json() -> None:
    json.dumps(_exchange({"a": float("nan")}).made[0].answer.to_json())
    assert card_html(Made(Answer("help", {}, call="c1"), 0.0)) == ""


def test_a_card_is_in_the_language_of_the_question() -> None:
    rows = [{"label": "age", "unit": "Gyr", "value": 4.6, "plus": 1.0, "minus": 1.0, "outside_training": True,
             "from": "light curve"}]  # fmt: skip
    answer = Answer("labels", {"star": "sky", "labels": rows}, call="c1")
    told = {language: card_html(Made(answer, 0.0, "c1", {}, language)) for language in ("en", "zh")}
    for words in ("Parameters", "Age", "Value", "light curve", "outside the training range"):
        assert words in told["en"] and words not in told["zh"]
    for words in ("参数", "年龄", "值", "光变曲线", "超出训练范围", "4.6"):
        assert words in told["zh"]
    odd = {"star": "demo 1", "checks": [{"name": "x", "passed": False, "text": "Red arm missing"}], "percentile": 99.5}
    assert "缺少红臂" in card_html(Made(Answer("oddness", odd, call="c2"), 0.0, "", {}, "zh"))
    listed = Answer("other", {"rows": [{"star": "sky", "kind": "sky"}]}, call="c3")  # a name is no word of ours
    assert "<td>sky</td><td>天光</td>" in card_html(Made(listed, 0.0, "", {}, "zh"))
    nasty = {"star": "x", "labels": [{**rows[0], "from": NASTY}]}
    assert NASTY not in card_html(Made(Answer("labels", nasty, call="c4"), 0.0, "", {}, "zh"))
