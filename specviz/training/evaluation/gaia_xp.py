"""Labels of real Gaia XP spectra, which no training has labels for: a Kiel diagram, and the CALSPEC ten by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.models.specclip.signal import log_snr
from specviz.training.evaluation.bench import Bench
from specviz.training.evaluation.scores import half_widths
from specviz.training.evaluation.types import number_of, subtype_number, type_at

#: Subtypes by which a prediction may differ from the published type (types of faint A stars differ by as much).
TOLERANCE = 3.0
#: Where most nearby stars of 5500-6500 K are: dwarfs, from the zero-age main sequence (4.5) to the turn-off (4.1).
DWARF_LOGG = (4.1, 4.5)
_BRIGHT = np.log10(30.0)
#: Above this share of the reference stars, a star counts as flagged.
FLAGGED = 99.0


@dataclass(frozen=True)
class Standard:
    """A CALSPEC standard: Gaia DR3 source, name, spectral type; teff (K), logg, fe_h where they are well known."""

    source_id: int
    name: str
    type: str
    labels: tuple[float, float, float] | None = None


#: Types as in the CALSPEC table (Bohlin, Gordon & Tremblay 2014, PASP 126, 711). Labels: Ramirez et al. 2011 (ApJ 740,
#: 76) for 16 Cyg B, Melendez et al. 2014 (ApJ 791, 14) for 18 Sco.
CALSPEC = (
    Standard(1908095850396090880, "10 Lac", "O9V"),
    Standard(2158745262705810304, "1802271", "A2V"),
    Standard(1633585107317144960, "1757132", "A3V"),
    Standard(2260019315938461952, "1808347", "A3V"),
    Standard(1651137131123978112, "1732526", "A4V"),
    Standard(2161093682102883712, "1805292", "A4V"),
    Standard(1633143932573832448, "1740346", "A6V"),
    Standard(1634280312200704768, "1743045", "A8III"),
    Standard(4345775217221821312, "18 Sco", "G2V", (5823.0, 4.45, 0.05)),
    Standard(2135550755683407232, "16 Cyg B", "G3V", (5750.0, 4.34, 0.06)),
)


def kiel_diagram(bench: Bench) -> None:
    """Teff and log g of 2,000 real XP spectra: does the diagram look as one of nearby stars does?

    In words by Teff, and by two zones where no star of the solar neighbourhood lies for long: between dwarfs and giants
    below 4700 K, and below the main sequence.
    """
    xp = bench.xp
    snr = log_snr(xp.flux, xp.ivar)
    bright = np.flatnonzero(snr > _BRIGHT)
    median = np.median(bench.samples(bench.encode("gaia_xp", xp.flux[bright], xp.ivar[bright])), axis=1)
    say = bench.say
    say(f"\nReal Gaia XP spectra, S/N > 30 (n={len(bright)}, {xp.test[bright].sum()} of them never seen): Kiel diagram")
    say("   teff        stars   logg at 10, 50, 90 %   median fe_h")
    for low, high in ((3000, 4000), (4000, 4600), (4600, 5000), (5000, 5500), (5500, 6000), (6000, 6500), (6500, 7500),
                      (7500, 10000), (10000, 20000)):  # fmt: skip
        inside = median[(median[:, 0] >= low) & (median[:, 0] < high)]
        if len(inside):
            logg = np.percentile(inside[:, 1], (10, 50, 90))
            say(f"{low:>6}-{high:<6} {len(inside):>6}   {logg[0]:.2f} {logg[1]:.2f} {logg[2]:.2f}         "
                f"{np.median(inside[:, 2]):+.2f}")  # fmt: skip
    empty = empty_zone(median)
    clump = median[(median[:, 0] > 4600) & (median[:, 0] < 5000) & (median[:, 1] < 3.2), 1]
    if clump.size:
        say(f"red clump (4600-5000 K, logg < 3.2): {clump.size} stars, median logg {np.median(clump):.2f}")
    bench.target("Gaia XP, stars in the empty zones of the Kiel diagram, %", 100 * empty.mean(), high=2.0)
    solar = median[(median[:, 0] > 5500) & (median[:, 0] < 6500), 1]
    bench.target("Gaia XP, median logg at 5500-6500 K", float(np.median(solar)), low=DWARF_LOGG[0], high=DWARF_LOGG[1])
    if bench.figures is not None:
        from specviz.training.evaluation.figures import draw_kiel

        every = np.median(bench.samples(bench.encode("gaia_xp", xp.flux, xp.ivar), n=300), axis=1)
        draw_kiel(every, snr > _BRIGHT, _rows_of_standards(bench), bench.figures / "xp_kiel.png")


def empty_zone(labels: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether stars with ``labels`` (n, 3) lie where the Kiel diagram is empty.

    Below 4700 K a star is a giant (logg < 3.5) or a dwarf (logg > 4.3); no dwarf has logg > 5.2, and above 6500 K
    none of the stars of a nearby survey has logg < 2.5.
    """
    teff, logg = labels[:, 0], labels[:, 1]
    return np.asarray(((teff < 4700) & (logg > 3.5) & (logg < 4.3)) | (logg > 5.2) | ((teff > 6500) & (logg < 2.5)))


