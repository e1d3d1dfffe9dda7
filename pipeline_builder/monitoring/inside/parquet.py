"""Parquet files, by pyarrow where the image has it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pandas as pd

from .failure import UnusableError

_MOST_COLUMNS = 1000


def parts(path: str, most: int) -> Iterator[Any]:
    """Yield a file's rows; with another library than pyarrow all at once."""
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
        yield batch.to_pandas()
