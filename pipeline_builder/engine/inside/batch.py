"""The files of a batch transform: cut into requests, answered by a container, and their answers put together again.

As on SageMaker, a file with a failing record gets no output, the other files do, and the job fails at the end.
"""

from __future__ import annotations

import gzip
import os
import sys
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline_builder.engine.inside.answers import Asked
from pipeline_builder.engine.inside.records import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_builder.engine.inside.answers import Answer, Container

    Spec = Mapping[str, Any]

OPT_ML = "/opt/ml"
DEFAULTS: dict[str, Any] = {
    "content_type": None, "accept": None, "compression": "None", "split": "None", "strategy": "MultiRecord",
    "max_payload_mb": 6, "assemble": "None",
}  # fmt: skip


def run_files(container: Container, spec: Spec) -> int:
    """Have all files of the spec answered; return the exit code."""
    files = spec["files"]
    failed = [source for source, target in files if not _transform(source, target, spec, container.answer)]
    if failed:
        tell(f"{len(failed)} of {len(files)} files failed: {', '.join(failed[:10])}")
    return 1 if failed else 0


def tell(text: str) -> None:
    """Write a line into the job's log."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is the job's log


def here(path: str) -> Path:
    """Return where a path of the container is: below SAGEMAKER_BASE_DIR where /opt/ml isn't private."""
    base = os.environ.get("SAGEMAKER_BASE_DIR")
    return Path(base + path[len(OPT_ML) :]) if base and (path + "/").startswith(OPT_ML + "/") else Path(path)


def _transform(source: str, target: str, spec: Spec, answer: Answer) -> bool:
    """Write the responses for one file; the output appears whole or not at all. Return whether it did."""
    output = here(target)
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(output.name + ".part")
    first = 1
    try:
        with _opened(here(source), spec) as stream, part.open("wb") as result:
            for body, count in requests(stream, spec):
                response = answer(Asked(body, spec["content_type"], spec["accept"])).body
                result.write(response)
                if spec["assemble"] == "Line" and not response.endswith(b"\n"):
                    result.write(b"\n")
                first += count
    except Exception:  # noqa: BLE001 - user code may raise anything; the log gets all of it
        traceback.print_exc()
        where = f"at record {first}" if spec["split"] == "Line" else "as a whole"
        tell(f"the transform of '{source}' failed {where}")
        if part.exists():
            part.unlink()
        return False
    part.replace(output)
    return True


def _opened(path: Path, spec: Spec) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if spec["compression"] == "Gzip" else path.open("rb")
