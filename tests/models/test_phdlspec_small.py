"""The shipped emulator: its figures on the grid's test rows, its physics, its edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from specviz.errors import CheckpointError, ModelError
from specviz.models import registry
from specviz.models.phdlspec.model import Emulator

SUN = {"teff": 5772.0, "logg": 4.44, "fe_h": 0.0, "vmic": 1.0}
#: Vacuum Angstrom.
MG_B = (5168.8, 5174.1, 5185.0)
H_ALPHA, NA_D2 = 6564.6, 5891.6


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return registry.load_model("phdlspec-small", device="cpu")


def norm(emulator: Emulator, **labels: Any) -> NDArray[np.float32]:
    found = emulator.spectra({**SUN, **labels}, continuum=False, sed=False).norm
    assert found is not None
    return found


def width(emulator: Emulator, spectrum: NDArray[np.float32], centre: float, half: float = 4.0) -> Any:
    """Equivalent width of what absorbs around ``centre``, Angstrom."""
    inside = np.abs(emulator.wave - centre) < half
    return ((1 - spectrum[..., inside]) * np.gradient(emulator.wave)[inside]).sum(-1)


def test_one_object_and_its_card(emulator: Emulator) -> None:
    assert registry.load_model("phdlspec-small", device="cpu") is emulator
    card = emulator.describe()
    path = registry.weights_path("phdlspec-small")
    assert card.name == "phdlspec-small" and card.weights_sha256 == registry.expected_sha256(path)
    assert path.stat().st_size <= 8.2e6
    assert "phdlspec-small" not in registry.available_models()  # it analyses no spectrum
    assert emulator.wave.shape == (8077,) and emulator.cont_wave.shape == (160,) and emulator.sed_wave.shape == (720,)
    assert emulator.ranges["teff"][0] < 3600 and emulator.ranges["teff"][1] > 12000


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = registry.weights_path("phdlspec-small")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        Emulator.from_file(changed, sha256=registry.expected_sha256(path))


def test_outside_of_the_grid_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(ModelError, match=r"teff = 30000 is outside.*3503 to 1\.249e\+04"):
        emulator.spectra({**SUN, "teff": 30000})


def test_finite_at_the_corners(emulator: Emulator) -> None:
    low, high = np.array(list(emulator.ranges.values()), np.float32).T
    corners = np.where(np.random.default_rng(0).random((60, 28)) < 0.5, low, high)
    found = emulator.spectra(np.concatenate([corners, [low, high]]))
    for part in (found.norm, found.continuum, found.sed):
        assert part is not None and np.isfinite(part).all() and (part >= 0).all()
    assert found.norm is not None and found.norm.max() <= 1


def test_stronger_magnesium_deepens_mg_b(emulator: Emulator) -> None:
    spectra = norm(emulator, mg_fe=np.array([-0.2, 0.0, 0.2, 0.4, 0.6]))
    for line in MG_B:
        assert (np.diff(width(emulator, spectra, line, 2.5)) > 0).all()
    # Halpha, which magnesium touches through its electrons alone, changes far less.
    change = [np.abs(np.log(width(emulator, spectra[-1], w, 8.0) / width(emulator, spectra[1], w, 8.0)))
              for w in (MG_B[1], H_ALPHA)]  # fmt: skip
    assert change[0] > 4 * change[1]


def test_hotter_stars_have_weaker_metal_lines(emulator: Emulator) -> None:
    teff = np.array([4800.0, 5300.0, 5800.0, 6300.0, 6800.0])
    spectra = norm(emulator, teff=teff)
    metals = (emulator.wave > 4900) & (emulator.wave < 5500)
    assert (np.diff((1 - spectra[:, metals]).mean(1)) < 0).all()
    assert (np.diff(width(emulator, spectra, H_ALPHA, 15.0)) > 0).all()
    assert (np.diff(width(emulator, spectra, NA_D2, 2.0)) < 0).all()


def test_iron_strengthens_and_gravity_widens(emulator: Emulator) -> None:
    blocked = (1 - norm(emulator, fe_h=np.array([-2.0, -1.0, 0.0, 0.4]))).mean(1)
    assert (np.diff(blocked) > 0).all()
    assert (np.diff(width(emulator, norm(emulator, teff=4900.0, logg=np.array([2.5, 3.5, 4.5])), MG_B[1], 6)) > 0).all()


def test_flux_follows_the_temperature(emulator: Emulator) -> None:
    teff = np.array([4500.0, 5772.0, 8000.0])
    sed = emulator.spectra({**SUN, "teff": teff}, norm=False).sed
    assert sed is not None
    # What of sigma T**4 a black body sends out between 3200 and 10600 A, a star does within a tenth.
    bolometric = 5.670374e-5 * teff**4
    inside = np.trapezoid(sed, emulator.sed_wave, axis=1) / bolometric
    x = 1.438777e8 / (emulator.sed_wave * teff[:, None])
    black = 3.741772e27 / emulator.sed_wave**5 / np.expm1(x)
    np.testing.assert_allclose(inside, np.trapezoid(black, emulator.sed_wave, axis=1) / bolometric, rtol=0.1)
    assert emulator.sed_wave[sed.argmax(1)][0] > emulator.sed_wave[sed.argmax(1)][2]


def test_sed_is_the_continuum_with_lines(emulator: Emulator) -> None:
    """The three outputs are learned apart and must agree: continuum x normalised flux, smoothed, is the SED."""
    found = emulator.spectra({**SUN, "teff": np.array([5000.0, 6000.0])})
    assert found.norm is not None and found.continuum is not None and found.sed is not None
    for row in range(2):
        continuum = np.exp(np.interp(emulator.wave, emulator.cont_wave, np.log(found.continuum[row])))
        for low, high in ((4600, 5000), (5600, 6200), (7000, 8000)):
            fine, coarse = ((w > low) & (w < high) for w in (emulator.wave, emulator.sed_wave))
            lines = (continuum * found.norm[row])[fine].mean()
            assert found.sed[row][coarse].mean() == pytest.approx(lines, rel=0.015)


def test_gradients_are_those_of_finite_differences(emulator: Emulator) -> None:
    for name, step in (("teff", 20.0), ("mg_fe", 0.02), ("fe_h", 0.02), ("logg", 0.02)):
        found = emulator.gradients(SUN, (name,))[name][0]
        middle = SUN.get(name, 0.0)
        down, up = norm(emulator, **{name: np.array([middle - step, middle + step])})
        np.testing.assert_allclose(found, (up - down) / (2 * step), atol=0.02 * np.abs(found).max())


def test_figures_of_the_card(shared: Path, emulator: Emulator) -> None:
    """A part of the test rows and of the held-out anchors, against what the card states."""
    import torch

    from specviz.training.emulator_data import TEST, Anchors, GridSpectra, pixel_pairs
    from specviz.training.emulator_evaluate import STRONG, cosine

    grid = GridSpectra.load(shared, (TEST,))
    teff = grid.labels[:, 0].numpy()
    rows = np.flatnonzero((teff > 4500) & (teff < 7000))[::3]
    found = emulator.spectra(grid.labels[rows].numpy(), outside="allow")
    assert found.norm is not None and found.sed is not None
    residual = found.norm - grid.norm[rows].numpy()
    assert np.sqrt((residual**2).mean()) < 0.005
    assert 1.4826 * np.median(np.abs(residual)) < 0.002
    assert np.sqrt(((np.log(found.sed) - grid.ln_sed[rows].numpy()) ** 2).mean()) < 0.015

    anchors = Anchors.load(shared)
    held = np.flatnonzero(anchors.held_out())
    held = held[(anchors.labels[held, 0].numpy() > 4500) & (anchors.labels[held, 0].numpy() < 7000)][::3]
    gradients = emulator.gradients(anchors.labels[held].numpy(), STRONG, outside="allow")
    for name in STRONG:
        wanted = anchors.norm_step[held, anchors.names.index(name)].numpy()
        assert cosine(pixel_pairs(torch.from_numpy(gradients[name])).numpy(), wanted) > 0.93, name
