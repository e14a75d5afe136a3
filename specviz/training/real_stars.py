"""Real stars of the shared material as a person hands them in: as :class:`~specviz.spectra.star.Star`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from specviz.spectra.grids import XP_REFERENCE_INDEX
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.training.data import TRAIN, XP_TEST_FRACTION, RealLamost, find_material


def training_file_stars(shared: Path, rows: Iterable[int] | None = None) -> Iterator[Star]:
    """The real LAMOST spectra of ``lamost_dr10_afg_train.npz`` as a reader gives them, with LASP's values beside them.

    Parameters
    ----------
    shared : Path
    rows : iterable of int, optional
        All by default.
    """
    with np.load(find_material(shared, "data/lamost_dr10_afg_train.npz")) as f:
        d = {k: f[k] for k in f.files}
    for i in range(len(d["obsid"])) if rows is None else rows:
        spectrum = Spectrum(
            d["wave_vac"].astype(np.float64),
            d["flux"][i].astype(np.float64),
            d["ivar"][i].astype(np.float64),
            d["ivar"][i] <= 0,
            survey="lamost_lrs",
            meta={
                "object_id": str(d["designation"][i]), "obsid": int(d["obsid"][i]), "snr": float(d["snrg"][i]),
                "class": "STAR", "subclass": str(d["subclass"][i]), "z": float(d["z"][i]), "release": "LAMOST DR10",
            },
        )  # fmt: skip
        lasp = {k: float(d[c][i]) for k, c in (("teff", "teff"), ("logg", "logg"), ("fe_h", "feh"))}
        yield Star(
            f"obsid {d['obsid'][i]}",
            spectra={"lamost_lrs": spectrum},
            ra=float(d["ra"][i]),
            dec=float(d["dec"][i]),
            catalogue={**lasp, "source": "LASP, DR10 v2.0"},
        )


def held_out_stars(shared: Path, seed: int) -> Iterator[Star]:
    """Real stars that no training has seen: LAMOST of held-out plates, and XP of held-out sources.

    ``seed`` is the recipe's, which drew the sources.
    """
    split = RealLamost.load(shared).split
    yield from training_file_stars(shared, np.flatnonzero(split != TRAIN))
    with np.load(find_material(shared, "data/gaia_xp_sampled_2010.npz")) as f:
        wave, flux, error, source = (np.asarray(f[k]) for k in ("wave_nm", "flux", "flux_error", "source_id"))

    good = (flux[:, XP_REFERENCE_INDEX] > 3 * error[:, XP_REFERENCE_INDEX]) & np.isfinite(flux).all(axis=1)
    good &= (error > 0).all(axis=1)
    rows = np.flatnonzero(good)
    rows = rows[np.random.default_rng(seed).random(rows.size) < XP_TEST_FRACTION]  # as RealXp draws them
    for i in rows:
        spectrum = Spectrum(
            wave.astype(np.float64), flux[i].astype(np.float64), error[i].astype(np.float64) ** -2.0,
            survey="gaia_xp", flux_unit="W m-2 nm-1", meta={"source_id": int(source[i]), "release": "DR3"},
        )  # fmt: skip
        yield Star(f"Gaia DR3 {source[i]}", spectra={"gaia_xp": spectrum})
