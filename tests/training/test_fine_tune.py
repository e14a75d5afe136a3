"""Fine-tuning a SpectraFM on another instrument's spectra: what learns, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

import specviz
from specviz.errors import OptionError
from specviz.models.spectrafm.model import SpectraFM
from specviz.models.spectrafm.weights_file import write
from specviz.training.fine_tune import fine_tune

WAVE = np.arange(4900.0, 5700.0, 8.0)


def observed(fe_h: np.ndarray, seed: int = 0) -> list[specviz.Spectrum]:
    """Dwarfs of 5500 K seen by another instrument, which lets a quarter of stray light in."""
    emulator = specviz.load_model("phdlspec-small")
    n = len(fe_h)
    made = emulator.spectra({"teff": np.full(n, 5500.0), "logg": np.full(n, 4.4), "fe_h": fe_h}, sed=False).norm
    rng = np.random.default_rng(seed)
    out = []
    for norm in made:
        flux = 0.25 + 0.75 * np.interp(WAVE, emulator.wave, gaussian_filter1d(norm, 6.0))
        flux += 0.01 * rng.standard_normal(WAVE.size)
        out.append(specviz.Spectrum(WAVE, flux, np.full(WAVE.size, 1e4), frame="rest", survey="other"))
    return out


@pytest.fixture(scope="module")
def model() -> SpectraFM:
    return SpectraFM.untrained(seed=1)


@pytest.fixture(scope="module")
def shipped() -> SpectraFM:
    made = specviz.load_model("spectrafm-small")
    assert isinstance(made, SpectraFM)
    return made


@pytest.fixture(scope="module")
def fe_h() -> np.ndarray:
    return np.random.default_rng(3).uniform(-1.0, 0.3, 60)


@pytest.fixture(scope="module")
def tuned(shipped: SpectraFM, fe_h: np.ndarray) -> SpectraFM:
    return fine_tune(shipped, observed(fe_h), {"fe_h": fe_h}, steps=24)


def asked(model: SpectraFM, spectra: list[specviz.Spectrum]) -> np.ndarray:
    return np.array([model.ask(s, labels=["fe_h"]).value[0] for s in spectra])


def test_it_learns_what_the_spectra_show(shipped: SpectraFM, tuned: SpectraFM) -> None:
    new = np.linspace(-0.9, 0.2, 12)
    spectra = observed(new, seed=9)
    before, after = (np.sqrt(np.mean((asked(m, spectra) - new) ** 2)) for m in (shipped, tuned))
    assert after < 0.6 * before and after < 0.9 * new.std()


def test_decoder_and_second_block_stay_and_so_does_the_model_that_was_given(
    shipped: SpectraFM, tuned: SpectraFM
) -> None:
    before, after = shipped.weights.net.state_dict(), tuned.weights.net.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith(("embedding.", "encoder.0.")) for name in moved)
    from specviz.models.registry import weights_path
    from specviz.models.spectrafm.weights_file import read

    for name, tensor in read(weights_path("spectrafm-small")).net.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not any(p.requires_grad for net in (shipped, tuned) for p in net.weights.net.parameters())
    assert not tuned.weights.net.training


def test_from_scratch_nothing_is_kept(model: SpectraFM, fe_h: np.ndarray) -> None:
    made = fine_tune(model, observed(fe_h), {"fe_h": fe_h}, steps=2, scratch=True)
    before, after = model.weights.net.state_dict(), made.weights.net.state_dict()
    assert not torch.equal(before["decoder.0.wide.weight"], after["decoder.0.wide.weight"])


def test_it_says_what_it_was_taught_and_can_be_kept(tuned: SpectraFM, fe_h: np.ndarray, tmp_path: Path) -> None:
    assert tuned.notes["fe_h"] == "taught by 60 spectra"
    assert tuned.notes["teff"] == "not taught for this instrument"
    assert tuned.describe().ranges["fe_h"] == pytest.approx((fe_h.min(), fe_h.max()))
    path = tmp_path / "mine.safetensors"
    write(tuned.weights, path)
    opened = specviz.load_model(str(path))
    spectra = observed(np.array([-0.5, 0.1]), seed=5)
    np.testing.assert_allclose(asked(opened, spectra), asked(tuned, spectra), atol=0.02)  # kept in half precision


def test_it_answers_like_any_model(tuned: SpectraFM) -> None:
    report = specviz.analyse(observed(np.array([-0.2]))[0], model=tuned)
    assert report.posterior is not None and "fe_h" in report.posterior.names
    assert report.provenance.model.endswith("tuned")


def test_the_same_seed_teaches_the_same(model: SpectraFM, fe_h: np.ndarray) -> None:
    state = torch.get_rng_state()
    one, two = (fine_tune(model, observed(fe_h), {"fe_h": fe_h}, steps=3, seed=4) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    for a, b in zip(one.weights.net.parameters(), two.weights.net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_labels_that_are_not_known_of_some_stars_are_left_out(model: SpectraFM, fe_h: np.ndarray) -> None:
    teff = np.where(np.arange(60) < 25, 5500.0, np.nan)
    heard: list[str] = []
    given = {"fe_h": fe_h, "teff": teff}
    made = fine_tune(model, observed(fe_h), given, steps=8, tell=heard.append)
    assert made.notes["teff"] == "taught by 25 spectra" and len(heard) == 8
    assert all(np.isfinite(p.detach().numpy()).all() for p in made.weights.net.parameters())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"labels": {}}, "No labels"),
        ({"labels": {"feh": np.zeros(60)}}, "no label feh"),
        ({"labels": {"fe_h": np.zeros(3)}}, "for 60 spectra"),
        ({"labels": {"fe_h": np.full(60, np.nan)}}, "too few spectra"),
        ({"n": 5}, "5 spectra"),
        ({"steps": 0}, "steps"),
    ],
)
def test_what_makes_no_sense_is_refused(model: SpectraFM, fe_h: np.ndarray, change: dict[str, Any], what: str) -> None:
    n = change.get("n", 60)
    given = change.get("labels", {"fe_h": fe_h[:n]})
    with pytest.raises(OptionError, match=what):
        fine_tune(model, observed(fe_h[:n]), given, steps=change.get("steps", 2))
