"""Stars that are named without a mark: famous ones in both languages, and kinds of star of the demo sky."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Famous stars, by how they are written: what an archive is asked for.
FAMOUS: Mapping[str, str] = {
    "vega": "Vega", "sirius": "Sirius", "arcturus": "Arcturus", "betelgeuse": "Betelgeuse", "aldebaran": "Aldebaran",
    "rigel": "Rigel", "procyon": "Procyon", "polaris": "Polaris", "capella": "Capella", "deneb": "Deneb",
    "altair": "Altair", "pollux": "Pollux", "antares": "Antares", "spica": "Spica", "canopus": "Canopus",
    "fomalhaut": "Fomalhaut", "barnard's star": "Barnard's star", "tau ceti": "tau Ceti",
    "epsilon eridani": "epsilon Eridani", "alpha centauri": "alpha Centauri", "proxima centauri": "Proxima Centauri",
    "织女星": "Vega", "织女一": "Vega", "天狼星": "Sirius", "大角星": "Arcturus", "大角": "Arcturus",
    "参宿四": "Betelgeuse",
    "毕宿五": "Aldebaran", "参宿七": "Rigel", "南河三": "Procyon", "北极星": "Polaris", "五车二": "Capella",
    "天津四": "Deneb", "牛郎星": "Altair", "河鼓二": "Altair", "北河三": "Pollux", "心宿二": "Antares",
    "角宿一": "Spica",
    "老人星": "Canopus", "巴纳德星": "Barnard's star", "天仓五": "tau Ceti", "比邻星": "Proxima Centauri",
}  # fmt: skip
#: Kinds of star, as the demo sky is asked for one of them.
KINDS: Mapping[str, str] = {
    r"sun-?like(?: star)?|solar twin|star like (?:the|our) sun|类太阳恒星|类太阳星?|太阳型恒星|类日恒星": "sun-like",
    r"red giant(?: star)?|红巨星": "red giant", r"red clump(?: star)?|红团簇星": "red clump",
    r"carbon star|碳星": "carbon star", r"white dwarf|白矮星": "white dwarf",
    r"very metal.poor star|metal.poor (?:giant|star)|贫金属(?:恒星|巨星|星)": "metal-poor giant",
    r"metal.rich (?:dwarf|star)|富金属(?:恒星|星)": "metal-rich dwarf", r"hot subdwarf|热亚矮星": "hot subdwarf",
    r"halo star|晕星|晕族星": "halo", r"([BAFGKM])(?:-type)? (giant|dwarf)": "", r"([BAFGKM]) ?型? ?(巨星|矮星)": "",
    r"\bA star|A 型星": "A star", r"B star|B 型星": "B star",
    r"fast rotator|快速自转": "fast rotator", r"binary star|双星系统|一颗双星": "binary", r"galaxy|星系": "galaxy",
    r"(?:blue )?horizontal.branch star|水平分支星": "horizontal branch", r"subgiant|亚巨星": "subgiant",
}  # fmt: skip
_FAMOUS = re.compile(
    "|".join(rf"\b{re.escape(k)}\b" if k.isascii() else k for k in sorted(FAMOUS, key=len, reverse=True)), re.IGNORECASE
)
#: What wants a star of a kind: "show me a carbon star", "打开一颗碳星".
_WANTED = (
    r"(?i:\b(?:open|load|get|find|look at|show me|show|give me|take|try|pick|i want|i'd like|let's see|let me see"
    r"|what about|how about|^now|^then|^and)"
    r"(?: to see)?(?: me)?(?: an?| some| one| another)|(?:打开|看看?|来|给我|找|换|取|加载|想看|那)(?:看|找)? ?(?:一|1"
    r"|另一) ?(?:颗|个)) ?"
)
_KINDS = [(re.compile(rf"{_WANTED}(?P<kind>{pattern})", re.IGNORECASE), name) for pattern, name in KINDS.items()]
_LUMINOSITY = {"巨星": "giant", "矮星": "dwarf"}
_ANY = re.compile(
    rf"{_WANTED}(?P<kind>(?:(?:random|demo|example|test|simulated) ){{0,2}}star\b(?! like| that| with)|(?:(?:示例"
    rf"|演示|随便|模拟)(?:的)?)?(?:恒星|星(?!系|团|表|云))(?!.*(?:相似|像)))",
    re.IGNORECASE,
)


def famous_in(text: str) -> list[tuple[int, str, str]]:
    """Famous stars of a text: where, as written, and the name that an archive is asked for."""
    return [(m.start(), m[0], FAMOUS[m[0].lower()]) for m in _FAMOUS.finditer(text)]


def kind_in(text: str) -> tuple[int, str, str] | None:
    """A kind of star that a text wants one of: where, as written, and the name that loads one of the demo sky."""
    for pattern, name in _KINDS:
        match = pattern.search(text)
        if match is not None:
            found = name or f"{match[2].upper()} {_LUMINOSITY.get(match[3], match[3].lower())}"
            return match.start("kind"), match["kind"], f"demo {found}"
    match = _ANY.search(text)
    return None if match is None else (match.start("kind"), match["kind"], "demo 1")
