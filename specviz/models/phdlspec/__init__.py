"""PhDLspec-like spectral emulator: stellar labels in, model spectrum out (after Wu et al. 2026, arXiv 2604.02730)."""
