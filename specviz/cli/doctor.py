"""``specviz doctor``: what is installed, what will work, what clashes. It looks and reports; it changes nothing."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import specviz
from specviz.cli import first_run, jupyter_here
from specviz.cli.console import OK, TROUBLE
from specviz.cli.finding import Finding
from specviz.errors import SpecvizError

DISTRIBUTION = "jupyter-specviz"
#: Distributions that also install a top-level package called ``specviz``.
RIVALS = ("specviz",)


def add_parser(commands: Any) -> None:
    """Add ``doctor`` to the subcommands."""
    parser = commands.add_parser(
        "doctor",
        help="versions, devices, doors that will work, and clashes",
        description="Look at this installation and say what will work. The exit status is 1 when something will not.",
    )
    parser.add_argument("--online", action="store_true", help="also ask each archive whether it is there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; 1 if there is trouble."""
    trouble = 0
    sections = {**SECTIONS, "Services": services} if arguments.online else SECTIONS
    for title, look in sections.items():
        print(title)
        for finding in look():
            mark = {"ok": "  ok      ", "note": "  note    ", "trouble": "  TROUBLE "}[finding.kind]
            print(mark + finding.text)
            if finding.remedy:
                print(f"          -> {finding.remedy}")
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
        if extra in ("lint", "test", "docs", "dev", "notebook", "all"):  # for developers; bundles of the others
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
    yield from first_run.graphics_card()


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
    from platformdirs import user_data_path

    from specviz.archives.cache import default_folder

    for what, folder in (("cache", default_folder()), ("journals", user_data_path("specviz", appauthor=False))):
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        if os.access(existing, os.W_OK):
            yield Finding("ok", f"{what}: {folder}")
        else:
            yield Finding("note", f"{what}: {folder} cannot be written; nothing will be kept there")


def archives() -> Iterator[Finding]:
    """What the archives will be asked with; asks nobody."""
    from specviz.archives.cache import cache
    from specviz.archives.lamost.tokens import find_token
    from specviz.archives.transport import endpoints

    try:
        for service, address in endpoints().items():
            yield Finding("note", f"SPECVIZ_ENDPOINTS sends {service} to {address}")
        token = find_token()
    except SpecvizError as error:
        yield Finding("trouble", str(error))
        return
    yield Finding("ok", "a LAMOST token was found" if token else "no LAMOST token: public releases only")
    entries = cache().entries()
    yield Finding("ok", f"{len(entries)} fetched things, {sum(e.size for e in entries) / 1e6:.1f} MB (specviz cache)")


#: A small question that each service answers at once: the availability document of the Virtual Observatory (VOSI 1.1),
#: or a listing. MAST's own interface has neither.
_PING = {
    "lamost": "https://www.lamost.org/openapi/dr_versions",
    "gaia": "https://gea.esac.esa.int/tap-server/tap/availability",
    "gaia_aip": "https://gaia.aip.de/tap/availability",
    "simbad": "https://simbad.cds.unistra.fr/simbad/sim-tap/availability",
    "vizier": "https://tapvizier.cds.unistra.fr/TAPVizieR/tap/availability",
}


def services() -> Iterator[Finding]:
    """Does each service answer? One small question each."""
    import time

    from specviz.archives.transport import request, title

    answered = False
    for service, address in _PING.items():
        began = time.monotonic()
        try:
            request(service, "GET", address, timeout=20)
        except SpecvizError as error:  # somebody else's trouble: the rest of specviz works without
            yield Finding("note", f"{title(service)}: {error}")
        else:
            answered = True
            yield Finding("ok", f"{title(service)} answers in {time.monotonic() - began:.1f} s")
    if not answered:
        yield first_run.nobody_answered()


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
    "Memory": first_run.memory,
    "Models": models,
    "Storage": storage,
    "Network": first_run.network,
    "Archives": archives,
    "Jupyter": jupyter_here.jupyter,
    "Doors": doors,
}


def _extra(requirement: Any) -> str:
    """The extra a requirement belongs to, or ""."""
    marker = str(requirement.marker or "")
    return marker.split("extra ==")[1].strip().strip("\"'") if "extra ==" in marker else ""


def _plain(requirement: Any) -> str:
    return f"{requirement.name}{requirement.specifier}"
