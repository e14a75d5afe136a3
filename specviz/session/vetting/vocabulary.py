"""``Vocabulary``: the words that a reviewer may choose from, their keys, and what each means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from specviz.errors import OptionError, did_you_mean

#: Keys that a vetting view uses itself.
RESERVED = frozenset("cjlmnuz?/[]")


@dataclass(frozen=True)
class Choice:
    """One word of a vocabulary.

    Parameters
    ----------
    key : str
        What is pressed for it, in lower case.
    name : str
        How it is written in the journal and in every table: ``"emission"``. For a quality, its number: ``"3"``.
    words : str
        How it is written on the button: "Emission".
    guidance : str
        One line that says when to choose it.
    """

    key: str
    name: str
    words: str = ""
    guidance: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """Qualities (one, in order from the worst), classes (one) and issue flags (several).

    Parameters
    ----------
    qualities, classes, flags : tuple of Choice
    guidelines : str
        Plain text with empty lines between paragraphs, shown in the view on request.
    unsure : str
        Name of the class that means "not decided", "" if there is none.

    Raises
    ------
    OptionError
        Two choices share a key or a name, or a key is one that the view uses itself.
    """

    qualities: tuple[Choice, ...]
    classes: tuple[Choice, ...]
    flags: tuple[Choice, ...]
    guidelines: str = ""
    unsure: str = ""

    def __post_init__(self) -> None:
        every = (*self.qualities, *self.classes, *self.flags)
        keys = [c.key for c in every]
        for key in keys:
            if len(key) != 1 or key != key.lower() or key in RESERVED or not key.isprintable() or key.isspace():
                raise OptionError(
                    f"{key!r} is no key for a choice",
                    expected=f"one letter in lower case or a digit, none of {' '.join(sorted(RESERVED))}",
                )
            if keys.count(key) > 1:
                raise OptionError(f"The key {key!r} stands for two choices", expected="a key of its own for each")
        for group in (self.qualities, self.classes, self.flags):
            names = [c.name for c in group]
            twice = next((n for n in names if names.count(n) > 1 or not n.strip()), None)
            if twice is not None:
                raise OptionError(f"The name {twice!r} is in the vocabulary twice or empty", expected="a name for each")
        if any(not c.name.isdecimal() for c in self.qualities):
            raise OptionError("A quality is not a number", expected="names such as '0', '1', ... '4'")
        if self.unsure and self.unsure not in {c.name for c in self.classes}:
            raise OptionError(f"The class {self.unsure!r}, which means not decided, is not among the classes")

    def find(self, group: str, name: str) -> Choice:
        """The choice of ``group`` ("qualities", "classes" or "flags") called ``name``.

        Raises
        ------
        OptionError
            If there is none.
        """
        choices: tuple[Choice, ...] = getattr(self, group)
        for choice in choices:
            if choice.name == name:
                return choice
        one = {"qualities": "quality", "classes": "class", "flags": "flag"}[group]
        known = [c.name for c in choices]
        raise OptionError(f"There is no {one} {name!r}", expected=", ".join(known), remedy=did_you_mean(name, known))

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any word of it; every event of a journal carries them."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; :meth:`of` reads it again."""
        return asdict(self)

    @classmethod
    def of(cls, source: Vocabulary | Mapping[str, Any] | str | Path | None) -> Vocabulary:
        """From a mapping, a JSON file, or None for :data:`DEFAULT`. Groups that are left out are the default ones.

        A choice is a mapping with the fields of :class:`Choice`.

        Raises
        ------
        OptionError
            With what is wrong; nothing is guessed.
        """
        if source is None:
            return DEFAULT
        if isinstance(source, Vocabulary):
            return source
        if isinstance(source, (str, Path)):
            try:
                source = json.loads(Path(source).read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise OptionError(
                    f"The vocabulary {source} cannot be read: {error}",
                    expected='a JSON file such as {"flags": [{"key": "5", "name": "sky_line", "words": "Sky line"}]}',
                ) from error
        if not isinstance(source, Mapping):
            raise OptionError("A vocabulary is a mapping", expected="qualities, classes, flags, guidelines, unsure")
        known = {"qualities", "classes", "flags", "guidelines", "unsure"}
        strange = sorted(set(source) - known)
        if strange:
            raise OptionError(f"A vocabulary has no {strange[0]!r}", expected=", ".join(sorted(known)))
        changes: dict[str, Any] = {k: str(source[k]) for k in ("guidelines", "unsure") if k in source}
        for group in ("qualities", "classes", "flags"):
            if group in source:
                try:
                    changes[group] = tuple(c if isinstance(c, Choice) else Choice(**c) for c in source[group])
                except TypeError as error:
                    raise OptionError(
                        f"A choice among the {group} cannot be read: {error}", expected="key, name, words, guidance"
                    ) from error
        if (
            "classes" in changes
            and "unsure" not in changes
            and DEFAULT.unsure not in {c.name for c in changes["classes"]}
        ):
            changes["unsure"] = ""
        return replace(DEFAULT, **changes)


#: Words of VISUAL.md section 8. Qualities as in Marz and prospect: 4 is the best.
DEFAULT = Vocabulary(
    qualities=(
        Choice("0", "0", "No signal", "Nothing of the star can be seen."),
        Choice("1", "1", "Poor", "A line or two, the type is a guess."),
        Choice("2", "2", "Fair", "The type is clear, lines are noisy or spoiled."),
        Choice("3", "3", "Good", "Lines clear, small defects."),
        Choice("4", "4", "Excellent", "Nothing to complain of."),
    ),
    classes=(
        Choice("s", "star", "Normal star", "A single star that the model describes."),
        Choice("b", "binary", "Binary, SB2", "Lines double, or light of two stars."),
        Choice("e", "emission", "Emission", "Lines in emission, from the star or around it."),
        Choice("h", "hot", "Hot or sdB", "Helium lines, few metals: O, B, subdwarfs."),
        Choice("w", "white_dwarf", "White dwarf", "Very broad hydrogen or helium lines, or none."),
        Choice("g", "galaxy", "Galaxy, QSO", "Redshifted lines, many stars' light."),
        Choice("a", "artefact", "Artefact", "Instrument or reduction, not the sky."),
        Choice("x", "unsure", "Not sure", "Kept aside; come back with fresh eyes."),
    ),
    flags=(
        Choice("5", "sky_line", "Sky line", "Residual of a night-sky or telluric line."),
        Choice("6", "arm_join", "Arm join", "A step where the blue and red arms meet, near 5850 Å."),
        Choice("7", "bad_rv", "Bad RV", "Lines do not stand where the velocity puts them."),
        Choice("8", "nebula", "Nebula", "Narrow lines of gas in front of or behind the star."),
    ),
    guidelines=(
        "Look at the spectrum before the model's opinion: it is hidden until you have saved yours.\n\n"
        "Quality is that of the data, not how interesting the star is: 4 for a clean galaxy, 1 for a noisy Sun.\n\n"
        "One class, the one that explains most of what is odd. Flags are for everything else that you see.\n\n"
        "Not sure is an answer: the star is kept aside, and nobody counts it as one or the other."
    ),
    unsure="unsure",
)
