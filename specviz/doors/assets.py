"""The browser side as text: finds ``widgets/*.js`` in a wheel or a checkout, and joins modules that import others."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from specviz.errors import SpecvizError

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE.parents[1] / "widgets", _HERE.parent / "static")
_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./([\w.-]+)";\s*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)


def asset_text(name: str) -> str:
    """Text of one file of the browser side.

    A wheel carries the files as ``specviz/static``; a checkout and an editable install have them in ``widgets`` beside
    the package. The checkout goes first, because an editable install may leave an old copy of the other.

    Parameters
    ----------
    name : str
        File name, for example ``"doc_host.js"``.

    Returns
    -------
    str

    Raises
    ------
    SpecvizError
        Neither folder has the file: the installation is damaged.
    """
    for folder in _FOLDERS:
        path = folder / name
        if path.is_file() and (folder.name == "static" or (folder / "doc_host.js").is_file()):
            return path.read_text(encoding="utf-8")
    raise SpecvizError(
        f"The browser file {name} is missing from this installation",
        expected=f"it in {_FOLDERS[1]}",
        remedy="Install jupyter-specviz again",
    )


@cache
def module_text(name: str) -> str:
    """One ES module with the modules that it imports from ``./`` set in front of it, each once.

    A widget's module reaches the browser as a single text, where relative imports lead nowhere; the files stay separate
    and need no build step. All of them share one scope then, so top-level names must differ (a contract test looks).

    Parameters
    ----------
    name : str
        File name of the entry module.

    Returns
    -------
    str
        A module whose errors carry ``specviz/<name>`` in their stack.
    """
    done: dict[str, None] = {}
    parts: list[str] = []

    def add(file: str, entry: bool) -> None:
        if file in done:
            return
        done[file] = None
        text = asset_text(file)
        for needed in _IMPORT.findall(text):
            add(needed, False)
        text = _IMPORT.sub("", text)
        parts.append(text if entry else _EXPORT.sub("", text))

    add(name, True)
    return "\n".join(parts) + f"\n//# sourceURL=specviz/{name}\n"


def script_text(name: str) -> str:
    """The same as a classic script: wrapped in a function, without exports (for served and saved pages)."""
    return "(() => {\n" + _EXPORT.sub("", module_text(name)) + "\n})();\n"
