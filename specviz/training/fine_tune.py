"""``fine_tune``: a SpectraFM taught by the labelled spectra of another instrument, a hundred or so.

After section 4 of Koblischke & Bovy (2024): the decoder and the second block of the encoder stay, the embedding of the
pixels and the first block learn. Some of the spectra choose when to stop and set the width of the errors.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from specviz.errors import OptionError, did_you_mean
from specviz.models.protocol import Prepared
from specviz.models.spectrafm.asking import BagAnswers, combined
from specviz.models.spectrafm.model import SpectraFM
from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.weights_file import SpectraFMWeights
from specviz.spectra.spectrum import Spectrum
from specviz.training.spectrafm import LABEL_ERROR, Plan, random_net, train

#: Part of the spectra that chooses when to stop; the fewest spectra with which that means anything.
HELD, FEWEST = 0.2, 20
#: Log-variances beyond these are cut in training: no error below 5 % of a label's spread, or above seven times it.
_SPREAD = (-6.0, 4.0)
_STEPS, _BATCH, _RATE = 150, 40, 1e-3
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Standardised pixels of n spectra (n, L), NaN where there are none, and their rest wavelengths (n, L)."""

    values: Tensor
    wavelength: Tensor
    token: int

    @classmethod
    def of(cls, weights: SpectraFMWeights, prepared: Sequence[Prepared]) -> _Pixels:
        longest = max(p.values.size for p in prepared)
        values = np.full((len(prepared), longest), np.nan, np.float32)
        wave = np.ones((len(prepared), longest), np.float32)
        token, scale = weights.pixels[prepared[0].survey]
        for row, one in enumerate(prepared):
            measured = one.ivar > 0 if (one.ivar > 0).any() else np.ones(one.values.shape, bool)
            own = scale.standardised(one.wavelength, np.where(measured, one.values, np.nan))
            values[row, : own.size], wave[row, : own.size] = own, one.wavelength
        return cls(torch.from_numpy(values), torch.from_numpy(wave), weights.net.config.token(token))

    def bags(self, rows: Tensor, context: int) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, values and wavelengths (B, context): random pixels of each row, in places a random part of them."""
        values = self.values[rows]
        keys = torch.rand(values.shape).masked_fill(~torch.isfinite(values), 2.0)
        found, place = keys.topk(min(context, values.shape[1]), dim=1, largest=False)
        # A fifth of the bags are small, so that a part of a spectrum can still be asked.
        most = torch.where(torch.rand(len(rows), 1) < 0.2, torch.rand(len(rows), 1) * context, float(context))
        there = (found < 1.5) & (torch.arange(place.shape[1]) < most.clamp_min(12.0))
        tokens = torch.where(there, self.token, 0)
        return tokens, torch.where(there, values.gather(1, place), torch.nan), self.wavelength[rows].gather(1, place)


def fine_tune(
    model: SpectraFM,
    spectra: Sequence[Spectrum],
    labels: Mapping[str, ArrayLike],
    *,
    scratch: bool = False,
    steps: int = _STEPS,
    seed: int = 0,
    held: ArrayLike | None = None,
    checkpoint: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> SpectraFM:
    """A copy of a model that has learned from labelled spectra of another instrument.

    Parameters
    ----------
    model : SpectraFM
        As :func:`specviz.load_model` gives it; it is left as it is.
    spectra : sequence of Spectrum
        At least :data:`FEWEST`, on any grids inside ``model.window``; a fifth of them chooses when to stop.
    labels : mapping of str to array, shape (n,)
        Of ``model.label_names``: ``{"fe_h": [...]}``, NaN where not known. Labels that are not given are not taught.
    scratch : bool
        Begin with random weights and train them all: what the model's earlier training is worth.
    steps : int
        Of training, each with 40 bags of pixels.
    seed : int
        Which spectra choose the stop, and the order of all; the same gives the same weights on the same machine.
    held : array of bool, shape (n,), optional
        Which spectra choose the stop instead of a fifth at random: take all of a star, or of a plate, or none.
    checkpoint : Path, optional
        A file in which the state is kept, eight times in a run; a run that finds it goes on from there. It knows
        nothing of the spectra: for others, remove it.
    tell : callable(text), optional
        Hears how it goes.

    Returns
    -------
    SpectraFM
        ``specviz.models.spectrafm.weights_file.write(tuned.weights, path)`` keeps it; ``specviz.load_model(path)``
        opens it. Its errors are widened until 68 % of the held spectra lie within one: a rough measure with 20 spectra,
        and labels that were not taught keep the errors that they had on the first instrument.

    Raises
    ------
    OptionError
        For too few spectra, unknown labels, or lists that do not fit together.
    CoverageError, ModelError
        For a spectrum that the model cannot read.

    Examples
    --------
    >>> model = specviz.load_model("spectrafm-small")                               # doctest: +SKIP
    >>> mine = fine_tune(model, spectra, {"fe_h": fe_h})                            # doctest: +SKIP
    >>> specviz.analyse(star, model=mine).posterior.summary()["fe_h"]               # doctest: +SKIP
    """
    names, truth = _checked(model, len(spectra), labels)
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise OptionError(f"steps={steps!r}", expected="a whole number of at least 1")
    old = model.weights
    prepared = [model.prepare(spectrum) for spectrum in spectra]
    held_rows, taught = _divided(len(prepared), held, seed)
    rows = [model.label_names.index(name) for name in names]
    wanted = torch.from_numpy(((truth - old.centre[rows]) / old.scale[rows]).astype(np.float32))
    request = torch.tensor([[old.net.config.token(old.labels[name]) for name in names]])
    pixels, context = _Pixels.of(old, prepared), old.net.config.context

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = random_net(old.net.config) if scratch else copy.deepcopy(old.net).cpu()
        learn = torch.from_numpy(taught)

        def loss(net: SpectraFMNet) -> Tensor:
            some = learn[torch.randint(0, len(learn), (_BATCH,))]
            seen = net.perceive(*pixels.bags(some, context), attend=False)
            found = net.answers(seen, request.expand(len(some), -1), attend=False)
            known = torch.isfinite(wanted[some])
            variance = found.log_variance.clamp(*_SPREAD).exp() + LABEL_ERROR**2
            off = torch.where(known, found.value - wanted[some], 0.0)
            return 0.5 * ((off**2 / variance + variance.log()) * known).sum() / known.sum().clamp_min(1)

        def score(net: SpectraFMNet) -> float:
            found = SpectraFM(replace(old, net=net)).embed([prepared[k] for k in held_rows]).state.answers
            off = (_off(old, found, truth[held_rows], rows)[0] / old.scale[rows]) ** 2
            return float(off[np.isfinite(off)].mean()) if np.isfinite(off).any() else 0.0

        parameters = None if scratch else [*net.embedding.parameters(), *net.encoder[0].parameters()]
        plan = Plan(int(steps), _BATCH, _RATE, 0.0)
        net = train(net, loss, plan, validate=score, every=max(1, int(steps) // 8), name="tuning",
                    parameters=parameters, tell=tell or (lambda text: None), checkpoint=checkpoint)  # fmt: skip
    name = f"{model.name}, tuned"
    done = _finished(old, net, prepared, held_rows, truth, names)
    return SpectraFM(replace(done, card={**done.card, "name": name}), name=name)


def _divided(n: int, held: ArrayLike | None, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that choose the stop, and rows that are learned from."""
    if held is None:
        order = np.random.default_rng(seed).permutation(n)
        n_held = max(4, round(HELD * n))
        return order[:n_held], order[n_held:]
    mask = np.asarray(held)
    if mask.shape != (n,) or mask.dtype != np.bool_:
        raise OptionError(f"held of shape {mask.shape} and type {mask.dtype}", expected=f"a truth value each of {n}")
    if mask.sum() < 4 or (~mask).sum() < 12:
        raise OptionError(f"held has {mask.sum()} of {n} spectra", expected="at least 4, and 12 that are learned from")
    return np.flatnonzero(mask), np.flatnonzero(~mask)


