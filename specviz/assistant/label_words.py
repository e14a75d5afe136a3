"""What a text speaks of (a label, a unit), and in which units a label is given; in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from specviz.assistant.intents.vocabulary import ELEMENTS

#: Unit as it is written -> kind of quantity, and how many of the kind's own unit it is.
UNITS: Mapping[str, tuple[str, float]] = {
    r"K(?! ?(?:giants?|dwarfs?|stars?|[- ]?types?|型))|kelvins?|开尔文|开(?!始|放)": ("temperature", 1.0),
    r"dex": ("dex", 1.0),
    r"km ?/ ?s(?:ec)?|km ?s(?:\^?[-−]1|⁻¹)|kilomet(?:er|re)s? per second|(?:公里|千米) ?(?:/|每) ?秒":
        ("velocity", 1.0),
    r"m ?/ ?s|m ?s(?:\^?[-−]1|⁻¹)|met(?:er|re)s? per second|米 ?(?:/|每) ?秒": ("velocity", 1e-3),
    r"Gyrs?|Ga|billion years?|十亿年": ("time", 365.25e9),
    r"亿年": ("time", 365.25e8),
    r"Myrs?|Ma|million years?|百万年": ("time", 365.25e6),
    r"kyrs?|thousand years?|千年": ("time", 365.25e3),
    r"万年": ("time", 365.25e4),
    r"yrs?|years?|年(?!龄|前|度)": ("time", 365.25),
    r"d|days?|天(?!空|狼|文|光|球)": ("time", 1.0),
    r"hours?|hrs?|h|小时": ("time", 1 / 24),
    r"min(?:utes?)?|分钟": ("time", 1 / 1440),
    r"s|sec(?:onds?)?|秒(?!差)": ("time", 1 / 86400),
    r"kpc|kiloparsecs?|千秒差距": ("distance", 1000.0),
    r"Mpc|megaparsecs?|百万秒差距": ("distance", 1e6),
    r"pc|parsecs?|秒差距": ("distance", 1.0),
    r"light[- ]years?|ly|光年": ("distance", 0.306601),
    r"Å|A(?! ?(?:giants?|dwarfs?|stars?|[- ]?types?|型))|AA|[Aa]ngstr[oö]ms?|埃": ("wavelength", 1.0),
    r"nm|nanomet(?:er|re)s?|纳米": ("wavelength", 10.0),
    r"[μµ]m|microns?|微米": ("wavelength", 1e4),
    r"mmag|毫星等": ("magnitude", 1e-3),
    r"mag(?:nitudes?|s)?|星等": ("magnitude", 1.0),
    r"[μµu]Hz|microhertz|微赫兹?": ("frequency", 1.0),
    r"mHz|毫赫兹?": ("frequency", 1e3),
    r"ppm|百万分之一": ("share", 1e-4),
    r"%|per ?cent|percent": ("share", 1.0),
    r"σ|sigmas?": ("sigma", 1.0),
    r"M(?:☉|⊙|_?sun|_?\{?\\odot\}?)|solar mass(?:es)?|(?:个)?太阳质量": ("mass", 1.0),
    r"R(?:☉|⊙|_?sun|_?\{?\\odot\}?)|solar radi(?:us|i)|(?:个)?太阳半径": ("radius", 1.0),
    r"L(?:☉|⊙|_?sun|_?\{?\\odot\}?)|solar luminosit(?:y|ies)|(?:个)?太阳光度": ("luminosity", 1.0),
    r"(?:[a-z-]+ ){0,2}(?:stars?|samples?|draws|points?|pixels?|px|spectra|eclipses|papers?|sources?|labels?|models?"
    r"|measurements?)|颗|个(?!太阳)|条|篇|次": ("count", 1.0),
    r"°|deg(?:rees?)?": ("angle", 1.0),
    r"arcsec(?:onds?)?|″|角秒": ("angle", 1 / 3600),
    r"arcmin(?:utes?)?|′|角分": ("angle", 1 / 60),
    r"mas|毫角秒": ("angle", 1 / 3.6e6),
}  # fmt: skip
_UNIT = re.compile(
    r"\s*(?:" + "|".join(f"(?P<u{i}>{p})" for i, p in enumerate(UNITS)) + r")(?![A-Za-z0-9⁻^]| ?/ ?[A-Za-z])"
)
_KINDS = tuple(UNITS.values())

#: Label -> the kinds of quantity that it is; "" has no unit.
KINDS: Mapping[str, tuple[str, ...]] = {
    "teff": ("temperature",), "logg": ("dex",), "fe_h": ("dex",), "rv": ("velocity",), "vsini": ("velocity",),
    "vmic": ("velocity",), "ebv": ("magnitude",), "e_bp_rp": ("magnitude",), "age": ("time",), "prot": ("time",),
    "period": ("time",), "duration": ("time",), "nu_max": ("frequency",), "dnu": ("frequency",), "mass": ("mass",),
    "radius": ("radius",), "luminosity": ("luminosity",), "distance": ("distance",), "parallax": ("angle",),
    "ra": ("angle",), "dec": ("angle",), "snr": ("",), "similarity": ("",), "chi2": ("",), "percentile": ("share",),
    "binary": ("share",), "depth": ("share",), "range": ("share",), "wavelength": ("wavelength",), "sigma": ("sigma",),
    "correlation": ("",), "off": ("share",), "magnitude": ("magnitude",),
}  # fmt: skip
#: What a text speaks of -> the labels that it may mean.
_WORDS: Mapping[str, str] = {
    r"\bT_?\{?(?:\\rm )?eff\}?(?![a-z])|\bteff\b|effective temperatures?|\btemperatures?\b|有效温度|温度": "teff",
    r"\blog\W{0,2}g\b(?!\w)|\blogg\b|surface gravit\w+|\bgravit(?:y|ies)\b|表面重力|重力": "logg",
    r"\[(?:Fe|M) ?/ ?H\]|\bfe_h\b|\bfe/h\b|metallicit(?:y|ies)|iron abundance|金属丰度|金属度|铁丰度": "fe_h",
    r"\[(?:α|alpha) ?/ ?(?:Fe|M)\]|\balpha_fe\b|\balpha(?:[- ]element)?s? (?:abundances?|enhancement)|α ?元素|α ?丰度":
        "alpha_fe",
    r"radial velocit(?:y|ies)|\bRV\b|视向速度|径向速度": "rv",
    r"\bv ?sin ?i\b|\bvsini\b|rotation(?:al)? velocit(?:y|ies)|自转速度": "vsini",
    r"\bv_?mic\b|microturbulen\w+|微观?湍流": "vmic",
    r"(?<!radial )(?<!rotation )(?<!rotational )\bvelocit(?:y|ies)\b|(?<!视向)(?<!径向)(?<!自转)速度": "rv vsini vmic",
    r"E\(B ?[-−–] ?V\)|\bebv\b|\bredden(?:ing|ed)\b|\bextinction\b|红化|消光": "ebv e_bp_rp",
    r"\bages?\b|\bold\b|\bolder\b|\byounger\b|年龄": "age",
    r"\bprot\b|\brotation(?! velocit)(?: periods?)?\b|\brotates?\b|\bturns\b|自转(?!速度)(?:周期)?":
        "prot period vsini",
    r"(?<!rotation )\bperiods?(?:_days)?\b|(?<!自转)周期|\beclipses?\b|掩食": "prot period duration depth",
    r"ν_?max|\bnu_?max|振荡频率|\boscillat\w+": "nu_max logg",
    r"Δν|\bdnu\b|large separation": "dnu",
    r"\bmass(?:es)?\b(?! loss)|质量(?!检查|好|标|控制)": "mass", r"\bradi(?:us|i)\b|半径": "radius",
    r"\bluminosit(?:y|ies)\b|光度(?!曲线)": "luminosity",
    r"\bdistances?\b|\bdistant\b|\baway\b|距离(?:地球|我们|太阳)?": "distance", r"\bparallax(?:es)?\b|视差": "parallax",
    r"\bRA\b|\bra\b|right ascension|赤经": "ra", r"\bDec\b|\bdec\b|declination|赤纬": "dec",
    r"\bS ?/ ?N\b|\bSNR\b|\bsnr\b|signal[- ]to[- ]noise|信噪比": "snr",
    r"\bsimilarit(?:y|ies)\b|相似度": "similarity",
    r"χ²(?:/N)?|χ2|\bchi[-_ ]?(?:2|squared?)|卡方": "chi2",
    r"\bcorrelat\w+|相关": "correlation",
    r"\bH[αβγδε]|\bH[- ]?(?:alpha|beta|gamma|delta)\b|\b(?:[A-Z][a-z]? I{1,3}|Mg b|Na D|TiO|CaH|CN|CH|MgH)\b|\blines?\b"
    r"|\bbands?\b|\bwavelengths?\b|谱线|波长|吸收带": "wavelength",
}  # fmt: skip
_ANY = re.compile("|".join(f"(?P<w{i}>{p})" for i, p in enumerate(_WORDS)), re.IGNORECASE)
_MEANT = tuple(frozenset(v.split()) for v in _WORDS.values())
_ELEMENT = re.compile(
    r"\[(?P<x>[A-Z][a-z]?) ?/ ?(?P<of>Fe|H)\]|\b(?P<key>[a-z]{1,2})_(?P<by>fe|h)\b|"
    + "|".join(f"(?P<e{i}>\\b{english}\\b|{chinese}(?:元素|丰度|的丰度|含量))"
               for i, (english, chinese) in enumerate(ELEMENTS.values())),
)  # fmt: skip


def kinds_of(label: str) -> tuple[str, ...] | None:
    """The kinds of quantity that a label is; None for one that is not known."""
    return ("dex",) if re.fullmatch(r"[a-z]+_(?:fe|h)", label) else KINDS.get(label)


def unit_at(text: str, at: int) -> tuple[tuple[str, float] | None, int]:
    """The unit at a place: (kind, how many of the kind's own unit), None if there is none; and where it ends."""
    match = _UNIT.match(text, at)
    if match is None or match.lastgroup is None:
        return None, at
    return _KINDS[int(match.lastgroup[1:])], match.end()


def unit_named(unit: str) -> tuple[str, float] | None:
    """The same of a unit's name, such as "km/s"."""
    found, end = unit_at(unit, 0)
    return found if end == len(unit) else None


def mentions(text: str) -> Iterator[tuple[int, int, frozenset[str]]]:
    """Where labels are named in a text: begin, end, the labels that may be meant."""
    found = []
    for match in _ANY.finditer(text):
        assert match.lastgroup is not None
        found.append((match.start(), match.end(), _MEANT[int(match.lastgroup[1:])]))
    for match in _ELEMENT.finditer(text):
        if match["x"]:
            label = f"{match['x'].lower()}_{match['of'].lower()}"
        elif match["key"]:
            label = f"{match['key']}_{match['by']}"
        else:
            label = f"{list(ELEMENTS)[int(str(match.lastgroup)[1:])]}_fe"
        if label not in ("fe_h", "m_h"):
            found.append((match.start(), match.end(), frozenset((label,))))
    yield from sorted(found, key=lambda one: one[:2])
