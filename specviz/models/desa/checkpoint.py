"""Official weights of DESA (plain state dicts, ``.pth``): their names in, ours out.

Left out are tensors that nothing computes with: frequencies of rotary positions (a formula), the decoder's
``initial_expand``, the DualFormer's prediction heads (they cannot run once a latent is appended), and the second copy
of the encoder that SimSiam registers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import read_checkpoint

Net = TypeVar("Net", bound=nn.Module)
_Rule = tuple[str, str]

#: (pattern, name here), the first that fits is taken; ``<i>`` of a group is one less than the number in the name.
_UNUSED = (
    r".*\binv_freq",
    r".*\binput_factor",
    r"(dual_former\.)?prediction_head[12]\..*",
    r"decoder\.initial_expand\..*",
    r"simsiam\.encoder\..*",
)
_CONVOLUTIONS: tuple[_Rule, ...] = (
    (r"embedding\.0\.(.*)", r"first.convolution.\1"),
    (r"embedding\.1\.(.*)", r"first.norm.\1"),
    (r"layers\.(\d+)\.layers\.0\.(.*)", r"layers.\1.convolution.\2"),
    (r"layers\.(\d+)\.layers\.1\.(.*)", r"layers.\1.norm.\2"),
)
_BLOCKS: tuple[_Rule, ...] = (
    (r"encoder\.blocks\.(\d+)\.modlist\.(\d)\.norm\.(.*)", r"blocks.\1.norms.\2.\3"),
    (r"encoder\.blocks\.(\d+)\.modlist\.0\.module\.(query|key|value|output)\.(.*)", r"blocks.\1.attention.\2.\3"),
    (r"encoder\.blocks\.(\d+)\.modlist\.1\.module\.layers\.0\.(.*)", r"blocks.\1.convolution.convolution.\2"),
    (r"encoder\.blocks\.(\d+)\.modlist\.1\.module\.layers\.1\.(.*)", r"blocks.\1.convolution.norm.\2"),
    (r"encoder\.blocks\.(\d+)\.modlist\.2\.module\.sequential\.0\.(.*)", r"blocks.\1.feed_forward.norm.\2"),
    (r"encoder\.blocks\.(\d+)\.modlist\.2\.module\.sequential\.1\.linear\.(.*)", r"blocks.\1.feed_forward.wide.\2"),
    (r"encoder\.blocks\.(\d+)\.modlist\.2\.module\.sequential\.4\.linear\.(.*)", r"blocks.\1.feed_forward.narrow.\2"),
)


def _within(prefix: str, ours: str, rules: Sequence[_Rule]) -> tuple[_Rule, ...]:
    """Rules for what stands under a prefix."""
    return tuple((re.escape(prefix) + pattern, ours + name) for pattern, name in rules)


_SPECTRUM = (*_within("backbone.", "tokens.", _CONVOLUTIONS), *_BLOCKS)
_LIGHT_CURVE = (
    *_within("encoder1.", "spectral.", _CONVOLUTIONS),
    (r"encoder2\.extractor\.0\.(.*)", r"extractor.\1"),
    (r"encoder2\.extractor\.1\.(.*)", r"extractor_norm.\1"),
    *_within("encoder2.", "", _BLOCKS),
)
_PROJECTOR: tuple[_Rule, ...] = (
    (r"layer(\d)\.0\.(.*)", r"layers.<\1>.\2"),
    (r"layer(\d)\.1\.(.*)", r"norms.<\1>.\2"),
)
_REGRESSOR: tuple[_Rule, ...] = (
    (r"regressor\.0\.(.*)", r"hidden.\1"),
    (r"regressor\.1\.(.*)", r"hidden_norm.\1"),
    (r"regressor\.4\.(.*)", r"quantiles.\1"),
)
_HEAD: tuple[_Rule, ...] = (
    (r"predictor\.0\.(.*)", r"layers.0.\1"),
    (r"predictor\.1\.(.*)", r"norms.0.\1"),
    (r"predictor\.3\.(.*)", r"layers.1.\1"),
    (r"predictor\.4\.(.*)", r"norms.1.\1"),
    (r"predictor\.6\.(.*)", r"last.\1"),
)
_OF = {"q": "query", "k": "key", "v": "value"}
DUAL_FORMER: tuple[_Rule, ...] = (
    (r"embedding\.(.*)", r"embedding.\1"),
    (r"projection_head\.(.*)", r"alignment.\1"),
    (r"norm(\d)\.(.*)", r"norms.<\1>.\2"),
    (r"layers\.(\d+)\.norm1_(\d)\.(.*)", r"layers.\1.norm_attention.<\2>.\3"),
    (r"layers\.(\d+)\.norm2_(\d)\.(.*)", r"layers.\1.norm_dense.<\2>.\3"),
    *((rf"layers\.(\d+)\.attention\.{k}(\d)_proj\.(.*)", rf"layers.\1.{name}.<\2>.\3") for k, name in _OF.items()),
    (r"layers\.(\d+)\.attention\.out(\d)_proj\.(.*)", r"layers.\1.output.<\2>.\3"),
    (r"layers\.(\d+)\.feed_forward\.ffn(\d)\.0\.(.*)", r"layers.\1.dense.<\2>.wide.\3"),
    (r"layers\.(\d+)\.feed_forward\.ffn(\d)\.2\.(.*)", r"layers.\1.dense.<\2>.norm.\3"),
    (r"layers\.(\d+)\.feed_forward\.ffn(\d)\.3\.(.*)", r"layers.\1.dense.<\2>.narrow.\3"),
)
SPECTRUM_MULTITASK: tuple[_Rule, ...] = (
    *_within("encoder.", "encoder.", _SPECTRUM),
    (r"decoder\.layers\.(\d+)\.0\.(.*)", r"up.\1.\2"),
    (r"decoder\.layers\.(\d+)\.1\.(.*)", r"up_norms.\1.\2"),
    (r"decoder\.final_conv\.(.*)", r"last.\1"),
    *_REGRESSOR,
)
LIGHT_CURVE_SIMSIAM: tuple[_Rule, ...] = (
    *_within("simsiam.backbone.", "encoder.", _LIGHT_CURVE),
    *_within("simsiam.projector.", "projector.", _PROJECTOR),
    (r"simsiam\.predictor\.layer1\.0\.(.*)", r"predictor.0.\1"),
    (r"simsiam\.predictor\.layer1\.1\.(.*)", r"predictor_norm.\1"),
    (r"simsiam\.predictor\.layer2\.(.*)", r"predictor.1.\1"),
    *_REGRESSOR,
)
DUAL_NET: tuple[_Rule, ...] = (
    *_within("spectra_backbone.", "spectrum.", _SPECTRUM),
    *_within("lc_backbone.0.", "light_curve.", _LIGHT_CURVE),
    *_within("lc_backbone.1.", "projector.", _PROJECTOR),
    *_within("dual_former.", "dual.", DUAL_FORMER),
    *_within("spectra_head.", "spectrum_head.", _HEAD),
    *_within("lc_head.", "light_curve_head.", _HEAD),
)


def our_name(name: str, rules: Sequence[_Rule]) -> str | None:
    """Name of a tensor here; None for one that nothing computes with.

    Raises
    ------
    CheckpointError
        If the network has no such tensor.
    """
    while name.startswith("module."):  # saved from within DistributedDataParallel, sometimes twice
        name = name.removeprefix("module.")
    if any(re.fullmatch(pattern, name) for pattern in _UNUSED):
        return None
    for pattern, ours in rules:
        found = re.fullmatch(pattern, name)
        if found:
            return re.sub(r"<(\d+)>", lambda number: str(int(number[1]) - 1), found.expand(ours))
    raise CheckpointError(f"{name} is no tensor of this network of DESA")


def from_official(net: Net, tensors: Mapping[str, Tensor], rules: Sequence[_Rule]) -> Net:
    """The network with official weights, in eval mode.

    Parameters
    ----------
    net : Module
        Of the sizes that the weights have.
    tensors : mapping of str to Tensor
    rules : sequence
        :data:`DUAL_NET`, :data:`DUAL_FORMER`, :data:`SPECTRUM_MULTITASK` or :data:`LIGHT_CURVE_SIMSIAM`.

    Raises
    ------
    CheckpointError
        If tensors are missing, unknown or of other shapes.
    """
    scaled = [k for k, v in tensors.items() if k.endswith("input_factor") and float(v) != 1.0]
    if scaled:
        raise CheckpointError(f"{scaled[0]} is not 1", expected="residual connections that are added as they are")
    own = net.state_dict()
    taken = {ours: v for k, v in tensors.items() if (ours := our_name(k, rules)) is not None}
    wrong = sorted(own.keys() ^ taken.keys()) + [k for k in own.keys() & taken.keys() if own[k].shape != taken[k].shape]
    if wrong:
        raise CheckpointError("These weights do not fit DESA of these sizes: " + ", ".join(wrong[:5]))
    net.load_state_dict(taken)
    return net.eval().requires_grad_(False)


def read_official(net: Net, path: str | Path, rules: Sequence[_Rule]) -> Net:
    """:func:`from_official` from a ``.pth`` file."""
    content = read_checkpoint(path)
    return from_official(net, {k: v for k, v in content.items() if isinstance(v, Tensor)}, rules)
