"""What a text names: stars, labels, surveys, a number of stars, a model, a file, a stretch of wavelength."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from specviz.assistant.intents import vocabulary
from specviz.assistant.intents.spelling import mended
from specviz.assistant.intents.star_names import famous_in, kind_in
from specviz.assistant.model_names import ELSEWHERE, model_asked
from specviz.spectra.writers.tables import FORMATS

_ENDINGS = r"\.(?:fits?|fz|gz|csv|ecsv|vot|xml|txt|dat|avro|npy)(?:\.gz)?(?![A-Za-z0-9_])"
_FILE = re.compile(rf"[\w./\\~-]+{_ENDINGS}", re.IGNORECASE)
#: What stands before a file in one word where no blanks do: "导出参数到labels.csv".
_VERB = re.compile(r".*(?:导出|保存|另存|存|写入?|输出|打开|加载|分析|看看?|到|为|成|叫|在|至|用|和|与)")
_HMS, _DMS = (
    r"\d{1,2}(?:h|[: ])\d{1,2}(?:m|[: ])\d{1,2}(?:\.\d+)?s?",
    r"\d{1,2}(?:d|°|[: ])\d{1,2}(?:m|'|[: ])\d{1,2}(?:\.\d+)?(?:s|\"|'')?",
)
#: Names that say of themselves that they are names.
_STAR = re.compile(
    r"\bdemo ?#?\d{1,5}\b"
    r"|\bgaia (?:e?dr ?\d )?(?:source_?(?: ?id)?[ :=]*)?\d{8,19}\b"
    r"|\b(?:lamost )?obs_?(?: ?id)?[ :=#]*\d{1,12}\b"
    r"|\b(?:HD|HIP|HR|KIC|TIC|EPIC|TYC|BD|CD|GJ|LHS|LP|2MASS|LAMOST|TOI|KOI|Kepler|NGC|SDSS)"
    r"[ -]?[Jj]?[+-]?\d[\w+.-]*(?: \d+(?! ?[颗个]))?"
    r"|\b\d{15,19}\b"
    r"|\bJ\d{6}[\d.]*[+-]\d{6}[\d.]*"
    rf"|(?<![\w.]){_HMS}[ ,]+[+-]?{_DMS}"
    r"|\bra ?[=:]? ?\d{1,3}(?:\.\d+)?(?: ?deg| ?°)?[ ,;]+(?:and )?dec ?[=:]? ?[+-]?\d{1,2}(?:\.\d+)?"
    r"|(?<![\w.])\d{1,3}\.\d{2,}[ ,]+[+-]?\d{1,2}\.\d{2,}(?![\w.])",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“「『《]([^\"”」』》]{1,80})[\"”」』》]")
#: A name without a mark, right after what opens a star: begins with a capital, ends the text or a clause.
_NAMED = re.compile(
    rf"(?i:{vocabulary.OPENING})\s*(?:the )?(?:star )?([A-Zα-ω][\w*' +-]{{1,40}}?)"
    r"\s*(?:[,.;?!。]|$|\band\b|\bplease\b|并|和它|的)"
)
_STARS = (
    r"(?:stars?|neighbou?rs?|similar|twins?|look|matches|siblings|of them|more|instead|nearest|closest|best"
    r"|oddest|others)"
)
_COUNT = re.compile(
    r"\btop[ -](\d{1,4})\b|(\d{1,4}) ?(?:颗|个(?!模型))"
    rf"|\b(\d{{1,4}})(?: of (?:the|its))?(?: (?!nm|ang|km|k\b)[\w-]+){{0,2}} {_STARS}"
    r"|(?:nearest|closest|best|k ?=|只要|前) ?(\d{1,4})\b"
)
_RANGE = re.compile(
    r"(?<![\w.])(\d{3,5}(?:\.\d+)?) ?(?:Å|A|AA|nm|angstroms?|ångström|埃|纳米)? ?(?:-|~|to|and|through|到|至|和)"
    r" ?(\d{3,5}(?:\.\d+)?) ?(Å|A\b|AA\b|nm|angstroms?|ångström|埃|纳米)?(?! ?k\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Slots:
    """What was found; empty where nothing was.

    Parameters
    ----------
    stars : tuple of str
        In their order; those in quotation marks and uploaded files among them.
    labels : tuple of str
    surveys : tuple of str
        "xp", "lamost"; the first counts where one is wanted.
    count : int or None
    model : str
        One that is here, or what the person called one that is not.
    file : str
        To write to.
    stretch : tuple of float
        Two wavelengths in Å, or empty.
    rest : str
        The text, folded, without names of stars and files.
    """

    stars: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    surveys: tuple[str, ...] = ()
    count: int | None = None
    model: str = ""
    file: str = ""
    stretch: tuple[float, ...] = ()
    rest: str = field(default="", compare=False)

    @property
    def survey(self) -> str:
        """The survey that counts, "" if none is named."""
        return self.surveys[0] if self.surveys else ""


def read(text: str, *, uploads: Iterable[str] = (), models: Iterable[str] = ()) -> Slots:
    """What a text names.

    Parameters
    ----------
    text : str
    uploads : iterable of str
        Names of files that were handed over.
    models : iterable of str
        Names of models that are here.
    """
    models, names = tuple(models), _Names(vocabulary.fold(text))
    for name in sorted(uploads, key=len, reverse=True):
        names.take_all(vocabulary.fold(name), name)
    file = names.files()
    names.rest = vocabulary.spaced(names.rest)
    names.stars([part for name in models for part in (name, name.split("-")[0])])
    model, rest = _model(names.rest, models)
    rest = mended(rest)
    lower = rest.lower()
    stretch = _stretch(rest)
    labels = [(at, k) for k, p in vocabulary.LABELS.items() if (at := meant(p, lower)) is not None]
    surveys = [(at, s) for s, p in vocabulary.SURVEYS.items() if (at := meant(p, lower)) is not None]
    return Slots(
        names.found(), tuple(k for _, k in sorted(labels)), tuple(s for _, s in sorted(surveys)),
        None if stretch else count_in(lower), model, file, stretch, " ".join(rest.split()),
    )  # fmt: skip


class _Names:
    """Names of stars and files, taken out of a text one kind after the other; what is taken back is no star."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self._found: list[tuple[int, str]] = []

    def found(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name in sorted(self._found)))

    def take(self, at: int, written: str, name: str) -> None:
        if not re.search(rf"{vocabulary.DENIED}(?: the)?[ \"“「]*$", self.rest[:at], re.IGNORECASE):
            self._found.append((at, name))
        self.rest = self.rest[:at] + " " * len(written) + self.rest[at + len(written) :]

    def take_all(self, written: str, name: str) -> None:
        while written and (at := self.rest.find(written)) >= 0:
            self.take(at, written, name)

    def files(self) -> str:
        """Take what looks like a file; the one that can be written is given."""
        writable, matches = "", list[tuple[int, str]]()
        for match in _FILE.finditer(self.rest):
            verb = _VERB.match(match[0].rsplit(".", 1)[0])
            cut = verb.end() if verb is not None and len(match[0]) > verb.end() else 0
            matches.append((match.start() + cut, match[0][cut:]))
        for at, name in matches:
            if name.rsplit(".", 1)[-1].lower() in {f.lstrip(".") for f in FORMATS}:
                writable = name
                self.rest = self.rest[:at] + " " * len(name) + self.rest[at + len(name) :]
            else:
                self.take(at, name, name)
        return writable

    def stars(self, models: Iterable[str] = ()) -> None:
        for match in _STAR.finditer(self.rest):
            self.take(match.start(), match[0], _spaced(match[0]))
        for match in _QUOTED.finditer(self.rest):
            if match[1].strip():
                self.take(match.start(1), match[1], " ".join(match[1].split()))
        for at, written, name in famous_in(self.rest):
            self.take(at, written, name)
        kind = kind_in(self.rest)
        if kind is not None:
            self.take(*kind)
        for match in _NAMED.finditer(self.rest):
            if not _known(match[1]) and match[1].lower() not in models:
                self.take(match.start(1), match[1], " ".join(match[1].split()))


