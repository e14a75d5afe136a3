"""Constants of the small model that are needed without torch."""

from __future__ import annotations

#: Normalised flux outside of this is a cosmic ray, a dead pixel or a failed continuum, never a stellar line.
LAMOST_CLIP = (-0.2, 2.0)
#: log10 of the S/N a pixel that the flows are told; beyond it nothing changes.
LOG_SNR_CLIP = (0.3, 2.7)
#: Surveys whose spectra are read as LAMOST's: anything that covers 4000-5598 Angstrom.
READ_AS_LAMOST = ("lamost_lrs", "sdss", "other")
#: The same for f / f(550 nm): M dwarfs reach 20 at 1000 nm, noise in the blue goes below zero.
XP_CLIP = (-2.0, 60.0)
