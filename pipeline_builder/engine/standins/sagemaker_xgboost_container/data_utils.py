"""Files as matrices of XGBoost's."""

from __future__ import annotations

import glob
import importlib
import os
from typing import Any

_KINDS = {"csv": "csv", "text/csv": "csv", "libsvm": "libsvm", "text/libsvm": "libsvm", "text/x-libsvm": "libsvm"}
_PARQUET = ("parquet", "application/x-parquet")


def get_content_type(content_type_cfg_val: str | None) -> str:
    """Return `csv`, `libsvm` or `parquet` for a MIME type; libsvm is what nothing is said of."""
    kind = (content_type_cfg_val or "libsvm").partition(";")[0].strip().lower()
    if kind in _PARQUET:
        return "parquet"
    if kind not in _KINDS:
        raise ValueError(f"{content_type_cfg_val} is not an accepted ContentType here: csv, libsvm, parquet")
    return _KINDS[kind]


def get_dmatrix(
    data_path: str | list[str],
    content_type: str,
    csv_weights: int = 0,
    is_pipe: bool = False,
    combine_train_val: bool = False,
) -> Any:
    """Return the files of a folder, or of several, as one matrix whose labels are their first column; None for none."""
    del combine_train_val
    if is_pipe:
        raise ImportError("Pipe mode is not here: on the local target this is a small stand-in for AWS's package")
    paths = [data_path] if isinstance(data_path, str) else data_path
    found = [file for path in paths if path for file in _files(path)]
    if not found:
        return None
    kind = get_content_type(content_type)
    rows = [_READERS[kind](file, csv_weights) for file in found]
    return _matrix(rows)


def _files(path: str) -> list[str]:
    if os.path.isfile(path):  # noqa: PTH113 - as plain as it can be
        return [path]
    inner = glob.glob(os.path.join(glob.escape(path), "**", "*"), recursive=True)  # noqa: PTH118, PTH207
    return sorted(file for file in inner if os.path.isfile(file))  # noqa: PTH113


def _csv(file: str, weighted: int) -> tuple[Any, Any, Any]:
    numpy = importlib.import_module("numpy")
    return _columns(numpy.atleast_2d(numpy.genfromtxt(file, delimiter=",")), weighted)


def _parquet(file: str, weighted: int) -> tuple[Any, Any, Any]:
    return _columns(importlib.import_module("pandas").read_parquet(file).to_numpy(), weighted)


def _columns(table: Any, weighted: int) -> tuple[Any, Any, Any]:
    first = 2 if weighted == 1 else 1
    return table[:, first:], table[:, 0], table[:, 1] if weighted == 1 else None


def _libsvm(file: str, _: int) -> tuple[Any, Any, Any]:
    """Read a file of `label index:value …`, whose indices begin where they do."""
    rows, labels = [], []
    with open(file) as lines:  # noqa: PTH123
        for line in lines:
            words = line.partition("#")[0].split()
            if words:
                labels.append(float(words[0].partition(":")[0]))
                rows.append({int(i): float(v) for i, _, v in (word.partition(":") for word in words[1:])})
    return rows, labels, None


_READERS = {"csv": _csv, "parquet": _parquet, "libsvm": _libsvm}


def _matrix(parts: list[tuple[Any, Any, Any]]) -> Any:
    numpy, xgboost = importlib.import_module("numpy"), importlib.import_module("xgboost")
    labels = numpy.concatenate([numpy.asarray(part[1], dtype=float) for part in parts])
    if type(parts[0][0]) is list:
        return xgboost.DMatrix(_sparse([row for part in parts for row in part[0]]), label=labels)
    weights = None if parts[0][2] is None else numpy.concatenate([part[2] for part in parts])
    return xgboost.DMatrix(numpy.concatenate([part[0] for part in parts]), label=labels, weight=weights)


def _sparse(rows: list[dict[int, float]]) -> Any:
    scipy = importlib.import_module("scipy.sparse")
    width = max((index + 1 for row in rows for index in row), default=0)
    places = [(number, index, value) for number, row in enumerate(rows) for index, value in row.items()]
    row = [place[0] for place in places]
    column = [place[1] for place in places]
    values = [place[2] for place in places]
    return scipy.csr_matrix((values, (row, column)), shape=(len(rows), width))
