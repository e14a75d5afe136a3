"""Spectra and tables to files that others read, and :func:`specviz.open` too."""

from specviz.spectra.writers.spectra import model_table, spectra_bytes, spectrum_table, write_spectra
from specviz.spectra.writers.tables import FORMATS, MIME, table_bytes, write_table, write_whole

__all__ = [
    "FORMATS",
    "MIME",
    "model_table",
    "spectra_bytes",
    "spectrum_table",
    "table_bytes",
    "write_spectra",
    "write_table",
    "write_whole",
]
