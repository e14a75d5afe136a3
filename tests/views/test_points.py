"""A model that gives labels without uncertainty, predictions without error, and no reference scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.models.posterior import Posterior
from specviz.session.state import State
from specviz.views import formats, label_table
from specviz.views.anomaly_panel import headline
from specviz.views.controls import is_shown
from specviz.views.footer import code_line
from specviz.views.spectrum_data import xp_curves

NAMES = ("teff", "logg", "fe_h", "alpha_fe", "rv", "mass", "nu_max", "delta_pi1")
POINTS = frozenset({"fe_h", "alpha_fe"})


def official_like(report: Any, names: tuple[str, ...] = NAMES, points: frozenset[str] = POINTS) -> Any:
    """The report as a model like the official SpecCLIP gives it."""
    rng = np.random.default_rng(0)
    typical = dict(zip(NAMES, (5600.0, 4.1, -0.3, 0.1, -12.0, 1.1, 254.0, 80.0), strict=True))
    samples = np.stack(
        [typical[n] + (0 if n in points else 0.02 * typical[n]) * rng.standard_normal(400) for n in names]
    )
    posterior = Posterior(
        names, samples.T, survey="lamost_lrs", points=points, notes=dict.fromkeys(points, "one number")
    )
    unknown = {k: replace(p, sigma=np.full(p.sigma.shape, np.nan)) for k, p in report.predictions.items()}
    anomaly = replace(report.anomaly, percentile=float("nan"), note="no scores of reference stars")
    return replace(report, posteriors={"lamost_lrs": posterior}, predictions=unknown, anomaly=anomaly)


@pytest.fixture
def view(make_view: Any) -> Any:
    return make_view("demo 1")


@pytest.fixture
def shown(view: Any) -> Any:
    return show(view, official_like(view.session.state.report))


def show(view: Any, report: Any) -> Any:
    view.session._update(report=report)
    return report


def test_no_error_is_written_where_there_is_none(view: Any, shown: Any) -> None:
    assert formats.error_pair("fe_h", -0.3, float("nan"), float("nan")) == ("", "")
    table = label_table.table_html(shown)
    assert table.count("<tr title") == len(NAMES) and "nan" not in table and "\u2212\u2013" not in table
    for heading, unit in (("Mass", "M☉"), ("ν<sub>max</sub>", "μHz"), ("ΔΠ<sub>1</sub>", ">s<")):
        assert heading in table and unit in table
    assert "no uncertainty" in view.summary.root.object or "sv-catalogue" in view.summary.root.object


def test_the_corner_shows_labels_that_have_a_width(view: Any, shown: Any) -> None:
    titles = [t.split(" (")[0] for t in view.posterior.titles["x"].data["text"]]
    assert titles == ["Teff", "log g", "RV", "Mass"]
    assert max(len(t) for t in view.posterior.marks["y"].data["text"]) < 8


def test_a_model_of_points_alone_shows_its_table(view: Any, shown: Any) -> None:
    names = ("fe_h", "alpha_fe")
    show(view, official_like(shown, names, frozenset(names)))
    panel = view.posterior
    assert panel.table.visible and not is_shown(panel.box)
    assert "data-sv-when" not in panel.box.html_attributes  # nothing to switch
    assert len(view.map.star.data["x"]) == 0  # no place in the Kiel plane, and no failure


def test_residuals_are_those_of_the_data_alone(shown: Any) -> None:
    curves = xp_curves(shown.star, shown)
    assert curves is not None and np.isfinite(curves.residual["y"]).any()
    assert np.isnan(curves.predicted["e"]).all()  # no band


def test_the_anomaly_says_why(shown: Any) -> None:
    assert "No scores of reference stars" in headline(shown.anomaly)


def test_the_line_of_python_names_the_model() -> None:
    assert code_line(State(target="demo 1", model="specclip-official")) == (
        "specviz.explore('demo 1', model='specclip-official')"
    )
    assert code_line(State(target="demo 1", model="specclip-small")) == "specviz.explore('demo 1')"
    assert code_line(State(model="specclip-official")) == "specviz.explore(model='specclip-official')"
