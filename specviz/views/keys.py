"""Keys, in one table a view: it makes the handlers, the hint bar, the ``?`` page and the pages of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

#: Keys of the browser whose name is no sign on the key.
SIGNS = {
    "ArrowLeft": "←",
    "ArrowRight": "→",
    "ArrowUp": "↑",
    "ArrowDown": "↓",
    "Escape": "Esc",
    "Enter": "Enter",
}
#: Words for what the sign alone would not tell a screen reader.
SPOKEN = {"←": "left arrow", "→": "right arrow", "↑": "up arrow", "↓": "down arrow", ",": "comma", ".": "full stop"}


@dataclass(frozen=True)
class Key:
    """One thing that a key does.

    Parameters
    ----------
    key : str
        The browser's name; a letter in lower case: ``"ArrowLeft"``, ``"z"``, ``"+"``.
    does : str
        Name of the function that is called (a method of the object given to :meth:`KeyTable.press`); "" for a key that
        the browser answers alone: the field with that ``aria-keyshortcuts`` gets the focus, the button is pressed.
    words : str
        What it does, for the ``?`` page and the documentation.
    hint : str
        The same in a word or two, for the hint bar; "" keeps it out of there.
    group : str
        Heading on the ``?`` page.
    shift : bool or None
        Only with, only without Shift; None: either (signs such as "?" need Shift on some keyboards and not on others).
    code : str
        The line of Python that does the same.
    where : {"always", "star"}
        "star": only when the full view is there, not on the first screen.
    field : str
        The hint bar has a small field for this key; Enter sends it as an act: this word, and what was typed.
    about : str
        What the function is given, "" for nothing: several keys may share a function.
    cap : str
        What the hint bar shows in place of the key, where one entry stands there for several: "0–4".
    """

    key: str
    does: str
    words: str
    hint: str = ""
    group: str = ""
    shift: bool | None = None
    code: str = ""
    where: Literal["always", "star"] = "star"
    field: str = ""
    about: str = ""
    cap: str = ""

    @property
    def sign(self) -> str:
        """What is printed on the key."""
        sign = SIGNS.get(self.key, self.key.upper() if len(self.key) == 1 else self.key)
        return f"Shift+{sign}" if self.shift else sign

    @property
    def spoken(self) -> str:
        """The same for a screen reader."""
        return SPOKEN.get(self.sign, self.sign)


class KeyTable:
    """All keys of a view, in the order in which they are told of.

    Raises
    ------
    ValueError
        Two entries want the same key.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = tuple(keys)
        seen: set[tuple[str, bool]] = set()
        for key in self.keys:
            for shift in (False, True) if key.shift is None else (key.shift,):
                if (key.key, shift) in seen:
                    raise ValueError(f"the key {key.sign!r} is in the table twice")
                seen.add((key.key, shift))

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """Keys that the door has to send; the others stay in the browser."""
        return tuple(dict.fromkeys(k.key for k in self.keys if k.does))

    @property
    def hints(self) -> tuple[Key, ...]:
        return tuple(k for k in self.keys if k.hint)

    def groups(self) -> dict[str, list[Key]]:
        """Heading -> its keys."""
        found: dict[str, list[Key]] = {}
        for key in self.keys:
            found.setdefault(key.group, []).append(key)
        return found

    def find(self, key: str, shift: bool = False) -> Key | None:
        """The entry of a key that was pressed."""
        for entry in self.keys:
            if entry.key == key and entry.does and entry.shift in (None, shift):
                return entry
        return None

    def press(self, actor: Any, key: str, shift: bool = False, *, full: bool = True) -> bool:
        """Let ``actor`` do what a key means; tells whether it meant anything.

        ``full``: whether the whole view is there; on the first screen only some keys mean anything.
        """
        entry = self.find(key, shift)
        if entry is None or (entry.where == "star" and not full):
            return False
        function: Callable[..., Any] = getattr(actor, entry.does)
        function(*([entry.about] if entry.about else []))
        return True


STARS, SPECTRA, VIEW = "Stars", "Spectra", "This view"

#: The keys of the Explorer (VISUAL.md section 8).
EXPLORER = KeyTable([
    Key("/", "", "Search: a name, an id, coordinates, or a file", "search", STARS, code="explorer.show('HD 140283')", where="always"),
    Key("ArrowLeft", "previous_star", "Previous star of the work list", "previous", STARS, code="explorer.session.previous()"),
    Key("ArrowRight", "next_star", "Next star of the work list", "next", STARS, code="explorer.session.next()"),
    Key("j", "", "Jump to a row of the work list", "jump to row", STARS, code="explorer.session.go(11)", field="jump"),
    Key("Enter", "open_selected", "Open the selected similar star", "", STARS, code="explorer.session.open_neighbour()"),
    Key("[", "previous_reason", "Zoom to the previous difference from the model", "", SPECTRA, code="explorer.set(zoom=(4637, 4837))"),
    Key("]", "next_reason", "Zoom to the next difference from the model", "next difference", SPECTRA, code="explorer.set(zoom=(4637, 4837))"),
    Key("z", "reset_zoom", "Reset the zoom of all spectra", "reset zoom", SPECTRA, code="explorer.set(zoom=None, xp_zoom=None)"),
    Key("m", "toggle_model", "Model on, off", "model", SPECTRA, code="explorer.set(hidden=['model'])"),
    Key("n", "toggle_flux", "Flux, or flux over the continuum", "normalised", SPECTRA, code="explorer.set(flux='normalised')"),
    Key("l", "toggle_lines", "Line marks on, off", "lines", SPECTRA, code="explorer.set(lines=())"),
    Key("r", "toggle_rest", "Rest frame of the star, or as observed", "", SPECTRA, code="explorer.set(frame='rest')"),
    Key("+", "smoother", "Smooth more", "", SPECTRA, code="explorer.set(smooth=2)"),
    Key("-", "less_smooth", "Smooth less", "", SPECTRA, code="explorer.set(smooth=0)"),
    Key(",", "rv_down", "Radial velocity 1 km/s lower", "", SPECTRA, code="explorer.set(rv=-17)"),
    Key(".", "rv_up", "Radial velocity 1 km/s higher", "", SPECTRA, code="explorer.set(rv=-15)"),
    Key("u", "undo", "Undo the last change of the view", "undo", VIEW, shift=False, code="explorer.undo()"),
    Key("u", "redo", "Redo it", "", VIEW, shift=True, code="explorer.redo()"),
    Key("Escape", "escape", "Close what lies over the page; stop what runs; clear the overlay", "", VIEW, code="explorer.session.cancel()", where="always"),
    Key("?", "", "All keys", "", VIEW),
])  # fmt: skip
