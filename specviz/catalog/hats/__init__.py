"""Catalogues in the field's own layout for surveys, HATS, and through LSDB, its engine: export, import, cross-match.

HATS (Hierarchical Adaptive Tiling Scheme; IVOA note "HATS: A Standard for the Hierarchical Adaptive Tiling Scheme in
the Virtual Observatory", 2025) is Parquet files by HEALPix pixel, small where stars are dense. Here the embeddings
are columns like any other, so that whoever has LSDB can filter, join and cross-match them without specviz, and what
comes out is read again.
"""
