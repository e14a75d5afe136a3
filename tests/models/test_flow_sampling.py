"""The fast route of the flow's samples gives the numbers of the general one, in every thread and mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from specviz.models.specclip import flow_sampling
from specviz.models.specclip.flow_sampling import Buffers, base_normals
from specviz.models.specclip.label_flow import LabelFlow


def _flow(extra: tuple[str, ...]) -> LabelFlow:
    torch.manual_seed(3)
    flow = LabelFlow(("teff", "logg", "fe_h", "alpha_fe"), 6, 8, 12, 7, extra=extra)
    for factor in flow.factors:  # far from the identity
        torch.nn.init.normal_(factor.knots.weight, std=0.4)
        torch.nn.init.normal_(factor.knots.bias, std=0.4)
    if flow.extra is not None:
        torch.nn.init.normal_(flow.extra.core_weight, std=0.3)
        torch.nn.init.normal_(flow.extra.lower_weight, std=0.3)
        torch.nn.init.normal_(flow.extra.output.weight, std=0.3)
    n = len(flow.names)
    flow.offset.copy_(torch.linspace(0.1, 1.0, n)).index_fill_(0, torch.tensor(0), 3.75)
    flow.spread.copy_(torch.linspace(0.2, 0.6, n)).index_fill_(0, torch.tensor(0), 0.04)
    flow.temperature.copy_(torch.linspace(0.9, 1.3, n))
    return flow.eval()


def _general(flow: LabelFlow, context: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Label by label through the factors' own inverse."""
    n, scaled = flow.n_core, (base * flow.temperature).T
    stars = []
    with torch.no_grad():
        for summary in flow.condition(context):
            rows: list[torch.Tensor] = []
            for i in range(n):
                rows.append(flow.factor(i).to_label(scaled[i], summary, torch.stack(rows) if rows else None))
            core = torch.stack(rows)
            extra = [] if flow.extra is None else [flow.extra.sample(scaled[n:], summary, core)]
            stars.append(torch.cat((core, *extra)))
        return flow.restore(torch.stack(stars).transpose(1, 2))


@pytest.mark.parametrize("extra", [(), ("rv", "c_fe", "mg_fe")])
def test_same_numbers_as_the_general_route(extra: tuple[str, ...]) -> None:
    flow = _flow(extra)
    context, base = torch.randn(3, 6), 1.7 * torch.randn(3000, len(flow.names))
    assert (base[:, :4].abs() > 6).any()  # outside of the splines too
    expected, found = _general(flow, context, base), flow.sample(context, base)
    assert found.shape == (3, 3000, len(flow.names)) and found.dtype == torch.float32
    width = expected.std(dim=(0, 1))
    assert ((found - expected).abs() / width).max() < 2e-3  # float32 in the far tail
    assert ((found - expected).abs() / width).median() < 1e-6
    with torch.inference_mode():
        torch.testing.assert_close(flow.sample(context, base), found, rtol=0, atol=0)
    torch.testing.assert_close(flow.sample(context, base), found, rtol=0, atol=0)


def test_one_sample_and_other_sizes() -> None:
    flow, context = _flow(("rv",)), torch.randn(1, 6)
    base = torch.randn(50, 5)
    full = flow.sample(context, base)
    for count in (1, 2, 49):
        torch.testing.assert_close(flow.sample(context, base[:count]), full[:, :count], rtol=1e-5, atol=1e-5)


def test_many_samples_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, context, base = _flow(("rv",)), torch.randn(2, 6), torch.randn(2500, 5)
    whole = flow.sample(context, base)
    monkeypatch.setattr(flow_sampling, "_BLOCK", 1000)
    blocks = flow.sample(context, base)
    assert ((blocks - whole).abs() / whole.std(dim=(0, 1))).max() < 1e-3


def test_threads_do_not_share_their_memory() -> None:
    flow = _flow(("rv",))
    contexts, base = torch.randn(8, 1, 6), torch.randn(4000, 5)
    alone = [flow.sample(context, base) for context in contexts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda context: flow.sample(context, base), contexts))
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_two_sizes_of_buffers_are_kept_and_no_more() -> None:
    def work() -> None:
        first, second = Buffers.of(10, 3, 4, 5), Buffers.of(20, 3, 4, 5)
        assert Buffers.of(10, 3, 4, 5) is first and Buffers.of(20, 3, 4, 5) is second
        Buffers.of(30, 3, 4, 5)
        assert Buffers.of(10, 3, 4, 5) is not first

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def test_base_normals_are_those_of_the_seed() -> None:
    expected = torch.randn((100, 4), generator=torch.Generator().manual_seed(7))
    for _ in range(2):
        torch.testing.assert_close(base_normals(4, 100, 7), expected, rtol=0, atol=0)
    assert not torch.equal(base_normals(4, 100, 8), expected)
    assert not torch.equal(base_normals(4, 100, None), base_normals(4, 100, None))
    assert np.asarray(base_normals(4, 100, 7).T).flags.c_contiguous
