"""The centre of the vetting screen, without a browser: header, curves, what stands there where a spectrum does not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.session.state import State
from specviz.views.settings import Settings
from specviz.views.vetting_spectrum import VettingSpectrum, catalogue_line

sys.path.insert(0, str(Path(__file__).parent))
from odd_star import make_oddity
from vet_states import failed_after, state_of


@pytest.fixture
def state(fake_model_class: Any) -> State:
    return state_of(fake_model_class())


def _panel(state: State) -> VettingSpectrum:
    panel = VettingSpectrum(Settings(SimpleNamespace(state=State())), state.view)
    panel.update(State(), state)
    return panel


def test_the_header_has_the_surveys_words_and_none_of_ours(state: State) -> None:
    assert state.star is not None and state.report is not None
    known = state.star.with_(
        name="<i>J0402</i>",
        catalogue={"teff": 5626.2, "logg": 4.05, "fe_h": -0.41, "source": "LASP, DR10"},
        catalogues={},
    )
    shown = _panel(replace(state, star=known))
    head = shown.head.object
    assert "LASP 5626\u00a0K, 4.05, −0.41" in head and "S/N<sub>g</sub>" in head
    assert "&lt;i&gt;J0402" in head and "<i>J0402" not in head
    posterior = state.report.posterior
    assert posterior is not None
    ours = f"{posterior.summary()['teff'][0]:.0f}"
    assert ours not in head + shown.legend.object + shown.score.object
    assert (
        catalogue_line(state.star.with_(catalogue={"teff": 5000.0, "source": "LASP"}, catalogues={}))
        == "LASP 5000\u00a0K, –, –"
    )
    assert catalogue_line(state.star.with_(catalogue={}, catalogues={})) == ""


def test_the_curves_are_those_of_the_star(state: State) -> None:
    assert state.star is not None
    panel = _panel(state)
    spectrum = state.star.spectra["lamost_lrs"]
    assert np.allclose(panel.data.data["x"], spectrum.wavelength, atol=0.01)
    assert panel.model.data["x"].size > 100 and panel.residual.data["x"].size > 100
    assert panel.x_range.start == pytest.approx(spectrum.wavelength[0], abs=30)
    assert not panel.predicted.data["x"].size and not panel.continuum.data["x"].size  # not drawn here: not sent


def test_it_costs_fewer_models_than_the_explorers_panel(state: State) -> None:
    from specviz.views.lamost_panel import LamostPanel

    panel = _panel(state)
    other = LamostPanel(Settings(SimpleNamespace(state=State())), state.view)
    ours, theirs = len(panel.root.references()), len(other.frame.root.references())
    assert ours < 0.8 * theirs, (ours, theirs)


def test_a_row_that_failed_says_why_and_shows_nothing_of_the_star_before(state: State) -> None:
    panel = _panel(state)
    failed = failed_after(state, "J0000<b>", "LAMOST does not answer <i>")
    panel.update(state, failed)
    assert panel.data.data["x"].size == panel.model.data["x"].size == panel.residual.data["x"].size == 0
    assert "J0000&lt;b&gt;" in panel.head.object and state.star is not None and state.star.name not in panel.head.object
    assert panel.message.visible and "LAMOST does not answer &lt;i&gt;" in panel.message.object
    assert "can be labelled all the same" in panel.message.object and 'data-sv-act="retry"' in panel.message.object
    panel.update(failed, state)
    assert not panel.message.visible and panel.data.data["x"].size > 1000


def test_without_an_optical_spectrum_the_xp_spectrum_is_drawn(state: State, fake_model_class: Any) -> None:
    from specviz.archives.demo import DemoArchive

    whole = next(s for s in (DemoArchive().star(i) for i in range(20)) if "gaia_xp" in s.spectra)
    star = whole.with_(spectra={"gaia_xp": whole.spectra["gaia_xp"]})
    xp = state_of(fake_model_class(), star=star)
    panel = _panel(state)
    panel.update(state, xp)
    seen = panel.data.data["x"]
    assert 3300 < seen[0] < 4000 and 9500 < seen[-1] < 10300  # Angstrom
    assert "W m⁻² nm⁻¹" in panel.figure.yaxis[0].axis_label and "Gaia XP spectrum" in panel.legend.object
    assert not panel.message.visible and panel.model.data["x"].size > 10
    panel.update(xp, state)
    assert panel.figure.yaxis[0].axis_label == "Flux (relative)"


def test_a_star_without_any_spectrum_says_so(state: State) -> None:
    assert state.star is not None
    empty = replace(state, star=state.star.with_(spectra={}), report=None)
    panel = _panel(empty)
    assert "No spectrum of this star" in panel.message.object and panel.message.visible


def test_stretches_of_the_leading_score_are_marked_once_it_may_be_seen(state: State) -> None:
    assert state.vet is not None
    panel = _panel(state)
    odd = replace(state, vet=replace(state.vet, odd=make_oddity(), revealed=False))
    panel.update(state, odd)
    assert not len(panel.odd.data["left"]) and "hidden until you save" in panel.score.object
    told = replace(odd, vet=replace(odd.vet, revealed=True))  # type: ignore[type-var]
    panel.update(odd, told)
    assert list(panel.odd.data["left"]) == [6558.0, 6581.0] and list(panel.odd.data["right"]) == [6572.0, 6590.0]
    assert "Emission lines" in panel.score.object
    panel.update(told, odd)
    assert not len(panel.odd.data["left"])


def test_zoom_and_flux_follow_the_options_and_reset_takes_it_back(state: State) -> None:
    panel = _panel(state)
    near = replace(state, view=state.view.with_(zoom=(6465.0, 6665.0), flux="normalised"))
    panel.update(state, near)
    assert (panel.x_range.start, panel.x_range.end) == (6465.0, 6665.0)
    assert panel.figure.yaxis[0].axis_label == "Flux / continuum"
    panel.reset()
    assert panel.x_range.start == panel.x_range.reset_start < 3800


def test_another_star_sends_each_source_once(state: State, fake_model_class: Any) -> None:
    panel = _panel(state)
    other = state_of(fake_model_class(), 1)
    sent: list[str] = []
    for name in ("data", "model", "masks", "residual", "beyond", "predicted", "continuum", "similar", "odd"):
        getattr(panel, name).on_change("data", lambda _attr, _old, _new, name=name: sent.append(name))
    panel.update(state, other)
    assert sorted(sent) == ["beyond", "data", "masks", "model", "residual"]
