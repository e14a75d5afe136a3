"""How Sphinx makes the site: `make docs`. The source folder is the repository: links that work on GitHub work here."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs/site")]
os.environ.setdefault("OMP_NUM_THREADS", "1")

_VERSION = re.search(r'^__version__ = "(.*)"', (ROOT / "specviz/__init__.py").read_text("utf-8"), re.MULTILINE)
assert _VERSION is not None

project = "specviz"
author = "the specviz developers"
copyright = author
version = release = _VERSION.group(1)

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",  # the docstrings are numpydoc's
    "myst_nb",  # Markdown pages and notebooks
    "contents",  # docs/site: the menus from the lists that a reader of GitHub has too
    "mathml",  # docs/site: formulas without a script
    "tutorials",  # docs/site: pictures below the cells that show a widget
    "reference",  # docs/site: what is passed over
]

# ------------------------------------------------------------------------------------------------ what is a page
root_doc = "docs/index"
include_patterns = ["docs/**.md", "notebooks/*.ipynb", "specviz/models/weights/*.md", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = ["**/.*", ".*", "tests", "build", "dist", "widgets", "sbi-logs", "docs/_build", "docs/site"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

# ------------------------------------------------------------------------------------------------ pages
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the tests execute the notebooks
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # else every notebook's page asks a CDN for them
highlight_language = "text"  # a block without a language is what a terminal prints
html_math_renderer = "mathml"

# ------------------------------------------------------------------------------------------------ reference
autodoc_typehints = "none"  # numpydoc says them, in words
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autosummary_generate = False

# ------------------------------------------------------------------------------------------------ looks
html_theme = "pydata_sphinx_theme"
html_title = f"specviz {release}"
html_static_path = ["site/static"]
html_css_files = ["specviz.css"]
html_extra_path = ["site/top"]  # index.html, which leads to the first page
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}  # light or dark as the browser asks
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "search_bar_text": "Search",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "back_to_top_button": False,
}
