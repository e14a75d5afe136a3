"""Two surveys as HATS, matched through LSDB, timed: ``python -m specviz.benchmarks.hats_matching --stars N``.

Made-up stars, half of them in a crowd; vectors of the small model's length. Each step runs in this process; memory is
the highest that the system recorded of it so far.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from specviz.catalog.hats.crossmatch import crossmatch
from specviz.catalog.hats.export import export_hats
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.matching import moved
from specviz.catalog.hats.reading import import_hats
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog

_PART, _DIM = 50_000, 128


def main(arguments: list[str] | None = None) -> int:
    """Run the steps, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stars", type=int, default=200_000, help="of each survey (default: %(default)s)")
    parser.add_argument("--threshold", type=int, default=50_000, help="stars in a partition (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(dir=asked.folder, prefix="hats-matching-"))
    try:
        return _run(folder, asked.stars, asked.threshold)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, n: int, threshold: int) -> int:
    left, right = _surveys(folder, n)
    begun = time.perf_counter()
    lsdb()
    print(f"{n:,} stars of each survey, {_DIM}-D float16, at most {threshold:,} in a partition")
    print(f"import of lsdb: {time.perf_counter() - begun:.1f} s, {_peak():,.0f} MB")
    print(f"{'step':42} {'s':>7} {'rows/s':>9} {'peak MB':>8}")
    one = _timed("export LAMOST-like", n, lambda: export_hats(left, folder / "lamost", threshold=threshold))
    two = _timed("export Gaia-like", n, lambda: export_hats(right, folder / "gaia", threshold=threshold))
    back = _timed("import LAMOST-like", n, lambda: import_hats(one.path, folder / "back"))
    both = _timed("cross-match, margin and catalogue included", n,
                  lambda: crossmatch(one.path, two.path, folder / "both"))  # fmt: skip
    named = [[name[1:] for name in both.column(column).tolist()] for column in ("object_id", "object_id_right")]
    right_ones = np.mean([ours == theirs for ours, theirs in zip(*named, strict=True)])
    size = sum(f.stat().st_size for f in one.path.rglob("*") if f.is_file())
    print(f"{one.partitions} and {two.partitions} partitions, {size / n:.0f} bytes a star; imported {len(back):,}")
    print(f"{len(both):,} pairs ({len(both) / n:.2%} of the stars), {right_ones:.3%} of them right")
    return 0


def _surveys(folder: Path, n: int) -> tuple[StarCatalog, StarCatalog]:
    """The same stars as two surveys see them: 0.3 arcsec of noise in 2000, proper motion until 2016."""
    rng = np.random.default_rng(0)
    catalogs = []
    for name in ("lamost", "gaia"):
        catalogs.append(StarCatalog.create(folder / f"{name}.specviz", Header("made up", "1", "0" * 64, "", {})))
    for start in range(0, n, _PART):
        m = min(_PART, n - start)
        ra, dec = rng.uniform(0.0, 360.0, m), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, m)))
        ra[: m // 2], dec[: m // 2] = rng.normal(0.0, 5.0, m // 2), rng.normal(20.0, 5.0, m // 2)
        pm = rng.normal(0.0, 10.0, (2, m))
        noise = rng.normal(0.0, 300.0 / np.sqrt(2.0), (2, m))
        teff, numbers = rng.uniform(4000.0, 7000.0, m), np.arange(start, start + m)
        vectors = rng.standard_normal((m, _DIM), dtype=np.float32)
        for catalog, letter, survey in zip(catalogs, "LG", ("lamost_lrs", "gaia_xp"), strict=True):
            shift, years = (noise, 1.0) if letter == "L" else (pm, 16.0)
            seen = moved(ra, dec, shift[0], shift[1], years)
            columns: dict[str, Any] = {
                "object_id": np.char.add(letter, numbers.astype(str)),
                "ra": np.mod(seen[0], 360.0),
                "dec": seen[1],
                "teff": teff,
            }
            if letter == "G":
                columns |= {"pmra": pm[0], "pmdec": pm[1]}
            catalog.append(columns, {survey: vectors})
    return catalogs[0], catalogs[1]


def _timed(what: str, rows: int, work: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    made = work()
    spent = time.perf_counter() - begun
    print(f"{what:42} {spent:7.1f} {rows / spent:9,.0f} {_peak():8,.0f}", flush=True)
    return made


def _peak() -> float:
    """Highest resident memory of this process, MB."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    raise SystemExit(main())