def _rows_of_standards(bench: Bench) -> dict[str, int]:
    rows = {int(s): i for i, s in enumerate(bench.xp.source_id)}
    return {s.name: rows[s.source_id] for s in CALSPEC if s.source_id in rows}


def calspec(bench: Bench) -> None:
    """Ten flux standards: each at its spectral type, or flagged where its type is outside the model's range."""
    xp, rows = bench.xp, _rows_of_standards(bench)
    encodings = bench.encode("gaia_xp", xp.flux[list(rows.values())], xp.ivar[list(rows.values())])
    samples = bench.samples(encodings)
    median, sigma, ood = np.median(samples, axis=1), half_widths(samples), bench.ood(encodings)
    known = np.asarray(bench.model.reference["gaia_xp"]["ood"])
    percentile = 100 * np.mean(known[None] < ood[:, None], axis=1)
    ceiling = bench.model.describe().ranges["teff"][1]
    bench.say("\nCALSPEC standards from Gaia XP (type: that of a dwarf of this Teff)")
    right = 0
    for i, name in enumerate(rows):
        star = next(s for s in CALSPEC if s.name == name)
        fine = at_its_type(star, median[i, 0], percentile[i], ceiling)
        right += fine
        against = ""
        if star.labels is not None:
            teff, logg, fe_h = star.labels
            z = (median[i, 0] - teff) / sigma[i, 0]
            against = f"; published {teff:.0f} K {logg:.2f} {fe_h:+.2f} (teff {z:+.1f} sigma)"
        bench.say(
            f"{name:<9} {star.type:<6} {type_at(median[i, 0])}: teff {median[i, 0]:6.0f} +- {sigma[i, 0]:<4.0f} logg "
            f"{median[i, 1]:.2f} +- {sigma[i, 1]:.2f} fe_h {median[i, 2]:+.2f} +- {sigma[i, 2]:.2f}; odder than "
            f"{percentile[i]:.0f} %{'' if fine else '  NOT AT ITS TYPE'}{against}"
        )
    bench.target(f"CALSPEC standards at their type (within {TOLERANCE:g} subtypes, or flagged where out of range), of "
                 f"{len(rows)}", right, low=len(rows) - 1)  # fmt: skip


def at_its_type(star: Standard, teff: float, percentile: float, ceiling: float) -> bool:
    """Within :data:`TOLERANCE` subtypes; a star hotter than the model's ``ceiling`` (K) has to be flagged instead."""
    from specviz.training.evaluation.types import temperature_of

    number = subtype_number(star.type)
    if float(temperature_of(number)) > ceiling:
        return percentile >= FLAGGED
    return bool(abs(float(number_of(teff)) - number) <= TOLERANCE)
