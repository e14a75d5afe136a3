"""What the dialogues need: files to hand over, archives that know a few stars, and a model that plays the calls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from model_server import calls, words
from notation import Called

from specviz.analysis.report import Report
from specviz.archives.demo import DemoArchive
from specviz.archives.finder import Sky
from specviz.assistant.desk import Desk
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.registry import Registry, Tool
from specviz.assistant.tools.result import Answer
from specviz.errors import NotFoundError
from specviz.spectra.star import Star
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

#: Stars that the archives know here, and the star of the demo sky that each is.
KNOWN = {
    "HD 140283": 4, "Gaia DR3 4345775217221821312": 4, "obsid 353301001": 6, "RA 235.7629 Dec -10.9336": 4,
    "15h43m03.1s -10°56'01": 4, "Vega": 2, "Arcturus": 1, "Sirius": 2,
}  # fmt: skip
#: Real files under the shared materials.
REAL = {
    "real lamost": "data/lamost_dr1/spec-55862-B6212_sp06-013.fits",
    "real sdss": "data/sdss_templates/templates_original/G2_+0.0_Dwarf.fits",
}


class KnownSky:
    """Stands where the archives do: a few names are known, each a star of the demo sky; nothing else is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._demo = Sky(online=False)

    def fetch(self, which: Any, monitor: Any = None) -> Star:
        name = str(getattr(which, "name", which))
        if name.lower().startswith("demo"):
            return self._demo.fetch(which, monitor)
        self.asked.append(name)
        if name not in KNOWN:
            raise NotFoundError(f"No archive knows {name!r}")
        return DemoArchive().star(KNOWN[name]).with_(name=name)


class SharedDesk(Desk):
    """What a model said of a spectrum in one dialogue is not worked out again in the next."""

    _made: ClassVar[dict[Any, Report]] = {}

    def report(self, model: str = "") -> Report:
        name = model or self.model
        key = (name, *_star_key(self))
        if key not in self._made:
            self._made[key] = super().report(model)
        return self._made[key]


#: Tools that take a second or more; each answers once for a star and its arguments.
SLOW = ("compare", "why", "abundances", "desa", "light_curve", "outliers", "similar", "stretch")
_ANSWERS: dict[Any, Answer] = {}


def quick_tools() -> Registry:
    """All tools; the slow ones remember their answers from dialogue to dialogue."""
    return Registry.of(replace(t, run=_remembering(t)) if t.name in SLOW else t for t in all_tools())


def _remembering(tool: Tool) -> Callable[..., Answer]:
    def run(desk: Desk, **arguments: Any) -> Answer:
        key = (tool.name, *_star_key(desk), repr(arguments), desk.model, *sorted(desk.uploads))
        if key not in _ANSWERS:
            _ANSWERS[key] = tool.run(desk, **arguments)
        return _ANSWERS[key]

    return run


def _star_key(desk: Desk) -> tuple[Any, ...]:
    if desk.star is None:
        return ()
    return (desk.star.name, *(hash(s.flux.tobytes()) for s in desk.star.spectra.values()))


def desk_of(folder: Path, *, reachable: bool = True) -> Desk:
    """A desk for one dialogue."""
    made = SharedDesk(online=False, device="cpu", folder=folder)
    if reachable:
        made.sky = KnownSky()  # type: ignore[assignment]
    return made


def content(what: str, shared: Callable[[], Path]) -> bytes:
    """The bytes of a file that a dialogue hands over."""
    if what in REAL:
        return (shared() / REAL[what]).read_bytes()
    if what in ("junk", "empty", "text"):
        return {"junk": b"\x00\xffno spectrum" * 50, "empty": b"", "text": b"remember the milk, and the dome"}[what]
    half, name = what.startswith("half of "), what.removeprefix("half of ").split(" as ")[0]
    kind = what.split(" as ")[1] if " as " in what else "fits"
    data = _demo_file(int(name.split()[1]), kind)
    return data[: len(data) // 2] if half else data


def _demo_file(number: int, kind: str) -> bytes:
    star = DemoArchive().star(number - 1)
    if kind == "fits":
        return spectra_bytes(observed_tables([star]), "fits")
    spectrum = star.spectra["lamost_lrs"]
    rows = (
        f"{w:.3f},{f:.6g},{s:.6g}" for w, f, s in zip(spectrum.wavelength, spectrum.flux, spectrum.sigma, strict=True)
    )
    return ("wavelength,flux,error\n" + "\n".join(rows)).encode()


# ---------------------------------------------------------------------------------------------- the scripted model
def script_of(called: list[Called], files: list[str], language: str, at_once: bool) -> list[Any]:
    """A turn of a model that makes these calls, and then says some of the numbers that the tools gave it.

    Several files that were handed over are loaded one by one: only the last of them is in hand.
    """
    wanted, left = list[Called](), list(files) if len(files) > 1 else []
    for name, arguments in called:
        if name == "star" and left:
            wanted.append(("load", {"name": left.pop(0)}))
        if name != "help":  # it is no tool: a model explains itself
            wanted.append((name, arguments))
    rounds = [wanted] if at_once else [[one] for one in wanted]
    return [*(calls(*r) for r in rounds if r), lambda body, _done: words(_told(body, language))]


def _told(body: Mapping[str, Any], language: str) -> str:
    """What the model says at the end: the first numbers of every tool that was called since the person spoke."""
    messages = list(body["messages"])
    since = max(i for i, m in enumerate(messages) if m["role"] == "user")
    told = [json.loads(m["content"]) for m in messages[since:] if m["role"] == "tool"]
    parts = []
    for result in told:
        if "data" not in result:
            parts.append("这一步没有成功" if language == "zh" else "That did not work")
            continue
        numbers = ", ".join(f"{where} {value:g}" for where, value in _numbers(result["data"], result["tool"]))
        parts.append(f"{result['tool']}: {numbers}" if numbers else str(result["tool"]))
    opening = "由工具得到：" if language == "zh" else "The tools say: "
    nothing = "我只回答恒星光谱的问题。" if language == "zh" else "I answer questions about stellar spectra."
    return opening + "; ".join(parts) if parts else nothing


def _numbers(data: Any, where: str) -> Iterator[tuple[str, float]]:
    """The first eight numbers of a result, each with its key."""
    yield from itertools.islice(_walk(data, where), 8)


def _walk(data: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            of_the_label = "label" in data and key != "samples"  # a count of samples is no value of the label
            yield from _walk(value, str(data["label"] if of_the_label else key))
    elif isinstance(data, list):
        for value in data:
            yield from _walk(value, where)
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        yield where, float(data)
