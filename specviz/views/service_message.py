"""What stands in a spectrum panel when the observed spectrum did not come: what happened, what it means, what to do.

It takes the place of the residual strip, which has nothing to show then; the plot keeps the prediction and gets the
wavelength axis, so the panel stays as large as it was.
"""

from __future__ import annotations

from typing import Any

from bokeh.plotting import figure

from specviz.session.outcome import service_name, times, unanswered
from specviz.session.state import Outcome, Star, State
from specviz.views import icons, stylesheet
from specviz.views.controls import html, sheet, show
from specviz.views.formats import text

_CSS = f"""
:host {{ min-height: 112px; box-sizing: border-box; border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding: 8px 0 4px; }}
.box {{ display: grid; grid-template-columns: 20px 1fr; gap: 0 8px; }} .box > :first-child {{ color: {stylesheet.WARN_TEXT}; }}
p {{ margin: 2px 0 6px; font-size: 12px; line-height: 17px; color: {stylesheet.QUIET}; }}
.do {{ display: flex; gap: 8px; flex-wrap: wrap; }}
pre {{ margin: 6px 0 0; white-space: pre-wrap; font-family: var(--jp-code-font-family); font-size: 11px; line-height: 15px; max-height: 90px; overflow: auto; }}
"""


class ServiceMessage:
    """Stands in for the residual strip of one panel.

    Parameters
    ----------
    survey : str
        Whose spectrum the panel shows.
    keys : tuple of str
        The services that have it.
    fig, strip : figure
        The panel's plot and its residual strip.
    """

    def __init__(self, survey: str, keys: tuple[str, ...], fig: figure, strip: figure) -> None:
        self.survey, self._keys = survey, keys
        self._fig, self._strip = fig, strip
        strip.stylesheets = [sheet(stylesheet.HIDE)]
        self.root = html(css=_CSS, classes=["sv-service-message"])
        self.root.visible = False
        self._said: tuple[str, Outcome, bool] | None = None
        self._open = False

    def missing(self, star: Star | None) -> tuple[str, Outcome] | None:
        """The service that did not answer, if the star lacks its spectrum for that reason."""
        if star is None or self.survey in star.spectra:
            return None
        return next(((k, o) for k, o in unanswered(star).items() if k in self._keys), None)

    def update(self, state: State, *, predicted: bool) -> None:
        """Draw for the star of ``state``; ``predicted``: the plot shows what the model expects."""
        missing = self.missing(state.star)
        self._said, self._open = (None, False) if missing is None else ((*missing, predicted), False)
        self._draw()

    def toggle_details(self) -> None:
        """Show or hide the service's own words."""
        self._open = not self._open
        self._draw()

    def _draw(self) -> None:
        shown = self._said is not None
        self.root.object = "" if self._said is None else message_html(self.survey, *self._said, details=self._open)
        self.root.visible = shown
        show(self._strip, not shown)
        axis: Any = self._fig.xaxis[0]
        if axis.visible != shown:  # lays the page out again, 100 ms: only when a service fails, or comes back
            axis.visible = shown


def message_html(survey: str, service: str, outcome: Outcome, predicted: bool, *, details: bool = False) -> str:
    """Title, how often it was tried, what the plot shows, three buttons. Foreign text is escaped here."""
    name = text(service_name(service))
    offline = outcome.status == "offline"
    title = f"{name} was not asked" if offline else f"{name} did not answer"
    tried = "Offline" if offline else f"Asked {times(outcome.tries)}"
    other = "LAMOST" if survey == "gaia_xp" else "Gaia XP"
    means = (
        f"The curve above is the model’s prediction from the {other} spectrum alone; observed points are added when they arrive."
        if predicted
        else "There is nothing to predict it from either."
    )
    facts = f"{service_name(service)}: {outcome.status}, asked {times(outcome.tries)}\n{outcome.text}"
    more = f"<pre>{text(facts, 600)}</pre>" if details else ""
    retry = "online" if offline else "again"
    return (
        f'<div class="box" role="status"><span>{icons.svg("offline" if offline else "warning")}</span><div><b>{title}</b>'
        f'<p>{tried}. {means}</p><div class="do"><button class="sv-button" data-sv-act="{retry}">Try again</button>'
        f'<button class="sv-button" data-sv-act="file {survey}">Use a file</button>'
        f'<button class="sv-button sv-flat" data-sv-act="details {survey}" aria-expanded="{str(details).lower()}">Details</button>'
        f"</div>{more}</div></div>"
    )
