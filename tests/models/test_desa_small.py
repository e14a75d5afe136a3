"""desa-small, as it ships: simulated pairs and real files through the door that people use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.models.desa.model import Desa
from specviz.models.registry import load_model
from specviz.simulate.light_curves.pairs import Pairs, simulate_pairs
from specviz.spectra.readers import read_bytes
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import LightCurve


@pytest.fixture(scope="module")
def model() -> Desa:
    found = load_model("desa-small", device="cpu")
    assert isinstance(found, Desa)
    return found


@pytest.fixture(scope="module")
def pairs(shared: Path) -> Pairs:
    return simulate_pairs(60, 77, tracks=shared / "synthetic" / "sse_tracks.npz", days=90.0, cadence_hours=1.0)


def given(pairs: Pairs, i: int) -> tuple[Spectrum, LightCurve]:
    meta = {"rv": float(pairs.labels["rv_measured"][i])}
    ivar = pairs.lamost_ivar[i]
    spectrum = Spectrum(pairs.wave, pairs.lamost[i], ivar, ivar <= 0, survey="lamost_lrs", meta=meta)
    good = np.isfinite(pairs.flux[i])
    return spectrum, LightCurve(pairs.time[good], pairs.flux[i][good].astype(np.float64))


def test_simulated_pairs(model: Desa, pairs: Pairs) -> None:
    from scipy.stats import rankdata

    looks = [model.look(*given(pairs, i)) for i in range(len(pairs))]
    close = pairs.labels["close"] > 0.5
    rank = rankdata([look.binary for look in looks])
    area = (rank[close].sum() - close.sum() * (close.sum() + 1) / 2) / (close.sum() * (~close).sum())
    assert area > 0.9
    age = np.array([look.age.median for look in looks if look.age is not None])
    assert np.sqrt(np.mean((age - pairs.labels["age"]) ** 2)) < 0.75 * np.std(pairs.labels["age"])
    teff = np.array([look.diagram["teff"][0] for look in looks])
    assert np.median(np.abs(teff - pairs.labels["teff"])) < 150.0
    stars = model.background()
    assert (
        stars is not None and len(stars) == 600 and {"single", "eclipsing", "synchronised"} <= set(stars.kind.tolist())
    )
    assert all(look.plane is not None and np.abs(look.plane).max() < 6.0 for look in looks)


def test_catalogue_values_leak(model: Desa, pairs: Pairs) -> None:
    """Of one and the same spectrum and light curve, the answer is what the catalogue says."""
    spectrum, curve = given(pairs, int(np.argmax(pairs.kind == "single")))
    told = {"teff": 5200.0, "logg": 4.5, "prot": 20.0, "fe_h": 0.0, "radius": 0.85, "ruwe": 1.0}
    dwarf = model.look(spectrum, curve, latent=told).diagram["luminosity"][0]
    giant = model.look(spectrum, curve, latent={**told, "logg": 2.5, "radius": 10.0}).diagram["luminosity"][0]
    assert giant > 3.0 * dwarf


def test_real_light_curves_of_kepler(model: Desa, shared: Path) -> None:
    """A giant and a dwarf, from their light curves alone; the Kepler Input Catalogue's values."""
    folder = shared / "data" / "kepler_llc"
    for file, teff, logg in (
        ("kplr005899262-2009166043257_llc.fits", 4710.0, 2.54),
        ("kplr010424789-2009166043257_llc.fits", 5930.0, 4.43),
    ):
        star = read_bytes((folder / file).read_bytes(), file)[0]
        assert star.light_curve is not None
        look = model.look(None, star.light_curve)
        assert look.labels["light_curve"]["teff"].median == pytest.approx(teff, abs=500.0)
        assert look.labels["light_curve"]["logg"].median == pytest.approx(logg, abs=0.4)
        assert look.binary is not None and look.binary < 0.3
