"""What an index learns from a sample: centres of its lists and, where it compresses, a rotation and codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.search.index_record import TRAINED
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.vectors import StoredVectors
from specviz.errors import CatalogError

#: Vectors up to which "auto" keeps them whole in the lists.
WHOLE = 20_000_000
#: Vectors below which lists would hold too few to learn anything from.
FEWEST = 2_000
#: Vectors of the sample for each list, fewer where the sample would be larger than so many bytes (float32); faiss asks
#: for 39 at least, more than 256 change nothing.
_A_LIST, _SAMPLE = 64, 2_000_000_000
#: Lists from which their centres are searched through a graph (HNSW): all of them would take 10 ms a query.
_GRAPH = 16_384
#: Vectors that product quantizer and rotation learn from (128 for each value of a code), rounds of the rotation, and
#: rounds of the quantizer in the first of them and in each other.
_CODED, _ROUNDS, _FIRST, _EACH = 32_768, 8, 10, 4
#: Kept out of the sample, to measure with.
HELD_OUT = 512


@dataclass(frozen=True)
class Plan:
    """What will be built; a build that was stopped is gone on with only if this is the same.

    ``nlist``: a power of two, about twice the square root of the number of vectors, so that finding the lists and
    searching some of them cost about the same. ``code``: bytes of a compressed vector.
    """

    content_sha256: str
    vectors: int
    dim: int
    kind: str
    nlist: int
    code: int
    seed: int

    def told(self) -> dict[str, Any]:
        """What goes into ``plan.json``."""
        return asdict(self)


def plan_for(n: int, dim: int, kind: str, content_sha256: str, seed: int) -> Plan:
    """The plan for ``n`` vectors of ``dim`` dimensions.

    Raises
    ------
    CatalogError
        If there are too few.
    """
    if n < FEWEST:
        raise CatalogError(
            f"{n:,} vectors are too few for an index", expected=f"at least {FEWEST:,}",
            remedy="They are searched exactly, at once, without one",
        )  # fmt: skip
    chosen = kind if kind != "auto" else "ivf-fp16" if n <= WHOLE else "ivf-pq"
    nlist = 2 ** int(np.floor(np.log2(2 * np.sqrt(n)) + 0.5))
    code = next(m for m in range(max(dim // 8, 1), 0, -1) if dim % m == 0)
    return Plan(content_sha256, n, dim, chosen, nlist, code, seed)


def train(
    module: Any,
    vectors: StoredVectors,
    plan: Plan,
    work: Path,
    tell: Callable[[float, str], None],
    stop: Callable[[], None],
) -> tuple[Any, NDArray[np.intp]]:
    """The trained index, without vectors, and the numbers it learned from; read from ``work`` if a run made it."""
    rng = np.random.default_rng(plan.seed)
    size = min(_A_LIST * plan.nlist, max(_SAMPLE // (4 * plan.dim), 40 * plan.nlist), plan.vectors - HELD_OUT)
    numbers = np.sort(rng.choice(plan.vectors, size, replace=False))
    file = work / f"trained{TRAINED}"
    if not file.is_file():
        tell(0.0, f"reading a sample of {size:,} vectors")
        sample = vectors.take(numbers)
        stop()
        tell(0.1, f"learning {plan.nlist:,} lists")
        index = _learned(module, sample, plan, rng, stop)
        writer = module.VectorIOWriter()
        module.write_index(index, writer)
        content = module.vector_to_array(writer.data).tobytes()
        write_whole(file, lambda stream: stream.write(content))
    tell(1.0, f"{plan.nlist:,} lists learned")
    return module.read_index(str(file)), numbers


def _learned(
    module: Any, sample: NDArray[np.float32], plan: Plan, rng: np.random.Generator, stop: Callable[[], None]
) -> Any:
    if plan.kind == "ivf-fp16":
        quantizer = _centres(module, sample, plan, stop)
        ivf = module.IndexIVFScalarQuantizer(
            quantizer, plan.dim, plan.nlist, module.ScalarQuantizer.QT_fp16, module.METRIC_INNER_PRODUCT, False
        )  # not by_residual: the codes are what is stored, and a search in the lists is exact
        ivf.is_trained = True
        return ivf
    few = sample[np.sort(rng.choice(len(sample), min(_CODED, len(sample)), replace=False))]
    turn = module.OPQMatrix(plan.dim, plan.code)
    turn.niter, turn.max_train_points = _ROUNDS, _CODED
    turn.niter_pq_0, turn.niter_pq = _FIRST, _EACH
    # 256 values of a code: below some 40 vectors for each, faiss warns on stderr.
    turn.pq = pq = module.ProductQuantizer(plan.dim, plan.code, 8)
    pq.cp.min_points_per_centroid = 1
    turn.train(few)
    turn.pq = None  # Python's, and gone soon
    stop()
    turned = np.ascontiguousarray(turn.apply(sample))
    quantizer = _centres(module, turned, plan, stop)
    ivf = module.IndexIVFPQ(quantizer, plan.dim, plan.nlist, plan.code, 8, module.METRIC_INNER_PRODUCT)
    ivf.pq.cp.min_points_per_centroid = 1
    ivf.train(np.ascontiguousarray(turn.apply(few)))
    return module.IndexPreTransform(turn, ivf)


def _centres(module: Any, sample: NDArray[np.float32], plan: Plan, stop: Callable[[], None]) -> Any:
    """The quantizer that finds the lists: centres of spherical k-means, ten rounds."""
    learning = module.Clustering(plan.dim, plan.nlist)
    learning.spherical, learning.seed, learning.niter = True, plan.seed, 1
    learning.min_points_per_centroid, learning.max_points_per_centroid = 1, 10**9  # nor does faiss warn
    flat = module.IndexFlatIP(plan.dim)
    for _ in range(10):  # a round at a time: it goes on from its centres, and can be stopped between them
        learning.train(sample, flat)
        stop()
    if plan.nlist < _GRAPH:
        return flat
    graph = module.IndexHNSWFlat(plan.dim, 32, module.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 128
    graph.add(flat.reconstruct_n(0, flat.ntotal))
    return graph
