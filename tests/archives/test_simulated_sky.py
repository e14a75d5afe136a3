"""The simulated sky of any size: each star follows from the seed and its number."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from specviz.archives import simulated_sky
from specviz.archives.simulated_sky import SimulatedCell, SimulatedSky
from specviz.errors import OptionError
from specviz.models.threads import one_thread
from specviz.spectra.grids import XP_WAVELENGTH_NM


@pytest.fixture(autouse=True)
def _small_cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(simulated_sky, "CELL", 64)
    yield


def _hash(cell: SimulatedCell) -> str:
    told = hashlib.sha256()
    for star in cell.stars:
        for _, spectrum in sorted(star.spectra.items()):
            assert spectrum.ivar is not None
            told.update(spectrum.flux.tobytes() + spectrum.ivar.tobytes())
    for values in cell.columns.values():
        told.update(values.tobytes())
    return told.hexdigest()


def test_a_star_is_the_same_in_a_larger_sky_and_in_any_order() -> None:
    small, large = SimulatedSky(100, 5, bases=96), SimulatedSky(100_000, 5, bases=96)
    assert small.cells == 2 and len(small.cell(1).stars) == 36
    one = large.cell(1)
    large.cell(0)
    again = large.cell(1)
    assert _hash(one) == _hash(again)
    assert np.array_equal(one.stars[35].spectra["gaia_xp"].flux, small.cell(1).stars[35].spectra["gaia_xp"].flux)
    assert list(one.columns["object_id"][:2]) == ["sim 64", "sim 65"] and one.stars[0].name == "sim 64"
    assert _hash(SimulatedSky(100_000, 6, bases=96).cell(1)) != _hash(one)


def test_what_a_star_is() -> None:
    cell = SimulatedSky(64, 1, bases=96).cell(0)
    columns = cell.columns
    assert len(np.unique(columns["source_id"])) == 64 and (columns["source_id"] > 6.92e18).all()
    assert set(columns["gaia_release"]) == {"simulated"}
    assert ((columns["teff"] > 3500) & (columns["teff"] < 12_500)).all() and (np.abs(columns["dec"]) <= 90).all()
    assert ((columns["g_mag"] >= 9.0) & (columns["g_mag"] <= 17.61)).all()
    near = columns["distance_pc"] < 500
    assert np.allclose(columns["parallax"][near], 1e3 / columns["distance_pc"][near], atol=0.5)
    spectrum = cell.stars[3].spectra["gaia_xp"]
    assert np.array_equal(spectrum.wavelength, XP_WAVELENGTH_NM) and spectrum.has_errors and spectrum.good.all()
    assert cell.stars[3].meta["simulated"] and cell.stars[3].source_id is not None


def test_mixed_light_is_what_the_emulator_gives_at_the_mixed_labels() -> None:
    """Of the bases as they are used, 4,096, 99 % of the stars are within a percent; see the benchmark."""
    emulator, base = simulated_sky.packaged_emulator(), simulated_sky._bases(512)
    labels, log_sed, _ = base.mix(np.random.default_rng(3))
    inside = {k: np.clip(v, *emulator.ranges[k]) for k, v in labels.items()}
    true = emulator.spectra(inside, norm=False, continuum=False).sed
    ratio = np.exp(log_sed) / true
    ratio /= ratio[:, [360]]
    rms = np.sqrt(((ratio[:, 150:690] - 1) ** 2).mean(axis=1))
    assert np.median(rms) < 0.002 and np.percentile(rms, 90) < 0.02


def test_threads_do_not_change_a_digit() -> None:
    import torch

    sky, found = SimulatedSky(64, 2, bases=80), set()
    for threads in (2, 1):
        simulated_sky._bases.cache_clear()
        torch.set_num_threads(threads)
        with one_thread():
            assert torch.get_num_threads() == 1
            found.add(_hash(sky.cell(0)))
        assert torch.get_num_threads() == threads
    assert len(found) == 1


def test_lamost_beside_gaia() -> None:
    both, xp = SimulatedSky(40, 4, ("gaia_xp", "lamost_lrs"), bases=80), SimulatedSky(40, 4, bases=80)
    cell = both.cell(0)
    assert set(cell.stars[0].spectra) == {"lamost_lrs", "gaia_xp"} and (cell.columns["snr"] >= 5).all()
    assert cell.stars[0].spectra["lamost_lrs"].snr == pytest.approx(float(cell.columns["snr"][0]), rel=1e-6)
    assert all(np.array_equal(values, cell.columns[name]) for name, values in xp.cell(0).columns.items())
    fewer = SimulatedSky(33, 4, ("gaia_xp", "lamost_lrs"), bases=80).cell(0).stars[32].spectra["lamost_lrs"]
    assert np.array_equal(fewer.flux, cell.stars[32].spectra["lamost_lrs"].flux) and fewer.ivar.any()
    assert both.fingerprint != xp.fingerprint


def test_it_is_small_to_send_and_refuses_what_cannot_be() -> None:
    sky = SimulatedSky(10_000_000)
    assert len(pickle.dumps(sky)) < 500 and pickle.loads(pickle.dumps(sky)).fingerprint == sky.fingerprint
    for wrong in ({"n": 0}, {"n": 5, "seed": -1}, {"n": 5, "surveys": ("sdss",)}, {"n": 5, "surveys": ()}):
        with pytest.raises(OptionError):
            SimulatedSky(**wrong)  # type: ignore[arg-type]
