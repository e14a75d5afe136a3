"""SpectraFM (Koblischke & Bovy 2024, arXiv 2411.04750): a star is a bag of pixels that know their wavelength.

Labels are asked for one by one. Its ancestor StellarPerceptron (Leung & Bovy 2023, arXiv 2308.10944) has no wavelengths.
"""
