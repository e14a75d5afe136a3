"""The footer: where the numbers come from, whom to cite, and the line of Python that makes this view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from specviz.session.sharing import DEFAULT_MODEL, code_line
from specviz.session.state import State
from specviz.views import cite_page, icons
from specviz.views.controls import html, row, spacer
from specviz.views.formats import text

__all__ = ["DEFAULT_MODEL", "Footer", "code_line"]

_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia", "sdss": "SDSS"}
_SOURCES_CSS = """
.sv-sources { display: block; font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
"""
_CODE_CSS = """
.sv-line { display: flex; align-items: center; gap: 6px; font-size: 12px; white-space: nowrap; }
.sv-line code { font-family: var(--jp-code-font-family); overflow: hidden; text-overflow: ellipsis; }
.sv-line button { width: 24px; height: 24px; padding: 0; border: 1px solid transparent; border-radius: 2px; background: none; cursor: pointer; flex: none;
  color: var(--jp-ui-font-color1); } .sv-line button:hover { background: var(--jp-layout-color2); }
.sv-line button:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; } .sv-line .sv-icon { vertical-align: -2px; }
"""
_ROW = """
:host { min-height: 28px; }
:host > .sv-line-of-code { flex: 0 1 auto; min-width: 0; overflow: hidden; }
@container (max-width: 1199px) { :host > .sv-line-of-code { display: none; } }
"""


class Footer:
    """Provenance left, code right; where there is no room for both, the code is in the bar's Code menu alone.

    Parameters
    ----------
    version : str
        Of specviz.
    line : callable(state, short=False)
        The line of Python for a star of which nothing was done yet.
    """

    def __init__(self, version: str, line: Callable[..., str] = code_line) -> None:
        self._version, self._line = version, line
        self.provenance = html("", classes=["sv-shrink"], css=_SOURCES_CSS)
        self.links = html("", css=cite_page.CSS)
        self.code = html("", classes=["sv-line-of-code"], css=_CODE_CSS)
        self.root = row(self.provenance, self.links, spacer(), self.code, classes=["sv-footer"], css=_ROW)
        self._drawn: tuple[object, ...] = ()
        self.update(State(), State())

    def update(self, _old: State, new: State) -> None:
        """Draw the present state."""
        seen = (new.star, new.report, new.target, new.model, new.call)
        if self._drawn and all(a is b or a == b for a, b in zip(seen, self._drawn, strict=True)):
            return
        self._drawn = seen
        report = new.report
        parts = [*_sources(new), f"specviz {text(self._version)}"]
        if report is not None:
            p = report.provenance
            weights = f"weights SHA-256 {p.weights_sha256}, {p.dtype}, seed {p.seed}"
            parts = [
                *_sources(new),
                f'<span title="{text(weights, 200)}">{text(p.model)} {text(p.model_version)}</span>',
                text(f"{p.device} {p.seconds:.2f} s"),
                f"specviz {text(self._version)}",
                text(_utc(p.created)),
            ]
        self.provenance.object = f'<span class="sv-sources sv-quiet">{" · ".join(parts)}</span>'
        self.links.object = cite_page.links_html(new)
        line, shown = new.call or self._line(new), new.call or self._line(new, short=True)
        self.code.object = (
            f'<span class="sv-line">{icons.svg("code", 14)} <code>{text(shown, 90)}</code>'
            f'<button data-sv-copy="{text(line, 4000)}" aria-label="Copy code" title="Copy">{icons.svg("copy", 14)}</button></span>'
        )


def _sources(state: State) -> list[str]:
    """Each spectrum's survey and release."""
    star = state.star
    if star is None:
        return []
    if any(s.meta.get("simulated") for s in star.spectra.values()):
        return ["simulated spectra"]
    told = [f"{_SURVEYS.get(k, 'file')} {s.meta.get('release') or ''}".strip() for k, s in star.spectra.items()]
    return [text(t, 40) for t in dict.fromkeys(told)]


def _utc(created: str) -> str:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when.day} {when:%b %Y %H:%M} UTC"
