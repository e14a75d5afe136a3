"""Tiny posteriors trained with sbi in the layout of the official SpecCLIP release (specification section 4.2).

Needs sbi. Nothing of it is kept in the repository: a pickle is made when a test asks for it.
"""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

#: Labels are standardised outside sbi, as the official scripts do.
MEANS, STDS = (5000.0, 3.5, -0.4), (800.0, 0.9, 0.3)


def simulated(features: int, context: int, count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (count, features) in standard units and embeddings (count, context) that know of them.

    The noise is skewed and grows with the label, so that a posterior is not a normal.
    """
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn((count, features), generator=generator)
    skewed = torch.rand((count, features), generator=generator).log() * (0.2 + 0.2 * theta.sigmoid())
    mixing = torch.randn((features, context), generator=torch.Generator().manual_seed(99))
    x = (theta + skewed) @ mixing + 0.5 * torch.randn((count, context), generator=generator) + 2.0
    return theta, x


def tiny_posterior(
    path: Path | None = None,
    *,
    features: int = 1,
    context: int = 768,
    model: str = "nsf",
    epochs: int = 6,
    count: int = 600,
    seed: int = 0,
    prior: Any = None,
    keys: tuple[str, str] = ("mean", "std"),
    build: dict[str, Any] | None = None,
) -> Any:
    """Train a small posterior; write its pickle to ``path`` if one is given. Returns the inference object."""
    from sbi.inference import NPE
    from sbi.neural_nets import posterior_nn

    torch.manual_seed(seed)
    theta, x = simulated(features, context, count, seed)
    here = Path.cwd()
    if path is not None:
        os.chdir(path.parent)  # sbi writes its logs into the working directory
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inference = NPE(
                prior=prior,
                density_estimator=posterior_nn(model=model, **(build or {})),
                show_progress_bars=False,
                summary_writer=_Silent(),
            )
            inference.append_simulations(theta, x)
            inference.train(max_num_epochs=epochs, training_batch_size=100)
            if path is not None:
                content = {"inference": inference, keys[0]: MEANS[:features], keys[1]: STDS[:features]}
                if features == 1:
                    content |= {keys[0]: MEANS[0], keys[1]: STDS[0]}
                path.write_bytes(pickle.dumps(content))
    finally:
        os.chdir(here)
    return inference


class _Silent:
    """A tracker that writes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


def write_posterior(path: Path, survey: str, label: str, width: int) -> None:
    """One posterior a file for ``make_release(sbi=...)`` of official_release.py."""
    tiny_posterior(path, context=width, epochs=2, count=200, seed=sum(map(ord, survey + label)))
