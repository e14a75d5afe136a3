"""A stand-in for the official SpecCLIP release: random weights in the exact layout (specification 1, 2 and 4.2).

58 files: six Lightning checkpoints (their top-level keys, pickled ``nn.Module`` heads among the hyper-parameters with
storages shared with the state_dict, Adam moments), 19 MLP heads with their statistics, 11 SBI pickles, three texts. The
classes of the pickled heads cannot be imported when the files are read, as the real ones cannot.

``make_release(folder)`` makes a tiny one (60 MB, two seconds: the LAMOST decoder of ``split`` is 2 x 1,462 pixels wide
whatever the scale); ``make_release(folder, "full")`` has the released shapes (4.5 GB). In tests: the fixture
``make_release``. As a program: ``python tests/models/official_release.py FOLDER [tiny|full]``.
"""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from specviz.models.specclip.checkpoint import build, official_shapes

CHECKPOINTS = {
    "lrs_encoder": "encoders/lrs_encoder.ckpt",
    "xp_encoder": "encoders/xp_encoder.ckpt",
    "xp_encoder_mlp": "encoders/xp_encoder_mlp.ckpt",
    "base": "specclip/specclip_model_base.ckpt",
    "predrecon": "specclip/specclip_model_predrecon_mlp.ckpt",
    "split": "specclip/specclip_model_split_mlp.ckpt",
}
#: How config.json of the release spells the base file; the repository has it under the other name.
OTHER_BASE = "specclip/specclip_mlp.ckpt"
MLP = {
    "lrs": (
        *("feh", "ebprp", "afe", "cfe", "nfe", "alfe", "mgfe"),
        *("mnfe", "nife", "ofe", "sife", "tife", "crfe", "cafe"),
    ),
    "xp": ("afe", "cfe", "nfe", "feh", "ebprp"),
}
SBI = {"lrs": ("age", "numax", "mass", "rad", "dnu", "rv", "DP", "teff", "logg"), "xp": ("teff", "logg")}
#: A likely value of each label and its spread, so that a report of random weights is readable.
LIKELY = {
    "teff": (5600.0, 600.0),
    "logg": (4.1, 0.5),
    "rv": (-12.0, 25.0),
    "feh": (-0.35, 0.2),
    "ebprp": (0.06, 0.03),
    "age": (5.4, 2.0),
    "numax": (254.0, 120.0),
    "mass": (1.1, 0.2),
    "rad": (4.0, 1.8),
    "dnu": (15.5, 6.0),
    "DP": (80.0, 20.0),
}

#: Constructor arguments of the tiny networks, in official terms; {} is the released size.
_TINY_LAMOST = {"input_dim": 21, "embed_dim": 32, "num_layers": 2, "num_heads": 4, "max_len": 150}
_TINY_XP_TRANSFORMER = {"input_dim": 1, "embed_dim": 32, "num_layers": 2, "num_heads": 4, "max_len": 350}
_TINY_XP = {"input_dim": 1, "seq_len": 343, "hidden_dim": 40, "bottleneck_dim": 32}
_TINY_CLIP = {
    "backbone_lamost": _TINY_LAMOST,
    "backbone_gaia": _TINY_XP,
    "embed_dim": 24,
    "n_head": 4,
    "feature_mlp_intermediate": 30,
}
_CONFIGS: Mapping[str, dict[str, dict[str, Any]]] = {
    "tiny": {
        "lrs_encoder": _TINY_LAMOST,
        "xp_encoder": _TINY_XP_TRANSFORMER,
        "xp_encoder_mlp": _TINY_XP,
        "base": _TINY_CLIP,
        "predrecon": _TINY_CLIP,
        "split": {**_TINY_CLIP, "shared_embed_dim": 16, "private_embed_dim": 8},
        "mlp_head": {"input_dim": 24, "hidden_dims": [16, 12, 8]},
    },
    "full": {
        "lrs_encoder": {
            "input_dim": 21,
            "embed_dim": 768,
            "num_layers": 6,
            "num_heads": 6,
            "max_len": 150,
            "dropout": 0.0,
            "mask_num_chunks": 6,
            "mask_chunk_width": 10,
            "slice_section_length": 20,
            "slice_overlap": 10,
        },
        "xp_encoder": {
            "input_dim": 1,
            "embed_dim": 768,
            "num_layers": 6,
            "num_heads": 6,
            "max_len": 350,
            "dropout": 0.0,
            "mask_num_chunks": 6,
            "mask_chunk_width": 20,
            "include_stats": True,
            "conv_dim": 18,
        },
        "xp_encoder_mlp": {
            "input_dim": 1,
            "seq_len": 343,
            "hidden_dim": 1290,
            "bottleneck_dim": 768,
            "dropout": 0.0,
            "num_encoder_blocks": 2,
            "num_decoder_blocks": 2,
            "expansion_factor": 3,
            "use_masking": False,
        },
        "base": {},
        "predrecon": {},
        "split": {},
        "mlp_head": {},
    },
}

