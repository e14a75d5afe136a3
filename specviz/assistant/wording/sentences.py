"""``say``: an answer of a tool in words, in English or Chinese."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from specviz.assistant.intents.meaning import Understood
from specviz.assistant.intents.vocabulary import EXAMPLES, Language
from specviz.assistant.tools.result import Answer
from specviz.assistant.wording import patterns
from specviz.assistant.wording.glossary import GLOSSARY
from specviz.assistant.wording.phrases import PHRASES
from specviz.assistant.wording.problems import remark_in, text_in
from specviz.views import formats

#: Labels of one answer that are said; the rest stands in the table beside it.
SAID = 6
_BRACES = re.compile(r"\{(\w+)\}")


def say(answer: Answer, language: Language) -> str:
    """The answer in words; every number in it is one of the answer's."""
    if answer.tool == "help":
        return help_text(language)
    teller = _TELLERS.get(answer.tool)
    return "" if teller is None else teller(answer.data, _Words(language))


def not_understood(understood: Understood) -> str:
    """What to say where nothing is called: a reply, a term, what is missing, or that nothing was understood."""
    words = _Words(understood.language)
    examples = words.quoted(understood.suggestions)
    if understood.reply.startswith("term:"):
        return GLOSSARY[understood.reply.removeprefix("term:")][understood.language]
    if understood.reply:
        return words(understood.reply, examples=examples)
    return words(f"missing_{understood.missing}" if understood.missing else "unknown", examples=examples)


def about_files(language: Language, broken: Iterable[str] = (), more: Iterable[tuple[str, str]] = ()) -> str:
    """Which files could not be read, and which hold more stars than the one in hand: (file, name of the second)."""
    words, names = _Words(language), [f"“{name}”" for name in broken]
    said = [words("broken_files", files=words.join(names))] if names else []
    return words.text(*said, *(words("more_stars", file=file, second=second) for file, second in more))


def help_text(language: Language) -> str:
    """What can be said."""
    words = _Words(language)
    return words("help", examples=words.quoted(EXAMPLES[language]))


class _Words:
    """Phrases of a language, and the ways to join words."""

    def __init__(self, language: Language) -> None:
        self.language, self._phrases = language, PHRASES[language]

    def __call__(self, phrase: str, **filled: Any) -> str:
        if self.language == "en":
            return self._phrases[phrase].format(**filled)
        return patterns.filled(_BRACES.sub(r"<\1>", self._phrases[phrase]), {k: str(v) for k, v in filled.items()})

    def source(self, name: str) -> str:
        """ "spectrum" or "light curve" in this language."""
        return self._phrases[name]

    def told(self, text: str) -> str:
        """A word or a sentence of an answer (a check, a reason, a note) in this language."""
        return remark_in(self.language, text)

    def told_all(self, texts: Iterable[str]) -> str:
        """Notes of an answer, each a sentence or more."""
        return self.text(*(text_in(self.language, f"{t[:1].upper()}{t[1:].rstrip('.')}.") for t in texts))

    def heading(self, label: str) -> str:
        """What a label is called."""
        return self._phrases.get(f"label_{label}", formats.heading(label))

    def join(self, parts: Iterable[str]) -> str:
        """ "a, b and c"."""
        items = list(parts)
        if len(items) < 2:
            return "".join(items)
        front, last = self._phrases["comma"].join(items[:-1]), items[-1]
        between = self._phrases["and"]
        if self.language == "zh":
            between = between[bool(patterns.CHINESE.match(front[-1:])) : 2 if patterns.CHINESE.match(last) else 3]
        return front + between + last

    def text(self, *sentences: str) -> str:
        """Sentences after each other."""
        return self._phrases["stop"].join(s for s in sentences if s)

    def quoted(self, texts: Iterable[str]) -> str:
        """ "“a”, “b”"."""
        return self._phrases["comma"].join(f"“{t}”" for t in texts)


