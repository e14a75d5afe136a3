"""The emulator's network with random weights: shapes, units, derivatives, its weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CheckpointError, ModelError
from specviz.models.phdlspec.checkpoint import read, write
from specviz.models.phdlspec.config import ALPHA_LABELS, LABEL_NAMES, PhdlspecConfig
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.modules import EmulatorNet, ln_black_body, opacity, transmission

TINY = PhdlspecConfig(n_norm=101, n_continuum=7, n_sed=30, patch=20, width=8, depth=2, n_heads=2, embed_width=16,
                      embed_depth=1, n_frequencies=3)  # fmt: skip
SUN = np.array([5772.0, 4.44, 1.0, 0.0, *([0.0] * 24)], np.float32)


def norm_of(emulator: Emulator, labels: Any, outside: Any = "raise") -> NDArray[np.float32]:
    found = emulator.spectra(labels, outside=outside).norm
    assert found is not None
    return found


@pytest.fixture
def net() -> EmulatorNet:
    torch.manual_seed(1)
    net = EmulatorNet(TINY)
    for name, weight in net.blocks.named_parameters():
        if "attention_output" in name or "feed_second" in name:
            torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.normal_(net.head_inputs, std=0.1)
    net.input_mean.copy_(net.inputs(torch.tensor(SUN)[None])[0])
    net.low.copy_(torch.tensor([4000.0, 1.0, 0.5, -2.5, *([-0.5] * 24)]))
    net.high.copy_(torch.tensor([8000.0, 5.0, 4.0, 0.5, *([0.5] * 24)]))
    return net.eval().requires_grad_(False)


@pytest.fixture
def emulator(net: EmulatorNet) -> Emulator:
    return Emulator(net, {"version": "tiny"})


def test_labels_are_the_grids() -> None:
    assert len(LABEL_NAMES) == 28 and LABEL_NAMES[:4] == ("teff", "logg", "vmic", "fe_h")
    assert set(ALPHA_LABELS) < set(LABEL_NAMES)


def test_wavelengths_follow_from_the_configuration() -> None:
    norm, continuum, sed = PhdlspecConfig().waves
    assert norm[0] == 3650.0 and len(norm) == 8077
    np.testing.assert_allclose(np.diff(np.log10(norm)), 5e-5, rtol=1e-8)
    assert continuum[[0, -1]] == pytest.approx([3200, 10600]) and sed[[0, -1]] == pytest.approx([3200, 10600])


def test_shapes_and_independence_of_the_batch(emulator: Emulator) -> None:
    labels = np.repeat(SUN[None], 40, axis=0)
    labels[:, 0] = np.linspace(4200, 7800, 40)
    found = emulator.spectra(labels)
    assert found.norm is not None and found.continuum is not None and found.sed is not None
    assert found.norm.shape == (40, 101) and found.continuum.shape == (40, 7) and found.sed.shape == (40, 30)
    assert found.norm.dtype == np.float32 and ((found.norm > 0) & (found.norm < 1)).all()
    single = emulator.spectra(labels[35], continuum=False, sed=False)
    assert single.continuum is None and single.sed is None and single.norm is not None
    np.testing.assert_allclose(single.norm[0], found.norm[35], rtol=1e-5)
    assert norm_of(emulator, labels[:0]).shape == (0, 101)


def test_continuum_is_relative_to_a_black_body(net: EmulatorNet) -> None:
    # B_lambda of 5772 K at 5000 A: 2 h c**2 / lambda**5 / (exp(hc / lambda k T) - 1), times pi, CODATA constants.
    h, c, k, t, wave = 6.62607015e-27, 2.99792458e10, 1.380649e-16, 5772.0, 5e-5
    expected = np.pi * 2 * h * c**2 / wave**5 / np.expm1(h * c / (wave * k * t)) * 1e-8
    found = ln_black_body(torch.tensor([[t]]), torch.tensor([5000.0])).exp().item()
    assert found == pytest.approx(expected, rel=1e-4)
    with torch.no_grad():
        for p in (net.head_weight, net.head_bias, net.head_inputs):
            p.zero_()
        norm, continuum, _ = net(torch.tensor(SUN)[None])
    assert torch.allclose(continuum, ln_black_body(torch.tensor([[t]]), net.wave[101:108]))
    assert torch.allclose(norm, torch.tensor(0.5))  # transmission(0)


def test_depth_of_a_weak_line_is_exponential_in_the_opacity() -> None:
    u = torch.tensor([-6.0, -5.0])
    depth = 1 - transmission(u)
    assert torch.allclose(depth, torch.exp(u), rtol=0.01)
    flux = torch.tensor([0.03, 0.5, 0.99])
    assert torch.allclose(transmission(opacity(flux)), flux, atol=1e-5)


def test_fresh_blocks_are_the_identity(net: EmulatorNet) -> None:
    labels = torch.tensor(SUN)[None]
    full = net(labels)[0]
    net.skip_blocks = True
    skipped = net(labels)[0]
    assert not torch.allclose(skipped, full, atol=1e-4)
    net.skip_blocks = False
    net.blocks = EmulatorNet(TINY).blocks
    assert torch.equal(net(labels)[0], skipped)


@pytest.mark.parametrize("of", ["norm", "continuum", "sed"])
def test_gradients_are_those_of_finite_differences(emulator: Emulator, of: str) -> None:
    emulator.net.double()  # finite differences need the digits
    emulator.net.wave = emulator.net.wave.double()
    part = ("norm", "continuum", "sed").index(of)
    steps = {"teff": 5.0, "logg": 0.01, "vmic": 0.01, "fe_h": 0.01, "mg_fe": 0.01, "alpha_fe": 0.01}
    emulator._tensor = lambda array: torch.tensor(np.asarray(array, np.float64))  # type: ignore[method-assign]
    found = emulator.gradients(SUN, tuple(steps), of=of)  # type: ignore[arg-type]
    for name, step in steps.items():
        move = np.isin(LABEL_NAMES, ALPHA_LABELS if name == "alpha_fe" else (name,)) * step
        x = torch.tensor(np.stack([SUN + move, SUN - move]).astype(np.float64))
        up, down = emulator.net.forward(x)[part].numpy()
        assert np.abs(up - down).max() > 0
        np.testing.assert_allclose(found[name][0], (up - down) / (2 * step), rtol=2e-3, atol=2e-6)


def test_reverse_mode_agrees_with_forward_mode(net: EmulatorNet, emulator: Emulator) -> None:
    x = torch.tensor(SUN)[None].requires_grad_()
    net(x)[0][0, 50].backward()
    assert x.grad is not None
    forward = emulator.gradients(SUN, ("logg", "ba_fe"))
    for name, gradient in forward.items():
        assert x.grad[0, LABEL_NAMES.index(name)].item() == pytest.approx(gradient[0, 50], rel=1e-3, abs=1e-7)


# ------------------------------------------------------------------ labels
def test_labels_by_name(emulator: Emulator) -> None:
    labels: dict[str, ArrayLike] = {"teff": [5000, 6000], "logg": 4.0, "fe_h": -1.0}
    labels |= {"alpha_fe": 0.3, "ca_fe": [0.1, 0.2]}
    array = emulator.label_array(labels)
    by_name = dict(zip(LABEL_NAMES, array.T, strict=True))
    assert by_name["vmic"].tolist() == [1.5, 1.5] and by_name["ba_fe"].tolist() == [0, 0]
    assert by_name["mg_fe"] == pytest.approx([0.3, 0.3]) and by_name["ca_fe"] == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"teff": 5000, "logg": 4}, "Missing labels: fe_h"),
        ({"teff": 5000, "logg": 4, "fe_h": 0, "li_fe": 1}, "Unknown labels: li_fe"),
        ({"teff": 50000, "logg": 4, "fe_h": 0}, r"teff = 50000 is outside.*4000 to 8000.*clip"),
        ({"teff": np.nan, "logg": 4, "fe_h": 0}, "not finite: teff"),
        ({"teff": [5000, 5100], "logg": [4, 4, 4], "fe_h": 0}, "different lengths"),
        (np.zeros((2, 27)), r"\(n, 28\)"),
    ],
)
def test_wrong_labels_are_explained(emulator: Emulator, labels: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        emulator.spectra(labels)  # type: ignore[arg-type]


def test_labels_outside_can_be_moved_to_the_edge(emulator: Emulator) -> None:
    hot, edge = ({"teff": t, "logg": 4.0, "fe_h": 0.0} for t in (9000.0, 8000.0))
    np.testing.assert_array_equal(norm_of(emulator, hot, "clip"), norm_of(emulator, edge))
    assert not np.array_equal(norm_of(emulator, hot, "allow"), norm_of(emulator, edge))


def test_unknown_gradients_are_explained(emulator: Emulator) -> None:
    with pytest.raises(ModelError, match="li_fe"):
        emulator.gradients(SUN, ("li_fe",))
    with pytest.raises(ModelError, match="'flux'"):
        emulator.gradients(SUN, of="flux")  # type: ignore[arg-type]


# ------------------------------------------------------------------ the weights file
def test_weights_come_back(net: EmulatorNet, emulator: Emulator, tmp_path: Path) -> None:
    digest = write(net, tmp_path / "w.safetensors", {"version": "tiny"})
    back = Emulator.from_file(tmp_path / "w.safetensors", sha256=digest)
    assert back.describe().weights_sha256 == digest and back.describe().version == "tiny"
    assert back.ranges == emulator.ranges and not back.describe().capabilities
    # float16 keeps 11 bits of a weight.
    np.testing.assert_allclose(norm_of(back, SUN), norm_of(emulator, SUN), atol=2e-3)


def test_other_files_are_refused(net: EmulatorNet, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write(net, path, {})
    with pytest.raises(CheckpointError, match="SHA-256"):
        read(path, "0" * 64)
    net.head_bias.fill_(torch.nan)
    write(net, path, {})
    with pytest.raises(CheckpointError, match="not finite: head_bias"):
        read(path)
    from specviz.models.checkpoint_reader import save_weights

    save_weights(path, {"a": torch.zeros(1)}, {"format": "specviz-specclip-small-1"})
    with pytest.raises(CheckpointError, match="specviz-phdlspec-1"):
        read(path)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(CheckpointError, match="3 heads"):
        PhdlspecConfig(width=32, n_heads=3)
    with pytest.raises(CheckpointError, match="unknown entries: layers"):
        PhdlspecConfig.from_dict({"layers": 3})
