"""Measure ordinary stars, so that the package can say how rare an odd one is.

``python -m specviz.training.make_outlier_reference`` after every change of the weights, of the demo stars or of what is
measured. Simulated stars are those of the demo sky that are not planted; real ones the LAMOST spectra of plates held
out from training and the Gaia XP spectra held out with them (``--shared`` or ``SPECVIZ_SHARED``). Without the shared
material only simulated stars are measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: Posterior samples a star: quantiles of 2,000 are good to 3 % of a width.
SAMPLES = 2000
_BATCH = 64
_SEED = 0


def ordinary_demo_stars(n: int, seed: int = 5) -> Iterator[Star]:
    """``n`` stars of the demo sky drawn from those that are neither planted nor in the showcase."""
    from specviz.archives.demo import DemoArchive

    archive = DemoArchive()
    table = archive.table()
    plain = [str(name) for name, kind in zip(table["name"], table["kind"], strict=True) if not str(kind)]
    chosen = np.random.default_rng(seed).choice(len(plain), min(n, len(plain)), replace=False)
    for start in range(0, len(chosen), _BATCH):
        yield from archive.fetch_many([plain[i] for i in chosen[start : start + _BATCH]])


def training_file_stars(shared: Path, rows: Iterable[int] | None = None) -> Iterator[Star]:
    """The real LAMOST spectra of ``lamost_dr10_afg_train.npz`` as a reader gives them, with LASP's values beside them.

    Parameters
    ----------
    shared : Path
    rows : iterable of int, optional
        All by default.
    """
    from specviz.training.data import find_material

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


def held_out_stars(shared: Path) -> Iterator[Star]:
    """Real stars that no training has seen: LAMOST of held-out plates, and XP of the held-out sources."""
    from specviz.training.data import TRAIN, RealLamost, find_material

    split = RealLamost.load(shared).split
    yield from training_file_stars(shared, np.flatnonzero(split != TRAIN))
    with np.load(find_material(shared, "data/gaia_xp_sampled_2010.npz")) as f:
        wave, flux, error, source = (np.asarray(f[k]) for k in ("wave_nm", "flux", "flux_error", "source_id"))
    from specviz.spectra.grids import XP_REFERENCE_INDEX
    from specviz.training.data import XP_TEST_FRACTION

    good = (flux[:, XP_REFERENCE_INDEX] > 3 * error[:, XP_REFERENCE_INDEX]) & np.isfinite(flux).all(axis=1)
    good &= (error > 0).all(axis=1)
    rows = np.flatnonzero(good)
    rows = rows[np.random.default_rng(_SEED).random(rows.size) < XP_TEST_FRACTION]  # as RealXp draws them
    for i in rows:
        spectrum = Spectrum(
            wave.astype(np.float64), flux[i].astype(np.float64), error[i].astype(np.float64) ** -2.0,
            survey="gaia_xp", flux_unit="W m-2 nm-1", meta={"source_id": int(source[i]), "release": "DR3"},
        )  # fmt: skip
        yield Star(f"Gaia DR3 {source[i]}", spectra={"gaia_xp": spectrum})
