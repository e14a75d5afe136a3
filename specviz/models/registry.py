"""Models by name. Importing this does not import torch; loading a model does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal, overload

from specviz.errors import CheckpointError, OptionError, UnknownModelError
from specviz.models.installed import INSTALLABLE, OFFICIAL, Manifest, installed, model_folder
from specviz.models.protocol import StellarModel

if TYPE_CHECKING:
    from specviz.models.phdlspec.model import Emulator
    from specviz.models.specclip.official import SpecClipOfficial
    from specviz.models.specclip.routing import Network

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
    """Names of the models that analyse spectra and are on this machine, the default first; the emulator is not among
    them.
    """
    names = tuple(name for name, entry in _MODELS.items() if entry.kind == "analysis")
    return (*names, OFFICIAL) if installed(OFFICIAL) is not None else names


def list_models() -> dict[str, str]:
    """Each available model's name and what it is, in a line."""
    return {name: _MODELS[name].summary if name in _MODELS else INSTALLABLE[name] for name in available_models()}


def weights_path(name: str) -> Path:
    """Where a model's weights lie: a file inside the package, or the folder of a model that was pulled.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    CheckpointError
        If it was not pulled yet.
    """
    if name != OFFICIAL:
        return WEIGHTS_FOLDER / _entry(name).weights
    folder = installed(OFFICIAL)
    if folder is None:
        if (model_folder(OFFICIAL) / "manifest.json").exists():
            Manifest.load(model_folder(OFFICIAL))  # says what is wrong with it
        raise CheckpointError(
            "The published SpecCLIP is not on this machine", remedy=f"specviz models pull {OFFICIAL} brings it (4.5 GB)"
        )
    return folder


@overload
def load_model(name: Literal["phdlspec-small"], *, device: str = ...) -> Emulator: ...  # type: ignore[overload-overlap]


@overload
def load_model(
    name: Literal["specclip-official"],
    *,
    device: str = ...,
    compat: bool = ...,
    retrieval: Network = ...,
) -> SpecClipOfficial: ...


@overload
def load_model(
    name: str = ...,
    *,
    device: str = ...,
    compat: bool = ...,
    retrieval: Network = ...,
) -> StellarModel: ...


def load_model(
    name: str = "specclip-small",
    *,
    device: str = "auto",
    compat: bool = False,
    retrieval: Network = "split",
) -> StellarModel | Emulator:
    """A model, ready for use. The same arguments give the same object.

    Parameters
    ----------
    name : str
        One of :func:`available_models`, "phdlspec-small" for the emulator, or the path of weights that
        ``specviz train`` has written (``....safetensors``).
    device : str
        "auto" (CUDA, then MPS, then CPU), or what torch calls it.
    compat, retrieval
        For "specclip-official" alone: normalise LAMOST spectra twice as the official demo does; whose embedding is
        compared and predicts the other survey, "split" or "predrecon". See
        :class:`~specviz.models.specclip.official.SpecClipOfficial`.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    CheckpointError
        If the weights are absent or are not the ones this version of specviz was shipped with.
    """
    own = Path(name).expanduser() if str(name).endswith(".safetensors") else None
    if name == OFFICIAL:
        folder = weights_path(name)
    elif own is None:
        _entry(name)
    elif not own.is_file():
        raise CheckpointError(f"There are no weights {own}", expected="a file that `specviz train` has written")
    if name != OFFICIAL and (compat or retrieval != "split"):
        raise OptionError(f"{name} takes neither compat nor retrieval", expected=f"them with {OFFICIAL!r} alone")
    from specviz.models.device import pick_device

    with _lock:
        where = str(pick_device(device))
        if name == OFFICIAL:
            model = _load_official(folder, _stamp(folder), where)
            return _variant(model, bool(compat), retrieval)
        if own is not None:
            return _load_own(own.resolve(), own.stat().st_mtime_ns, where)
        return _load(name, where)


@lru_cache(maxsize=1)  # 1.2 GB each
def _load_official(folder: Path, _stamp: tuple[int, ...], device: str) -> SpecClipOfficial:
    from specviz.models.specclip.official import SpecClipOfficial

    return SpecClipOfficial.from_folder(folder, device=device)


@lru_cache(maxsize=4)
def _variant(model: SpecClipOfficial, compat: bool, retrieval: Network) -> SpecClipOfficial:
    """The same weights, read another way."""
    if (compat, retrieval) == (model.compat, model.retrieval):
        return model
    return model.variant(compat=compat, retrieval=retrieval)


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when the model is converted or calibrated again."""
    files = [folder / "manifest.json", *sorted((folder / "labels").rglob("*.json"))]
    return tuple(file.stat().st_mtime_ns for file in files)


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
        raise UnknownModelError(f"There is no model {name!r}", expected="one of " + ", ".join((*_MODELS, OFFICIAL)))
    return _MODELS[name]
