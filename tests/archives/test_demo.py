"""The packaged demo sky: works with nothing but the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.archives.demo import PACKAGED, DemoArchive
from specviz.archives.demo_codec import FLOOR, pack, unpack
from specviz.archives.protocol import Archive
from specviz.errors import NotFoundError, ReadError
from specviz.simulate.instrument import ARM_JOIN
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.resample import to_specclip_grid, to_xp_grid


@pytest.fixture(scope="module")
def demo() -> DemoArchive:
    return DemoArchive()


def test_it_is_an_archive_of_modest_size(demo: DemoArchive) -> None:
    assert isinstance(demo, Archive)
    assert len(demo) == 20_000 == len(demo.names()) == len(set(demo.names()))
    assert PACKAGED.stat().st_size <= 2_000_000
    assert len(demo.fingerprint) == 64


def test_stars_are_whole_and_say_that_they_are_simulated(demo: DemoArchive) -> None:
    for row in [*range(0, 48, 5), *range(48, len(demo), 997)]:
        star = demo.star(row)
        lamost, xp = star.spectra["lamost_lrs"], star.spectra["gaia_xp"]
        np.testing.assert_array_equal(lamost.wavelength, LAMOST_NATIVE)
        np.testing.assert_array_equal(xp.wavelength, XP_WAVELENGTH_NM)
        assert star.meta["simulated"] is True and lamost.meta["simulated"] is True and xp.meta["simulated"] is True
        assert lamost.meta["release"] == "simulated" and str(star.identifiers[0]).startswith("demo")
        assert lamost.good.mean() > 0.4 and xp.good.all() and xp.flux_unit == "W m-2 nm-1"
        assert to_specclip_grid(lamost).filled < 0.5 and np.isfinite(to_xp_grid(xp).values).all()
        if "anomaly" not in star.catalogue:
            assert 3400 < star.catalogue["teff"] < 13000 and lamost.meta["subclass"][0] in "BAFGKM"


def test_errors_and_the_header_agree(demo: DemoArchive) -> None:
    g = (LAMOST_NATIVE > 4000) & (LAMOST_NATIVE < 5500)
    for row in range(60, 400, 17):
        star = demo.star(row)
        if "anomaly" in star.catalogue:  # a fault may spoil the noise
            continue
        lamost = star.spectra["lamost_lrs"]
        use = g & lamost.good
        measured = np.median(lamost.flux[use] * np.sqrt(lamost.ivar[use]))
        assert measured == pytest.approx(lamost.snr, rel=0.12), row


def test_names_resolve_as_people_type_them(demo: DemoArchive) -> None:
    for text in ("demo 42", " Demo 42 ", "demo42", "DEMO_42", "demo #42", "demo-42"):
        (candidate,) = demo.resolve(text)
        assert candidate.name == "demo 42" and candidate.ra is not None and "simulated" in candidate.summary
    assert demo.resolve("demo red clump")[0].name == demo.kinds()["red clump"]
    for text in ("", "demo", "demo 0", "demo 20001", "demo 99999999999999", "HD 140283", "demo 4.2", "demo quasar"):
        assert demo.resolve(text) == []
    with pytest.raises(NotFoundError, match="demo 1 to demo 20000"):
        demo.fetch("HD 140283")
    with pytest.raises(NotFoundError, match="0 to 19999"):
        demo.star(20_000)


def test_the_first_screen_gets_three_stars_of_their_kind(demo: DemoArchive) -> None:
    (_, sun), (_, giant), (_, warm) = demo.examples()
    assert sun.catalogue["teff"] == pytest.approx(5772, abs=150) and sun.catalogue["logg"] == pytest.approx(
        4.44, abs=0.2
    )
    assert giant.catalogue["logg"] < 2.3 and 4000 < giant.catalogue["teff"] < 4700
    assert 7800 < warm.catalogue["teff"] < 9000 and warm.spectra["lamost_lrs"].meta["subclass"].startswith("A")


def test_showcase_stars_show_what_they_are_kept_for(demo: DemoArchive) -> None:
    def lamost(kind: str):  # type: ignore[no-untyped-def]
        return demo.fetch(f"demo {kind}").spectra["lamost_lrs"]

    dust, sun = (demo.fetch(f"demo {kind}").spectra["gaia_xp"] for kind in ("behind dust", "sun-like"))
    assert dust.flux[232] / dust.flux[57] > 4 * sun.flux[232] / sun.flux[57]  # 800 nm against 450 nm
    assert lamost("low signal").snr == pytest.approx(8.0)
    assert not lamost("dead red arm").good[LAMOST_NATIVE > ARM_JOIN + 50].any()
    emission = lamost("emission star")
    h_alpha = np.abs(LAMOST_NATIVE - 6564.6 * (1 + emission.meta["z"])) < 3
    aside = (np.abs(LAMOST_NATIVE - 6564.6) > 40) & (np.abs(LAMOST_NATIVE - 6564.6) < 80)
    assert emission.flux[h_alpha].max() > 1.5 * np.median(emission.flux[aside])
    assert "Gaussian" in demo.fetch("demo emission star").meta["note"]
    poor = demo.fetch("demo metal-poor giant")
    assert poor.catalogue["fe_h"] < -1.6


def test_the_double_star_has_two_velocities(demo: DemoArchive) -> None:
    """Two shifted copies of a solar template fit the double star much better than one; a single star gains little."""
    template = to_specclip_grid(demo.fetch("demo sun-like").spectra["lamost_lrs"]).values - 1
    shifted = {k: template[700 - k : 1400 - k] for k in range(-8, 9)}

    def gain(name: str) -> float:
        flux = to_specclip_grid(demo.fetch(name).spectra["lamost_lrs"]).values[700:1400] - 1

        def rms(lags: tuple[int, ...]) -> float:
            design = np.stack([np.ones(700), *(shifted[k] for k in lags)], axis=1)
            return float(np.std(flux - design @ np.linalg.lstsq(design, flux, rcond=None)[0]))

        one = min(rms((k,)) for k in shifted)
        return min(rms((k, m)) for k in shifted for m in shifted if m >= k + 2) / one

    assert gain("demo double-lined binary") < 0.7 < gain("demo dwarf 5600")


def test_the_table_has_units_and_true_labels(demo: DemoArchive) -> None:
    table = demo.table()
    assert len(table) == 20_000 and str(table["teff"].unit) == "K" and str(table["rv"].unit) == "km / s"
    assert table["name"][41] == "demo 42" and table.meta["simulated"] is True
    assert "counts" not in table.colnames
    assert demo.star(41).catalogue["teff"] == pytest.approx(table["teff"][41].value)


def test_packing_keeps_spectra_within_their_errors() -> None:
    rng = np.random.default_rng(0)
    sigma = np.exp(rng.normal(-3, 1, (5, 1))) * np.linspace(3.0, 1.0, 400)
    flux = 1.0 + np.sin(np.arange(400) / 9.0) + rng.normal(0, 1, (5, 400)) * sigma
    for fraction in (0.35, 0.75):
        packed = pack(flux, sigma, fraction)
        for row in range(5):
            back, error = unpack(packed, row, fraction)
            assert (np.abs(back - flux[row]) <= 0.501 * fraction * np.hypot(error, FLOOR)).all()
            np.testing.assert_allclose(error, sigma[row], rtol=0.052)
    with pytest.raises(ValueError, match="steps"):
        pack(np.array([[0.0, 1e6]]), np.full((1, 2), 1e-3), 0.5)


def test_a_damaged_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="not there"):
        DemoArchive(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_bytes(b"not an npz at all")
    with pytest.raises(ReadError, match="damaged"):
        DemoArchive(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(ReadError, match="damaged"):
        DemoArchive(tmp_path / "other.npz")
