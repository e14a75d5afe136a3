"""What a star catalogue looks like as HATS: names of columns and properties, and the libraries that write them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

from specviz.catalog.store.header import Header
from specviz.errors import CatalogError

#: Column of the vectors of a survey: this and the survey's name.
EMBEDDING = "embedding_"
#: HEALPix pixel of order 29 of each star, NESTED: what HATS sorts by and LSDB indexes with.
HEALPIX, ORDER = "_healpix_29", 29
#: Before the names of our own properties.
OURS = "specviz_"
_SIMPLE = re.compile(r"[A-Za-z0-9_]+")


def hats() -> Any:
    """The module hats, or an error that says how to have it."""
    return _module("hats")


def lsdb() -> Any:
    """The module lsdb, or an error that says how to have it."""
    return _module("lsdb")


def _module(name: str) -> Any:
    import importlib

    try:
        with warnings.catch_warnings():
            # LSDB sets an option of pandas as it is imported, which pandas 3 says to be without effect.
            warnings.filterwarnings("ignore", message="The 'mode.chained_assignment' option")
            return importlib.import_module(name)
    except ImportError as error:
        raise CatalogError(f"{name} is not installed", remedy="pip install 'jupyter-specviz[distributed]'") from error


def properties(header: Header, units: Mapping[str, str]) -> dict[str, str]:
    """What ``hats.properties`` says of the embeddings; these lines survive what LSDB does with a catalogue.

    Plain words and numbers: the format has escapes of its own, which JSON would not survive.

    Parameters
    ----------
    header : Header
    units : mapping of str to str
        Of all columns, "" where there is none.
    """
    told = {
        f"{OURS}model": header.model,
        f"{OURS}model_version": header.version,
        f"{OURS}weights_sha256": header.weights_sha256,
        f"{OURS}release": header.release,
        f"{OURS}surveys": " ".join(header.dims),
        f"{OURS}columns": " ".join(name for name in units if _SIMPLE.fullmatch(name)),
    }
    told |= {f"{OURS}dim_{survey}": str(dim) for survey, dim in header.dims.items()}
    told |= {f"{OURS}unit_{name}": unit for name, unit in units.items() if unit and _SIMPLE.fullmatch(name)}
    return {key: value for key, value in told.items() if value}


def header_of(told: Mapping[str, Any], metadata: Mapping[bytes, bytes] | None = None) -> Header | None:
    """The header that properties, or the metadata of a Parquet schema, tell of; None if they say nothing of a model."""
    about = (metadata or {}).get(b"specviz")
    try:
        if f"{OURS}weights_sha256" in told:
            dims = {name: int(told[f"{OURS}dim_{name}"]) for name in str(told[f"{OURS}surveys"]).split()}
            said = {name: told.get(OURS + name, "") for name in ("model", "weights_sha256", "release")}
            said["version"] = told.get(f"{OURS}model_version", "")
        elif about is not None:
            said = json.loads(about)
            dims = {str(survey): int(dim) for survey, dim in said["dims"].items()}
        else:
            return None
        model, version, weights, release = (str(said[n]) for n in ("model", "version", "weights_sha256", "release"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogError("What the catalogue says of its embeddings is damaged") from error
    return Header(model, version, weights, release, dims)


def columns_of(told: Mapping[str, Any]) -> list[str]:
    """Names that columns had before LSDB gave them suffixes, as far as properties tell."""
    return str(told.get(f"{OURS}columns", "")).split()


def units_of(told: Mapping[str, Any]) -> dict[str, str]:
    """Units of columns that properties tell of."""
    head = f"{OURS}unit_"
    return {str(key)[len(head) :]: str(value) for key, value in told.items() if str(key).startswith(head)}
