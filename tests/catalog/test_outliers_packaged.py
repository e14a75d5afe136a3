"""The packaged reference: of the packaged weights, small, and it tells ordinary stars from planted ones."""

from __future__ import annotations

import numpy as np
import pytest

import specviz
from specviz import api
from specviz.catalog.outliers import NAMES, OutlierScorer
from specviz.catalog.outliers.reference import PACKAGED, REAL, SIMULATED, packaged_references


def test_it_is_of_these_weights_and_knows_simulated_and_real_stars() -> None:
    sha = api.default_engine().describe().weights_sha256
    known = packaged_references()
    assert {(sha, kind, survey) for kind in (SIMULATED, REAL) for survey in ("lamost_lrs", "gaia_xp")} == set(known)
    assert PACKAGED.stat().st_size < 20_000
    scores = {key.split(".")[0] for key in known[sha, SIMULATED, "lamost_lrs"].tails}
    assert scores == set(NAMES) - {"catalogue"}
    assert {"misfit", "latent", "catalogue", "double_lines", "emission"} == {
        key.split(".")[0] for key in known[sha, REAL, "lamost_lrs"].tails
    }
    for reference in known.values():
        assert reference.combined is not None and reference.combined.n > 400


@pytest.mark.parametrize(
    ("name", "kind", "by"),
    [
        ("demo 2218", "DA white dwarf", {"cross_modal", "latent", "misfit"}),
        ("demo 1022", "T Tauri star", {"emission", "misfit"}),
        ("demo 277", "carbon star", {"latent"}),
        ("demo 589", "double-lined binary", {"double_lines"}),
        ("demo 793", "dead arm", {"misfit"}),
    ],
)
def test_planted_anomalies_are_beyond_the_ordinary_stars(name: str, kind: str, by: set[str]) -> None:
    star = specviz.open(name)
    assert star.catalogue["anomaly"] == kind
    oddity = OutlierScorer(api.default_engine()).of(specviz.analyse(star, samples=1000))
    assert oddity.leading in by and oddity.percentile > 98, oddity
    assert min(oddity[score].rarity for score in by) < 0.01
    assert oddity.reference == "simulated stars" and str(oddity.n_reference)[:1] != "0"


def test_ordinary_stars_are_ordinary() -> None:
    from specviz.training.make_outlier_reference import ordinary_demo_stars

    scorer = OutlierScorer(api.default_engine())
    stars = list(ordinary_demo_stars(30, seed=77))  # others than those that the reference was made of
    oddities = [scorer.of(report) for report in specviz.analyse(stars, samples=1000)]
    assert 25 < np.median([one.percentile for one in oddities]) < 75
    for name in ("misfit", "latent", "cross_modal"):  # a score of many parts is no rarer than one of one
        assert 0.25 < np.median([one[name].rarity for one in oddities]) < 0.75
    assert np.mean([one.percentile > 99 for one in oddities]) < 0.1