#: Writes the SBI pickle ``path`` of a label: (path, survey "lrs" | "xp", official label, width of the embedding).
WriteSbi = Callable[[Path, str, str, int], None]
#: Networks to use in place of random ones: kind -> (official configuration, official state_dict).
Networks = Mapping[str, tuple[Mapping[str, Any], Mapping[str, Tensor]]]


@dataclass(frozen=True)
class Release:
    """What was made: the folder, the 58 paths below it, and the official configuration of each kind of network."""

    folder: Path
    files: tuple[str, ...]
    configs: Mapping[str, Mapping[str, Any]]
    embed_dim: int
    bytes: int = field(default=0)


def make_release(
    folder: str | Path,
    scale: str = "tiny",
    sbi: WriteSbi | None = None,
    *,
    seed: int = 0,
    base: str = CHECKPOINTS["base"],
    xp_feh: str = "FeH",
    networks: Networks | None = None,
    differ: str = "",
) -> Release:
    """Write a release with random weights.

    Parameters
    ----------
    scale : str
        "tiny" or "full".
    sbi : callable, optional
        Writes each SBI pickle; without it they are pickles of an sbi class with nothing inside, which no reader without
        sbi can open.
    base : str
        Path of the base checkpoint: both spellings occur (``OTHER_BASE``).
    xp_feh : str
        Spelling of ``stats/xp/<this>_mean_std.json``: config.json says FeH, the official code opens feh.
    networks : mapping, optional
        State dicts to put in the checkpoints (the golden ones, say).
    differ : str
        A CLIP network ("split", say) whose copy of the XP backbone is not the frozen one, by one value.
    """
    folder, configs = Path(folder), _CONFIGS[scale]
    dice = torch.Generator().manual_seed(seed)
    given = dict(networks or {})
    configs = {**configs, **{kind: dict(config) for kind, (config, _) in given.items()}}
    adam_limit = 10**5 if scale == "tiny" else 10**12
    paths = {**CHECKPOINTS, "base": base}

    backbones: dict[str, dict[str, Tensor]] = {}
    for kind, path in paths.items():
        if kind in given:
            state = OrderedDict(given[kind][1])
        elif kind in ("lrs_encoder", "xp_encoder", "xp_encoder_mlp"):
            state = backbones[kind] = random_state(kind, configs[kind], dice)
        else:
            state = random_state(kind, configs[kind], dice, backbones=backbones)
            if differ == kind:
                name = "gaia_xp_encoder.backbone.bottleneck_norm.bias"
                state[name] = state[name].clone()
                state[name][0] += 1e-6
        _write_lightning(folder / path, kind, configs[kind], state, adam_limit)
        del state
    width = build("mlp_head", configs["mlp_head"], device="meta").config.input_dim
    for survey, labels in MLP.items():
        for label in labels:
            _write_mlp(folder, survey, label, configs["mlp_head"], dice, xp_feh)
    for survey, labels in SBI.items():
        for label in labels:
            path = folder / "downstream_models" / survey / "sbi" / f"{label}.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            (sbi or _write_empty_sbi)(path, survey, label, width)
    _write_texts(folder, xp_feh)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return Release(folder, tuple(files), configs, width, sum((folder / f).stat().st_size for f in files))


