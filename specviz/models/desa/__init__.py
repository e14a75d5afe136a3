"""DESA (Kamai et al. 2025, arXiv 2507.10666): a star's spectrum and light curve, aligned by a two-stream transformer."""
