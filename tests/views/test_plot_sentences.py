"""What a screen reader is told of each plot."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.views.controls import HIDDEN, name_plot, show
from specviz.views.plot_sentences import map_sentence, optical_sentence, residual_sentence, xp_sentence

WAVE = np.linspace(3700.0, 9100.0, 1000)


def test_the_sentence_of_visual_md() -> None:
    sigma = np.where(np.abs(WAVE - 8289.0) < 3, -3.5, 0.4)
    said = optical_sentence("lamost_lrs", WAVE, 97.3, (WAVE, sigma))
    at = WAVE[np.argmax(np.abs(sigma))]
    assert said == f"LAMOST spectrum 3700 to 9100 Å, S/N 97, largest difference from the model −3.5 σ at {at:.0f} Å"
    assert residual_sentence((WAVE, sigma), 1.0, "Å").startswith(
        "Differences from the model, root mean square 0.4 σ, largest −3.5 σ at 8"
    )


def test_what_is_missing_is_said() -> None:
    nothing = np.empty(0)
    assert optical_sentence("lamost_lrs", nothing, None, (nothing, nothing)) == "No optical spectrum"
    assert optical_sentence("sdss", WAVE, np.nan, (WAVE, np.full(1000, np.nan))) == "SDSS spectrum 3700 to 9100 Å"
    assert residual_sentence((WAVE, np.full(1000, np.nan)), 1.0, "Å") == "No differences from a model"
    assert xp_sentence(nothing, nothing, (nothing, nothing)) == "No Gaia XP spectrum"
    assert xp_sentence(nothing, [3360.0, 10200.0], (nothing, nothing)) == (
        "Gaia XP spectrum predicted from the other instrument, 336 to 1020 nm"
    )
    assert xp_sentence([3360.0, 10200.0], [3360.0, 10200.0], ([3360.0, 4020.0], [0.1, 2.14])) == (
        "Gaia XP spectrum 336 to 1020 nm, with the model's spectrum, largest difference from the model +2.1 σ at 402 nm"
    )


def test_every_plot_has_its_sentence_and_keeps_it(make_view: Any) -> None:
    view = make_view("demo 1")
    plots = [view.lamost.figure, view.lamost.strip, view.xp.figure, view.xp.strip, view.map.figure]
    said = [p.html_attributes["aria-label"] for p in plots]
    assert all(p.html_attributes["role"] == "img" for p in plots) and len(set(said)) == len(said)
    assert said[0].startswith("LAMOST spectrum 3") and "σ at" in said[0] and "Teff" in said[4]
    assert map_sentence(view.session.state) == said[4]
    view.session.open("demo 9")
    view.session.wait()
    assert view.lamost.figure.html_attributes["aria-label"] != said[0]
    show(view.xp.strip, False)
    name_plot(view.xp.strip, "another")
    assert HIDDEN in view.xp.strip.html_attributes
    show(view.xp.strip, True)
    assert view.xp.strip.html_attributes == {"role": "img", "aria-label": "another"}
