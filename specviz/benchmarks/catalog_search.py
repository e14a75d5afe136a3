"""Searching a million stars: ``python -m specviz.benchmarks.catalog_search``.

A catalogue of vectors that resemble real embeddings (:mod:`specviz.benchmarks.realistic_vectors`; queries are real
stars that nothing was drawn around) is written in parts and indexed, and then searched in several ways, each in a
process of its own, on one thread, one query after another:

* exact: every vector of the mapped catalogue (float16);
* ivf-fp16 and ivf-pq: the indices of ``specviz catalog index``;
* numpy: float32 in memory, a matrix product and ``argpartition``;
* official: the released retrieval's procedure (npz in memory, sklearn's ``cosine_similarity``, a full sort).

Recall is the share of the 50 nearest that exact search in float32 finds. "cold" queries are the first ones of a
process after the system was asked to forget the files: the first query, and the median of twenty. "cpu" is the
processor's time of a query: on a busy machine it says more than the time that passes. Memory is the peak of the
process with the pages of mapped files that it touched, and "own" what it holds itself at the end. Building uses every
core.

A million vectors of 768 dimensions need 8 GB of disk, and 7 GB of memory for the official way alone; ``--keep DIR``
leaves the files there, and a second run of the same size measures only the searches anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from specviz.benchmarks.catalog_search_tasks import SHARES, TASKS
from specviz.benchmarks.processes import answer, available_memory, run_task

#: What is asked for: recall@50 at least, milliseconds a query at most.
LEAST_RECALL, MOST_MS = 0.99, 10.0
KINDS = ("ivf-fp16", "ivf-pq")
HERE = "specviz.benchmarks.catalog_search"
_BUILT, _UNASKED = "built.json", "not measured: not asked for"
_GB = 1e9


def measure(
    folder: Path, *, rows: int, dim: int, queries: int, seed: int = 0, kinds: Sequence[str] = KINDS
) -> dict[str, dict[str, Any]]:
    """Every result by its name; what is built already is not built again, nor what was interrupted begun again.

    Parameters
    ----------
    folder : path
        Working folder.
    rows, dim, queries, seed : int
    kinds : sequence of str
        Of the indices.
    """
    wanted = {"rows": rows, "dim": dim, "queries": queries, "seed": seed}
    results: dict[str, dict[str, Any]] = dict(_kept(folder, wanted))
    if "lay" not in results:
        _say(f"drawing {rows:,} vectors of {dim} dimensions, and searching them exactly")
        results["lay"] = run_task(HERE, "lay", {"folder": str(folder), **wanted}, threads=_cores())
        if "failed" in results["lay"]:
            return results
        _keep(folder, wanted, results)
    for kind in kinds:
        if f"build {kind}" not in results:
            _say(f"building {kind}")
            told = run_task(HERE, "build", {"folder": str(folder), "kind": kind}, threads=_cores())
            results[f"build {kind}"] = told
            _keep(folder, wanted, results)
    for kind in ("exact", *kinds):
        if "failed" in results.get(f"build {kind}", {}):
            results[kind] = {"failed": "failed: there is no index"}
            continue
        _say(f"searching {kind}")
        results[kind] = run_task(HERE, "search", {"folder": str(folder), "kind": kind})
    for name, share in (("numpy", 1.3), ("official", 2.4)):
        results[name] = _in_memory(name, folder, 4 * rows * dim * share)
    return results


def _in_memory(name: str, folder: Path, needed: float) -> dict[str, Any]:
    """A way that has all vectors in memory, where there is so much."""
    free = available_memory()
    if free is not None and free < needed:
        return {"failed": f"not measured: needs {needed / _GB:.1f} GB of memory, {free / _GB:.1f} are free"}
    _say(f"searching {name}")
    return run_task(HERE, name, {"folder": str(folder)})


def _keep(folder: Path, wanted: Mapping[str, int], results: Mapping[str, Mapping[str, Any]]) -> None:
    """Write down what is built, for a later run."""
    built = {name: told for name, told in results.items() if "failed" not in told}
    (folder / _BUILT).write_text(json.dumps({"settings": wanted, "results": built}))


def _kept(folder: Path, wanted: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """What an earlier run of the same size has built in this folder."""
    file = folder / _BUILT
    if not file.is_file():
        if any(folder.iterdir()):
            raise SystemExit(f"{folder} is not empty and was not left by a whole run: name another folder, or empty it")
        return {}
    told = json.loads(file.read_text())
    if told["settings"] != wanted:
        raise SystemExit(f"{folder} was made with {told['settings']}: name another folder")
    return {name: {**one, "kept": True} for name, one in told["results"].items()}


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Builds, searches and filtered searches as lines."""
    lay = results["lay"]
    if "failed" in lay:
        return f"drawing {lay['failed']}"
    lines = [
        f"catalogue: {lay['disk'] / _GB:.2f} GB in parts, appended in {lay['append']:.0f} s; official npz"
        f" {lay['official'] / _GB:.2f} GB" + _again(lay),
        f"queries among them: cosine to 1st/10th/50th, TwoNN, MLE 10, MLE 50, above 0.9999:{lay['like']}",
        "",
        f"{'building':10}{'seconds':>10}{'cpu s':>8}{'peak GB':>9}{'disk GB':>9}{'cores':>7}",
    ]
    for kind in KINDS:
        told = results.get(f"build {kind}", {"failed": _UNASKED})
        if "failed" in told:
            lines.append(f"{kind:10}  {told['failed']}")
            continue
        numbers = f"{told['elapsed']:10.1f}{told['cpu']:8.0f}{told['peak'] / _GB:9.2f}{told['disk'] / _GB:9.2f}"
        lines.append(f"{kind:10}{numbers}{told['threads']:7}{_again(told)}")
    lines += [
        "",
        f"{'one thread':10}{'recall@50':>10}{'ms':>9}{'p95':>9}{'cpu ms':>9}{'batch ms':>9}{'first':>9}{'cold':>9}"
        f"{'open s':>8}{'peak GB':>9}{'own GB':>8}{'n':>6}",
    ]
    for name in ("exact", *KINDS, "numpy", "official"):
        told = results.get(name, {"failed": _UNASKED})
        if "failed" in told:
            lines.append(f"{name:10}  {told['failed']}")
            continue
        times = "".join(_ms(told.get(key)) for key in ("median", "p95", "cpu", "batch", "first", "cold"))
        own = "" if told["private"] is None else f"{told['private'] / _GB:.2f}"
        rest = f"{told['open']:8.2f}{told['peak'] / _GB:9.2f}{own:>8}{told['n']:6}"
        lines.append(f"{name:10}{told['recall']:10.4f}{times}{rest}")
    lines += [
        "",
        "among a range of Teff   " + "".join(f"{f'{name}: recall':>18}{'ms':>8}{'p95':>8}" for name in SHARES),
    ]
    for name in ("exact", *KINDS):
        found = results.get(name, {}).get("filtered", {})
        cells = (f"{t['recall']:18.4f}{1e3 * t['median']:8.1f}{1e3 * t['p95']:8.1f}" for t in found.values())
        lines.append(f"{name:24}" + "".join(cells))
    return "\n".join(lines)


