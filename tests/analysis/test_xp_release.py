"""A model that was trained on Gaia DR3 XP says so when it is given XP of another release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.quality import headline_flags, xp_release
from specviz.models.protocol import ModelDescription
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def _model(fake_model_class: Any, release: str) -> Any:
    class Trained(fake_model_class):  # type: ignore[misc]
        def describe(self) -> ModelDescription:
            return replace(super().describe(), release=release)

    return Trained()


@pytest.mark.parametrize(("trained", "given", "passed"), [
    ("LAMOST DR10, Gaia DR3", "DR3", True), ("Gaia DR3", "Gaia DR3", True), ("LAMOST DR10, Gaia DR3", "DR4", False),
    ("Gaia DR4, LAMOST DR12", "DR3", False), ("Gaia DR3 and Gaia DR4", "DR4", True), ("Gaia DR3", None, None),
    ("own grid", "DR4", None),
])  # fmt: skip
def test_release_of_the_spectrum_against_release_of_the_training(
    xp: Any, trained: str, given: str | None, passed: bool | None
) -> None:
    spectrum = xp(0)
    assert xp_release(spectrum.with_(meta={**spectrum.meta, "release": given}), trained).passed is passed
    assert xp_release(None, trained).passed is None


def test_dr4_input_to_a_dr3_model_is_flagged_where_a_person_sees_it(
    fake_model_class: Any, xp: Callable[..., Spectrum], lamost: Callable[..., Spectrum], pair: Callable[[int], Star]
) -> None:
    old = xp(0)
    new = old.with_(meta={**old.meta, "release": "DR4"})
    engine = Engine(_model(fake_model_class, "LAMOST DR10, Gaia DR3"), samples=20)
    for star in (Star.from_spectrum(new), pair(1).with_spectrum(new)):  # alone, and beside LAMOST
        report = engine.analyse(star)
        shown = {flag.name: flag for flag in headline_flags(report)}
        assert shown["xp_release"].passed is False and report.posterior is not None  # a warning, not a refusal
        assert shown["xp_release"].text == "XP of Gaia DR4; model knows DR3"
    for star in (pair(1), Star.from_spectrum(lamost(0))):
        assert "xp_release" not in {flag.name for flag in headline_flags(engine.analyse(star))}
