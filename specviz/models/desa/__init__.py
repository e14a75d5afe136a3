"""DESA (Kamai et al. 2025, arXiv 2507.10666): spectrum and light curve of a star, aligned by a two-stream network."""
