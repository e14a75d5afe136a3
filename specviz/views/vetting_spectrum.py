"""The centre of the vetting screen: name and what surveys say, the spectrum over the model's, residuals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from specviz.session.state import State, ViewOptions
from specviz.spectra.catalogue_values import catalogues_of
from specviz.spectra.star import Star
from specviz.views import formats, icons, option_controls, spectrum_data, stylesheet
from specviz.views.controls import SPOKEN, column, html, name_plot, row
from specviz.views.figures import MARKS, mark
from specviz.views.formats import text
from specviz.views.line_marks import lines_menu
from specviz.views.odd_panel import leading, score_line
from specviz.views.on_screen import OnScreen, on_screen
from specviz.views.optical_plot import EMPTY, OpticalPlot
from specviz.views.palette import LIGHT
from specviz.views.plot_sentences import optical_sentence, residual_sentence, xp_sentence
from specviz.views.settings import Settings

_HEAD = f"""
:host {{ overflow: hidden; }}
.sv-who {{ display: flex; align-items: baseline; gap: 0 12px; white-space: nowrap; overflow: hidden; }}
.sv-who b {{ flex: 0 1 auto; min-width: 80px; overflow: hidden; text-overflow: ellipsis; }}
.sv-who span {{ flex: 0 0 auto; font-size: 12px; color: {stylesheet.QUIET}; }}
.sv-who span:last-child {{ flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis; }}
/* Little room: always two lines, also for a short name, so that nothing moves from star to star. */
@container (max-width: 1199px) {{ :host {{ min-height: 40px; }} .sv-who {{ flex-wrap: wrap; line-height: 20px; min-height: 40px; }} .sv-who b {{ flex-basis: 100%; }}
  .sv-who span:last-child {{ flex: 1 1 0; }} .sv-who {{ gap: 0 8px; }} }}
