"""Models by name. Importing this does not import torch; loading a model does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, overload

from specviz import extensions
from specviz.errors import CheckpointError, ModelError, OptionError, UnknownModelError
from specviz.models.installed import INSTALLABLE, OFFICIAL, Manifest, installed, model_folder
from specviz.models.protocol import StellarModel

if TYPE_CHECKING:
    from specviz.models.phdlspec.model import Emulator
    from specviz.models.specclip.official import SpecClipOfficial
    from specviz.models.specclip.routing import Network

#: The model that is used when none is named.
DEFAULT_MODEL = "specclip-small"
WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class _Entry:
    weights: str
    summary: str
    #: Module under ``specviz.models`` and class; its ``from_file(path, device=, sha256=)`` reads the weights.
    loader: tuple[str, str] = ("specclip.model", "SpecClipSmall")
    #: "analysis": takes spectra (a StellarModel); "emulator": makes them.
    kind: str = "analysis"


_MODELS = {
    DEFAULT_MODEL: _Entry("specclip_small.safetensors", "SpecCLIP at small size, trained by specviz; runs on any CPU"),
    "phdlspec-small": _Entry(
        "phdlspec_small.safetensors",
        "spectral emulator: 28 stellar labels to a model spectrum",
        ("phdlspec.model", "Emulator"),
        "emulator",
    ),
    "phdlspec-fit": _Entry(
        "phdlspec_small.safetensors",
        "28 labels fitted to each optical spectrum with the emulator; learned from no spectrum",
        ("phdlspec.fitted", "PhdlspecFit"),
    ),
    "lux-small": _Entry(
        "lux_small.safetensors",
        "Lux: labels and both spectra linear in one latent vector; the baseline, milliseconds a star",
        ("lux.model", "Lux"),
    ),
    "spectrafm-small": _Entry(
        "spectrafm_small.safetensors",
        "SpectraFM: pixels that know their wavelength; labels from any part of an optical spectrum",
        ("spectrafm.model", "SpectraFM"),
    ),
    "desa-small": _Entry(
        "desa_small.safetensors",
        "DESA: spectrum and light curve together; close binaries, ages, what is alike",
        ("desa.model", "Desa"),
    ),
}
#: How the ``format`` of a weights file begins, and who reads it; a file without one is of the default model.
_FORMATS: dict[str, tuple[str, str]] = {
    "specviz-lux": ("lux.model", "Lux"),
    "specviz-spectrafm": ("spectrafm.model", "SpectraFM"),
    "specviz-desa": ("desa.model", "Desa"),
}
_lock = RLock()


def available_models() -> tuple[str, ...]:
    """Names of the models that analyse spectra and are on this machine, the default first, those that others added
    (:mod:`specviz.extensions`) last; the emulator is not among them.
    """
    names = tuple(name for name, entry in _MODELS.items() if entry.kind == "analysis")
    return (*names, *((OFFICIAL,) if installed(OFFICIAL) is not None else ()), *_added())


def list_models() -> dict[str, str]:
    """Each available model's name and what it is, in a line."""
    told = {name: entry.summary for name, entry in _MODELS.items()} | dict(INSTALLABLE)
    told |= {name: added.summary for name, added in _added().items()}
    return {name: told[name] for name in available_models()}


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
    name: str = DEFAULT_MODEL,
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
        ``specviz train`` has written (``....safetensors``), or of the folder of ``specviz fine-tune``. A model that
        others added is made by their function.
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
    own = own_weights(name)
    added = _added().get(name)
    if name == OFFICIAL:
        folder = weights_path(name)
    elif own is None and added is None:
        _entry(name)
    elif own is None:
        pass
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
        return _load(name, where) if added is None else _load_added(added, where)


def own_weights(name: str) -> Path | None:
    """The file of weights that a path means: itself, or the one in a folder; None for the name of a model.

    A folder that is called like a model is not looked into: ``./NAME`` names it.

    Raises
    ------
    CheckpointError
        For a folder with no weights in it, or with several.
    """
    path = Path(name).expanduser()
    if path.suffix == ".safetensors":
        return path
    if name in _MODELS or name in INSTALLABLE or name in _added() or not path.is_dir():
        return None
    inside = sorted(path.glob("*.safetensors"))
    if len(inside) != 1:
        raise CheckpointError(
            f"The folder {path} has {len(inside) or 'no'} files of weights", expected="one ....safetensors in it",
            remedy="Name the file itself" if inside else "",
        )  # fmt: skip
    return inside[0]


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
    from specviz.models.checkpoint_reader import weights_format

    told = weights_format(path)
    loader = next((reader for start, reader in _FORMATS.items() if told.startswith(start)), _Entry.loader)
    model: StellarModel = _reader(loader).from_file(path, device=device)
    return model


def _added() -> dict[str, extensions.AddedModel]:
    """What others added, but for names that are taken."""
    return {k: added for k, added in extensions.models().items() if k not in _MODELS and k not in INSTALLABLE}


@lru_cache(maxsize=8)
def _load_added(added: extensions.AddedModel, device: str) -> StellarModel:
    """A model of somebody else's, made once a device."""
    model: StellarModel = added.make(device)
    if not hasattr(model, "describe") or not hasattr(model, "prepare"):
        raise ModelError(f"What was made for {added.name!r} is no model", expected="an object that meets StellarModel")
    if (told := model.describe().name) != added.name:
        raise ModelError(f"The model {added.name!r} calls itself {told!r}", expected="the name it was registered under")
    return model


@lru_cache(maxsize=16)
def _load(name: str, device: str) -> StellarModel | Emulator:
    path = weights_path(name)
    model: StellarModel | Emulator = _reader(_entry(name).loader).from_file(
        path, device=device, sha256=expected_sha256(path)
    )
    return model


def _reader(loader: tuple[str, str]) -> Any:
    module, klass = loader
    return getattr(import_module(f"specviz.models.{module}"), klass)


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
        known = (*_MODELS, OFFICIAL, *_added())
        raise UnknownModelError(f"There is no model {name!r}", expected="one of " + ", ".join(known))
    return _MODELS[name]