# ---------------------------------------------------------------------------------------------- numbers
def _value(row: Mapping[str, Any], words: _Words) -> str:
    """ "Teff 5813 ± 28 K" or "+62 −58"."""
    return f"{words.heading(row['label'])} {_amount(row)}".rstrip()


def _values(rows: Iterable[Mapping[str, Any]], words: _Words) -> str:
    return words.join(_value(row, words) for row in rows)


def _amount(row: Mapping[str, Any]) -> str:
    """ "5813 ± 28 K"; "" where there is no value."""
    label, value = row["label"], row["value"]
    if value is None:
        return ""
    plus, minus = row.get("plus", row.get("error")), row.get("minus", row.get("error"))
    digits = formats.DECIMALS.get(label, 2)
    error = ""
    if plus is not None and minus is not None:
        up, down = formats.number(plus, digits), formats.number(minus, digits)
        error = f" ± {up}" if up == down else f" +{up} −{down}"
    return _with_unit(label, formats.label(label, value) + error)


def _with_unit(label: str, written: str) -> str:
    unit = formats.unit(label)
    return written if unit in ("", "dex") else f"{written} {unit}"


def _alone(label: str, value: Any) -> str:
    return _with_unit(label, formats.label(label, value))


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:g}".replace("-", "−")


def _pair(name: str, value: float, error: float) -> dict[str, str]:
    """A value and its error with as many decimals as two digits of the error have."""
    digits = 0 if error <= 0 else max(0, 1 - math.floor(math.log10(error)))
    return {name: formats.number(value, digits), "error": formats.number(error, digits)}


# ---------------------------------------------------------------------------------------------- tools
def _star(data: Mapping[str, Any], words: _Words) -> str:
    spectra = words.join(
        words("no_snr" if s["snr"] is None else "snr", survey=words.told(s["survey"]), snr=_plain(s["snr"]))
        for s in data["spectra"]
    )
    told = {"name": data["name"], "spectra": spectra or words("no_spectra")}
    if data["ra"] is not None and data["dec"] is not None:
        first = words("star", where=f"RA {data['ra']:.4f}°, Dec {data['dec']:+.4f}°", **told)
    else:
        first = words("star_bare", **told)
    known = [
        words("catalogue", name=words.told(c["name"]), values=_catalogue(c["values"], words))
        for c in data["catalogues"][:2]
    ]
    return words.text(first, *known)


def _catalogue(values: Mapping[str, Any], words: _Words) -> str:
    return words.join(f"{words.heading(k)} {_alone(k, v)}" for k, v in values.items())


def _labels(data: Mapping[str, Any], words: _Words) -> str:
    sentences = []
    for survey in dict.fromkeys(row["from"] for row in data["labels"]):
        rows = [row for row in data["labels"] if row["from"] == survey][:SAID]
        sentences.append(words("labels", star=data["star"], survey=survey, values=_values(rows, words)))
    outside = [words.heading(row["label"]) for row in data["labels"] if row["outside_training"]]
    return words.text(*sentences, words("outside", labels=words.join(outside)) if outside else "")


def _posterior(data: Mapping[str, Any], words: _Words) -> str:
    label = data["label"]
    (low, high), (lower, upper) = data["interval_68"], data["interval_95"]
    first = words(
        "posterior", label=words.heading(label), star=data["star"], median=_alone(label, data["median"]),
        low=_alone(label, low), high=_alone(label, high), lower=_alone(label, lower), upper=_alone(label, upper),
    )  # fmt: skip
    others = [f"{words.heading(k)} ({formats.number(v, 2, sign=True)})" for k, v in data["correlations"].items()]
    return words.text(first, words("correlations", others=words.join(others)) if others else "")


def _oddness(data: Mapping[str, Any], words: _Words) -> str:
    percentile = data.get("percentile")
    if percentile is None:
        first = words("no_oddness", star=data["star"])
    else:
        first = words("oddness", star=data["star"], percentile=_plain(percentile), n=data["reference_stars"])
    places = [
        f"{words.told(r['where'])} ({_plain(r['wavelength'])} Å, {_plain(r['sigma'])} σ)"
        for r in data.get("reasons", [])[:3]
    ]
    failed = [words.told(c["text"]) for c in data["checks"] if c["passed"] is False]
    checks = words("checks_bad", checks=words.join(failed)) if failed else words("checks_good")
    return words.text(first, words("reasons", places=words.join(places)) if places else "", checks)


