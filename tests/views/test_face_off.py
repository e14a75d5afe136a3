"""The face-off panel and the menu of models: what is drawn and what is said, without a browser."""

from __future__ import annotations

import re
import threading
from typing import Any

from specviz.analysis.engine import Engine
from specviz.analysis.face_off import face_off
from specviz.archives.demo import DemoArchive
from specviz.session.state import ModelChoice
from specviz.views.controls import is_shown
from specviz.views.face_off import face_off_html
from specviz.views.model_menu import model_menu


def _made(fake: Any, star: Any = None) -> Any:
    engines = {
        "fake": Engine(fake(), samples=300),
        "second": Engine(fake("e" * 64), samples=300, seed=3),
        "absent <i>": "specviz models pull absent brings it (4.5 GB)",
    }
    return face_off(star or DemoArchive().star(0), engines)


def test_a_plot_a_label_a_row_a_value(fake_model_class: Any) -> None:
    made = _made(fake_model_class)
    shown = face_off_html(made)
    assert shown.count('<section class="sv-face">') == 4
    teff = shown.split("</section>")[0]
    assert teff.count("<li") == 2 * len(made.of("teff")) == 10
    assert all(f"var(--sv-{role})" in teff for role in ("reconstructed", "predicted", "catalogue", "frame"))
    assert "5779" in teff and "Simulation" in teff and "fake XP" in teff
    assert "not independent" in shown
    assert re.search(r'role="img" aria-label="Teff in K: fake LAMOST \d+, ', teff)


def test_the_training_range_is_shaded_and_left_ones_are_told(fake_model_class: Any) -> None:
    from dataclasses import replace

    made = _made(fake_model_class)
    values = tuple(replace(v, prior=(0.0, 10.0)) if v.label == "teff" and v.kind == "model" else v for v in made.values)
    shown = face_off_html(replace(made, values=values))
    assert 'fill="var(--sv-telluric)"' in shown and shown.count("Outside the training range") == 4


def test_models_that_are_not_here_say_what_to_do_and_names_are_text(fake_model_class: Any) -> None:
    evil = DemoArchive().star(0)
    evil = evil.with_(catalogue={"teff": 5000.0, "source": "<img src=x onerror=alert(1)>"})
    shown = face_off_html(_made(fake_model_class, evil), running=("<b>third</b>",), problem="<s>")
    assert "<img" not in shown and "absent &lt;i&gt;" in shown and "<b>third" not in shown and "<s>" not in shown
    assert "<code>specviz models pull absent</code>" in shown
    assert 'data-sv-act="face-off-stop"' in shown


def test_nothing_yet_is_words(fake_model_class: Any) -> None:
    assert "Asking fake" in face_off_html(None, running=("fake",)) and "<svg" not in face_off_html(None, ("fake",))
    assert face_off_html(None) == ""


def test_the_panel_opens_follows_the_star_and_closes(make_view: Any) -> None:
    view = make_view("demo 1")
    panel = view.face_off
    assert not is_shown(panel.frame.root) and panel.body.object == ""
    done = threading.Event()
    view.session.subscribe(lambda _o, new: done.set() if new.faced and not new.faced.running else None)
    view.act("face-off")
    assert done.wait(60) and is_shown(panel.frame.root)
    assert "fake LAMOST" in panel.body.object and "demo 1" in panel.frame._fact.object
    view.key("Escape")
    assert not view.session.state.view.face_off and not is_shown(panel.frame.root) and panel.body.object == ""


def test_the_menu_marks_the_model_in_use_and_disables_what_is_not_here() -> None:
    choices = [ModelChoice("specclip-small", "small"), ModelChoice("a<b>", "x", "specviz models pull a")]
    shown = model_menu(choices, "specclip-small", comparing=True)
    assert 'data-sv-act="model specclip-small" aria-pressed="true"' in shown
    assert re.search(
        r'<button class="sv-item" disabled title="Not on this machine: specviz models pull a">a&lt;b&gt;', shown
    )
    assert 'data-sv-toggle="face_off" aria-pressed="true"' in shown and "<b>" not in shown


def test_the_menu_opens_the_panels_of_the_systems_where_there_are_any() -> None:
    shown = model_menu([ModelChoice("specclip-small")], "specclip-small", study="phdlspec")
    assert 'data-sv-act="study phdlspec" aria-pressed="true"' in shown
    assert shown.count('data-sv-act="study ') == 4 and shown.count('aria-pressed="true"') == 2
    assert "study" not in model_menu([ModelChoice("specclip-small")], "specclip-small")
