"""The rendered part of the demo sky: determinism, the planted truth, selection, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import PACKAGED, DemoArchive
from specviz.archives.demo_codec import FLOOR, SIGMA_STEP, pack, unpack
from specviz.archives.demo_render import DemoRenderer
from specviz.archives.demo_table import DemoTable, decode, encode
from specviz.errors import NotFoundError, OptionError
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.star import Star

RENDERED = (100, 4241, 19_999)


@pytest.fixture(scope="module")
def demo() -> DemoArchive:
    return DemoArchive()


def fluxes(star: Star) -> tuple[Any, Any]:
    return star.spectra["lamost_lrs"].flux, star.spectra["gaia_xp"].flux


def test_the_same_star_has_the_same_spectra_in_every_process_batch_and_thread(demo: DemoArchive) -> None:
    """To rounding in float32: the emulator's products are summed in another order in a batch."""
    alone = [DemoRenderer(DemoTable(PACKAGED)).render([row])[0] for row in RENDERED]
    together = demo.fetch_many([f"demo {row + 1}" for row in (60, *RENDERED, 70)])[1:-1]
    with ThreadPoolExecutor(3) as pool:
        threads = list(pool.map(demo.star, RENDERED))
    for own, batch, star in zip(alone, together, threads, strict=True):
        for lamost, xp in (fluxes(batch), fluxes(star)):
            np.testing.assert_allclose(lamost, own.lamost, rtol=3e-5, atol=3e-5 * np.median(own.lamost))
            np.testing.assert_allclose(xp, own.xp, rtol=3e-5, atol=3e-5 * np.abs(own.xp).max())


def test_neighbours_have_noise_of_their_own(demo: DemoArchive) -> None:
    a, b = (demo.star(row).spectra["lamost_lrs"] for row in (101, 102))
    noise = [np.diff(s.flux, 3) * np.sqrt(s.ivar[1:-2]) for s in (a, b)]
    both = (a.good & b.good)[1:-2]
    assert abs(np.corrcoef(noise[0][both], noise[1][both])[0, 1]) < 0.1


def test_a_rendered_star_survives_being_stored(demo: DemoArchive) -> None:
    """Stored and rendered stars are the same thing: packing a rendered one changes it by less than its errors."""
    spectrum = demo.star(4241).spectra["lamost_lrs"]
    level = np.median(spectrum.flux)
    sigma = np.where(spectrum.good, spectrum.sigma, np.nanmax(spectrum.sigma)) / level
    back, error = unpack(pack(spectrum.flux[None] / level, sigma[None], 0.65), 0, 0.65)
    np.testing.assert_allclose(error, sigma, rtol=np.expm1(SIGMA_STEP / 2) + 1e-6)
    assert (np.abs(back - spectrum.flux / level) <= 0.501 * 0.65 * np.hypot(error, FLOOR)).all()


def test_a_grid_star_and_its_emulation_agree(shared: Path) -> None:
    """The stored path starts from the grid, the rendered one from the emulator: the same labels give the same light."""
    from specviz.simulate.emulated import EmulatedStars, inside
    from specviz.simulate.grid import SyntheticGrid
    from specviz.simulate.packaged import packaged_emulator

    emulator = packaged_emulator()
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        rows = grid.indices("test")
        warm = rows[(grid.labels["teff"][rows] > 4700) & (grid.labels["teff"][rows] < 7000)][:20]
        labels = {k: v[warm] for k, v in grid.labels.items()}
        stars = EmulatedStars(emulator, inside(labels, emulator.ranges))
        every = np.arange(20)
        assert np.sqrt(np.mean((stars.norm(every) - grid.norm(warm)) ** 2)) < 0.01
        ratio = stars.sed(every) / grid.sed(warm)
        assert np.median(np.abs(ratio / np.median(ratio, axis=1, keepdims=True) - 1)) < 0.01


def test_every_planted_class_is_there_with_its_truth(demo: DemoArchive) -> None:
    from specviz.simulate.anomalies import ANOMALIES

    planted = demo.anomalies()
    assert set(planted) == set(ANOMALIES) and 400 <= sum(map(len, planted.values())) <= 1000
    for name, stars in planted.items():
        assert len(stars) >= 20
        star = demo.fetch(stars[-1])
        assert star.catalogue["anomaly"] == name and star.meta["kind"] == name and len(star.meta["note"]) > 40
        assert demo.resolve(f"Demo {name}")[0].archive == "demo" and len(demo.resolve(f"demo {name}")) == 20
        assert stars[0] in demo.select(kind=name)
        spectra = star.spectra["lamost_lrs"], star.spectra["gaia_xp"]
        assert all(np.isfinite(s.flux).all() for s in spectra)
    galaxy = demo.fetch(planted["star-forming galaxy"][0])
    assert galaxy.spectra["lamost_lrs"].meta["class"] == "GALAXY" and 0.01 < galaxy.catalogue["redshift"] < 0.2


def test_what_was_planted_shows(demo: DemoArchive) -> None:
    def depth(name: str, line: float, width: float) -> float:
        """Mean flux about a line over that beside it."""
        spectrum = demo.fetch(name).spectra["lamost_lrs"]
        away = np.abs(LAMOST_NATIVE / (1 + spectrum.meta["z"]) - line)
        near, aside = (spectrum.good & m for m in (away < width, (away > 6 * width) & (away < 8 * width)))
        return float(np.median(spectrum.flux[near]) / np.median(spectrum.flux[aside]))

    kinds = demo.anomalies()
    assert all(depth(name, 6564.6, 3.0) > 1.05 for name in kinds["Be star"][-4:])
    assert all(depth(name, 4862.7, 15.0) < 0.85 for name in kinds["DA white dwarf"][-4:])
    dusty = demo.fetch(kinds["behind dust"][-1]).spectra["gaia_xp"]
    plain = demo.fetch("demo sun-like").spectra["gaia_xp"]
    blue = [s.flux[40:80].mean() / s.flux[200:250].mean() for s in (dusty, plain)]  # 416-494 nm against 736-836 nm
    assert blue[0] < blue[1] / 3


