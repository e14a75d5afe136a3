"""What a newcomer's machine lacks, said in words with what to do: network, graphics card, memory. Asks nobody."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from specviz.cli.finding import Finding

#: Memory (bytes) that a first hour takes: JupyterLab, a kernel with an Explorer, room for a second star or catalogue.
COMFORT = 1.5e9
#: Below this a kernel with an Explorer is killed while it starts; `make binder` prints what it takes.
NEEDED = 0.6e9
#: Addresses kept for documentation (RFC 5737, RFC 3849): a route to them is looked up, nothing is sent.
_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")
_OFFLINE = "demo stars, your own files and what was fetched before need none: specviz.explore('demo 1')"


def network(environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Is there a way out of this machine? The system's routing table is asked, no other machine."""
    from specviz.archives.transport import online

    environ = os.environ if environ is None else environ
    if not online():
        yield Finding("note", "SPECVIZ_OFFLINE is set: no service is asked", "unset it to fetch stars by name")
        return
    proxy = next((environ[name] for name in _PROXIES if environ.get(name)), "")
    if proxy:
        yield Finding("ok", f"requests go through the proxy {proxy.rpartition('@')[2]}")  # without its password
    elif has_route():
        yield Finding("ok", "there is a network (specviz doctor --online asks each archive)")
    else:
        yield Finding("note", f"no network: stars cannot be fetched by name; {_OFFLINE}",
                      "set SPECVIZ_OFFLINE=1 so that no request is tried; behind a proxy set https_proxy")  # fmt: skip


def has_route() -> bool:
    """Whether the system would know where to send a packet for another network."""
    for family, address in _NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))  # of a datagram socket: looks the route up, sends nothing
                return True
        except OSError:
            continue
    return False


def nobody_answered() -> Finding:
    """The end of ``--online`` where each service failed: that is this side's trouble, not theirs."""
    return Finding("note", f"no service answered: this machine seems to be offline; {_OFFLINE}",
                   "check the network, or name the proxy in https_proxy")  # fmt: skip


def graphics_card() -> Iterator[Finding]:
    """A card that torch does not use, and why; that there is none is no fault."""
    try:
        from specviz.models.device import pick_device, unused_card

        picked, unused = pick_device("auto").type, unused_card()
    except (ImportError, OSError):  # told where the devices are
        return
    if unused:
        yield Finding("note", unused, "install the build of torch for your driver (pytorch.org, 'Get started'); "
                      "all models that ship run without it")  # fmt: skip
    elif picked == "cpu":
        yield Finding("ok", "no graphics card, and none is needed: the models that ship were made for a CPU")


def memory() -> Iterator[Finding]:
    """What a process may have here: of the machine, or of the container or shell that limits it."""
    found, limited = memory_here()
    amount = f"{found / 1e9:.1f} GB of memory " + (f"({limited})" if limited else "free")
    advice = (
        "shut down kernels you do not use (JupyterLab: Running); set OMP_NUM_THREADS=1; without Jupyter, "
        "`specviz serve` and `specviz analyse` take less"
    )
    if found >= COMFORT:
        yield Finding("ok", amount)
    elif found >= NEEDED:
        yield Finding("note", f"{amount}: enough for one Explorer, not for several notebooks at once", advice)
    else:
        yield Finding("trouble", f"{amount}: a notebook's kernel will die while the Explorer starts", advice)


def memory_here() -> tuple[float, str]:
    """Bytes that may be had here, and whose limit that is ("" where nothing but the machine limits).

    Returns
    -------
    tuple of float and str
    """
    import psutil

    found, whose = float(psutil.virtual_memory().available), ""
    for limit, name in ((container_limit(), "the limit of this container"), (_shell_limit(), "the limit of ulimit")):
        if limit is not None and limit < found:
            found, whose = limit, name
    return found, whose


def container_limit(groups: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The smallest memory limit of this process's control groups, bytes; None without one (Docker, Binder, a hub)."""
    limits = []
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root, file = (mount, "memory.max") if not controllers else (mount / "memory", "memory.limit_in_bytes")
        place = root / path.lstrip("/")
        for folder in (place, *place.parents):  # inside a container the path is the host's, and only the root is there
            if (folder / file).is_file():
                text = (folder / file).read_text().strip()
                limits += [float(text)] if text.isdigit() else []
            if folder == root:
                break
    return min(limits, default=None)


def _shell_limit() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS)]
    return min((float(n) for n in limits if n != resource.RLIM_INFINITY), default=None)
