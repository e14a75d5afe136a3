"""Models that were put on this machine after specviz itself: where they lie, and what they say of themselves.

A model is a folder with ``manifest.json`` and safetensors; nothing in it can carry code. Neither torch nor a network is
needed to look at one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from specviz.errors import CheckpointError, UnknownModelError

#: The complete official SpecCLIP.
OFFICIAL = "specclip-official"
#: ``format`` in its manifest.
FORMAT = "specviz-specclip-official-1"
MANIFEST = "manifest.json"
#: Models that can be put here, and what they are.
INSTALLABLE: Mapping[str, str] = {
    OFFICIAL: "the released SpecCLIP networks and label heads: 23 labels from LAMOST, 7 from Gaia XP"
}


@dataclass(frozen=True)
class Manifest:
    """What a converted release is made of.

    Attributes
    ----------
    version : str
        What the release calls itself, and its revision where that is known.
    source : mapping
        ``repo``, ``revision``, ``endpoint`` if another than usual was asked, or ``folder`` (its last part) of a copy.
    files : mapping
        ``{"sha256", "bytes"}`` of every official file that was read, by its official path.
    written : mapping
        SHA-256 of every file of the converted model, by its path.
    left_out : mapping
        Why something of the release is not here, by what it is: "gaia_xp/teff", "base".
    own_copies : mapping
        Sides ("lamost", "xp") whose backbone is not the shared one, by network. Empty in the released model.
    notes : tuple of str
    self_check : mapping
        Numbers that the networks gave while they were converted: :func:`~specviz.models.specclip.verify.verify` asks
        for them again.
    """

    version: str
    source: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    written: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    own_copies: Mapping[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    self_check: Mapping[str, list[float]] = field(default_factory=dict)
    created: str = ""
    specviz: str = ""
    format: str = FORMAT

    @property
    def weights_sha256(self) -> str:
        """One hash of all weights: SHA-256 over the sorted SHA-256 of the files, one a line."""
        return hashlib.sha256("\n".join(sorted(self.written.values())).encode()).hexdigest()

    def labels(self, survey: str) -> tuple[str, ...]:
        """Labels of a survey ("lamost_lrs", "gaia_xp") whose head is here."""
        prefix = f"labels/{survey}/"
        return tuple(
            sorted(
                f.removeprefix(prefix).removesuffix(".safetensors")
                for f in self.written
                if f.startswith(prefix) and f.endswith(".safetensors")
            )
        )

    def save(self, folder: Path) -> None:
        """Write ``manifest.json``, whole or not at all."""
        path = folder / MANIFEST
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), "utf-8")
        part.replace(path)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read ``manifest.json``.

        Raises
        ------
        CheckpointError
            If it is absent, damaged, or of another format.
        """
        path = folder / MANIFEST
        remedy = f"specviz models pull {OFFICIAL}"
        if not path.is_file():
            raise CheckpointError(f"{folder} holds no converted model", expected=f"{MANIFEST} inside", remedy=remedy)
        try:
            values = json.loads(path.read_text("utf-8"))
            if values.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} has the format {values.get('format')!r}",
                    expected=FORMAT,
                    remedy=f"Convert again: {remedy}",
                )
            values["notes"] = tuple(values.get("notes", ()))
            written, files = values["written"], values["files"]
            if not all(isinstance(v, str) for v in written.values()) or not isinstance(files, dict):
                raise TypeError
            return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise CheckpointError(f"{path} is damaged", remedy=f"Convert again: {remedy}") from error


def models_folder() -> Path:
    """Where models are put: ``SPECVIZ_MODELS``, else this person's data folder."""
    chosen = os.environ.get("SPECVIZ_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("specviz", appauthor=False) / "models"


def catalogs_folder() -> Path:
    """Where catalogues of spectra are put: ``SPECVIZ_CATALOGS``, else ``catalogs`` beside the models."""
    chosen = os.environ.get("SPECVIZ_CATALOGS")
    return Path(chosen).expanduser() if chosen else models_folder().parent / "catalogs"


def model_folder(name: str) -> Path:
    """Where a model is or would be.

    Raises
    ------
    UnknownModelError
        If no model of that name can be put here.
    """
    if name not in INSTALLABLE:
        raise UnknownModelError(f"There is no model {name!r} to pull", expected="one of " + ", ".join(INSTALLABLE))
    return models_folder() / name


def installed(name: str = OFFICIAL) -> Path | None:
    """The folder of a model that is here; None where it is not (a damaged manifest counts as absent)."""
    if name not in INSTALLABLE:
        return None
    folder = model_folder(name)
    try:
        Manifest.load(folder)
    except CheckpointError:
        return None
    return folder


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def remove(name: str = OFFICIAL) -> int:
    """Delete a model, what was downloaded for it, and what an interrupted conversion left; the bytes that came free.

    Raises
    ------
    UnknownModelError
        If no model has that name, or none of it is here.
    """
    folder = model_folder(name)
    found = [p for p in (folder, downloads_folder(name), *leftovers(folder)) if p.is_dir()]
    if not found:
        raise UnknownModelError(f"{name} is not on this machine", remedy=f"specviz models pull {name} brings it")
    freed = sum(map(size_of, found))
    for path in found:
        try:
            shutil.rmtree(path)
        except OSError as error:
            what = f"{path} cannot be removed ({error.strerror})"
            raise CheckpointError(what, remedy="Close what uses it, and try again") from error
    with contextlib.suppress(OSError):  # not there, or another model's downloads are in it
        downloads_folder(name).parent.rmdir()
    return freed


def downloads_folder(name: str) -> Path:
    """Where the official files of a model lie while they are fetched."""
    return models_folder() / "downloads" / name


def leftovers(folder: Path) -> list[Path]:
    """Unfinished conversions beside a model's folder."""
    return sorted(folder.parent.glob(f".{folder.name}.*.part")) if folder.parent.is_dir() else []


def now() -> str:
    """This moment (UTC), as manifests write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
