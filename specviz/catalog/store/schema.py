"""Columns of parts that were written at different times, as the columns of one catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from specviz.catalog.store.columns import pyarrow
from specviz.errors import CatalogError


def merged_schema(schemas: Sequence[Any]) -> Any:
    """Arrow schema with every column that any part has, those of the first part first.

    Numbers of two types become the type that holds both; words and numbers become words. The unit is that of the first
    part that has one.
    """
    pa = pyarrow()
    fields: dict[str, Any] = {}
    for schema in schemas:
        for field in schema:
            known = fields.get(field.name)
            if known is None:
                fields[field.name] = field
                continue
            kind = known.type if known.type == field.type else _type_of_both(known.type, field.type)
            fields[field.name] = pa.field(field.name, kind, metadata=known.metadata or field.metadata)
    return pa.schema(list(fields.values()))


def _type_of_both(one: Any, other: Any) -> Any:
    pa = pyarrow()
    if is_text(one) or is_text(other):
        return pa.string()
    return pa.from_numpy_dtype(np.result_type(one.to_pandas_dtype(), other.to_pandas_dtype()))


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is words."""
    types = pyarrow().types
    return bool(types.is_string(kind) or types.is_large_string(kind))


def conformed(table: Any, schema: Any, names: Iterable[str]) -> Any:
    """Columns ``names`` of a part as the catalogue has them; null where the part has none.

    Raises
    ------
    CatalogError
        If numbers of the part lose digits in the type that the catalogue needs for the column.
    """
    pa = pyarrow()
    arrays, fields = [], [schema.field(name) for name in names]
    for field in fields:
        if field.name not in table.column_names:
            arrays.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
            continue
        try:
            arrays.append(table.column(field.name).cast(field.type))
        except pa.ArrowInvalid as error:
            raise CatalogError(
                f"Column {field.name!r} is {table.column(field.name).type} in one part and {field.type} elsewhere: its"
                " numbers would lose digits",
                remedy="Write that part again with one type for the column",
            ) from error
    return pa.table(arrays, schema=pa.schema(fields))


def refuse_drift(have: Any, added: Any) -> None:
    """Refuse to add words to a column of numbers, or numbers to one of words.

    Raises
    ------
    CatalogError
    """
    for field in added:
        if field.name in have.names and is_text(have.field(field.name).type) != is_text(field.type):
            there, here = ("words", "numbers") if is_text(have.field(field.name).type) else ("numbers", "words")
            raise CatalogError(
                f"Column {field.name!r} holds {there} in this catalogue and {here} in what is added",
                remedy="Convert it, or give it another name",
            )
