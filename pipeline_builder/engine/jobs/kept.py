"""The folders of a training that are kept in the store while it runs, as its request asks for them.

Where the service puts what TensorBoard and the debugger's hook write is in the SDK: an estimator's
`latest_job_tensorboard_artifacts_path` and `latest_job_debugger_artifacts_path`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.paths import OPT_ML

CHECKPOINTS = "CheckpointConfig"
HOOK = "DebugHookConfig"
# By the member that asks for it: the folder where it says none, and what the address gets behind the job's name.
_BELOW_THE_JOB = {
    "TensorBoardOutputConfig": (f"{OPT_ML}/output/tensorboard", "tensorboard-output"),
    HOOK: (f"{OPT_ML}/output/tensors", "debug-output"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A folder in the job, by the member that names it, and the address that it is kept at."""

    member: str
    path: Any
    uri: str


def kept_folders(request: Request, job: str) -> Iterator[Kept]:
    """Yield the folders of the job with this name; a path may be an expression where it isn't known yet."""
    if checkpoints := request.get(CHECKPOINTS):
        path = checkpoints.get("LocalPath") or f"{OPT_ML}/checkpoints"
        yield Kept(member=CHECKPOINTS, path=path, uri=checkpoints.get("S3Uri", ""))
    for member, (path, name) in _BELOW_THE_JOB.items():
        if config := request.get(member):
            uri = f"{str(config.get('S3OutputPath', '')).rstrip('/')}/{job}/{name}"
            yield Kept(member=member, path=config.get("LocalPath") or path, uri=uri)
