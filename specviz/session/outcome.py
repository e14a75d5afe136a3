"""From how a job ended to the words and actions that a person is offered. Pure functions."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

from specviz.archives.protocol import Outcome
from specviz.errors import ArchiveError, CancelledError, NotFoundError, OfflineError, SpecvizError
from specviz.session.state import Notice
from specviz.spectra.star import Star

#: Names of the services, as they are said.
SERVICES = {
    "lamost": "LAMOST",
    "gaia": "Gaia",
    "gaia_aip": "Gaia (AIP)",
    "simbad": "SIMBAD",
    "vizier": "VizieR",
    "xmatch": "CDS XMatch",
    "mast": "MAST",
    "arxiv": "arXiv",
    "ads": "ADS",
}
STOPPED = Notice("info", "Stopped", "Nothing on screen has changed", actions=("retry",))
_UNCHANGED = "What was on screen is unchanged."


def service_name(key: str) -> str:
    """A service as a person calls it."""
    return SERVICES.get(key, key)


def times(tries: int) -> str:
    """ "once", "twice", "3 times" """
    return {1: "once", 2: "twice"}.get(tries, f"{tries} times")


def services(star: Star | None) -> Mapping[str, Outcome]:
    """How asking each service went, for a star that archives were asked for."""
    found = {} if star is None else star.meta.get("services")
    return {k: v for k, v in found.items() if isinstance(v, Outcome)} if isinstance(found, Mapping) else {}


def unanswered(star: Star | None) -> dict[str, Outcome]:
    """The services that did not answer for this star."""
    return {k: o for k, o in services(star).items() if o.status in ("failed", "offline")}


def all_offline(star: Star | None) -> bool:
    """Whether no service could be asked at all."""
    asked = [o.status for o in services(star).values()]
    return "offline" in asked and not {"found", "none", "failed"} & set(asked)


def offline_notice(kept: int | None) -> Notice:
    """What still works without a network."""
    if kept is None:
        before = "stars fetched before"
    elif kept == 1:
        before = "the one star fetched before"
    else:
        before = f"the {kept:,} stars fetched before".replace(",", "\u202f") if kept else "your own files"
    return Notice("warning", "Offline", f"The demo sky and {before} can be opened", actions=("online",))


def notice_of(title: str, error: BaseException) -> Notice:
    """What to say of a job that failed."""
    if isinstance(error, CancelledError):
        return STOPPED
    if isinstance(error, OfflineError):
        return Notice("warning", "Offline", f"{_sentence(error.what)} {error.remedy}".strip(), actions=("online",))
    if isinstance(error, ArchiveError):
        asked = f"Asked {times(error.tries)}. " if error.tries > 1 else ""
        # The remedies of errors are whole sentences; what to press is on the buttons.
        text = f"{asked}{_UNCHANGED} {_sentence(error.remedy)}".strip()
        return Notice("error", error.what.rstrip("."), text, _facts(error), actions=("retry", "file"))
    if isinstance(error, NotFoundError):
        return Notice("error", f"{title} did not work", str(error))
    if isinstance(error, SpecvizError):
        return Notice("error", f"{title} did not work", str(error))
    text = f"{type(error).__name__}: {error}. This is a fault of specviz; the rest goes on working."
    return Notice("error", f"{title} did not work", text, "".join(traceback.format_exception(error)))


def no_spectrum(star: Star, problem: str) -> Notice:
    """What to say where the model had nothing to work with: a service that did not answer, or the spectrum itself."""
    missing = unanswered(star)
    if star.spectra or not missing:
        return Notice("warning", "No result for this spectrum", problem)
    names = " and ".join(service_name(k) for k in missing)
    told = " ".join(_sentence(o.text) for o in missing.values() if o.text)
    facts = "\n".join(f"{service_name(k)}: {o.status}, asked {times(o.tries)}. {o.text}" for k, o in missing.items())
    return Notice("error", f"No spectrum: {names} did not answer", told, facts, actions=("retry", "file"))


def _facts(error: ArchiveError) -> str:
    """Plain facts for Details; no traceback: there is no fault of ours in it."""
    lines = [
        f"Service: {service_name(error.service)}" if error.service else "",
        f"Asked: {times(error.tries)}",
        f"Answer: HTTP {error.status}" if error.status is not None else "",
        f"Kind: {type(error).__name__}",
        f"Expected: {error.expected}" if error.expected else "",
    ]
    cause = error.__cause__
    lines.append(f"Cause: {type(cause).__name__}: {cause}"[:400] if cause is not None else "")
    return "\n".join(line for line in lines if line)


def _sentence(text: str) -> str:
    return text.rstrip(". ") + "." if text.strip() else ""