def _spaced(name: str) -> str:
    """ "demo3" as "demo 3", "obsid=3" as "obsid 3"; "source_id" of a Gaia source left out."""
    plain = re.sub(r"^demo ?#?(\d)", r"demo \1", " ".join(name.split()), flags=re.IGNORECASE)
    plain = re.sub(r"^(?:lamost )?obs_?(?: ?id)?[ :=#]*(\d)", r"obsid \1", plain, flags=re.IGNORECASE)
    return re.sub(r"source_?(?: ?id)?[ :=]*(?=\d)", "", plain, flags=re.IGNORECASE)


def is_name(text: str) -> bool:
    """Whether a text is a star's or a file's name by its form, and so no sentence that says something."""
    plain = vocabulary.fold(text)
    return _STAR.fullmatch(plain) is not None or _FILE.fullmatch(plain) is not None


def _known(name: str) -> bool:
    """Whether a capitalised word begins with one that means something else."""
    first = name.lower()
    patterns = (*vocabulary.LABELS.values(), *vocabulary.SURVEYS.values(), *vocabulary.ACTIONS.values())
    plain = first in ("it", "me", "the") or re.search("light ?curve|光变", first) is not None
    return plain or any(re.match(p, first) for p in patterns)


def meant(pattern: str, lower: str) -> int | None:
    """Where something is named that is not taken back right before."""
    for match in re.finditer(pattern, lower):
        if not re.search(
            rf"{vocabulary.DENIED} ?(?:the |its |from |with |by |in |use |using |用|看| )*$", lower[: match.start()]
        ):
            return match.start()
    return None


