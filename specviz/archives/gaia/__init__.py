"""The Gaia archive: sources, XP and RVS spectra, photometry and parallax, through astroquery and TAP.

``Gaia`` is the door; ``GaiaSource``, ``XpResult``, ``RvsResult`` and ``Neighbour`` are what comes back.
"""

from specviz.archives.gaia.client import Gaia
from specviz.archives.gaia.products import RvsResult, XpResult
from specviz.archives.gaia.source import GaiaSource, Neighbour

__all__ = ["Gaia", "GaiaSource", "Neighbour", "RvsResult", "XpResult"]
