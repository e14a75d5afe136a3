"""The evaluation behind ``specviz evaluate``: one module a kind of question, each printing what it measures.

:mod:`~specviz.training.evaluation.bench` holds the model, the material and the targets; :mod:`scores
<specviz.training.evaluation.scores>` the statistics, free of models and files.
"""
