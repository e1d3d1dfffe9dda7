"""Spot machines, warm pools, instance groups, several processes, tracking and indexes: what can't be is said at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.definition.findings import findings_of
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.passed import Passed
from tests.definition.cases import TUNE
from tests.definition.composing import load_graph
from tests.definition.machine_cases import REPOSITORY, SERVER
from tests.tiny import variant, write_model

TRAIN = "        hyperparams: {scale: 2}\n"
TUNING = ("step_class: Training", "step_class: Tuning")
GROUPS = "instance_groups: {fast: {instance_type: ml.g5.xlarge}, cheap: {instance_type: ml.c5.xlarge}}"
# Lines of the train section, and what is said of them: line and column among those, id, the beginning of the message.
SAID = [
    (["spot: true"], (1, 15, "PB255", "'StoppingCondition.MaxWaitTimeInSeconds' is missing: spot training needs it")),
    (
        ["spot: true", "max_wait_seconds: 2999"],
        (2, 27, "PB258", "'StoppingCondition.MaxWaitTimeInSeconds' is 2999, expected at least"),
    ),
    (["max_wait_seconds: 9999"], (1, 27, "PB256", "'StoppingCondition.MaxWaitTimeInSeconds' can't be given without")),
    (
        ["spot: true", "max_wait_seconds: 9999", "keep_alive_seconds: 60"],
        (3, 29, "PB256", "'ResourceConfig.KeepAlivePeriodInSeconds' can't be given with spot training"),
    ),
    ([GROUPS, "keep_alive_seconds: 60"], (2, 29, "PB256", "'ResourceConfig.KeepAlivePeriodInSeconds' can't be given")),
    ([GROUPS, "instance_count: 2"], (2, 25, "PB256", "'ResourceConfig.InstanceCount' can't be given with")),
    (
        [GROUPS, "channels: {own: {instance_groups: other, dataFiles: [{sourceName: a, fileName: s3://local/a}]}}"],
        (2, 43, "PB257", "'InputDataConfig[0].DataSource.S3DataSource.InstanceGroupNames[0]' is 'other', which is no"),
    ),
    (["instance_groups: {g: {instance_type: ml.none.x}}"], (1, 46, "PB404", "'ResourceConfig.InstanceGroups[0].InstanceType' is 'ml.none.x'")),
    (["checkpoints: 'http://x'"], (1, 22, "PB405", "'CheckpointConfig.S3Uri' is 'http://x'")),
    ([GROUPS, "distributed: torchrun"], (2, 22, "PB901", "nothing says in which of its 2 instance groups")),
    (
        [GROUPS, "distributed: {by: mpi, instance_groups: [fats]}"],
        (2, 50, "PB900", "its processes are to be in the instance group 'fats', which it doesn't have"),
    ),
    (["distributed: mpi"], (1, 22, "PB903", "starts a single process by 'mpi'")),
    (["distributed: {by: torchrun, processes_per_host: 1}"], (1, 22, "PB903", "starts a single process by 'torchrun'")),
    (
        ["distributed: data_parallel", "instance_count: 2"],
        (1, 22, "PB904", "SageMaker's data parallel library has no way to run on 'ml.m5.2xlarge'"),
    ),
    ([f"codeartifact: {REPOSITORY}"], (1, 23, "PB905", "nothing is installed from its CodeArtifact repository")),
    (["codeartifact: ml/pypi"], (1, 23, "PB204", "'codeartifact' is 'ml/pypi', expected arn:aws:codeartifact:")),
    (["mlflow: runs"], (1, 17, "PB204", "'server' is 'runs', expected the ARN of SageMaker's tracking server")),
    (["mlflow: 'https://me:secret@example.com'"], (1, 17, "PB204", "'server' is")),
    (
        ["distribution: {torch_distributed: {enabled: true}}"],
        (1, 23, "PB204", "'distribution' says how instances share the data; how processes are started is 'distributed'"),
    ),
    (["distributed: {by: torchrun, mpi_options: -v}"], (1, 22, "PB204", "'mpi_options' are for 'mpi' and")),
    (["distributed: {by: data_parallel, processes_per_host: 2}"], (1, 22, "PB204", "'processes_per_host' is for")),
    (["metric_definitions: [{Name: a, Regex: x}, {Name: a, Regex: y}]"], (1, 29, "PB204", "two metrics have the name")),
    (["metrics: {loss: '(a){99999999999}'}"], (1, 25, "PB204", "the expression '(a){99999999999}' can't be read")),
    (["keep_alive_seconds: true"], (1, 29, "PB204", "'keep_alive_seconds' is true")),
    (["metrics: {loss: '('}"], (1, 25, "PB204", "the expression '(' can't be read")),
]  # fmt: skip
GOOD = [
    ["spot: 'True'", "max_wait_seconds: 3000", "checkpoints: {address: s3://local/x}"],
    ["use_spot_instances: true", "max_wait_in_seconds: 3000"],
    ["distributed: {by: mpi, processes_per_host: 4}"],
    ["distributed: torchrun", "instance_type: ml.g5.12xlarge"],
    ["instance_groups: {fast: {instance_type: ml.g5.xlarge}}", "distributed: torchrun"],
    ["keep_alive_seconds: 0"],
    [f"mlflow: {SERVER.replace('tracking-server', 'app')}"],
]


def said(folder: Path, lines: list[str], **files: str) -> tuple[Problem, ...]:
    """Return everything that is said of the tiny model with these lines in its train section."""
    more = "".join(f"        {line}\n" for line in lines)
    model = write_model(folder / "churn", variant((TRAIN, TRAIN + more)))
    for name, text in files.items():
        (model / "scripts" / name.replace("_", ".")).write_text(text)
    try:
        graph = load_graph(folder, "churn")
        definition = build_definition(graph, build_settings(LOCAL_DEFAULTS), {})
    except InputProblems as error:
        return error.problems
    from pipeline_builder.definition.metrics import find_broken_metrics

    found = findings_of(definition, graph, Passed())
    return (*definition.warnings, *found, *find_broken_metrics(definition, graph))


@pytest.mark.parametrize(("lines", "expected"), SAID, ids=["; ".join(lines) for lines, _ in SAID])
def test_what_is_said(tmp_path: Path, lines: list[str], expected: tuple[int, int, str, str]) -> None:
    (found,) = said(tmp_path, lines)
    line, column, id_, message = expected
    first = variant().splitlines().index(TRAIN.rstrip("\n")) + 1
    assert found.place
    assert (found.place.line - first, found.place.column) == (line, column), str(found)
    assert found.id == id_, str(found)
    assert found.message.removeprefix("step 'churn-Train': ").removeprefix("step 'churn-Train' ").startswith(message)


@pytest.mark.parametrize("lines", GOOD, ids=["; ".join(lines) for lines in GOOD])
def test_good_neighbours(tmp_path: Path, lines: list[str]) -> None:
    assert said(tmp_path, lines) == ()


def test_torchrun_starts_scripts_only(tmp_path: Path) -> None:
    lines = ["distributed: {by: torchrun, processes_per_host: 2}"]
    (found,) = said(tmp_path / "whole", lines, setup_py="")
    assert (found.id, found.place and found.place.line) == ("PB902", 16), str(found)
    assert "its source directory has a setup.py" in found.message
    assert said(tmp_path / "without", lines, setup_py="", _smpignore="setup.py\n") == ()


def test_a_tuning_has_what_its_trainings_have(tmp_path: Path) -> None:
    """But for MLflow's member, which it has none of: its trainings find the server by their variables."""
    lines = (
        "spot: true", "max_wait_seconds: 3600", "checkpoints: s3://local/points/", "metrics: {rows: 'rows: (.+)'}",
        "distributed: {by: mpi, processes_per_host: 2}", f"mlflow: {{server: '{SERVER}', run: nightly}}",
    )  # fmt: skip
    more = "".join(f"        {line}\n" for line in lines)
    write_model(tmp_path / "churn", variant((TRAIN, TRAIN + more + TUNE), TUNING))
    content = build_definition(load_graph(tmp_path, "churn"), build_settings(LOCAL_DEFAULTS), {}).content
    (step,) = [step for step in json.loads(content)["Steps"] if step["Type"] == "Tuning"]
    found = step["Arguments"]["TrainingJobDefinition"]
    assert (found["EnableManagedSpotTraining"], found["CheckpointConfig"]) == (True, {"S3Uri": "s3://local/points/"})
    assert found["StoppingCondition"]["MaxWaitTimeInSeconds"] == 3600
    assert [one["Name"] for one in found["AlgorithmSpecification"]["MetricDefinitions"]] == ["rows", "mean"]
    assert found["StaticHyperParameters"]["sagemaker_mpi_num_of_processes_per_host"] == "2"
    assert ("MlflowConfig" in found, found["Environment"]["MLFLOW_TRACKING_URI"]) == (False, SERVER)


def test_a_tuning_has_warm_pools_by_itself(tmp_path: Path) -> None:
    write_model(tmp_path / "churn", variant((TRAIN, f"{TRAIN}        keep_alive_seconds: 60\n{TUNE}"), TUNING))
    graph = load_graph(tmp_path, "churn")
    (found,) = findings_of(build_definition(graph, build_settings(LOCAL_DEFAULTS), {}), graph, Passed())
    assert (found.id, found.place and (found.place.line, found.place.column)) == ("PB256", (18, 29))
