"""The figures of the model card, on the shipped weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from specviz.models.registry import load_model
from specviz.training import evaluate
from specviz.training.evaluation import gaia_xp, outliers, planted, plates, transfer
from specviz.training.evaluation.bench import Bench


class Said(list[str]):
    """What a part has printed since the last :meth:`clear`."""

    def line(self, start: str) -> str:
        return next(x for x in self if x.strip().startswith(start))


@pytest.fixture(scope="module")
def said() -> Said:
    return Said()


@pytest.fixture(scope="module")
def bench(shared: Path, said: Said, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("runs")
    return Bench(load_model(device="cpu"), shared, folder / "cache", folder, n_pairs=64, seed=7, say=said.append)


@pytest.fixture(autouse=True)
def _fresh(said: Said) -> Iterator[None]:
    said.clear()
    yield


def test_held_out_plates_beat_the_bar(bench: Bench, said: Said) -> None:
    scores = plates.held_out_plates(bench)
    assert np.less_equal(scores.mae, plates.BAR).all() and scores.n == 239
    assert f"MAE {scores.mae[0]:6.1f} K" in said.line("specclip-small")
    alpha = [float(part.split()[0]) for part in said.line("median [alpha/Fe]").split(": ")[1].split(", ")]
    assert abs(alpha[0]) < 0.07 and alpha[0] < alpha[1] < alpha[2] < 0.4  # solar at solar metallicity, rising below
    asked = {t.name: t for t in bench.targets}
    assert asked["held-out plates, MAE of teff"].value == pytest.approx(scores.mae[0])
    assert asked["held-out plates, 95 % interval of fe_h, %"].met


def test_other_data_release(bench: Bench, said: Said) -> None:
    transfer.dr1_transfer(bench)
    mae = [t for t in bench.targets if t.name.startswith("LAMOST DR1")]
    assert len(mae) == 3 and all(t.met for t in mae)
    assert "n=19" in said.line("teff < 7000 K, snrg > 20")


def test_sdss_templates_follow_their_types(bench: Bench, said: Said) -> None:
    transfer.sdss_templates(bench)
    found = {t.name.removeprefix("SDSS templates"): t for t in bench.targets if t.name.startswith("SDSS")}
    assert found[", Spearman of type and Teff"].met
    assert found[", largest rise of Teff from a half class to the next, K"].met
    assert 0.8 < found[" F to K, slope of [Fe/H] with the bin"].value < 1.15
    assert "K5-9" in said.line("median Teff of half classes")


def test_repeated_visits_agree(bench: Bench, said: Said) -> None:
    transfer.repeats(bench)
    assert "54 spectra of 25 stars, 35 pairs" in said.line("Repeated visits")
    targets = [t for t in bench.targets if t.name.startswith("repeated visits")]
    assert len(targets) == 6 and all(t.met for t in targets)
    # The posterior holds what the visits share as well: its chi2 is the smaller one.
    assert all(whole.value < visit.value for whole, visit in zip(targets[::2], targets[1::2], strict=True))


def test_standards_come_out_at_their_types(bench: Bench, said: Said) -> None:
    gaia_xp.calspec(bench)
    (target,) = [t for t in bench.targets if t.name.startswith("CALSPEC")]
    assert target.value >= 7
    ten_lac = said.line("10 Lac")
    assert "O9V" in ten_lac and "odder than 100 %" in ten_lac  # hotter than any star of the training set: flagged
    sun_like = float(said.line("18 Sco").split("teff")[1].split()[0])
    assert abs(sun_like - 5823) < 200


def test_what_is_no_star_stands_out(bench: Bench, said: Said) -> None:
    outliers.outliers(bench)
    areas = [t for t in bench.targets if t.name.startswith("AUC") and "planted" not in t.name]
    assert len(areas) == 6 and all(t.met for t in areas)
    galaxies = said.line("galaxies (LAMOST DR7)").split("above")[1].split("%")[0].split()
    assert len(galaxies) == 3 and min(map(float, galaxies)) >= 97


def test_planted_objects_stand_out_and_ordinary_ones_do_not(
    bench: Bench, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "N_OBJECTS", {"star": 12, "galaxy": 12, "fault": 12})
    outliers.planted_outliers(bench, ("star-forming galaxy", "cool M dwarf", "fringes", "dead arm"))
    area = {name: float(said.line(name).split("AUC")[1].split(";")[0])
            for name in ("ordinary star", "star-forming galaxy", "cool M dwarf", "dead arm")}  # fmt: skip
    assert 0.25 < area["ordinary star"] < 0.8 and min(area["star-forming galaxy"], area["cool M dwarf"]) > 0.95
    assert "12 visible" in said.line("fringes") and "0 visible" in said.line("dead arm")
    assert any(t.name.startswith("AUC of visible faults") and t.met for t in bench.targets)


def test_coverage_by_plate_adds_up(bench: Bench) -> None:
    by_plate = plates.coverage_by_plate(bench)
    assert len(by_plate) > 8 and all(v.min() >= 0 and v.max() <= 1 for v in by_plate.values())
    assert 0.4 < np.mean(list(by_plate.values())) < 0.85


@pytest.mark.parametrize(("words", "why"), [(["--only", "plates,all"], "no part 'all'"), (["--nope"], "usage")])
def test_wrong_words_are_explained(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        evaluate.main(words)
    assert stop.value.code == 2 and why in capsys.readouterr().err


def test_absent_material_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--shared", str(tmp_path)]) == 1
    assert "SPECVIZ_SHARED" in capsys.readouterr().err


def test_the_exit_status_and_the_last_lines_name_what_is_missed(
    bench: Bench, shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def part(bench: Bench) -> None:
        bench.target("a thing", 2.0, high=1.0)
        bench.target("another", 0.5, high=1.0)

    monkeypatch.setitem(evaluate.PARTS, "plates", (part,))
    assert evaluate.main(["--plates-only", "--shared", str(shared)]) == 1
    out = capsys.readouterr().out
    assert "1 of 2 targets met" in out and out.splitlines()[-1] == "MISSED a thing: 2 (asked: at most 1)"
    monkeypatch.setitem(evaluate.PARTS, "plates", (lambda bench: bench.target("fine", 0.5, high=1.0),))
    assert evaluate.main(["--plates-only", "--shared", str(shared)]) == 0
