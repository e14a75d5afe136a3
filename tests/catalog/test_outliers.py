"""Why a star is odd, and lists of them: with a model of numpy, no weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.double_lines import DoubleLines
from specviz.analysis.engine import Engine
from specviz.catalog.outliers import NAMES, OutlierScorer, rank
from specviz.catalog.outliers import reference as references
from specviz.catalog.outliers.judge import judge
from specviz.catalog.outliers.measure import Measures, Part, measure
from specviz.catalog.outliers.reference import Reference
from specviz.errors import CancelledError, OptionError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

PLAIN = ("misfit", "latent", "cross_modal", "catalogue")


def _star(seed: int = 0, *, xp: bool = True, bump: float = 0.0, tilt: float = 0.0, **meta: Any) -> Star:
    """A star of smooth spectra with white noise; ``bump`` adds a line at 5000 A, ``tilt`` a wrong flux calibration."""
    rng = np.random.default_rng(seed)
    shape = 1000 * (LAMOST_NATIVE / 5000) ** -1.2
    flux = shape * (1 + bump * np.exp(-0.5 * ((LAMOST_NATIVE - 5000) / 8) ** 2)) * (LAMOST_NATIVE / 5000) ** tilt
    sigma = 0.01 * shape
    flux = flux + sigma * rng.normal(size=flux.size)
    lamost = Spectrum(LAMOST_NATIVE, flux, sigma**-2.0, survey="lamost_lrs", meta={"object_id": f"J{seed}", **meta})
    star = Star.from_spectrum(lamost).with_(name=f"star {seed}")
    if not xp:
        return star
    seen = 3e-16 * (XP_WAVELENGTH_NM / 500) ** -1.2
    noise = 0.01 * seen
    flux = seen + noise * rng.normal(size=seen.size)
    unit, meta = "W m-2 nm-1", {"source_id": seed + 1}
    return star.with_spectrum(
        Spectrum(XP_WAVELENGTH_NM, flux, noise**-2.0, survey="gaia_xp", flux_unit=unit, meta=meta)
    )


@pytest.fixture
def engine(fake_model_class: Any) -> Engine:
    return Engine(fake_model_class(), samples=200)


def _measures(n: int, rng: Any, **odd: float) -> list[Measures]:
    """Ordinary stars of two scores; ``odd`` replaces the values of the last."""
    out = []
    for row in rng.gamma(20.0, 0.05, (n, 2)):
        values = dict(zip(("misfit.lamost_lrs", "latent.lamost_lrs"), row, strict=True))
        out.append(_of(values))
    if odd:
        out[-1] = _of({**out[-1].values, **{k.replace("__", "."): v for k, v in odd.items()}})
    return out


def _of(values: dict[str, float]) -> Measures:
    return Measures(tuple(Part(k.split(".")[0], k, v, "σ", f"{k} is {v:.2f}") for k, v in values.items()), {}, "x")


# ---------------------------------------------------------------------------------------------- one star
def test_each_score_has_a_number_a_unit_and_a_sentence_or_says_why_not(engine: Engine) -> None:
    oddity = OutlierScorer(engine).of(engine.analyse(_star()))
    assert tuple(score.name for score in oddity.scores) == NAMES
    for score in oddity.scores:
        assert bool(score.absent) != bool(np.isfinite(score.value)), score
        assert score.text.endswith(".") or score.absent
    assert oddity["misfit"].unit == "σ" and oddity["misfit"].value > 0
    assert "catalogue" in oddity["catalogue"].absent
    with pytest.raises(KeyError, match="misfit"):
        oddity["speed"]


def test_a_line_that_the_model_cannot_rebuild_is_told_with_its_pixels(engine: Engine) -> None:
    scorer = OutlierScorer(engine, scores=PLAIN)
    plain, odd = (scorer.of(engine.analyse(_star(bump=b)))["misfit"] for b in (0.0, 0.5))
    assert odd.value > plain.value and odd.rarity <= plain.rarity
    assert any(reason.low < 5000 < reason.high for reason in odd.reasons)


def test_flux_of_another_shape_than_xps_is_told(engine: Engine) -> None:
    parts = {p.key: p for p in measure(engine.analyse(_star()), engine.model, PLAIN).parts}
    assert parts["cross_modal.flux"].value < 0.03 and not parts["cross_modal.flux"].reasons
    tilted = {p.key: p for p in measure(engine.analyse(_star(tilt=1.0)), engine.model, PLAIN).parts}
    assert 0.15 < tilted["cross_modal.flux"].value < 0.4  # a factor 2.3 from end to end
    assert {r.name for r in tilted["cross_modal.flux"].reasons} == {"LAMOST brighter than XP", "LAMOST fainter than XP"}


def test_without_xp_the_cross_check_is_absent_and_says_so(engine: Engine) -> None:
    found = measure(engine.analyse(_star(xp=False)), engine.model, PLAIN)
    assert found.absent["cross_modal"] == "there is no Gaia XP spectrum to compare with"
    assert not any(part.score == "cross_modal" for part in found.parts)


def test_a_catalogue_that_contradicts_is_told_in_sigma_of_both_errors(engine: Engine) -> None:
    report = engine.analyse(_star(xp=False))
    median, _, high = report.posterior.summary()["teff"]
    theirs = {"teff": median + 900.0, "teff_err": 80.0, "source": "LASP, DR10 v2.0"}
    report = replace(report, star=report.star.with_(catalogue=theirs))
    (part,) = (p for p in measure(report, engine.model, PLAIN).parts if p.score == "catalogue")
    assert part.value == pytest.approx(900.0 / np.hypot(high - median, 80.0))
    assert "LASP" in part.said and "± 80" in part.said
    truth = report.star.with_(catalogue={**theirs, "source": "true values of the simulation"})
    found = measure(replace(report, star=truth), engine.model, PLAIN)
    assert "truth" in found.absent["catalogue"]  # planted anomalies are not found by looking them up


def test_a_detector_says_why_it_has_no_value(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.catalog.outliers import measure as module

    made = module._detected(
        "double_lines", lambda report: DoubleLines(float("nan"), absent="the star is too hot"), noise=False
    )
    monkeypatch.setattr(module, "_MEASURED", {**module._MEASURED, "double_lines": (made, None)})
    found = measure(engine.analyse(_star(xp=False)), engine.model, ("double_lines",))
    assert found.absent == {"double_lines": "the star is too hot"} and not found.parts


def test_a_star_without_result_is_not_odd(engine: Engine) -> None:
    report = engine.analyse(Star("empty"))
    oddity = OutlierScorer(engine).of(report)
    assert np.isnan(oddity.score) and oddity.leading == "" and all(score.absent for score in oddity.scores)


def test_one_report_takes_less_than_5_ms_without_the_detectors(engine: Engine) -> None:
    reports = engine.analyse([_star(seed) for seed in range(5)])
    scorer = OutlierScorer(engine, scores=PLAIN)
    scorer.of(reports[0])
    took = []
    for report in reports * 4:
        began = time.thread_time()
        scorer.of(report)
        took.append(time.thread_time() - began)
    assert np.median(took) < 0.005


# ---------------------------------------------------------------------------------------------- the reference
def test_the_rarest_score_leads_and_the_combined_one_ranks_beyond_the_reference() -> None:
    stars = _measures(500, np.random.default_rng(0))
    reference = Reference.of(stars)
    scores = [
        judge(_of({"misfit.lamost_lrs": m, "latent.lamost_lrs": 1.0}), reference).score for m in (1.0, 2.0, 3.0, 4.0)
    ]
    assert np.all(np.diff(scores) > 0)  # also where all are beyond every reference star
    odd = judge(_of({"misfit.lamost_lrs": 1.0, "latent.lamost_lrs": 3.0}), reference)
    assert odd.leading == "latent" and odd.percentile > 99.5 and odd.n_reference == 500
    assert odd["latent"].rarity == pytest.approx(1 / 501)
    assert odd.text == "Latent.lamost_lrs is 3.00; none of 500 stars of this list is as odd in this."


def test_a_list_keeps_its_anomalies_in_the_tail() -> None:
    stars = _measures(400, np.random.default_rng(1), misfit__lamost_lrs=2.5)
    reference = Reference.of(stars)
    scores = [reference.score(one) for one in stars]
    assert int(np.argmax(scores)) == 399


def test_what_is_known_of_other_stars_only_is_told_but_does_not_count() -> None:
    rng = np.random.default_rng(2)
    both = [_of({**one.values, "cross_modal.residual": float(rng.gamma(9, 0.1))}) for one in _measures(300, rng)]
    own = replace(Reference.of(_measures(300, rng)), borrowed=Reference.of(both, "simulated stars"))
    star = _of({"misfit.lamost_lrs": 1.0, "cross_modal.residual": 9.0})
    alone = _of({"misfit.lamost_lrs": 1.0})
    assert judge(star, own).score == judge(alone, own).score
    told = judge(star, own)["cross_modal"]
    assert told.rarity == pytest.approx(1 / 301) and "simulated stars" in told.text


def test_the_packaged_reference_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.catalog.demo import write

    stars = _measures(300, np.random.default_rng(3))
    write(tmp_path / "r.npz", references.content({("real", "x"): stars}, "ab" * 32))
    monkeypatch.setattr(references, "PACKAGED", tmp_path / "r.npz")
    references.packaged_references.cache_clear()
    try:
        found = references.packaged_references()["ab" * 32, "real", "x"]
    finally:
        references.packaged_references.cache_clear()
    made = Reference.of(stars)
    for one in _measures(20, np.random.default_rng(4)):
        assert found.score(one) == pytest.approx(made.score(one), rel=1e-4)
    assert found.words == "real stars"


# ---------------------------------------------------------------------------------------------- lists
def test_rank_keeps_every_row_and_says_what_failed(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  = nothing")
    told: list[tuple[float, str]] = []
    targets = [_star(0), _star(1, bump=0.6), tmp_path / "broken.fits", tmp_path / "absent.fits", object()]
    ranking = rank(targets, engine, scores=PLAIN, progress=lambda f, t: told.append((f, t)))
    assert len(ranking) == 5 and ranking.targets == tuple(targets)
    assert [bool(problem) for problem in ranking.problems] == [False, False, True, True, True]
    assert "absent.fits" in ranking.names[3] and np.isnan(ranking.scores[2:]).all()
    assert ranking.order[0] == 1 and set(ranking.order[2:]) == {2, 3, 4}
    assert ranking.embeddings.shape[0] == 5 and np.isnan(ranking.embeddings[2:]).all()
    assert told[-1] == (1.0, "5 of 5 stars")
    assert "3 could not be used" in repr(ranking) and "star 1" in repr(ranking)


def test_a_ranking_is_a_table_with_units_that_can_be_written(engine: Engine, tmp_path: Path) -> None:
    from astropy.table import Table

    ranking = rank([_star(0), _star(1, xp=False)], engine, scores=PLAIN)
    table = ranking.to_table()
    assert list(table["rank"]) == [1, 2] and set(table["row"]) == {0, 1}
    assert table["cross_modal"].mask.sum() == 1 and table["double_lines"].mask.all()
    assert table.meta["model"] == "fake"
    for name in ("r.ecsv", "r.csv", "r.fits", "r.vot"):
        ranking.write(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
    back = Table.read(tmp_path / "r.ecsv")
    assert list(back["name"]) == list(table["name"]) and str(back["percentile"].unit) == "%"
    with pytest.raises(OptionError, match="misfit"):
        ranking.values("speed")


def test_a_long_list_is_its_own_reference(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "OWN", 60)
    ranking = rank(
        [_star(seed, xp=False) for seed in range(69)] + [_star(99, xp=False, bump=1.0)], engine, scores=("misfit",)
    )
    assert ranking.meta["reference"] == "stars of this list" and ranking.order[0] == 69
    again = ranking.scorer.of(engine.analyse(_star(99, xp=False, bump=1.0)))
    assert again.score == pytest.approx(ranking.scores[69], rel=1e-3)  # a session shows the same as the list


def test_rank_can_be_stopped_and_refuses_what_is_no_list(engine: Engine) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        rank([_star(0)], engine, cancel=stop)
    with pytest.raises(OptionError):
        rank("demo 7", engine)
    with pytest.raises(OptionError, match="misfit"):
        rank([_star(0)], engine, scores=["speed"])
    assert len(rank([], engine)) == 0 and len(rank([], engine).table) == 0


def test_reports_are_ranked_without_being_analysed_again(engine: Engine) -> None:
    reports = engine.analyse([_star(0), _star(1)])
    calls = dict(engine.model.calls)
    rank(reports, engine, scores=("misfit",))
    assert dict(engine.model.calls) == calls


def test_stars_that_take_long_to_find_can_be_stopped_and_seen_coming(engine: Engine) -> None:
    stop, told = threading.Event(), []

    def read(name: str) -> Star:
        if name == "third":
            stop.set()
        return _star(1, xp=False)

    with pytest.raises(CancelledError):
        rank(["first", "second", "third", "fourth"], engine, read=read, cancel=stop, scores=("misfit",),
             progress=lambda fraction, text: told.append(text))  # fmt: skip
    assert "Reading second, 1 of 4" in told and not any("fourth" in text for text in told)


def test_names_go_to_the_callers_reader(engine: Engine) -> None:
    stars: dict[str, Callable[[], Star]] = {"HD 1": lambda: _star(3)}
    ranking = rank(["HD 1"], engine, scores=("misfit",), read=lambda name: stars[name]())
    assert ranking.names == ("star 3",)
