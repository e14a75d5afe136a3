"""Why the official labels: through the converted layout, MLP heads and posteriors, both surveys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.explain import explain_star
from specviz.errors import ModelError
from specviz.models.specclip.attribution import COMPLETENESS
from specviz.models.specclip.official import SpecClipOfficial
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

sys.path.insert(0, str(Path(__file__).parent))
import official_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpecClipOfficial:
    folder = official_folder.random_folder(tmp_path_factory.mktemp("official"), posteriors=True)
    return SpecClipOfficial.from_folder(folder, device="cpu")


@pytest.fixture(scope="module")
def star() -> Star:
    rng = np.random.default_rng(0)
    lines = sum(
        d * np.exp(-0.5 * ((LAMOST_NATIVE - w) / 6) ** 2) for w, d in ((4341.7, 0.3), (4862.7, 0.4), (5175, 0.3))
    )
    flux = 1000 * (1 - lines + 0.01 * rng.standard_normal(LAMOST_NATIVE.size))
    xp = 1e-16 * (1 + 0.3 * np.sin(XP_WAVELENGTH_NM / 90))
    optical = Spectrum(LAMOST_NATIVE, flux, np.full(flux.size, 0.01), survey="lamost_lrs")
    gaia = Spectrum(XP_WAVELENGTH_NM, xp, np.full(xp.size, 1e36), survey="gaia_xp", flux_unit="W m-2 nm-1")
    return Star.from_spectrum(optical).with_spectrum(gaia)


@pytest.mark.parametrize("label", ["fe_h", "mg_fe", "teff", "mass"])
def test_every_kind_of_head_adds_up(model: SpecClipOfficial, star: Star, label: str) -> None:
    """fe_h and teff read split, mg_fe and mass predict + reconstruct; teff and mass are posteriors."""
    why = explain_star(model, star, label)
    encoding = model.embed([model.prepare(star.spectra["lamost_lrs"])])
    posterior = model.posterior(encoding, samples=4001)[0]
    value, spread = float(np.median(posterior[label])), float(np.std(posterior[label]))
    assert why.value == pytest.approx(value, abs=0.1 * spread + 1e-4 * abs(value) + 1e-5)
    assert why.completeness <= COMPLETENESS and why.steps >= 17
    assert why.attention is not None
    assert why.attention.sum() + why.attention_elsewhere == pytest.approx(1.0, abs=1e-5)
    assert (why.contribution[1460:] == 0).all()  # pixels the network does not read


def test_labels_from_xp(model: SpecClipOfficial, star: Star) -> None:
    for label in ("fe_h", "logg"):
        why = explain_star(model, star, label, survey="gaia_xp")
        assert why.completeness <= COMPLETENESS and why.attention is None
    with pytest.raises(ModelError, match="gives no 'mg_fe'"):
        explain_star(model, star, "mg_fe", survey="gaia_xp")


def test_it_is_among_what_the_model_can(model: Any) -> None:
    assert "attribute" in model.describe().capabilities
