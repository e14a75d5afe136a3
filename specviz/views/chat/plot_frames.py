"""``PlotFrames``: the plots of the calls of one question, each in its frame; the chat and a notebook's cell show them."""

from __future__ import annotations

from typing import Any

from specviz.views.chat import chat_style
from specviz.views.chat.charts import Plot, plots_of
from specviz.views.controls import column, html, name_plot
from specviz.views.formats import text


class PlotFrames:
    """Grows with the calls; what was drawn once is not drawn again, but gets what a later model made of it.

    Attributes
    ----------
    plots : list of Plot
    calls : list of str
        Those that have a plot, their own or one that stood already.
    """

    def __init__(self) -> None:
        self.plots: list[Plot] = []
        self.calls: list[str] = []

    def add(self, made: Any) -> list[Any]:
        """Draw a call.

        Parameters
        ----------
        made : Made

        Returns
        -------
        list of Column
            The frames that are new.
        """
        report = made.answer.shown.get("report")
        if report is not None:  # what was drawn as observed gets the model's curve
            for plot in self.plots:
                plot.model(report)
        framed = []
        for plot in plots_of(made):
            if made.answer.call not in self.calls:
                self.calls.append(made.answer.call)
            if plot.sentence not in [p.sentence for p in self.plots]:
                self.plots.append(plot)
                framed.append(_framed(plot, made))
        return framed


def _framed(plot: Plot, made: Any) -> Any:
    name_plot(plot.chart.figure, plot.sentence)
    call = text(made.answer.call, 12)
    head = (
        f'<div class="card"><header><b>{text(plot.title)}</b><span class="from" data-sv-call="{call}" title="{text(made.origin, 300)}">'
        f"{text(made.origin, 90)}</span></header></div>"
    )
    return column(
        html(head, css=chat_style.CHART_HEAD), plot.chart.figure, css=chat_style.CHART, classes=["sv-chat-plot"]
    )