def _translate(data: Mapping[str, Any], words: _Words) -> str:
    told = {"star": data["star"], "to": data["to"], "source": data["from"]}
    if data.get("off_by_percent") is None:
        return words("translate_bare", **told)
    return words("translate", **told, off=_plain(data["off_by_percent"]), chi2=_plain(data["chi2_per_point"]))


def _why(data: Mapping[str, Any], words: _Words) -> str:
    label = data["label"]
    unit, digits = formats.unit(label), formats.DECIMALS.get(label, 2)
    lines = [f"{r['line']} ({formats.number(r['adds'], digits, sign=True)} {unit})" for r in data["lines"][:4]]
    value = _alone(label, data["value"])
    return words("why", label=words.heading(label), star=data["star"], value=value, lines=words.join(lines))


def _compare(data: Mapping[str, Any], words: _Words) -> str:
    sentences = []
    for label in list(dict.fromkeys(row["label"] for row in data["values"]))[:4]:
        heading = words.heading(label)
        values = [
            f"{words.told(row['source'])} ({words.told(row['from'])}) {_amount(row)}"
            for row in data["values"]
            if row["label"] == label
        ]
        sentences.append(words("compare", label=heading, values=words.join(values)))
    silent = [s["model"] for s in data["silent"]]
    return words.text(*sentences, words("silent", models=words.join(silent)) if silent else "")


def _similar(data: Mapping[str, Any], words: _Words) -> str:
    stars = []
    for row in data["stars"]:
        teff = f", {_alone('teff', row['teff'])}" if row.get("teff") else ""
        stars.append(f"{row['star']} ({_plain(row['similarity'])}{teff})")
    return words("similar", k=len(stars), n=data["among"], stars=words.join(stars))


def _outliers(data: Mapping[str, Any], words: _Words) -> str:
    oddest = " ".join(f"{r['rank']}. {r['star']}{words('colon')}{words.told_all([r['why']])}" for r in data["oddest"])
    return words("outliers", n=data["stars"], stars=oddest)


def _abundances(data: Mapping[str, Any], words: _Words) -> str:
    measured = [row for row in data["labels"] if not row["decided_by_prior"]][: 2 * SAID]
    prior = [words.heading(row["label"]) for row in data["labels"] if row["decided_by_prior"]]
    first = words("abundances", star=data["star"], values=_values(measured, words)) if measured else ""
    return words.text(first, words("prior", labels=words.join(prior)) if prior else "")


def _light_curve(data: Mapping[str, Any], words: _Words) -> str:
    turning, hump, dips = data["rotation"], data["oscillations"], data["eclipses"]
    sentences = [
        words("curve", star=data["star"], source=words.told(data["from"]), points=data["points"],
              days=_plain(data["days"]), range=_plain(data["range_ppm"])),
        words("no_rotation") if turning is None
        else words("rotation", **_pair("period", turning["period_days"], turning["error_days"])),
    ]  # fmt: skip
    if hump is not None:
        told = _pair("nu_max", hump["nu_max_microhertz"], hump["error_microhertz"])
        known = hump["logg"] is not None
        sentences.append(
            words("oscillations_logg", logg=_plain(hump["logg"]), **told) if known else words("oscillations", **told)
        )
    if dips is not None:
        sentences.append(
            words("eclipses", n=dips["events"], depth=_plain(dips["depth_ppm"]),
                  duration=_plain(dips["duration_hours"]), **_pair("period", dips["period_days"], dips["error_days"]))
        )  # fmt: skip
    return words.text(*sentences, words("simulated_curve") if data["simulated"] else "")


