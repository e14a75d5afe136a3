"""The menus of the site, from the lists of links that stand in its section pages.

A section page (``SECTIONS``) lists its pages as ordinary links, under headings, and GitHub shows it as it is. Here the
same links in the same order become the tables of contents that Sphinx needs, one a heading: nothing is written twice,
and a page that no section links is a warning of Sphinx, which fails the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: The pages of the top menu, in order; each lists the pages below it.
SECTIONS = ("install", "tutorials", "howto", "reference", "cards", "contributing", "about")
_LINK = re.compile(r"(?<!\!)\]\((?!https?:|#|mailto:)([^)#\s]+\.(?:md|ipynb))")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


def linked(page: str, text: str) -> list[str]:
    """Sphinx's names of the pages that a page links, in order, each once; ``page`` is a name too ("docs/howto")."""
    here = (ROOT / page).parent
    names = []
    for link in _LINK.findall(_FENCE.sub("", text)):
        target = (here / link).resolve()
        if target.is_relative_to(ROOT):
            names.append(target.relative_to(ROOT).with_suffix("").as_posix())
    return list(dict.fromkeys(names))


def contents(page: str, text: str) -> list[tuple[str, list[str]]]:
    """What stands below a page in the menu: (heading, pages), the heading "" for what comes before the first."""
    sections = [f"docs/{name}" for name in SECTIONS]
    if page == "docs/index":
        return [("", sections)]
    if page not in sections:
        return []
    seen, groups = {"docs/index", *sections}, []
    parts = ["", *_HEADING.split(text)]
    for heading, part in zip(parts[::2], parts[1::2], strict=True):
        names = [name for name in linked(page, part) if name not in seen]
        seen |= set(names)
        if names:
            groups.append((heading.strip(), names))
    if page == "docs/tutorials":  # a notebook that is new is on the site before the list says what it is about
        notebooks = sorted(f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
        groups = [("", notebooks)]
    return groups


def _add(_app: Any, page: str, source: list[str]) -> None:
    for heading, names in contents(page, source[0]):
        caption = f":caption: {heading}\n" if heading else ""
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n{caption}\n" + "\n".join(f"/{name}" for name in names) + "\n```\n"


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
