"""The step cache's generations: which one an execution takes from, and what cached steps carry for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.aws.facts import Facts, read_facts
from pipeline_builder.dag.caching import (
    COMPARED,
    FIRST,
    HYPERPARAMETER,
    PARAMETER,
    VARIABLE,
    always_cached,
    current_generation,
    without_cache,
)
from pipeline_builder.definition.shapes.services import load_sagemaker
from pipeline_builder.definition.steps.freshness import MOST_VARIABLES
from pipeline_builder.descriptions import Execution, ExecutionStatus
from pipeline_builder.errors import InputProblems
from tests.definition.cases import CASES
from tests.definition.composing import compose_definition
from tests.engine.definitions import CACHED, definition, output_of, run, script, target
from tests.tiny import CONF, variant

CARRIED = {VARIABLE: {"Get": f"Parameters.{PARAMETER}"}}
_TRANSFORM = "        entry_point: inference.py\n"


def executions(*generations: str) -> list[Execution]:
    """Return executions with these values of the parameter, oldest first, as a service lists them: newest first."""
    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    found = Execution(
        arn="arn", pipeline="p", version=1, status=ExecutionStatus.SUCCEEDED, definition_sha256="", parameters={},
        fingerprint="", started=begun,
    )  # fmt: skip
    return [
        replace(found, parameters={PARAMETER: value} if value else {}, started=begun + timedelta(hours=hour))
        for hour, value in enumerate(generations)
    ][::-1]


@pytest.mark.parametrize(
    ("generations", "expected"),
    [
        ((), FIRST),
        (("", ""), FIRST),  # of definitions without the parameter
        ((FIRST, FIRST), FIRST),
        ((FIRST, "a", "a"), "a"),
        ((FIRST, "a", "b", "b"), "b"),
        ((FIRST, "a", "b", "a"), "b"),  # the last one was started beside the one that begins b
        ((FIRST, "a", "a.x", "a.y"), "a"),  # limited ones begin none, and tell which they are of
        (("first.x", "first.y"), FIRST),
        (("a", FIRST, FIRST), "a"),  # by hand, with the default
    ],
)
def test_the_generation_that_was_begun_last(generations: tuple[str, ...], expected: str) -> None:
    assert current_generation(executions(*generations)) == expected


def test_without_the_cache_the_value_is_the_executions_own() -> None:
    given = {"ManifestCommit": "c", PARAMETER: "a"}
    assert without_cache(given, "own", limited=False) == {**given, PARAMETER: "own"}
    assert without_cache(given, "own", limited=True) == {**given, PARAMETER: "a.own"}
    assert without_cache({"ManifestCommit": "c"}, "own", limited=False) == {"ManifestCommit": "c"}


@pytest.mark.parametrize("generation", ["", "first", "0123456789abcdef", "first.0123456789abcdef"])
def test_a_description_tells_the_generation(generation: str) -> None:
    facts = Facts(fingerprint="f" * 64, commit="c" * 40, generation=generation)
    assert read_facts(str(facts)) == facts
    assert read_facts(f"{facts}. Started by Ada.") == facts


# --- what is composed


def composed(tmp_path: Path, conf: str = CONF, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compose_definition(tmp_path, conf, **more).content)
    return found


def environments(document: Mapping[str, Any]) -> dict[str, Any]:
    return {step["Name"]: step["Arguments"].get("Environment", {}) for step in document["Steps"]}


def problems(tmp_path: Path, conf: str) -> list[tuple[str, int, str]]:
    """Return what is wrong with a conf: id, line, and the words."""
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf)
    return [(found.id, found.place.line if found.place else 0, found.message) for found in caught.value.problems]


def line_of(conf: str, text: str) -> int:
    return next(number for number, line in enumerate(conf.splitlines(), 1) if text in line)


@pytest.mark.parametrize("name", CASES)
def test_every_cached_step_of_every_case_carries_it_and_no_other(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    document = composed(tmp_path, case.conf, files=case.files, tags=case.tags, **case.values)
    cached = {step["Name"] for step in document["Steps"] if "CacheConfig" in step}
    carrying = {name for name, found in environments(document).items() if found.get(VARIABLE) == CARRIED[VARIABLE]}
    tunings = [step for step in document["Steps"] if step["Type"] == "Tuning"]
    static = {step["Name"]: step["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"] for step in tunings}
    carrying |= {name for name, found in static.items() if found.get(HYPERPARAMETER) == CARRIED[VARIABLE]}
    calls = [step for step in document["Steps"] if step["Type"] == "Lambda"]
    carrying |= {call["Name"] for call in calls if call["Arguments"].get("smp_generation") == CARRIED[VARIABLE]}
    # What the service compares of these has no member that is free for it: docs/reference/conf.md says so.
    unable = {step["Name"] for step in document["Steps"] if step["Type"] in ("EMR", "QualityCheck")}
    assert {*always_cached(json.dumps(document).encode())} == cached & unable
    assert carrying - unable == cached - unable
    declared = [item for item in document["Parameters"] if item["Name"] == PARAMETER]
    assert declared == [{"Name": PARAMETER, "Type": "String", "DefaultValue": FIRST}]
    members = {"Environment", "StaticHyperParameters"}
    jobs = [step for step in document["Steps"] if "CacheConfig" in step and step["Type"] in COMPARED]
    assert all(members & {*COMPARED[step["Type"]]} for step in jobs)


def test_a_definition_without_a_cached_step_has_no_parameter_for_it(tmp_path: Path) -> None:
    document = composed(tmp_path, CONF.replace("            enable_cache: true\n", ""))
    assert PARAMETER not in json.dumps(document)


@pytest.mark.parametrize(
    "arguments", ["{Environment: null}", "{Environment: {A: b}}", "{StoppingCondition: {MaxRuntimeInSeconds: 60}}"]
)
@pytest.mark.parametrize("of", ["section", "step"])
def test_arguments_of_either_kind_leave_it_there(tmp_path: Path, arguments: str, of: str) -> None:
    section = ("        hyperparams: {scale: 2}\n", f"        env: {{C: d}}\n        arguments: {arguments}\n")
    step = ("            chain_input_source_step: [churn-Preprocess]\n          - step_name: churn-CreateModel\n",
            f"            chain_input_source_step: [churn-Preprocess]\n            arguments: {arguments}\n"
            "          - step_name: churn-CreateModel\n")  # fmt: skip
    found = environments(composed(tmp_path, variant(section if of == "section" else step)))["churn-Train"]
    assert found[VARIABLE] == CARRIED[VARIABLE]
    assert found.get("A") == ("b" if "A: b" in arguments else None)


def test_arguments_of_a_step_dont_take_the_fingerprint_of_its_data_away(tmp_path: Path) -> None:
    conf = CASES["cached-by-data"].conf
    old = "            step_type: preprocess\n"
    assert old in conf
    document = composed(tmp_path, conf.replace(old, f"{old}            arguments: {{Environment: null}}\n"))
    expected = {"SMP_DATA_FINGERPRINT": {"Get": "Parameters.Data-churn-Preprocess"}, **CARRIED}
    assert environments(document)["churn-Preprocess"] == expected


def many(count: int) -> str:
    return "{" + ", ".join(f"V{number}: x" for number in range(count)) + "}"


def test_limits_are_those_of_the_service() -> None:
    shapes = load_sagemaker().shapes
    assert {kind: shapes[f"{kind}EnvironmentMap"]["max"] for kind in MOST_VARIABLES} == MOST_VARIABLES


@pytest.mark.parametrize(
    ("old", "most", "step", "kind"),
    [
        (_TRANSFORM, 15, "churn-Transform", "Transform"),
        ("        entry_point: train.py\n", 99, "churn-Train", "Training"),
        ("        entry_point: preprocess.py\n", 98, "churn-Preprocess", "Processing"),  # its outputs' names are there
        ("        entry_point: evaluate.py\n", 99, "churn-Metrics", "Processing"),
    ],
)
def test_an_environment_without_room_is_a_problem(tmp_path: Path, old: str, most: int, step: str, kind: str) -> None:
    assert (
        len(environments(composed(tmp_path / "full", variant((old, f"{old}        env: {many(most)}\n"))))[step])
        == (MOST_VARIABLES[kind])
    )
    conf = variant((old, f"{old}        env: {many(most + 1)}\n"))
    words = (
        f"step '{step}': with what tells the step cache apart its environment has {MOST_VARIABLES[kind] + 1} variables, "
        f"and a {kind} job takes {MOST_VARIABLES[kind]}"
    )
    assert problems(tmp_path / "over", conf) == [("PB333", line_of(conf, "env: {"), words)]
    off = conf.replace("            enable_cache: true\n", "")
    assert len(environments(composed(tmp_path / "off", off))[step]) == most + 1


def test_an_environment_that_arguments_make_too_long_has_its_place(tmp_path: Path) -> None:
    conf = variant((_TRANSFORM, f"{_TRANSFORM}        arguments:\n          Environment: {many(16)}\n"))
    (found,) = problems(tmp_path, conf)
    assert found[:2] == ("PB333", line_of(conf, "Environment: {"))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("        env:\n          A: b\n          SMP_CACHE_GENERATION: mine\n", "SMP_CACHE_GENERATION"),
        ("        arguments:\n          Environment:\n            SMP_CACHE_GENERATION: x\n", "SMP_CACHE_GENERATION"),
    ],
)
def test_the_variable_is_no_step_s_own(tmp_path: Path, text: str, at: str) -> None:
    conf = variant((_TRANSFORM, _TRANSFORM + text))
    words = f"step 'churn-Transform': the variable '{VARIABLE}' is set by each run, as the step is cached"
    assert problems(tmp_path / "taken", conf) == [("PB334", line_of(conf, at), words)]
    off = conf.replace("            enable_cache: true\n", "")
    assert environments(composed(tmp_path / "off", off))["churn-Transform"][VARIABLE] in ("mine", "x")


def test_the_variable_of_a_fingerprint_is_no_step_s_own_either(tmp_path: Path) -> None:
    conf = CASES["cached-by-data"].conf.replace("env: {MODE: fast}", "env: {SMP_DATA_FINGERPRINT: x}")
    assert [found[0] for found in problems(tmp_path, conf)] == ["PB334"]


def test_the_parameter_is_no_conf_s_own(tmp_path: Path) -> None:
    conf = variant(
        ("pipelineName: tiny\n", "pipelineName: tiny\n    parameters: [{name: CacheGeneration, type: String}]\n")
    )
    (found,) = problems(tmp_path, conf)
    assert found == (
        "PB318", line_of(conf, "CacheGeneration"),
        "the parameter name 'CacheGeneration' is taken: it tells the step cache which results to take",
    )  # fmt: skip


# --- a cached result is its step's


@pytest.mark.long
def test_two_equal_steps_don_t_answer_each_other(tmp_path: Path) -> None:
    """SageMaker looks at previous runs of the step; and what refers to B finds nothing at A's address."""
    local = target(tmp_path)
    command = "echo x > /opt/ml/processing/output/y"
    a, b = script("A", command, **CACHED), script("B", command, **CACHED)
    after = script("After", "cat /opt/ml/processing/input/b/y", inputs={"b": output_of("B")})
    _, first, one = run(local, definition(a))
    _, second, two = run(local, definition(a, b, after))
    assert (one["A"].cache_hit, two["A"].cache_hit, two["B"].cache_hit) == ("", first.arn, "")
    assert local.store.get(f"s3://local/out/{second.id}/B/y") == b"x\n"
    _, third, three = run(local, definition(a, b))
    assert (three["A"].cache_hit, three["B"].cache_hit) == (first.arn, second.arn)
    assert {state.name for state in three.values()} == {"A", "B"}
    predicted = {p.step: (p.hit, p.reason) for p in local.pipelines.predict_cache("p", definition(a, b), {})}
    assert [predicted[name][1].split(" of ")[0] for name in "AB"] == [
        f"execution {first.id}", f"execution {second.id}",
    ]  # fmt: skip
    assert third.status is ExecutionStatus.SUCCEEDED


