"""The AWS target against `serve` on loopback: the cost of a no-change plan and apply, and of following a long run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.compose import make_workspace  # noqa: E402 - the repository isn't installed
from pipeline_builder.aws.client import Aws  # noqa: E402
from pipeline_builder.aws.connect import AwsSettings, open_aws_target  # noqa: E402
from pipeline_builder.aws.polling import Clock  # noqa: E402
from pipeline_builder.session import Session  # noqa: E402
from pipeline_builder.workspace import Workspace  # noqa: E402
from tests.engine.definitions import definition, script  # noqa: E402

VALUES = {
    "SMP_ACCOUNTID": "000000000000",
    "SMP_REGION": "us-east-1",
    "SMP_S3BUCKETNAME": "bucket",
    "SMP_ROLE": "arn:aws:iam::000000000000:role/local",
}
SETTINGS = AwsSettings(region="us-east-1", role=VALUES["SMP_ROLE"], bucket="bucket")
HOURS = 8


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Run the server in a process of its own; this one's clients find it."""
    command = [
        sys.executable,
        "-m",
        "pipeline_builder",
        "serve",
        "--json",
        "--port",
        "0",
        "--state",
        str(folder / "state"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder
    )
    assert server.stdout
    try:
        os.environ.update(json.loads(server.stdout.readline()))
        Aws("us-east-1").client("s3").create_bucket(Bucket="bucket")
        yield
    finally:
        server.terminate()
        server.wait()


def plan_and_apply(folder: Path) -> tuple[int, float, float]:
    """Return the calls of a plan and an apply, the seconds that they take, and this process's own share of these."""
    workspace = Workspace(
        manifest_path=folder / "model_repos.yaml", state=folder / "state", build=folder / "build", target="aws",
        jobs=2, environment=dict(os.environ), values=VALUES,
    )  # fmt: skip
    aws = Aws("us-east-1")
    session = Session(workspace, say=lambda _: None, warn=lambda _: None)
    session.__dict__["target"] = open_aws_target(SETTINGS, aws=aws)
    started, own = time.perf_counter(), time.process_time()
    session.apply(session.plan())
    return sum(aws.calls.values()), time.perf_counter() - started, time.process_time() - own


def follow(folder: Path) -> tuple[dict[str, int], float]:
    """Follow a run of HOURS on a clock that doesn't wait; return the calls, and how late its end was noticed."""
    now, done = [0.0], folder / "done"
    ended: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] >= HOURS * 3600 and not ended:
            done.touch()
            time.sleep(3)  # until the server has seen it
            ended.append(now[0] - seconds / 2)

    aws = Aws("us-east-1")
    pipelines = open_aws_target(SETTINGS, aws=aws, clock=Clock(now=lambda: now[0], sleep=sleep)).pipelines
    content = definition(script("long", f"while [ ! -e {done} ]; do sleep 0.1; done"))
    deployed = pipelines.put_pipeline("long", json.dumps(json.loads(content)).encode())
    execution = pipelines.start_execution("long", deployed.version, {}, fingerprint="f")
    aws.calls.clear()
    pipelines.follow_execution(execution.arn, lambda _: None)
    return dict(aws.calls), now[0] - ended[0]


def main() -> None:
    """Print the tables."""
    print("no change: plan and apply")
    print(f"  {'units':>6} {'calls':>6} {'seconds':>8} {'own CPU':>8}")
    for units in (1, 10, 100):
        with tempfile.TemporaryDirectory() as name, served(Path(name)):
            folder = Path(name)
            make_workspace(folder, units)
            plan_and_apply(folder)
            calls, seconds, own = plan_and_apply(folder)
            print(f"  {units:>6} {calls:>6} {seconds:>8.2f} {own:>8.2f}")
    print("  target for 10 units: under 12 calls, under 1.5 s of our own time")
    with tempfile.TemporaryDirectory() as name, served(Path(name)):
        calls_by_name, late = follow(Path(name))
    describes = sum(count for name, count in calls_by_name.items() if name.startswith("describe"))
    print(f"following a run of {HOURS} hours: {describes} describe calls (target under 600), all: {calls_by_name}")
    print(f"  its end was noticed within {late:.0f} s (target 30 s)")


if __name__ == "__main__":
    main()
