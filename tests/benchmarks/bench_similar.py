"""How often a search across instruments finds the star itself: ``python tests/benchmarks/bench_similar.py``.

Every demo star has a LAMOST and an XP spectrum. For stars drawn at random: the rank that its own spectrum of the other
instrument has among all demo stars, by the cosine of the embeddings, which both instruments share.
"""

from __future__ import annotations

import sys

import numpy as np

from specviz import api

DRAWN = 4000


def main() -> int:
    engine = api.default_engine()
    index = {survey: api.demo_catalog(engine, survey) for survey in ("lamost_lrs", "gaia_xp")}
    rows = {s: {str(n): r for r, n in enumerate(i.table["object_id"])} for s, i in index.items()}
    names = sorted(set(rows["lamost_lrs"]) & set(rows["gaia_xp"]))
    drawn = np.random.default_rng(0).choice(names, DRAWN, replace=False)
    print(f"{engine.name}: {DRAWN} stars among {len(names)}; by chance the median rank is {len(names) // 2}")
    for by, among in (("lamost_lrs", "gaia_xp"), ("gaia_xp", "lamost_lrs")):
        query = index[by].vectors[[rows[by][n] for n in drawn]]
        partner = np.array([rows[among][n] for n in drawn])
        similarity = query @ index[among].vectors.T
        rank = 1 + (similarity > similarity[np.arange(DRAWN), partner][:, None]).sum(axis=1)
        shares = ", ".join(f"top {k}: {100 * np.mean(rank <= k):.1f} %" for k in (1, 10, 50))
        print(f"{by} -> {among}: median rank {np.median(rank):.0f}; {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
