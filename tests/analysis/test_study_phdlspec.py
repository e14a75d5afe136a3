"""PhDLspec's study of a demo star: the fit once, then spectra of turned labels and the lines that tell of a label."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from specviz import api
from specviz.analysis.report import Report
from specviz.analysis.studies.line_windows import strongest_windows
from specviz.analysis.studies.phdlspec import Board, PhdlspecAnswer, PhdlspecStudy
from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, NotFoundError, OptionError
from specviz.spectra.star import Star


def _ignore() -> None:
    pass


@pytest.fixture(scope="module")
def report() -> Report:
    return api.default_engine().analyse(DemoArchive().fetch("demo 17"), samples=200)


@pytest.fixture(scope="module")
def study() -> PhdlspecStudy:
    return PhdlspecStudy(api.default_engine)


@pytest.fixture(scope="module")
def board(study: PhdlspecStudy, report: Report) -> Board:
    return study.prepare(report, _ignore)


def _answer(study: PhdlspecStudy, board: Board, dials: Any = (), element: str = "") -> PhdlspecAnswer:
    return study.answer(board, {"dials": dials, "element": element}, _ignore)


def test_the_fit_says_28_labels_and_which_of_them_it_knows(study: PhdlspecStudy, board: Board) -> None:
    answer = _answer(study, board)
    fitted = answer.fitted
    assert len(fitted.labels) == 28 and answer.turned is None and answer.element is None
    assert fitted.label("teff").note == "" and "prior" in {label.note for label in fitted.labels}
    assert all(label.low <= label.value <= label.high and label.error > 0 for label in fitted.labels)
    residual = ((fitted.flux - fitted.model) / fitted.error)[fitted.used]
    assert residual @ residual == pytest.approx(fitted.chi2, rel=1e-6) and fitted.excess >= 1
    assert fitted.seen.sum() > fitted.used.sum()  # telluric bands are drawn, not fitted
    assert np.isnan(fitted.model[0]) == (not fitted.used[0])


def test_dials_at_the_fit_give_the_fit(study: PhdlspecStudy, board: Board) -> None:
    dials = tuple((label.name, label.value) for label in board.fitted.labels)
    turned = _answer(study, board, dials).turned
    assert turned is not None and not turned.clipped
    np.testing.assert_allclose(turned.model, board.fitted.model, atol=2e-5)
    assert turned.chi2 == pytest.approx(board.fitted.chi2, rel=1e-4)


def test_more_magnesium_deepens_mg_b_and_chi_square_says_so(study: PhdlspecStudy, board: Board) -> None:
    fitted = board.fitted
    factor = 1 + fitted.rv / 299792.458
    mg_b = np.abs(fitted.wave / factor - 5176.0) < 14.0
    away = (np.abs(fitted.wave / factor - 6050.0) < 60.0) & fitted.used
    at = fitted.label("mg_fe").value
    depth = []
    for by in (-0.3, 0.3):
        turned = _answer(study, board, (("mg_fe", at + by),)).turned
        assert turned is not None and turned.chi2 > fitted.chi2 + 100
        depth.append(float((turned.model - fitted.model)[mg_b].mean()))
        assert np.abs(turned.model - fitted.model)[away].mean() < 0.1 * abs(depth[-1])
    assert depth[0] > 0.01 and depth[1] < -0.01


def test_beyond_what_was_learned_a_label_is_moved_to_the_edge_with_a_word(study: PhdlspecStudy, board: Board) -> None:
    edge = board.fitted.label("logg").high
    far, there = (_answer(study, board, (("logg", v),)).turned for v in (9.0, edge))
    assert far is not None and there is not None
    assert far.clipped == (("logg", 9.0, edge),) and far.dials == {"logg": edge}
    np.testing.assert_array_equal(far.model, there.model)
    assert there.clipped == ()


def test_a_label_that_there_is_not_is_an_option_error(study: PhdlspecStudy, board: Board) -> None:
    with pytest.raises(OptionError, match=r"no label 'mg_hf'.*mg_fe"):
        _answer(study, board, (("mg_hf", 0.1),))
    with pytest.raises(OptionError, match="element"):
        _answer(study, board, element="unobtainium")


def test_an_element_speaks_where_its_lines_are(study: PhdlspecStudy, board: Board) -> None:
    expected = {
        "mg_fe": "Mg b",
        "ba_fe": "Ba II 4554",
        "sr_fe": "Sr II 4078",
        "mn_fe": "Mn I 4033",
        "cr_fe": "Cr I 5206",
    }
    for name, line in expected.items():
        element = _answer(study, board, element=name).element
        assert element is not None
        first = element.windows[0]
        assert first.name == line and any(seen.label == line for seen in first.lines), name
        assert 0.05 < first.share <= 1 and sum(w.share for w in element.windows) <= 1 + 1e-9
        inside = (board.fitted.wave > first.low) & (board.fitted.wave < first.high)
        assert (element.more - element.less)[inside].min() < -0.01  # more of it, deeper lines
        assert element is _answer(study, board, (("teff", 6000.0),), name).element  # not worked out again
    hot = _answer(study, board, element="teff").element
    assert hot is not None and hot.up == 200.0 and hot.windows


def test_windows_do_not_overlap_and_say_nothing_where_there_is_nothing() -> None:
    wave = np.arange(4000.0, 5000.0)
    used = np.ones(wave.size, bool)
    signal = np.exp(-0.5 * ((wave - 4555.31) / 2) ** 2) + 0.5 * np.exp(-0.5 * ((wave - 4580) / 2) ** 2)
    windows = strongest_windows("ba_fe", wave, signal, used, 0.0)
    assert [w.name for w in windows][:1] == ["Ba II 4554"]
    for a, b in pairwise(windows):
        assert abs(a.low - b.low) >= 40
    assert strongest_windows("ba_fe", wave, np.zeros(wave.size), used, 0.0) == ()
    assert strongest_windows("ba_fe", wave, signal, ~used, 0.0) == ()
    moved = strongest_windows("ba_fe", wave * (1 + 1e-3), signal, used, 299.94)
    assert moved[0].name == "Ba II 4554" and moved[0].peak == pytest.approx(windows[0].peak * 1.001, abs=1.5)


def test_what_cannot_be_fitted_is_said_and_a_fit_stops_when_no_one_waits(study: PhdlspecStudy, report: Report) -> None:
    star = report.star
    with pytest.raises(NotFoundError, match="no LAMOST spectrum"):
        study.prepare(replace(report, star=Star(star.name, {"gaia_xp": star.spectra["gaia_xp"]})), _ignore)
    asked = []

    def stop() -> None:
        asked.append(1)
        if len(asked) > 4:
            raise CancelledError("The star is no longer on screen")

    with pytest.raises(CancelledError):
        study.prepare(report, stop)