def _stretch(data: Mapping[str, Any], words: _Words) -> str:
    rows = data["labels"]
    told = {"star": data["star"], "survey": data["survey"], "values": _values(rows, words)}
    ends = f"{_plain(data['start'])}–{_plain(data['stop'])} Å"
    if data["whole"]:
        sentences = [words("stretch_whole", **told)]
    else:
        whole = [{**row, "value": row["whole"], "error": row["whole_error"]} for row in rows]
        where = f"{words.told(data['part'])} ({ends})" if data["part"] else ends
        sentences = [
            words("stretch", where=where, **told),
            words("against_whole", values=_values(whole, words)),
        ]
    places = [f"{p['line']} ({_plain(p['wavelength'])} Å)".lstrip() for p in data.get("looks_at", [])[:3] if p["line"]]
    if places:
        sentences.append(words("looks_at", places=words.join(places)))
    for note in dict.fromkeys(row["note"] for row in rows if row["note"]):
        named = words.join(words.heading(row["label"]) for row in rows if row["note"] == note)
        said = words.told(note[0].upper() + note[1:])
        sentences.append(words("note", note=said, labels=named))
    outside = [words.heading(row["label"]) for row in rows if row["outside_training"]]
    sentences.append(words("outside", labels=words.join(outside)) if outside else "")
    few = [w for w in data["warnings"] if "fewer than a tenth" in w]
    sentences.append(words("few_pixels", pixels=data["pixels"]) if few else "")
    return words.text(*sentences, words.told_all(w for w in data["warnings"] if w not in few))


def _desa(data: Mapping[str, Any], words: _Words) -> str:
    told = {"star": data["star"], "read": words.join(map(words.source, data["read"]))}
    age = data["age"]
    written = "" if age is None else _amount(age).removesuffix(" Gyr")
    sentences = [words("desa", **told) if age is None else words("desa_age", age=written, **told)]
    chance = data["close_binary_percent"]
    if chance is not None:
        said = "< 1 %" if chance < 1 else "> 99 %" if chance > 99 else f"{_plain(chance)} %"
        sentences.append(words("binary", percent=said))
    if data["disagreement_percentile"] is not None:
        sentences.append(words("disagree", percent=_plain(data["disagreement_percentile"])))
    for source in dict.fromkeys(row["from"] for row in data["labels"]):
        rows = [row for row in data["labels"] if row["from"] == source]
        sentences.append(words("desa_labels", source=words.source(source), values=_values(rows, words)))
    sentences.append(words("simulated_curve") if data["simulated"] else "")
    return words.text(*sentences, words.told_all(data["notes"]))


def _papers(data: Mapping[str, Any], words: _Words) -> str:
    papers = []
    for i, p in enumerate(data["papers"], 1):
        who = ", ".join(str(x) for x in (p["authors"], p["year"]) if x)
        note = f". {p['note'].rstrip('.。')}" if p.get("note") else ""
        papers.append(f"{i}. {p['title']} ({who}), {p['id']}{note}")
    if papers:
        return words("papers", papers="\n".join(papers))
    if "from" in data:
        return words("none_online", service=data["from"], query=data["query"])
    return words("no_papers", query=data["query"])


def _models(data: Mapping[str, Any], words: _Words) -> str:
    return words("models", models=words.join(m["name"] for m in data["models"]), asked=data["asked"])


_TELLERS: Mapping[str, Callable[[Mapping[str, Any], _Words], str]] = {
    "load": _star,
    "fetch": _star,
    "star": _star,
    "labels": _labels,
    "posterior": _posterior,
    "oddness": _oddness,
    "translate": _translate,
    "why": _why,
    "compare": _compare,
    "similar": _similar,
    "outliers": _outliers,
    "abundances": _abundances,
    "light_curve": _light_curve,
    "fetch_light_curve": _light_curve,
    "stretch": _stretch,
    "desa": _desa,
    "papers": _papers,
    "papers_online": _papers,
    "models": _models,
    "export": lambda data, words: words("export", **{**data, "what": words.told(data["what"])}),
    "use_model": lambda data, words: words("use_model", **data),
    "show": lambda data, words: words("show", star=data["star"]),
}
