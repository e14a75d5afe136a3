"""The plain net that a foundation model has to beat: PCA (80 components) and a small MLP on the labelled plates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from specviz.training.data import TRAIN, VALIDATION, RealLamost
from specviz.training.validate import AIM

N_COMPONENTS = 80


def pca_mlp(lamost: RealLamost, rows: NDArray[np.int64], seed: int = 0) -> NDArray[np.float64]:
    """Labels (len(rows), 3) from a net trained on the training plates and stopped on the validation plates."""
    torch.manual_seed(seed)
    flux, _ = lamost.centred(np.arange(len(lamost.flux)))
    flux = np.clip(flux, 0.0, 2.0)
    train = lamost.part(TRAIN)
    mean = flux[train].mean(axis=0)
    axes = np.linalg.svd(flux[train] - mean, full_matrices=False)[2][:N_COMPONENTS]
    z = (flux - mean) @ axes.T
    x = torch.from_numpy(((z - z[train].mean(0)) / z[train].std(0)).astype(np.float32))
    offset, spread = lamost.labels[train].mean(0), lamost.labels[train].std(0)
    y = torch.from_numpy((lamost.labels - offset) / spread)
    net = nn.Sequential(nn.Linear(N_COMPONENTS, 128), nn.GELU(), nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 3))
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
    trusted = lamost.trusted(VALIDATION)
    best, found = np.inf, np.zeros((len(rows), 3))
    for _ in range(100):
        for batch in torch.from_numpy(train)[torch.randperm(len(train))].split(64):
            optimiser.zero_grad()
            (net(x[batch]) - y[batch]).abs().mean().backward()
            optimiser.step()
        with torch.no_grad():
            predicted = net(x).numpy() * spread + offset
        score = float(np.mean(np.abs(predicted - lamost.labels)[trusted].mean(axis=0) / AIM))
        if score < best:
            best, found = score, predicted[rows].astype(np.float64)
    return found
