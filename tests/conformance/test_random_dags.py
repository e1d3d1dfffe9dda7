"""Whatever a DAG is made of: each step runs when and only when it may, also where its engine is killed meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline_builder.target import Target
from tests.conformance.random_dags import Node, dags, expected, shown, values, written
from tests.engine.definitions import run, target
from tests.forking import fork
from tests.places import ROOT

_SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
_ENGINE = """
import sys
from pathlib import Path
from tests.engine.definitions import run, target
folder = Path(sys.argv[1])
run(target(folder), (folder / "definition.json").read_bytes(), **dict(one.split("=") for one in sys.argv[2:]))
"""


def came_out(local: Target, nodes: Sequence[Node], content: bytes) -> None:
    """Run the DAG, or go on with it, and hold every step and text against what has to come out."""
    given_values: dict[str, Any] = {**values(nodes)}
    _, ended, states = run(local, content, **given_values)
    outcome = expected(nodes)
    assert shown({name: state.status.value for name, state in states.items()}) == shown(outcome.statuses)
    assert ended.status.value == outcome.status
    for name, text in outcome.texts.items():
        assert local.store.get(f"s3://local/out/{ended.id}/{name}/text").decode() == text


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=_SLOW)
@given(nodes=dags())
def test_every_step_runs_when_it_may(tmp_path: Path, nodes: tuple[Node, ...]) -> None:
    came_out(target(tmp_path), nodes, written(nodes))


@pytest.mark.long
@settings(
    max_examples=8, deadline=None, suppress_health_check=_SLOW, phases=[Phase.generate]
)  # no minutes of shrinking
@given(nodes=dags(), moment=st.floats(0.0, 1.0))
def test_killed_and_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, nodes: tuple[Node, ...], moment: float
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    content = written(nodes, seconds=0.1)
    (folder / "definition.json").write_bytes(content)
    local = target(folder)
    given_values = [f"{name}={value}" for name, value in values(nodes).items()]
    process = fork(["-c", _ENGINE, str(folder), *given_values], cwd=ROOT, environment=os.environ)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline and not local.pipelines.list_executions():
        time.sleep(0.01)
    time.sleep(moment * 0.2 * len(nodes))
    process.kill()
    process.communicate(timeout=20)
    before = {one.name: one for one in local.pipelines.list_steps(local.pipelines.list_executions()[0].arn)}
    came_out(local, nodes, content)
    after = {one.name: one for one in local.pipelines.list_steps(local.pipelines.list_executions()[0].arn)}
    done = [name for name, state in before.items() if state.status.value == "Succeeded"]
    assert [after[name].attempts for name in done] == [before[name].attempts for name in done]
