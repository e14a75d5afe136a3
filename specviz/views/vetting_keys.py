"""Keys of the vetting screen: a table made of the vocabulary, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.errors import SpecvizError
from specviz.session.state import Choice, Label, Vet, Vocabulary
from specviz.views.explorer_keys import ExplorerKeys
from specviz.views.keys import SPECTRA, VIEW, Key, KeyTable

QUALITY, CLASS, FLAGS, STAR, QUEUE = "Quality", "Class, one", "Flags, several", "This star", "Queue"
#: Keys that may be held down; another one that repeats would label stars that nobody has looked at.
HELD = frozenset({"ArrowLeft", "ArrowRight", "[", "]"})


def vetting_keys(vocabulary: Vocabulary) -> KeyTable:
    """All keys of the screen: those of the vocabulary, and those that are the same for every list (VISUAL.md 8)."""
    groups = (
        (vocabulary.qualities, QUALITY, "quality", "quality"),
        (vocabulary.classes, CLASS, "klass", "class"),
        (vocabulary.flags, FLAGS, "flag", "flags"),
    )
    keys = [
        Key(
            choice.key,
            does,
            _meaning(choice),
            hint if i == 0 else "",
            group,
            about=choice.name,
            cap=cap_of(choices) if i == 0 else "",
            code=_code(does, choice.name),
        )
        for choices, group, does, hint in groups
        for i, choice in enumerate(choices)
    ]
    return KeyTable([
        *keys,
        Key("Enter", "finish", "Save and go to the next star without a label", "save, next", STAR, code="vetting.finish()"),
        Key("c", "", "Write a comment; Enter or Esc keeps it", "comment", STAR, code="vetting.comment('narrow lines')"),
        Key("Backspace", "clear", "Take back all that you say of this star", "", STAR, code="vetting.clear()"),
        Key("Delete", "clear", "The same", "", STAR, code="vetting.clear()"),
        Key("u", "undo", "Undo the last label, whichever star it was of", "undo", STAR, shift=False, code="vetting.undo_label()"),
        Key("u", "redo", "Redo it", "", STAR, shift=True, code="vetting.redo_label()"),
        Key("ArrowLeft", "back", "Back, without saying anything", "back", QUEUE, code="vetting.back()"),
        Key("ArrowRight", "forward", "Forward, without saying anything", "", QUEUE, code="vetting.forward()"),
        Key("j", "", "Jump to a row", "jump to row", QUEUE, code="vetting.jump(12)", field="jump"),
        Key("/", "", "Find rows", "", QUEUE, code="vetting.set_filter('J0402')"),
        Key("m", "toggle_model", "Model on, off", "model on, off", SPECTRA, code="vetting.set(hidden=['model'])"),
        Key("z", "reset_zoom", "Reset the zoom", "reset zoom", SPECTRA, code="vetting.set(zoom=None)"),
        Key("n", "toggle_flux", "Flux, or flux over the continuum", "", SPECTRA, code="vetting.set(flux='normalised')"),
        Key("l", "toggle_lines", "Line marks on, off", "", SPECTRA, code="vetting.set(lines=())"),
        Key("[", "previous_window", "Look at the previous line window", "", SPECTRA, code="vetting.set_window(2)"),
        Key("]", "next_window", "Look at the next line window", "", SPECTRA, code="vetting.set_window(3)"),
        Key("Escape", "escape", "Stop what runs; leave the line window", "", VIEW, code="vetting.session.cancel()", where="always"),
        Key("?", "", "All keys", "", VIEW),
    ])  # fmt: skip


def _meaning(choice: Choice) -> str:
    return choice.words or choice.name


def _code(does: str, name: str) -> str:
    if does == "flag":
        return f"vetting.flag({name!r})"
    return f"vetting.label({does}={int(name) if does == 'quality' else repr(name)})"


def cap_of(choices: tuple[Choice, ...]) -> str:
    """The keys of a group in a key cap's room: "0–4" where they are digits in a row, else the first three."""
    keys = [c.key for c in choices]
    if len(keys) > 2 and all(k.isdecimal() for k in keys) and all(int(b) == int(a) + 1 for a, b in zip(keys, keys[1:])):  # noqa: B905, RUF007
        return f"{keys[0]}–{keys[-1]}"
    signs = [k.upper() for k in keys]
    return " ".join(signs[:3]) + (" …" if len(signs) > 3 else "")


def said(label: Label, vocabulary: Vocabulary) -> str:
    """A label in words: "3 Good, Emission, Nebula, with a comment"; "nothing" for an empty one."""
    parts = []
    if label.quality is not None:
        parts.append(f"{label.quality} {_words(vocabulary.qualities, str(label.quality))}".strip())
    if label.klass:
        parts.append(_words(vocabulary.classes, label.klass) or label.klass)
    parts += [_words(vocabulary.flags, f) or f for f in label.flags]
    if label.comment:
        parts.append("a comment")
    return ", ".join(parts) or "nothing"


def _words(choices: tuple[Choice, ...], name: str) -> str:
    """How a name is written; a name of another vocabulary stays as it is."""
    return next((c.words for c in choices if c.name == name), "")


class VettingKeys(ExplorerKeys):
    """The functions that :func:`vetting_keys` names; the buttons of the screen call the same.

    Parameters
    ----------
    session : VetSession
    escape, reset, say : callable
        As of :class:`~specviz.views.explorer_keys.ExplorerKeys`.
    refuse : callable(text)
        Told why something was not written.
    step : callable(by)
        Looks at the next line window (1) or the one before (-1).
    """

    def __init__(
        self,
        session: Any,
        escape: Callable[[], Any],
        reset: Callable[[], Any],
        say: Callable[[str], Any],
        refuse: Callable[[str], Any],
        step: Callable[[int], Any],
    ) -> None:
        super().__init__(session, escape, reset, say)
        self._refuse, self._step = refuse, step

    @property
    def _vet(self) -> Vet:
        vet: Vet = self._session.vet
        return vet

    def attempt(self, act: Callable[[], Any]) -> Any:
        """Do something; why it cannot be done is said, and nothing is written then."""
        try:
            return act()
        except SpecvizError as error:
            self._refuse(str(error))
            return None

    def quality(self, name: str) -> None:
        self.attempt(lambda: self._session.label(quality=int(name)))

    def klass(self, name: str) -> None:
        self.attempt(lambda: self._session.label(klass=name))

    def flag(self, name: str) -> None:
        self.attempt(lambda: self._session.flag(name))

    def finish(self) -> None:
        self.attempt(self._session.finish)

    def clear(self) -> None:
        self.attempt(self._session.clear)

    def undo(self) -> None:
        if self.attempt(self._session.undo_label) is False and not self._vet.problem:
            self._say("Nothing to undo")

    def redo(self) -> None:
        if self.attempt(self._session.redo_label) is False and not self._vet.problem:
            self._say("Nothing to redo")

    def back(self) -> None:
        self.attempt(self._session.back)

    def forward(self) -> None:
        self.attempt(self._session.forward)

    def jump(self, row: str) -> None:
        """Show a row of the list, counted from 1, as it was typed."""
        self.attempt(lambda: self._session.jump(int(row) if row.isdecimal() else 0))

    def next_window(self) -> None:
        self._step(1)

    def previous_window(self) -> None:
        self._step(-1)
