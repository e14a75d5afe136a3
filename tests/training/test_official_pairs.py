"""A user's own HDF5: what is read is what was written, and what is wrong with a file is said."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from specviz.errors import SpecvizError
from specviz.models.specclip.label_flow import LabelFlow
from specviz.training import official_pairs, official_rows
from specviz.training.official_layout import inspect, write_official_hdf5
from specviz.training.official_pairs import load_own_data, main
from specviz.training.official_stages import band_loss, label_config, masked_log_prob, noise_weight

Group = Callable[..., Any]


@pytest.fixture
def own_file(tmp_path: Path, own_group: Group) -> Path:
    write_official_hdf5(tmp_path / "own.h5", own_group(120, 1), own_group(30, 2))
    return tmp_path / "own.h5"


def edit(path: Path, change: Callable[[Any], None]) -> Path:
    with h5py.File(path, "r+") as f:
        change(f)
    return path


def put(f: Any, name: str, values: Any) -> None:
    """A dataset in the place of another."""
    if name in f:
        del f[name]
    f[name] = values


# ---------------------------------------------------------------------------------------------- reading
def test_round_trip(own_file: Path, tmp_path: Path, own_group: Group) -> None:
    data, train, test = load_own_data([own_file], tmp_path / "cache"), own_group(120, 1), own_group(30, 2)
    rows = np.concatenate([data.train.index, data.validation.index])
    assert sorted(rows) == list(range(120)) and len(data.validation) == 12 and len(data.test) == 30
    for part, group in ((data.train, train), (data.validation, train), (data.test, test)):
        at = part.index
        np.testing.assert_allclose(part.lamost, np.asarray(group.lamost)[at], atol=1e-3)
        np.testing.assert_array_equal(part.xp, np.asarray(group.gaia, np.float32)[at])
        np.testing.assert_allclose(part.xp_ivar, np.asarray(group.gaia_ivar)[at], rtol=1e-6)
        np.testing.assert_allclose(part.lamost_ivar, 3600.0, rtol=1e-3)
        np.testing.assert_array_equal(part.labels["teff"], np.asarray(group.labels["teff"], np.float32)[at])
        np.testing.assert_allclose(part.lamost_log_snr, np.log10(60), atol=0.1)
    assert data.labels == ("fe_h", "teff") and data.has_ivar == {"lamost_lrs", "gaia_xp"} and data.notes == ()


def test_spectra_stay_on_disk_and_chunks_do_not_show(
    own_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_own_data([own_file], tmp_path / "a")
    for module in (official_pairs, official_rows):
        monkeypatch.setattr(module, "ROWS", 7)
    pieces = load_own_data([own_file], tmp_path / "b")
    for a, b in ((whole.train, pieces.train), (whole.validation, pieces.validation), (whole.test, pieces.test)):
        for name in ("lamost", "lamost_ivar", "xp", "xp_ivar"):
            assert isinstance(getattr(b, name), np.memmap)
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert a.lamost_clean is a.lamost  # no second copy of what nobody knows better
        np.testing.assert_array_equal(a.xp_log_snr, b.xp_log_snr)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, own_group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (official_pairs, official_rows):
        monkeypatch.setattr(module, "ROWS", 16)
    peaks = []
    for n in (60, 60, 600):  # the first one pays for the imports
        path = tmp_path / f"{len(peaks)}.h5"
        write_official_hdf5(path, own_group(n, 1), own_group(10, 2))
        tracemalloc.start()
        load_own_data([path], tmp_path / "cache")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1] < 0.3 * path.stat().st_size


def test_the_second_reading_takes_what_the_first_wrote(own_file: Path, tmp_path: Path) -> None:
    load_own_data([own_file], tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    before = folder.stat().st_mtime_ns
    load_own_data([own_file], tmp_path / "cache")
    assert [p.stat().st_mtime_ns for p in (tmp_path / "cache").iterdir()] == [before]
    edit(own_file, lambda f: put(f, "train/labels/fe_h", np.linspace(-1, 0, 120)))
    data = load_own_data([own_file], tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    np.testing.assert_allclose(data.train.labels["fe_h"], np.linspace(-1, 0, 120)[data.train.index], atol=1e-6)


def test_source_ids_decide_who_validates(tmp_path: Path, own_group: Group) -> None:
    group, order = own_group(200, 1), np.random.default_rng(0).permutation(200)
    turned = own_group(200, 1, gaia=group.gaia[order], lamost=group.lamost[order], source_ids=group.source_ids[order],
                       labels={}, gaia_ivar=None, lamost_ivar=None)  # fmt: skip
    found = []
    for name, train in (("a", group), ("b", turned)):
        write_official_hdf5(tmp_path / f"{name}.h5", train, own_group(10, 2))
        data = load_own_data([tmp_path / f"{name}.h5"], tmp_path / name)
        found.append(set(np.asarray(train.source_ids)[data.validation.index]))
    assert found[0] == found[1] and len(found[0]) == 20
    assert found[0] != set(np.asarray(group.source_ids)[:20])  # not simply the first


def test_text_ids_flat_arrays_and_no_test_group(own_file: Path, tmp_path: Path) -> None:
    def change(f: Any) -> None:
        for name in ("gaia_spectra", "lamost_spectra"):
            put(f, f"train/{name}", f[f"train/{name}"][..., 0].astype(np.float64))
        put(f, "train/source_ids", [f"star {i // 2}" for i in range(120)])  # every star twice
        del f["test"], f["train/gaia_ivar"], f["train/lamost_ivar"], f["train/labels"]

    data = load_own_data([edit(own_file, change)], tmp_path / "cache")
    stars = [set(part.index // 2) for part in (data.train, data.validation, data.test)]
    assert sum(map(len, stars)) == 60  # no star on two sides
    assert len(data.test) >= 8 and len(data.validation) >= 8 and "no group test" in data.notes[0]
    assert data.labels == () and data.has_ivar == frozenset()
    assert (np.asarray(data.train.lamost_ivar) == 0).all()
    np.testing.assert_allclose(data.train.lamost_log_snr, np.log10(60), atol=0.25)  # measured on the spectra


def test_without_ids_the_xp_spectrum_is_the_star(own_file: Path, tmp_path: Path) -> None:
    def change(f: Any) -> None:
        xp = f["train/gaia_spectra"][...]
        xp[60:] = xp[:60]  # second visits with LAMOST: Gaia has one spectrum of a star
        put(f, "train/gaia_spectra", xp)
        put(f, "test/gaia_spectra", np.concatenate([xp[:4], f["test/gaia_spectra"][4:]]))
        del f["train/source_ids"]

    data = load_own_data([edit(own_file, change)], tmp_path / "cache")
    assert not set(data.train.index % 60) & set(data.validation.index % 60)
    assert "4 stars of test are also in train" in " ".join(data.notes)


def test_unusable_rows_are_left_out_and_counted(own_file: Path, tmp_path: Path) -> None:
    def change(f: Any) -> None:
        f["train/lamost_spectra"][3, 700] = np.nan
        f["train/gaia_spectra"][5] = np.inf
        f["train/lamost_spectra"][7] = 1.0  # flat
        f["train/lamost_spectra"][9] *= 40.0  # one continuum that failed
        f["train/lamost_spectra"][11, 50:60] = 30.0  # masked: a cosmic ray
        f["train/lamost_spectra"][12, 50:60] = np.nan  # masked: a gap
        f["train/lamost_ivar"][11:13, 50:60] = 0.0
        f["train/lamost_ivar"][13, 50] = np.nan
        f["train/labels/teff"][20:30] = -9999.0

    data = load_own_data([edit(own_file, change)], tmp_path / "cache")
    rows = np.concatenate([data.train.index, data.validation.index])
    assert sorted(set(range(120)) - set(rows)) == [3, 5, 7, 9]
    assert data.notes == ("own.h5: 4 of 120 train rows are left out (3 not finite, flat or masked, 1 not normalised)",)
    flux = {i: (p.lamost[k], p.lamost_ivar[k]) for p in (data.train, data.validation) for k, i in enumerate(p.index)}
    for row in (11, 12):
        assert (flux[row][0][50:60] == 1.0).all() and (flux[row][1][50:60] == 0).all() and flux[row][1][61] > 0
    assert flux[13][1][50] == 0
    assert np.isnan([p.labels["teff"][list(p.index).index(25)] for p in (data.train, data.validation)
                     if 25 in p.index]).all()  # fmt: skip


def test_files_of_one_survey_join_the_pretraining(own_file: Path, tmp_path: Path, own_group: Group) -> None:
    with h5py.File(tmp_path / "encoder.h5", "w") as f:
        f["train/spectra"] = np.asarray(own_group(50, 5).lamost, np.float32)[..., None]
        f["test/spectra"] = np.asarray(own_group(5, 6).lamost, np.float32)[..., None]
    data = load_own_data([tmp_path / "encoder.h5", own_file], tmp_path / "cache")
    assert len(data.single["lamost_lrs"]) == 50 and "gaia_xp" not in data.single
    np.testing.assert_allclose(data.single["lamost_lrs"].flux, own_group(50, 5).lamost, atol=1e-3)


def test_labels_few_stars_have_are_not_learned(own_file: Path, tmp_path: Path) -> None:
    def change(f: Any) -> None:
        few = np.full(120, np.nan)
        few[:9] = 0.1
        put(f, "train/labels/mg_fe", few)
        put(f, "train/labels/ebv", np.zeros(120))

    data = load_own_data([edit(own_file, change)], tmp_path / "cache")
    assert data.labels == ("fe_h", "teff")
    assert "the label ebv is not learned" in data.notes[0] and "all the same" in data.notes[0]
    assert "the label mg_fe is not learned" in data.notes[1] and "20 are needed" in data.notes[1]


# ---------------------------------------------------------------------------------------------- what can be wrong
def scaled(name: str, factor: float) -> Callable[[Any], None]:
    return lambda f: put(f, name, f[name][...] * factor)


def dropped(*names: str) -> Callable[[Any], None]:
    def change(f: Any) -> None:
        for name in names:
            del f[name]

    return change


def replaced(name: str, values: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda f: put(f, name, values(f))


def swapped(f: Any) -> None:
    for group in ("train", "test"):
        f[group].move("gaia_spectra", "x")
        f[group].move("lamost_spectra", "gaia_spectra")
        f[group].move("x", "lamost_spectra")


FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "no train": (dropped("train"), "It is a test set"),
    "neither group": (dropped("train", "test"), "holds nothing"),
    "no LAMOST": (dropped("train/lamost_spectra"), "lacks lamost_spectra"),
    "no LAMOST in test": (dropped("test/lamost_spectra"), "no dataset test/lamost_spectra"),
    "short XP": (replaced("train/gaia_spectra", lambda f: f["train/gaia_spectra"][:, :300]), "has 300 pixels"),
    "55 coefficients": (replaced("train/gaia_spectra", lambda f: np.ones((120, 55))), "343 pixels, 336 to 1020 nm"),
    "swapped": (swapped, "swap the two names"),
    "transposed": (replaced("train/gaia_spectra", lambda f: f["train/gaia_spectra"][..., 0].T), "Transpose it"),
    "one number": (replaced("train/gaia_spectra", lambda f: 3.0), r"shape \(\)"),
    "4-D": (replaced("train/gaia_spectra", lambda f: np.ones((120, 343, 1, 1))), r"\(120, 343, 1, 1\)"),
    "text": (replaced("train/gaia_spectra", lambda f: ["a", "b"]), "float32"),
    "empty": (replaced("train/gaia_spectra", lambda f: np.ones((0, 343))), r"\(0, 343\)"),
    "a row less": (replaced("train/gaia_spectra", lambda f: f["train/gaia_spectra"][:119]), "one row of each a star"),
    "ivar of another shape": (replaced("train/gaia_ivar", lambda f: np.ones((120, 100))), "that of gaia_spectra"),
    "LAMOST not normalised": (scaled("train/lamost_spectra", 3000.0), "not continuum-normalised.*typically 2[0-9]{3}"),
    "XP in W/m2/nm": (scaled("test/gaia_spectra", 1e-16), "not divided by the flux at 550 nm.*typically 1e-16"),
    "ivar of the raw flux": (scaled("train/gaia_ivar", 1e30), "gives a median S/N"),
    "short labels": (replaced("train/labels/teff", lambda f: np.ones(5)), r"expected|Expected: \(120,\)"),
    "labels in a table": (replaced("train/labels", lambda f: np.ones(5)), "a group with one dataset a label"),
    "label called badly": (replaced("train/labels/[Fe\u2044H]", lambda f: np.ones(120)), "names such as teff"),
    "log teff": (replaced("train/labels/teff", lambda f: np.full(120, 3.76)), "kelvin"),
    "float ids": (scaled("train/source_ids", 1.0), "Gaia's numbers do not fit"),
    "ids of others": (replaced("train/source_ids", lambda f: np.arange(5)), r"source_ids of own.h5 has the shape"),
    "all NaN": (scaled("train/gaia_spectra", np.nan), "too few usable pairs for train"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_explained(fault: str, own_file: Path, tmp_path: Path) -> None:
    change, why = FAULTS[fault]
    with pytest.raises(SpecvizError, match=why) as caught:
        load_own_data([edit(own_file, change)], tmp_path / "cache")
    assert "own.h5" in str(caught.value)
    assert not list((tmp_path / "cache").glob("own_*")), "nothing half done is left to be taken for whole"


@pytest.mark.parametrize(
    "content, why", [(None, "does not exist"), (b"", "no HDF5"), (b"version https://git-lfs", "no HDF5")]
)
def test_other_files_are_refused(content: bytes | None, why: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "own.h5").write_bytes(content)
    with pytest.raises(SpecvizError, match=why):
        inspect(tmp_path / "own.h5")


def test_truncated_files_are_refused(own_file: Path) -> None:
    content = own_file.read_bytes()
    own_file.write_bytes(content[: len(content) // 2])
    with pytest.raises(SpecvizError, match=r"cannot be read.*Copy it again"):
        inspect(own_file)


def test_h5py_may_be_absent(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SpecvizError, match=r"needs h5py.*jupyter-specviz\[train\]"):
        inspect(own_file)


def test_one_file_of_pairs_is_needed(own_file: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "encoder.h5", "w") as f:
        f["train/spectra"] = np.ones((50, 343, 1), np.float32)
    for files in ([tmp_path / "encoder.h5"], [own_file, own_file]):
        with pytest.raises(SpecvizError, match="hold pairs"):
            load_own_data(files, tmp_path / "cache")
    with pytest.raises(SpecvizError, match="same survey"):
        load_own_data([own_file, *2 * [tmp_path / "encoder.h5"]], tmp_path / "cache")


def test_only_arrays_of_the_right_shape_are_written(tmp_path: Path, own_group: Group) -> None:
    for wrong in ({"gaia": np.ones((5, 300))}, {"lamost_ivar": np.ones((4, 1462))}, {"source_ids": np.arange(4)}):
        with pytest.raises(SpecvizError, match="has the shape"):
            write_official_hdf5(tmp_path / "out.h5", own_group(5, 1, **wrong))
    assert list(tmp_path.iterdir()) == []


def test_check_says_what_a_file_holds(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(own_file)]) == 0
    said = capsys.readouterr().out
    assert "own.h5: pairs: 120 train, 30 test; with ivar of" in said and "every row can be used" in said
    edit(own_file, scaled("train/lamost_spectra", 50.0))
    assert main(["check", str(own_file)]) == 1
    assert "gaspp_continuum" in capsys.readouterr().err


def test_simulated_pairs_are_exported(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "simulated.h5"
    assert main(["export", str(out), "--pairs", "48", "--shared", str(shared), "--cache", str(tmp_path / "cache")]) == 0
    data = load_own_data([out], tmp_path / "own")
    assert len(data.train) + len(data.validation) > 40 and len(data.test) >= 8
    assert {"teff", "logg", "fe_h", "mg_fe", "rv"} <= set(data.labels)


# ---------------------------------------------------------------------------------------------- losses
def test_labels_are_asked_of_the_survey_that_shows_them() -> None:
    both = label_config(["rv", "fe_h", "mg_fe", "teff", "c_fe", "ebv"])
    assert both["labels"] == {"lamost_lrs": ("teff", "fe_h", "ebv"), "gaia_xp": ("teff", "fe_h", "ebv")}
    assert both["extra_labels"] == {"lamost_lrs": ("rv", "c_fe", "mg_fe")}
    assert label_config(["rv"]) == {"labels": {"lamost_lrs": ("rv",)}, "extra_labels": {}}
    assert label_config([]) == {"labels": {}, "extra_labels": {}}


def test_unknown_labels_teach_nothing_and_hide_nothing() -> None:
    torch.manual_seed(0)
    flow = LabelFlow(("teff", "fe_h"), 5, 8, 8, 4, extra=("rv", "mg_fe"))
    flow.offset[0] = 3.75
    context = torch.randn(4, 5)
    labels = np.array([[5600, 0.1, 20, 0.2]] * 4, np.float32)
    labels[1, 0] = labels[2, 3] = np.nan
    labels[3, :2] = np.nan
    log_prob, counts = masked_log_prob(flow, labels, context)
    assert counts.tolist() == [
        [True] * 4, [False, False, True, False], [True, True, True, False], [False, False, True, False],
    ]  # fmt: skip
    whole = flow.log_prob(torch.tensor([[5600, 0.1, 20, 0.2]] * 4), context)
    torch.testing.assert_close(log_prob[counts], whole[counts])
    log_prob[counts].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in flow.parameters() if p.grad is not None)


def test_noisy_pixels_count_less_and_masked_ones_not() -> None:
    flux, sigma = torch.ones(1, 3), torch.tensor([[0.002, 0.02, 0.2]])
    weight = noise_weight("lamost_lrs", flux, sigma**-2, True)
    np.testing.assert_allclose(weight, [[0.995, 0.7071, 0.0995]], atol=1e-3)
    assert noise_weight("lamost_lrs", flux, torch.zeros(1, 3), True).tolist() == [[0.0, 0.0, 0.0]]
    assert noise_weight("lamost_lrs", flux, torch.zeros(1, 3), False).tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize("has_ivar, expected", [(True, 0.03), (False, 0.05)])
def test_bands_hold_what_the_noise_does_not_explain(has_ivar: bool, expected: float) -> None:
    rng = np.random.default_rng(0)
    residual = torch.from_numpy(rng.normal(0, 0.05, (200, 500)))  # 0.03 of the prediction, 0.04 of the noise
    ivar = torch.full(residual.shape, 0.04**-2)
    grid = np.log(np.linspace(0.02, 0.07, 101))
    losses = [band_loss(residual, torch.full(residual.shape, s), ivar, has_ivar) for s in grid]
    assert np.exp(grid[int(np.argmin(losses))]) == pytest.approx(expected, abs=0.001)
