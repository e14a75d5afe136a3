"""The three galaxies of LAMOST DR7 among all real LAMOST spectra at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from specviz.analysis.engine import Engine
from specviz.training.evaluation.rank_galaxies import TOP, lamost_spectra, rank_all


@pytest.mark.slow
def test_real_galaxies_are_in_the_top_twentieth(shared: Path) -> None:
    stars = list(lamost_spectra(shared))
    assert len(stars) == 2204
    # Without the detectors of lines, which take longer than all else; with them the galaxies rank higher.
    ranking, galaxies = rank_all(stars, Engine(), scores=("misfit", "latent", "catalogue"), samples=300)
    assert len(galaxies) == 3 and not any(ranking.problems)
    assert max(galaxies.values()) <= TOP * len(stars)
    assert ranking.meta["reference"] == "stars of this list"
    assert {ranking.oddities[ranking.names.index(name)].leading for name in galaxies} == {"latent"}
