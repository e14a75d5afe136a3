"""BokehJS of the installed package as the state of a hidden widget: it travels through the kernel, once a page."""

from __future__ import annotations

from typing import ClassVar

import anywidget
import bokeh
import traitlets

from .assets import module_text
from .bokeh_private import PROBES, packed_script


class Runtime(anywidget.AnyWidget):
    """The scripts; one widget per kernel and set of names, never displayed.

    Parameters
    ----------
    names : tuple of str
        Script names in the order of evaluation, see :func:`specviz.doors.bokeh_private.needed_scripts`.
    """

    # The text, not the path: anywidget 0.11 keeps every widget alive whose module is a file.
    _esm = module_text("doc_host.js")
    _cache: ClassVar[dict[tuple[str, ...], Runtime]] = {}

    role = traitlets.Unicode("runtime").tag(sync=True)
    version = traitlets.Unicode(bokeh.__version__).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    scripts = traitlets.Dict().tag(sync=True)
    probes = traitlets.Dict().tag(sync=True)

    @classmethod
    def get(cls, names: tuple[str, ...]) -> Runtime:
        """The runtime of this kernel that carries these scripts; made at the first call."""
        found = cls._cache.get(names)
        if found is None or found.comm is None:
            probes = {name: PROBES[name] for name in names if PROBES.get(name)}
            found = cls(names=list(names), scripts={name: packed_script(name) for name in names}, probes=probes)
            cls._cache[names] = found
        return found
