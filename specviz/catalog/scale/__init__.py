"""Catalogues that are made of more stars than fit into memory, or than one machine embeds in a day.

The work is cut into partitions. A partition is made by :func:`specviz.catalog.scale.partition.make_part`, which reads
only its own stars, writes only its own files and gives the same files however often and wherever it runs. So it does
not matter who makes which partition when, what was killed, or what was made twice.
"""
