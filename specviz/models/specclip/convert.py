"""The official release in, one folder of safetensors out: 4.5 GB of checkpoints become about 1.2 GB of weights.

One file at a time is opened through the restricted unpickler, its tensors left in the file until they are written; the
moments of the optimiser are never read. The frozen backbones that base, predict + reconstruct and split have in common
are compared bit by bit and written once. The result appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from specviz import __version__
from specviz.errors import CheckpointError, SpecvizError
from specviz.models.checkpoint_reader import read_checkpoint, save_weights
from specviz.models.held import held
from specviz.models.installed import Manifest, leftovers, now
from specviz.models.restricted_unpickler import ForeignObject
from specviz.models.specclip import posterior_files, sizes_from_weights
from specviz.models.specclip.checkpoint import from_official
from specviz.models.specclip.official_files import ENCODERS, Source, find_release
from specviz.models.specclip.routing import ROUTES, Route
from specviz.models.specclip.self_check import head_numbers, network_numbers
from specviz.models.work import Cancel, Progress, Work

BACKBONES = "backbones.safetensors"
SIDES = ("lamost", "xp")
#: Networks in the order of conversion: the backbones of the first are the shared ones.
_ORDER = ("predrecon", "split", "base")


def convert_release(
    source: str | Path,
    target: str | Path,
    *,
    trust_pickle: bool = False,
    origin: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Manifest:
    """Convert a local copy of the release.

    Parameters
    ----------
    source : path
        The folder with ``encoders``, ``specclip``, ``downstream_models`` and ``stats`` (or one that holds it, such as
        a cache of the hub). The base checkpoint and the statistics are found in every spelling that is in use.
    target : path
        The folder to make; one that is there is replaced when the new one is complete.
    trust_pickle : bool
        Also convert the posteriors (teff, logg, rv, seismic labels). They are pickled sbi objects: opening one can run
        anything, so they are opened in a process of their own, and only if you say that you trust who made them.
    origin : mapping, optional
        Where the copy came from, for the manifest.
    progress : callable(done, total, text), optional
        Bytes of official files done and in all, and what is being done.
    cancel : threading.Event or callable() -> bool, optional

    Raises
    ------
    CheckpointError
        If a file is damaged, unsafe, or not what it should be; the message names it and says why.
    CancelledError
        If ``cancel`` said so; nothing is left behind.
    """
    release, target = find_release(Path(source)), Path(target).expanduser()
    with held(_lock_of(target), f"converting to {target}"):
        for old in leftovers(target):
            shutil.rmtree(old, ignore_errors=True)
        part = target.parent / f".{target.name}.{os.getpid()}.part"
        try:
            part.mkdir()
            work = Work(release.size(trust_pickle), progress, cancel)
            manifest = _Conversion(release, part, work).run(trust_pickle, origin or {"folder": release.folder.name})
            _keep_calibrations(target, part, manifest)
            work.check()
            _put_in_place(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return manifest


def add_posteriors(
    source: str | Path, target: str | Path, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Manifest:
    """Add the posteriors of a (partial) local copy to a model that was converted without them.

    The pickles are trusted, as with ``trust_pickle``. Labels that are there already are made again.
    """
    release, target = Source(Path(source)), Path(target).expanduser()
    with held(_lock_of(target), f"converting to {target}"):
        return _with_posteriors(release, target, Work(0, progress, cancel))


def _with_posteriors(release: Source, target: Path, work: Work) -> Manifest:
    manifest = Manifest.load(target)
    wanted = [route for route in ROUTES if route.head == "sbi" and release.has(route.path)]
    work.total = sum(release.bytes(route.path) for route in wanted)
    written, left_out = dict(manifest.written), dict(manifest.left_out)
    files = {**manifest.files, **{release.spelt(r.path): release.record(r.path, work) for r in wanted}}
    _posteriors(release, wanted, target, work, written, left_out)
    manifest = replace(manifest, written=written, left_out=left_out, files=files, created=now())
    manifest.save(target)
    return manifest


class _Conversion:
    """One conversion under way: what was read and written so far."""

    def __init__(self, release: Source, folder: Path, work: Work) -> None:
        self.release, self.folder, self.work = release, folder, work
        self.files: dict[str, dict[str, Any]] = {}
        self.written: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.own_copies: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.self_check: dict[str, list[float]] = {}
        self.hyper: dict[str, Mapping[str, Any]] = {}

    def run(self, trust_pickle: bool, origin: Mapping[str, Any]) -> Manifest:
        self._read_encoders()
        for kind in _ORDER:
            if self.release.network(kind) is None:
                self.left_out[kind] = "the file is not in this copy"
            else:
                self._network(kind)
        self._compare_encoders()
        posteriors = [route for route in ROUTES if not self._label(route, trust_pickle)]
        _posteriors(self.release, posteriors, self.folder, self.work, self.written, self.left_out)
        version, text = self.release.version(), self.release.text_files()
        for path in text:
            self.files[path] = self.release.record(path, self.work)
        manifest = Manifest(
            version=version,
            source=dict(origin),
            files=self.files,
            written=self.written,
            left_out=self.left_out,
            own_copies=self.own_copies,
            notes=tuple(self.notes),
            self_check=self.self_check,
            created=now(),
            specviz=__version__,
        )
        manifest.save(self.folder)
        return manifest

    def _read_encoders(self) -> None:
        """The encoders' constructor arguments; and the XP transformer, which no other file holds."""
        for kind, path in ENCODERS.items():
            if not self.release.has(path):
                self.left_out[kind] = "the file is not in this copy"
                self.notes.append(f"{path} is absent: what it says of the encoder was taken from the released values")
                continue
            self.work.say(path)
            state, hyper = self._open(path)
            self.hyper[kind] = hyper
            if kind == "xp_encoder":
                config = sizes_from_weights.xp_encoder(state, hyper)
                module = _named(path, kind, config, state)
                self._write("xp_encoder.safetensors", module.state_dict(), config)

    def _network(self, kind: str) -> None:
        path = self.release.network(kind)
        assert path is not None
        self.work.say(path)
        state, hyper = self._open(path)
        try:
            config = sizes_from_weights.clip(
                kind, state, hyper, self.hyper.get("lrs_encoder", {}), self.hyper.get("xp_encoder_mlp", {})
            )
        except CheckpointError as error:
            raise _in_file(path, error) from error
        module = _named(path, kind, config, state)
        del state, hyper
        self.work.check()
        if kind != "base":
            self.self_check |= network_numbers(module, kind)
        tensors = module.state_dict()
        if BACKBONES not in self.written:
            shared = {name: t for name, t in tensors.items() if _side(name)}
            self._write(BACKBONES, shared, None)
            own: set[str] = set()
        else:
            own = set(SIDES) - self._shared_sides(tensors)
        rest = {name: t for name, t in tensors.items() if _side(name) in own or not _side(name)}
        self._write(f"{kind}.safetensors", rest, module.config)
        if own:
            self.own_copies[kind] = sorted(own)
            self.notes.append(f"{kind} keeps its own {' and '.join(sorted(own))} backbone: it differs from predrecon's")

    def _shared_sides(self, tensors: Mapping[str, Tensor], prefix: str = "") -> set[str]:
        """Sides whose every tensor is, bit by bit, the one in ``backbones.safetensors``; others stay unread."""
        from safetensors import safe_open

        with safe_open(self.folder / BACKBONES, framework="pt", device="cpu") as stream:
            names: set[str] = set(stream.keys())
            same = set()
            for side in SIDES:
                theirs = {f"{prefix}{n}" for n in tensors if f"{prefix}{n}".startswith(f"{side}.")}
                ours = {n for n in names if n.startswith(f"{side}.")}
                if theirs == ours and all(
                    _identical(stream.get_tensor(n), tensors[n.removeprefix(prefix)]) for n in sorted(ours)
                ):
                    same.add(side)
                self.work.check()
        return same

    def _compare_encoders(self) -> None:
        """The encoders were frozen when the networks were trained, so their files need not be kept; if so."""
        for kind, side in (("lrs_encoder", "lamost"), ("xp_encoder_mlp", "xp")):
            path = ENCODERS[kind]
            if not self.release.has(path) or BACKBONES not in self.written:
                continue
            state, hyper = self._open(path, again=True)
            config: Any = (
                sizes_from_weights.lamost_encoder(state, hyper)
                if kind == "lrs_encoder"
                else sizes_from_weights.xp_autoencoder(state, hyper)
            )
            module = _named(path, kind, config, state)
            if side not in self._shared_sides(module.state_dict(), f"{side}."):
                self._write(f"{kind}.safetensors", module.state_dict(), config)
                self.notes.append(f"{path} differs from the backbone of predrecon: both are kept")

    def _label(self, route: Route, trust_pickle: bool) -> bool:
        """Convert one MLP head, or say why a label is left out; False for a posterior that is yet to be converted."""
        name = f"{route.survey}/{route.label}"
        if route.head == "sbi" and not trust_pickle:  # such a copy may well lack them: nobody fetches what stays closed
            self.left_out[name] = posterior_files.NOT_TRUSTED
            return True
        if not self.release.has(route.path):
            self.left_out[name] = "the file is not in this copy"
            return True
        if route.head == "sbi":
            self.files[self.release.spelt(route.path)] = self.release.record(route.path, self.work)
            return False
        self.work.say(route.path)
        content = read_checkpoint(self.release.path(route.path), mapped=True)
        state = content.get("model_state_dict", content.get("state_dict"))
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{route.path} holds no weights", expected="'model_state_dict' inside")
        self.files[self.release.spelt(route.path)] = self.release.record(route.path, self.work)
        try:
            config = sizes_from_weights.label_head(state)
        except CheckpointError as error:
            raise _in_file(route.path, error) from error
        module = _named(route.path, "mlp_head", config, state)
        statistics = self.release.statistics(route, config.input_dim)
        self.files[statistics.path] = self.release.record(statistics.path, self.work)
        tensors = {f"net.{n}": t for n, t in module.state_dict().items()}
        tensors |= {"mean": torch.tensor(statistics.mean), "std": torch.tensor(statistics.std)}
        self.self_check |= head_numbers(module, tensors["mean"], tensors["std"], name)
        metadata = {"kind": "mlp", "label": route.label, "survey": route.survey, "encoder": route.network}
        metadata["config"] = json.dumps(asdict(config))
        self.written[route.file] = save_weights(self.folder / route.file, tensors, metadata)
        return True

    def _open(self, path: str, *, again: bool = False) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """state_dict (left in the file) and hyper_parameters of a Lightning checkpoint."""
        content = read_checkpoint(self.release.path(path), mapped=True)
        if not again:
            self.files[self.release.spelt(path)] = self.release.record(path, self.work)
        state, hyper = content.get("state_dict"), content.get("hyper_parameters", {})
        if not isinstance(state, Mapping):
            raise CheckpointError(f"{path} holds no weights", expected="'state_dict' inside")
        if isinstance(hyper, ForeignObject):  # Lightning's own kind of dictionary
            hyper = hyper.entries
        return state, hyper if isinstance(hyper, Mapping) else {}

    def _write(self, file: str, tensors: Mapping[str, Tensor], config: Any) -> None:
        metadata = {} if config is None else {"config": json.dumps(asdict(config))}
        self.work.check()
        self.written[file] = save_weights(self.folder / file, tensors, metadata)