def _finished(old: SpectraFMWeights, net: SpectraFMNet, prepared: Sequence[Prepared], held: NDArray[np.int64],
              truth: Array, names: Sequence[str]) -> SpectraFMWeights:  # fmt: skip
    """The tuned network with errors, embeddings and a card of its own."""
    survey, rows = prepared[0].survey, [list(old.labels).index(name) for name in names]
    flat = replace(old, net=net.requires_grad_(False))
    encoding = SpectraFM(flat).embed(list(prepared))
    off, error = _off(flat, [encoding.state.answers[k] for k in held], truth[held], rows)
    inflate = {k: v.copy() for k, v in old.inflate.items()}
    for row, pulls in zip(rows, np.abs(off / error).T, strict=True):
        known = pulls[np.isfinite(pulls)]
        if known.size:  # else the factor of the first instrument stays
            inflate[survey][row] = max(0.1, float(np.quantile(known, 0.683)))
    centre, scale = old.embedding[survey]
    raw = np.asarray(encoding.vectors, np.float64) * scale + centre
    embedding = {**old.embedding, survey: (raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-3))}
    low, high = np.nanmin(truth, axis=0), np.nanmax(truth, axis=0)
    ranges = {name: [float(a), float(b)] for name, a, b in zip(names, low, high, strict=True)}
    told = {name: f"taught by {int(np.isfinite(truth[:, k]).sum())} spectra" for k, name in enumerate(names)}
    rest = {name: "not taught for this instrument" for name in old.labels if name not in names}
    card = {
        **old.card,
        "version": f"{old.card.get('version', '')} tuned".strip(),
        "ranges": {**old.card.get("ranges", {}), **ranges},
        "notes": {**rest, **told},
    }
    return replace(flat, inflate=inflate, embedding=embedding, card=card)


