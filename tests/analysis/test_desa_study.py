"""``DesaStudy``: what is worked out of a star for the panel, with either half missing, and with catalogue values."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.studies.desa import DesaStudy
from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, ModelError, NotFoundError
from specviz.spectra.star import LightCurve, Star

sys.path.insert(0, str(Path(__file__).parent))
from fake_desa import FakeDesa, spotted, study


def _nothing() -> None:
    pass


def _ask(star: Any, made: DesaStudy | None = None, **options: Any) -> Any:
    asked = made or study()
    return asked.answer(asked.prepare(SimpleNamespace(star=star), _nothing), options, _nothing)


@pytest.fixture(scope="module")
def star() -> Star:
    found = DemoArchive().fetch("demo 1")
    return found.with_(light_curve=spotted())


def test_spectrum_and_light_curve(star: Star) -> None:
    answer = _ask(star)
    assert answer.model == "desa-fake 1" and answer.curve == "Kepler quarters 1–3" and answer.simulated
    assert answer.measured.rotation.period == pytest.approx(7.3, abs=0.1)
    assert [f.why for f in answer.folds] == ["rotation", "eclipses"]
    assert answer.folds[1].period == pytest.approx(3.1, abs=0.005)
    assert answer.folds[1].mean.min() == pytest.approx(0.99, abs=0.002)
    at_dip = answer.folds[1].mean_phase[answer.folds[1].mean.argmin()]
    assert abs(at_dip) < 0.03  # the eclipse is at phase 0
    assert answer.plain.binary == 0.12 and answer.leaking is None and answer.look is answer.plain
    assert len(answer.background) == 60 and not answer.problems
    blue, red = answer.arms
    assert blue.wavelength[0] == pytest.approx(3841.0) and red.wavelength[-1] == pytest.approx(8797.5, abs=1.5)
    assert answer.channels.views.shape == (4, 1440)
    assert answer.channels.time[-1] == pytest.approx(1439 / 24)
    assert answer.channels.frequency[-1] == pytest.approx(12 / 0.0864)  # Nyquist of an hour


def test_catalogue_values_are_given_only_when_asked_and_both_answers_stand(star: Star) -> None:
    model = FakeDesa()
    made = study(model)
    prepared = made.prepare(SimpleNamespace(star=star), _nothing)
    assert made.answer(prepared, {"latent": False}, _nothing).leaking is None
    assert model.calls == {"plain": 1}
    answer = made.answer(prepared, {"latent": True}, _nothing)
    assert (answer.plain.binary, answer.leaking.binary) == (0.12, 0.93)
    assert answer.given["teff"] == 5779.0 and answer.given["radius"] == pytest.approx(1.014, abs=1e-3)
    assert set(answer.given) == {"teff", "logg", "fe_h", "radius"}  # what is not known is not made up
    assert len(answer.background) == 30  # the eigenspace of the other network
    made.answer(prepared, {"latent": True}, _nothing)
    assert model.calls == {"plain": 1, "latent": 1}


def test_a_spectrum_alone(star: Star) -> None:
    answer = _ask(star.with_(light_curve=None), latent=True)
    assert answer.measured is None and answer.curve == "This star has no light curve"
    assert answer.plain.seen == ("spectrum",) and answer.leaking is None and answer.latent
    assert len(answer.arms) == 2 and answer.channels is None and answer.folds == ()


def test_a_light_curve_alone(star: Star) -> None:
    answer = _ask(Star("KIC 1", light_curve=spotted()))
    assert answer.plain.seen == ("light_curve",) and answer.arms == () and not answer.simulated
    assert answer.measured.eclipses.found


def test_a_light_curve_too_short_for_desa_is_measured_all_the_same(star: Star) -> None:
    answer = _ask(star.with_(light_curve=spotted(15.0, 2.3)))
    assert answer.measured.rotation.found and answer.plain.seen == ("spectrum",)
    assert answer.problems == ("The light curve is 15.0 days long. Expected: at least 20 days.",)
    answer = _ask(star.with_(light_curve=spotted(40.0)))
    assert answer.problems == ("The light curve has 40 days",) and answer.plain.seen == ("spectrum", "light_curve")


def test_a_light_curve_that_cannot_be_measured_says_why(star: Star) -> None:
    answer = _ask(star.with_(light_curve=LightCurve(np.arange(50.0), np.ones(50))))
    assert answer.measured is None and "50 usable points" in answer.curve


def test_without_weights_the_light_curve_is_still_measured(star: Star) -> None:
    def engine() -> Any:
        raise NotFoundError("There is no model desa-small")

    answer = _ask(star, DesaStudy(engine))
    assert answer.plain is None and answer.model == "" and answer.problems == ("There is no model desa-small.",)
    assert answer.measured.rotation.found and len(answer.arms) == 2
    other = SimpleNamespace(describe=lambda: SimpleNamespace(name="lux-small"))
    assert "looks at no light curves" in _ask(star, study(other)).problems[0]


def test_nothing_to_look_at(star: Star) -> None:
    with pytest.raises(ModelError, match="neither"):
        _ask(Star("nothing"))
    xp = star.with_(spectra={"gaia_xp": star.spectra["gaia_xp"]}, light_curve=None)
    with pytest.raises(ModelError, match="only a Gaia XP spectrum"):
        _ask(xp)


def test_a_star_that_is_no_longer_wanted(star: Star) -> None:
    def stop() -> None:
        raise CancelledError("another star")

    with pytest.raises(CancelledError):
        study().prepare(SimpleNamespace(star=star), stop)
