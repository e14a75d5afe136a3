"""The errors a person can cause, each with what was wrong, what was expected, and what to do.

Every exception that specviz raises on purpose derives from :class:`SpecvizError`. A view shows ``str(error)`` as it
stands, so the text is written for the person in front of the screen: no codes, no blame, no traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class SpecvizError(Exception):
    """Base of the family.

    Parameters
    ----------
    what : str
        What went wrong, in one sentence.
    expected : str, optional
        What would have been right.
    remedy : str, optional
        What the person can do now.
    """

    def __init__(self, what: str, *, expected: str = "", remedy: str = "") -> None:
        self.what, self.expected, self.remedy = what, expected, remedy
        super().__init__(what, expected, remedy)

    def __str__(self) -> str:
        parts = [_ended(self.what)]
        if self.expected:
            parts.append(f"Expected: {self.expected.rstrip('.')}.")
        if self.remedy:
            parts.append(_ended(self.remedy))
        return " ".join(parts)


def _ended(text: str) -> str:
    """A sentence with its end: "Did you mean 'teff'?" has one."""
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."


class ReadError(SpecvizError):
    """A file exists but is damaged, or claims a layout that it does not have."""


class UnknownLayoutError(ReadError):
    """No registered reader recognises the content."""


class NotASpectrumError(ReadError):
    """The file is sound but holds something else (a catalogue, an image, a light curve where a spectrum is needed)."""


class FileTooLargeError(ReadError):
    """The file, or what it unpacks to, is beyond the limit for one spectrum."""


class SpectrumError(SpecvizError):
    """Arrays that do not make a spectrum: wrong shapes, no finite pixel, a wavelength that does not increase."""


class CoverageError(SpectrumError):
    """The spectrum does not reach over the range that was asked for."""


class CheckpointError(SpecvizError):
    """Weights that do not fit the module, or a file that is not safe to open."""


class ModelError(SpecvizError):
    """A model was asked for something it cannot do."""


class UnknownModelError(ModelError):
    """No model of that name."""


class CatalogError(SpecvizError):
    """A catalogue that is damaged or was made by other weights."""


class JournalError(SpecvizError):
    """The file of a journal of labels cannot be opened, read or written; what it has acknowledged is still in it."""


class NotFoundError(SpecvizError):
    """A star, a file or a row that was named does not exist."""


class AmbiguousError(NotFoundError):
    """A text may mean several stars.

    Attributes
    ----------
    candidates : tuple of Candidate
        What it may mean, best first; each can be asked for in its stead.
    """

    def __init__(self, what: str, candidates: Sequence[Any], *, expected: str = "", remedy: str = "") -> None:
        super().__init__(what, expected=expected, remedy=remedy)
        self.candidates = tuple(candidates)


class ArchiveError(SpecvizError):
    """A service on the network did not give what it was asked for.

    Attributes
    ----------
    service : str
        Key of the service (``"lamost"``, ``"gaia"`` ...).
    tries : int
        How often it was asked.
    status : int or None
        The HTTP status of the last answer, if there was one.
    """

    def __init__(
        self,
        what: str,
        *,
        service: str = "",
        tries: int = 1,
        status: int | None = None,
        expected: str = "",
        remedy: str = "",
    ) -> None:
        # Most sentences begin with the service's name, and one of them is “the Gaia archive”.
        super().__init__("The " + what[4:] if what.startswith("the ") else what, expected=expected, remedy=remedy)
        self.service, self.tries, self.status = service, tries, status


class OfflineError(ArchiveError):
    """There is no network, or it was switched off: nothing was sent."""


class ServiceDownError(ArchiveError):
    """The service cannot be reached, drops the connection, or answers with a fault of its own (5xx)."""


class ServiceTimeoutError(ServiceDownError):
    """The service did not answer within the time it is given."""


class RateLimitedError(ArchiveError):
    """The service asks for fewer questions (429)."""


class LoginRequiredError(ArchiveError):
    """The service shows a login page, or refuses the token."""


class BadReplyError(ArchiveError):
    """The answer is not what was asked for: cut short, of another kind, or damaged."""


class QueryError(ArchiveError):
    """The service understood that it was asked, and refused the question (4xx, or an error in the answer)."""


class OptionError(SpecvizError, TypeError):
    """A function was called with a keyword it does not know, or with something of the wrong kind."""


class CancelledError(SpecvizError):
    """The person stopped the work."""


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The remedy for a word that does not exist: the one of ``known`` that is most like it, "" if none is.

    ``cutoff``: from 0 (anything) to 1 (the same), as :func:`difflib.get_close_matches` has it.
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"Did you mean {near[0]!r}?" if near else ""


def refuse_unknown(function: str, unknown: Iterable[str], known: Sequence[str]) -> None:
    """Refuse the first keyword that a function does not know.

    Raises
    ------
    OptionError
    """
    for name in unknown:
        raise OptionError(
            f"{function}() has no option {name!r}",
            expected="one of " + ", ".join(known),
            remedy=did_you_mean(name, known),
        )
