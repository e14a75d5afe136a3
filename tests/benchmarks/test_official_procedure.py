"""The benchmark's official procedure gives our labels, on tiny networks; sbi is not needed for that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.benchmarks import official
from specviz.models.specclip.official_networks import OfficialNetworks
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import official_folder


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> official.Setup:
    monkeypatch.setattr(official, "find_spec", lambda name: None)
    made = {k: official_folder.random_network(k, c, 0) for k, c in official_folder.TINY.items()}
    made["predrecon"].lamost, made["predrecon"].xp = made["split"].lamost, made["split"].xp
    networks = OfficialNetworks(made["predrecon"], made["split"], "cpu")
    return official.set_up(tmp_path, networks=networks)


@pytest.fixture
def star() -> Star:
    lines = 0.4 * np.exp(-0.5 * ((LAMOST_NATIVE - 4862.7) / 6) ** 2)
    flux = 1000 * (1 - lines + 0.01 * np.random.default_rng(0).standard_normal(LAMOST_NATIVE.size))
    return Star.from_spectrum(Spectrum(LAMOST_NATIVE, flux, np.full(flux.size, 0.01), survey="lamost_lrs"))


def test_the_two_ways_give_the_same_labels(setup: official.Setup, star: Star) -> None:
    assert official.agree(setup, star) < 1e-5
    values = setup.model.prepare(star.spectra["lamost_lrs"]).values
    theirs = official.official_procedure(setup, values, samples=4000)
    assert len(theirs) == 23 and sum(isinstance(value, tuple) for value in theirs.values()) == 9
    posterior = setup.model.posterior(setup.model.embed([setup.model.prepare(star.spectra["lamost_lrs"])]))[0]
    for label, value in theirs.items():
        if isinstance(value, tuple):
            assert abs(value[0] - np.median(posterior[label])) < 0.1 * value[1]


def test_both_ways_are_timed_by_two_clocks(setup: official.Setup, star: Star) -> None:
    ways = official.compare(setup, star, repeats=1, samples=50)
    assert [way.name for way in ways][:3] == ["official", "float32 labels", "float32 report"]
    assert all(way.elapsed > 0 and way.cpu > 0 for way in ways)
    assert all(elapsed > 1 for elapsed, _ in official.ratios(ways).values()) and len(official.ratios(ways)) in (2, 4)


def test_throughput_has_a_row_a_survey_size_and_precision(setup: official.Setup) -> None:
    spectra: dict[str, Any] = {"gaia_xp": np.random.default_rng(0).uniform(0.5, 1.5, (3, 343)).astype(np.float32)}
    rows = official.throughput(setup.model, spectra, sizes=(1, 4), repeats=1)
    assert {row.batch for row in rows} == {1, 4} and all(row.rate > 0 for row in rows)
    assert all(row.cosine >= 0.999 for row in rows)
