"""Lux against its reference (closed form, float64): latent vectors, covariances, block updates, their descent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from specviz.errors import CheckpointError
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.modules import LuxNet, ridge


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(shared / "golden" / "other" / "lux_reference.pt", weights_only=True)
    return found


def net_of(golden: dict[str, Any]) -> LuxNet:
    """The reference model: labels first, then flux with a scatter."""
    config = LuxConfig(6, (Output("labels", 3), Output("flux", 50, scatter=True)))
    net = LuxNet(config)
    net.basis.copy_(torch.cat([golden["state_dict"]["A"], golden["state_dict"]["B"]]))
    net.scatter[3:] = golden["state_dict"]["s"]
    return net


def data_of(golden: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    given = golden["inputs"]
    data = torch.cat([given["labels"], given["flux"]], 1)
    return data, torch.cat([given["label_weight"], given["flux_weight"]], 1)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=1e-8)


def test_weights_are_those_of_the_reference(golden: dict[str, Any]) -> None:
    given, net = golden["inputs"], net_of(golden)
    error = torch.cat([given["label_err"], given["flux_err"]], 1)
    weight = torch.cat([given["label_weight"], given["flux_weight"]], 1)
    error = torch.where(weight == 0, torch.inf, error)
    close(net.weights(error), weight)


def test_latent_vectors_from_flux_alone(golden: dict[str, Any]) -> None:
    net, (data, weight), out = net_of(golden), data_of(golden), golden["outputs"]
    weight = weight.clone()
    weight[:, net.slices["labels"]] = 0
    mean, covariance = net.latent(data, weight)
    close(mean, out["z_flux_only"])
    close(covariance, out["z_cov_flux_only"])
    labels, variance = net.predict(mean, covariance, "labels")
    close(labels, out["labels_flux_only"])
    close(net.covariance(covariance, "labels"), out["label_cov_flux_only"])
    close(variance, out["label_cov_flux_only"].diagonal(dim1=1, dim2=2))


def test_latent_vectors_from_everything(golden: dict[str, Any]) -> None:
    mean, _ = net_of(golden).latent(*data_of(golden))
    close(mean, golden["outputs"]["z_flux_and_labels"])


def test_block_updates_descend_as_the_reference_does(golden: dict[str, Any]) -> None:
    net, (data, weight), out = net_of(golden), data_of(golden), golden["outputs"]
    latent = golden["inputs"]["Z_true"]
    net.update_basis(latent, data, weight)
    close(net.basis[:3], out["A_given_Z"])
    close(net.basis[3:], out["B_given_Z"])
    history = [net.negative_log_posterior(out["z_flux_only"], data, weight)]  # where the reference begins to count
    for _ in range(5):
        latent, _ = net.latent(data, weight)
        net.update_basis(latent, data, weight)
        history.append(net.negative_log_posterior(latent, data, weight))
    close(torch.stack(history), out["neg_log_post_history"])


def test_scatter_is_found_and_does_not_collapse() -> None:
    torch.manual_seed(0)
    config = LuxConfig(3, (Output("flux", 40, scatter=True),))
    net, n = LuxNet(config), 2000
    basis, latent = torch.randn(40, 3, dtype=torch.float64), torch.randn(n, 3, dtype=torch.float64)
    true = torch.linspace(0.05, 0.4, 40, dtype=torch.float64)
    error = torch.full((n, 40), 0.1, dtype=torch.float64)
    error[:, 7] = torch.inf  # nobody has measured this one
    data = latent @ basis.T + torch.randn(n, 40, dtype=torch.float64) * torch.hypot(true, error.clamp_max(1.0))
    net.basis.copy_(basis)
    net.scatter.fill_(0.2)
    for _ in range(30):
        mean, covariance = net.latent(data, net.weights(error))
        net.update_scatter(mean, covariance, data, error)
    there = torch.arange(40) != 7
    torch.testing.assert_close(net.scatter[there], true[there], rtol=0.1, atol=0.01)
    assert net.scatter[7] == 0


def test_a_star_with_nothing_measured_is_the_prior() -> None:
    design = torch.randn(5, 2, dtype=torch.float64)
    mean, covariance = ridge(design, torch.ones(1, 5, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64))
    close(mean, torch.zeros(1, 2, dtype=torch.float64))
    close(covariance[0], torch.eye(2, dtype=torch.float64))


def test_the_metric_does_not_change_under_a_rotation_of_the_latent_space() -> None:
    torch.manual_seed(1)
    net = LuxNet(LuxConfig(4, (Output("flux", 30),)))
    net.basis.copy_(torch.randn(30, 4, dtype=torch.float64))
    step, error = torch.randn(4, dtype=torch.float64), {"flux": torch.rand(30, dtype=torch.float64) + 0.1}
    before = step @ net.metric(error) @ step
    turn, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    net.basis.copy_(net.basis @ turn.T)
    close(before, (turn @ step) @ net.metric(error) @ (turn @ step))
    close(before, (((net.basis @ (turn @ step)) / error["flux"]) ** 2).sum())


def test_sizes_that_are_none_are_refused() -> None:
    config = LuxConfig(6, (Output("labels", 3), Output("flux", 50, scatter=True)))
    assert LuxConfig.from_dict(config.to_dict()) == config
    assert config.slices() == {"labels": slice(0, 3), "flux": slice(3, 53)}
    for told in ({}, {"latent": 0, "outputs": []}, {"latent": 2, "outputs": [{"name": "x"}]}):
        with pytest.raises(CheckpointError):
            LuxConfig.from_dict(told)
