"""Offsets learned from references and from pairs; what is stored comes back; what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from specviz.errors import CheckpointError, ModelError
from specviz.models.phdlspec.calibration import LabelCalibration
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.label_fit import LabelFit
from specviz.models.phdlspec.priors import PARAMETERS, covariance

RNG = np.random.default_rng(4)


def fitted(labels: dict[str, float], error: float = 0.02) -> LabelFit:
    """A fit without a spectrum."""
    values = np.zeros(len(PARAMETERS))
    for name, value in labels.items():
        values[PARAMETERS.index(name)] = value
    sigma = np.where(np.array(PARAMETERS) == "teff", 20.0, error)
    empty = np.zeros(0)
    return LabelFit(values, np.diag(sigma**2), np.sqrt(np.diag(covariance())), 1.0, 1, empty, empty, empty, empty,
                    empty, np.zeros(0, bool), 5, True, ())  # fmt: skip


def stars(n: int) -> list[dict[str, float]]:
    return [
        {"teff": t, "logg": g, "fe_h": m, "mg_fe": a}
        for t, g, m, a in zip(RNG.uniform(4500, 6800, n), RNG.uniform(1.5, 4.6, n), RNG.uniform(-1.5, 0.3, n),
                              RNG.uniform(-0.1, 0.3, n), strict=True)
    ]  # fmt: skip


def wrong_by(star: dict[str, float]) -> float:
    """The error of the fitted [Mg/Fe] that is to be found."""
    return 0.08 + 0.05 * (star["teff"] - 5500) / 1000 - 0.03 * (star["fe_h"] + 0.3) / 0.5


def test_an_offset_that_follows_temperature_and_metallicity_is_found() -> None:
    pairs = []
    for star in stars(300):
        seen = star | {"mg_fe": star["mg_fe"] + wrong_by(star) + RNG.normal(0, 0.03)}
        told = {"mg_fe": star["mg_fe"], "mg_fe_err": 0.01, "teff": star["teff"]}
        if RNG.random() < 0.05:
            told["mg_fe"] = 1.5  # a wrong match must not move it
        pairs.append((fitted(seen), told))
    made = LabelCalibration.learn(pairs, source="a test", emulator="abc")
    assert set(made.corrections) == {"mg_fe", "teff"} and made.corrections["mg_fe"].n_references == 300
    for star in stars(20):
        assert abs(made.offset("mg_fe", star["teff"], star["logg"], star["fe_h"]) + wrong_by(star)) < 0.03
        assert abs(made.offset("teff", star["teff"], star["logg"], star["fe_h"])) < 12
    assert 0.005 < made.corrections["mg_fe"].scatter < 0.04
    assert made.offset("ni_fe", 5000, 4, 0) == 0
    edge = made.offset("mg_fe", made.high[0], 3.0, -0.3)
    assert made.offset("mg_fe", 9000.0, 3.0, -0.3) == edge and not made.reaches(fitted({"teff": 9000.0}))


def test_binaries_tell_the_slope_without_a_zero_point() -> None:
    """A hot and a cool star of one birth: the trend with temperature comes out, the mean stays where it was."""
    pairs = []
    for a, b in zip(stars(200), stars(200), strict=True):
        b = b | {"fe_h": a["fe_h"], "mg_fe": a["mg_fe"]}
        fits = [fitted(s | {"mg_fe": s["mg_fe"] + wrong_by(s) + RNG.normal(0, 0.02)}) for s in (a, b)]
        pairs.append((fits[0], fits[1]))
    made = LabelCalibration.learn(pairs=pairs, labels=("mg_fe", "teff"), source="wide binaries", emulator="abc")
    assert "teff" not in made.corrections  # the two stars of a binary have their own
    cool, hot = (made.offset("mg_fe", t, 4.0, -0.3) for t in (5000.0, 6500.0))
    assert hot - cool == pytest.approx(-0.05 * 1.5, abs=0.02)
    assert made.corrections["mg_fe"].n_pairs == 200


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    references = [(fitted(s), {"ca_fe": 0.1}) for s in stars(40)]
    made = LabelCalibration.learn(references, labels=("ca_fe",), source="GALAH DR4", emulator="abc")
    made.save(tmp_path / "offsets.json")
    back = LabelCalibration.load(tmp_path / "offsets.json")
    assert back.corrections == made.corrections and (back.low, back.high) == (made.low, made.high)
    assert (back.source, back.emulator) == ("GALAH DR4", "abc") and "ca_fe corrected after GALAH DR4" in str(back)


def test_what_is_no_calibration_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reference stars"):
        LabelCalibration.learn([(fitted({"teff": 5000.0}), {"mg_fe": 0.1})], source="x", emulator="y")
    with pytest.raises(ModelError, match="enough references"):
        LabelCalibration.learn([(fitted(s), {"mg_fe": np.nan}) for s in stars(20)], source="x", emulator="y")
    with pytest.raises(ModelError, match="Unknown labels: u_fe"):
        LabelCalibration.learn(labels=("u_fe",), source="x", emulator="y")
    path = tmp_path / "c.json"
    with pytest.raises(CheckpointError, match="cannot be read"):
        LabelCalibration.load(path)
    for text, words in (
        ("{", "no calibration"),
        ("[1]", "no calibration"),
        (json.dumps({"format": "specviz-label-calibration-1"}), "damaged"),
    ):
        path.write_text(text)
        with pytest.raises(CheckpointError, match=words):
            LabelCalibration.load(path)
    made = LabelCalibration.learn([(fitted(s), {"mg_fe": 0.1}) for s in stars(20)], labels=("mg_fe",), source="x",
                                  emulator="y")  # fmt: skip
    made.save(path)
    told = json.loads(path.read_text())
    told["labels"]["mg_fe"]["coefficients"][0] = None
    path.write_text(json.dumps(told))
    with pytest.raises(CheckpointError, match="damaged"):
        LabelCalibration.load(path)
    assert set(LABEL_NAMES) >= set(made.corrections)
