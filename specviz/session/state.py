"""What a session knows, as one frozen value: views compare the old with the new and draw what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from specviz.analysis.anomaly import MODEL_FLOOR
from specviz.analysis.face_off import FaceOff, Value
from specviz.analysis.face_off_xp import PredictedXp, predicted_xp
from specviz.analysis.quality import headline_flags
from specviz.analysis.report import Anomaly, Posterior, QualityFlag, Reason, Report
from specviz.archives.protocol import Candidate, Outcome
from specviz.archives.transport.monitor import Step
from specviz.session.vetting.values import Label, Vet, VetRow
from specviz.session.vetting.values import Progress as VetProgress
from specviz.session.vetting.vocabulary import Choice, Vocabulary
from specviz.session.view_options import ViewOptions
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.spectra.velocity import Velocity
    from specviz.spectra.widths import EquivalentWidth

#: The nouns that views draw; they take them from here, since a view knows no room but this one and ``spectra``.
__all__ = [
    "MODEL_FLOOR",
    "Anomaly",
    "Asked",
    "Candidate",
    "Choice",
    "Correlated",
    "Explained",
    "FaceOff",
    "Faced",
    "Label",
    "ModelChoice",
    "Notice",
    "Outcome",
    "Posterior",
    "PredictedXp",
    "Progress",
    "QualityFlag",
    "Reason",
    "Recent",
    "Report",
    "Star",
    "State",
    "Step",
    "Studied",
    "Value",
    "Vet",
    "VetProgress",
    "VetRow",
    "ViewOptions",
    "Vocabulary",
    "WorkItem",
    "headline_flags",
    "predicted_xp",
]


@dataclass(frozen=True)
class Notice:
    """One line for the person: what happened, and what to do. ``details`` is shown only on request.

    ``actions`` are offered as buttons: "retry" asks the same again, "online" asks the archives again, "file" opens a
    file instead.
    """

    level: Literal["info", "warning", "error"]
    title: str
    text: str = ""
    details: str = ""
    actions: tuple[Literal["retry", "online", "file"], ...] = ()


@dataclass(frozen=True)
class Recent:
    """A star that was shown before; ``target`` opens it again."""

    name: str
    target: Any = field(compare=False)


@dataclass(frozen=True)
class Asked:
    """What was asked for: how it is called, what opens it, and its row in the work list if it stands there."""

    name: str
    target: Any = field(compare=False)
    position: int | None = None


@dataclass(frozen=True)
class Progress:
    """What one service is doing, and for how many whole seconds it has been at it."""

    step: Step
    seconds: int = 0


@dataclass(frozen=True)
class WorkItem:
    """One row of the work list."""

    name: str
    target: Any = field(compare=False)
    status: Literal["waiting", "current", "done", "failed"] = "waiting"
    percentile: float | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Explained:
    """Why the star on screen has a value of ``label``: ``result``, an ``Attribution``, or ``problem`` in words; neither
    while the model is asked.
    """

    label: str
    result: Any = None
    problem: str = ""


@dataclass(frozen=True)
class ModelChoice:
    """A model that may read the stars; ``missing`` says what to do where it is not on this machine, "" where it is."""

    name: str
    summary: str = ""
    missing: str = ""


@dataclass(frozen=True, eq=False)
class Faced:
    """What all models say of the star on screen: ``result`` so far, the models that are at work or wait (``running``),
    and why there is no more (``problem``).
    """

    result: FaceOff | None = None
    running: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Studied:
    """What a system's panel shows of the star on screen: ``answer``, what the study gave, or ``problem`` in words.

    ``report`` is what it was asked about; while ``running``, ``answer`` is still that of the question before.
    """

    name: str
    report: Report | None = None
    answer: Any = None
    problem: str = ""
    running: bool = False


@dataclass(frozen=True, eq=False)
class Correlated:
    """The velocity found by cross-correlation: ``result``, a :class:`specviz.spectra.velocity.Velocity`, or ``problem``
    in words; neither while it is looked for.
    """

    result: Velocity | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class State:
    """Everything the views may show.

    Parameters
    ----------
    target : str
        What was asked for last, as the person wrote it (also the argument of the line of code in the footer).
    star, report : optional
        The star on screen and what the model said of it. ``report`` is None while the model works.
    neighbours : astropy Table or None
        Similar stars of ``report``, the columns of ``SimilarityIndex.search``.
    neighbour : int or None
        Row of ``neighbours`` that is selected; ``neighbour_star`` is its Star. Where the stars are in archives, that
        comes later, and ``neighbour_said`` tells why it is not there. ``peek`` and ``peek_star`` are the same of the
        row under the pointer, for as long as it is there; ``overlay`` is the one of the two that is drawn.
    busy : str
        Title of the running job, "" when idle.
    slow : bool
        The job has run long enough for words and a way to stop it.
    steps : tuple of Progress
        What each service does for the running job, in the order in which they were asked; kept up while ``slow``.
    candidates : tuple of Candidate
        What ``question``, the name that was asked for, may mean; empty when nothing has to be chosen. ``why`` says it.
    online : bool
        Whether archives are asked. When not, ``kept`` stars that were fetched before can still be opened.
    source : Asked or None
        What brought the star on screen; asking for it again asks the services that failed.
    retry : Asked or None
        What was asked for last and did not come.
    catalogue : str
        Folder of the catalogue that is searched, "" for the demo sky and what is no folder.
    explains : bool
        Whether the model that made ``report`` can say why. ``explained`` is what was asked of that, None for nothing.
    faced : Faced or None
        What all models say of the star, while ``view.face_off`` is on.
    study : Studied or None
        What the system says whose panel is open (``view.study``).
    velocity : Correlated or None
        What cross-correlation found of the star on screen; None before it was asked for.
    measurements : tuple of EquivalentWidth
        Widths measured in the star's optical spectrum, wavelengths as observed (vacuum Angstrom), the latest last.
    call : str
        The line of Python that does what the person did last, "" after another star has come.
    view : ViewOptions
        What the person chose to see; ``can_undo`` and ``can_redo`` tell whether a step back or forth is there.
    vet : Vet or None
        The labels of the work list, in a session that vets it.
    """

    target: str = ""
    star: Star | None = None
    report: Report | None = None
    neighbours: Any = None
    neighbour: int | None = None
    neighbour_star: Star | None = None
    neighbour_said: str = ""
    peek: int | None = None
    peek_star: Star | None = None
    busy: str = ""
    slow: bool = False
    steps: tuple[Progress, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    question: Asked | None = None
    why: str = ""
    online: bool = True
    kept: int | None = None
    source: Asked | None = None
    retry: Asked | None = None
    notice: Notice | None = None
    recent: tuple[Recent, ...] = ()
    work: tuple[WorkItem, ...] = ()
    position: int | None = None
    model: str = ""
    catalogue: str = ""
    explains: bool = False
    explained: Explained | None = None
    faced: Faced | None = None
    study: Studied | None = None
    velocity: Correlated | None = None
    measurements: tuple[EquivalentWidth, ...] = ()
    view: ViewOptions = field(default_factory=ViewOptions)
    call: str = ""
    can_undo: bool = False
    can_redo: bool = False
    vet: Vet | None = None

    @property
    def overlay(self) -> Star | None:
        """The similar star that is drawn over the spectrum: the one under the pointer, else the selected one."""
        return self.peek_star if self.peek_star is not None else self.neighbour_star
