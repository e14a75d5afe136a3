"""Which official head gives which label, from which of the two embeddings: the routing table of the release as data.

Source: the prediction scripts of the official repository (specification sections 4.1 and 4.2; the tutorial says that
it follows Table 1 of Zhao et al. 2026). 23 labels from LAMOST, 7 from Gaia XP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM

Survey = Literal["lamost_lrs", "gaia_xp"]
Network = Literal["split", "predrecon"]
HeadKind = Literal["sbi", "mlp"]

#: What the networks read: vacuum Angstrom, and nm.
GRIDS: Mapping[str, NDArray[np.float64]] = MappingProxyType(
    {"lamost_lrs": SPECCLIP_WAVELENGTH, "gaia_xp": XP_WAVELENGTH_NM}
)
#: The folder of a survey in the official release.
OFFICIAL_FOLDER: Mapping[Survey, str] = MappingProxyType({"lamost_lrs": "lrs", "gaia_xp": "xp"})


@dataclass(frozen=True)
class Route:
    """One label of one survey.

    Parameters
    ----------
    survey : {"lamost_lrs", "gaia_xp"}
    label : str
        In our terms.
    official : str
        In the official tables: "a_fe", "E(BP-RP)", "dpi", ...
    network : {"split", "predrecon"}
        Whose embedding the head reads: [shared, private] of split, or that of predict + reconstruct; both 768 wide.
    head : {"sbi", "mlp"}
        A posterior of one label (neural posterior estimation), or a network that gives the label and no uncertainty.
    stem : str
        Name of the file without its ending.
    group : str
        The group of the official predictor that computes it.
    """

    survey: Survey
    label: str
    official: str
    network: Network
    head: HeadKind
    stem: str
    group: str

    @property
    def path(self) -> str:
        """The head's file in the official release."""
        ending = "pkl" if self.head == "sbi" else "pt"
        return f"downstream_models/{OFFICIAL_FOLDER[self.survey]}/{self.head}/{self.stem}.{ending}"

    @property
    def statistics_paths(self) -> tuple[str, ...]:
        """The JSON with mean and std of the embedding, under every spelling that is in use; empty for an SBI head.

        The official configuration says ``FeH_mean_std.json`` where the code opens ``feh_mean_std.json``.
        """
        if self.head == "sbi":
            return ()
        stems = (self.stem, "FeH") if self.stem == "feh" else (self.stem,)
        return tuple(f"stats/{OFFICIAL_FOLDER[self.survey]}/{stem}_mean_std.json" for stem in stems)

    @property
    def file(self) -> str:
        """The head's file in a converted model."""
        return f"labels/{self.survey}/{self.label}.safetensors"


def _rows(survey: Survey, network: Network, head: HeadKind, *rows: tuple[str, str, str, str]) -> tuple[Route, ...]:
    return tuple(Route(survey, label, official, network, head, stem, group) for label, official, stem, group in rows)


#: Every head of the release, in the order in which labels are shown.
ROUTES: tuple[Route, ...] = (
    *_rows(
        "lamost_lrs", "split", "sbi", ("teff", "teff", "teff", "atmospheric"), ("logg", "logg", "logg", "atmospheric")
    ),
    *_rows("lamost_lrs", "split", "mlp", ("fe_h", "fe_h", "feh", "atmospheric")),
    *_rows("lamost_lrs", "predrecon", "mlp", ("alpha_fe", "a_fe", "afe", "chemical")),
    *_rows("lamost_lrs", "split", "sbi", ("rv", "rv", "rv", "RV")),
    *_rows("lamost_lrs", "predrecon", "mlp", ("e_bp_rp", "E(BP-RP)", "ebprp", "ebprp")),
    *_rows(
        "lamost_lrs",
        "predrecon",
        "mlp",
        *(
            (f"{element}_fe", f"{element}_fe", f"{element}fe", "chemical")
            for element in ("c", "n", "mg", "o", "al", "si", "ca", "ti", "mn", "ni", "cr")
        ),
    ),
    *_rows(
        "lamost_lrs",
        "predrecon",
        "sbi",
        ("mass", "mass", "mass", "seismic"),
        ("radius", "rad", "rad", "seismic"),
        ("age", "age", "age", "seismic"),
        ("dnu", "dnu", "dnu", "seismic"),
        ("nu_max", "nu_max", "numax", "seismic"),
        ("delta_pi1", "dpi", "DP", "DPi1"),
    ),
    *_rows("gaia_xp", "split", "sbi", ("teff", "teff", "teff", "atmospheric"), ("logg", "logg", "logg", "atmospheric")),
    *_rows(
        "gaia_xp",
        "predrecon",
        "mlp",
        ("fe_h", "fe_h", "feh", "atmospheric"),
        ("alpha_fe", "a_fe", "afe", "afe"),
        ("e_bp_rp", "E(BP-RP)", "ebprp", "ebprp"),
        ("c_fe", "c_fe", "cfe", "cfe"),
        ("n_fe", "n_fe", "nfe", "nfe"),
    ),
)

SURVEYS: tuple[Survey, ...] = ("lamost_lrs", "gaia_xp")


def routes(survey: Survey) -> tuple[Route, ...]:
    """The rows of one survey, in the order in which labels are shown."""
    return tuple(route for route in ROUTES if route.survey == survey)
