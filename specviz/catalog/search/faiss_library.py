"""faiss, as this package uses it: imported when it is wanted, silent, and beside torch."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import lru_cache
from typing import Any

from specviz.errors import CatalogError

_MAC = sys.platform == "darwin"


def faiss() -> Any:
    """The module, or an error that says how to have it; call it in the thread that searches.

    On macOS the wheels of faiss and torch bring an OpenMP runtime each. The second to be loaded ends the process ("OMP:
    Error #15"), and where it does not, the threads of one that wait in the other's locks do (faiss-wheels issue 73,
    pytorch issue 149201). What the field does, and works: allow both, and let faiss never start a thread of its own.
    The number of threads belongs to the thread that sets it, so it is set at each call. A search of one star uses one
    thread anyway; elsewhere faiss takes the cores it finds for a batch.

    Raises
    ------
    CatalogError
        If it is not installed.
    """
    module = _imported()
    if module is None:
        raise CatalogError("faiss is not installed", remedy="pip install 'jupyter-specviz[catalog]'")
    if _MAC:
        module.omp_set_num_threads(1)
    return module


def has_faiss() -> bool:
    """Whether it is installed and can be loaded."""
    return _imported() is not None


@lru_cache(maxsize=1)
def _imported() -> Any:
    if _MAC:
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # which instruction set it found, at level INFO
    with warnings.catch_warnings():
        # SWIG's own types have no __module__, of which Python 3.12 warns at import: nothing a person could act on.
        warnings.filterwarnings("ignore", "builtin type .* has no __module__", DeprecationWarning)
        try:
            import faiss
        except ImportError:
            return None
    return faiss
