"""The showcase of the demo sky: one star of each kind that a newcomer should meet, and what is approximate about it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """A wanted star: labels, conditions to fix, and a word on what it stands for.

    ``companion`` (teff, logg, rv difference in km/s) adds a second star; ``emission`` {rest wavelength A: peak in units
    of the continuum} adds Gaussian lines of ``emission_width`` km/s; ``fault`` names an instrument's failure;
    ``population`` restricts the grid stars that may serve.
    """

    kind: str
    teff: float
    logg: float
    fe_h: float = 0.0
    alpha_fe: float | None = None
    snr: float = 90.0
    note: str = ""
    rv: float | None = None
    ebv: float | None = 0.05
    vsini: float | None = None
    population: str | None = None
    companion: tuple[float, float, float] | None = None
    emission: dict[float, float] = field(default_factory=dict)
    emission_width: float = 90.0
    fault: str = ""


_HA, _HB, _HG = 6564.6, 4862.7, 4341.7


def _pairs(text: str) -> list[tuple[int, float]]:
    words = text.split()
    return [(int(teff), float(logg)) for teff, logg in zip(words[::2], words[1::2], strict=True)]


#: teff, logg of the ladders along the main sequence and the giant branch.
_DWARFS = _pairs(
    """4000 4.65  4250 4.6  4750 4.55  5000 4.55  5250 4.5  5600 4.45  6000 4.35  6250 4.3  6800 4.2  7200 4.15
    8000 4.1  9500 4.1  11000 4.1"""
)
_GIANTS = _pairs("3800 0.9  4000 1.3  4200 1.6  4500 2.1  4650 2.5  4800 2.8  4950 3.1  5050 3.4  5200 2.6  4300 1.4")
#: The Teff (K) at which each subtype of a dwarf stands.
_SUBTYPES = """
    B6 14000  B8 12500  B9 10700  A0 9700  A1 9200  A2 8840  A3 8550  A5 8080  A6 7800  A8 7500  F0 7220  F2 6810
    F4 6550  F6 6340  F8 6170  G0 5930  G2 5770  G5 5660  G8 5480  K0 5270  K1 5100  K3 4830  K4 4600  K5 4440  K6 4100
    K7 3990  M0 3850  M1 3680  M2 3550  M3 3400"""

SHOWCASE: tuple[Recipe, ...] = (
    Recipe("sun-like", 5772, 4.44, snr=120, rv=12.0, vsini=2.0, note="Close to the Sun's labels."),
    Recipe("red giant", 4350, 1.7, -0.3, snr=140, rv=-38.0),
    Recipe("A star", 8400, 4.0, -0.1, snr=160, rv=-9.0, vsini=90.0),
    Recipe("red clump", 4780, 2.45, 0.0, population="rc", snr=110),
    Recipe("metal-poor giant", 4850, 1.7, -2.0, 0.35, snr=75, rv=-212.0),
    Recipe("K dwarf", 4500, 4.6, 0.0, snr=80),
    Recipe(
        "behind dust", 5500, 4.4, 0.0, snr=60, ebv=1.3, note="E(B-V) = 1.3; no interstellar lines or bands are added."
    ),
    Recipe("low signal", 5800, 4.3, -0.2, snr=8, note="S/N 8: every posterior should be broad."),
    Recipe(
        "double-lined binary",
        6000,
        4.3,
        -0.1,
        snr=110,
        rv=-95.0,
        vsini=8.0,
        companion=(5600, 4.45, 205.0),
        note="Two stars added with their own velocities; the labels are the primary's. Not an orbit, no interaction.",
    ),
    Recipe(
        "emission star",
        10500,
        3.9,
        0.0,
        snr=120,
        vsini=220.0,
        emission={_HA: 3.0, _HB: 0.7, _HG: 0.25},
        emission_width=130.0,
        note="Gaussian Balmer emission drawn on an ordinary star: the look of a Be star, not a model of its disc.",
    ),
    Recipe("F dwarf", 6500, 4.2, -0.1, snr=100),
    Recipe("M dwarf", 3720, 4.7, 0.0, snr=45, note="The grid lacks CaH, VO and H2O below 3550 K."),
    Recipe("subgiant", 5500, 3.6, 0.0, snr=95),
    Recipe("horizontal branch", 8800, 3.2, -1.6, 0.3, population="hb", snr=70, rv=135.0),
    Recipe(
        "carbon-rich giant", 4700, 2.0, -0.6, population="crich", snr=90, note="LTE; cool carbon stars are approximate."
    ),
    Recipe("fast rotator", 7600, 4.0, 0.0, snr=130, vsini=240.0),
    Recipe("metal-rich dwarf", 5500, 4.4, 0.40, snr=110),
    Recipe("halo turn-off", 6300, 4.2, -1.8, 0.3, snr=60, rv=-168.0),
    Recipe("thick-disc dwarf", 5500, 4.4, -0.6, 0.28, snr=85, rv=62.0),
    Recipe("B star", 12000, 4.0, 0.0, snr=150, vsini=120.0),
    Recipe("high velocity", 5300, 3.0, -1.2, 0.3, snr=55, rv=-382.0),
    Recipe(
        "dead red arm",
        5700,
        4.3,
        -0.1,
        snr=70,
        fault="red arm",
        note="The red arm is masked, as after a failed exposure.",
    ),
    Recipe("cosmic rays", 5100, 4.5, 0.0, snr=60, fault="cosmic rays", note="Unmasked spikes added to both arms."),
    Recipe("bad sky", 4900, 3.0, -0.2, snr=25, fault="sky", note="Strong residuals of the night-sky lines added."),
    Recipe(
        "active M dwarf",
        3850,
        4.7,
        0.0,
        snr=50,
        emission={_HA: 1.6, _HB: 0.9, _HG: 0.6},
        emission_width=70.0,
        note="Gaussian Balmer emission drawn on a quiet star; no chromosphere is modelled.",
    ),
    # The main sequence and the giant branch, a step at a time.
    *(Recipe(f"dwarf {teff}", teff, logg, -0.05, snr=90) for teff, logg in _DWARFS),
    *(Recipe(f"giant {teff}", teff, logg, -0.15, snr=110) for teff, logg in _GIANTS),
)


def mk_class(teff: float, logg: float, population: str = "") -> str:
    """A spectral type from the labels: subtype by Teff (dwarf scale of Pecaut & Mamajek 2013, rounded), luminosity
    class by log g.

    Good to two subtypes; a stand-in for a type by eye, as the demo stars' ``subclass``.
    """
    words = _SUBTYPES.split()
    scale = [(float(teff), name) for name, teff in zip(words[::2], words[1::2], strict=True)]
    # Giants are cooler at a given type (about 300 K in G and K).
    shift = 300.0 if logg < 3.5 and 4000.0 < teff < 5600.0 else 0.0
    subtype = min(scale, key=lambda entry: abs(entry[0] - (teff + shift)))[1]
    lum = "V" if logg > 3.9 else "IV" if logg > 3.4 else "III" if logg > 1.2 else "II"
    return subtype + lum + (" C-rich" if population == "crich" else "")
