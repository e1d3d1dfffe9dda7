"""How long the console's pages take, and how large they are, over 5,000 runs, 200 models, a DAG of 1,000 steps and a
year of scores.

    .venv/bin/python benchmarks/console.py [--runs 5000] [--models 200] [--steps 1000] [--keep FOLDER]

The state is made without running anything: executions, packages and kept records, through the target and its own state.
Templates are compiled before, as the server does at its start. Each page is asked for four times, by the application
itself: the first is the one that reads most, the fastest of the others counts. A page has to be there, may take 300 ms
of the server and have one megabyte.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline_builder.console.pages import Page, all_pages  # noqa: E402
from pipeline_builder.console.rendering import compile_templates  # noqa: E402
from pipeline_builder.descriptions import ApprovalStatus  # noqa: E402
from pipeline_builder.engine.execution.engine import Engine  # noqa: E402
from pipeline_builder.engine.local import LocalPipelines, open_local_target  # noqa: E402
from pipeline_builder.engine.settings import LocalSettings  # noqa: E402
from pipeline_builder.release.evidence import BoundEvidence  # noqa: E402
from pipeline_builder.release.past.keeping import keep_run  # noqa: E402
from pipeline_builder.release.record import (  # noqa: E402
    PackageRecord,
    RepoRecord,
    RunRecord,
    StepRecord,
    VerdictRecord,
)
from pipeline_builder.target import Target  # noqa: E402
from tests.console.consoles import Client, client_of, looks_of  # noqa: E402
from tests.console.scoring.days import put_days  # noqa: E402
from tests.workspaces import Workspace, make_workspace  # noqa: E402

MOST_SECONDS, MOST_BYTES = 0.3, 1_000_000
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
PIPELINE = "tiny"
DAYS, COLUMNS = 365, 300
"""Of scores, and of the data that they were made of."""
_EXECUTION = (
    "INSERT INTO executions (arn, pipeline, version, status, definition_sha256, parameters, fingerprint, started, "
    "ended) VALUES (?, ?, 1, ?, ?, '{}', ?, ?, ?)"
)
_STEP = "INSERT INTO steps (execution, name, type, status, started, ended) VALUES (?, ?, ?, ?, ?, ?)"
_REGISTERED = "UPDATE steps SET metadata = ? WHERE execution = ? AND name = ?"


@dataclass(frozen=True)
class Sizes:
    """How much there is."""

    runs: int
    models: int
    steps: int

    @property
    def groups(self) -> list[str]:
        return [f"model-{number:03}" for number in range(self.models)]

    @property
    def names(self) -> list[tuple[str, str, str]]:
        """The steps of the last run: model, name and the one before; the last of each model registers it."""
        each = max(1, self.steps // self.models - 1)
        found = []
        for group in self.groups:
            names = [*(f"{group}-Step{number}" for number in range(each)), f"{group}-Register"]
            found += [(group, name, before) for name, before in zip(names, ("", *names), strict=False)]
        return found


def type_of(step: str) -> str:
    """Return the type of a step, by its name."""
    return "RegisterModel" if step.endswith("-Register") else "Processing"


def execution_id(number: int) -> str:
    """Return the id of a run."""
    return f"run{number:09}"


def arn(number: int) -> str:
    """Return the ARN of a run."""
    return f"arn:aws:sagemaker:localhost:000000000000:pipeline/{PIPELINE}/execution/{execution_id(number)}"


def status_of(number: int) -> str:
    """Return what became of a run: each seventh has failed."""
    return "Failed" if number % 7 == 3 else "Succeeded"


def fill(target: Target, engine: Engine, sizes: Sizes) -> Iterator[str]:
    """Fill the state, and say what is done."""
    steps = [
        {"Name": name, "Type": type_of(name), "Arguments": {}, **({"DependsOn": [before]} if before else {})}
        for _, name, before in sizes.names
    ]
    content = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps}).encode()
    pipeline = target.pipelines.put_pipeline(PIPELINE, content)
    for group in sizes.groups:
        target.registry.put_group(group, "", "churn")
    last = sizes.runs - 1
    with engine.state.transaction() as db:
        for number in range(sizes.runs):
            begun = BEGIN + timedelta(hours=number)
            ended = (begun + timedelta(minutes=9)).isoformat()
            db.execute(_EXECUTION, (arn(number), PIPELINE, status_of(number), "0" * 64, f"{number:064}",
                                    begun.isoformat(), ended))  # fmt: skip
        for _, name, _ in sizes.names:
            db.execute(_STEP, (arn(last), name, type_of(name), "Succeeded", begun.isoformat(), ended))
    yield f"{sizes.runs} executions of version {pipeline.version}"
    put_days(target, DAYS, columns=COLUMNS, model=sizes.groups[0], pipeline=PIPELINE)
    yield f"{DAYS} days of {COLUMNS} columns"
    for number in range(sizes.runs):
        record = record_of(target, engine, sizes, number)
        keep_run(record, target)
        if number % 1000 == 999:
            yield f"{number + 1} records"
    with engine.state.transaction() as db:  # nothing is decided about what an execution hasn't registered
        for one in record.packages:
            db.execute(_REGISTERED, (json.dumps({"RegisterModel": one.arn}), arn(last), one.step))


def record_of(target: Target, engine: Engine, sizes: Sizes, number: int) -> RunRecord:
    """Return the record of a run: of one model, or for the last run of all models and steps."""
    last, begun = number == sizes.runs - 1, BEGIN + timedelta(hours=number)
    status = status_of(number)
    groups = sizes.groups if last else [sizes.groups[number % sizes.models]]
    packages = tuple(package(target, engine, group, number) for group in groups) if status == "Succeeded" else ()
    repo = RepoRecord(name="churn", url="https://git.example.com/ml/churn.git", revision="main", tree="0" * 40,
                      commit=f"{number:040x}", committed=begun, subject=f"change {number}", author="Ada")  # fmt: skip
    return RunRecord(
        tool_version="0", target="local", pipeline=PIPELINE, pipeline_version=1, execution=arn(number), status=status,
        started=begun, ended=begun + timedelta(minutes=9), definition_sha256="0" * 64, fingerprint=f"{number:064}",
        trigger=f"a push to churn, number {number}", repos=(repo,), packages=packages,
        steps=steps_of(sizes.names if last else sizes.names[:6], begun, status),
        verdict=VerdictRecord(passed=status == "Succeeded", reasons=("auc is 0.9, expected at least 0.8",)),
    )  # fmt: skip


def steps_of(names: Sequence[tuple[str, str, str]], begun: datetime, status: str) -> tuple[StepRecord, ...]:
    """Return records of steps."""
    return tuple(
        StepRecord(
            name=name, type=type_of(name), step_class=type_of(name), model=model,
            depends_on=(before,) if before else (),
            status=status if number == len(names) - 1 else "Succeeded", log_tail=("a line of the log",) * 20,
            failure_reason="no such column" if status == "Failed" and number == len(names) - 1 else "",
            started=begun + timedelta(seconds=number % 60), ended=begun + timedelta(seconds=number % 60 + 30),
        )
        for number, (model, name, before) in enumerate(names)
    )  # fmt: skip


def package(target: Target, engine: Engine, group: str, number: int) -> PackageRecord:
    """Register a version, and approve all but the newest."""
    value = 0.8 + (number * 37 % 100) / 1000
    request = {"ModelPackageGroupName": group, "CustomerMetadataProperties": {"commit-churn": f"{number:040x}"}}
    made = engine.registry.register(request, execution=arn(number), step=f"{group}-Register")
    if number % 3:
        made = target.registry.set_approval(
            made.arn, ApprovalStatus.APPROVED, description="approved by ada", by="ada",
            metadata={"decided-by": "ada", "decided-at": f"{BEGIN + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}"},
        )  # fmt: skip
    return PackageRecord(
        arn=made.arn, group=group, version=made.version, model=group, step=f"{group}-Register",
        status=made.status.value, metrics={"auc": value, "log_loss": 1 - value, "rows": number},
        champion_version=max(0, made.version - 1), verdict=VerdictRecord(passed=True),
        bounds=(BoundEvidence(metric="auc", min=0.5),),
    )  # fmt: skip


def addresses(sizes: Sizes) -> Iterator[tuple[Page, str]]:
    """Yield an address of each page that can be looked at here, by its name."""
    parts = {"pipeline": PIPELINE, "id": execution_id(sizes.runs - 1), "group": sizes.groups[0], "version": "9",
             "a": "8", "b": "9", "step": sizes.names[0][1], "date": "2026-01-01"}  # fmt: skip
    for page in all_pages():
        path = page.path.replace("int:", "")
        for name, value in parts.items():
            path = path.replace(f"<{name}>", value)
        yield page, f"{path}?a=1&b=9" if page.name == "choose" else path


def measure(client: Client, path: str) -> tuple[int, float, float, int]:
    """Return how a page is answered: its status, the seconds of the first time, of the best one after, its bytes.

    Seconds are those of the processor, of all threads: what else a machine does is no page's fault.
    """
    times = []
    for _ in range(4):
        begun = time.process_time()
        answer = client.get(path)
        times.append(time.process_time() - begun)
    return answer.status_code, times[0], min(times[1:]), len(answer.data)


def report(workspace: Workspace, sizes: Sizes) -> int:
    """Print the table; return how many pages are beyond what a page may be."""
    looks = looks_of(workspace)
    for word in ("without", "with"):
        begun = time.perf_counter()
        looks.current()
        print(f"a start {word} what the last one has left: {(time.perf_counter() - begun) * 1000:,.0f} ms")
        looks = looks_of(workspace)
    client, beyond = client_of(looks), 0
    begun = time.process_time()
    compile_templates()
    print(f"templates: {(time.process_time() - begun) * 1000:,.0f} ms")
    client.get("/static/look.css")
    looks.current()
    print(f"\n{'page':<10} {'address':<44} {'status':>6} {'first ms':>9} {'ms':>6} {'kB':>7}")
    more = [
        ("runs 50", "/runs?page=50"),
        ("filtered", "/runs?text=model-007"),
        ("named", "/?text=model-1"),
        ("a year", f"/scoring/{PIPELINE}?days=366"),
    ]
    for name, path in [(page.name, path) for page, path in addresses(sizes)] + more:
        status, first, best, size = measure(client, path)
        over = status != 200 or best > MOST_SECONDS or size > MOST_BYTES
        beyond += over
        print(f"{name:<10} {path:<44} {status:>6} {first * 1000:>9,.0f} {best * 1000:>6,.0f} {size / 1000:>7,.0f}"
              f"{'  too much' if over else ''}", flush=True)  # fmt: skip
    for bug in client.bugs:
        print(bug)
    return beyond


def main() -> int:
    """Make the state, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("runs", 5000), ("models", 200), ("steps", 1000)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--keep", type=Path, help="a folder that the state is made in, and used again where it is")
    given = parser.parse_args()
    sizes = Sizes(runs=given.runs, models=given.models, steps=given.steps)
    with tempfile.TemporaryDirectory() as folder:
        root = given.keep or Path(folder) / "workspace"
        if root.exists():
            workspace = Workspace(root)
        else:
            root.mkdir(parents=True)
            workspace = make_workspace(root, state=False)
            target = open_local_target(root / ".pipeline_builder", LocalSettings())
            assert isinstance(target.pipelines, LocalPipelines)
            begun = time.perf_counter()
            for line in fill(target, target.pipelines.engine, sizes):
                print(f"{line}, {time.perf_counter() - begun:,.0f} s", file=sys.stderr)
        return 1 if report(workspace, sizes) else 0


if __name__ == "__main__":
    sys.exit(main())
