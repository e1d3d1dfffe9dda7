"""What a model package was made by, out of a definition's bytes, and what else uses that."""

from __future__ import annotations

import json
from typing import Any

from pipeline_builder.console.models.made import MadeStep, made_by, users_of
from pipeline_builder.dag.requests import read_ran
from pipeline_builder.release.record import StepRecord, TrialRecord

CODE = f"s3://local/p/code/{'a' * 64}/sourcedir.tar.gz"
LIST = f"s3://local/p/manifests/{'b' * 64}/manifest.json"


def step(name: str, kind: str = "Training", *after: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, "DependsOn": list(after)}


def channel(uri: Any) -> dict[str, Any]:
    return {"DataSource": {"S3DataSource": {"S3Uri": uri}}}


DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Day", "Type": "String", "DefaultValue": "today"}],
        "Steps": [
            step(
                "a-Train",
                AlgorithmSpecification={"TrainingImage": "example.com/a:1"},
                HyperParameters={
                    "depth": "4", "name": '"x"', "sagemaker_program": '"train.py"',
                    "sagemaker_submit_directory": json.dumps(CODE),
                },
                InputDataConfig=[
                    channel("s3://data/one/"),
                    channel(LIST),
                    channel({"Std:Join": {"On": "/", "Values": ["s3://data", {"Get": "Parameters.Day"}]}}),
                    channel({"Std:Join": {"On": "/", "Values": [{"Get": "Steps.x.S3Uri"}, "made"]}}),
                    channel({"Get": "Execution.PipelineExecutionId"}),
                ],
            ),
            step("a-Other", "Processing"),
            step("a-Register", "RegisterModel", "a-Train"),
            step("b-Tune", "Tuning", "a-Train", TrainingJobDefinition={"StaticHyperParameters": {"seed": "1"}}),
            step("b-Register", "RegisterModel", "b-Tune"),
        ],
    }
).encode()  # fmt: skip
STATES = tuple(
    StepRecord(name=name, type="T", step_class="C", model=name[0], status="Succeeded", trials=trials)
    for name, trials in (
        ("a-Train", ()), ("a-Other", ()), ("a-Register", ()), ("b-Register", ()),
        ("b-Tune", (TrialRecord(name="t1", status="Completed", objective=0.9, values={"rate": "0.1", "_tuning": "x"}),)),
    )
)  # fmt: skip


def made(name: str, **parameters: str) -> dict[str, MadeStep]:
    ran = read_ran(DEFINITION, parameters, "arn:aws:sagemaker:x:1:pipeline/p/execution/e")
    return {step.name: step for step in made_by(ran, DEFINITION, STATES, name)}


def test_only_steps_that_lead_to_the_package_made_it() -> None:
    assert list(made("a-Register")) == ["a-Train", "a-Register"]
    assert list(made("b-Register")) == ["a-Train", "b-Tune", "b-Register"]


def test_a_training_with_its_image_code_hyperparameters_and_data() -> None:
    train = made("a-Register", Day="monday")["a-Train"]
    assert (train.images, train.code) == (("example.com/a:1",), (CODE,))
    assert train.hyperparameters == {"depth": "4", "name": "x"}
    assert train.reads == ("s3://data/one/", LIST, "s3://data/monday")
    assert train.parameters == {"Day"}
    assert "s3://data/today" in made("a-Register")["a-Train"].reads


def test_a_tuning_has_what_its_best_training_was_given() -> None:
    assert made("b-Register")["b-Tune"].hyperparameters == {"seed": "1", "rate": "0.1"}


def test_other_models_that_use_what_was_made() -> None:
    models = {state.name: state.model for state in STATES}
    assert users_of(DEFINITION, tuple(made("a-Register").values()), models) == {"b": ("b-Tune",)}
    assert users_of(DEFINITION, tuple(made("b-Register").values()), models) == {}
