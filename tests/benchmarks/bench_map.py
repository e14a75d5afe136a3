"""How long the map of a large catalogue takes: ``python tests/benchmarks/bench_map.py``.

A made-up Kiel diagram of a million stars, drawn 360 by 300 pixels as the Explorer does: which stars are in the window,
how many fall on each pixel (datashader), the picture's colours. "first" contains the import of datashader and its
compilation and is paid once a kernel. Two clocks: "elapsed" is what a person waits, "cpu" is what the thread ran; they
differ on a machine that does something else at the same time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from specviz.views.density import Points, available

WHOLE = (3400.0, 8600.0, 0.2, 5.3)
ZOOMED = (4500.0, 6200.0, 3.5, 5.0)
SIZE = (360, 300)


def population(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Teff (K), log g and [Fe/H] of dwarfs and giants that no one observed."""
    rng = np.random.default_rng(seed)
    giant = rng.uniform(size=n) < 0.3
    teff = np.where(giant, rng.normal(4800, 250, n), rng.normal(5900, 700, n))
    logg = np.where(
        giant, 2.5 + (teff - 4800) / 400 + rng.normal(0, 0.25, n), 4.9 - (teff - 4000) / 2600 + rng.normal(0, 0.1, n)
    )
    return teff, logg, rng.normal(-0.3, 0.3, n) - 0.4 * giant


def timed(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median elapsed and CPU seconds."""
    elapsed, cpu = [], []
    for _ in range(repeats):
        began, ran = time.perf_counter(), time.thread_time()
        work()
        elapsed.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - ran)
    return statistics.median(elapsed), statistics.median(cpu)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stars", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args(argv)
    if not available():
        print("datashader is not installed: pip install 'jupyter-specviz[maps]'")
        return 1
    teff, logg, fe_h = population(options.stars)
    print(f"{options.stars:,} stars, {SIZE[0]} x {SIZE[1]} pixels, medians of {options.repeats}, milliseconds")
    print(f"{'':24}{'first':>9}{'elapsed':>9}{'cpu':>9}")
    for name, colour in (("one colour", None), ("by [Fe/H]", fe_h)):
        points = Points(teff, logg, colour, (-1.1, 0.2))
        for where, window in (("all", WHOLE), ("zoomed", ZOOMED)):
            first, _ = timed(lambda points=points, window=window: points.picture(window, SIZE), 1)  # type: ignore[misc]
            elapsed, cpu = timed(
                lambda points=points, window=window: points.picture(window, SIZE),  # type: ignore[misc]
                options.repeats,
            )
            print(f"{name + ', ' + where:24}{1e3 * first:9.0f}{1e3 * elapsed:9.1f}{1e3 * cpu:9.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
