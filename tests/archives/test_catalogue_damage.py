"""Whatever bytes come back from SIMBAD, VizieR, XMatch and MAST: a result or one of our errors, never anything else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specviz.archives import mast, tap, vizier
from specviz.archives.simbad import Simbad
from specviz.archives.xmatch import cross_match
from specviz.errors import ArchiveError


def _match() -> Any:
    from astropy.table import Table

    return cross_match(Table({"ra": [235.762904], "dec": [-10.933499]}), max_age=-1.0)


CALLS: dict[str, Callable[[], Any]] = {
    "simbad": lambda: Simbad(max_age=-1.0).lookup(["Vega", "HD 140283", "nobody"]),
    "cone": lambda: Simbad(max_age=-1.0).cone(235.7629, -10.9335, 5.0),
    "tap": lambda: tap.query("simbad", "SELECT * FROM basic", maxrec=20, max_age=-1.0),
    "job": lambda: tap.query("simbad", "SELECT * FROM basic", maxrec=2001, max_age=-1.0),
    "vizier": lambda: vizier.rows(
        "V/164/stellar5", {"obsid": ("ObsID",), "teff": ("Teff",)}, needed=("obsid",), ra=235.7629, dec=-10.9335,
        max_age=-1.0,
    ),
    "xmatch": _match,
    "position": lambda: mast.position("M1"),
    "lookup": lambda: mast.lookup("KIC 10424789"),
    "light_curves": lambda: mast.light_curves("TIC 307210830"),
    "file": lambda: mast.fetch_light_curve(
        mast.Product("TESS", "TIC 307210830", 1, "2 min", "tess-s0001_lc.fits", "mast:TESS/product/tess-s0001_lc.fits")
    ),
}  # fmt: skip


def _damaged(body: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(body)
    how = rng.integers(5)
    if how == 0:
        del data[rng.integers(len(data) + 1) :]
    elif how == 1 and data:
        for _ in range(rng.integers(1, 20)):
            data[rng.integers(len(data))] = rng.integers(256)
    elif how == 2 and data:
        at = rng.integers(len(data))
        del data[at : at + rng.integers(1, 60)]
    elif how == 3:
        at = rng.integers(len(data) + 1)
        data[at:at] = rng.bytes(rng.integers(1, 40))
    else:
        # A well-formed answer with other values in it.
        return (
            body.replace(b"null", b"[1]").replace(b"235.", b"x").replace(b'"COMPLETE"', b'"complete"')[: len(body) + 50]
        )
    return bytes(data)


@pytest.mark.parametrize("call", CALLS)
def test_damaged_answers(replay: Any, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "FIRST_LOOK", 0.005)
    monkeypatch.setattr(tap, "LONGEST_LOOK", 0.005)
    monkeypatch.setattr(tap, "JOB_SECONDS", 0.05)
    monkeypatch.setattr(mast, "FIRST_LOOK", 0.005)
    monkeypatch.setattr(mast, "QUESTION_SECONDS", 0.02)
    rng = np.random.default_rng(sorted(CALLS).index(call))
    sound = type(replay).answer

    def answer(asked: Any) -> Any:
        found = sound(replay, asked)
        return dataclasses.replace(found, body=_damaged(found.body, rng))

    monkeypatch.setattr(replay, "answer", answer)
    results = errors = 0
    from specviz.archives.cache import cache

    for _ in range(10 if call == "job" else 80):
        cache().clear()
        try:
            CALLS[call]()
            results += 1
        except ArchiveError as error:
            assert str(error)
            assert error.service
            errors += 1
    assert errors
