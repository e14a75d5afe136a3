"""LAMOST, China's survey of ten million stellar spectra: an astroquery-style client (specs: services.md section 1).

The methods are called as those of the coming ``astroquery.nadc.lamost``; where that module is installed, it is used.
"""

from __future__ import annotations

from specviz.archives.lamost.client import Lamost
from specviz.archives.lamost.observations import Observation, group_repeats
from specviz.archives.lamost.releases import Release

__all__ = ["Lamost", "Observation", "Release", "group_repeats"]