def test_equal_steps_that_run_at_once_both_run(tmp_path: Path) -> None:
    steps = [script(name, "echo x > /opt/ml/processing/output/y", **CACHED) for name in ("A", "B", "C")]
    steps[2]["DependsOn"] = ["A", "B"]
    _, _, found = run(target(tmp_path), definition(*steps))
    assert {state.cache_hit for state in found.values()} == {""}


def test_a_step_by_another_name_runs(tmp_path: Path) -> None:
    local = target(tmp_path)
    run(local, definition(script("A", "true", **CACHED)))
    renamed = definition(script("B", "true", **CACHED))
    (predicted,) = local.pipelines.predict_cache("p", renamed, {})
    assert (predicted.hit, predicted.reason) == (False, "has not run before")
    assert run(local, renamed)[2]["B"].cache_hit == ""


def test_the_same_step_of_another_pipeline_runs(tmp_path: Path) -> None:
    local = target(tmp_path)
    content = definition(script("A", "true", **CACHED))
    run(local, content)
    (predicted,) = local.pipelines.predict_cache("q", content, {})
    assert (predicted.hit, predicted.reason) == (False, "has not run before")


def test_why_a_step_runs_is_told_by_the_run_that_is_the_most_like_it(tmp_path: Path) -> None:
    local = target(tmp_path)
    step = script("A", "true", **CACHED)
    step["Arguments"]["Environment"] = CARRIED
    parameters = [{"Name": PARAMETER, "Type": "String", "DefaultValue": FIRST}]
    run(local, definition(step, Parameters=parameters))
    run(local, definition(step, Parameters=parameters), CacheGeneration="first.own")  # limited, and without the cache
    changed = json.loads(json.dumps(step))
    changed["Arguments"]["AppSpecification"]["ContainerEntrypoint"][-1] = "exit 0"
    (predicted,) = local.pipelines.predict_cache("p", definition(changed, Parameters=parameters), {})
    assert predicted.reason == "changed: image or command"
