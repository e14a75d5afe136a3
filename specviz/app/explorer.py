"""``explore``: the Explorer as an ipywidget."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from specviz import api
from specviz.app.catalogue import Catalogue
from specviz.app.comparing import Comparison, comparison
from specviz.app.exporting import export, read_session, write_page
from specviz.app.models_here import ModelsHere
from specviz.app.session_widget import SessionWidget
from specviz.app.studies import Studies
from specviz.app.wiring import archive_of, fill, listen, surroundings, targets_of, velocity_templates
from specviz.archives.finder import Sky
from specviz.archives.protocol import Archive
from specviz.doors.bokeh_private import BOKEH_SCRIPTS
from specviz.doors.environment import at_prompt
from specviz.doors.runtime import Runtime
from specviz.errors import OptionError, SpecvizError
from specviz.models.registry import DEFAULT_MODEL, available_models
from specviz.session.session import Session
from specviz.session.sharing import code_cell
from specviz.session.state import State
from specviz.views.explorer import ExplorerView, Surroundings

if TYPE_CHECKING:
    from specviz.app.samp import SampLink
    from specviz.spectra.velocity import Velocity
    from specviz.spectra.widths import EquivalentWidth

SETTLE = 0.15  # seconds that the first picture waits for its star
LATEST = 1.5  # seconds after which the panels below the spectra are built, view or no view


class Explorer(SessionWidget):
    """The Explorer as an ipywidget: show it as a cell's last line, or put it into any ipywidgets container.

    Attributes
    ----------
    star : Star or None
        The star on screen (observable: ``explorer.observe(f, "star")``).
    report : Report or None
        What the model said of it.
    selection : Star or None
        The similar star that is overlaid.
    session : Session
        For programs: ``explorer.session.open("demo 7")``, ``.next()``, ``.choose(0)``, ``.wait()``.
    """

    session: Session
    view: ExplorerView
    star = traitlets.Any(None, allow_none=True)
    report = traitlets.Any(None, allow_none=True)
    selection = traitlets.Any(None, allow_none=True)

    def __init__(self, session: Session, world: Surroundings, *, theme: str = "auto") -> None:
        self._samp: SampLink | None = None
        self._timer = threading.Timer(LATEST, self._complete_late)
        self._timer.daemon = True
        view = ExplorerView(session, world, staged=True)
        session.settle(SETTLE)  # a star that is nearly there is in the first picture, not drawn after it
        super().__init__(session, view, theme=theme)
        listen(self, view, session)
        self._follow_session()
        # No view may come, or say so late, while a long cell runs.
        self._timer.start()

    def _complete_late(self) -> None:
        try:
            self.complete()
        except Exception as error:  # noqa: BLE001 - told to the person: nobody waits for this thread
            self.inbox.report(error)

    def complete(self) -> None:
        """Build the panels below the spectra, which the first picture does without."""
        with self.hold(later=True):
            self.view.build_all()

    def _take(self, state: State) -> None:
        self.star, self.report, self.selection = state.star, state.report, state.neighbour_star

    def show(self, target: Any) -> None:
        """Show another star: a name, a path, a Star or a Spectrum."""
        self.session.open(target)

    def filter_similar(self, text: str = "") -> int:
        """List only similar stars that meet conditions: ``explorer.filter_similar("teff 5000..6000 snr>50 class G")``.

        "" lists all again. Gives how many are left.
        """
        return int(self.session.filter_similar(text))

    def select_region(self, xs: Sequence[float] | None, ys: Sequence[float] | None = None, plane: str = "") -> None:
        """Look for similar stars among those in a region of the map: two x and two y are a box, more a polygon.

        None searches all stars again.
        """
        self.session.select_region(xs, ys, plane)

    def use_model(self, name: str) -> None:
        """Let another model of ``specviz models list`` read the star on screen, and every star after it."""
        self.session.use_model(name)

    def face_off(self, on: bool = True) -> None:
        """Open the panel in which every model reads the star on screen; False closes it.

        :func:`specviz.face_off` gives the same as tables.
        """
        self.session.face_off(on)

    def study(self, name: str = "") -> None:
        """Open the panel of one of the systems ("spectrafm", "desa", "phdlspec", "lux"); "" closes it."""
        self.session.study(name)

    def chat(self, on: bool = True) -> None:
        """Open the chat beside the panels: questions in words about the star on screen; False closes it."""
        with self.hold():
            self.view.chat.open(on)

    @property
    def talking(self) -> Any:
        """The conversation of the chat, for programs: ``explorer.talking.say("find 5 similar stars")``, ``.wait()``.

        See :class:`specviz.assistant.talking.Talking`.
        """
        return self.view.chat.talk.get()

    def compare(self, other: Any = None) -> Comparison:
        """The star on screen beside another one, in a widget of its own; by default the selected similar star."""
        state = self.session.state
        other = state.neighbour_star if other is None else other
        if state.star is None or other is None:
            raise SpecvizError(
                "There is nothing to compare",
                expected="a star on screen, and another: the selected similar star, or compare(other)",
            )
        return comparison(state.report or state.star, other, self.session.engine, self.session.sky, theme=self.theme)

    def cross_correlate(self, timeout: float = 60.0) -> Velocity:
        """The radial velocity of the star on screen by cross-correlation, as the panel's "Find RV" measures it.

        ``explorer.set(rv=velocity.rv)`` shows it. See :func:`specviz.spectra.velocity.cross_correlate`.

        Raises
        ------
        SpecvizError
            If no velocity can be told, with the reason.
        """
        job = self.session.cross_correlate()
        if not job.finished.wait(timeout):
            raise SpecvizError(f"Still measuring after {timeout:.0f} s", remedy="Wait longer: cross_correlate(timeout)")
        if job.error is not None:
            raise job.error
        found: Velocity = job.result
        return found

    def measure(self, low: float, high: float, method: str | None = None, **options: Any) -> EquivalentWidth:
        """Measure the equivalent width between two wavelengths (vacuum Angstrom, as observed) and draw it.

        ``method`` is "bands", "edges" or "continuum"; see :func:`specviz.spectra.widths.equivalent_width`. All of them:
        ``explorer.measurements()``.
        """
        return self.session.measure(low, high, method, **options)

    def measurements(self) -> Any:
        """What was measured of the star on screen, an astropy Table."""
        return self.session.measurement_table()

    def clear_measurements(self, which: int | None = None) -> None:
        """Take one measurement away (its place in the list), or all."""
        self.session.clear_measurements(which)

    def indices(self) -> Any:
        """Spectral indices of the star on screen (Lick, calcium triplet, ...), an astropy Table.

        In the rest frame of the velocity that is shown; see :func:`specviz.spectra.indices.measure_indices`.
        """
        return self.session.indices()

    def samp(self) -> SampLink:
        """Connect to the SAMP hub of this machine (TOPCAT, Aladin, ...): send the star, open what others send.

        See :class:`specviz.app.samp.SampLink`. One connection a widget; it ends with ``samp().close()`` or the widget.
        """
        from specviz.app.samp import SampLink

        if self._samp is None or not self._samp.connected:
            self._samp = SampLink(self.session)
        return self._samp

    def sky(self, survey: str = "CDS/P/DSS2/color", fov: float = 0.1) -> Any:
        """The sky around the star in Aladin Lite, an ipywidgets VBox that follows this widget.

        See :func:`specviz.app.sky.sky`. Needs ``jupyter-specviz[aladin]``, and a browser that may reach CDS.
        """
        from specviz.app.sky import sky

        return sky(self, survey=survey, fov=fov)

    def export(self, path: str | Path, what: str | None = None) -> Path:
        """Write something of what is on screen: ``explorer.export("samples.fits", "posterior")``.

        Parameters
        ----------
        path : str or Path
            ``.fits``, ``.ecsv``, ``.vot`` or ``.csv`` for a table, ``.html`` for the page, ``.json`` for the session.
        what : str, optional
            "spectra" (if not given), "predictions", "labels", "posterior", "similar", "report", "work".
        """
        self.complete()
        return export(self, self.session, path, what)

    def save(self, path: str | Path) -> Path:
        """Write the session to a file: star, work list, view. ``specviz.explore(session=path)`` opens it again."""
        return export(self, self.session, path, "session")

    def load(self, path: str | Path) -> None:
        """Take up a saved session in place of this one; a file that will not do changes nothing."""
        data, _ = read_session(path)
        self.session.restore(data, Path(path).name)

    def save_html(self, path: str | Path) -> Path:
        """Write the page as one HTML file that works from a disk, without a kernel and without a network."""
        self.complete()
        return write_page(self, self.session.state, Path(path))

    def share(self) -> str:
        """The cell of Python that shows the same star in the same way, to paste into a message or a notebook."""
        return code_cell(self.session.state)

    def _end(self) -> None:
        if self._samp is not None:
            self._samp.close()
            self._samp = None
        self._timer.cancel()
        super()._end()
        self.star = self.report = self.selection = None

    def __repr__(self) -> str:
        what = "no star" if self.session.state.star is None else self.session.state.star.name
        return at_prompt(f"<specviz Explorer: {what}>")


def explore(
    x: Any = None,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    theme: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
    session: str | Path | None = None,
    catalogue: Any = None,
) -> Explorer:
    """Explore a star: spectra, posterior, prediction for the other survey, similar stars, how odd it is.

    Parameters
    ----------
    x : str, path, Star, Spectrum, Candidate, a table, or a list of them, optional
        A name (``"HD 140283"``, ``"Gaia DR3 4345775217221821312"``, ``"demo 42"``), a spectrum file, a folder; or what
        becomes the work list: a list, an astropy table or pandas data frame that names stars, the path of such a
        table, an HDF5 or Parquet file of spectra, a :class:`~specviz.archives.local.LocalArchive`. Nothing: the first
        screen.
    model : str
        A name of ``specviz models list``.
    device : {"auto", "cpu", "cuda", "mps"}
    theme : {"auto", "light", "dark"}
        "auto" follows JupyterLab.
    online : bool
        Ask archives for names. When not, the demo sky, files, and what was fetched before can be opened.
    locals : sequence of Archive
        Spectra of yours that names are looked up in first (:class:`specviz.archives.local.LocalArchive`).
    session : path, optional
        A session file to take up, in place of ``x`` (``explorer.save``).
    catalogue : path, StarCatalog, SimilarityIndex or table, optional
        The stars that are searched and drawn on the map in place of the demo sky: the folder of a catalogue of many, or
        what :func:`specviz.open_catalog` gives; an index or the file of one; a table, which without embeddings is drawn
        only (:class:`specviz.app.catalogue.Catalogue`).

    Returns
    -------
    Explorer
        An ipywidget. Its traits ``star``, ``report`` and ``selection`` follow what is on screen.

    Examples
    --------
    >>> import specviz
    >>> explorer = specviz.explore("demo 1")
    >>> explorer.session.wait().report.posterior.summary()["teff"]  # doctest: +SKIP
    (5771.2, 5713.0, 5833.9)
    """
    found = None if session is None else read_session(session)  # before anything is made: it may be damaged
    if found is not None and x is not None:
        raise OptionError("Both a star and a session to take up", expected="one of them")
    if found is not None and model == DEFAULT_MODEL and found[1].model in available_models():
        model = found[1].model
    Runtime.get(BOKEH_SCRIPTS)  # the browser reads them while the views are built
    engine = api.default_engine(model, device)
    x = archive_of(x)
    targets = targets_of(x)
    own = (*([x] if isinstance(x, Archive) else []), *locals)
    sky, expecting = Sky(online=online, locals=own), bool(targets) or found is not None
    stars = Catalogue(catalogue, engine, sky)
    sky.locals += stars.archives()
    made = Session(
        engine, stars, sky=sky, expecting=expecting, models=ModelsHere(device), templates=velocity_templates,
        studies=Studies(device),
    )  # fmt: skip
    with made.building():
        if found is not None:
            made.restore(found[0], Path(str(session)).name)
            if not online:
                made.set_online(False)
        fill(made, targets)
        return Explorer(made, surroundings(engine, stars), theme=theme)