"""
_CONTROLS = f"""{option_controls.CSS}
:host {{ overflow: visible !important; }} .sv-controls {{ gap: 6px; }}
@container (max-width: 1199px) {{ .sv-seg button {{ padding: 0 6px; }} }}
"""
#: One line whatever it says: a second one would push the plot down from one star to the next.
_LEGEND = f"""{option_controls.LEGEND}
:host {{ overflow: hidden; }} .sv-legend {{ flex-wrap: nowrap; white-space: nowrap; }} .sv-legend .sv-chip {{ flex: none; }}
@container (max-width: 459px) {{ .sv-legend {{ gap: 0; }} .sv-legend .sv-chip {{ font-size: 11px; padding-right: 2px; }} }}
.sv-legend .sv-note {{ min-width: 0; overflow: hidden; text-overflow: ellipsis; }}
"""
_PLOT = ":host { position: relative; overflow: visible; }"
_MESSAGE = f"""
:host {{ position: absolute !important; z-index: 3; left: 81px; right: 20px; top: 56px; }}
.sv-problem {{ display: grid; grid-template-columns: 20px 1fr; gap: 0 8px; max-width: 560px; }}
.sv-problem > :first-child {{ color: {stylesheet.WARN_TEXT}; }}
.sv-problem p {{ margin: 2px 0 6px; font-size: 12px; line-height: 17px; color: {stylesheet.QUIET}; overflow-wrap: anywhere; }}
"""
_SCORE = f"""
:host {{ font-size: 12px; color: {stylesheet.QUIET}; white-space: nowrap; }} b {{ color: var(--jp-ui-font-color1); }} .short {{ display: none; }}
@container (max-width: 1199px) {{ .short {{ display: inline; }} .long {{ display: none; }} }}
@container (max-width: 459px) {{ .short {{ display: none; }} }}
"""
ROW = ":host { min-height: 28px; }"


class VettingSpectrum(OpticalPlot):
    """Observed spectrum with its errors, the reconstruction, masks, telluric bands and line marks; residuals below.

    What surveys say of the star stands in the header; what our model says of it does not: the person is to judge the
    spectrum, not to agree with a number. Where there is no optical spectrum the Gaia XP spectrum is drawn instead.

    Parameters
    ----------
    settings : Settings
    view : ViewOptions
        What is shown at first.
    """

    def __init__(self, settings: Settings, view: ViewOptions) -> None:
        super().__init__(settings, view, layers=("model", "observed"), window=False, height=316, strip_height=104)
        self.odd = ColumnDataSource(dict(left=EMPTY, right=EMPTY))
        style: dict[str, Any] = dict(source=self.odd, y_range_name=MARKS, line_color=None, level="underlay")
        mark(self.figure, "quad", "left", "right", 1, 0, fill_color=LIGHT["selected"], name="odd-stretch", **style)
        self._legend_state: Any = None
        self.head = html(head_html(OnScreen()), css=_HEAD, classes=["sv-grow"], name="vet-head")
        hold = {"data-sv-hold": ""}  # a press leaves the keyboard with the screen: Enter is still "save and next"
        self.controls = html(controls_html(view), css=_CONTROLS, html_attributes=dict(hold))
        self.legend = html(self._legend(), css=_LEGEND, classes=["sv-grow"], html_attributes=dict(hold))
        self.score = html(css=_SCORE, html_attributes=SPOKEN)
        self.message = html(css=_MESSAGE, html_attributes=SPOKEN | hold)
        self.message.visible = False
        self._read(self.legend)
        self.root = column(
            row(self.head, self.controls, css=ROW),
            row(self.legend, self.score, css=ROW),
            column(self.figure, self.message, css=_PLOT),
            self.strip,
            classes=["sv-vet-spectrum"],
        )

    def reset(self) -> None:
        """The whole range again."""
        self.x_range.update(start=self.x_range.reset_start, end=self.x_range.reset_end)

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        before, now = on_screen(old), on_screen(new)
        if now != before or (now.star is not before.star) or (now.report is not before.report):
            self._draw_star(now, reset=now.star is not before.star)
        if new.view is not old.view:
            self._choose(old.view, new.view)
        self._mark_odd(new)
        self._write_legend(now)

    def _draw_star(self, now: OnScreen, *, reset: bool) -> None:
        self.head.object = head_html(now)
        curves = self._curves_of(now)
        if curves is None:
            self._curves = None
            self._clear()
        else:
            self._draw_curves(curves, spectrum_data.own_velocity(now.star), reset=reset)
        self._say(now, curves)
        snr = None if now.star is None else _snr(now.star)[1]
        survey = next((s for s in (*spectrum_data.OPTICAL, "gaia_xp") if now.star and s in now.star.spectra), "")
        wave = EMPTY if curves is None else curves.wavelength
        residual = (EMPTY, EMPTY) if curves is None else (curves.residual["x"], curves.residual["y"])
        seen = optical_sentence(survey, wave, snr, residual)
        if survey == "gaia_xp":
            seen = xp_sentence(wave, self.model.data["x"], residual)
        name_plot(self.figure, seen)
        name_plot(self.strip, residual_sentence(residual, 1.0, "Å"))

    def _curves_of(self, now: OnScreen) -> spectrum_data.OpticalCurves | None:
        if now.star is None:
            return None
        found = None
        if spectrum_data.optical(now.star) is not None:
            found = spectrum_data.optical_curves(now.star, now.report, normalised=self._state.view.flux == "normalised")
        return found if found is not None else spectrum_data.xp_as_optical(now.star, now.report)

    def _say(self, now: OnScreen, curves: spectrum_data.OpticalCurves | None) -> None:
        """Why there is nothing to see, in the empty frame."""
        if not now.name or (curves is not None and not now.problem):
            title, why = "", ""
        elif now.star is None:
            title, why = f"{now.name} could not be opened", now.problem
        elif curves is None:
            title, why = "No spectrum of this star", now.problem or "Neither an optical nor a Gaia XP spectrum came."
        else:
            title, why = "", ""  # the spectrum speaks; that the model has nothing to say stands in the legend
        self.message.object = "" if not title else problem_html(title, why, again=now.star is None)
        self.message.visible = bool(title)

    def _mark_odd(self, new: State) -> None:
        """The stretches for which the leading score finds the star odd, once they may be shown."""
        best = leading(new.vet)
        reasons = () if best is None else best.reasons
        left, right = [float(r.low) for r in reasons], [float(r.high) for r in reasons]
        if list(self.odd.data["left"]) != left or list(self.odd.data["right"]) != right:
            self.odd.data = dict(left=np.array(left), right=np.array(right))
        self.score.object = score_line(new.vet)

    # ------------------------------------------------------------------ the legend
    def _legend(self, now: OnScreen | None = None) -> str:
        curves, view = self._curves, self._state.view
        made = curves is not None and bool(curves.model["x"].size)
        masked = curves is not None and bool(curves.masks["left"].size)
        problem = "" if now is None or curves is None else now.problem  # where nothing is drawn, the frame says why
        chips = [
            option_controls.chip("observed", "Observed ± 1 σ", view, role="observed", mark="band", enabled=curves is not None),
            option_controls.chip("model", "Reconstructed", view, role="reconstructed", width=3, enabled=made),
            option_controls.chip("masked", "Masked", view, role="masked", mark="foot", enabled=masked),
        ]  # fmt: skip
        note = " · ".join(
            n for n in ("" if curves is None else curves.note, f"No model: {problem}" if problem else "") if n
        )
        said = f'<span class="sv-note sv-quiet" title="{text(note, 300)}">{text(note, 60)}</span>' if note else ""
        return f'<div class="sv-legend">{"".join(chips)}{said}<span class="sv-readout sv-quiet" aria-hidden="true"></span></div>'

    def _write_legend(self, now: OnScreen) -> None:
        # Only when it says something else: a switch that the browser has turned must not lose the focus.
        written = self._legend(now)
        state = written.replace('aria-pressed="true"', "").replace('aria-pressed="false"', "")
        if state != self._legend_state:
            self._legend_state = state
            self.legend.object = written


def controls_html(view: ViewOptions) -> str:
    """Flux or normalised, which lines are marked, the whole range again."""
    return (
        '<div class="sv-controls">'
        + option_controls.segmented(
            "flux", [("flux", "Flux"), ("normalised", "Normalised")], view, name="Flux or normalised"
        )
        + lines_menu(view)
        + option_controls.icon_button("Reset zoom", "reset", 'data-sv-reset="zoom"')
        + "</div>"
    )


def head_html(now: OnScreen) -> str:
    """ "LAMOST J040232.43-001800.5   S/N_g 28   LASP 5626 K, 4.05, −0.41". Foreign text is escaped here."""
    if not now.name:
        return '<div class="sv-who"><span>No star on screen</span></div>'
    parts = [f'<b class="name" title="{text(now.name, 300)}">{text(now.name, 60)}</b>']
    if now.star is not None:
        band, snr = _snr(now.star)
        if snr is not None:
            parts.append(f"<span>S/N{band} {formats.number(snr)}</span>")
        values = catalogue_line(now.star)
        if values:
            parts.append(f'<span title="T_eff, log g, [Fe/H] of the catalogue">{values}</span>')
    return f'<div class="sv-who">{"".join(parts)}</div>'


def _snr(star: Star) -> tuple[str, float | None]:
    """Band as HTML, and signal to noise, of the spectrum on screen."""
    spectrum = spectrum_data.optical(star) or star.spectra.get("gaia_xp")
    if spectrum is None:
        return "", None
    return ("<sub>g</sub>" if spectrum.survey == "lamost_lrs" else ""), spectrum.snr


def catalogue_line(star: Star) -> str:
    """What the leading catalogue says of the star, "" if none does: the survey's word, not ours."""
    for one in catalogues_of(star):
        values = [one.value(name) for name in ("teff", "logg", "fe_h")]
        if any(v is not None for v in values):
            teff, logg, fe_h = values
            kelvin = f"{formats.label('teff', teff)}\u00a0K" if teff is not None else formats.DASH
            return f"{text(one.name, 24)} {kelvin}, {formats.label('logg', logg)}, {formats.label('fe_h', fe_h)}"
    return ""


def problem_html(title: str, why: str, *, again: bool) -> str:
    """What happened and that the star can be labelled all the same."""
    retry = '<button class="sv-button" data-sv-act="retry">Try again</button>' if again else ""
    return (
        f'<div class="sv-problem"><span>{icons.svg("warning")}</span><div><b>{text(title, 120)}</b>'
        f"<p>{text(why, 400)}{' ' if why else ''}It can be labelled all the same.</p>{retry}</div></div>"
    )
