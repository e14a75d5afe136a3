"""SpectraFM (Koblischke & Bovy 2024, arXiv 2411.04750): a star is a bag of pixels that know their wavelength.

Labels are asked for one by one. Its ancestor StellarPerceptron (arXiv 2308.10944) knows no wavelengths.
"""
