"""Maps of a catalogue: flat pictures of its embeddings, groups of stars in them, and the place of a new star in each.

They stand with the catalogue, are made from it alone, and can be thrown away and made again at any time::

    maps/SURVEY/NAME.xy.npy        (n, 2) float32, places of the catalogue's first n stars; NaN: none of this survey
    maps/SURVEY/NAME.json          how it was made, what it covers, how well it keeps neighbours
    maps/SURVEY/NAME.placing.npz   what puts a new star on it: axes, or the sample's vectors with their places
    maps/SURVEY/clusters.npy       (n,) int32, the group of each star; -1: none
    maps/SURVEY/clusters.json      what each group is
    maps/SURVEY/NAME.making/       a map that is being made, or was when it was stopped

NAME is ``umap`` or ``pacmap`` (:mod:`.fitting`), ``eigen`` (:mod:`.eigenspace`) or ``embedding`` (two principal axes).
The JSON file comes last: a map that has one is whole.
"""
