"""What two whole surveys take: ``python -m specviz.benchmarks.survey_sizing``.

LAMOST's 11 million spectra and Gaia's 220 million XP spectra: bytes on disk and in memory, hours a device, what must be
read, and what it costs at a price you put in (``--price-per-hour``). Nobody here has run a whole survey, so every
number says what it is:

* measured: by this command, on this machine, a moment ago;
* arithmetic: a measured or known number, times the number of stars;
* on paper: published by others, not run here.

Rates are stars a second of one processor core, by the processor's clock, so that what else runs on the machine counts
little. A partition is made by one core, so N cores make N times as many as long as the disk can follow: the
column "MB/s" says what that takes.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from specviz.benchmarks.processes import forget_pages

MEASURED, ARITHMETIC, PAPER = "measured", "arithmetic", "on paper"
DIMS = (128, 512, 768)
#: Bytes of a star on a map: two float32 on each of three planes, and an int32 that says its cluster.
MAP_BYTES = 3 * 2 * 4 + 4
#: Device and stars a second that others printed; the official demo notebook's 82,057 pairs in 87 s and in 0.9 s.
PUBLISHED = (("v100", "SpecCLIP, V100 (its log)", {"lamost_lrs": 82_057 / 87.0, "gaia_xp": 82_057 / 0.9}),)
_GB, _TB = 1e9, 1e12


@dataclass(frozen=True)
class Survey:
    """A survey: spectra, and bytes that must be read of each.

    ``read``: LAMOST's 3,909 pixels of flux, inverse variance and mask, 4 bytes each; of XP the 110 coefficients (8
    bytes), their errors (4) and the correlations of 2 x 1,485 pairs (4), as the archive gives them.
    """

    key: str
    name: str
    stars: int
    read: int


SURVEYS = (
    Survey("lamost_lrs", "LAMOST", 11_000_000, 3_909 * 3 * 4),
    Survey("gaia_xp", "Gaia XP", 220_000_000, 110 * 8 + 110 * 4 + 2 * 1_485 * 4),
)


@dataclass(frozen=True)
class Rate:
    """Stars a second by survey, of one device, and whether that was measured."""

    device: str
    name: str
    stars: Mapping[str, float]
    how: str


def index_bytes(n: int, dim: int, kind: str) -> tuple[int, int]:
    """Bytes on disk of an index of ``n`` vectors, and those of them that a search holds in memory.

    The layout of :mod:`specviz.catalog.search.building`: in the lists a code and an int64 a vector, an int32 that says
    its list (mapped), and what was learned: centres (float32), and of "ivf-pq" a rotation and 256 values a code.
    """
    from specviz.catalog.search.training import plan_for

    plan = plan_for(n, dim, kind, "", 0)
    code = 2 * dim if plan.kind == "ivf-fp16" else plan.code
    learned = 4 * plan.nlist * dim + (0 if plan.kind == "ivf-fp16" else 4 * dim * dim + 4 * 256 * dim)
    return n * (code + 8 + 4) + learned, learned


# ---------------------------------------------------------------------------------------------- measuring
def small_model(stars: int = 512) -> Rate:
    """The packaged model, from spectra in memory to embeddings, one core."""
    from specviz.archives.demo import DemoArchive
    from specviz.catalog.scale.partition import EngineSpec, embed
    from specviz.models.threads import one_thread

    archive, rates = DemoArchive(), {}
    engine = EngineSpec(device="cpu").engine()
    for survey in SURVEYS:
        few = archive.fetch_many(archive.names()[:stars])
        few = [s.with_(spectra={survey.key: s.spectra[survey.key]}) for s in few if survey.key in s.spectra]
        with one_thread():
            embed(engine, few[:64])
            rates[survey.key] = len(few) / _least(partial(embed, engine, few), 3)
    return Rate("cpu", "specclip-small, one core", rates, MEASURED)


def official_model(device: str = "cpu") -> list[Rate]:
    """The encoders of SpecCLIP at full size (both embeddings, random weights), one core or a GPU, by precision."""
    from specviz.archives.demo import DemoArchive
    from specviz.models.specclip.checkpoint import build
    from specviz.models.specclip.label_heads import LabelHeads
    from specviz.models.specclip.official import SpecClipOfficial
    from specviz.models.specclip.official_networks import OfficialNetworks
    from specviz.models.threads import one_thread

    split, predrecon = build("split").eval(), build("predrecon").eval()
    predrecon.lamost, predrecon.xp = split.lamost, split.xp  # frozen and the same in the release
    for module in (split, predrecon):
        module.requires_grad_(False).to(device)
    model = SpecClipOfficial(OfficialNetworks(predrecon, split, device), LabelHeads([]), sha256="0" * 64)
    archive = DemoArchive()
    stars = archive.fetch_many(archive.names()[:32])
    spectra = {
        survey.key: np.stack([model.prepare(s.spectra[survey.key]).values for s in stars if survey.key in s.spectra])
        for survey in SURVEYS
    }
    half, on_cpu = model.at_precision("auto"), device == "cpu"
    models = [model] if half.dtype == "float32" else [model, half]
    out = []
    with one_thread():
        for one in models:
            rates = {}
            for survey, values in spectra.items():
                rows = np.resize(values, (32 if on_cpu else 1024, values.shape[1]))
                encode = partial(one._encoder, rows, survey)
                encode()
                rates[survey] = len(rows) / _least(encode, 2, time.process_time if on_cpu else time.perf_counter)
            out.append(Rate(device, f"SpecCLIP {one.dtype}, {'one core' if on_cpu else device}", rates, MEASURED))
    return out


def parquet_bytes(stars: int = 20_000) -> float:
    """Bytes a star of the Parquet file of a part with every standard column; ids and positions are random, so they do
    not compress.
    """
    from specviz.catalog.store.columns import STANDARD
    from specviz.catalog.store.header import Header
    from specviz.catalog.store.parts import table_file, write_part

    rng = np.random.default_rng(0)
    ids = rng.integers(1 << 50, 1 << 62, stars)
    columns: dict[str, Any] = {}
    for name, (kind, _, _) in STANDARD.items():
        columns[name] = rng.integers(1 << 20, 1 << 30, stars) if kind == "int64" else rng.normal(size=stars)
    columns |= {"object_id": np.char.add("Gaia DR3 ", ids.astype(str)), "source_id": ids}
    columns |= {"gaia_release": np.full(stars, "DR3"), "class": rng.choice(["A1V", "F5", "G2", "K3", "M1"], stars)}
    with tempfile.TemporaryDirectory() as name:
        write_part(Path(name), "p", Header("none", "0", "0" * 64, "none", {}), columns, {})
        return table_file(Path(name), "p").stat().st_size / stars


def exact_rate(stars: int = 50_000, dim: int = 768) -> float:
    """Numbers of mapped vectors (stars x dimensions) that an exact search of one query compares a second, one core."""
    from specviz.catalog.search.exact import ExactSearch
    from specviz.catalog.store.header import Header
    from specviz.catalog.store.star_catalog import StarCatalog
    from specviz.models.threads import one_thread

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        catalog = StarCatalog.create(Path(name) / "c", Header("none", "0", "0" * 64, "none", {"s": dim}))
        vectors = rng.standard_normal((stars, dim), np.float32)
        catalog.append({"object_id": np.arange(stars).astype(str)}, {"s": vectors})
        query = vectors[:1] / np.linalg.norm(vectors[0])
        search = ExactSearch(catalog.vectors("s"))
        with one_thread():
            search.nearest(query, 50)
            return stars * dim / _least(lambda: search.nearest(query, 50), 5)


def disk_rate(size: int = 256_000_000) -> float | None:
    """Bytes a second that a file is read with that is not in memory; None where a program cannot have it forgotten."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "block"
        block = np.random.default_rng(0).bytes(1 << 22)
        with file.open("wb") as stream:
            for _ in range(0, size, len(block)):
                stream.write(block)
        if not forget_pages(file.parent):
            return None
        began, total = time.perf_counter(), 0
        with file.open("rb", buffering=0) as stream:
            while piece := stream.read(1 << 22):
                total += len(piece)
        return total / (time.perf_counter() - began)


