"""The Gaussian that a fit gives against the posterior itself, and emcee's walkers in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, ModelError
from specviz.models.phdlspec.fitted import fitter_of
from specviz.models.phdlspec.priors import PARAMETERS
from specviz.models.phdlspec.sampling import Likelihood, sample_labels
from specviz.models.registry import load_model


@pytest.fixture(scope="module")
def star() -> Any:
    spectrum = DemoArchive().fetch("demo 17").spectra["lamost_lrs"]
    fitter = fitter_of(load_model("phdlspec-small", device="cpu"), spectrum)
    return fitter, fitter.fit({"teff": 5400.0, "logg": 4.4, "fe_h": 0.1, "rv": 282.0})


def test_the_covariance_is_that_of_the_posterior(star: Any) -> None:
    """Of a Gaussian in k dimensions, ln p falls below its peak by k / 2 on average."""
    fitter, fit = star
    # Labels that the spectrum tells: the others' priors are wider than the box, where nothing can be computed.
    at = np.array([k for k, n in enumerate(PARAMETERS) if fit.gain[n] > 4 and n != "broadening"])
    conditional = np.linalg.inv(np.linalg.inv(fit.statistical)[np.ix_(at, at)])
    theta = np.repeat(fit.values[None], 33, axis=0)
    theta[1:, at] = np.random.default_rng(0).multivariate_normal(fit.values[at], conditional, 32)
    value = Likelihood(fitter, fit)(theta)
    fall = value[0] - value[1:]
    assert np.isfinite(fall).all() and fall.min() > 0
    assert fall.mean() == pytest.approx(len(at) / 2, rel=0.25)


def test_walkers_stay_in_the_posterior(star: Any) -> None:
    pytest.importorskip("emcee", reason="the extra mcmc is not installed")
    fitter, fit = star
    chain = sample_labels(fitter, fit, free=("fe_h", "teff"), steps=16, burn=4, walkers=12)
    assert chain.names == ("teff", "fe_h") and chain.samples.shape == (12 * 16, 2) and not chain.long_enough
    assert 0.1 < chain.acceptance < 0.9
    at = [PARAMETERS.index(n) for n in chain.names]
    sigma = np.sqrt(np.diag(np.linalg.inv(np.linalg.inv(fit.statistical)[np.ix_(at, at)])))
    np.testing.assert_allclose(chain.samples.std(0), sigma, rtol=0.5)
    assert (np.abs(chain.samples.mean(0) - fit.values[at]) < sigma).all()


def test_outside_the_emulator_nothing_is_likely(star: Any) -> None:
    fitter, fit = star
    theta = fit.values[None].copy()
    theta[0, 0] = 30_000.0
    assert Likelihood(fitter, fit)(theta)[0] == -np.inf


def test_what_cannot_be_sampled_is_said(star: Any) -> None:
    pytest.importorskip("emcee", reason="the extra mcmc is not installed")
    with pytest.raises(ModelError, match="u_fe"):
        sample_labels(*star, free=("teff", "u_fe"))

    def stop() -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        sample_labels(*star, free=("teff", "fe_h"), stop=stop)
