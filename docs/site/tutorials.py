"""Notebooks as pages: a picture below each cell that shows a widget, solutions folded.

Nothing is executed here: the pictures are those of ``docs/site/pictures.py``, named after the text of their cell, so a
cell that was changed since has none until they are made anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pictures import picture_of

_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def illustrated(name: str, text: str) -> str:
    """The notebook ``name`` (its stem; ``text`` is its JSON) with pictures, as JSON."""
    notebook = json.loads(text)
    cells: list[dict[str, Any]] = []
    heading = ""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = (_HEADING.findall(source) or [heading])[-1].strip()
        cells.append(cell)
        if cell["cell_type"] != "code":
            continue
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
        picture = picture_of(name, source)
        if picture.is_file():
            alt = f"What the cell above shows ({heading})" if heading else "What the cell above shows"
            words = f"![{alt}](../docs/images/tutorials/{picture.name})"
            cells.append({"cell_type": "markdown", "metadata": {}, "source": words})
            if "id" in cell:
                cells[-1]["id"] = f"{cell['id']}-picture"[:64]
    return json.dumps(notebook | {"cells": cells})


def _read(_app: Any, page: str, source: list[str]) -> None:
    if page.startswith("notebooks/"):
        source[0] = illustrated(Path(page).name, source[0])


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
