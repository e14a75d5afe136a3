"""Stretches of an optical spectrum that go by a name: the arms of LAMOST and the surroundings of strong lines."""

from __future__ import annotations

from specviz.spectra.lines import Band

#: Vacuum Angstrom, at the rest wavelength of their lines and wide enough for a few hundred km/s. The arms overlap at
#: 5700 to 5900 Angstrom as LAMOST's do (Cui et al. 2012, RAA 12, 1197).
STRETCHES: tuple[Band, ...] = (
    Band("Blue arm", 3700.0, 5900.0),
    Band("Red arm", 5700.0, 9100.0),
    Band("Hα", 6485.0, 6645.0),
    Band("Mg b", 5095.0, 5255.0),
    Band("Ca II triplet", 8460.0, 8705.0),
)
