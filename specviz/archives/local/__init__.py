"""Spectra on this machine's disk as an archive: a folder, a survey's tree, an HDF5 file, a Parquet table."""

from specviz.archives.local.archive import LocalArchive

__all__ = ["LocalArchive"]
