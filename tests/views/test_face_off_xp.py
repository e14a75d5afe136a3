"""The drawing of predicted XP spectra in the face-off, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from specviz.analysis.engine import Engine
from specviz.analysis.face_off import face_off
from specviz.archives.demo import DemoArchive
from specviz.views.face_off import face_off_html
from specviz.views.face_off_xp import xp_html


def _made(fake: Any, star: Any = None) -> Any:
    engines = {"fake": Engine(fake(), samples=200), "second <b>": Engine(fake("e" * 64), samples=200, seed=3)}
    return face_off(star or DemoArchive().star(0), engines)


def test_every_prediction_is_a_curve_and_a_row(fake_model_class: Any) -> None:
    shown = xp_html(_made(fake_model_class))
    assert "from LAMOST, over the observed one" in shown and "second &lt;b&gt;" in shown and "<b>" not in shown
    assert shown.count("<tr>") == 3 and len(re.findall(r"<td>[\d.]+ %</td>", shown)) == 2
    assert len(re.findall(r"\d+ ms</td>|\d+\.\d s</td>", shown)) == 2
    drawing = shown.split("<table")[0]
    assert all(f"var(--sv-{role})" in drawing for role in ("observed", "predicted", "reconstructed"))
    assert re.search(r'role="img" aria-label="Predicted Gaia XP spectra: fake off by \d+', drawing)
    assert "nan" not in shown
    assert "sv-xp-face" in face_off_html(_made(fake_model_class))


def test_a_star_without_xp_or_without_predictions(fake_model_class: Any) -> None:
    star = DemoArchive().star(0)
    shown = xp_html(_made(fake_model_class, star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]})))
    assert "over the observed" not in shown and "O − P" not in shown and "nan" not in shown
    made = _made(fake_model_class)
    bare = tuple(replace(a, report=replace(a.report, predictions={})) for a in made.answers)
    shown = xp_html(replace(made, answers=bare))
    assert "Run time" in shown and 'role="img"' not in shown
    assert xp_html(replace(made, answers=())) == ""
