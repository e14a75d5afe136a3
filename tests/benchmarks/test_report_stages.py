"""The stage timer: it sees every stage of a model, and the engine's own part stays small."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from specviz.benchmarks.report import STAGES, TimedModel, Timing, table, time_batches, time_single
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum


def _stars(n: int) -> list[Spectrum]:
    rng = np.random.default_rng(0)
    sigma = np.full(LAMOST_NATIVE.size, 0.02)
    return [
        Spectrum(
            LAMOST_NATIVE, 1 + sigma * rng.normal(size=sigma.size), sigma**-2, survey="lamost_lrs", meta={"snr": 50.0}
        )
        for _ in range(n)
    ]


def test_stages_are_timed_and_sum_to_the_total(fake_model_class: Any) -> None:
    seen = []
    result = time_single(fake_model_class(), _stars(4), repeats=9, search=seen.append)
    assert set(result) == {*STAGES, "engine", "similar", "total"} and len(seen) == 9 + 3
    assert all(timing.elapsed > 0 and timing.cpu >= 0 for timing in result.values())
    parts = sum(result[s].cpu for s in result if s != "total")
    assert 0.4 < parts / result["total"].cpu < 2.5  # medians do not add, least of all on a busy machine
    assert result["total"].fastest <= result["total"].elapsed and result["total"].fastest_cpu <= result["total"].cpu


def test_waiting_is_elapsed_and_not_cpu(fake_model_class: Any) -> None:
    result = time_single(fake_model_class(), _stars(1), repeats=3, search=lambda report: time.sleep(0.03))
    assert result["similar"].elapsed > 29 > 10 > result["similar"].cpu


def test_the_engines_own_part_is_a_few_milliseconds(fake_model_class: Any) -> None:
    """The promise is 3 ms on a quiet core; the test leaves room for a busy machine."""
    assert time_single(fake_model_class(), _stars(4), repeats=30)["engine"].cpu < 9.0


def test_everything_else_is_the_models_own(fake_model_class: Any) -> None:
    model = fake_model_class()
    timed = TimedModel(model)
    assert timed.describe() == model.describe() and timed.reference is model.reference and dict(timed.seconds) == {}


def test_the_table_has_a_line_a_stage_and_two_columns_a_case() -> None:
    result = {"posterior": Timing(5.0, 4.0, 3.0, 2.0), "total": Timing(12.3, 11.1, 9.8, 8.7)}
    lines = table({"LAMOST": result, "XP": result}).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["posterior", "total", "fastest"]
    assert lines[3].split()[1:] == ["12.30", "11.10"] * 2 and lines[4].split()[1:] == ["9.80", "8.70"] * 2


def test_batches_are_counted(fake_model_class: Any) -> None:
    rates = time_batches(fake_model_class(), _stars(12), sizes=(4, 12))
    assert set(rates) == {4, 12} and min(rates.values()) > 1
