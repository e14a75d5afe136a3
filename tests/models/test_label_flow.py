"""The autoregressive spline flow: densities, sampling, conditionals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from zuko.transforms import MonotonicRQSTransform

from specviz.models.specclip.label_flow import LabelFlow, Spline


@pytest.fixture
def flow() -> LabelFlow:
    torch.manual_seed(1)
    flow = LabelFlow(("teff", "logg", "fe_h"), context=5)
    for factor in flow.factors:  # far from the identity, so that mistakes show
        torch.nn.init.normal_(factor.knots.weight, std=0.4)
        torch.nn.init.normal_(factor.knots.bias, std=0.4)
    flow.offset.copy_(torch.tensor([3.75, 4.0, -0.2]))
    flow.spread.copy_(torch.tensor([0.05, 0.5, 0.3]))
    return flow.eval()


def test_spline_is_zukos_spline() -> None:
    torch.manual_seed(0)
    widths, heights, slopes = 3 * torch.randn(50, 8), 3 * torch.randn(50, 8), 3 * torch.randn(50, 7)
    x = 3 * torch.randn(50)
    ours, theirs = Spline(widths, heights, slopes, bound=6.0), MonotonicRQSTransform(widths, heights, slopes, bound=6.0)
    for a, b in zip(ours.call_and_ladj(x), theirs.call_and_ladj(x), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_samples_follow_the_density(flow: LabelFlow) -> None:
    context, base = torch.randn(1, 5), torch.randn(20_000, 3)
    samples = flow.sample(context, base)[0]
    assert samples.shape == (20_000, 3) and bool((samples[:, 0] > 0).all())
    y, summary = flow.standardise(samples), flow.condition(context)
    grid = torch.linspace(-60.0, 60.0, 120_001)
    for i in range(3):
        # At the first sample's labels: the density integrates to one, and its cumulative is that of its draws.
        previous = y[:1, :i] if i else None
        with torch.no_grad():
            density = torch.exp(flow.factor(i).log_prob(grid, summary, previous))
            cumulative = torch.cumulative_trapezoid(density, grid)
            drawn = flow.factor(i).to_label(base[:, i], summary[0], None if previous is None else previous.T)
        assert cumulative[-1].item() == pytest.approx(1.0, abs=2e-3)
        expected = np.interp(drawn.sort().values.numpy(), grid[1:].numpy(), cumulative.numpy())
        assert (
            np.abs(expected - np.linspace(0, 1, len(drawn))).max() < 0.015
        )  # Kolmogorov-Smirnov, 1.36 / sqrt(n) = 0.0096


def test_written_out_inverse_is_zukos(flow: LabelFlow) -> None:
    summary, previous, z = flow.condition(torch.randn(1, 5)), 2 * torch.randn(2, 4000), 2.5 * torch.randn(4000)
    with torch.no_grad():
        spline, shift, log_scale = flow.factor(2).spline(summary, previous.T)
        expected = spline.inv(z) * torch.exp(log_scale) + shift
        found = flow.factor(2).to_label(z, summary[0], previous)
    assert (z.abs() > 6).sum() > 10  # outside of the spline too
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-3)
    assert (found - expected).abs().median() < 1e-5


def test_density_of_the_first_labels_does_not_need_the_others(flow: LabelFlow) -> None:
    context, labels = torch.randn(4, 5), torch.tensor([[5700.0, 4.4, 0.1]]).expand(4, -1)
    torch.testing.assert_close(flow.log_prob(labels[:, :2], context), flow.log_prob(labels, context)[:, :2])


def test_a_star_has_the_same_samples_alone_and_in_a_batch(flow: LabelFlow) -> None:
    context, base = torch.randn(3, 5), torch.randn(100, 3)
    together, alone = flow.sample(context, base), flow.sample(context[1:2], base)
    np.testing.assert_allclose(together[1].numpy(), alone[0].numpy(), rtol=1e-4, atol=1e-4)


def test_labels_depend_on_the_labels_before(flow: LabelFlow) -> None:
    labels = torch.tensor([[5700.0, 4.4, 0.1], [4500.0, 4.4, 0.1]])
    log_prob = flow.log_prob(labels, torch.zeros(2, 5))
    assert not torch.isclose(log_prob[0, 2], log_prob[1, 2])


def test_temperature_widens(flow: LabelFlow) -> None:
    context, base = torch.randn(1, 5), torch.randn(5000, 3)
    before = flow.sample(context, base)[0].std(dim=0)
    flow.temperature.fill_(1.5)
    assert bool((flow.sample(context, base)[0].std(dim=0) > before).all())


def test_an_empty_batch_stays_empty(flow: LabelFlow) -> None:
    assert flow.sample(torch.zeros(0, 5), torch.randn(7, 3)).shape == (0, 7, 3)
