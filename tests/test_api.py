"""What a notebook calls, over the fake model: every kind of argument, and words for what cannot be."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz import api
from specviz.errors import CatalogError, ModelError, OptionError, ReadError, SpecvizError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def _star(i: int) -> Star:
    slope = -2 + i / 10
    rng = np.random.default_rng(i)
    flux = 100 * (LAMOST_NATIVE / 5000) ** slope * (1 + 0.01 * rng.normal(size=LAMOST_NATIVE.size))
    lamost = Spectrum(
        LAMOST_NATIVE, flux, np.full(flux.size, 1.0), survey="lamost_lrs", meta={"object_id": f"demo {i}", "snr": 90.0}
    )
    xp = Spectrum(XP_WAVELENGTH_NM, 1e-15 * (XP_WAVELENGTH_NM / 550) ** slope, survey="gaia_xp")
    return Star(f"demo {i}", {"lamost_lrs": lamost, "gaia_xp": xp}, catalogue={"teff": 5000.0 + 10 * i})


class _Archive:
    def names(self) -> list[str]:
        return [f"demo {i}" for i in range(30)]

    def fetch(self, name: str) -> Star:
        return _star(int(name.split()[1]))


@pytest.fixture(autouse=True)
def fakes(fake_model_class: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """The fake model behind the registry, thirty stars behind the demo archive, an empty cache."""
    loads: list[str] = []

    def load_model(name: str, *, device: str = "auto") -> Any:
        loads.append(f"{name}/{device}")
        return fake_model_class()

    registry = types.ModuleType("specviz.models.registry")
    registry.load_model = load_model  # type: ignore[attr-defined]
    demo = types.ModuleType("specviz.archives.demo")
    demo.DemoArchive = _Archive  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "specviz.models.registry", registry)
    monkeypatch.setitem(sys.modules, "specviz.archives.demo", demo)
    monkeypatch.setattr(api, "_engines", {})
    monkeypatch.setattr(api, "_catalogs", {})
    monkeypatch.setattr("specviz.catalog.demo._cache_dir", lambda: tmp_path / "cache")
    return loads


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    star = _star(3).spectra["lamost_lrs"]
    path = tmp_path / "star.csv"
    rows = "\n".join(f"{w:.4f},{f:.6f}" for w, f in zip(star.wavelength, star.flux, strict=True))
    path.write_text("wavelength,flux\n" + rows + "\n")
    return path


def test_the_names_of_the_package_are_these() -> None:
    for name in ("open", "open_all", "analyse", "translate", "similar", "load_model"):
        assert getattr(specviz, name) is getattr(api, name)


def test_analyse_takes_stars_spectra_paths_and_lists(text_file: Path) -> None:
    star, spectrum = _star(1), _star(2).spectra["lamost_lrs"]
    for x in (star, spectrum, text_file, str(text_file)):
        report = api.analyse(x, samples=50)
        assert report.problem == "" and len(report.posterior) == 50
    reports = api.analyse([star, text_file, spectrum], samples=10)
    assert [r.star.name for r in reports[::2]] == ["demo 1", "demo 2"] and len(reports) == 3
    assert reports[0].to_table().colnames[:4] == ["path", "survey", "object_id", "snr"]
    assert len(api.analyse(iter([star, star]), samples=10)) == 2
    assert api.analyse(reports[0], samples=10).star is star


def test_a_bad_file_keeps_its_place_in_a_list_and_raises_alone(tmp_path: Path, text_file: Path) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_bytes(b"")
    reports = api.analyse([text_file, bad, tmp_path / "absent.fits", _star(1)], samples=10)
    assert [bool(r.problem) for r in reports] == [False, True, True, False]
    assert reports[1].star.meta["path"] == str(bad) and reports[1].star.name == "bad.fits"
    with pytest.raises(ReadError):
        api.analyse(bad)


def test_one_engine_a_model_and_device(fakes: list[str]) -> None:
    threads = [threading.Thread(target=api.analyse, args=(_star(i),), kwargs={"samples": 5}) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert fakes == ["specclip-small/auto"]
    assert api.load_model() is api.default_engine().model and api.default_engine() is api.default_engine()
    api.analyse(_star(0), device="cpu", samples=5)
    assert fakes == ["specclip-small/auto", "specclip-small/cpu"]


def test_translate_uses_what_a_report_has(fake_model_class: Any) -> None:
    model = fake_model_class()
    star = _star(4)
    report = api.analyse(star, model=model, samples=10)
    calls = dict(model.calls)
    assert api.translate(report, model=model) is report.predictions["gaia_xp"]
    assert dict(model.calls) == calls
    assert api.translate(star.spectra["lamost_lrs"]).survey == "gaia_xp"
    assert [p.survey for p in api.translate([star, star], to="lamost_lrs")] == ["lamost_lrs"] * 2
    with pytest.raises(ModelError, match="Did you mean 'gaia_xp'"):
        api.translate(star, to="gaia")


def test_similar_stars_are_those_of_like_slope() -> None:
    found = api.similar(_star(10), k=4)
    assert set(map(str, found["object_id"])) == {"demo 8", "demo 9", "demo 11", "demo 12"}
    assert list(found["similarity"]) == sorted(found["similarity"], reverse=True)
    assert found["teff"].unit == "K" and found["teff"][0] == 5000 + 10 * found["row"][0]
    by_report = api.similar(api.analyse(_star(10), samples=5), k=4)
    assert list(by_report["row"]) == list(found["row"])
    assert api.similar(_star(10).spectra["gaia_xp"], k=2).meta["survey"] == "gaia_xp"
    assert [len(t) for t in api.similar([_star(1), _star(2)], k=3)] == [3, 3]


def test_a_report_of_other_weights_is_not_compared(fake_model_class: Any) -> None:
    report = api.analyse(_star(1), model=fake_model_class(sha="0" * 64), samples=5)
    with pytest.raises(CatalogError, match="made by fake"):
        api.similar(report)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: api.analyse(_star(0), sample=5), "no option 'sample'.*Did you mean 'samples'"),
        (lambda: api.analyse(_star(0), nonsense=5), "one of model, device, samples"),
        (lambda: api.analyse(_star(0), samples=0), "at least 1"),
        (lambda: api.analyse(_star(0), samples="many"), "whole number"),
        (lambda: api.analyse(7), "int is no star"),
        (lambda: api.analyse(None), "NoneType is no star"),
        (lambda: api.analyse(np.ones(5)), "makes one from arrays"),
        (lambda: api.analyse([_star(0), 7]), "int is no star"),
        (lambda: api.analyse(_star(0), device=1), "device=1"),
        (lambda: api.analyse(_star(0), model=3), "model=3"),
        (lambda: api.similar(_star(0), k=0), "k=0"),
        (lambda: api.similar(_star(0), n=3), "no option 'n'"),
        (lambda: api.translate(_star(0), to=3), "is no survey"),
        (lambda: api.open(3), "int is no path"),
    ],
)
def test_mistakes_are_told_in_words(call: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        call()
    assert isinstance(caught.value, SpecvizError) and isinstance(caught.value, TypeError)


def test_a_star_without_spectra_cannot_be_compared() -> None:
    with pytest.raises(ModelError, match=r"nobody cannot be compared: This star has no spectrum\."):
        api.similar(Star("nobody"))
