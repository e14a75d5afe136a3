"""What models that read LAMOST and Gaia XP spectra have in common before they see one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from specviz.errors import ModelError
from specviz.models.protocol import Prepared
from specviz.models.specclip.constants import READ_AS_LAMOST
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.resample import to_xp_grid
from specviz.spectra.spectrum import Spectrum


def prepared_xp(spectrum: Spectrum, model: str) -> Prepared | None:
    """A Gaia XP spectrum at 336 to 1020 nm over its flux at 550 nm; None for an optical one.

    Raises
    ------
    ModelError
        For a survey that is neither Gaia's nor read as LAMOST's.
    """
    if spectrum.survey == "gaia_xp":
        xp = to_xp_grid(spectrum)
        values, ivar = (np.asarray(array, np.float32) for array in (xp.values, xp.ivar))
        return Prepared("gaia_xp", XP_WAVELENGTH_NM, values, ivar, xp.scale, 0.0)
    if spectrum.survey not in READ_AS_LAMOST:
        raise ModelError(f"{model} reads no {spectrum.survey} spectra", expected="LAMOST-like or Gaia XP")
    return None


def survey_of(prepared: Sequence[Prepared], known: Collection[str]) -> str:
    """The one survey of a batch.

    Raises
    ------
    ModelError
        If it is empty, mixed, or of a survey that the model does not know.
    """
    surveys = {p.survey for p in prepared}
    if len(surveys) != 1 or not surveys <= set(known):
        raise ModelError(
            "A batch of " + (", ".join(sorted(surveys)) or "nothing") + " cannot be encoded",
            expected="prepared spectra of one survey, " + " or ".join(known),
        )
    return surveys.pop()
