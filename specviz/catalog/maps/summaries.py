"""What the clusters of a catalogue are, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.maps.clusters import ClusterSummary, Labels

#: Labels that are summarised: name, what it is called, unit, decimals.
LABELS: Mapping[str, tuple[str, str, int]] = {
    "teff": ("Teff", "K", 0),
    "logg": ("log g", "dex", 2),
    "fe_h": ("[Fe/H]", "dex", 2),
    "alpha_fe": ("[α/Fe]", "dex", 2),
    "snr": ("S/N", "", 0),
}
#: Where one spectral type ends and the next begins, K (dwarfs; Pecaut and Mamajek 2013, ApJS 208, 9, table 5).
_TYPES = ((31500.0, "O"), (9850.0, "B"), (7300.0, "A"), (5980.0, "F"), (5310.0, "G"), (3890.0, "K"), (2300.0, "M"))
#: The same for giants: those of the cool types are cooler (Alonso et al. 1999, A&AS 140, 261).
_GIANT_TYPES = (*_TYPES[:3], (5700.0, "F"), (4900.0, "G"), (3850.0, "K"), (2300.0, "M"))
#: Share of a class above which a cluster is named after it, and the words of classes that are no spectral type.
_NAMED = 0.5
_KINDS = {"W": "White dwarfs", "C": "Carbon stars", "GAL": "Galaxies", "QSO": "Quasars", "CV": "Cataclysmic variables",
          "sd": "Hot subdwarfs"}  # fmt: skip
#: [Fe/H] and [α/Fe] that are worth a word, by the median of the cluster, dex.
_POOR, _RICH, _ENHANCED = -0.8, 0.1, 0.2
#: Share of the usual S/N below which a cluster is said to be of poor spectra.
_NOISY = 0.6


def summarise(
    labels: Labels, columns: Mapping[str, ArrayLike], central: Mapping[int, NDArray[np.intp]] | None = None
) -> tuple[ClusterSummary, ...]:
    """A summary a cluster.

    Parameters
    ----------
    labels : array of int, shape (N,)
    columns : mapping of str to array, shape (N,)
        What there is of ``teff, logg, fe_h, alpha_fe, snr`` (NaN where unknown) and ``class`` (words).
    central : mapping of int to array, optional
        Rows in the middle of each cluster.
    """
    numbers = {name: np.asarray(columns[name], np.float64) for name in LABELS if name in columns}
    numbers = {name: values for name, values in numbers.items() if np.isfinite(values).any()}
    everywhere = {name: _percentiles(values) for name, values in numbers.items()}
    words = np.asarray(columns["class"]).astype(str) if "class" in columns else None
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(int(labels.max(initial=-1)) + 2))
    found: list[dict[str, Any]] = []
    for number, (start, end) in enumerate(pairwise(ends)):
        rows = order[start:end]
        medians = {n: _percentiles(v[rows]) for n, v in numbers.items() if np.isfinite(v[rows]).any()}
        apart = {}
        for name in medians.keys() - {"snr"}:
            low, middle, high = everywhere[name]
            apart[name] = round((medians[name][1] - middle) / max((high - low) / 2.0, 1e-9), 2)
        classes = _classes(words[rows]) if words is not None and len(rows) else ()
        found.append(
            {
                "number": number,
                "count": len(rows),
                "medians": medians,
                "classes": classes,
                "apart": tuple(sorted(apart.items(), key=lambda item: (-abs(item[1]), item[0]))[:2]),
                "exemplars": tuple(int(r) for r in (central or {}).get(number, ())),
            }
        )
    usual = everywhere.get("snr", (0.0, 0.0, 0.0))[1]
    titles = _titles(found, usual)
    return tuple(ClusterSummary(title=title, text=_text(one), **one) for title, one in zip(titles, found, strict=True))


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.nanpercentile(values, (16.0, 50.0, 84.0))
    return round(float(low), 4), round(float(middle), 4), round(float(high), 4)


def _classes(words: NDArray[np.str_]) -> tuple[tuple[str, float], ...]:
    """The commonest classes, by the letters they begin with (A5V and A7V are A), with their share."""
    counts = Counter(_letters(word) for word in words.tolist() if word)
    return tuple((name, round(n / len(words), 3)) for name, n in counts.most_common(3))


def _letters(word: str) -> str:
    """``"K5III"`` is K, ``"WD"`` and ``"DA"`` are W, ``"sdB"`` is sd, ``"GALAXY"`` is GAL."""
    big = word.strip().upper()
    if big.startswith(("WD", "DA", "DB", "DZ", "DC", "DQ")):
        return "W"
    if big.startswith("SD"):
        return "sd"
    for kind in ("GAL", "QSO", "CV"):
        if big.startswith(kind):
            return kind
    return big[:1]


def _title(one: Mapping[str, Any], usual: float) -> tuple[str, str]:
    """What the stars of a cluster are; what their metals are, and whether their spectra are poor."""
    kind = _kind(one["classes"], {n: v[1] for n, v in one["medians"].items()})
    metals = []
    if "fe_h" in one["medians"]:
        fe_h = one["medians"]["fe_h"][1]
        metals += ["metal-poor"] if fe_h < _POOR else ["metal-rich"] if fe_h > _RICH else []
        if one["medians"].get("alpha_fe", (0.0, 0.0, 0.0))[1] > _ENHANCED and fe_h >= _POOR:
            metals.append("α-enhanced")
    if one["medians"].get("snr", (0.0, usual, 0.0))[1] < _NOISY * usual:
        metals.append("low S/N")
    return kind, ", ".join(metals)


def _kind(classes: Any, middle: Mapping[str, float]) -> str:
    special = next((_KINDS[n] for n, share in classes if n in _KINDS and share >= _NAMED), None)
    mixed = [_KINDS[n] for n, share in classes[:2] if n in _KINDS]
    if special is not None and len(mixed) < 2:
        return special
    if len(mixed) == 2:
        return f"{mixed[0]} and {mixed[1].lower()}"
    if special is None and classes and classes[0][0] in _KINDS:
        return f"{_KINDS[classes[0][0]]} and others"
    teff, logg = middle.get("teff"), middle.get("logg")
    letter = classes[0][0] if classes and classes[0][1] >= _NAMED else ""
    if teff is None:
        return f"{letter} stars" if letter else "Stars"
    evolved = logg is not None and logg < 3.5
    if not letter or letter not in "OBAFGKM":
        letter = next((n for edge, n in (_GIANT_TYPES if evolved else _TYPES) if teff >= edge), "L")
    if logg is None:
        return f"{letter} stars"
    if logg > 6.5:
        return "White dwarfs"
    if logg > 5.2 and teff > 18000:
        return "Hot subdwarfs"
    # Hot main-sequence stars have lower gravities than cool ones, and cool giants lower ones than warm ones.
    if teff > 7000:
        return f"{letter} stars" if logg > 3.4 else f"{letter} giants"
    return f"{letter} giants" if evolved else f"{letter} subgiants" if logg < 3.9 else f"{letter} dwarfs"


def _titles(found: list[dict[str, Any]], usual: float) -> list[str]:
    """Titles, no two the same: those of one name say their temperature too, or their number at last."""
    parts = [_title(one, usual) for one in found]
    plain = [", ".join(p for p in pair if p) for pair in parts]
    same = Counter(plain)
    out = []
    for (kind, metals), title, one in zip(parts, plain, found, strict=True):
        if same[title] > 1 and "teff" in one["medians"]:
            title = ", ".join(p for p in (f"{kind} at {round(one['medians']['teff'][1], -1):.0f} K", metals) if p)
        out.append(title)
    same = Counter(out)
    return [f"{title} ({one['number']})" if same[title] > 1 else title for title, one in zip(out, found, strict=True)]


def _text(one: Mapping[str, Any]) -> str:
    """A sentence with the numbers: medians with the range of two thirds of the stars."""
    said = []
    for name, (low, middle, high) in one["medians"].items():
        called, unit, decimals = LABELS[name]
        low_to_high = f"{low:.{decimals}f} to {high:.{decimals}f}"
        said.append(f"{called} {middle:.{decimals}f} ({low_to_high}) {unit}".rstrip())
    classes = ", ".join(f"{name} {share:.0%}" for name, share in one["classes"] if share >= 0.05)
    return "; ".join(p for p in (f"{one['count']:,} stars", *said, f"classes {classes}" if classes else "") if p) + "."
