"""Build ``specviz/simulate/data/xp_correlation_dr3.npz``: how the errors of XP coefficients are correlated.

    python -m specviz.training.make_xp_correlation --shared ../shared

The 2,000 public spectra carry errors only; ten CALSPEC stars carry the correlations as well. These come mostly from the
bases and the way Gaia scans, so that stars share them: the mean over the ten is stored, no star's own matrix.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUT = Path(__file__).parents[1] / "simulate" / "data" / "xp_correlation_dr3.npz"
N = 55


def matrices(path: Path, band: str) -> NDArray[np.float64]:
    """Correlation matrices (stars, 55, 55) of a band from a CSV in the archive's layout."""
    csv.field_size_limit(10_000_000)
    out = []
    lower = np.tril_indices(N, k=-1)  # the archive's order: upper triangle, column by column
    with path.open(newline="") as handle:
        for record in csv.DictReader(handle):
            text = record[f"{band}_coefficient_correlations"].strip("()[] ")
            matrix = np.eye(N)
            matrix[lower] = [float(word) for word in text.split(",")]
            matrix.T[lower] = matrix[lower]
            out.append(matrix)
    return np.array(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    content: dict[str, Any] = {}
    lower, off = np.tril_indices(N), np.triu_indices(N, 1)
    for band in ("bp", "rp"):
        own = matrices(args.shared / "data" / "gaia_xp_calspec10" / "example_file_coeff.csv", band)
        mean = own.mean(axis=0)
        content[band] = np.linalg.cholesky(mean)[lower].astype(np.float16)
        rms, rest = np.sqrt((mean[off] ** 2).mean()), np.sqrt(((own - mean)[:, off[0], off[1]] ** 2).mean())
        print(f"{band}: rms correlation {rms:.3f}, spread between stars {rest:.3f}, {len(own)} stars")
    np.savez_compressed(args.out, allow_pickle=False, **content)
    print(f"{args.out.name}: {args.out.stat().st_size / 1e3:.1f} kB")


if __name__ == "__main__":
    main()