def test_an_ordinary_name_is_no_anomaly(demo: DemoArchive) -> None:
    ordinary = demo.select(kind="")
    assert 19_000 < len(ordinary) < 19_700 and not set(ordinary) & {n for v in demo.anomalies().values() for n in v}


def test_select_by_labels(demo: DemoArchive) -> None:
    names = demo.select(teff=(5600, 5900), fe_h=(-0.2, 0.2))
    assert 300 < len(names) < 3000 and names == sorted(names, key=lambda n: int(n.split()[1]))
    for name in names[:: len(names) // 5]:
        row = demo.star(name).catalogue
        assert 5600 <= row["teff"] <= 5900 and -0.2 <= row["fe_h"] <= 0.2
    table = demo.table()
    assert len(demo.select(snr=(100, None))) == int((table["snr"] >= 100).sum())
    assert demo.select(teff=(5772, 5771)) == []
    both = demo.select(teff=(None, 4500), kind="carbon star")
    assert both and all(demo.star(n).catalogue["anomaly"] == "carbon star" for n in both[:2])
    with pytest.raises(OptionError, match="no column 'colour'"):
        demo.select(colour=(0, 1))
    with pytest.raises(OptionError, match="low, high"):
        demo.select(teff=5600)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no class 'quasar'"):
        demo.select(kind="quasar")


def test_the_population_is_a_surveys(demo: DemoArchive) -> None:
    table = demo.table()
    component, iron = np.asarray(table["component"]), np.asarray(table["fe_h"], float)
    thin, thick, halo = (iron[component == name] for name in ("thin", "thick", "halo"))
    assert thin.size > thick.size > halo.size > 200
    assert np.median(thin) > np.median(thick) + 0.2 > np.median(halo) + 0.7
    alpha = np.asarray(table["alpha_fe"], float)
    assert np.median(alpha[component == "thick"]) > np.median(alpha[component == "thin"]) + 0.1
    assert {"", "SB1", "SB2"} == set(table["companion"]) and (np.asarray(table["companion"]) == "SB2").sum() > 60
    share = np.asarray(table["companion_light"], float)
    assert (share[np.isfinite(share)] >= 0.005).all() and (share[np.isfinite(share)] <= 0.5 + 1e-3).all()


def test_opening_is_light_and_needs_no_torch() -> None:
    code = (
        "import sys; from specviz.archives.demo import DemoArchive; d = DemoArchive();"
        "d.resolve('demo 4242'), d.star(0), d.select(teff=(5000, 6000)), d.kinds(), d.fingerprint;"
        "assert 'torch' not in sys.modules; d.star(100); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_star_is_kept_once_rendered(demo: DemoArchive) -> None:
    assert demo.fetch("demo 300") is demo.fetch("Demo #300")


def test_many_at_once_are_named_if_they_are_not_there(demo: DemoArchive) -> None:
    with pytest.raises(NotFoundError, match="demo 99999"):
        demo.fetch_many(["demo 1", "demo 99999"])


@pytest.mark.parametrize("log", [False, True])
def test_columns_come_back_to_half_a_step(log: bool) -> None:
    values = np.array([0.0123, 1.0, 250.4, np.nan, 7.7])
    whole = encode(values, 0.001, log)
    back = decode(whole, 0.001, log)
    assert whole.dtype.itemsize <= 4 and np.isnan(back[3])
    known = np.isfinite(values)
    error = np.log10(back / values) if log else back - values
    assert np.abs(error[known]).max() <= 0.00051
    if not log:
        assert back[2] == 250.4  # no digits that were not there


def test_the_recipe_gives_the_same_file_twice(tmp_path: Path, shared: Path) -> None:
    from specviz.simulate.grid import SyntheticGrid
    from specviz.training.demo_stars import SHOWCASE
    from specviz.training.make_demo import build

    tracks = shared / "synthetic" / "sse_tracks.npz"
    numbers = {"behind dust": 2, "arm step": 1}
    n = len(SHOWCASE) + 15
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            build(grid, tracks, n, seed, tmp_path / f"{name}.npz", numbers=numbers)
    a, b, c = (DemoArchive(tmp_path / f"{name}.npz") for name in "abc")
    assert len(a) == n and a.fingerprint == b.fingerprint != c.fingerprint
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    np.testing.assert_array_equal(fluxes(a.star(n - 1))[0], fluxes(b.star(n - 1))[0])
    assert {k: len(v) for k, v in a.anomalies().items() if k in numbers} == {"behind dust": 3, "arm step": 1}


def test_another_emulator_makes_another_sky(demo: DemoArchive) -> None:
    class Other:
        def describe(self) -> Any:
            return type("Card", (), {"weights_sha256": "0" * 64})()

    assert DemoArchive(emulator=Other()).fingerprint != demo.fingerprint


def test_slips_of_the_pen_find_a_name(demo: DemoArchive) -> None:
    assert demo.near("deno 12") == ["demo 12"] and demo.near("demo carbn star")[0] == "demo carbon star"
    assert demo.near("HD 140283") == [] and demo.near("demo 99999") == []
