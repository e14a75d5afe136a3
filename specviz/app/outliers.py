"""``specviz.outliers``: a list of stars, the oddest first, and why each is odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from specviz import api
from specviz.app.work_lists import vet_list
from specviz.archives.demo_batch import demo_together
from specviz.archives.finder import Sky
from specviz.archives.protocol import Archive
from specviz.errors import OptionError
from specviz.session.resolve import resolve

if TYPE_CHECKING:
    from specviz.catalog.outliers import Ranking
    from specviz.models.protocol import StellarModel


def outliers(
    x: Any,
    *,
    model: str | StellarModel = api.DEFAULT_MODEL,
    device: str = "auto",
    online: bool = True,
    locals: Sequence[Archive] = (),
    scores: Sequence[str] | None = None,
    samples: int | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancel: Any = None,
) -> Ranking:
    """Rank stars by how odd they are, by several scores, each explained.

    Parameters
    ----------
    x
        A list of names, paths, Stars, Spectra or Reports; a table in memory or the path of one; a folder, a file of
        many spectra; an archive of one's own. A list of 200 stars or more is its own reference.
    model, device
        As in :func:`specviz.analyse`.
    online : bool
        False: no archive is asked; files, the demo sky and what was fetched before answer.
    locals : sequence of Archive
        Asked first for a name.
    scores : sequence of str, optional
        Which scores are made, of misfit, latent, cross_modal, catalogue, double_lines, emission: all by default. A long
        list takes a third of the time without the last two.
    samples : int, optional
        Posterior samples a star, 2,000 by default.
    progress : callable(fraction, text), optional
        Called as the stars are done.
    cancel : threading.Event or callable() -> bool, optional
        Stops between stars.

    Returns
    -------
    Ranking
        ``.table`` has the oddest first, with a sentence each; ``specviz.vet(ranking)`` shows them. A star that cannot
        be found, read or used keeps its row and says why.

    Raises
    ------
    SpecvizError
        If ``x`` is empty or no list of stars.

    Examples
    --------
    >>> ranking = specviz.outliers("my_folder")                       # doctest: +SKIP
    >>> ranking.table["rank", "name", "score", "reason"][:10]         # doctest: +SKIP
    >>> specviz.vet(ranking)                                          # doctest: +SKIP
    """
    from specviz.analysis.report import Report
    from specviz.catalog.outliers import NAMES, rank
    from specviz.catalog.outliers.rank import SAMPLES

    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, int) or samples < 1):
        raise OptionError(f"samples={samples!r}", expected="a whole number of at least 1")
    engine = api.default_engine(model, device)
    options: dict[str, Any] = {"samples": samples or SAMPLES, "progress": progress, "cancel": cancel}
    options["scores"] = NAMES if scores is None else scores
    if isinstance(x, (list, tuple)) and x and all(isinstance(one, Report) for one in x):
        return rank(x, engine, **options)  # nothing is analysed twice
    found = vet_list(x)
    sky = Sky(online=online, locals=(*found.locals, *locals))
    return rank(found.targets, engine, read=lambda target: resolve(target, sky=sky), gather=demo_together, **options)
