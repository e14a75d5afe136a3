"""A list to be vetted as a web page: one session a visitor, each with a name, all with the same journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from specviz import api
from specviz.app.vetting_wiring import begin, check, listen, make_session, world_of
from specviz.app.work_lists import VetList, vet_list
from specviz.errors import SpecvizError
from specviz.session.resolve import existing
from specviz.views import stylesheet
from specviz.views.controls import column, html, models
from specviz.views.formats import text
from specviz.views.palette import PALETTES
from specviz.views.reviewer_question import ReviewerQuestion
from specviz.views.vetting_view import VettingView

_LEFT = "<h2>Closed</h2>Every label is in {}. You may close this tab, or load it again to go on where you stopped."
_LEFT_CSS = ":host { padding: 40px 24px; } h2 { font-size: 22px; line-height: 28px; margin: 0 0 4px; }"
_HERE = ("127.0.0.1", "localhost", "::1")


def serve_vet(
    work_list: Any,
    *,
    labels: str | Path | None = None,
    reviewer: str | None = None,
    vocabulary: Any = None,
    blind: bool = True,
    order: str = "list",
    port: int = 0,
    address: str = "127.0.0.1",
    browser: bool = False,
    model: str = api.DEFAULT_MODEL,
    device: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
    **options: Any,
) -> Any:
    """Serve a list to be vetted to browsers: what :func:`specviz.vet` shows, as a page.

    All visitors write into one journal, each under a name: the one in the page's address (``?reviewer=AB``); else
    ``reviewer``; else, on an address that only this machine reaches, the name you have on it. Who has none is asked.
    Nothing proves a name: serve to people you trust.

    Parameters
    ----------
    work_list, labels, reviewer, vocabulary, blind, order, model, device, online, locals
        As of :func:`specviz.vet`.
    port, address, browser, **options
        As of :func:`specviz.serve`.

    Raises
    ------
    SpecvizError
        As of :func:`specviz.vet`, before anything is served; or the port is taken.
    """
    from specviz.doors import serve as serve_door

    listed = _owned(vet_list(work_list))
    made: dict[str, Any] = dict(labels=labels, vocabulary=vocabulary, blind=blind, order=order)
    made |= dict(model=model, device=device, online=online, locals=tuple(locals), allow_paths=False)
    check(listed, reviewer=reviewer, **made)  # a visitor must not be the first to hear of a damaged journal
    known = reviewer or ("" if address not in _HERE else None)
    return serve_door(
        _page(listed, known, made),
        port=port,
        address=address,
        title=f"{listed.name} – specviz vet",
        palettes={k: dict(v) for k, v in PALETTES.items()},
        open_browser=browser,
        **options,
    )


def _owned(listed: VetList) -> VetList:
    """The list with this machine's files named as such: visitors may not name files, but the list may."""

    def owned(target: Any) -> Any:
        if isinstance(target, str):
            return existing(target) or target
        words = getattr(target, "text", None)
        path = existing(words) if isinstance(words, str) and words else None
        return target if path is None else replace(target, text=path)

    return replace(listed, targets=tuple(owned(t) for t in listed.targets))


def _asked_name() -> str:
    """The reviewer that the page's address names, "" if none."""
    import panel as pn

    values = pn.state.session_args.get("reviewer") or [b""]
    word = values[0].decode("utf-8", "replace") if isinstance(values[0], bytes) else str(values[0])
    return "".join(c for c in word if c.isprintable()).strip()


def _page(listed: VetList, known: str | None, made: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What builds one visitor's page; ``known``: the name of who says none, None for this machine's, "" to ask."""

    def build(inbox: Any) -> Any:
        from bokeh.io import curdoc

        doc, open_now = curdoc(), list[Any]()
        root = column(css=stylesheet.ROOT, classes=["sv-root"])

        def gone(_context: Any) -> None:
            for part in reversed(open_now):
                part.close()
            open_now.clear()

        doc.on_session_destroyed(gone)

        def start(name: str | None) -> Any:
            session = make_session(listed, reviewer=name, **made)
            open_now.append(session)
            begin(session, listed, made["order"])
            view = VettingView(session, world_of(session))
            open_now.append(view)
            view.connect(lambda draw, later=False: doc.add_next_tick_callback(draw))
            listen(inbox, view, session, lambda: left(session.vet.path))
            who = "?reviewer=" + quote(session.vet.reviewer)
            doc.add_next_tick_callback(lambda: inbox.address(who))
            return view.layout

        def left(path: str) -> None:
            gone(None)
            inbox.clear()  # no key means anything any more
            root.children = models([html(_LEFT.format(text(Path(path).name)), css=_LEFT_CSS)])

        def answered(name: str) -> None:
            root.children = [start(name)]

        name = _asked_name()
        problem = ""
        if name or known != "":
            try:
                root.children = [start(name or known)]
                return root
            except SpecvizError as error:
                problem = str(error)  # of the name in the address, or of the journal since
        question = ReviewerQuestion(listed.name, len(listed.targets), answered)
        question.say(problem)
        inbox.on_error(lambda text, _error: question.say(text))
        root.children = [question.root]
        return root

    return build
