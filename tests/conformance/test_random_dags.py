"""Whatever a DAG is made of: each step runs when and only when it may, also where its engine is killed meanwhile."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline_builder.target import Target
from tests.conformance.random_dags import Node, dags, expected, shown, values, written
from tests.engine.definitions import run, target
from tests.places import ROOT

_SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
_ENGINES = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.engine.definitions import run, target
process = 0
for line in sys.stdin:
    if process:
        os.waitpid(process, 0)
    folder, values = json.loads(line)
    process = os.fork()
    if not process:
        try:
            run(target(Path(folder)), Path(folder, "definition.json").read_bytes(), **values)
        finally:
            os._exit(0)
    print(process, flush=True)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # until the next line its number is no other's
    print("ended", flush=True)
"""
"""An engine for each line, one after the other: forked, so that all of them are imported once."""


def came_out(local: Target, nodes: Sequence[Node], content: bytes) -> None:
    """Run the DAG, or go on with it, and hold every step and text against what has to come out."""
    given_values: dict[str, Any] = {**values(nodes)}
    _, ended, states = run(local, content, **given_values)
    outcome = expected(nodes)
    assert shown({name: state.status.value for name, state in states.items()}) == shown(outcome.statuses)
    assert ended.status.value == outcome.status
    for name, text in outcome.texts.items():
        assert local.store.get(f"s3://local/out/{ended.id}/{name}/text").decode() == text


@settings(max_examples=25, deadline=None, suppress_health_check=_SLOW)
@given(nodes=dags())
def test_every_step_runs_when_it_may(tmp_path: Path, nodes: tuple[Node, ...]) -> None:
    came_out(target(tmp_path), nodes, written(nodes))


@pytest.fixture(scope="module")
def engines() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _ENGINES, str(ROOT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.communicate("")


@pytest.mark.long
@settings(
    max_examples=8, deadline=None, suppress_health_check=_SLOW, phases=[Phase.generate]
)  # no minutes of shrinking
@given(nodes=dags(), moment=st.floats(0.0, 1.0))
def test_killed_and_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, engines: subprocess.Popen[str], nodes: tuple[Node, ...], moment: float
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    content = written(nodes, seconds=0.1)
    (folder / "definition.json").write_bytes(content)
    local = target(folder)
    assert engines.stdin
    assert engines.stdout
    engines.stdin.write(json.dumps([str(folder), values(nodes)]) + "\n")
    process = int(engines.stdout.readline())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not local.pipelines.list_executions():
        time.sleep(0.01)
    if not select.select([engines.stdout], [], [], moment * 0.2 * len(nodes))[0]:
        os.kill(process, signal.SIGKILL)
    assert engines.stdout.readline() == "ended\n"
    before = {one.name: one for one in local.pipelines.list_steps(local.pipelines.list_executions()[0].arn)}
    came_out(local, nodes, content)
    after = {one.name: one for one in local.pipelines.list_steps(local.pipelines.list_executions()[0].arn)}
    done = [name for name, state in before.items() if state.status.value == "Succeeded"]
    assert [after[name].attempts for name in done] == [before[name].attempts for name in done]