def verdict(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether an index does what was asked for, and how much faster than the others it is."""
    lines = []
    for kind in KINDS:
        told = results.get(kind, {"failed": _UNASKED})
        if "failed" in told:
            lines.append(f"{kind}: {told['failed']}")
            continue
        ms = 1e3 * told["median"]
        met = told["recall"] >= LEAST_RECALL and ms <= MOST_MS
        said = f"{kind}: recall@50 {told['recall']:.4f} (aim {LEAST_RECALL}), {ms:.2f} ms a query (aim {MOST_MS:.0f}): "
        said += "met" if met else "NOT met"
        others = [
            f"{results[name]['median'] / told['median']:.0f} times {name}'s speed"
            for name in ("numpy", "official")
            if "failed" not in results.get(name, {"failed": ""})
        ]
        lines.append("; ".join([said, *others]))
    return "\n".join(lines)


def _ms(seconds: float | None) -> str:
    return f"{'-':>9}" if seconds is None else f"{1e3 * seconds:9.2f}"


def _again(told: Mapping[str, Any]) -> str:
    return "  (built by an earlier run)" if told.get("kept") else ""


def _cores() -> int:
    return os.cpu_count() or 1


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if something failed, 0 whether or not the aims are met."""
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="vectors (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=768, help="default: %(default)s")
    parser.add_argument("--queries", type=int, default=200, help="at most 1,000 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of the indices (default: both)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the files in this folder and use them again")
    parser.add_argument("--task", nargs=2, metavar=("NAME", "JSON"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.task:
        return answer(TASKS[arguments.task[0]], arguments.task[1])
    size = {name: getattr(arguments, name) for name in ("rows", "dim", "queries", "seed", "kinds")}
    if arguments.keep is None:
        with tempfile.TemporaryDirectory(prefix="specviz-bench-") as name:
            results = measure(Path(name), **size)
    else:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        results = measure(arguments.keep, **size)
    print(f"{arguments.rows:,} vectors of {arguments.dim} dimensions, {arguments.queries} queries, 50 neighbours each")
    print(table(results))
    print()
    print(verdict(results))
    broken = [name for name, told in results.items() if "failed" in told and "not measured" not in told["failed"]]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