def _least(work: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the quickest of some repeats, by the processor's clock if no other is named."""
    best = math.inf
    for _ in range(repeats):
        began = clock()
        work()
        best = min(best, clock() - began)
    return max(best, 1e-9)


# ---------------------------------------------------------------------------------------------- telling
def bytes_table(parquet: float, dims: Sequence[int] = DIMS) -> str:
    """Bytes of the pieces of a catalogue of each survey."""
    lines = [f"{'on disk, GB':28}" + "".join(f"{s.name + f', {s.stars / 1e6:.0f} M':>18}" for s in SURVEYS)]

    def line(what: str, size: Callable[[int], float], how: str) -> None:
        lines.append(f"{what:28}" + "".join(f"{size(s.stars) / _GB:18.2f}" for s in SURVEYS) + f"   {how}")

    line("columns (Parquet)", lambda n: n * parquet, f"{ARITHMETIC}, {parquet:.0f} bytes a star {MEASURED}")
    line("maps and clusters", lambda n: n * MAP_BYTES, f"{ARITHMETIC}, {MAP_BYTES} bytes a star")
    for dim in dims:
        line(f"vectors, {dim}-D, float16", lambda n, dim=dim: 2.0 * n * dim, ARITHMETIC)  # type: ignore[misc]
        for kind in ("ivf-fp16", "ivf-pq"):
            line(f"  {kind}", lambda n, dim=dim, kind=kind: index_bytes(n, dim, kind)[0], ARITHMETIC)  # type: ignore[misc]
    lines += ["", f"{'in memory of a search, GB':28}"]
    for dim in dims:
        line(f"  centres of ivf-pq, {dim}-D", lambda n, dim=dim: index_bytes(n, dim, "ivf-pq")[1], ARITHMETIC)  # type: ignore[misc]
    line(
        "  official, 768-D, 2 surveys", lambda n: 2 * 4.0 * n * 768, f"{ARITHMETIC}: its npz, float32, without spectra"
    )
    return "\n".join(lines)


def time_table(rates: Sequence[Rate], workers: int, prices: Mapping[str, float]) -> str:
    """Hours of each device and survey, the reading that this takes, and the cost where a price is known."""
    lines = [
        f"{f'embedding, {workers} of each':32}"
        + "".join(f"{s.name + ': /s of one':>20}{'hours':>10}{'MB/s':>8}{'cost':>10}" for s in SURVEYS)
    ]
    for rate in rates:
        cells = ""
        for survey in SURVEYS:
            speed = rate.stars.get(survey.key)
            if speed is None:
                cells += f"{'-':>20}{'-':>10}{'-':>8}{'-':>10}"
                continue
            hours = survey.stars / speed / 3600.0
            price = prices.get(rate.device, prices.get(""))
            cost = "-" if price is None else f"{hours * price:,.2f}"
            cells += f"{speed:20,.1f}{hours / workers:10,.1f}{workers * speed * survey.read / 1e6:8,.0f}{cost:>10}"
        lines.append(f"{rate.name:32}{cells}   {rate.how}")
    lines.append(f"hours, MB/s and cost: {ARITHMETIC}; cost: of all devices together, at the price that was put in")
    return "\n".join(lines)


def reading_table(disk: float | None, exact: float, dims: Sequence[int] = DIMS) -> str:
    """Hours to read the spectra, and seconds to compare every vector with a star."""
    lines = [f"{'reading':32}" + "".join(f"{s.name:>18}" for s in SURVEYS)]
    sizes = "".join(f"{s.stars * s.read / _TB:18.2f}" for s in SURVEYS)
    lines.append(f"{'spectra, TB':32}{sizes}   {ARITHMETIC}, " + ", ".join(f"{s.read:,} bytes" for s in SURVEYS))
    if disk is None:
        lines.append("hours at this disk's speed: not measured here")
    else:
        hours = "".join(f"{s.stars * s.read / disk / 3600.0:18.1f}" for s in SURVEYS)
        lines.append(f"{'hours at this disk':32}{hours}   {ARITHMETIC}, {disk / 1e6:,.0f} MB/s {MEASURED}")
    lines += ["", f"{'exact search, s a query, one core':32}"]
    for dim in dims:
        seconds = "".join(f"{s.stars * dim / exact:18.1f}" for s in SURVEYS)
        lines.append(f"{f'  in memory, {dim}-D':32}{seconds}   {ARITHMETIC}, {exact / 1e9:.1f} G numbers/s {MEASURED}")
        if disk is not None:
            seconds = "".join(f"{2.0 * s.stars * dim / disk:18.1f}" for s in SURVEYS)
            lines.append(f"{f'  from this disk, {dim}-D':32}{seconds}   {ARITHMETIC}")
    return "\n".join(lines)


def prices_of(told: Sequence[str]) -> dict[str, float]:
    """Prices by device from ``PRICE`` (of every device, key "") and ``DEVICE=PRICE``.

    Raises
    ------
    ValueError
        If one is no positive number.
    """
    out = {}
    for one in told:
        device, _, price = one.rpartition("=")
        out[device] = float(price)
        if not 0 <= out[device] < math.inf:
            raise ValueError(one)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what this machine can, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m specviz.benchmarks.survey_sizing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--price-per-hour", action="append", default=[], metavar="[DEVICE=]PRICE",
                        help="of a core or card, in any currency; DEVICE: cpu, cuda, v100; repeat it")  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="devices of each kind at once (default: %(default)s)")
    parser.add_argument("--stars", type=int, default=512, help="that the small model is timed with")
    parser.add_argument("--without-official", action="store_true", help="do not time the 43 M encoders (a minute)")
    arguments = parser.parse_args(argv)
    try:
        prices = prices_of(arguments.price_per_hour)
    except ValueError as error:
        parser.error(f"--price-per-hour: {error}; expected such as 2.5 or v100=2.5")
    if arguments.workers < 1:
        parser.error("--workers: at least 1")
    from specviz.models.device import describe_device, pick_device

    rates = [small_model(arguments.stars)]
    device = str(pick_device("auto"))
    if not arguments.without_official:
        rates += official_model()
        rates += official_model(device) if device.startswith("cuda") else []
    rates += [Rate(key, name, stars, f"{PAPER}, not run") for key, name, stars in PUBLISHED]
    print(f"on {describe_device('cpu')}; rates by the processor's clock, of one core")
    print(time_table(rates, arguments.workers, prices))
    if not device.startswith("cuda"):
        print("not measured: a GPU (none here)")
    print()
    print(bytes_table(parquet_bytes()))
    print()
    print(reading_table(disk_rate(), exact_rate()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
