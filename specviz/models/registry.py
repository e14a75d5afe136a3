"""Models by name. Importing this does not import torch; loading a model does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal, overload

from specviz.errors import CheckpointError, UnknownModelError
from specviz.models.protocol import StellarModel

if TYPE_CHECKING:
    from specviz.models.phdlspec.model import Emulator

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class _Entry:
    weights: str
    summary: str
    #: "analysis": takes spectra (a StellarModel); "emulator": makes them.
    kind: str = "analysis"


_MODELS = {
    "specclip-small": _Entry(
        "specclip_small.safetensors", "SpecCLIP at small size, trained by specviz; runs on any CPU"
    ),
    "phdlspec-small": _Entry(
        "phdlspec_small.safetensors", "spectral emulator: 28 stellar labels to a model spectrum", "emulator"
    ),
}
_lock = RLock()


def available_models() -> tuple[str, ...]:
    """Names of the models that analyse spectra, the default first; the emulator is not among them."""
    return tuple(name for name, entry in _MODELS.items() if entry.kind == "analysis")


def list_models() -> dict[str, str]:
    """Each available model's name and what it is, in a line."""
    return {name: _MODELS[name].summary for name in available_models()}


def weights_path(name: str) -> Path:
    """Where a model's weights lie inside the package.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    """
    return WEIGHTS_FOLDER / _entry(name).weights


@overload
def load_model(name: Literal["phdlspec-small"], *, device: str = ...) -> Emulator: ...  # type: ignore[overload-overlap]


@overload
def load_model(name: str = ..., *, device: str = ...) -> StellarModel: ...


def load_model(name: str = "specclip-small", *, device: str = "auto") -> StellarModel | Emulator:
    """A model, ready for use. The same (name, device) gives the same object.

    Parameters
    ----------
    name : str
        One of :func:`available_models`, "phdlspec-small" for the emulator, or the path of weights that
        ``specviz train`` has written (``....safetensors``).
    device : str
        "auto" (CUDA, then MPS, then CPU), or what torch calls it.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    CheckpointError
        If the weights are absent or are not the ones this version of specviz was shipped with.
    """
    own = Path(name).expanduser() if str(name).endswith(".safetensors") else None
    if own is None:
        _entry(name)
    elif not own.is_file():
        raise CheckpointError(f"There are no weights {own}", expected="a file that `specviz train` has written")
    from specviz.models.device import pick_device

    with _lock:
        if own is not None:
            return _load_own(own.resolve(), own.stat().st_mtime_ns, str(pick_device(device)))
        return _load(name, str(pick_device(device)))


@lru_cache(maxsize=8)
def _load_own(path: Path, _written: int, device: str) -> StellarModel:
    """Weights outside the package; the time of writing makes a file that was trained again another one."""
    from specviz.models.specclip.model import SpecClipSmall

    return SpecClipSmall.from_file(path, device=device)


@lru_cache(maxsize=8)
def _load(name: str, device: str) -> StellarModel | Emulator:
    path = weights_path(name)
    if _entry(name).kind == "emulator":
        from specviz.models.phdlspec.model import Emulator

        return Emulator.from_file(path, device=device, sha256=expected_sha256(path))
    from specviz.models.specclip.model import SpecClipSmall

    return SpecClipSmall.from_file(path, device=device, sha256=expected_sha256(path))


def expected_sha256(path: Path) -> str:
    """The SHA-256 that ``SHA256SUMS`` beside the weights gives for a file.

    Raises
    ------
    CheckpointError
        If it has no line there.
    """
    sums = path.parent / "SHA256SUMS"
    for line in sums.read_text().splitlines() if sums.is_file() else ():
        digest, _, file = line.partition("  ")
        if file.strip() == path.name:
            return digest
    raise CheckpointError(
        f"No SHA-256 is recorded for {path.name}", expected=f"a line in {sums.name}", remedy="Install specviz again"
    )


def _entry(name: str) -> _Entry:
    if name not in _MODELS:
        raise UnknownModelError(f"There is no model {name!r}", expected="one of " + ", ".join(_MODELS))
    return _MODELS[name]
