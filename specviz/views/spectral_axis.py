"""Wavelength axes that count in the chosen unit, medium and frame, and curves in the chosen flux: one picture, several ways
to read it.

Panels always draw in vacuum Angstrom as observed; ticks, labels and curves are computed in the browser
(``widgets/spectrum_view.js``) from the options, so that a switch moves no data and a saved page needs no kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, CustomJSTicker, CustomJSTickFormatter, CustomJSTransform
from bokeh.plotting import figure
from bokeh.transform import transform

from specviz.session.state import ViewOptions
from specviz.views.settings import Settings

UNITS = {"angstrom": "Å", "nm": "nm", "micron": "µm"}


def axis_label(view: ViewOptions) -> str:
    """What the wavelength axis says; the browser's twin is ``axisLabel``."""
    unit = UNITS[view.unit]
    if view.frame == "rest":
        return f"Rest-frame {'air' if view.medium == 'air' else 'vacuum'} wavelength ({unit})"
    return f"{'Air' if view.medium == 'air' else 'Vacuum'} wavelength ({unit})"


def count_wavelengths(fig: figure, settings: Settings, n: int = 7) -> None:
    """Give the figure's x axis round ticks in the chosen unit, medium and frame."""
    args = {"settings": settings.model}
    fig.xaxis.ticker = CustomJSTicker(
        args=args, major_code=f"return __specviz__.spectrum.ticks(cb_data, settings, {n})", minor_code="return []"
    )
    fig.xaxis.formatter = CustomJSTickFormatter(
        args=args, code="return __specviz__.spectrum.text(tick, ticks, settings)"
    )


class Curve:
    """Columns of a source as the options want them: ``curve.y`` is flux or flux over the continuum, smoothed or not.

    The source holds ``y`` (flux), ``e`` (its error, where there is one) and ``level`` (what flux is divided by to be
    normalised), all of one length, along ``x`` (vacuum Angstrom).
    """

    def __init__(self, source: ColumnDataSource, settings: Settings) -> None:
        self._source, self._settings = source, settings
        self.y = self._of("y")

    @property
    def low(self) -> Any:
        """y minus one sigma."""
        return self._of("low")

    @property
    def high(self) -> Any:
        return self._of("high")

    def _of(self, name: str) -> Any:
        script = CustomJSTransform(
            args={"source": self._source, "settings": self._settings.model},
            v_func=f"return __specviz__.spectrum.curve(source, settings).{name} ?? xs",
        )
        return transform("y", script)


def follow_options(
    settings: Settings,
    fig: figure,
    strip: figure,
    *,
    sources: Sequence[ColumnDataSource],
    data: ColumnDataSource,
    fallback: ColumnDataSource,
    option: str,
    ticks: ColumnDataSource | None = None,
    names: ColumnDataSource | None = None,
) -> dict[str, Any]:
    """Let a panel follow the options and its range: curves, axes, line marks, y fitted to what is in view.

    Returns
    -------
    dict
        Arguments that stand for the panel in further scripts: ``panel`` is their object in the browser.
    """
    args: dict[str, Any] = dict(
        settings=settings.model, fig=fig, strip=strip, sources=list(sources), data=data, fallback=fallback,
        ticks=ticks, names=names,
    )  # fmt: skip
    panel = f"{{fig, strip, sources, data, fallback, ticks, names, option: {option!r}}}"
    settings.on_change(CustomJS(args=args, code=f"__specviz__.spectrum.apply(settings, {panel})"))
    moved = CustomJS(args=args, code=f"__specviz__.spectrum.moved(settings, {panel})")
    fig.x_range.js_on_change("start", moved)
    fig.x_range.js_on_change("end", moved)
    widened = CustomJS(args=args, code=f"__specviz__.spectrum.widened(settings, {panel})")
    fig.js_on_change("inner_width", widened)
    # What comes is fitted here; the kernel's limits, of the whole spectrum, are those of the first picture.
    code = f"__specviz__.spectrum.fit(settings, {panel})"
    for source in (data, fallback):
        source.js_on_change("data", CustomJS(args=args, code=code))
    return args
