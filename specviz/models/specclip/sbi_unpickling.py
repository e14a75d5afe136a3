"""The child's work: open a pickle with sbi, rebuild its flow, compare the two, write tensors.

Runs only inside the process that :mod:`~.convert_sbi` starts.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import save_weights
from specviz.models.restricted_unpickler import ForeignObject
from specviz.models.specclip.sbi_reader import ReadPosterior, read_posterior
from specviz.models.specclip.spline_flow import SplineFlow

#: Classes that changed their name between versions of sbi.
_RENAMED = {"SNPE_A": "NPE_A", "SNPE_B": "NPE_B", "SNPE_C": "NPE_C"}
#: How far the rebuilt flow may be from sbi's, in units of the labels' spread, and in log density.
TOLERANCE = 1e-3
_BOUNDS = (1e-5, 1e-4, TOLERANCE)


def convert_file(source: Path, target: Path) -> None:
    """Write the tensors of the posterior in ``source`` to ``target``, if they reproduce it."""
    _import_sbi()
    read = read_posterior(_unpickled(source))
    flow = SplineFlow.rebuilt(read.description, read.tensors)
    checked = compared(flow, read)
    tensors = {f"flow.{name}": value.clone() for name, value in flow.state_dict().items()}
    tensors |= {"label_mean": read.mean, "label_std": read.std}
    if read.low is not None and read.high is not None:
        tensors |= {"support_low": read.low, "support_high": read.high}
    # Only what every computer finds: the exact differences, or sbi's version, would change the file's hash, by which
    # catalogues know the model they were made with.
    within = {name: min(bound for bound in _BOUNDS if value <= bound) for name, value in checked.items()}
    save_weights(target, tensors, {"flow": json.dumps(read.description), "checked": json.dumps(within)})


def compared(flow: SplineFlow, read: ReadPosterior, stars: int = 16, draws: int = 256) -> dict[str, float]:
    """Largest differences between the flow and sbi's own network, for the same noise and the same labels.

    Returns
    -------
    dict
        "samples" in units of each label's spread, and "log_prob".

    Raises
    ------
    CheckpointError
        If they differ by more than rounding.
    """
    generator = torch.Generator().manual_seed(20261126)
    vectors = torch.randn((stars, flow.context), generator=generator)
    if len(flow.embedding) and hasattr(flow.embedding[0], "std"):  # stars like those it was trained on
        first = flow.embedding[0]
        vectors = vectors * first.std + first.mean  # type: ignore[operator]
    noise = torch.randn((stars, draws, flow.features), generator=generator)
    with torch.no_grad():
        ours = flow.from_noise(vectors, noise)
        theirs = _their_samples(read.estimator, vectors, noise)
        spread = theirs.reshape(-1, flow.features).std(0).clamp_min(1e-12)
        density = flow.log_prob(vectors, theirs), _their_density(read.estimator, vectors, theirs)
    differences = {
        "samples": float(((ours - theirs) / spread).abs().max()),
        "log_prob": float((density[0] - density[1]).abs().max()),
    }
    if not all(value <= TOLERANCE for value in differences.values()):
        raise CheckpointError(
            f"The flow rebuilt from this posterior does not reproduce it (it differs by {differences['samples']:.2g} "
            f"of the labels' spread and {differences['log_prob']:.2g} in log density)",
            expected=f"at most {TOLERANCE:g}",
            remedy="Tell us which model it is from",
        )
    return differences


def _their_samples(estimator: Any, vectors: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """sbi's samples for given noise: what its ``sample`` does after drawing it."""
    flow, (stars, draws, features) = getattr(estimator, "net", estimator), noise.shape
    flat = noise.reshape(-1, features)
    if hasattr(flow, "_transform"):
        context = flow._embedding_net(vectors).repeat_interleave(draws, dim=0)
        samples = flow._transform.inverse(flat, context=context)[0]
    else:
        context = estimator._embedding_net(vectors).repeat_interleave(draws, dim=0)
        samples = flow.transform(context).inv(flat)
    return samples.reshape(stars, draws, features)


def _their_density(estimator: Any, vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    flow, (stars, draws, features) = getattr(estimator, "net", estimator), labels.shape
    flat, repeated = labels.reshape(-1, features), vectors.repeat_interleave(draws, dim=0)
    if hasattr(flow, "_transform"):
        return flow.log_prob(flat, context=repeated).reshape(stars, draws)
    return flow(estimator._embedding_net(repeated)).log_prob(flat).reshape(stars, draws)


def _import_sbi() -> None:
    try:
        import_module("sbi.inference")
    except ImportError as error:
        raise CheckpointError(
            f"The package sbi cannot be imported ({error})",
            remedy='Install it for the conversion: pip install "jupyter-specviz[sbi]"',
        ) from error


def _unpickled(source: Path) -> Any:
    """The content of the pickle, on the CPU. This runs whatever is in it."""
    try:
        with source.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Unpickler(stream).load()
    except CheckpointError:
        raise
    except Exception as error:  # a damaged or foreign pickle fails in any way, and all mean the same to the person
        raise CheckpointError(
            f"It cannot be unpickled ({type(error).__name__}: {str(error)[:200]})",
            expected="a posterior that sbi pickled",
            remedy="Download it again",
        ) from error


class _Unpickler(pickle.Unpickler):
    """Reads pickles of other versions of sbi, and of computers with a GPU."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _storage_on_cpu
        module = module.removeprefix("pyknos.") if module.startswith("pyknos.nflows") else module
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            if module.partition(".")[0] in ("sbi", "nflows", "zuko"):
                moved = _moved(module.partition(".")[0], _RENAMED.get(name, name))
                if moved is not None:
                    return moved
            # A class nobody has (a logger, say) is of no use here: it becomes an object that does nothing. If it is
            # part of the flow, the reader will refuse it by its name.
            simple = name.rpartition(".")[2]
            return type(simple, (ForeignObject,), {"name": f"{module}.{name}"})


def _moved(package: str, name: str) -> Any:
    """A class of that name anywhere in the package, where this version does not keep it where it was."""
    for full, module in sorted(sys.modules.items()):
        if full.partition(".")[0] == package:
            found = vars(module).get(name) if module is not None else None
            if found is not None and str(getattr(found, "__module__", "")).partition(".")[0] == package:
                return found
    return None


def _storage_on_cpu(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
