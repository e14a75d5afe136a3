"""Names in a journal: of stars, that are the same on every machine, and of the data that a reviewer saw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specviz.archives.protocol import Candidate
from specviz.session.resolve import describe
from specviz.spectra.star import Star


def star_key(target: Any) -> str:
    """What a target is called in a journal: its name, or the text that finds it; of a file its name without folders."""
    return _as_text(_called(target))


def _called(target: Any) -> str:
    if isinstance(target, Path):
        return target.name
    if isinstance(target, (Star, Candidate)):
        return target.name
    text = str(getattr(target, "text", "") or describe(target)).strip()
    looks_like_path = "/" in text or "\\" in text
    return text.replace("\\", "/").rsplit("/", 1)[-1] if looks_like_path else " ".join(text.split())


def _as_text(name: str) -> str:
    """A name that can be written: bytes of a file's name that are no text are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def star_keys(targets: Sequence[Any]) -> tuple[str, ...]:
    """One key a target, no two alike: files of one name carry as much of their folders as it takes."""
    keys = [star_key(t) for t in targets]
    taken: dict[str, int] = {}
    for key in keys:
        taken[key] = taken.get(key, 0) + 1
    found: list[str] = []
    seen: dict[str, int] = {}
    for target, key in zip(targets, keys, strict=True):
        if taken[key] > 1 and isinstance(target, (str, Path)) and len(Path(target).parts) > 1:
            key = _as_text("/".join(Path(target).parts[-2:]))
        seen[key] = seen.get(key, 0) + 1
        found.append(key if seen[key] == 1 else f"{key} #{seen[key]}")
    return tuple(found)


def data_version(star: Star | None) -> str:
    """Twelve hexadecimal digits of the spectra of a star, each with its release: other data give others.

    A label that was given to an earlier release of a spectrum can be told from one of this release.
    """
    if star is None:
        return ""
    digest = hashlib.sha256()
    for survey in sorted(star.spectra):
        spectrum = star.spectra[survey]
        digest.update(f"{survey} {spectrum.meta.get('release', '')} {len(spectrum.flux)}".encode())
        digest.update(np.ascontiguousarray(np.asarray(spectrum.flux, np.float32)).tobytes())
    return digest.hexdigest()[:12]
