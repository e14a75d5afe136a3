"""``SimulatedSky``: as many simulated stars as are wanted, none of them stored, thousands a second.

It is for trying what has to work with millions of stars. To study stars take
:class:`~specviz.archives.demo.DemoArchive` or :class:`~specviz.simulate.on_demand.SimulatedSurvey`, where each star has
a run of the emulator to itself.

A star is a mixture of three single stars of the packaged demo sky that are neighbours in temperature, gravity and
abundances. Labels are mixed linearly (of the temperature its inverse), and so is the logarithm of the surface flux,
which the emulator computes of 4,096 demo stars once: a star costs no run of the network. Against the emulator at the
mixed labels, flux relative to 550 nm differs by 0.02 % (root mean square over 400-1000 nm; median of 1,024 stars; one
in a hundred by more than 0.7 %, at the edge of the sky), less than the noise. Dust, brightness and Gaia's noise are
drawn anew, in the ways of :mod:`specviz.simulate`. So the sky is as broad as the demo sky's ordinary single stars and
no broader: no companions, no anomalies.

Stars come in cells of 1,024, and a cell follows from (seed, cell) alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import PACKAGED
from specviz.archives.demo_table import DemoTable
from specviz.errors import OptionError
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.emulated import ALPHA_ELEMENTS, EmulatedStars
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.galaxy import G_EXTINCTION, G_LIMITS
from specviz.simulate.on_demand import observe_light
from specviz.simulate.packaged import emulator_sha256, instrument_sha256, packaged_emulator
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

#: Stars that are drawn together.
CELL = 1024
#: Stars of which LAMOST's spectra are drawn together.
_NIGHT = 32
#: Demo stars that are mixed, and neighbours of each to mix with.
BASES, NEIGHBOURS = 4096, 6
SURVEYS = ("gaia_xp", "lamost_lrs")
RELEASE = "simulated"
#: ``source_id`` of star 0: above every number that Gaia gives (they end at 6.92e18).
FIRST_ID = 9_000_000_000_000_000_000
#: Raise it when the same star would come out differently than before.
_DRAWING = 1
#: Distances in labels at which stars stop being neighbours: 5040 K / teff, log g, [Fe/H], [alpha/Fe].
_SCALES = (0.02, 0.15, 0.12, 0.08)
_KEPT = ("ebv", "r_v", "distance_pc", "ra", "dec", "rv", "g_mag")
_G_RANGE = (G_LIMITS[0] - 0.5, G_LIMITS[1] + 0.3)


@dataclass(frozen=True, eq=False)
class SimulatedCell:
    """Stars that were drawn together.

    Attributes
    ----------
    columns : dict of str to array, shape (n,)
        Names, position, magnitude and true labels, by the names that catalogues use.
    stars : list of Star, length n
        With the spectra of the surveys asked for.
    """

    columns: dict[str, NDArray[Any]]
    stars: list[Star]


class SimulatedSky:
    """``n`` stars, ``sim 0`` to ``sim n-1``; the first of a larger sky of the same seed are those of a smaller one.

    Parameters
    ----------
    n : int
    seed : int
    surveys : tuple of {"gaia_xp", "lamost_lrs"}
        Whose spectra a star has. LAMOST's take a run of the emulator each, which is thirty times slower.
    bases : int
        Demo stars that are mixed.

    Raises
    ------
    OptionError
        For a number or a survey that cannot be.
    """

    def __init__(self, n: int, seed: int = 0, surveys: Sequence[str] = ("gaia_xp",), *, bases: int = BASES) -> None:
        if n < 1 or seed < 0:
            raise OptionError(f"{n} simulated stars, seed {seed}", expected="at least one star, a seed of 0 or more")
        unknown = [survey for survey in surveys if survey not in SURVEYS]
        if unknown or not surveys:
            raise OptionError(f"No simulated spectra of {', '.join(unknown) or 'no survey'}", expected="of " +
                              " and ".join(SURVEYS))  # fmt: skip
        self.n, self.seed, self.surveys, self.bases = int(n), int(seed), tuple(surveys), int(bases)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"<SimulatedSky: {self.n:,} stars, seed {self.seed}>"

    @property
    def cells(self) -> int:
        """How many cells there are; the last may be smaller."""
        return -(-self.n // CELL)

    @property
    def fingerprint(self) -> str:
        """Hash of all that the stars follow from but the code."""
        told = (self.n, self.seed, self.surveys, self.bases, _DRAWING, _table().header["table_sha256"],
                emulator_sha256(), instrument_sha256())  # fmt: skip
        return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()

    def cell(self, number: int) -> SimulatedCell:
        """The stars ``number * CELL`` and following."""
        base, first = _bases(self.bases), number * CELL
        rng = np.random.default_rng([self.seed, number])
        labels, log_sed, facts = base.mix(rng)
        facts = _placed(rng, facts)
        instrument = _instrument()
        dust = instrument.extinction_curve(instrument.sed_wave, facts["r_v"]).astype(np.float32)
        log_sed -= np.float32(0.4 * np.log(10.0)) * facts["ebv"].astype(np.float32)[:, None] * dust
        xp = instrument.observe(np.exp(log_sed), facts["g_mag"], rng)
        keep = min(CELL, self.n - first)
        lamost = self._lamost(number, labels, facts, keep) if "lamost_lrs" in self.surveys else None
        columns = {name: values[:keep] for name, values in _columns(rng, first, labels, facts).items()}
        names = [str(name) for name in columns["object_id"]]
        stars = []
        ivar = xp.sigma.astype(np.float64) ** -2.0
        for i in range(keep):
            spectra = {}
            if lamost is not None:
                flux, inverse = lamost[0][i], lamost[1][i]
                meta = {"snr": float(lamost[2][i]), "release": RELEASE}
                spectra["lamost_lrs"] = Spectrum(lamost[3], flux, inverse, inverse == 0, survey="lamost_lrs", meta=meta)
            if "gaia_xp" in self.surveys:
                spectra["gaia_xp"] = Spectrum(XP_WAVELENGTH_NM, xp.flux[i], ivar[i], survey="gaia_xp",
                                              flux_unit="W m-2 nm-1", meta={"release": RELEASE})  # fmt: skip
            gaia = Identifier("Gaia", RELEASE, str(columns["source_id"][i]))
            ra, dec = float(columns["ra"][i]), float(columns["dec"][i])
            stars.append(Star(names[i], spectra, (gaia,), ra, dec, meta={"simulated": True}))
        if lamost is not None:
            columns["snr"] = lamost[2].astype(np.float32)
        return SimulatedCell(columns, stars)

    def _lamost(self, number: int, labels: dict[str, NDArray[Any]], facts: dict[str, NDArray[Any]], n: int) -> Any:
        """Flux, ivar, S/N and wavelength of the first ``n`` of a cell, by runs of the emulator.

        Some stars have their night and noise from a generator together, so that no more are computed than are wanted.
        """
        seen, ratio = [], []
        for start in range(0, n, _NIGHT):
            some = slice(start, min(start + _NIGHT, CELL))
            size = some.stop - start
            rng = np.random.default_rng([self.seed, number, 1 + start])
            light = EmulatedStars(packaged_emulator(), {k: v[some] for k, v in labels.items()}).light(np.arange(size))
            snr = 60.0 * 10.0 ** (-0.19 * (facts["g_mag"][some] - 14.2)) * np.exp(0.45 * rng.normal(size=size))
            ratio.append(np.clip(snr, 5.0, 800.0))
            night = draw_conditions(rng, labels["teff"][some], labels["logg"][some], snr=ratio[-1],
                                    ebv=facts["ebv"][some], rv=facts["rv"][some])  # fmt: skip
            seen.append(observe_light(light, np.arange(size), night, rng, _instrument(), facts["r_v"][some]))
        flux, ivar = (np.concatenate([getattr(one, name) for one in seen]) for name in ("flux", "ivar"))
        return flux, ivar, np.concatenate(ratio)[:n], seen[0].wave


def _placed(rng: np.random.Generator, facts: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Other places for the stars: half a degree and a third of the distance away, with the dust of the longer way."""
    out = dict(facts)
    ratio = np.exp(rng.normal(0.0, 0.3, CELL))
    out["ebv"] = np.minimum(facts["ebv"] * ratio * np.exp(rng.normal(0.0, 0.2, CELL)), 3.0)
    modulus = 5.0 * np.log10(facts["distance_pc"] * ratio / 10.0)
    g_mag = np.clip(facts["m_g"] + modulus + G_EXTINCTION * out["ebv"], *_G_RANGE)
    out["g_mag"] = g_mag
    out["distance_pc"] = 10.0 ** (1.0 + 0.2 * (g_mag - facts["m_g"] - G_EXTINCTION * out["ebv"]))
    out["ra"] = (facts["ra"] + rng.uniform(-0.5, 0.5, CELL) / np.cos(np.radians(facts["dec"]))) % 360.0
    out["dec"] = np.clip(facts["dec"] + rng.uniform(-0.5, 0.5, CELL), -90.0, 90.0)
    out["rv"] = facts["rv"] + rng.normal(0.0, 10.0, CELL)
    return out


