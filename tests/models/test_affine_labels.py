"""The affine head of the further labels: density and samples belong together; rv stands alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from specviz.models.specclip.label_flow import LabelFlow


@pytest.fixture
def flow() -> LabelFlow:
    torch.manual_seed(4)
    flow = LabelFlow(("teff", "logg"), context=5, extra=("rv", "mg_fe", "ca_fe"))
    assert flow.extra is not None
    head = flow.extra
    for parameter in (head.output.weight, head.output.bias, head.core_weight, head.lower_weight):
        torch.nn.init.normal_(parameter, std=0.6)
    flow.offset.copy_(torch.tensor([3.75, 4.0, 0.0, 0.1, 0.1]))
    flow.spread.copy_(torch.tensor([0.05, 0.5, 60.0, 0.2, 0.2]))
    return flow.eval()


def test_samples_map_back_to_their_base_normals(flow: LabelFlow) -> None:
    context, base = torch.randn(1, 5), torch.randn(500, 5)
    samples = flow.sample(context, base)[0]
    assert samples.shape == (500, 5)
    y, c = flow.standardise(samples), flow.condition(context).expand(500, -1)
    assert flow.extra is not None
    with torch.no_grad():
        torch.testing.assert_close(flow.extra.base(y[:, 2:], c, y[:, :2]), base[:, 2:], atol=2e-3, rtol=2e-3)


def test_density_integrates_to_the_covariance_of_the_samples(flow: LabelFlow) -> None:
    """Given the core labels, the density is the Gaussian that the samples' moments describe."""
    context = torch.randn(1, 5)
    assert flow.extra is not None
    summary = flow.condition(context)
    core = torch.tensor([[0.3, -0.7]])
    z = torch.randn(3, 200_000)
    with torch.no_grad():
        drawn = flow.extra.sample(z, summary[0], core.T.expand(2, z.shape[1])).numpy()
        point = torch.tensor(drawn[:, :1].T)
        total = flow.extra.log_prob(point, summary, core).sum().item()
    mean, cov = drawn.mean(axis=1), np.cov(drawn)
    r = drawn[:, 0] - mean
    expected = -0.5 * r @ np.linalg.solve(cov, r) - 0.5 * np.linalg.slogdet(2 * np.pi * cov)[1]
    assert total == pytest.approx(expected, abs=0.03)


def test_velocity_does_not_depend_on_the_star(flow: LabelFlow) -> None:
    context = torch.randn(4, 5)
    labels = torch.tensor([[5000.0, 4.0, 30.0], [5000.0, 4.0, 30.0], [7000.0, 3.0, -90.0], [4500.0, 2.0, 0.0]])
    with torch.no_grad():
        whole = flow.log_prob(labels, context)
        alone = flow.free_log_prob(labels[:, 2:], context)
    assert whole.shape == (4, 3)
    torch.testing.assert_close(whole[:, 2:], alone)


def test_temperature_widens_one_label_alone(flow: LabelFlow) -> None:
    context, base = torch.randn(1, 5), torch.randn(4000, 5)
    before = flow.sample(context, base)[0].std(dim=0)
    flow.temperature[2] = 2.0
    after = flow.sample(context, base)[0].std(dim=0)
    assert after[2] / before[2] == pytest.approx(2.0, abs=0.01)
    torch.testing.assert_close(after[:2], before[:2])
