"""``specviz fine-tune``: a table of labelled spectra in, a folder with a model out."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from scipy.ndimage import gaussian_filter1d

import specviz
from specviz.cli import main
from specviz.errors import CheckpointError
from specviz.models.registry import own_weights
from specviz.models.spectrafm.model import SpectraFM
from specviz.models.spectrafm.weights_file import read, write
from specviz.training import spectrafm
from specviz.training.fine_tune_command import build_parser
from specviz.training.plates import dealt, joined, same_place, same_word

WAVE = np.arange(4900.0, 5700.0, 8.0)
N = 48


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spectra of 46 dwarfs of 5500 K, two of them twice, on eight plates, seen by an instrument with stray light."""
    folder = tmp_path_factory.mktemp("survey")
    (folder / "spectra").mkdir()
    rng = np.random.default_rng(3)
    fe_h = rng.uniform(-1.0, 0.3, N)
    fe_h[[10, 20]] = fe_h[[11, 21]]
    emulator = specviz.load_model("phdlspec-small")
    made = emulator.spectra({"teff": np.full(N, 5500.0), "logg": np.full(N, 4.4), "fe_h": fe_h}, sed=False).norm
    files, stars = [], [f"star {k}" for k in range(N)]
    stars[10], stars[20] = stars[11], stars[21]
    for k, norm in enumerate(made):
        flux = 0.25 + 0.75 * np.interp(WAVE, emulator.wave, gaussian_filter1d(norm, 6.0))
        flux += 0.01 * rng.standard_normal(WAVE.size)
        files.append(f"spectra/{k}.ecsv")
        Table({"wavelength": WAVE, "flux": flux, "ivar": np.full(WAVE.size, 1e4)}).write(folder / files[-1])
    table = Table({"path": files, "star": stars, "plate": [f"p{k // 6}" for k in range(N)], "FEH": fe_h})
    for suffix in ("csv", "fits", "ecsv", "parquet"):
        table.write(folder / f"table.{suffix}")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "base.safetensors"
    write(SpectraFM.untrained(seed=1).weights, path)
    return path


Teach = Callable[..., int]


@pytest.fixture
def teach(survey: Path, base: Path) -> Teach:
    """``teach(folder, *words, table="table.csv")``: the command with few steps; its exit status."""

    def run(folder: Path, *words: str, table: str | Path = "table.csv", steps: int = 8) -> int:
        model = [] if "--model" in words else ["--model", str(base)]
        label = [] if "--labels" in words else ["--labels", "fe_h=FEH"]
        given = ["fine-tune", str(survey / table), "-o", str(folder), "--rest", "--steps", str(steps)]
        return main([*given, *model, *label, *words])

    return run


