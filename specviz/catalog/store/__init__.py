"""Catalogues of many stars on disk: Parquet for what is known of them, memory-mapped arrays for their embeddings.

A catalogue is a folder::

    stars.specviz/
      catalog.json               what it is: model, hash of its weights, releases, surveys, the parts in their order
      parts/NAME.parquet         a row a star: ids, positions, labels; units and model also in the Parquet metadata
      parts/NAME.SURVEY.npy      (m, D) float16, unit vectors of the stars that have that survey's spectrum
      parts/NAME.SURVEY.rows.npy (m,) their rows in the part; absent where every star has one
      index/, maps/              what was computed from the parts: thrown away and made again at any time
      catalog.lock               held while the catalogue is changed

A part is never changed once ``catalog.json`` names it; adding stars adds a part. ``catalog.json`` is replaced in one
step, so a catalogue that is being written is, for a reader, what it was before or what it is after. Columns that are
joined later make a new ``NAME.NUMBER.parquet`` of a part, which the header then names instead of the old one.
"""
