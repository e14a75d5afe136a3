"""``specviz doctor``: what is installed, what will work, what clashes. It looks and reports; it changes nothing."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import specviz
from specviz.cli.console import OK, TROUBLE
from specviz.errors import SpecvizError

DISTRIBUTION = "jupyter-specviz"
#: Distributions that also install a top-level package called ``specviz``.
RIVALS = ("specviz",)


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report. A ``trouble`` makes the exit status 1; a ``note`` is only good to know."""

    kind: Literal["ok", "note", "trouble"]
    text: str


def add_parser(commands: Any) -> None:
    """Add ``doctor`` to the subcommands."""
    parser = commands.add_parser(
        "doctor",
        help="versions, devices, doors that will work, and clashes",
        description="Look at this installation and say what will work. The exit status is 1 when something will not.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; 1 if there is trouble."""
    trouble = 0
    for title, look in SECTIONS.items():
        print(title)
        for finding in look():
            mark = {"ok": "  ok      ", "note": "  note    ", "trouble": "  TROUBLE "}[finding.kind]
            print(mark + finding.text)
            trouble += finding.kind == "trouble"
    print("all well" if not trouble else f"{trouble} to mend")
    return TROUBLE if trouble else OK


def here() -> Iterator[Finding]:
    """Which specviz, in which Python."""
    yield Finding("ok", f"specviz {specviz.__version__} in {Path(specviz.__file__).parent}")
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


def libraries() -> Iterator[Finding]:
    """Every dependency against what the distribution asks for; an absent optional one is a note."""
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Finding("trouble", f"{DISTRIBUTION} is not installed here; run: pip install -e . (in a clone)")
        return
    from packaging.requirements import Requirement

    absent: dict[str, list[str]] = {}
    for requirement in map(Requirement, wanted):
        extra = _extra(requirement)
        if extra in ("lint", "test", "dev", "notebook"):  # for those who change specviz, and bundles of the others
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            if extra:
                absent.setdefault(extra, []).append(requirement.name)
            else:
                yield Finding("trouble", f"{requirement.name} is missing; run: pip install '{_plain(requirement)}'")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            if not extra:
                yield Finding("ok", f"{requirement.name} {version}")
        else:
            yield Finding("trouble", f"{requirement.name} {version}: run pip install '{_plain(requirement)}'")
    for extra, names in sorted(absent.items()):
        yield Finding("note", f"without {', '.join(names)}: pip install '{DISTRIBUTION}[{extra}]'")


def clashes(search_path: list[str] | None = None) -> Iterator[Finding]:
    """Another distribution, or another folder on the path, that also calls itself ``specviz``."""
    clear = True
    for name in RIVALS:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        clear = False
        yield Finding(
            "trouble",
            f"the distribution {name!r} {version} (STScI's retired tool) writes over the same package; "
            f"run: pip uninstall {name} && pip install --force-reinstall --no-deps {DISTRIBUTION}",
        )
    ours = Path(specviz.__file__).resolve().parent
    for entry in dict.fromkeys(sys.path if search_path is None else search_path):
        folder = Path(entry or ".")
        for other in (folder / "specviz" / "__init__.py", folder / "specviz.py"):
            if other.is_file() and other.resolve().parent != ours:
                clear = False
                yield Finding("trouble", f"another specviz is on the path and may be imported instead: {other}")
    if clear:
        yield Finding("ok", "no other specviz in this environment")


def devices() -> Iterator[Finding]:
    """Where models can run here."""
    try:
        from specviz.models.device import describe_device, pick_device

        chosen = pick_device("auto")
    except (ImportError, OSError) as error:  # OSError: a shared library of torch's is missing
        yield Finding("trouble", f"torch cannot be imported: {error}")
        return
    yield Finding("ok", f"{describe_device(chosen)} (what --device auto takes)")
    if chosen.type != "cpu":
        yield Finding("ok", describe_device("cpu"))


def models() -> Iterator[Finding]:
    """Does the default model load, and are its weights the ones it says?"""
    try:
        description = specviz.load_model(device="cpu").describe()
    except (SpecvizError, ImportError, OSError) as error:
        yield Finding("trouble", f"the default model does not load: {error}")
        return
    yield Finding("ok", f"{description.name} {description.version} (weights {description.weights_sha256[:12]})")


def storage() -> Iterator[Finding]:
    """Where fetched spectra and journals are kept, and whether that can be written."""
    from platformdirs import user_cache_path, user_data_path

    for what, folder in (("cache", user_cache_path("specviz")), ("journals", user_data_path("specviz"))):
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        if os.access(existing, os.W_OK):
            yield Finding("ok", f"{what}: {folder}")
        else:
            yield Finding("note", f"{what}: {folder} cannot be written; nothing will be kept there")


def doors() -> Iterator[Finding]:
    """Which front ends can show the Explorer (a wrong library is trouble above, so a closed door is a note here)."""
    from specviz.doors.environment import doors_here

    for door in doors_here():
        yield Finding("ok" if door.works else "note", f"{door.name}: {door.why}")


SECTIONS: dict[str, Callable[[], Iterator[Finding]]] = {
    "Here": here,
    "Libraries": libraries,
    "Clashes": clashes,
    "Devices": devices,
    "Models": models,
    "Storage": storage,
    "Doors": doors,
}


def _extra(requirement: Any) -> str:
    """The extra a requirement belongs to, or ""."""
    marker = str(requirement.marker or "")
    return marker.split("extra ==")[1].strip().strip("\"'") if "extra ==" in marker else ""


def _plain(requirement: Any) -> str:
    return f"{requirement.name}{requirement.specifier}"
