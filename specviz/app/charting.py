"""``specviz.chart``: a figure of one's own in a notebook, live and without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from specviz.doors.doc_host import DocHost
from specviz.errors import OptionError
from specviz.spectra.lines import Line
from specviz.views.chart import ChartView
from specviz.views.palette import PALETTES


class Chart(DocHost):
    """A figure of named layers: show it as a cell's last line, or put it into any ipywidgets container.

    Drawing a name again replaces what it shows, in the browser too: let a slider do that. Get one from
    :func:`specviz.chart`. Every method that draws returns the chart, so that calls can be chained.
    """

    def __init__(self, view: ChartView, *, alt: str, theme: str = "auto", **traits: Any) -> None:
        self._view = view
        palettes = {k: dict(v) for k, v in PALETTES.items()}
        traits.setdefault("layout", {"flex": "1 1 0%", "min_width": "0", "width": "100%"})  # a row shares its width
        super().__init__(view.figure, palettes=palettes, theme=theme, spoken=alt, **traits)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of what is drawn."""
        return self._view.layers

    def data(self, name: str) -> dict[str, Any]:
        """The columns of one layer as they are drawn, arrays by name."""
        return self._view.data(name)

    def curve(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        error: ArrayLike | None = None,
        role: str = "",
        dash: bool = False,
        width: float = 1.4,
    ) -> Chart:
        """Draw a line.

        Parameters
        ----------
        name : str
            For the legend, and to draw it again.
        x, y : array, shape (n,)
        error : float or array, shape (n,), optional
            One standard deviation, drawn as a band.
        role : str
            A colour by its meaning: observed, reconstructed, predicted, similar, catalogue, continuum, masked. The
            next free one by default.
        dash : bool
        width : float
            Pixels.
        """
        with self.hold():
            self._view.curve(name, x, y, error, role, dash, width)
        return self

    def bars(self, name: str, edges: ArrayLike, heights: ArrayLike, *, role: str = "") -> Chart:
        """Draw a histogram: ``heights`` (n,) between ``edges`` (n + 1,), as ``numpy.histogram`` gives them."""
        with self.hold():
            self._view.bars(name, edges, heights, role)
        return self

    def points(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        values: ArrayLike | None = None,
        error: ArrayLike | None = None,
        label: str = "",
        role: str = "",
        size: float = 6.0,
    ) -> Chart:
        """Draw points.

        Parameters
        ----------
        names : sequence of str, optional
            Told at the pointer.
        values : array, shape (n,), optional
            Become colours, with a scale that ``label`` names.
        error : float or array, shape (n,), optional
            One standard deviation, drawn as a bar up and down.
        """
        with self.hold():
            self._view.points(name, x, y, names, values, error, label, role, size)
        return self

    def matrix(
        self,
        name: str,
        values: ArrayLike,
        *,
        rows: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        limits: tuple[float, float] | None = None,
        label: str = "",
    ) -> Chart:
        """Draw a matrix as coloured cells, row 0 on top; up to 24 names stand beside it, all are told at the pointer.

        Parameters
        ----------
        values : array, shape (n, m)
            At most 6,400 cells.
        limits : (low, high), optional
            Of the colours; the smallest and the largest value by default.
        """
        with self.hold():
            self._view.matrix(name, values, rows, columns, limits, label)
        return self

    def marks(self, lines: Iterable[Line | tuple[str, float]]) -> Chart:
        """Mark places on x with vertical lines: ``(name, x)``, or spectral lines of :mod:`specviz.spectra.lines`."""
        wanted = [(one.label, one.wavelength) if isinstance(one, Line) else one for one in lines]
        with self.hold():
            self._view.marks(wanted)
        return self

    def remove(self, name: str) -> Chart:
        """Take a layer away."""
        with self.hold():
            self._view.remove(name)
        return self

    def __repr__(self) -> str:
        return f"<specviz Chart: {self.spoken}>"


def chart(
    x: str = "",
    y: str = "",
    *,
    alt: str,
    height: int = 320,
    x_range: Sequence[float] | None = None,
    y_range: Sequence[float] | None = None,
    title: str = "",
    x_log: bool = False,
    y_log: bool = False,
    theme: str = "auto",
) -> Chart:
    """An empty figure in the dress of specviz, to draw in: for notebooks, lessons, and what no panel shows.

    Parameters
    ----------
    x, y : str
        Axis labels, with units.
    alt : str
        One sentence that says what the picture shows, for those who do not see it.
    height : int
        Pixels; the width is what there is.
    x_range, y_range : (low, high), optional
        Limits, in either order ((12000, 3500) for a temperature axis); what is drawn decides where none are given.
    title : str
        Over the figure.
    x_log, y_log : bool
        Logarithmic axes.
    theme : {"auto", "light", "dark"}

    Returns
    -------
    Chart
        An ipywidget with ``curve``, ``points``, ``bars``, ``matrix`` and ``marks``.

    Raises
    ------
    OptionError
        Without ``alt``, or for limits that are none.

    Examples
    --------
    >>> chart = specviz.chart("Wavelength (Å)", "Flux", alt="Spectrum of demo 1.")   # doctest: +SKIP
    >>> spectrum = specviz.open("demo 1").spectra["lamost_lrs"]                      # doctest: +SKIP
    >>> chart.curve("observed", spectrum.wavelength, spectrum.flux)                  # doctest: +SKIP
    """
    if not isinstance(alt, str) or not alt.strip():
        raise OptionError("A chart without alt", expected="one sentence that says what the picture shows")
    view = ChartView(x, y, height=height, x_range=x_range, y_range=y_range, title=title, x_log=x_log, y_log=y_log)
    return Chart(view, alt=alt.strip(), theme=theme)
