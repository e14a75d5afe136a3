"""The demo catalogue: computed once a set of weights, kept, never used with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.catalog.demo import demo_index, embed_stars, write
from specviz.catalog.embedding_codec import quantise, restore
from specviz.catalog.embedding_map import EmbeddingMap
from specviz.errors import CatalogError, ModelError, SpectrumError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


class Few:
    """Seventy made-up stars, whose slope falls with their number."""

    def __init__(self, n: int = 70) -> None:
        self.n, self.fetched = n, 0

    def names(self) -> Sequence[str]:
        return [f"demo {i}" for i in range(self.n)]

    def fetch(self, name: str) -> Star:
        self.fetched += 1
        i = int(name.split()[1])
        slope = -2 + 3 * i / self.n
        flux = (LAMOST_NATIVE / 5000) ** slope * (1 - 0.4 * np.exp(-0.5 * ((LAMOST_NATIVE - 4862.7) / 6) ** 2))
        lamost = Spectrum(
            LAMOST_NATIVE, flux, survey="lamost_lrs", meta={"class": "STAR", "subclass": "G2", "snr": 50.0}
        )
        xp = Spectrum(XP_WAVELENGTH_NM, (XP_WAVELENGTH_NM / 550) ** slope, survey="gaia_xp")
        return Star(name, {"lamost_lrs": lamost, "gaia_xp": xp}, catalogue={"teff": 5000.0 + i, "logg": 4.0})


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return {"packaged": tmp_path / "package.npz", "cache_dir": tmp_path / "cache"}


def test_computed_once_then_kept(fake_model_class: Any, places: dict[str, Path]) -> None:
    stars, model, said = Few(), fake_model_class(), []
    first = demo_index(model, stars, progress=lambda f, t: said.append((f, t)), **places)
    assert stars.fetched == 70 and said[-1] == (1.0, "Embedding the demo stars, 70 of 70")
    again = demo_index(model, stars, **places)
    assert stars.fetched == 70 and model.calls["spectra"] == 140
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert [str(n) for n in again.table["object_id"]] == list(stars.names())


def test_a_stopped_run_goes_on_where_it_was(
    fake_model_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specviz.catalog.demo._PART", 30)
    whole = embed_stars(fake_model_class(), Few())

    class Stops(Few):
        def fetch(self, name: str) -> Star:
            if name == "demo 65":
                raise KeyboardInterrupt
            return super().fetch(name)

    with pytest.raises(KeyboardInterrupt):
        embed_stars(fake_model_class(), Stops(), keep=tmp_path)
    again = Few()
    content = embed_stars(fake_model_class(), again, keep=tmp_path)
    assert again.fetched == 10  # the parts 0-29 and 30-59 were there
    assert {k: v.tobytes() for k, v in content.items()} == {k: v.tobytes() for k, v in whole.items()}
    embed_stars(fake_model_class(sha="1" * 64), again, keep=tmp_path)
    assert again.fetched == 80  # other weights: nothing fits


def test_for_a_slow_model_as_many_as_there_is_time_for(
    fake_model_class: Any, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specviz.catalog.demo.OWN_SECONDS", 0.0)
    stars, model = Few(300), fake_model_class()
    index = demo_index(model, stars, **places)
    assert len(index) == 128 == stars.fetched
    assert len(demo_index(model, stars, survey="gaia_xp", **places)) == 128 and stars.fetched == 128


def test_for_a_model_of_ones_own_some_of_the_stars_will_do(
    fake_model_class: Any, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specviz.catalog.demo.OWN_STARS", 50)
    assert len(demo_index(fake_model_class(), Few(), **places)) == 50


def test_a_star_without_light_in_one_survey_is_left_out_of_that_one(
    fake_model_class: Any, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specviz.catalog.demo._LACKING", 0.02)

    class Dark(Few):
        def fetch(self, name: str) -> Star:
            star = super().fetch(name)
            if name == "demo 7":
                lamost = star.spectra["lamost_lrs"].with_(mask=LAMOST_NATIVE < 5850)
                star = star.with_(spectra={**star.spectra, "lamost_lrs": lamost})
            return star

    class Picky(fake_model_class):  # type: ignore[misc]
        def prepare(self, spectrum: Spectrum) -> Any:
            if spectrum.good.mean() < 0.6:
                raise SpectrumError("Too little is left of this spectrum")
            return super().prepare(spectrum)

    lamost, xp = (demo_index(Picky(), Dark(), survey=s, **places) for s in ("lamost_lrs", "gaia_xp"))
    assert len(lamost) == 69 and len(xp) == 70 and "demo 7" not in list(lamost.table["object_id"])
    assert lamost.neighbour_star(7).name == "demo 8" and xp.neighbour_star(7).name == "demo 7"
    np.testing.assert_array_equal(lamost.neighbour_window(7)[1], xp.neighbour_window(8)[1])
    monkeypatch.setattr("specviz.catalog.demo._LACKING", 0.01)
    with pytest.raises(ModelError, match="1 of 70 demo stars"):
        embed_stars(Picky(), Dark())


def test_several_stars_are_asked_for_at_once_where_that_is_possible(fake_model_class: Any) -> None:
    class Quick(Few):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[int] = []

        def fetch_many(self, names: Sequence[str]) -> list[Star]:
            self.asked.append(len(names))
            return [self.fetch(name) for name in names]

    stars = Quick()
    embed_stars(fake_model_class(), stars)
    assert stars.asked == [64, 6]


def test_a_byte_a_number_keeps_neighbours() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(4, 32))[rng.integers(0, 4, 1500)] + 0.5 * rng.normal(size=(1500, 32))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    packed = quantise(3.0 * unit)
    back = restore(packed["codes"], packed["centre"], packed["scale"])
    assert packed["codes"].dtype == np.int8 and np.abs(back - unit).max() < 0.01

    def nearest(vectors: Any) -> Any:
        return np.argsort(-(unit[:200] @ vectors.T), axis=1)[:, :20]

    same = [len(set(a) & set(b)) / 20 for a, b in zip(nearest(unit), nearest(back), strict=True)]
    assert np.mean(same) > 0.97


def test_other_weights_and_other_stars_are_computed_anew(fake_model_class: Any, places: dict[str, Path]) -> None:
    stars = Few()
    demo_index(fake_model_class(), stars, **places)
    other = fake_model_class(sha="0" * 64)
    assert demo_index(other, stars, **places).model_sha256 == "0" * 64
    assert other.calls["spectra"] == 140
    assert len(demo_index(fake_model_class(), Few(20), **places)) == 20


def test_the_packaged_file_is_used_if_these_weights_made_it(fake_model_class: Any, places: dict[str, Path]) -> None:
    stars, model = Few(), fake_model_class()
    write(places["packaged"], embed_stars(model, stars))
    stars.fetched = 0
    catalog = demo_index(fake_model_class(), stars, **places)
    assert stars.fetched == 0 and len(catalog) == 70 and not places["cache_dir"].exists()


def test_a_damaged_cache_is_made_again(fake_model_class: Any, places: dict[str, Path], caplog: Any) -> None:
    demo_index(fake_model_class(), Few(), **places)
    (file,) = places["cache_dir"].iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    stars = Few()
    assert len(demo_index(fake_model_class(), stars, **places)) == 70
    assert stars.fetched == 70 and "damaged" in caplog.text


def test_neighbours_come_with_star_and_thumbnail(fake_model_class: Any, places: dict[str, Path]) -> None:
    catalog = demo_index(fake_model_class(), Few(), **places)
    found = catalog.search(catalog.vectors[30], k=3, exclude="demo 30")
    assert {int(r) for r in found["row"]} <= {28, 29, 31, 32}  # the slope runs with the number
    row = int(found["row"][0])
    star = catalog.neighbour_star(row)
    assert star.name == str(found["object_id"][0]) and set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    wave, flux = catalog.neighbour_window(row)
    assert wave.shape == flux.shape and wave[0] < 4862.7 and wave[-1] > 5185 and abs(wave[np.argmin(flux)] - 4862.7) < 3
    assert found["teff"].unit == "K" and found["teff"][0] == 5000.0 + row and str(found["class"][0]) == "G2"
    with pytest.raises(CatalogError, match="0 to 69"):
        catalog.neighbour_star(70)


def test_xp_is_searched_among_xp(fake_model_class: Any, places: dict[str, Path]) -> None:
    assert demo_index(fake_model_class(), Few(), survey="gaia_xp", **places).survey == "gaia_xp"
    with pytest.raises(CatalogError, match="one of lamost_lrs, gaia_xp"):
        demo_index(fake_model_class(), Few(), survey="sdss", **places)


def test_the_map_puts_a_known_star_where_it_was(fake_model_class: Any, places: dict[str, Path]) -> None:
    catalog = demo_index(fake_model_class(), Few(), **places)
    picture = catalog.map
    assert picture.coordinates.shape == (70, 2) and sum(picture.explained) > 0.9  # one parameter made these stars
    np.testing.assert_allclose(picture.project(5 * catalog.vectors[3]), picture.coordinates[3], atol=1e-5)
    np.testing.assert_allclose(picture.axes @ picture.axes.T, np.eye(2), atol=1e-5)
    with pytest.raises(CatalogError, match="does not fit this map"):
        picture.project(np.ones(3))
    with pytest.raises(CatalogError, match="at least three"):
        EmbeddingMap.fit(np.ones((2, 5)))