@pytest.fixture(scope="module")
def taught(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model, taught."""
    folder = tmp_path_factory.mktemp("taught") / "mine"
    words = ["--rest", "--steps", "24", "--labels", "fe_h=FEH", "--quiet"]
    assert main(["fine-tune", str(survey / "table.fits"), "-o", str(folder), *words]) == 0
    return folder


def changed(survey: Path, name: str, change: Callable[[Table], Any]) -> Path:
    """The table with something else in it, beside the first."""
    table = Table.read(survey / "table.csv")
    change(table)
    table.write(survey / name, overwrite=True)
    return survey / name


def split_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "split.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_folder_is_a_model_wherever_one_is_named(taught: Path, survey: Path) -> None:
    one = survey / "spectra/3.ecsv"
    report = specviz.analyse(specviz.open(one).spectra["other"].with_(frame="rest"), model=str(taught))
    assert report.posterior is not None and report.provenance.model == "mine"
    assert own_weights(str(taught)) == taught / "mine.safetensors"
    model = specviz.load_model(str(taught))
    assert model.describe().version == "1.0, tuned" and model.describe().surveys == ("lamost_lrs",)
    assert main(["analyse", str(one), "--model", str(taught)]) == 0


def test_it_is_measured_beside_simple_ones_and_is_better_than_it_was(taught: Path) -> None:
    found = json.loads((taught / "fine_tune.json").read_text())["figures"]["fe_h"]
    assert list(found) == ["mean of the labels", "ridge regression", "spectrafm-small, as it is", "tuned"]
    assert found["tuned"]["rmse"] < 0.6 * found["spectrafm-small, as it is"]["rmse"]
    assert found["tuned"]["rmse"] < found["mean of the labels"]["rmse"]
    assert found["tuned"]["n"] == sum(row["part"] == "test" for row in split_of(taught))


def test_its_card_says_what_it_learned_from(taught: Path) -> None:
    card = (taught / "MODEL_CARD.md").read_text()
    assert card.startswith("# mine\n") and "spectra of `table.fits`" in card
    assert "ridge regression" in card and "share no star or plate" in card and "Seed 0, 24 steps" in card
    weights = (taught / "mine.safetensors").read_bytes()
    assert (taught / "SHA256SUMS").read_text() == f"{hashlib.sha256(weights).hexdigest()}  mine.safetensors\n"
    assert not (taught / "checkpoint.pt").exists()


def test_evaluate_measures_the_same_again(taught: Path, survey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--model", str(taught)]) == 0
    said = capsys.readouterr().out
    card = (taught / "MODEL_CARD.md").read_text()
    for row in ("ridge regression", "as it is", "tuned      "):
        assert next(line for line in said.splitlines() if row in line) in card


def test_evaluate_knows_what_it_has_learned_from_again(
    taught: Path, survey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def renamed(table: Table) -> None:
        table["star"] = [f"other {k}" for k in range(N)]
        table.remove_columns(["plate"])

    seen = [k for k, row in enumerate(split_of(taught)) if row["part"] != "test"]
    assert main(["evaluate", "--model", str(taught), "--table", str(changed(survey, "others.csv", renamed))]) == 0
    assert f": {N - len(seen)} spectra" in capsys.readouterr().out  # under other names, the same spectra
    fewer = changed(survey, "seen.csv", lambda t: t.remove_rows([k for k in range(N) if k not in seen]))
    assert main(["evaluate", "--model", str(taught), "--table", str(fewer)]) == 1
    assert "No spectrum of the table is kept for a test" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["table.csv", "table.ecsv", "table.fits", "table.parquet"])
def test_every_kind_of_table_teaches_the_same(teach: Teach, tmp_path: Path, table: str) -> None:
    assert teach(tmp_path / "a", "--quiet", table=table, steps=1) == 0
    identity = json.loads((tmp_path / "a" / "fine_tune.json").read_text())["identity"]
    assert teach(tmp_path / "b", "--quiet", steps=1) == 0
    assert json.loads((tmp_path / "b" / "fine_tune.json").read_text())["identity"] == identity


def test_no_star_and_no_plate_is_on_two_sides(teach: Teach, tmp_path: Path) -> None:
    assert teach(tmp_path / "a", "--quiet", steps=1) == 0
    rows = split_of(tmp_path / "a")
    for key in ("star", "plate"):
        parts: dict[str, set[str]] = {}
        for row in rows:
            parts.setdefault(row[key], set()).add(row["part"])
        assert all(len(p) == 1 for p in parts.values())
    assert {row["part"] for row in rows} == {"learn", "stop", "test"}


def test_one_plate_is_no_reason_to_stop_unless_plates_were_asked_for(
    survey: Path, teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = changed(survey, "one_plate.csv", lambda t: t.replace_column("plate", ["p"] * N))
    assert teach(tmp_path / "a", "--quiet", table=one, steps=1) == 0
    said = capsys.readouterr()
    assert "no star on two sides" in said.out and "too few plates to keep apart" in said.err
    assert "too few plates to keep apart" in (tmp_path / "a" / "MODEL_CARD.md").read_text()
    assert teach(tmp_path / "b", "--plate", "plate", table=one) == 1
    assert "The plates cannot be dealt into parts" in capsys.readouterr().err


def test_a_stopped_run_goes_on_to_the_same_weights(
    teach: Teach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert teach(tmp_path / "whole" / "mine", "--quiet") == 0
    keep, kept = spectrafm.keep, []

    def stopping(content: Any, path: Path) -> None:
        keep(content, path)
        kept.append(content["step"])
        if len(kept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(spectrafm, "keep", stopping)
    folder = tmp_path / "stopped" / "mine"
    assert teach(folder) == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err
    assert (folder / "checkpoint.pt").exists() and not (folder / "mine.safetensors").exists()
    monkeypatch.undo()
    assert teach(folder) == 0
    said = capsys.readouterr()
    assert "goes on after step 3" in said.err and "step 4" in said.err and "step 3:" not in said.err
    assert (folder / "SHA256SUMS").read_text() == (tmp_path / "whole" / "mine" / "SHA256SUMS").read_text()


def test_a_folder_that_is_done_is_left_and_another_run_does_not_take_its_place(
    teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert teach(tmp_path / "a", "--quiet", steps=1) == 0
    weights = (tmp_path / "a" / "a.safetensors").stat().st_mtime_ns
    assert teach(tmp_path / "a", "--quiet", steps=1) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert teach(tmp_path / "a", "--quiet", "--seed", "5", steps=1) == 1
    assert "other spectra, labels or options" in capsys.readouterr().err
    assert (tmp_path / "a" / "a.safetensors").stat().st_mtime_ns == weights
    assert teach(tmp_path / "a", "--quiet", "--seed", "5", "--again", steps=1) == 0
    assert "Seed 5" in (tmp_path / "a" / "MODEL_CARD.md").read_text()


def test_without_a_test_nothing_is_claimed(teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert teach(tmp_path / "a", "--quiet", "--test", "0", steps=1) == 0
    assert "No spectra were kept for a test" in capsys.readouterr().out
    assert "No spectra were kept for a test" in (tmp_path / "a" / "MODEL_CARD.md").read_text()
    assert {row["part"] for row in split_of(tmp_path / "a")} == {"learn", "stop"}
    assert main(["evaluate", "--model", str(tmp_path / "a")]) == 1


def test_labels_that_are_missing_are_left_out_and_told(
    survey: Path, teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(table: Table) -> None:
        table["FEH"][:3] = [np.nan, -9999.0, np.inf]
        table["logg"] = np.where(np.arange(N) < 10, 4.4, np.nan)
        table.rename_column("FEH", "feh")

    some = changed(survey, "some.csv", change)
    assert teach(tmp_path / "a", "--quiet", "--labels", "fe_h=feh", table=some, steps=1) == 0
    said = capsys.readouterr()
    assert "3 rows without any label are left out" in said.err and said.out.startswith("45 spectra, fe_h:")
    assert teach(tmp_path / "b", "--quiet", "--labels", "fe_h=feh,logg", table=some, steps=1) == 1
    assert "logg is known of" in capsys.readouterr().err


def test_by_default_every_label_that_the_table_has_is_taught(
    survey: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)

    def change(table: Table) -> None:
        table["teff"] = 5500.0 + 30 * rng.standard_normal(N)
        table.rename_column("FEH", "feh")

    both = changed(survey, "both.csv", change)
    words = ["--rest", "--steps", "1", "--model", str(base), "--quiet"]
    assert main(["fine-tune", str(both), "-o", str(tmp_path / "a"), *words]) == 0
    assert capsys.readouterr().out.startswith("48 spectra, teff, fe_h:")
    notes = read(tmp_path / "a" / "a.safetensors").card["notes"]
    assert notes["teff"].startswith("taught by") and notes["logg"] == "not taught for this instrument"


def test_a_spectrum_that_cannot_be_read_is_told_and_many_are_refused(
    survey: Path, teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(k: int) -> Callable[[Table], None]:
        return lambda t: t.replace_column("path", [f"none/{f}" if j < k else f for j, f in enumerate(t["path"])])

    assert teach(tmp_path / "a", "--quiet", table=changed(survey, "lost.csv", lose(2)), steps=1) == 0
    assert "none/spectra/0.ecsv: " in capsys.readouterr().err
    assert teach(tmp_path / "b", "--quiet", table=changed(survey, "lost.csv", lose(20)), steps=1) == 1
    assert "20 of 48 spectra cannot be used" in capsys.readouterr().err


def test_a_file_may_have_been_compressed_since(survey: Path, teach: Teach, tmp_path: Path) -> None:
    names = []
    for k in range(N):
        names.append(f"spectra/packed {k}.ecsv")
        with gzip.open(survey / f"{names[-1]}.gz", "wb") as stream:
            stream.write((survey / f"spectra/{k}.ecsv").read_bytes())
    packed = changed(survey, "packed.csv", lambda t: t.replace_column("path", names))
    assert teach(tmp_path / "a", "--quiet", table=packed, steps=1) == 0


def test_wavelengths_that_the_model_does_not_read(
    survey: Path, teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(N):
        wave = np.linspace(15200.0, 16900.0, 300)
        Table({"wavelength": wave, "flux": np.ones(300), "ivar": np.ones(300)}).write(survey / f"spectra/h{k}.ecsv")
    infrared = changed(survey, "h.csv", lambda t: t.replace_column("path", [f"spectra/h{k}.ecsv" for k in range(N)]))
    assert teach(tmp_path / "a", table=infrared) == 1
    said = capsys.readouterr().err
    assert "48 of 48 spectra do not reach the wavelengths" in said and "Angstrom" in said


@pytest.mark.parametrize(
    ("words", "change", "what"),
    [
        ((), lambda t: t.remove_column("path"), "no column for the files of the spectra"),
        (("--labels", "fe_h=MET"), None, "no column MET"),
        (("--labels", "feh=FEH"), None, "Did you mean 'fe_h'?"),
        (("--labels", "teff=FEH"), None, "teff in K"),
        (("--star", "id"), None, "no column id for the stars"),
        ((), lambda t: t.replace_column("FEH", [np.nan] * N), "no number in it"),
        ((), lambda t: t.replace_column("star", [f"s{k % 6}" for k in range(N)]), "48 spectra of 6 stars"),
        ((), lambda t: t.remove_rows(slice(12, None)), "at least 25 stars"),
        ((), lambda t: t.remove_rows(slice(0, None)), "has no rows"),
        (("--model", "lux-small"), None, "cannot be fine-tuned"),
        (("--model", "nothing"), None, "There is no model 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_said(
    survey: Path, teach: Teach, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
    change: Callable[[Table], Any] | None, what: str,
) -> None:  # fmt: skip
    table = changed(survey, "wrong.csv", change) if change else survey / "table.csv"
    assert teach(tmp_path / "a", *words, table=table) == 1
    said = capsys.readouterr().err
    assert what in said and "Traceback" not in said
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("words", [("--test", "0.8"), ("--steps", "0"), ("--what",)])
def test_a_mistake_of_the_command(teach: Teach, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert teach(tmp_path / "a", *words) == 2


def test_a_folder_without_weights_or_with_several(tmp_path: Path, base: Path) -> None:
    with pytest.raises(CheckpointError, match="has no files of weights"):
        specviz.load_model(str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(base.read_bytes())
    with pytest.raises(CheckpointError, match="has 2 files of weights"):
        specviz.load_model(str(tmp_path))


def test_a_folder_called_like_a_model_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spectrafm-small").mkdir()
    monkeypatch.chdir(tmp_path)
    assert own_weights("spectrafm-small") is None
    assert specviz.load_model("spectrafm-small").describe().name == "spectrafm-small"


def test_every_option_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/cli.md").read_text("utf-8")
    section = text.partition("## specviz fine-tune ")[2].partition("\n## ")[0]
    options = {o for a in build_parser()._actions for o in a.option_strings if o.startswith("--")} - {"--help"}
    assert {o for o in options if o not in section} == set()


class TestDealing:
    def test_words_and_places_chain(self) -> None:
        group = joined(5, same_word(["a", "", "a", "", "b"]), same_place([0, 10, 20, 10.0001, np.nan], [0] * 5))
        assert group[0] == group[2] and group[1] == group[3] and len(set(group.tolist())) == 3

    def test_whole_groups_near_the_shares(self) -> None:
        group = np.repeat(np.arange(100), 3)
        part = dealt(group, {2: 0.2, 1: 0.1}, 5)
        assert ((part.reshape(-1, 3) == part.reshape(-1, 3)[:, :1]).all()) and (part == 2).sum() == 60
        assert (dealt(group, {2: 0.2, 1: 0.1}, 5) == part).all() and (dealt(group, {2: 0.2, 1: 0.1}, 6) != part).any()
