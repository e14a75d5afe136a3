"""``specviz.explain``: the door to the attribution, and what it refuses in words."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import specviz
from specviz.analysis.engine import Engine
from specviz.errors import CancelledError, ModelError, OptionError
from specviz.spectra.star import Star


def test_the_leading_spectrum_is_explained(pair: Any) -> None:
    why = specviz.explain(pair(0), "teff", device="cpu")
    assert why.label == "teff" and why.survey == "lamost_lrs" and why.completeness <= 0.01
    assert why.contribution.sum() == pytest.approx(why.value - why.baseline_value, rel=0.02)
    assert {"Hβ", "Hγ", "Hδ", "Hα"} & {name for share in why.lines()[:3] for name in share.name.split(", ")}


def test_a_report_and_another_survey(pair: Any) -> None:
    report = Engine(samples=10, device="cpu").analyse(pair(0))
    why = specviz.explain(report, "ebv", survey="gaia_xp", device="cpu")
    assert why.survey == "gaia_xp" and why.attention is None and why.lines() == []
    assert len(why.stretches(3, width=40.0)) == 3 and why.to_table()["wavelength"].unit == "nm"


def test_an_optical_spectrum_of_another_survey_is_read_as_lamost(lamost: Any) -> None:
    star = Star.from_spectrum(lamost(0).with_(survey="sdss"))
    assert specviz.explain(star, "logg", device="cpu").survey == "lamost_lrs"


def test_what_cannot_be_explained_is_said(pair: Any, lamost: Any, fake_model_class: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gives no 'feh'.*Did you mean 'fe_h'"):
        specviz.explain(pair(0), "feh", device="cpu")
    with pytest.raises(ModelError, match="fake cannot say why"):
        specviz.explain(pair(0), "fe_h", model=fake_model_class())
    with pytest.raises(ModelError, match="no Gaia XP spectrum"):
        specviz.explain(lamost(0), "fe_h", survey="gaia_xp", device="cpu")
    with pytest.raises(ModelError, match="has no spectrum that the model reads"):
        specviz.explain(Star("nothing"), device="cpu")
    with pytest.raises(OptionError, match="is no star"):
        specviz.explain(3, "fe_h")  # type: ignore[arg-type]
    with pytest.raises(specviz.SpecvizError):
        specviz.explain(tmp_path / "absent.fits")


def test_it_can_be_stopped(lamost: Any) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        specviz.explain(lamost(0), "fe_h", device="cpu", cancel=stop)
