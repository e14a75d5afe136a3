"""Reading an ``.npz`` that may be damaged, without pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CatalogError


def read_npz(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header (the JSON in the array ``header``) and the other arrays of a file of ours.

    Raises
    ------
    CatalogError
        If the file is damaged or is something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(bytes(arrays.pop("header")).decode())
    except Exception as error:  # damaged bytes raise a dozen kinds in zipfile, zlib, numpy, tokenize and json
        raise CatalogError(
            f"{path.name} is damaged or no similarity index", remedy="Build it again with the model in use"
        ) from error
    if not isinstance(header, dict):
        raise CatalogError(f"{path.name} is no similarity index", remedy="Build it again with the model in use")
    return header, arrays