def _off(weights: SpectraFMWeights, found: Sequence[BagAnswers], truth: Array, rows: Sequence[int]
         ) -> tuple[Array, Array]:  # fmt: skip
    """Value less truth, and the network's own error, (n, K) in the labels' units; NaN where no truth is known."""
    parts = [combined(one.value[:, rows], one.log_variance[:, rows])[:2] for one in found]
    value, variance = (np.stack(x) for x in zip(*parts, strict=True))
    scale, centre = weights.scale[rows], weights.centre[rows]
    return value * scale + centre - truth, np.sqrt(variance) * scale


def _checked(model: SpectraFM, n: int, labels: Mapping[str, ArrayLike]) -> tuple[tuple[str, ...], Array]:
    """Names of the labels, and their values (n, K)."""
    if n < FEWEST:
        raise OptionError(f"{n} spectra", expected=f"at least {FEWEST}, better a hundred")
    names = tuple(labels)
    unknown = [name for name in names if name not in model.label_names]
    if unknown or not names:
        raise OptionError(
            f"{model.name} has no label {', '.join(unknown)}" if unknown else "No labels",
            expected="some of " + ", ".join(model.label_names),
            remedy=did_you_mean(unknown[0], model.label_names, 0.4) if unknown else "",
        )
    columns = [np.asarray(labels[name], np.float64) for name in names]
    if any(column.shape != (n,) for column in columns):
        raise OptionError(f"Labels of {columns[0].shape} for {n} spectra", expected="one value a spectrum")
    truth = np.stack(columns, axis=1)
    if (np.isfinite(truth).sum(axis=0) < FEWEST).any():
        raise OptionError("A label is known of too few spectra", expected=f"at least {FEWEST} values that are not NaN")
    return names, truth
