"""specviz: stellar spectra in Jupyter, with foundation models beside them.

``import specviz`` is light: nothing here imports torch, Panel, astroquery or astropy's readers. A name is imported from
its room the first time it is used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "1.0.0"

if TYPE_CHECKING:
    from specviz.analysis.explain import explain
    from specviz.analysis.export import export
    from specviz.analysis.report import Report
    from specviz.api import analyse, get, load_model, open, open_all, similar, translate
    from specviz.app import compare, explore, face_off, serve
    from specviz.app.charting import chart
    from specviz.app.chatting import chat
    from specviz.app.embedding import embed_catalog
    from specviz.app.outliers import outliers
    from specviz.app.vetting import vet
    from specviz.catalog.opening import open_catalog
    from specviz.errors import SpecvizError
    from specviz.models.posterior import Posterior
    from specviz.simulate.companion import Companion
    from specviz.simulate.light_curves.to_order import simulate_light_curve
    from specviz.simulate.to_order import simulate_star
    from specviz.spectra.spectrum import Spectrum
    from specviz.spectra.star import Star

_ROOMS = {
    "open": "specviz.api",
    "open_all": "specviz.api",
    "get": "specviz.api",
    "analyse": "specviz.api",
    "translate": "specviz.api",
    "similar": "specviz.api",
    "load_model": "specviz.api",
    "open_catalog": "specviz.catalog.opening",
    "embed_catalog": "specviz.app.embedding",
    "explain": "specviz.analysis.explain",
    "export": "specviz.analysis.export",
    "explore": "specviz.app",
    "serve": "specviz.app",
    "compare": "specviz.app",
    "face_off": "specviz.app",
    "vet": "specviz.app.vetting",
    "outliers": "specviz.app.outliers",
    "chart": "specviz.app.charting",
    "chat": "specviz.app.chatting",
    "simulate_star": "specviz.simulate.to_order",
    "simulate_light_curve": "specviz.simulate.light_curves.to_order",
    "Companion": "specviz.simulate.companion",
    "Spectrum": "specviz.spectra.spectrum",
    "Star": "specviz.spectra.star",
    "Report": "specviz.analysis.report",
    "Posterior": "specviz.models.posterior",
    "SpecvizError": "specviz.errors",
}

__all__ = [
    "open",
    "open_all",
    "get",
    "analyse",
    "translate",
    "similar",
    "open_catalog",
    "embed_catalog",
    "explain",
    "export",
    "explore",
    "serve",
    "compare",
    "face_off",
    "vet",
    "outliers",
    "chart",
    "chat",
    "simulate_star",
    "simulate_light_curve",
    "Companion",
    "load_model",
    "Spectrum",
    "Star",
    "Report",
    "Posterior",
    "SpecvizError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room on first use, and keep it."""
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'specviz' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext specviz``: the magics ``%specviz`` and ``%%specviz``, questions in words."""
    import_module("specviz.app.magic").register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext specviz``."""
    import_module("specviz.app.magic").unregister(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """For ``jupyter labextension develop``: links the extension of a checkout instead of copying it."""
    return [{"src": "../widgets/labextension", "dest": "jupyter-specviz"}]
