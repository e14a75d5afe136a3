"""Lux (Horta et al. 2025, AJ, arXiv 2502.01745): labels and spectra of a star are linear in one short latent vector."""