def random_state(
    kind: str,
    config: Mapping[str, Any],
    dice: torch.Generator,
    *,
    backbones: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> OrderedDict[str, Tensor]:
    """Random weights of an official network under its official names; no output overflows.

    The backbones of a CLIP model are the encoders' own weights, as in the release (where these are frozen).
    """
    frozen = {"lamost_lrs_encoder.backbone.": "lrs_encoder", "gaia_xp_encoder.backbone.": "xp_encoder_mlp"}
    state: OrderedDict[str, Tensor] = OrderedDict()
    for name, shape in official_shapes(build(kind, config or None, device="meta")).items():
        prefix = next((p for p in frozen if name.startswith(p)), "")
        source = (backbones or {}).get(frozen.get(prefix, ""))
        state[name] = source[name.removeprefix(prefix)] if source is not None else _random(name, shape, dice)
    return state


def _random(name: str, shape: tuple[int, ...], dice: torch.Generator) -> Tensor:
    field_ = name.rpartition(".")[2]
    if field_ == "num_batches_tracked":
        return torch.tensor(11_000)
    values = torch.empty(shape).normal_(generator=dice)
    if field_ == "running_var":
        return values.abs_().mul_(0.1).add_(0.5)
    if field_ == "weight" and len(shape) == 1:  # a norm's
        return values.mul_(0.05).add_(1.0)
    if len(shape) > 1:
        return values.mul_(shape[-1] ** -0.5)
    return values.mul_(0.02)


def _adam(tensor: Tensor) -> dict[str, Tensor]:
    """What the optimiser keeps of a tensor: as much again, twice."""
    step = torch.tensor(11_000.0)
    return {"step": step, "exp_avg": torch.full_like(tensor, 1e-5), "exp_avg_sq": torch.full_like(tensor, 1e-9)}


def _write_lightning(
    path: Path, kind: str, config: Mapping[str, Any], state: OrderedDict[str, Tensor], adam_limit: int
) -> None:
    """A checkpoint with the top-level keys of Lightning 1.9."""
    clip = kind in ("base", "predrecon", "split")
    trainable = [n for n, t in state.items() if t.is_floating_point() and "running_" not in n]
    if clip:
        trainable = [n for n in trainable if ".backbone." not in n]
    moments = {i: _adam(state[n]) for i, n in enumerate(trainable) if state[n].numel() <= adam_limit}
    content = {
        "epoch": 110 if clip else 128 if kind == "lrs_encoder" else 191,
        "global_step": 11_000 if clip else 250_000,
        "pytorch-lightning_version": "1.9.1",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 111, "completed": 110}}}},
        "callbacks": {
            "EarlyStopping{'monitor': 'val_epoch_loss', 'mode': 'min'}": {"best_score": torch.tensor(0.0002)},
            "ModelCheckpoint{'monitor': 'val_loss'}": {"dirpath": "/private/run", "best_k_models": {}},
        },
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 0.0, "params": list(range(len(trainable)))}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": dict(config),
        "datamodule_hparams_name": "kwargs",
        "datamodule_hyper_parameters": {
            "path": "/private/gaia_lamost_split.h5",
            "batch_size": 1024,
            "num_workers": 8,
            "collate_fn": None,
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    if not clip:
        torch.save(content, path)
        return
    with foreign_package() as make:
        content["hyper_parameters"] = {
            "gaia_xp_encoder": make("gaia_xp_encoder", state, config),
            "lamost_lrs_encoder": make("lamost_lrs_encoder", state, config),
            "temperature": 15.5,
            "lr": 1e-4,
            "weight_decay": 0.05,
            "T_max": 10_000,
            "T_warmup": 1_000,
        }
        torch.save(content, path)


@contextmanager
def foreign_package() -> Iterator[Callable[[str, Mapping[str, Tensor], Mapping[str, Any]], nn.Module]]:
    """For as long as it takes to pickle: a package ``specclip`` with the classes of the heads, which then is gone."""
    names = ("specclip", "specclip.models", "specclip.models.specclip")
    package = types.ModuleType(names[-1])
    sys.modules.update({name: types.ModuleType(name) for name in names[:-1]} | {names[-1]: package})

    def kind(name: str) -> type[nn.Module]:
        if not hasattr(package, name):
            setattr(package, name, type(name, (nn.Module,), {"__module__": names[-1], "__qualname__": name}))
        found: type[nn.Module] = getattr(package, name)
        return found

    def make(side: str, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> nn.Module:
        """The module tree whose parameters are the tensors ``<side>.*`` of the state_dict (the same storages)."""
        tensors = {n.removeprefix(f"{side}."): t for n, t in state.items() if n.startswith(f"{side}.")}
        root = kind("LamostLRSHead" if side.startswith("lamost") else "GaiaXPHeadWithMLP")()
        for name, tensor in tensors.items():
            *way, leaf = name.split(".")
            node = root
            for step, part in enumerate(way):
                if part not in node._modules:
                    inner = nn.Module if part.isdigit() else kind("".join(w.title() for w in part.split("_")))
                    if part == "multihead_attn":
                        child = nn.Module.__new__(nn.MultiheadAttention)  # its parameters are given, not drawn
                        nn.Module.__init__(child)
                        private = way[step - 1].startswith("private")
                        child.num_heads = 2 if private else int(config.get("n_head", 4))
                        child.batch_first = True
                    else:
                        child = inner()
                    node.add_module(part, child)
                node = node._modules[part]  # type: ignore[assignment]
            node.register_parameter(leaf, nn.Parameter(tensor, requires_grad=".backbone." not in f".{name}"))
        if "backbone" in root._modules:
            backbone = config.get("backbone_lamost" if side.startswith("lamost") else "backbone_gaia", {})
            root._modules["backbone"].num_heads = backbone.get("num_heads", 6)  # type: ignore[union-attr,assignment]
        return root

    try:
        yield make
    finally:
        for name in names:
            sys.modules.pop(name, None)


def _write_mlp(
    folder: Path, survey: str, label: str, config: Mapping[str, Any], dice: torch.Generator, xp_feh: str
) -> None:
    state = random_state("mlp_head", config, dice)
    last = [name for name in state if name.endswith(".bias")][-1]
    likely, spread = LIKELY.get(label, (0.1, 0.05))
    state[last].fill_(likely)
    state[last.replace("bias", "weight")].mul_(spread)
    moments = {i: _adam(t) for i, (n, t) in enumerate(state.items()) if t.is_floating_point() and "running_" not in n}
    path = folder / "downstream_models" / survey / "mlp" / f"{label}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": 90, "model_state_dict": state, "optimizer_state_dict": {"state": moments}}, path)
    width = next(iter(state.values())).shape[1]
    statistics = {
        "mean": torch.empty(width).normal_(generator=dice).mul_(0.1).tolist(),
        "std": torch.empty(width).normal_(generator=dice).abs_().add_(0.5).tolist(),
    }
    spelt = xp_feh if (survey, label) == ("xp", "feh") else label
    text = folder / "stats" / survey / f"{spelt}_mean_std.json"
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text(json.dumps(statistics))


