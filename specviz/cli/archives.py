"""``specviz get`` and ``specviz cache``: fetch stars by name, and see or clear what was fetched."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specviz.cli.console import OK, TROUBLE, Progress, complain
from specviz.errors import SpecvizError


def add_get(commands: Any) -> None:
    """Add ``get`` to the subcommands."""
    parser = commands.add_parser(
        "get",
        help="fetch stars by name from LAMOST and Gaia",
        description="Fetch the LAMOST and Gaia XP spectra of stars: a name, a Gaia source id, a LAMOST obsid, a TIC or "
        "KIC number, a position, or a table of them (CSV, ECSV, VOTable, FITS).",
        allow_abbrev=False,
    )
    parser.add_argument("names", metavar="NAME", nargs="+", help="what to fetch, or a file that lists targets")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="also write the files there")
    parser.add_argument("--release", default="DR3", help="Gaia release (default: %(default)s)")
    parser.add_argument("--lamost-release", metavar="DR/VERSION", help="such as dr10/v2.0 (default: the newest public)")
    parser.add_argument("--again", action="store_true", help="ask even for what was fetched before")
    parser.add_argument("--offline", action="store_true", help="take only what was fetched before")
    parser.set_defaults(run=_get)


def _get(arguments: argparse.Namespace) -> int:
    from specviz.archives.finder import Sky
    from specviz.archives.transport import Monitor

    sky = Sky(online=not arguments.offline, release=arguments.release, lamost_release=arguments.lamost_release)
    names = [name for word in arguments.names for name in _targets(word)]
    progress, failed = Progress(len(names)), 0
    try:
        for done, name in enumerate(names):
            progress.show(done, name)
            try:
                star = sky.fetch(name, Monitor(_teller(progress, done, name)), again=arguments.again)
            except SpecvizError as error:
                progress.close()
                complain(f"{name}: {error}")
                failed += 1
                continue
            progress.close()
            print(_line(name, star))
            if arguments.output is not None:
                for path in save(star, arguments.output):
                    print(f"  {path}")
    finally:
        progress.close()
    return TROUBLE if failed else OK


def _teller(progress: Progress, done: int, name: str) -> Callable[[Any], None]:
    """What a service is doing, on the line of progress."""
    return lambda step: progress.show(done, f"{name}: {step.service} {step.words}")


def _targets(word: str) -> list[str]:
    """The names that a table of targets lists; the word itself where it is no file."""
    path = Path(word).expanduser()
    if not path.is_file():
        return [word]
    from specviz.archives.targets import read_targets

    targets = read_targets(path.read_bytes(), path.name)
    if targets is None:
        raise SpecvizError(
            f"{word} is not a table of targets",
            expected="a column with names, source ids, obsids or positions",
            remedy="specviz analyse reads spectra",
        )
    return [target.text for target in targets]


def _line(name: str, star: Any) -> str:
    """``HD 140283: lamost_lrs, gaia_xp (LAMOST DR10 353301001, Gaia DR3 ...)``."""
    what = ", ".join([*star.spectra, *(["light curve"] if star.light_curve is not None else [])])
    ids = ", ".join(str(i) for i in star.identifiers[:4])
    missing = [f"{k}: {o.text}" for k, o in star.meta.get("services", {}).items() if o.status in ("failed", "offline")]
    return f"{name}: {what}" + (f" ({ids})" if ids else "") + "".join(f"\n  not complete: {text}" for text in missing)


def save(star: Any, folder: Path) -> list[Path]:
    """Write the files of a star as the archives sent them (``specviz.open`` reads each); gives the paths.

    Raises
    ------
    SpecvizError
        If the folder cannot be written.
    """
    from specviz.archives.originals import originals

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in originals(star).values():
            path = folder / name
            path.write_bytes(data)
            written.append(path)
    except OSError as error:
        what = f"Cannot write in {folder}: {error.strerror or error}"
        raise SpecvizError(what, remedy="Name another folder") from error
    return written


def add_cache(commands: Any) -> None:
    """Add ``cache`` to the subcommands."""
    parser = commands.add_parser(
        "cache",
        help="see or clear what was fetched",
        description="What the archives gave is kept on this machine, and used again.",
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=("show", "list", "clear", "check"), nargs="?", default="show")
    parser.add_argument("--service", help="only what this service gave (lamost, gaia, simbad ...)")
    parser.add_argument("--older-than", metavar="DAYS", type=float, help="clear: only what was not used for so long")
    parser.set_defaults(run=_cache)


def _cache(arguments: argparse.Namespace) -> int:
    import time

    from specviz.archives.cache import cache

    store = cache()
    entries = store.entries(arguments.service or "")
    if arguments.action == "clear":
        age = None if arguments.older_than is None else arguments.older_than * 86400.0
        print(f"removed {store.clear(arguments.service, older_than=age)} of {len(entries)} entries")
        return OK
    if arguments.action == "check":
        bad = [entry for entry in entries if store.peek(entry.key) is None]
        print(f"{len(entries) - len(bad)} entries are whole" + (f", {len(bad)} damaged: removed" if bad else ""))
        return TROUBLE if bad else OK
    if arguments.action == "list":
        for entry in entries:
            when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.fetched))
            print(f"{when}  {entry.size:>10}  {entry.key.service:8} {entry.key.release:10} {_short(entry.key.id)}")
        return OK
    total = sum(entry.size for entry in entries)
    print(f"{store.folder}")
    print(f"{len(entries)} entries, {total / 1e6:.1f} MB of {store.limit / 1e6:.0f} MB")
    services: dict[str, list[int]] = {}
    for entry in entries:
        services.setdefault(entry.key.service, []).append(entry.size)
    for service, sizes in sorted(services.items()):
        print(f"  {service:8} {len(sizes):6} entries {sum(sizes) / 1e6:8.1f} MB")
    return OK


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 100 else plain[:99] + "…"
