"""``specviz catalog info``: what a catalogue is, and whether it is whole."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from specviz.cli.console import OK, TROUBLE, Progress, complain


def add_parser(actions: Any) -> None:
    """Add ``info`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "info",
        help="what a catalogue is: model, stars, columns, index, maps, size",
        description="Says what a catalogue is; with --check, reads all of it and says whether it is as it was written.",
        allow_abbrev=False,
    )
    parser.add_argument("catalog", metavar="FOLDER", type=Path, help="the catalogue")
    parser.add_argument("--check", action="store_true", help="hash all of it again; 1 if anything is damaged")
    parser.add_argument("--clean", action="store_true", help="delete files of killed writers, which belong to no part")
    parser.add_argument("--quick", action="store_true", help="do not count how many stars have a value in each column")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Say it; 1 if ``--check`` found damage."""
    from specviz.catalog.describing import describe
    from specviz.catalog.opening import open_catalog
    from specviz.catalog.store.checking import check

    catalog = open_catalog(arguments.catalog)
    if arguments.clean:
        for file in catalog.remove_orphans():
            complain(f"deleted {file.name}")
    wrong = None
    if arguments.check:
        console = Progress(len(catalog.header.parts))
        wrong = check(catalog, progress=lambda done, total: console.show(done, "parts"))
        console.close()
    if wrong:  # what is damaged cannot be described
        for what in wrong:
            complain(what)
        complain(
            f"{len(wrong)} file{'s' * (len(wrong) != 1)} of {catalog.path.name} damaged: copy it again, or build it"
        )
        if arguments.json:
            print(json.dumps({"path": str(catalog.path), "stars": len(catalog), "damage": list(wrong)}, indent=1))
        return TROUBLE
    facts = describe(catalog, count=not arguments.quick) | ({} if wrong is None else {"damage": []})
    print(json.dumps(facts, indent=1) if arguments.json else as_text(facts))
    return OK


def as_text(facts: dict[str, Any]) -> str:
    """The facts of :func:`specviz.catalog.describing.describe` for a person."""
    sizes, left, told = facts["bytes"], facts["orphans"], list[tuple[str, str]]()
    told.append(("model", f"{facts['model']} {facts['version']}, weights {facts['weights_sha256'][:12]}…"))
    told.append(("release", facts["release"] or "not said"))
    told += facts["notes"].items()
    for survey, held in facts["surveys"].items():
        told.append((survey, f"{held['vectors']:,} vectors of {held['dim']} dimensions"))
        index = held["index"] or {"state": "none (all vectors are compared)"}
        told.append(("  index", ", ".join(index[key] for key in ("kind", "state") if key in index)))
        told += [("  map", f"{name}, {state}") for name, state in held["maps"].items()]
    more = "".join(f", {_size(sizes[name])} {name}" for name in ("index", "maps") if sizes[name])
    told.append(("on disk", f"{_size(sizes['all'])} in {facts['parts']} part{'s' * (facts['parts'] != 1)}{more}"))
    if left["files"]:
        told.append(
            ("left over", f"{left['files']} of killed writers' files, {_size(left['bytes'])} (--clean deletes them)")
        )
    told.append(("content", facts["content_sha256"]))
    if "damage" in facts:
        told.append(("checked", "all of it is as it was written"))
    wide = max(len(name) for name, _ in told)
    lines = [f"{Path(facts['path']).name}: {facts['stars']:,} stars"]
    lines += [f"  {name:{wide}}  {text}" for name, text in told]
    lines.append("  columns")
    width = max((len(column["name"]) for column in facts["columns"]), default=0)
    for column in facts["columns"]:
        known = f"  {column['known']:>12,} known" if "known" in column else ""
        lines.append(f"    {column['name']:{width}}  {column['type']:8} {column['unit']:8}{known}".rstrip())
    return "\n".join(lines)


def _size(count: int) -> str:
    unit, name = (1e9, "GB") if count >= 1e9 else (1e6, "MB") if count >= 1e6 else (1e3, "kB")
    return f"{count / unit:.1f} {name}"
