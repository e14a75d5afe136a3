"""A batch that the device's memory does not hold is halved, and precision is asked of the models that have a choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.errors import ModelError
from specviz.models.protocol import Encoding, Prepared


def _crowded(fake_model_class: Any, room: int, error: Exception | None = None) -> Any:
    """A device that holds ``room`` spectra; for more it raises what torch raises, or ``error``."""
    import torch

    class Crowded(fake_model_class):
        tried: list[int] = []  # noqa: RUF012 - one class a test

        def embed(self, prepared: Sequence[Prepared]) -> Encoding:
            self.tried.append(len(prepared))
            if len(prepared) > room:
                raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return super().embed(prepared)  # type: ignore[no-any-return]

    return Crowded()


def test_a_batch_that_does_not_fit_is_halved_and_the_work_goes_on(fake_model_class: Any, lamost: Any) -> None:
    model = _crowded(fake_model_class, 5)
    engine = Engine(model, batch_size=32, samples=10)
    stars = [lamost(i) for i in range(21)]
    said: list[str] = []
    reports = engine.analyse(stars, progress=lambda fraction, text: said.append(text))
    expected = Engine(fake_model_class(), samples=10).analyse(stars)
    assert len(reports) == 21 and not any(report.problem for report in reports)
    for report, other in zip(reports, expected, strict=True):
        np.testing.assert_allclose(report.embedding, other.embedding, rtol=1e-6)
    assert model.tried == [21, 10, 5, 5, 5, 5, 1] and engine.batch_size == 5 and said[-1] == "21 of 21 stars"
    assert len(engine.embed(stars)) == 21 and model.tried[7:] == [5, 5, 5, 5, 1]  # remembered, not tried again
    assert len(engine.translate(stars)) == 21


def test_a_single_spectrum_that_does_not_fit_is_said(fake_model_class: Any, lamost: Any) -> None:
    with pytest.raises(ModelError, match=r"does not hold a single spectrum.*device='cpu'"):
        Engine(_crowded(fake_model_class, 0)).analyse([lamost(0), lamost(1)])


def test_other_errors_of_the_device_are_not_taken_for_lack_of_memory(fake_model_class: Any, lamost: Any) -> None:
    model = _crowded(fake_model_class, 0, RuntimeError("an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        Engine(model).embed([lamost(0), lamost(1)])
    assert model.tried == [2]


def test_precision_is_asked_of_models_that_have_it(fake_model_class: Any, lamost: Any) -> None:
    class Precise(fake_model_class):
        def at_precision(self, precision: str, *, compiled: bool = False) -> Any:
            twin = fake_model_class()
            twin.dtype = f"{precision}, {compiled}"
            return twin

    def dtype(model: Any, **how: Any) -> str:
        return str(Engine(model, samples=10, **how).analyse(lamost(0)).provenance.dtype)

    assert dtype(Precise(), precision="auto") == "auto, False"
    assert dtype(Precise(), compiled=True) == "float32, True"
    assert dtype(Precise()) == dtype(fake_model_class(), precision="auto") == "float32"
    with pytest.raises(ModelError, match="has one precision"):
        Engine(fake_model_class(), precision="bfloat16")