def _named(path: str, kind: str, config: Any, state: Mapping[str, Any]) -> Any:
    """Our module with official weights; whatever is wrong with them is said with the file's name."""
    try:
        module: nn.Module = from_official(kind, config, state)
    except CheckpointError as error:
        raise _in_file(path, error) from error
    return module


def _in_file(path: str, error: SpecvizError) -> CheckpointError:
    return CheckpointError(f"{path}: {error.what}", expected=error.expected, remedy=error.remedy)


def _side(name: str) -> str:
    """The side whose backbone a tensor belongs to; "" for the rest of a network."""
    first = name.partition(".")[0]
    return first if first in SIDES else ""


def _identical(a: Tensor, b: Tensor) -> bool:
    """Bit by bit: what ``equal`` takes for equal (0 and -0) is not."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8)) if a.ndim else bool(a == b)


def _posteriors(
    release: Source,
    routes: Sequence[Route],
    folder: Path,
    work: Work,
    written: dict[str, str],
    left_out: dict[str, str],
) -> None:
    """Convert posteriors, and book each as written or left out."""
    if not routes:
        return
    work.say("posteriors (in a process of their own)")
    made, failed = posterior_files.convert({r: release.path(r.path) for r in routes}, folder, work)
    for route, digest in made.items():
        left_out.pop(f"{route.survey}/{route.label}", None)
        written[route.file] = digest
    left_out |= {f"{r.survey}/{r.label}": why for r, why in failed.items() if r.file not in written}


def _lock_of(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"


def _keep_calibrations(old: Path, new: Path, manifest: Manifest) -> None:
    """What ``models calibrate`` measured stays with a head that is the same as before."""
    try:
        before = Manifest.load(old).written
    except CheckpointError:  # nothing usable was there
        return
    for route in ROUTES:
        measured = (old / route.file).with_suffix(".json")
        if measured.is_file() and route.file in before and before[route.file] == manifest.written.get(route.file):
            shutil.copyfile(measured, (new / route.file).with_suffix(".json"))


def _put_in_place(part: Path, target: Path) -> None:
    """Replace ``target`` by ``part``."""
    old = target.parent / f".{target.name}.{os.getpid()}.old.part"
    try:
        if target.exists():
            target.rename(old)
        part.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        what = f"{target} cannot be replaced ({error.strerror})"
        raise CheckpointError(what, remedy="Close what uses the model, and convert again") from error
    finally:
        shutil.rmtree(old, ignore_errors=True)