def _model(text: str, models: tuple[str, ...]) -> tuple[str, str]:
    """The model that is named, and the text without it; one that is not here is given as the field writes it."""
    stems = {name.split("-")[0] for name in models}
    either = "|".join(re.escape(n) for n in sorted({*models, *stems}, key=len, reverse=True))
    if either:
        text = re.sub(rf"{vocabulary.DENIED} ?(?:with |by |use |using |用)?(?:{either})(?!\w)", " ", text, flags=re.I)
    name = model_asked(text, models)
    written = "|".join(re.escape(n).replace(r"\ ", "[ -]?") for n in (name, name.split("-")[0]) if n)
    if name in ELSEWHERE.values():
        written = next(p for p, known in ELSEWHERE.items() if known == name)
    return name, re.sub(rf"(?<![A-Za-z0-9])(?:{written})(?![A-Za-z0-9])", " ", text, flags=re.I) if name else text


def _stretch(text: str) -> tuple[float, ...]:
    match = _RANGE.search(text)
    if match is None:
        return ()
    low, high = float(match[1]), float(match[2])
    factor = 10.0 if (match[3] or "").lower() in ("nm", "纳米") or high < 2000.0 else 1.0
    return (low * factor, high * factor) if low < high else ()


def count_in(text: str, *, alone: bool = False) -> int | None:
    """A number of stars; ``alone`` takes any whole number."""
    match = _COUNT.search(text)
    if match is not None:
        return int(next(g for g in match.groups() if g))
    for word, number in sorted(vocabulary.NUMBER_WORDS.items(), key=lambda item: -len(item[0])):
        pattern = (
            rf"\b{word}\b(?: [\w-]+){{0,2}} {_STARS}|\btop {word}\b"
            if word.isascii()
            else rf"(?<!第){word} ?[颗个](?!模型)"
        )
        if re.search(pattern, text):
            return number
    only = re.search(r"(?<![\w.])(\d{1,3})(?![\w.])", text) if alone else None
    return None if only is None else int(only[1])
