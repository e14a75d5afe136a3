"""Which model a text or a tool's argument names: one that is here, or one that is not, which is then said.

Without this, "its temperature according to StarNet" would be answered by the usual model without a word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from specviz.errors import UnknownModelError, did_you_mean

#: Models of the field that people ask for by name and that are not part of specviz: pattern -> name as it is written.
ELSEWHERE: Mapping[str, str] = {
    r"star ?net": "StarNet", r"astro ?nn": "astroNN", r"(?:the )?cannon": "The Cannon", r"(?:the )?payne": "The Payne",
    r"dd[- ]?payne": "DD-Payne", r"transformer[- ]?payne": "TransformerPayne",
    r"stellar ?perceptron": "StellarPerceptron",
    r"spca ?net": "SPCANet", r"aspcap": "ASPCAP", r"gsp[- ]?phot": "GSP-Phot", r"gsp[- ]?spec": "GSP-Spec",
    r"sh ?boost": "SHBoost", r"star ?horse": "StarHorse", r"asp ?gap": "AspGap", r"astro ?clip": "AstroCLIP",
    r"lasp": "LASP", r"turbospectrum": "Turbospectrum", r"(?:chat ?)?gpt[-\w.]*": "GPT",
}  # fmt: skip
#: What stands before the name of a model, and after it.
_BEFORE = (
    r"(?:\baccording to|\bask(?:ing)?|\busing|\buse|\bswitch to|\bwith|\bby|\bfrom|\bof|\bthan|\bmodels?"
    r"|用|使用|改用|换用|换成|根据|按照?|依据|问问?|模型)\s*(?:the )?(?:model )?[\"“'‘「]?"
)
_AFTER = (
    r"[\"”'’」]?\s*(?:\b(?:says?|thinks?|gives?|tells?|predicts?|models?|'s)\b"
    r"|模型|的|怎么|认为|给出|来|再|计算|预测|,|，|[.?!。？！]|$)"
)
#: A name that nothing else explains: letters and digits, after words that only a model follows or before "model".
_STRANGE = re.compile(
    r"(?:(?i:\baccording to (?:the )?|\bask (?:the )?|\bmodel (?:called |named )|根据|按照|模型))\s*[\"“]?"
    r"([A-Za-z][A-Za-z0-9-]{2,30})"
    r"|(?<![A-Za-z0-9-])([A-Za-z][A-Za-z0-9-]{2,30})[\"”]?\s*模型"
    r"|(?<![A-Za-z0-9-])([A-Za-z]+(?:-[A-Za-z0-9]+|[A-Z][A-Za-z0-9]*|[0-9]+))[\"”]? model\b"
)
#: Words that follow "according to" or "ask" and are no model.
_NO_MODEL = (
    "the", "and", "gaia", "lamost", "simbad", "its", "this", "that", "which", "what", "all", "you", "any", "sdss",
    "apogee", "galah", "desi", "literature", "catalogue", "catalogues", "catalog", "spectrum", "spectra",
    "spectral", "for", "about", "another", "every", "each", "other", "says", "name", "names", "atmosphere", "star",
    "stars", "mast", "vizier", "both", "his", "her", "their", "our", "your", "bp", "rp", "emulator", "emulators",
    "disagree", "agree", "predicts", "gives",
)  # fmt: skip


def model_asked(text: str, here: Iterable[str]) -> str:
    """The model that a text names: as :func:`model_here` takes it, "" where it names none.

    Parameters
    ----------
    text : str
        Folded (:func:`specviz.assistant.intents.vocabulary.fold`).
    here : iterable of str
        Models on this machine.

    Returns
    -------
    str
        A name of ``here``; or the name of one that is not here, as it is known in the field or as the text writes it.
    """
    here = tuple(here)
    lower = text.lower()
    for name in sorted(here, key=len, reverse=True):
        if re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", lower):
            return name
    for pattern, name in ELSEWHERE.items():
        if re.search(rf"{_BEFORE}{pattern}(?![A-Za-z0-9])|(?<![A-Za-z0-9]){pattern}{_AFTER}", lower, re.ASCII):
            return name
    for name in here:
        if re.search(rf"(?<![A-Za-z0-9-]){re.escape(_stem(name))}(?![A-Za-z0-9-])", lower):
            return name
    words = [w for w in re.findall(r"[A-Za-z][A-Za-z-]{3,}", text) if w.lower() not in _NO_MODEL]
    for word in words:  # written wrongly: "specklip", "spectrafn"
        if difflib.get_close_matches(word.lower(), [_stem(n) for n in here if len(_stem(n)) > 5], n=1, cutoff=0.75):
            return word
    for match in _STRANGE.finditer(text):
        word = next(filter(None, match.groups()))
        known = match[3] is None or any(c.isupper() or c.isdigit() for c in word)  # not "self-consistent model"
        if known and word.lower() not in _NO_MODEL:
            return word
    return ""


def model_here(name: str, usual: str = "") -> str:
    """The name of a model on this machine that ``name`` means: itself, without case, or its first part ("desa").

    Parameters
    ----------
    name : str
    usual : str
        A model that may be asked whatever its name is: the one that this desk was given (it may be a file of weights;
        a file that a tool's argument names is never read).

    Raises
    ------
    UnknownModelError
        If none is meant.
    """
    from specviz.models.registry import available_models

    here = available_models()
    if name in here or name == usual:
        return name
    plain = name.strip().lower().replace(" ", "-").replace("_", "-")
    found = next((n for n in here if n == plain), None) or next((n for n in here if _stem(n) == plain), None)
    if found is not None:
        return found
    paper = any(name == known for known in ELSEWHERE.values())
    near = did_you_mean(plain, [*here, *map(_stem, here)], cutoff=0.6) if not paper else ""
    raise UnknownModelError(
        f"{name[:40]} is not among the models on this machine" if paper else f"There is no model {name[:40]!r} here",
        expected="one of " + ", ".join(here), remedy=near or (f"Ask for papers about {name}" if paper else ""),
    )  # fmt: skip


def _stem(name: str) -> str:
    return name.split("-")[0].lower()
