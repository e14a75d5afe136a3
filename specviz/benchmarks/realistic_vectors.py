"""Vectors that resemble real embeddings, as many as wanted: ``python -m specviz.benchmarks.realistic_vectors``.

A search is easy among points that are drawn from a mixture, and for queries from the same mixture. So the vectors are
drawn around real ones: the packaged model's embeddings of the 20,000 demo stars (128 dimensions, of which 6 to 7 are
occupied at the scale of the nearest neighbours).

* **Queries are real**: 1,000 stars drawn at random are held out; nothing is drawn around them.
* **The others are drawn from the rest** by a smoothed bootstrap that keeps the local mean and covariance (West 1993,
  J. R. Stat. Soc. B 55, 409, locally): of a star x, the mean m of it and its 32 nearest stars and their deviations D
  from it, x' = m + a (x - m) + b z D / sqrt(32), z normal, a² + b² = 1, b = 0.9. With a smaller b the points would lie
  in clumps around each star, which flatters an index; the printed comparison shows whether they do.
* **More dimensions** are a fixed rotation into the larger space and a tail: noise of its own in every vector, whose
  variance falls with the rank as steeply as that of the real embeddings (a power law, fitted from rank 20 to 60),
  1e-3 of the whole in sum. It makes the search harder, not easier.

Every block of vectors comes from its number and the seed alone, so no more than a block is ever in memory.

The command prints, for real and for drawn vectors, what a search depends on: cosines to the 1st, 10th and 50th
neighbour (5, 50, 95 %), the intrinsic dimension by the ratio of the two nearest distances (TwoNN, Facco et al. 2017)
and by maximum likelihood over 10 and 50 neighbours (Levina & Bickel 2004), the share of near-duplicates (a cosine above
0.9999), and the length of the mean vector.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Stars held out for queries, neighbours that say what is local, share of the local spread that is drawn anew.
HELD_OUT, NEIGHBOURS, DRAWN = 1_000, 32, 0.9
#: Variance of the tail, of 1; ranks of the real spectrum between which its slope is measured.
TAIL, SLOPE_RANKS = 1e-3, (20, 60)
BLOCK = 50_000
_PIECE = 4_096
_LABELS = ("teff", "logg", "fe_h", "alpha_fe", "snr")
#: What a label is moved by, so that no two stars are alike: about the error of a measurement.
_JITTER = {"teff": 50.0, "logg": 0.1, "fe_h": 0.05, "alpha_fe": 0.02, "snr": 2.0}

Array = NDArray[np.float32]


class RealisticVectors:
    """Unit vectors drawn around real embeddings, in blocks.

    Parameters
    ----------
    real : array, shape (n, d)
        Embeddings, of any length.
    labels : mapping of str to array, shape (n,), optional
        Columns of the same stars; drawn stars have those of the star they are drawn around, moved a little.
    dim : int
        Of the vectors that are drawn, at least d.
    seed : int
    held_out : int
        Real stars kept for queries.

    Attributes
    ----------
    base, held : array, shape (n - held_out, d) and (held_out, d)
        Real unit vectors that are drawn around, and those kept for queries.
    dim, seed : int
    """

    def __init__(
        self,
        real: NDArray[Any],
        labels: Mapping[str, NDArray[Any]] | None = None,
        *,
        dim: int = 768,
        seed: int = 0,
        held_out: int = HELD_OUT,
    ) -> None:
        unit = _unit(np.asarray(real, np.float32))
        n, d = unit.shape
        if dim < d or n < held_out + NEIGHBOURS + 1:
            raise ValueError(f"{dim} dimensions and {held_out} held out do not fit {n} vectors of {d}")
        self.dim, self.seed = dim, seed
        rng = np.random.default_rng([seed, 0])
        order = rng.permutation(n)
        self.held, chosen = unit[order[:held_out]], order[held_out:]
        self.base = unit[chosen]
        self._labels = {name: np.asarray(values)[chosen] for name, values in (labels or {}).items()}
        self._near = _nearest(self.base, NEIGHBOURS)
        self._lift = np.linalg.qr(rng.standard_normal((dim, d)))[0].T.astype(np.float32)
        self._tail_scale = self._tail() if dim > d else np.empty(0, np.float32)
        self._tail_axes: Array | None = None
        if dim > d:  # the tail lies across the rotated space
            full = np.linalg.qr(np.concatenate([self._lift.T, rng.standard_normal((dim, dim - d))], axis=1))[0]
            self._tail_axes = full[:, d:].T.astype(np.float32) * self._tail_scale[:, None]

    @classmethod
    def from_demo(cls, *, survey: str = "lamost_lrs", dim: int = 768, seed: int = 0) -> RealisticVectors:
        """Around the packaged embeddings of the demo stars."""
        from specviz.archives.demo import DemoArchive
        from specviz.catalog.demo import demo_index
        from specviz.models.registry import load_model

        index = demo_index(load_model("specclip-small"), DemoArchive(), survey=survey)
        table = index.table
        labels = {name: np.asarray(np.ma.filled(table[name], np.nan)) for name in _LABELS if name in table.colnames}
        if "class" in table.colnames:
            labels["class"] = np.asarray(table["class"]).astype(str)
        return cls(index.vectors, labels, dim=dim, seed=seed)

    def block(self, number: int, size: int = BLOCK) -> Array:
        """The ``number``-th block of vectors, shape (size, dim); the same in whatever order blocks are asked for."""
        rng, around = self._begun(number, size)
        out = np.empty((size, self.dim), np.float32)
        for start in range(0, size, _PIECE):
            at = around[start : start + _PIECE]
            out[start : start + len(at)] = self.lifted(self._drawn(at, rng), rng)
        return out

    def columns(self, number: int, size: int = BLOCK) -> dict[str, NDArray[Any]]:
        """Columns of the stars of a block: object_id, ra, dec (uniform on the sphere), and labels as of real stars."""
        _, around = self._begun(number, size)
        rng = np.random.default_rng([self.seed, 2, number])
        out: dict[str, NDArray[Any]] = {
            "object_id": np.char.add(f"{number:05d}-", np.char.mod("%06d", np.arange(size))),
            "ra": rng.uniform(0.0, 360.0, size),
            "dec": np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, size))),
        }
        for name, values in self._labels.items():
            own = values[around]
            if own.dtype.kind == "f":
                own = own + _JITTER.get(name, 0.0) * rng.standard_normal(size)
            out[name] = own
        return out

    def blocks(self, rows: int, size: int = BLOCK) -> Iterator[tuple[int, Array]]:
        """(number of the block, vectors) until there are ``rows`` of them."""
        for number, start in enumerate(range(0, rows, size)):
            yield number, self.block(number, min(size, rows - start))

    def queries(self, count: int) -> Array:
        """Held-out real stars, shape (count, dim), in a fixed order; not more than there are."""
        rng = np.random.default_rng([self.seed, 3])
        return self.lifted(self.held, rng)[:count]

    def lifted(self, vectors: Array, rng: np.random.Generator) -> Array:
        """Vectors (n, d) in the larger space, with a tail of their own, of unit length."""
        out = vectors @ self._lift
        if self._tail_axes is not None:
            out += rng.standard_normal((len(vectors), len(self._tail_axes)), np.float32) @ self._tail_axes
        return _unit(out)

    def plain(self, count: int, number: int = 0) -> Array:
        """Drawn vectors in the real space, shape (count, d), to be compared with real ones."""
        rng, around = self._begun(number, count)
        return _unit(np.concatenate([self._drawn(around[i : i + _PIECE], rng) for i in range(0, count, _PIECE)]))

    def _begun(self, number: int, size: int) -> tuple[np.random.Generator, NDArray[np.intp]]:
        """The stream of a block, and the real stars around which it is drawn."""
        rng = np.random.default_rng([self.seed, 1, number])
        return rng, rng.integers(len(self.base), size=size)

    def _drawn(self, around: NDArray[np.intp], rng: np.random.Generator) -> Array:
        local = self.base[self._near[around]]
        mean = local.mean(axis=1)
        local -= mean[:, None]
        weights = rng.standard_normal((len(around), NEIGHBOURS + 1), np.float32) * np.float32(DRAWN / NEIGHBOURS**0.5)
        weights[:, 0] += np.float32((1.0 - DRAWN**2) ** 0.5)  # the first is the star itself
        return np.asarray(mean + np.matmul(weights[:, None], local)[:, 0], np.float32)

    def _tail(self) -> Array:
        """Standard deviation of each further dimension."""
        centred = self.base - self.base.mean(axis=0)
        variances = np.linalg.svd(centred, compute_uv=False) ** 2
        d = self.base.shape[1]
        low, high = (min(rank, d) for rank in SLOPE_RANKS)
        ranks = np.arange(low, high)
        slope = -1.0
        if len(ranks) > 2:
            slope = float(np.polyfit(np.log(ranks), np.log(np.maximum(variances[ranks - 1], 1e-12)), 1)[0])
        shape = (np.arange(d, self.dim) / d) ** min(slope, -1.0)
        return np.sqrt(TAIL * shape / shape.sum()).astype(np.float32)


@dataclass(frozen=True)
class Neighbourhood:
    """What a search depends on: cosines to the 1st, 10th and 50th neighbour at 5, 50, 95 %, and dimensions."""

    cosines: tuple[tuple[float, ...], ...]
    two_nn: float
    mle_10: float
    mle_50: float
    duplicates: float

    @classmethod
    def of(cls, cosines: NDArray[Any]) -> Neighbourhood:
        """From the cosines of queries with their 50 nearest, best first, shape (q, 50)."""
        distance = np.sqrt(np.maximum(2.0 - 2.0 * cosines.astype(np.float64), 1e-12))
        cuts = tuple(tuple(float(v) for v in np.percentile(cosines[:, k - 1], (5, 50, 95))) for k in (1, 10, 50))
        two = 1.0 / float(np.mean(np.log(distance[:, 1] / distance[:, 0])))
        ten, fifty = (1.0 / float(np.mean(np.log(distance[:, k - 1 : k] / distance[:, : k - 1]))) for k in (10, 50))
        return cls(cuts, two, ten, fifty, float(np.mean(cosines[:, 0] > 0.9999)))

    def line(self) -> str:
        """The numbers as a line under :data:`HEAD`."""
        cosines = "".join(f"{'/'.join(f'{v:.4f}' for v in cut):>23}" for cut in self.cosines)
        return f"  {cosines}{self.two_nn:8.1f}{self.mle_10:8.1f}{self.mle_50:8.1f}{100 * self.duplicates:8.2f} %"


HEAD = f"{'cosine to 1st, 5/50/95 %':>25}{'10th':>23}{'50th':>23}{'TwoNN':>8}{'MLE 10':>8}{'MLE 50':>8}{'> .9999':>10}"


def neighbourhood(queries: Array, vectors: Array, *, own: bool = False) -> Neighbourhood:
    """Of queries among vectors in memory; ``own``: they are the first of them, and do not count."""
    found = []
    for start in range(0, len(queries), 512):
        cosines = queries[start : start + 512] @ vectors.T
        if own:
            cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = -1.0
        best = np.partition(cosines, cosines.shape[1] - 50, axis=1)[:, -50:]
        found.append(-np.sort(-best, axis=1))
    return Neighbourhood.of(np.concatenate(found))


def compare(drawn: RealisticVectors, queries: int = HELD_OUT) -> dict[str, Neighbourhood]:
    """Real vectors beside as many drawn ones, in the real space and in the larger one."""
    n, rng = len(drawn.base), np.random.default_rng([drawn.seed, 4])
    flat, held = drawn.plain(n), drawn.held[:queries]
    lifted, wide = drawn.block(0, n), drawn.queries(queries)
    real = drawn.lifted(drawn.base, rng)
    return {
        "held-out real among real": neighbourhood(held, drawn.base),
        "held-out real among drawn": neighbourhood(held, flat),
        "real among real": neighbourhood(drawn.base[:queries], drawn.base, own=True),
        "drawn among drawn": neighbourhood(flat[:queries], flat, own=True),
        f"held-out real among real, {drawn.dim}-D": neighbourhood(wide, real),
        f"held-out real among drawn, {drawn.dim}-D": neighbourhood(wide, lifted),
        f"drawn among drawn, {drawn.dim}-D": neighbourhood(lifted[:queries], lifted, own=True),
    }


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _nearest(vectors: Array, k: int) -> NDArray[np.int32]:
    """Each vector and its ``k`` nearest, shape (n, k + 1), itself first."""
    out = np.empty((len(vectors), k + 1), np.int32)
    for start in range(0, len(vectors), 1024):
        cosines = vectors[start : start + 1024] @ vectors.T
        own = start + np.arange(len(cosines))
        cosines[np.arange(len(cosines)), own] = -np.inf
        out[own, 0] = own
        out[own, 1:] = np.argpartition(cosines, cosines.shape[1] - k, axis=1)[:, -k:]
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison of real and drawn vectors."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.realistic_vectors", description=__doc__)
    parser.add_argument("--survey", default="lamost_lrs", help="whose embeddings (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=768, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    drawn = RealisticVectors.from_demo(survey=arguments.survey, dim=arguments.dim, seed=arguments.seed)
    n = len(drawn.base)
    print(f"{n} real {arguments.survey} embeddings, as many drawn; {len(drawn.held)} queries")
    print(f"{'':36}{HEAD}")
    for name, found in compare(drawn).items():
        print(f"{name:36}{found.line()}")
    means = (float(np.linalg.norm(v.mean(axis=0))) for v in (drawn.base, drawn.plain(n), drawn.block(0, n)))
    print("length of the mean vector: real {:.3f}, drawn {:.3f}, drawn and lifted {:.3f}".format(*means))
    return 0


if __name__ == "__main__":
    sys.exit(main())
