"""DESA's panel: what is drawn of a star with both, with one alone, with catalogue values, without weights."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.measured_curve import measure_curve
from specviz.analysis.studies.desa import DesaStudy
from specviz.archives.demo import DemoArchive
from specviz.errors import NotFoundError
from specviz.session.session import Session
from specviz.session.state import State
from specviz.spectra.star import Star
from specviz.views.controls import is_shown
from specviz.views.studies import desa_words
from specviz.views.studies.curve_figures import decimated
from specviz.views.studies.desa_panel import DesaPanel

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from fake_desa import FakeDesa, spotted, study

_MEASURED: dict[int, Any] = {}


def _measure_once(curve: Any, **options: Any) -> Any:
    """Measuring takes a second; the tests share a curve."""
    if id(curve) not in _MEASURED:
        _MEASURED[id(curve)] = curve, measure_curve(curve, **options)
    return _MEASURED[id(curve)][1]


@pytest.fixture
def opened(fake_model_class: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Any, Any]]]:
    """``opened(star, study) -> session, panel``: the panel of a session, drawn."""
    made: list[Session] = []
    monkeypatch.setattr("specviz.analysis.studies.desa.measure_curve", _measure_once)

    def make(star: Any, used: Any = None) -> tuple[Any, Any]:
        session = Session(Engine(fake_model_class(), samples=50))
        session.studies = {"desa": used or study()}
        made.append(session)
        session.open(star)
        session.wait()
        panel = DesaPanel(session, lambda draw: draw())
        session.study("desa")
        settle(session, panel)
        return session, panel

    yield make
    for session in made:
        session.close()


def settle(session: Any, panel: Any) -> Any:
    """The answer to the last question, drawn."""
    for _ in range(6000):
        now = session.state.study
        if now is not None and now.report is session.state.report and not now.running:
            panel.update(State(), session.state)
            return now.answer
        time.sleep(0.01)
    raise AssertionError(f"no answer: {session.state.study}")


@pytest.fixture(scope="module")
def star() -> Star:
    return DemoArchive().fetch("demo 1").with_(light_curve=spotted())


def _shown(panel: Any) -> set[str]:
    return {name for name, cell in panel.cells.items() if is_shown(cell)}


def test_a_star_with_both(opened: Any, star: Star) -> None:
    _, panel = opened(star)
    assert _shown(panel) == {"curve", "folded", "power", "acf", "eigen", "arms", "channel_acf", "fourier"}
    said = panel.answers.object
    for words in ("12 %", "4.2", "5650", "light curve 5500 ± ", "4.40", "7.30", "37th", "eclipses every 3.1"):
        assert words in said, words
    assert panel.missing.object == "" and panel.words.object == ""
    curves = panel.curves
    assert 3000 > curves.points.data["x"].size > 2500 and curves.events.data["x"].size == 20
    assert curves.curve.xaxis[0].axis_label == "Time (BJD − 2454953.00, d)"
    assert curves.peaks.data["text"][0] == "7.30 d" and curves.found.data["text"] == ["rotation"]
    assert curves.found.data["x"][0] == pytest.approx(1 / 0.0864 / 7.3, rel=0.01)
    assert "Light curve folded at 7.30" in curves.folded.html_attributes["aria-label"]
    assert (curves.spectrum.data["y"] > 0).all()  # the axis is logarithmic
    assert panel.seen.star.data["x"].size == 1 and panel.seen.leaking.data["x"].size == 0
    assert panel.seen.groups["eclipsing"].data["x"].size == 20
    assert "Nearest 4: 1 field stars, 1 young, 1 synchronised, 1 eclipsing." in panel.key.object
    assert "Kepler quarters 1–3" in panel.heads["curve"].object


def test_the_curve_is_folded_at_the_eclipses(opened: Any, star: Star) -> None:
    _, panel = opened(star)
    assert 'aria-pressed="true">Rotation' in panel.heads["folded"].object
    panel.act("fold eclipses")
    assert 'aria-pressed="true">Eclipses' in panel.heads["folded"].object
    assert panel.curves.means.data["y"].min() == pytest.approx(-10, abs=2)  # ppt
    assert abs(panel.curves.folded.x_range.end) < 0.25
    panel.act("fold no-such-thing")
    assert 'aria-pressed="true">Eclipses' in panel.heads["folded"].object


def test_catalogue_values_stand_beside_and_are_said_to_leak(opened: Any, star: Star) -> None:
    session, panel = opened(star)
    assert "sv-leak" not in panel.answers.object and 'aria-pressed="false"' in panel.switch.object
    session.set(latent=True)
    settle(session, panel)
    said = panel.answers.object
    assert "12 %" in said and "93 %" in said and "they leak into what it then says" in said
    assert "Teff 5779 K" in said and "radius 1.01 R☉" in said
    assert panel.seen.leaking.data["x"].size == 1 and panel.seen.star.data["x"].size == 0
    assert panel.seen.groups["eclipsing"].data["x"].size == 10  # the other network's background
    assert 'aria-pressed="true"' in panel.switch.object
    session.set(latent=False)
    settle(session, panel)
    assert "93 %" not in panel.answers.object


def test_a_spectrum_alone_offers_ways_to_a_light_curve(opened: Any, star: Star) -> None:
    session, panel = opened(star.with_(light_curve=None))
    assert _shown(panel) == {"arms"}
    said = panel.missing.object
    assert "This star has no light curve. What stands above is from the spectrum alone." in said
    assert "Simulate its light curve" in said and 'data-sv-act="file light_curve"' in said
    assert "from the spectrum" in panel.answers.object and "Rotation" not in panel.answers.object
    panel.act("fetch")
    assert session.wait().star.light_curve is not None
    settle(session, panel)
    assert "curve" in _shown(panel) and panel.missing.object == ""


def test_a_real_star_is_looked_for_in_the_archive(opened: Any, star: Star) -> None:
    session, panel = opened(star.with_(light_curve=None, meta={}))
    assert "Fetch from MAST" in panel.missing.object
    panel.act("fetch")
    state = session.wait()
    assert "There is no light curve of demo 1 here" in state.notice.title + state.notice.text
    assert "Looking for a light curve" in desa_words.no_curve(panel._answer, fetching=True)


def test_a_light_curve_alone(opened: Any, star: Star) -> None:
    _, panel = opened(Star("KIC 1", light_curve=star.light_curve))
    assert _shown(panel) == {"curve", "folded", "power", "acf", "channel_acf", "fourier"}
    assert "from the light curve" in panel.answers.object


def test_without_weights(opened: Any, star: Star) -> None:
    def engine() -> Any:
        raise NotFoundError("There is no model desa-small", remedy="Update specviz")

    _, panel = opened(star, DesaStudy(engine))
    assert "There is no model desa-small" in panel.answers.object and "Rotation" in panel.answers.object
    assert {"curve", "power", "acf", "arms"} <= _shown(panel) and "eigen" not in _shown(panel)
    assert "Close binary" not in panel.answers.object


def test_nothing_foreign_becomes_markup(opened: Any, star: Star) -> None:
    bad = "<img src=x onerror=alert(1)>"
    curve = spotted()
    hostile = star.with_(name=bad, light_curve=type(curve)(curve.time, curve.flux, meta={"path": bad}))
    model = FakeDesa()
    model.prepare_light_curve = lambda _curve: (np.zeros((4, 1440), np.float32), bad)  # type: ignore[method-assign]
    _, panel = opened(hostile, study(model))
    html = "".join([panel.answers.object, *(head.object for head in panel.heads.values()), panel.missing.object])
    assert "<img" not in html and "&lt;img" in html


def test_the_panel_forgets_the_star_before(opened: Any, star: Star) -> None:
    session, panel = opened(star)
    session.open(Star("nothing"))
    session.wait()
    settle(session, panel)
    assert "nothing has neither" in panel.words.object
    assert panel.answers.object == "" and not is_shown(panel.grid)
    assert panel.curves.points.data["x"].size == 0 and panel.seen.star.data["x"].size == 0


def test_many_points_keep_their_extremes() -> None:
    y = np.random.default_rng(1).standard_normal(50_000)
    y[12_345] = -50
    x, few = decimated(np.arange(y.size, dtype=float), y)
    assert few.size <= 4000 and few.min() == -50 and few.max() == y.max()
    assert np.all(np.diff(x) > 0)


def test_unequal_dips_are_two_stars() -> None:
    from types import SimpleNamespace

    dips = SimpleNamespace(odd=6000.0, even=4000.0, depth=5000.0, snr=100.0)
    assert "two stars" in desa_words._unequal(dips)
    assert desa_words._unequal(SimpleNamespace(odd=5100.0, even=4900.0, depth=5000.0, snr=100.0)) == ""


def test_a_file_is_attached_while_vetting_too(make_vetting: Any) -> None:
    session = make_vetting(2).session
    rows = "\n".join(f"{day / 50:.3f},1.0" for day in range(1500))
    session.attach("light_curve", "curve.csv", f"time,flux\n{rows}\n".encode())
    assert session.wait().star.name == "demo 1" and len(session.state.star.light_curve) == 1500
