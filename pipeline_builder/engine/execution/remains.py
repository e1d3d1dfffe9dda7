"""Whether what an execution has made is still there: one whose files are deleted has done nothing for a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_builder.descriptions import ExecutionStatus
from pipeline_builder.engine.state.moved import JOBS
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems


def standing_fingerprint(fingerprint: str, state: State, store: LocalStore) -> str:
    """Return the fingerprint of a run, another one where the files of the execution that had it are gone.

    What is made again has that other fingerprint, and stands for the work from then on; as long as its files are there.
    """
    while gone := _emptied(fingerprint, state, store):
        fingerprint = hashlib.sha256(f"{fingerprint}\0gone\0{gone}".encode()).hexdigest()
    return fingerprint


def _emptied(fingerprint: str, state: State, store: LocalStore) -> str:
    """Return the newest execution of a fingerprint where it has succeeded and something of it is gone, else nothing."""
    sql = "SELECT arn, status FROM executions WHERE fingerprint = ? ORDER BY number DESC LIMIT 1"
    for row in state.query(sql, fingerprint):
        if row["status"] == ExecutionStatus.SUCCEEDED.value:
            addresses = {uri for result in state.results(row["arn"]).values() for uri in _written(result)}
            return str(row["arn"]) if any(_is_gone(uri, state, store) for uri in addresses) else ""
    return ""


def _written(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of what a step's job has written."""
    outputs = (result.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    found = [(output.get("S3Output") or {}).get("S3Uri") for output in outputs]
    found.append((result.get("ModelArtifacts") or {}).get("S3ModelArtifacts"))
    found.append(_best_model(result))
    found.append((result.get("TransformOutput") or {}).get("S3OutputPath"))
    yield from (uri for uri in found if isinstance(uri, str))


def _best_model(result: Mapping[str, Any]) -> str | None:
    """Return the address of the best model of a tuning."""
    folder = ((result.get("TrainingJobDefinition") or {}).get("OutputDataConfig") or {}).get("S3OutputPath")
    name = (result.get("BestTrainingJob") or {}).get("TrainingJobName")
    return f"{str(folder).rstrip('/')}/{name}/output" if folder and name else None


def _is_gone(uri: str, state: State, store: LocalStore) -> bool:
    """Tell whether there is nothing at an address where a job has written something: an empty output is none."""
    try:
        if store.find(uri) or store.holds(uri):
            return False
        path = store.place(uri)
    except InputProblems:  # a stub may say anything
        return False
    sql = "SELECT 1 FROM digests WHERE path = ? OR (path > ? AND path < ?) LIMIT 1"
    if state.query(sql, path, f"{path}/", f"{path}0"):
        return True
    if not _was_moved(state):
        return False
    # They are known by where the workspace was then; each is looked at, which takes 0.5 s for a million.
    below = f"/{store.root.name}{path.removeprefix(str(store.root))}/"
    return bool(state.query("SELECT 1 FROM digests WHERE instr(path || '/', ?) LIMIT 1", below))


def _was_moved(state: State) -> bool:
    """Tell whether something ran where the workspace isn't any more, or where it was copied from."""
    jobs = f"{state.folder / JOBS}/"
    return bool(state.query("SELECT 1 FROM steps WHERE log != '' AND substr(log, 1, ?) != ? LIMIT 1", len(jobs), jobs))
