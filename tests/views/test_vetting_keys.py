"""The keys of vetting come from the vocabulary; what they do is a change of the session, or a word about why not."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from specviz.errors import SpecvizError
from specviz.session.vetting.values import Label
from specviz.session.vetting.vocabulary import DEFAULT, RESERVED, Choice, Vocabulary
from specviz.views.help_page import help_html
from specviz.views.hint_bar import hints_html
from specviz.views.vetting_keys import VettingKeys, cap_of, said, vetting_keys


class _Session:
    """Keeps what it is asked for."""

    def __init__(self, problem: str = "") -> None:
        self.asked: list[Any] = []
        self.problem = problem
        self.vet = self  # of which only ``problem`` is looked at

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **options: Any) -> Any:
            if name == "finish":
                raise SpecvizError("demo 3 is still on its way; nothing was written")
            self.asked.append((name, *arguments, options))
            return False

        return ask


def _actor(session: Any) -> tuple[VettingKeys, list[str], list[str], list[int]]:
    said_: list[str] = []
    refused: list[str] = []
    steps: list[int] = []
    return (
        VettingKeys(session, lambda: None, lambda: None, said_.append, refused.append, steps.append),
        said_,
        refused,
        steps,
    )


def test_every_key_of_the_table_has_its_method() -> None:
    table = vetting_keys(DEFAULT)
    actor, *_ = _actor(_Session())
    for key in table.keys:
        assert not key.does or callable(getattr(actor, key.does)), key
        assert key.code or not key.does or key.key in {"Escape"}, key
    free = {
        k.key
        for k in table.keys
        if len(k.key) == 1
        and k.key not in {c.key for g in ("qualities", "classes", "flags") for c in getattr(DEFAULT, g)}
    }
    assert free <= RESERVED, free - RESERVED  # no vocabulary can take them away


@pytest.mark.parametrize(
    ("key", "shift", "asked"),
    [
        ("3", False, ("label", {"quality": 3})),
        ("e", False, ("label", {"klass": "emission"})),
        ("8", False, ("flag", "nebula", {})),
        ("Backspace", False, ("clear", {})),
        ("u", False, ("undo_label", {})),
        ("u", True, ("redo_label", {})),
        ("ArrowLeft", False, ("back", {})),
        ("ArrowRight", False, ("forward", {})),
    ],
)
def test_keys_do_what_a_line_of_python_does(key: str, shift: bool, asked: tuple[Any, ...]) -> None:
    session = _Session()
    actor, *_ = _actor(session)
    assert vetting_keys(DEFAULT).press(actor, key, shift)
    assert session.asked == [asked]


def test_what_cannot_be_done_is_said() -> None:
    session = _Session()
    actor, words, refused, steps = _actor(session)
    table = vetting_keys(DEFAULT)
    table.press(actor, "Enter")
    assert refused == ["demo 3 is still on its way; nothing was written."] and not session.asked
    table.press(actor, "u")
    assert words == ["Nothing to undo"]
    table.press(actor, "[")
    table.press(actor, "]")
    assert steps == [-1, 1]


def test_a_vocabulary_of_twenty_classes() -> None:
    letters = [c for c in "abdefghikopqrstvwxy0" if c not in RESERVED]
    classes = tuple(Choice(k, f"class {k} <b>", f"Class <{k}>") for k in letters)
    words = Vocabulary(qualities=(), classes=classes, flags=())
    table = vetting_keys(words)
    session = _Session()
    actor, *_ = _actor(session)
    assert len(classes) == 20 and table.press(actor, "y") and session.asked == [("label", {"klass": "class y <b>"})]
    assert "<b>" not in hints_html(table).replace("<b>", "", 0) and "Class &lt;y&gt;" in help_html(table)
    assert not any(k.hint in ("quality", "flags") for k in table.keys)


def test_the_hint_bar_shows_a_group_as_one_key() -> None:
    hints = hints_html(vetting_keys(DEFAULT))
    assert "<kbd>0–4</kbd> quality" in hints and "<kbd>S B E …</kbd> class" in hints and "<kbd>5–8</kbd> flags" in hints
    assert cap_of((Choice("1", "1"), Choice("3", "3"), Choice("4", "4"))) == "1 3 4"


def test_a_label_in_words() -> None:
    label = Label(quality=3, klass="emission", flags=("nebula", "of another vocabulary"), comment="narrow")
    assert said(label, DEFAULT) == "3 Good, Emission, Nebula, of another vocabulary, a comment"
    assert said(Label(), DEFAULT) == "nothing"


@pytest.mark.parametrize("key", [k for k in vetting_keys(DEFAULT).keys if k.code], ids=lambda k: k.sign)
def test_the_line_of_a_key_names_what_the_widget_has(key: Any) -> None:
    from specviz.app.vetting import Vetting
    from specviz.session.vetting.session import VetSession
    from specviz.session.view_options import ViewOptions

    call = ast.parse(key.code, mode="eval").body
    assert isinstance(call, ast.Call)
    names = ast.unparse(call.func).split(".")
    assert names[0] == "vetting" and hasattr(VetSession if names[1] == "session" else Vetting, names[-1])
    if names[-1] == "set":
        ViewOptions().with_(**{k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg})


def test_the_documentation_has_every_key() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/keys.md").read_text("utf-8").split("# Vetting", 1)[1]
    for key in vetting_keys(DEFAULT).keys:
        assert f"| {key.sign} | {key.words} |" in text, key
