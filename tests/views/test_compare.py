"""Two stars side by side, without a browser: what is drawn, what is said where something is missing."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.errors import OptionError
from specviz.session.pairing import PairSession, Side
from specviz.spectra.frames import doppler_factor
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.views.compare import CompareView, code_line
from specviz.views.controls import is_shown
from specviz.views.pair_curves import optical_pair, xp_pair


@pytest.fixture
def make(fake_model_class: Any) -> Iterator[Callable[..., CompareView]]:
    views: list[CompareView] = []
    engine = Engine(fake_model_class(), samples=400)
    grid = np.random.default_rng(0)
    reference = (grid.uniform(4000, 8000, 900), grid.uniform(0, 5, 900))

    def one(*targets: Any, **options: Any) -> CompareView:
        from fake_sky import FakeSky

        session = PairSession(engine, sky=FakeSky(), **options)
        views.append(CompareView(session, model="fake", version="0", reference=lambda: reference))
        for side, target in enumerate(targets):
            session.open(side, target)
        session.wait(60)
        return views[-1]

    yield one
    for view in views:
        view.close()
        view.session.close()


def _flat(level: float, sigma: float, name: str, **meta: Any) -> Star:
    """A LAMOST spectrum of ones times ``level``, with a step of 2 sigma in the blue half."""
    wave = np.linspace(3800.0, 9000.0, 3000)
    flux = np.where(wave < 6500, 1.0, 1.0) * level
    ivar = np.full(wave.size, (sigma * level) ** -2)
    return Star.from_spectrum(Spectrum(wave, flux, ivar, survey="lamost_lrs", meta={"object_id": name, **meta}))


def test_both_stars_are_drawn_and_compared(make: Any) -> None:
    view = make("demo 1", "demo 4")
    assert [s.data["x"].size for s in view.optical.curves] == [3909, 3909]
    assert [s.data["x"].size for s in view.xp.curves] == [343, 343]
    assert np.isfinite(view.optical.difference.data["y"]).sum() > 3000
    assert "demo 1" in view.heads.object and "demo 4" in view.heads.object
    assert view.table.object.count("<tr") == 1 + 4
    assert all(len(fills[0.68].data["xs"]) == 6 for fills in view.posterior.fills)
    assert [len(p.data["x"]) for p in view.map.places] == [1, 1] and len(view.map.background.data["x"]) == 900
    assert view._line.name == "specviz.compare('demo 1', 'demo 4', model='fake')"


def test_the_difference_is_in_errors_of_both() -> None:
    first, second = _flat(1.0, 0.03, "a"), _flat(50.0, 0.04, "b")
    bright = second.spectra["lamost_lrs"]
    second = second.with_(
        spectra={"lamost_lrs": bright.with_(flux=bright.flux + np.where(bright.wavelength < 4500, 5.0, 0.0))}
    )
    made = optical_pair((Side(star=first), Side(star=second)), normalised=False, rest=False)
    blue = made.difference["y"][made.difference["x"] < 4490]
    assert np.allclose(blue, -0.1 / 0.05, atol=1e-6)  # 1 − 1.1 over hypot(0.03, 0.04)
    assert np.allclose(made.difference["y"][made.difference["x"] > 4510], 0.0, atol=1e-6)
    assert made.note == "" and made.reach == pytest.approx(2.0)


def test_at_rest_the_lines_of_both_agree(make: Any) -> None:
    star = DemoArchive().star(0)
    spectrum = star.spectra["lamost_lrs"]
    fast = spectrum.with_(
        wavelength=spectrum.wavelength * doppler_factor(200.0), meta={**spectrum.meta, "z": 212.0 / 299792.458}
    )
    view = make(star, star.with_(name="the same, receding", spectra={"lamost_lrs": fast}))
    apart = np.nanstd(view.optical.difference.data["y"])
    assert view.session.set(frame="rest").frame == "rest"
    together = np.nanstd(view.optical.difference.data["y"])
    assert together < 0.5 * apart
    assert view.optical.strip.xaxis[0].axis_label.startswith("Rest wavelength")
    assert view.session.undo() and view.optical.frame._fact.object.count("RV") == 0


def test_an_unknown_velocity_is_told(make: Any) -> None:
    view = make(_flat(1.0, 0.02, "no velocity"), "demo 4")
    view.session.set(frame="rest")
    assert "no velocity: no velocity known" in view.optical.note.object


def test_a_star_with_xp_alone(make: Any) -> None:
    star = DemoArchive().star(3)
    view = make("demo 1", star.with_(spectra={"gaia_xp": star.spectra["gaia_xp"]}))
    assert view.optical.curves[1].data["x"].size == 0 and view.optical.chips[1].disabled
    assert view.optical.chips[1].label == "2  demo 4: no LAMOST spectrum"
    assert view.xp.difference.data["x"].size == 343
    assert "from XP" in view.table.object and "XP" in view.heads.object


def test_no_posterior_and_no_errors_are_told(make: Any) -> None:
    wave = np.linspace(5000.0, 6000.0, 500)
    short = Star.from_spectrum(Spectrum(wave, np.ones(500), survey="other", meta={"object_id": "short"}))
    view = make(short, short.with_(name="another"))
    assert "No errors are known" in view.optical.note.object
    assert "No labels for these spectra" in view.table.object
    assert "No posterior of short and another" in view.posterior.message.object
    assert "The spectrum covers" in view.heads.object


def test_a_star_that_does_not_come_leaves_the_other_and_the_one_before(make: Any) -> None:
    view = make("demo 1", "nobody")
    assert "No star called nobody" in view.heads.object and 'data-sv-act="pair-retry 1"' in view.heads.object
    assert view.optical.chips[1].label.endswith("not here") and view.optical.curves[0].data["x"].size == 3909
    view.session.open(1, "demo 2")
    view.session.wait(60)
    view.session.open(1, "nobody")
    view.session.wait(60)
    assert view.session.state.second.star.name == "demo 2" and "demo 2 is still shown" in view.heads.object
    assert code_line(view.session.state) == "specviz.compare('demo 1', 'demo 2')"


def test_a_name_that_may_mean_several_is_chosen(make: Any) -> None:
    view = make("demo 1", "HD 1234")
    assert 'data-sv-act="pair-pick 1 1"' in view.heads.object and "<b>K5" not in view.heads.object
    view.act("pair-pick 1 1")
    view.session.wait(60)
    assert view.session.state.second.star.name == "HD 1234 B" and not view.session.state.second.candidates


def test_names_are_text(make: Any) -> None:
    evil = '<img src=x onerror="window.evil=1">'
    view = make(DemoArchive().star(0).with_(name=evil), f"{evil}")
    shown = view.heads.object + view.table.object + view.map.key.object + view.code.object + view.optical.note.object
    assert "<img" not in shown and "&lt;img" in shown


def test_swapped_stars_change_places_and_signs(make: Any) -> None:
    view = make("demo 1", "demo 4")
    before = {p.name: p.sigma for p in view.session.state.labels}
    view.act("pair-swap")
    state = view.session.state
    assert [s.name for s in state.sides] == ["demo 4", "demo 1"]
    assert {p.name: -p.sigma for p in state.labels} == pytest.approx(before)
    assert view.key("n") and state is not view.session.state and view.session.state.view.flux == "normalised"
    assert "Flux / continuum" in view.optical.figure.yaxis[0].axis_label
    assert not view.key("q")


def test_a_star_can_be_compared_with_itself_and_reports_are_taken_as_they_are(make: Any, fake_model_class: Any) -> None:
    star = DemoArchive().star(0)
    report = Engine(fake_model_class("e" * 64), samples=300).analyse(star)
    view = make(star, report)
    state = view.session.state
    assert state.second.report is report and state.likeness == () and "different models" in view.heads.object
    view.session.open(1, star)
    view.session.wait(60)
    assert view.session.state.likeness[0].cosine == pytest.approx(1.0) and view.optical.frame is not None
    with pytest.raises(OptionError):
        view.session.open(2, star)


def test_nothing_is_kept_after_close(fake_model_class: Any) -> None:
    session = PairSession(Engine(fake_model_class(), samples=100))
    view = CompareView(session)
    session.open(0, "demo 1")
    session.wait(60)
    document = Document()
    document.add_root(view.layout)
    seen = weakref.ref(view.optical.figure)
    document.clear()
    view.close()
    session.close()
    assert session.state.first.star is None and not session._listeners
    del document, view
    gc.collect()
    assert seen() is None
    assert xp_pair(session.state.sides).curves[0]["x"].size == 0


def test_within_the_explorer_it_follows_the_star_and_the_selection(make_view: Any) -> None:
    view = make_view("demo 1")
    side = view.side_by_side
    assert side.view is None and not is_shown(side.root)
    view.act("compare")
    pair = side.view.session
    assert pair.wait(60).first.report is view.session.state.report and is_shown(side.root)
    assert pair.state.second.star is view.session.state.neighbour_star  # nothing was selected: the most similar one
    view.session.choose(4)
    assert pair.wait(60).second.star is view.session.state.neighbour_star
    view.act("pair-swap")
    assert pair.state.first.star is view.session.state.neighbour_star
    view.act("pair-swap")
    view.session.open("demo 2")
    view.session.wait()
    assert pair.wait(60).first.name == "demo 2"
    view.key("Escape")
    assert side.view is None and not is_shown(side.root) and not side.root.children
    assert not view.session.state.view.compare and pair.state.first.star is None
    view.session.set(compare=True)
    assert side.view is not None
    assert side.view.session.wait(60).first.name == "demo 2"


def test_a_star_that_was_observed_twice_differs_by_its_errors() -> None:
    """LAMOST repeats, continuum-normalised: the width of the difference in the bulk of the pixels is one sigma."""
    folder = Path(os.environ.get("SPECVIZ_SHARED") or Path(__file__).parents[3] / "shared") / "data/lamost_dr8_repeats"
    files = sorted(folder.rglob("*.fits*"))
    if not files:
        pytest.skip("no LAMOST repeats (SPECVIZ_SHARED)")
    from specviz.analysis.placing import header_velocity
    from specviz.spectra.readers import read

    by_name: dict[str, list[Side]] = {}
    for star in map(read, files):
        by_name.setdefault(star.name, []).append(Side(star=star, rv=header_velocity(star.spectra["lamost_lrs"])))
    pairs = [(v[0], v[1]) for v in by_name.values() if len(v) > 1]
    widths = [
        float(np.nanmedian(np.abs(optical_pair(p, normalised=True, rest=True).difference["y"]))) / 0.6745
        for p in pairs
        if all(s.star.spectra["lamost_lrs"].snr < 100 for s in p)  # above, the continuum's own error shows
    ]
    assert len(widths) >= 8 and 0.9 < np.median(widths) < 1.2 and max(widths) < 1.5, widths
