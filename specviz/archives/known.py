"""The stars fetched before: their names for the search box, and what can be opened without a network."""

from __future__ import annotations

import json
import threading
import time

from specviz.archives.cache import Cache, Key
from specviz.archives.protocol import Candidate
from specviz.spectra.star import Star

_SERVICE = "sky"
_REFRESH = 60.0  # seconds; another kernel may have fetched something meanwhile


def note(store: Cache, asked: str, star: Star) -> None:
    """Remember that ``asked`` led to ``star``."""
    row = {
        "asked": asked,
        "name": star.name,
        "summary": ", ".join(_words(star)),
        "ra": star.ra,
        "dec": star.dec,
    }
    data = json.dumps(row).encode()
    if store.get(_key(asked)) == data:  # known already: going through a list again writes nothing
        return
    store.put(_key(asked), data)
    with _lock:
        _lists.pop(str(store.folder), None)


def known(store: Cache) -> list[Candidate]:
    """Every star fetched before, the latest first; read from disk at most once a minute."""
    folder = str(store.folder)
    with _lock:
        kept = _lists.get(folder)
    if kept is not None and time.monotonic() - kept[0] < _REFRESH:
        return kept[1]
    found = []
    for entry in store.entries(_SERVICE):
        raw = store.peek(entry.key)
        try:
            row = json.loads(raw or b"")
            found.append(Candidate(str(row["asked"]), "kept", str(row["summary"]), row["ra"], row["dec"]))
        except (ValueError, KeyError, TypeError):  # written by another version
            store.forget(entry.key)
    with _lock:
        _lists[folder] = (time.monotonic(), found)
    return found


def _key(asked: str) -> Key:
    return Key(_SERVICE, "", f"star:{' '.join(asked.lower().split())}")


def _words(star: Star) -> list[str]:
    """Class and spectra, as the list of suggestions shows them."""
    spectrum = star.spectra.get("lamost_lrs")
    kind = str((spectrum.meta.get("subclass") if spectrum is not None else "") or star.meta.get("sp_type") or "")
    surveys = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP", "sdss": "SDSS"}
    what = [surveys.get(survey, survey) for survey in star.spectra]
    return [word for word in (kind, " and ".join(what)) if word]


_lists: dict[str, tuple[float, list[Candidate]]] = {}
_lock = threading.Lock()