def _write_empty_sbi(path: Path, survey: str, label: str, width: int) -> None:
    """What a posterior looks like to someone without sbi: a pickle of a class that is not there."""
    names = ("sbi", "sbi.inference", "sbi.inference.trainers", "sbi.inference.trainers.npe")
    module = types.ModuleType("sbi.inference.trainers.npe.npe_c")
    kind = type("NPE_C", (), {"__module__": module.__name__, "__qualname__": "NPE_C"})
    module.NPE_C = kind  # type: ignore[attr-defined]
    stand_ins = {name: types.ModuleType(name) for name in names} | {module.__name__: module}
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    mean, std = LIKELY.get(label, (0.0, 1.0))
    try:
        path.write_bytes(pickle.dumps({"inference": kind(), "mean": mean, "std": std}))
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def _write_texts(folder: Path, xp_feh: str) -> None:
    """config.json with its own mistakes: a root key without its d, xp sbi one level too high, the other base name."""
    heads = {
        survey: {label: f"downstream_models/{survey}/mlp/{label}.pt" for label in labels}
        for survey, labels in MLP.items()
    }
    config = {
        "version": "1.0.0-no-param",
        "founation_models": {
            "encoders": {k: CHECKPOINTS[k] for k in ("lrs_encoder", "xp_encoder", "xp_encoder_mlp")},
            "specclip": {"base": OTHER_BASE, "predrecon": CHECKPOINTS["predrecon"], "split": CHECKPOINTS["split"]},
        },
        "parameter_estimation": {
            **heads,
            "sbi": {label: f"downstream_models/xp/sbi/{label}.pkl" for label in SBI["xp"]},
            "stats": {"feh": f"stats/xp/{xp_feh}_mean_std.json"},
        },
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A stand-in for SpecCLIP: random weights\n")
    (folder / ".gitattributes").write_text("*.ckpt filter=lfs diff=lfs merge=lfs -text\n*.pt filter=lfs -text\n")


if __name__ == "__main__":
    made = make_release(sys.argv[1], *sys.argv[2:3])
    print(f"{len(made.files)} files, {made.bytes / 1e9:.2f} GB in {made.folder}")  # noqa: T201 - a program's answer