def _columns(
    rng: np.random.Generator, first: int, labels: dict[str, NDArray[Any]], facts: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """What a catalogue says of the stars. The parallax has the error of Gaia's third release (Lindegren et al. 2021,
    A&A 649, A2: 0.02 mas at G < 15, 0.07 at 17); labels and distance are true.
    """
    number = np.arange(first, first + CELL)
    error = 0.02 * 10.0 ** (0.27 * np.maximum(facts["g_mag"] - 15.0, 0.0))
    f32 = np.float32
    return {
        "object_id": np.char.add("sim ", number.astype(str)),
        "source_id": FIRST_ID + number.astype(np.int64),
        "gaia_release": np.full(CELL, RELEASE),
        "ra": facts["ra"],
        "dec": facts["dec"],
        **{name: labels[name].astype(f32) for name in ("teff", "logg", "fe_h")},
        "alpha_fe": np.mean([labels[name] for name in ALPHA_ELEMENTS], axis=0).astype(f32),
        "g_mag": facts["g_mag"].astype(f32),
        "parallax": (1e3 / facts["distance_pc"] + error * rng.normal(size=CELL)).astype(f32),
        "distance_pc": facts["distance_pc"].astype(f32),
        "ebv": facts["ebv"].astype(f32),
    }


class _Bases:
    """Single stars of the demo sky, the logarithm of their surface flux, and who is next to whom."""

    def __init__(self, n: int) -> None:
        from scipy.spatial import cKDTree

        table, emulator = _table(), packaged_emulator()
        single = (table.codes("anomaly") == table.words("anomaly").index("")) & ~(table.number("companion_light") > 0)
        names = emulator.label_names
        known = np.all([np.isfinite(table.number(name)) for name in (*names, *_KEPT)], axis=0)
        rows = np.flatnonzero(single & known)
        rows = rows[np.linspace(0, rows.size - 1, min(n, rows.size)).astype(int)]
        self.names = names
        self.labels = np.stack([np.clip(table.number(k)[rows], *emulator.ranges[k]) for k in names], axis=1)
        self.labels[:, names.index("teff")] = 5040.0 / self.labels[:, names.index("teff")]
        whole = self._mapping(self.labels)
        self.log_sed = np.log(emulator.spectra(whole, norm=False, continuum=False).sed)
        self.facts = {name: table.number(name)[rows] for name in _KEPT}
        f = self.facts
        f["m_g"] = f["g_mag"] - G_EXTINCTION * f["ebv"] - 5.0 * np.log10(f["distance_pc"] / 10.0)
        alpha = np.mean([whole[name] for name in ALPHA_ELEMENTS], axis=0)
        place = np.stack([5040.0 / whole["teff"], whole["logg"], whole["fe_h"], alpha], axis=1) / _SCALES
        self.near = cKDTree(place).query(place, k=min(NEIGHBOURS + 1, len(rows)))[1][:, 1:]

    def _mapping(self, labels: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        out = {name: labels[:, i].copy() for i, name in enumerate(self.names)}
        out["teff"] = 5040.0 / out["teff"]
        return out

    def mix(self, rng: np.random.Generator) -> Any:
        """A cell of mixtures: labels, ln(surface flux) (CELL, 720) float32, and where the stars are."""
        first = rng.integers(len(self.near), size=CELL)
        others = rng.permuted(np.broadcast_to(np.arange(self.near.shape[1]), (CELL, self.near.shape[1])), axis=1)[:, :2]
        who = np.column_stack([first, np.take_along_axis(self.near[first], others, axis=1)])
        weight = rng.dirichlet(np.ones(3), CELL)
        labels, m_g = np.zeros((CELL, len(self.names))), np.zeros(CELL)
        log_sed = np.zeros((CELL, self.log_sed.shape[1]), np.float32)
        for k in range(3):
            part = weight[:, k, None]
            labels += part * self.labels[who[:, k]]
            log_sed += part.astype(np.float32) * self.log_sed[who[:, k]]
            m_g += weight[:, k] * self.facts["m_g"][who[:, k]]
        facts = {name: values[first] for name, values in self.facts.items()} | {"m_g": m_g}
        return self._mapping(labels), log_sed, facts


@lru_cache(maxsize=2)
def _bases(n: int) -> _Bases:
    return _Bases(n)


@lru_cache(maxsize=1)
def _table() -> DemoTable:
    return DemoTable(PACKAGED)


@lru_cache(maxsize=1)
def _instrument() -> XPSimulator:
    return XPSimulator(correlated=True)
