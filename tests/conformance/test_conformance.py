"""Every case of `cases/` runs on the local engine, and comes out as SageMaker documents it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from pipeline_builder.definition.check.refusal import refusal_of
from pipeline_builder.descriptions import Execution
from pipeline_builder.engine.local import LocalPipelines
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.run import follow, start
from pipeline_builder.target import Target
from tests.conformance.cases import Case, case_names, load_case
from tests.engine.definitions import target


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Target:
    settings = {"interrupts": {"SpotTraining": (1.0,)}, "judge": refusal_of}
    return target(tmp_path_factory.mktemp("conformance"), settings=settings)


@pytest.mark.parametrize("name", case_names())
def test_a_feature(local: Target, name: str) -> None:
    case = load_case(name)
    if case.stubs:
        local = with_stubs(local, case)
    assert case.says.strip()
    assert case.source.strip()
    for uri, content in case.objects.items():
        local.store.put(uri, content)
    if case.expect.refused:
        with pytest.raises(PipelineBuilderError) as refused:
            run(local, case)
        said = [problem for problem in refused.value.problems if problem.id == case.expect.refused]
        assert any(case.expect.says in problem.message for problem in said), refused.value
        return
    ended = run(local, case)
    steps_are(local, case, ended)
    objects_are(local, case)
    for step, lines in case.expect.log.items():
        log = iter(local.pipelines.read_log(ended.arn, step).splitlines())
        assert all(any(line in found for found in log) for line in lines), local.pipelines.read_log(ended.arn, step)


def with_stubs(local: Target, case: Case) -> Target:
    """Return the same target, whose engine has the case's stubs."""
    assert isinstance(local.pipelines, LocalPipelines)
    return replace(local, pipelines=LocalPipelines(replace(local.pipelines.engine, stubs=case.stubs), _new_id))


def _new_id() -> str:
    return secrets.token_hex(6)


def run(local: Target, case: Case) -> Execution:
    """Deploy the case as a pipeline of its own, and run it."""
    deployed = local.pipelines.put_pipeline(case.name.replace("/", "-").replace("_", "-"), case.definition)
    return follow(local.pipelines, start(local.pipelines, deployed, case.values, rerun=False), lambda _state: None)


def steps_are(local: Target, case: Case, ended: Execution) -> None:
    """The states are those of the case; steps that it doesn't name have succeeded where the execution has."""
    states = {state.name: state for state in local.pipelines.list_steps(ended.arn)}
    reasons = {name: state.failure_reason for name, state in states.items()}
    assert ended.status.value == case.expect.status, reasons
    assert not case.expect.steps.keys() - states.keys()
    for name, state in states.items():
        told = case.expect.steps.get(name, "Succeeded" if case.expect.status == "Succeeded" else state.status.value)
        wanted: Mapping[str, str] = told if isinstance(told, Mapping) else {"status": told}
        assert state.status.value == wanted["status"], (name, state)
        assert wanted.get("says", "") in (state.failure_reason or ""), (name, state.failure_reason)


def objects_are(local: Target, case: Case) -> None:
    """Every object of the case is there with its text, and none that must not be."""
    for uri, wanted in case.expect.objects.items():
        found = [local.store.get(one).decode() for one in matching(local, uri)]
        assert len(found) == 1, (uri, found, listing(local, uri))
        assert (found[0] if isinstance(wanted, str) else json.loads(found[0])) == wanted, uri
    for uri in case.expect.absent:
        assert not matching(local, uri)


def matching(local: Target, uri: str) -> list[str]:
    """Return the addresses that the pattern means."""
    return [one for one in listing(local, uri) if fnmatchcase(one, uri)]


def listing(local: Target, uri: str) -> list[str]:
    """Return every address of the pattern's bucket."""
    assert isinstance(local.store, LocalStore)
    bucket = uri.split("/")[2]
    return sorted(f"s3://{bucket}/{key}" for key, _path in local.store.keys(bucket, ""))
