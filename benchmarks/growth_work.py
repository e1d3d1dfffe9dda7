"""One go of one row of growth.py: prepares it, then prints the CPU seconds of the work alone, and the peak memory."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline_builder.dag.outline import Node
from pipeline_builder.descriptions import Execution, StepState
from pipeline_builder.release.outcome import collect
from pipeline_builder.release.run import Start, follow
from pipeline_builder.serve.steps import list_pipeline_execution_steps
from pipeline_builder.target import Target
from pipeline_builder.views.progress import open_progress
from pipeline_builder.views.report import render_report
from tests.engine.definitions import CACHED, definition, run, script, target

Work = Callable[[], object]
_QUIET: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def chain(size: int) -> bytes:
    """Return a definition of cached steps, each after the one before."""
    steps = [script(f"s{n}", "true", **CACHED, **({"DependsOn": [f"s{n - 1}"]} if n else {})) for n in range(size)]
    return definition(*steps)


def seed(local: Target, size: int) -> None:
    """Let the first step run, and give its end and its place in the step cache to all others."""
    _, ended, _ = run(local, chain(1))
    columns = {
        "steps": "execution, {}, type, status, started, ended, cache_hit, failure_reason, attempts, metadata, log, "
        "result, source",
        "cache": "pipeline, {}, key, parts, outputs, execution, result, metadata, created",
    }
    pipelines: Any = local.pipelines
    with pipelines.engine.state.transaction() as db:
        for table, name in (("steps", "name"), ("cache", "step")):
            into, out = columns[table].format(name), columns[table].format("?")
            sql = f"INSERT INTO {table} ({into}) SELECT {out} FROM {table} WHERE {name} = 's0'"
            db.executemany(sql, [(f"s{n}",) for n in range(1, size)])
    assert ended.status.value == "Succeeded"


def begin(local: Target, content: bytes, name: str) -> Work:
    """Return what runs the definition as an execution of its own, all of it out of the cache."""
    deployed = local.pipelines.put_pipeline("p", content)

    def go() -> Execution:
        fresh = local.pipelines.start_execution("p", deployed.version, {}, fingerprint=name)
        return follow(local.pipelines, Start(execution=fresh, origin="started"), lambda _: None)

    return go


def done(local: Target, size: int) -> Execution:
    """Return an execution of which every step came out of the cache."""
    work = begin(local, chain(size), "before")
    found = work()
    assert isinstance(found, Execution)
    assert all(step.cache_hit for step in local.pipelines.list_steps(found.arn))
    return found


def prepare(row: str, size: int, local: Target) -> Work:
    """Return the work of a row."""
    seed(local, size)
    if row == "cached":
        return begin(local, chain(size), "timed")
    found, pipelines = done(local, size), local.pipelines
    record = collect(found, local)
    works: dict[str, Work] = {
        "logs": lambda: [pipelines.read_log(found.arn, f"s{n}") for n in range(size)],
        "report": lambda: render_report(record),
        "show": lambda: collect(found, local),
        "status": lambda: pipelines.list_steps(found.arn),
        "predict": lambda: pipelines.predict_cache("p", chain(size), {}),
        "progress": lambda: show_progress(pipelines.list_steps(found.arn)),
        "serve": lambda: list_all(local, found.arn),
    }
    return works[row]


def show_progress(states: Sequence[StepState]) -> None:
    """Show each end on a terminal, as a run does, with ten looks at the table."""
    stream = io.StringIO()
    nodes = [Node(name=state.name, type=state.type, step_class=state.type, model="m") for state in states]
    with open_progress(nodes, stream=stream, terminal=True) as observe:
        for number, state in enumerate(states):
            observe(state)
            if number % max(1, len(states) // 10) == 0:
                time.sleep(0.15)


def list_all(local: Target, arn: str) -> None:
    """Ask our own endpoint for all steps, page by page."""
    pipelines: Any = local.pipelines
    token = None
    while True:
        request = {"PipelineExecutionArn": arn, **({"NextToken": token} if token else {})}
        call: Any = SimpleNamespace(engine=pipelines.engine, request=request, operation="ListPipelineExecutionSteps")
        token = list_pipeline_execution_steps(call)["NextToken"]
        if token is None:
            return


def prepare_validate(row: str, size: int, folder: Path) -> Work:
    """Return a validate of so many units as a command of its own: cold, of what hasn't changed, of one new script."""
    from compose import make_workspace

    def validate() -> None:
        subprocess.run([sys.executable, "-m", "pipeline_builder", "validate"], cwd=folder, check=True, **_QUIET)

    make_workspace(folder, size)
    if row != "validate":
        validate()
        validate()  # what has just been written counts by its content, and after this by what its file system says
    if row == "one":
        (folder / "aws-train" / "unit0000" / "scripts" / "new.py").write_text("print()\n")
    return validate


def used() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    found = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def main() -> None:
    """Print CPU seconds and MB."""
    row, size = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        validates = row in ("validate", "same", "one")
        prepared = prepare_validate(row, size, Path(folder)) if validates else None
        work = prepared or prepare(row, size, target(Path(folder), jobs=8))
        started = used()
        work()
        seconds = used() - started
    whose = resource.RUSAGE_CHILDREN if validates else resource.RUSAGE_SELF
    print(f"{seconds:.6f} {resource.getrusage(whose).ru_maxrss / 1024:.1f}")


main()
