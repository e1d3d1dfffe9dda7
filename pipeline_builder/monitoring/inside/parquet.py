"""Parquet files, by pyarrow where the image has it."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from .failure import UnusableError

_MOST_COLUMNS = 1000
_WHOLE = ("int64", "uint64")


def parts(path: str, most: int, texts: Collection[str] = frozenset()) -> Iterator[Any]:
    """Yield a file's rows; with another library than pyarrow all at once.

    In `texts` are columns whose whole numbers are names, which no fraction is made of where some are missing.
    """
    try:
        reader = importlib.import_module("pyarrow.parquet")
    except ImportError:
        try:
            yield pd.read_parquet(path)
        except ImportError:
            raise UnusableError("is Parquet, and the image has no pyarrow") from None
        return
    file = reader.ParquetFile(path)
    rows = max(100, most * _MOST_COLUMNS // max(_MOST_COLUMNS, 20 * len(file.schema_arrow.names)))
    for batch in file.iter_batches(batch_size=rows):
        table = batch.to_pandas()
        for at, field in enumerate(batch.schema):
            if field.name in texts and _is_fraction(table.get(field.name), batch.column(at)):
                table[field.name] = batch.column(at).to_pandas(integer_object_nulls=True).to_numpy()
        indexed = [name for name in table.index.names if name in texts]
        yield table.reset_index(indexed) if indexed else table


def _is_fraction(made: Any, column: Any) -> bool:
    """Tell whether pandas has made fractions of whole numbers, or will: it has no whole number that is missing."""
    is_whole = str(column.type) in _WHOLE and column.null_count > 0
    return bool(is_whole and made is not None and pd.api.types.is_numeric_dtype(made))
