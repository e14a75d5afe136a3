"""Pictures of an evaluation, as PNG files. matplotlib is imported here alone, when a picture is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Blue, vermilion, green, grey: distinguishable with any colour vision (Okabe & Ito 2008).
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8A8F98"
_ROW = 5


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure that needs no display, and its axes as an array (rows, columns)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def draw_kiel(labels: NDArray[Any], bright: NDArray[np.bool_], standards: Mapping[str, int], path: Path) -> None:
    """Kiel diagram of XP spectra: ``labels`` (n, 3) teff, logg, fe_h; faint stars in grey, standards with names."""
    figure, axes = _figure(7.2, 5.4)
    ax = axes[0, 0]
    ax.scatter(labels[~bright, 0], labels[~bright, 1], s=4, c="#D5D8DC", lw=0, label="S/N < 30", zorder=1)
    points = ax.scatter(labels[bright, 0], labels[bright, 1], s=9, c=labels[bright, 2], cmap="viridis", vmin=-1.0,
                        vmax=0.4, lw=0, zorder=2)  # fmt: skip
    figure.colorbar(points, ax=ax, label="[Fe/H]", pad=0.01)
    # Names stand in a row above the points, in their order, each with a line to its own: A stars crowd.
    order = sorted(standards, key=lambda name: -labels[standards[name], 0])
    for name, x in zip(order, np.geomspace(12600, 5700, len(order)), strict=True):
        teff, logg = labels[standards[name], :2]
        ax.plot(teff, logg, "o", ms=7, mfc="none", mec=RED, mew=1.2, zorder=3)
        ax.annotate(name, (teff, logg), xytext=(x, 2.45), fontsize=6.5, color=RED, rotation=60, ha="left", va="bottom",
                    arrowprops={"arrowstyle": "-", "color": RED, "lw": 0.4, "shrinkB": 4})  # fmt: skip
    ax.set(xscale="log", xlabel="Teff (K)", ylabel="log g (cgs)", xlim=(13500, 3200), ylim=(5.4, 0.2))
    ticks = (4000, 5000, 6000, 8000, 10000, 12000)
    ax.set_xticks(ticks, [f"{t}" for t in ticks])
    ax.minorticks_off()
    ax.set_title(f"{len(labels)} real Gaia XP spectra; circles: CALSPEC standards", fontsize=9)
    _save(figure, path)


def draw_ranks(histograms: Mapping[str, Mapping[str, NDArray[Any]]], path: Path, bins: int = 20) -> None:
    """Rank histograms of every survey and label; the band is the 95 % range of a calibrated posterior."""
    from scipy.stats import binom

    panels = [(survey, name, ranks) for survey, of in histograms.items() for name, ranks in of.items()]
    rows = -(-len(panels) // _ROW)
    figure, axes = _figure(2.1 * _ROW, 1.65 * rows, rows, _ROW)
    for ax, panel in zip(axes.ravel(), panels, strict=False):
        survey, name, found = panel
        n = min(bins, max(5, len(found) // 20))
        counts = np.histogram(found, n, (0, 1))[0] / (len(found) / n)
        low, high = binom.ppf([0.025, 0.975], len(found), 1 / n) / (len(found) / n)
        ax.axhspan(low, high, color=GREY, alpha=0.35, lw=0)
        ax.stairs(counts, np.linspace(0, 1, n + 1), color=RED if "plates" in survey else BLUE, lw=1.3)
        ax.set(xlim=(0, 1), ylim=(0, max(2.0, 1.1 * counts.max())), xticks=(0, 0.5, 1))
        ax.tick_params(labelsize=6)
        ax.set_title(f"{survey}: {name}", fontsize=6.5)
    for ax in axes.ravel()[len(panels) :]:
        ax.axis("off")
    figure.supxlabel("rank of the truth among posterior samples", fontsize=8)
    figure.supylabel("stars / expected", fontsize=8)
    _save(figure, path)


def draw_roc(curves: Mapping[str, tuple[NDArray[Any], NDArray[Any], float]], path: Path) -> None:
    """ROC curves: name -> (false positive rate, true positive rate, area), the former on a square-root axis."""
    figure, axes = _figure(6.4, 4.8)
    ax = axes[0, 0]
    colours = (BLUE, RED, GREEN, "#E69F00", "#CC79A7", "#56B4E9", "#000000", GREY)
    for i, (name, (false, true, area)) in enumerate(curves.items()):
        ax.plot(np.sqrt(false), true, lw=1.5, color=colours[i % len(colours)], ls="-" if i < len(colours) else "--",
                label=f"{name} ({area:.3f})")  # fmt: skip
    ticks = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
    ax.set_xticks(np.sqrt(ticks), [f"{t:g}" for t in ticks])
    ax.set(xlabel="held-out real stars above the threshold", ylabel="no stars above the threshold", xlim=(0, 1),
           ylim=(0, 1.01))  # fmt: skip
    ax.legend(fontsize=7, frameon=False, loc="lower right", title="area under the curve", title_fontsize=7)
    _save(figure, path)
