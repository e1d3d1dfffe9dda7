"""Steps of the types that are not run here, over the API: known at their creation, with a stub listed as SageMaker does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.refusal import refusal_of
from pipeline_builder.engine.settings import LocalSettings
from tests.serve.serving import ROLE, Found, Served, refused, serving_with

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:ask"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/answers"
STUBS: dict[str, Found] = {
    "Ask": {"OutputParameters": {"ready": True, "why": "fresh"}},
    "Wait": {"OutputParameters": {"token": "7"}},
    "Tune_it": {"BestTrainingJob": {"TrainingJobName": "tuned-7"}},
    "Watch": {},
    "Trace": {},
    "Check": {"CalculatedBaselineConstraints": "s3://b/c.json", "CheckJobArn": "x"},
}


def outputs(**kinds: str) -> list[Found]:
    return [{"OutputName": name, "OutputType": kind} for name, kind in kinds.items()]


def model(name: str, url: str = "", **more: Any) -> Found:
    container = {"Image": "image:1", **({"ModelDataUrl": url} if url else {})}
    arguments = {"ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    return {"Name": name, "Type": "Model", "Arguments": arguments, **more}


TUNING = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "Bayesian",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
    },
    "TrainingJobDefinition": {
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/tuned"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    },
}
CHECK = {
    "AppSpecification": {"ImageUri": "image:1"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}},
    "RoleArn": ROLE,
}


def definition(*steps: Found) -> bytes:
    return json.dumps({"Version": "2020-12-01", "Steps": [*steps]}).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving_with(folder, LocalSettings(shared=(folder,), judge=refusal_of, stubs=STUBS)) as found:
        yield found


def test_steps_with_stubs_are_listed_with_their_metadata(served: Served) -> None:
    ask = {"Name": "Ask", "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": {"day": "monday"}}
    why = {"Get": "Steps.Ask.OutputParameters['why']"}
    wait = {"Name": "Wait", "Type": "Callback", "SqsQueueUrl": QUEUE, "Arguments": {"why": why}}
    check = {"Name": "Check", "Type": "QualityCheck", "CheckType": "DATA_QUALITY", "SkipCheck": False}
    served.create(
        "stubbed",
        definition(
            {**ask, "OutputParameters": outputs(ready="Boolean", why="String")},
            {**wait, "OutputParameters": outputs(token="String")},
            {"Name": "Tune_it", "Type": "Tuning", "Arguments": TUNING, "DependsOn": ["Wait"]},
            {**check, "Arguments": CHECK, "ModelPackageGroupName": "churn"},
        ),
    )
    arn = served.start("stubbed")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    metadata = {name: step["Metadata"] for name, step in served.steps(arn).items()}
    assert metadata["Ask"] == {
        "Lambda": {
            "Arn": FUNCTION,
            "OutputParameters": [{"Name": "ready", "Value": "true"}, {"Name": "why", "Value": "fresh"}],
        }
    }
    assert metadata["Wait"]["Callback"] == {
        "SqsQueueUrl": QUEUE,
        "OutputParameters": [{"Name": "token", "Value": "7"}],
    }
    arn = metadata["Tune_it"]["TuningJob"]["Arn"]
    assert arn.startswith("arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/pipelines-")
    assert "-Tune-it-" in arn
    assert metadata["Check"]["QualityCheck"]["CheckType"] == "DATA_QUALITY"
    assert metadata["Check"]["QualityCheck"]["CalculatedBaselineConstraints"] == "s3://b/c.json"


def test_a_check_has_the_baseline_that_is_given_and_the_one_that_it_makes(served: Served) -> None:
    place = {"S3Uri": "s3://b/found", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    made = {**CHECK, "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": place}]}}
    given = {"Get": "Parameters.Before"}
    beside = {"SuppliedBaselineStatistics": given, "SkipCheck": False, "RegisterNewBaseline": False}
    step = {"Name": "Watch", "Type": "QualityCheck", "CheckType": "DATA_QUALITY", "Arguments": made, **beside}
    parameters = [{"Name": "Before", "Type": "String", "DefaultValue": "s3://b/before/statistics.json"}]
    content = {"Version": "2020-12-01", "Parameters": parameters, "Steps": [step]}
    served.create("watched", json.dumps(content).encode())
    arn = served.start("watched")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    found = served.steps(arn)["Watch"]["Metadata"]["QualityCheck"]
    assert {key: value for key, value in found.items() if "Baseline" in key} == {
        "RegisterNewBaseline": False,
        "BaselineUsedForDriftCheckStatistics": "s3://b/before/statistics.json",
        "CalculatedBaselineStatistics": "s3://b/found/statistics.json",
        "BaselineUsedForDriftCheckConstraints": "s3://b/found/constraints.json",
        "CalculatedBaselineConstraints": "s3://b/found/constraints.json",
    }


def test_a_lineage_step_tells_what_it_records(served: Served) -> None:
    source = {"SourceUri": "s3://b/model.tar.gz", "SourceType": "MODEL"}
    action = {"ActionName": "Trained", "ActionType": "ModelTraining", "Source": source}
    served.create("traced", definition({"Name": "Trace", "Type": "Lineage", "Arguments": {"Actions": [action]}}))
    arn = served.start("traced")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    found = served.steps(arn)["Trace"]["Metadata"]["Lineage"]
    assert found == {"ActionArns": {"Trained": "arn:aws:sagemaker:us-east-1:000000000000:action/Trained"}}


def test_without_a_stub_it_is_created_and_not_started(served: Served) -> None:
    served.create("tuning", definition({"Name": "Other", "Type": "Tuning", "Arguments": TUNING}))
    with refused("ValidationException", "the local engine can't run a 'Tuning' step"):
        served.start("tuning")


def test_a_failure_that_was_waited_for(served: Served) -> None:
    bad = model("Bad", "s3://nowhere/model.tar.gz")
    served.create("caught", definition(bad, model("Told", DependsOn=[{"Step": "Bad", "Trigger": "Failed"}])))
    arn = served.start("caught")
    ended = served.end(arn)
    assert (ended["PipelineExecutionStatus"], ended["FailureReason"]) == (
        "CompletedWithFailures",
        "Step failure: One or multiple steps failed",
    )
    assert {name: step["StepStatus"] for name, step in served.steps(arn).items()} == {
        "Bad": "Failed",
        "Told": "Succeeded",
    }


@pytest.mark.parametrize("trigger", ["Faild", ""])
def test_a_trigger_that_isnt_there(served: Served, trigger: str) -> None:
    with refused("ValidationException", "Trigger"):
        served.create("wrong", definition(model("A"), model("B", DependsOn=[{"Step": "A", "Trigger": trigger}])))


@pytest.mark.long
def test_two_thousand_steps(served: Served, tmp_path: Path) -> None:
    """As the SDK's own integration test makes them (test_large_pipeline)."""
    steps = [
        {
            "Name": f"callback-step{number}",
            "Type": "Callback",
            "SqsQueueUrl": QUEUE,
            "OutputParameters": outputs(output="String"),
            "Arguments": {"arg1": "foo"},
        }
        for number in range(2000)
    ]
    content = definition(*steps)
    served.create("large", content)
    assert served.sagemaker.describe_pipeline(PipelineName="large")["PipelineDefinition"].encode() == content
