"""The whole tree without a browser: built once, updated in place, safe against foreign text, freed when closed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.models.dom import HTML as DomHtml
from bokeh.plotting import figure

from specviz.archives.demo import DemoArchive
from specviz.session.state import Notice
from specviz.spectra.star import Star
from specviz.views.palette import DARK, LIGHT


def _names(view: Any) -> set[str]:
    return {m.name for m in view.layout.references() if isinstance(m, figure) and m.name}


def test_first_screen_then_the_explorer_when_a_star_comes(make_view: Any) -> None:
    view = make_view()
    assert _names(view) == set()
    view.session.open("demo 2")
    view.session.wait()
    assert {"lamost-flux", "lamost-residual", "xp-flux", "posterior-corner", "map"} <= _names(view)


def test_a_new_star_changes_data_and_keeps_the_models(make_view: Any) -> None:
    view = make_view("demo 1")
    document = Document()
    document.add_root(view.layout)
    before = {m.id for m in view.layout.references()}
    flux = view.lamost.data.data["y"].copy()
    view.session.open("demo 2")
    view.session.wait()
    assert {m.id for m in view.layout.references()} == before
    assert not np.array_equal(view.lamost.data.data["y"], flux, equal_nan=True)
    assert "demo 2" in view.summary.root.object and "demo 1" not in view.summary.root.object
    assert view.xp.data.data["x"].size == 343 and view.xp.predicted.data["x"].size == 343
    assert len(view.posterior.frames.data["left"]) == 10
    assert view.similar.table.object.index("demo 1<") < view.similar.table.object.index("demo 3<")
    document.clear()


def test_choosing_a_neighbour_overlays_rings_and_marks_the_row(make_view: Any) -> None:
    view = make_view("demo 1")
    assert view.lamost.similar.data["x"].size == 0 and "Similar star" not in view.lamost.legend.object
    view.act("choose 3")  # what a click on the table does
    assert view.session.state.neighbour == 3
    assert view.lamost.similar.data["x"].size > 1000 and "Similar star" in view.lamost.legend.object
    assert len(view.map.chosen.data["x"]) == 1 and not view.similar._open.disabled
    view.session.choose(None)
    assert view.similar.marks.data["chosen"] == [-1] and view.lamost.similar.data["x"].size == 0


def test_normalised_switch_and_zoom(make_view: Any) -> None:
    view = make_view("demo 1")
    top = view.lamost.figure.y_range.end
    view.session.set(flux="normalised")
    assert view.lamost.figure.y_range.end != top
    assert view.lamost.figure.yaxis[0].axis_label == "Flux / continuum"
    view.zoom("lamost_lrs", 5000.0, 5200.0)
    assert view.lamost.x_range.start == 5000.0
    assert view.key("z") and view.lamost.x_range.start < 4000 and not view.key("q")


def test_foreign_text_never_becomes_markup(make_view: Any) -> None:
    evil = '<img src=x onerror="alert(1)">'
    star = DemoArchive().fetch("demo 1")
    spectrum = star.spectra["lamost_lrs"]
    meta = {**spectrum.meta, "subclass": evil, "release": evil, "object_id": evil, "path": evil}
    bad = Star(evil, {"lamost_lrs": spectrum.with_(meta=meta)}, catalogue={"source": evil, "teff": 5000.0})
    view = make_view(bad)
    view.session.tell(Notice("error", evil, evil, evil))
    texts = [m.html for m in view.layout.references() if isinstance(m, DomHtml)]
    assert sum("onerror" in t for t in texts) >= 3  # the name, the notice, the code line: they are on screen
    assert all("<img" not in t for t in texts)


def test_every_figure_uses_palette_colours_that_the_dark_theme_knows(make_view: Any) -> None:
    view = make_view("demo 1")
    known = {c.lower() for c in LIGHT.values()}
    used = set()
    for model in view.layout.references():
        for name, value in model.properties_with_values(include_defaults=False).items():
            if name.endswith("_color") and isinstance(value, str) and value.startswith("#"):
                used.add(value.lower())
    assert len(used) > 8 and used <= known, used - known
    assert set(LIGHT) == set(DARK) and len(set(LIGHT.values())) == len(LIGHT) and len(set(DARK.values())) == len(DARK)


def test_closing_frees_everything(make_view: Any, fake_model_class: Any, world: Any) -> None:
    from specviz.analysis.engine import Engine
    from specviz.session.session import Session
    from specviz.views.explorer import ExplorerView

    engine = Engine(fake_model_class(), samples=100)
    alive = []
    for n in range(5):
        session = Session(engine, None)
        session.open(f"demo {n + 1}")
        session.wait()
        view = ExplorerView(session, world)
        alive += [weakref.ref(o) for o in (session, view, view.lamost.figure, view.posterior.figure)]
        view.close()
        session.close()
        del session, view
    for _ in range(3):
        gc.collect()
    assert sum(r() is not None for r in alive) == 0


def test_a_panel_that_fails_leaves_the_others(make_view: Any, caplog: Any) -> None:
    view = make_view("demo 1")

    def broken(_old: Any, _new: Any) -> None:
        raise ValueError("deliberate")

    view.posterior.update = broken
    view.session.open("demo 4")
    view.session.wait()
    assert "demo 4" in view.summary.root.object and "PosteriorPanel failed to draw" in caplog.text
