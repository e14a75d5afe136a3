"""The same tree as one HTML file that works from a disk, without a kernel and without a network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import bokeh
from bokeh.document import Document
from bokeh.model import Model

from specviz.errors import SpecvizError

from .assets import script_text
from .bokeh_private import (
    PROBES,
    encode_document,
    models_with_addresses,
    needed_scripts,
    packed_script,
    panel_root,
)
from .palettes import Palettes, checked_palettes

NOTE = "Saved page. Plots can be zoomed; controls that need Python do nothing here."
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
body {{ margin: 0; }}
.sv-host {{ box-sizing: border-box; min-height: 100vh; padding: 12px; }}
.sv-host::after {{ content: {note}; display: block; padding-top: 12px; font-size: 12px; opacity: 0.62; }}
</style>
</head>
<body>
<script type="application/json" id="sv-saved">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _document_of(what: Any) -> tuple[Document, Callable[[], None] | None]:
    """The document to write, and what frees it if it was made for that."""
    doc = getattr(what, "doc", what)
    if isinstance(doc, Document):
        return doc, None
    if isinstance(what, Model):
        if what.document is not None:
            return what.document, None
        root, forget = what, None
    elif hasattr(what, "get_root"):
        root, forget = panel_root(what)
    else:
        raise SpecvizError(
            f"A {type(what).__name__} cannot be saved", expected="a widget, a Panel layout or a Bokeh model or document"
        )
    doc = root.document or Document()
    if root.document is None:
        doc.add_root(root)

    def free() -> None:
        if forget is not None:
            forget()
        doc.clear()

    return doc, free


def save_html(
    what: Any,
    path: str | Path,
    *,
    title: str = "specviz",
    palettes: Palettes | None = None,
    theme: str = "auto",
    css: str = "",
    note: str = NOTE,
) -> Path:
    """Write a view tree as one HTML file.

    Parameters
    ----------
    what : DocHost, Document, Panel layout or bokeh.model.Model
        A widget or a document is saved as it stands now, and stays as it is.
    path : str or Path
        Where to; an existing file is replaced.
    title : str
        Of the page.
    palettes, theme, css
        As of :class:`specviz.doors.DocHost`; ``"auto"`` follows the reader's system.
    note : str
        One quiet line at the foot of the page.

    Returns
    -------
    Path
        The file, about 1 MB plus the data of the plots.

    Raises
    ------
    SpecvizError
        The folder does not exist or cannot be written, or the tree has models whose scripts come from an address.
    """
    path = Path(path)
    checked = checked_palettes(palettes)
    if hasattr(what, "complete"):
        what.complete()
    doc, free = _document_of(what)
    try:
        refused = models_with_addresses(doc.models)
        if refused:
            raise SpecvizError(
                f"{', '.join(refused)} would load scripts from the network", remedy="Leave it out of the page"
            )
        with getattr(what, "lock", nullcontext()):
            payload = encode_document(doc, live=False)
        names = needed_scripts(doc)
        data = {
            "version": bokeh.__version__,
            "names": names,
            "scripts": {name: _text(packed_script(name)) for name in names},
            "probes": {name: PROBES[name] for name in names if PROBES.get(name)},
            "document": {
                "json": payload.json,
                "ids": payload.ids,
                "css": payload.css,
                "buffers": [_text(buffer) for buffer in payload.buffers],
            },
            "palettes": checked,
            "theme": theme,
            "css": css,
        }
    finally:
        if free is not None:
            free()
    text = _PAGE.format(
        title=html.escape(title),
        note=json.dumps(note).replace("<", "\\3c "),
        data=json.dumps(data).replace("<", "\\u003c"),
        script=script_text("saved_page.js"),
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecvizError(
            f"{path} could not be written: {error.strerror or error}",
            remedy="Choose a folder that exists and that you may write to",
        ) from error
    return path
