"""What to say of whose data were used: the sentences that the surveys ask for, stamped on what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from specviz.spectra.spectrum import Spectrum

LAMOST = (
    "Guoshoujing Telescope (the Large Sky Area Multi-Object Fiber Spectroscopic Telescope, LAMOST) is a National Major "
    "Scientific Project built by the Chinese Academy of Sciences. Funding for the project has been provided by the "
    "National Development and Reform Commission. LAMOST is operated and managed by the National Astronomical "
    "Observatories, Chinese Academy of Sciences."
)
GAIA = (
    "This work has made use of data from the European Space Agency (ESA) mission Gaia, processed by the Gaia Data "
    "Processing and Analysis Consortium (DPAC). Funding for the DPAC has been provided by national institutions, in "
    "particular the institutions participating in the Gaia Multilateral Agreement."
)
#: Survey -> the sentence to print in a paper.
SENTENCES: Mapping[str, str] = MappingProxyType({"lamost_lrs": LAMOST, "gaia_xp": GAIA})


def acknowledgement(spectrum: Spectrum) -> str:
    """The sentence for one spectrum; "" for a simulated one, and for a survey that asks for none."""
    return "" if spectrum.meta.get("simulated") else SENTENCES.get(spectrum.survey, "")
