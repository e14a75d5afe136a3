"""``specviz catalog build``: what it builds from, what it says, how it ends."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import specviz.catalog.scale.build as building
from specviz.archives import simulated_sky
from specviz.archives.demo import DemoArchive
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.cli.catalog.sources import columns_of, open_source
from specviz.errors import NotFoundError, OptionError
from specviz.spectra.grids import XP_WAVELENGTH_NM


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy XP spectra in an HDF5 file; one of them without BP."""
    path = tmp_path_factory.mktemp("store") / "stars.h5"
    kelvin = np.linspace(4000, 9000, 70)[:, None]
    flux = 1e-16 * (550.0 / XP_WAVELENGTH_NM) ** 5 / np.expm1(1.4387769e7 / (XP_WAVELENGTH_NM * kelvin))
    error = 0.01 * flux
    flux[7, XP_WAVELENGTH_NM < 640] = np.nan
    with h5py.File(path, "w") as file:
        file["flux"], file["wavelength"] = flux, XP_WAVELENGTH_NM
        file["ivar"], file["source_id"] = error**-2.0, np.arange(100, 170)
        file["flux"].attrs["survey"] = "gaia_xp"
    return path


def test_a_file_of_spectra(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["catalog", "build", str(store), "-o", str(tmp_path / "c"), "--device", "cpu", "--partition", "32"]
    assert main(command) == 1
    assert "70 stars" in (said := capsys.readouterr().err) and "1 without an embedding" in said
    catalog = StarCatalog.open(tmp_path / "c")
    assert [part.rows for part in catalog.header.parts] == [32, 32, 6] and len(catalog.vectors("gaia_xp")) == 69
    assert np.array_equal(catalog.column("source_id"), np.arange(100, 170))
    assert (catalog.column("problem") != "").nonzero()[0].tolist() == [7]
    assert catalog.header.notes["made_from"] == str(store)
    assert main(command) == 1 and "70 stars" in capsys.readouterr().err  # it is there already: nothing is redone
    assert main([*command, "--batch", "7"]) == 1 and "another catalogue" in capsys.readouterr().err


def test_stopped_by_the_keyboard(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                 capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    real, made = building.make_part, []

    def interrupted(*args: Any) -> Any:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(args[1])
        return real(*args)

    command = ["catalog", "build", str(store), "-o", str(tmp_path / "c"), "--device", "cpu", "--partition", "32"]
    monkeypatch.setattr(building, "make_part", interrupted)
    assert main(command) == 130 and "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(building, "make_part", real)
    assert main(command) == 1
    assert "going on after 1 of 3 partitions, 32 stars" in capsys.readouterr().err


def test_a_simulated_sky_and_labels_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setattr(simulated_sky, "CELL", 32)
    monkeypatch.setattr(simulated_sky.SimulatedSky.__init__, "__kwdefaults__", {"bases": 80})
    (tmp_path / "labels.csv").write_text("object_id,planet\nsim 0,3\nsim 33,1\n")
    command = ["catalog", "build", "simulated:70:9", "-o", str(tmp_path / "c"), "--device", "cpu", "--partition", "64"]
    assert main([*command, "--labels", str(tmp_path / "labels.csv")]) == 0
    assert "planet of labels.csv for 2 of 70 stars" in capsys.readouterr().err
    catalog = StarCatalog.open(tmp_path / "c")
    assert len(catalog) == 70 and [part.rows for part in catalog.header.parts] == [64, 6]
    assert catalog.column("planet")[[0, 33]].tolist() == [3, 1] and catalog.unit("teff") == "K"
    assert len(catalog.vectors("gaia_xp")) == 70 and not (tmp_path / "c" / "index").exists()
    assert main([*command, "--labels", str(tmp_path / "labels.csv")]) == 0


def test_embeddings_that_there_are(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From spectra, or from what ``specviz embed`` made of them: the same vectors."""
    spectra, ready = tmp_path / "spectra", tmp_path / "ready"
    assert main(["catalog", "build", str(store), "-o", str(spectra), "--device", "cpu"]) == 1
    assert main(["embed", str(store), "-o", f"{ready}.npz", "--device", "cpu", "--precision", "float32"]) == 1
    assert main(["catalog", "build", f"{ready}.npz", "-o", str(ready), "--device", "cpu"]) == 1
    a, b = (StarCatalog.open(path).vectors("gaia_xp") for path in (spectra, ready))
    rows = np.arange(69)
    assert np.array_equal(a.rows_of(rows), b.rows_of(rows))
    assert np.allclose(a.take(rows).astype("f4"), b.take(rows).astype("f4"), atol=1e-3)


def test_workers_are_asked_for(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That workers make the same catalogue is tested beside :mod:`specviz.catalog.scale.dask_runner`."""
    from specviz.catalog.scale import dask_runner

    asked: list[Any] = []

    @contextmanager
    def on_cluster(address: str | None, workers: int | None, **more: Any) -> Iterator[Any]:
        asked.append((address, workers))
        yield building.in_this_process

    monkeypatch.setattr(dask_runner, "on_cluster", on_cluster)
    command = ["catalog", "build", str(store), "--device", "cpu", "-o"]
    assert main([*command, str(tmp_path / "a"), "--workers", "3"]) == 1
    assert main([*command, str(tmp_path / "b"), "--scheduler", "tcp://10.0.0.1:8786"]) == 1
    assert asked == [(None, 3), ("tcp://10.0.0.1:8786", None)]
    hashes = {StarCatalog.open(tmp_path / name).header.content_sha256 for name in "ab"}
    assert len(hashes) == 1


def test_sources_by_name(store: Path, tmp_path: Path) -> None:
    demo = open_source(["demo"])
    assert len(demo.keys()) == 10 and len(open_source(["demo"], partition=5000).keys()) == 4
    assert demo.fingerprint != open_source(["demo"], partition=5000).fingerprint
    million = open_source(["simulated:1_000_000"])
    assert len(million.keys()) == 62 and len(pickle.dumps(million)) < 600
    assert million.fingerprint != open_source(["simulated:1000000:1"]).fingerprint
    assert million.fingerprint != open_source(["simulated:1000000"], survey="both").fingerprint
    held = open_source([str(store)], partition=30)
    again = pickle.loads(pickle.dumps(held))
    assert len(pickle.dumps(held)) < 1000 and again.fingerprint == held.fingerprint
    assert [len(block) for block in again.blocks("part-00002")] == [10]
    wrong = (
        (["simulated:many"], OptionError),
        (["simulated:0"], OptionError),
        (["nowhere"], NotFoundError),
        (["demo", str(store)], OptionError),
        ([str(tmp_path)], NotFoundError),
    )
    for names, error in wrong:
        with pytest.raises(error):
            open_source(names)
    with pytest.raises(OptionError):
        open_source(["demo"], partition=0)


def test_what_is_known_of_a_star_becomes_columns() -> None:
    from specviz.analysis.stream import Row

    star = DemoArchive().star(0)
    columns = columns_of([Row(star.name, star), Row("broken.fits", None, "It is damaged.")])
    assert list(columns["object_id"]) == ["demo 1", "broken.fits"] and list(columns["problem"]) == [
        "",
        "It is damaged.",
    ]
    assert columns["teff"][0] == star.catalogue["teff"] and np.isnan(columns["teff"][1])
    assert columns["ra"][0] == star.ra and columns["class"][0] == star.spectra["lamost_lrs"].meta["subclass"]
    assert columns["g_mag"][0] == star.catalogue["g_mag"] and columns["snr"][0] > 5
