"""Batch inference in a job's environment: has every record of every file answered by the model's container.

Run as `python transform.py spec.json`. Only the standard library is used here and in the modules beside this one that
it needs. The spec (paths as inside the container, all keys but the first four have defaults):

    {"model_dir": "/opt/ml/model",          the unpacked archive
     "code_dir": "/opt/ml/code",            where the program is; "/opt/ml/model/code" is looked at next
     "program": "inference.py",
     "files": [["/opt/ml/processing/in/a.csv", "/opt/ml/output/a.csv.out"], ...],
                                            within a pipeline also where the answers of the container before are, and
                                            where those of this one go
     "content_type": "text/csv",            null: handlers get None
     "accept": "text/csv",                  null: SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, else application/json
     "compression": "None" | "Gzip",
     "split": "None" | "Line" | "RecordIO" | "TFRecord",
     "strategy": "MultiRecord" | "SingleRecord",
     "max_payload_mb": 6,                   0 is no limit, with "split": "None" only
     "max_concurrent": 1,                   for containers that take several requests at once
     "assemble": "None" | "Line",
     "input_filter": [["items", [[1, null]]]],  as `dag/jsonpath` reads it; null: everything
     "output_filter": null,
     "join": false,                         whether each answer is joined with its record
     "retries": 3, "timeout": 600,          for each request; seconds
     "first": true, "last": true}           of the containers of a pipeline

The first three are for `handlers.open_container`, the others for `batch.run_files`.
"""

from __future__ import annotations

import json
import sys
import types
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("pipeline_builder", "pipeline_builder.engine", "pipeline_builder.engine.inside")


def main(arguments: list[str]) -> int:
    """Run the spec in the file `arguments[0]`; return the exit code."""
    with _own_names():
        from pipeline_builder.engine.inside import answers, batch, handlers, job
    spec = {**batch.DEFAULTS, **json.loads(Path(arguments[0]).read_text(encoding="utf-8"))}
    try:
        container = handlers.open_container(spec, _own_names)
    except Exception as error:  # noqa: BLE001 - user code may raise anything; the log gets all of it
        if isinstance(error, answers.ServerError):
            job.tell(str(error))
        else:
            job.tell_error(error)
        job.tell(f"the model could not be loaded from '{spec['model_dir']}' by '{spec['program']}'")
        return 1
    return batch.run_files(container, spec)


_ours: dict[str, types.ModuleType] = {}
"""What has been imported so, for the next time."""


@contextmanager
def _own_names() -> Iterator[None]:
    """Let the modules beside this one be imported by their names in the house, of which nothing else is in a job.

    Afterwards the names are free again: none of ours hides one of the user's.
    """
    kept = _taken()
    for name in _PACKAGES if not _ours else ():
        _ours[name] = types.ModuleType(name)
        _ours[name].__path__ = [str(Path(__file__).resolve().parent)]
    sys.modules.update(_ours)
    try:
        yield
    finally:
        _ours.update(_taken())
        sys.modules.update(kept)


def _taken() -> dict[str, types.ModuleType]:
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == _PACKAGES[0]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
