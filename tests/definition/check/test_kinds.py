"""Every step type that SageMaker has: a step of it passes, and what is wrong with its request, or a reference, is found."""

from __future__ import annotations

import copy
import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.check.given import check_values
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.fields import TYPED

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
JOB = {
    "AppSpecification": {"ImageUri": "image:1"},
    "ProcessingResources": {"ClusterConfig": CLUSTER},
    "RoleArn": ROLE,
}
TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": CLUSTER,
    "RoleArn": ROLE,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
}
LIMITS = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
CALLED = [{"OutputName": "ready", "OutputType": "Boolean"}, {"OutputName": "why", "OutputType": "String"}]
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
CONTAINER = {"Image": "image:1"}
MODEL: dict[str, Any] = {
    "Name": "body",
    "Type": "Model",
    "Arguments": {"ExecutionRoleArn": ROLE, "ModelName": "m", "PrimaryContainer": CONTAINER},
}
Step = dict[str, Any]


def step(kind: str, arguments: Any, **beside: Any) -> Step:
    return {"Name": "a", "Type": kind, "Arguments": arguments, **beside}


def good() -> dict[str, Step]:
    """Return a step of each type as its SDK class writes it."""
    entity = {"ActionName": "run", "Source": {"SourceUri": "s3://b/x"}, "ActionType": "ModelTraining"}
    channel = {
        "TargetAttributeName": "y",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/d"}},
    }
    steps = [
        step("Processing", JOB),
        step("Training", TRAINING),
        step("Model", {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "image:1"}}),
        step("RegisterModel", {"ModelPackageGroupName": "g"}),
        step("Fail", {"ErrorMessage": "no"}),
        step("Condition", {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}]}),
        step(
            "Tuning",
            {
                "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": LIMITS},
                "TrainingJobDefinition": TRAINING,
            },
            CacheConfig={"Enabled": True, "ExpireAfter": "P30D"},
        ),
        step(
            "AutoML",
            {
                "InputDataConfig": [channel],
                "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
                "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
                "RoleArn": ROLE,
            },
        ),
        step("Lambda", {"day": "monday"}, FunctionArn="arn:aws:lambda:r:1:function:f", OutputParameters=CALLED),
        step("Callback", {"day": "monday"}, SqsQueueUrl=QUEUE, OutputParameters=CALLED),
        step("EMR", {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": {"Jar": "s3://b/x.jar", "Args": ["a"]}}}),
        step(
            "EMRServerless",
            {
                "ExecutionRoleArn": ROLE,
                "ApplicationId": "00f1r",
                "JobConfig": {"executionRoleArn": ROLE, "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/x.py"}}},
            },
        ),
        step("QualityCheck", JOB, CheckType="DATA_QUALITY", SkipCheck=False, SuppliedBaselineStatistics=None),
        step("ClarifyCheck", JOB, CheckType="DATA_BIAS", ModelPackageGroupName="g", FailOnViolation=True),
        step(
            "EndpointConfig",
            {
                "ProductionVariants": [
                    {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
                ]
            },
        ),
        step("Endpoint", {"EndpointName": "e", "EndpointConfigName": "c"}),
        step("InferenceComponent", {"InferenceComponentName": "i", "EndpointName": "e"}),
        step(
            "Lineage",
            {
                "Actions": [entity],
                "Associations": [{"Source": {"Arn": "x"}, "Destination": {"Name": "run", "Type": "Action"}}],
            },
        ),
        step(
            "Job",
            {"JobCategory": "AgentRFT", "RoleArn": ROLE, "JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}"},
        ),
        step(
            "ForEach",
            {
                "IterableItems": ["a"],
                "MaxConcurrency": 2,
                "ForEachBody": [
                    {**MODEL, "Arguments": {**MODEL["Arguments"], "ModelName": {"Get": "ForEach.CurrentItem"}}}
                ],
                "Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.body.ModelName"}},
            },
        ),
        step("Cleanup", {"Resources": {"S3": [{"StepName": "z"}]}}),
        *(step(kind, {"Anything": 1}) for kind in STEP_TYPES if STEP_TYPES[kind].request == "own:any arguments"),
    ]
    return {found["Type"]: found for found in steps}


GOOD = good()
SOURCE: Step = {"Name": "z", "Type": "Training", "Arguments": TRAINING}


def check(*steps: Step, parameters: Any = ()) -> list[tuple[str, str]]:
    definition: JSON = {"Version": "2020-12-01", "Parameters": [*parameters], "Steps": [SOURCE, *steps]}
    return [(finding.id, finding.message) for finding in check_definition(copy.deepcopy(definition))]


def test_every_type_of_the_services_own_metadata_is_known() -> None:
    """The names of PipelineExecutionStepMetadata, but for two that have another type in a definition."""
    spec = find_spec("botocore")
    assert spec is not None
    assert spec.submodule_search_locations
    (path,) = Path(spec.submodule_search_locations[0]).glob("data/sagemaker/*/service-2.json.gz")
    shapes = json.loads(gzip.decompress(path.read_bytes()))["shapes"]
    members = {name.removesuffix("Job") or "Job" for name in shapes["PipelineExecutionStepMetadata"]["members"]}
    assert members <= STEP_TYPES.keys()
    assert set(TYPED) - {"NotebookJob", "Raw"} <= STEP_TYPES.keys()


@pytest.mark.parametrize("kind", sorted({*STEP_TYPES} - {"Transform"}))
def test_a_step_of_the_type_passes(kind: str) -> None:
    assert check(GOOD[kind]) == []


BAD: list[tuple[str, Step, str, str]] = [
    ("Tuning", {"HyperParameterTuningJobConfig": {"Strategy": "Bayes"}}, "PB404", "Strategy' is 'Bayes'"),
    ("AutoML", {"ProblemType": "Clustering"}, "PB404", "'ProblemType' is 'Clustering'"),
    ("EMR", {"StepConfig": {"HadoopJarStep": {}}}, "PB411", "Jar' is missing"),
    ("EMR", {"ClusterConfig": {"Instances": {}}}, "PB411", "has ClusterId and ClusterConfig of"),
    ("EMRServerless", {"JobConfig": {}}, "PB411", "executionRoleArn' is missing"),
    ("EMRServerless", {"ApplicationId": None}, "PB411", "has none of 'ApplicationId' and 'ApplicationConfig'"),
    ("QualityCheck", {"ProcessingResources": {}}, "PB402", "ClusterConfig' is missing"),
    ("EndpointConfig", {"ProductionVariants": []}, "PB406", "has 0 entries"),
    ("Endpoint", {"EndpointName": "a_b"}, "PB405", "'EndpointName' is 'a_b'"),
    ("InferenceComponent", {"Speed": 1}, "PB401", "'Speed' isn't a field"),
    ("Lineage", {"Contexts": [{"ContextName": "x"}]}, "PB411", "ContextType' is missing"),
    ("Job", {"JobCategory": None}, "PB402", "'JobCategory' is missing"),
    ("Cleanup", {"Resources": {"S3": [{"StepName": "nope"}]}}, "PB407", "refers to the step 'nope'"),
    ("ForEach", {"MaxConcurrency": 51}, "PB414", "is 51, expected 1 to 50"),
    ("ForEach", {"ForEachBody": [GOOD["Fail"] | {"Name": "f"}], "Selector": None}, "PB270", "is a Fail step within"),
]


@pytest.mark.parametrize(
    ("kind", "changes", "problem", "said"), BAD, ids=[f"{b[0]}-{b[2]}-{i}" for i, b in enumerate(BAD)]
)
def test_what_is_wrong_with_a_request_is_found(kind: str, changes: Step, problem: str, said: str) -> None:
    arguments = {**GOOD[kind]["Arguments"], **changes}
    arguments = {key: value for key, value in arguments.items() if value is not None}
    found = check({**GOOD[kind], "Arguments": arguments})
    assert [message for found_id, message in found if found_id == problem and said in message], found


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("Lambda", "FunctionArn", "is missing"),
        ("Callback", "SqsQueueUrl", "is missing"),
        ("QualityCheck", "CheckType", "is missing"),
    ],
)
def test_what_stands_beside_a_request_has_to_be_there(kind: str, key: str, said: str) -> None:
    found = check({name: value for name, value in GOOD[kind].items() if name != key})
    assert [(found_id, message) for found_id, message in found] == [("PB411", f"'{key}' {said}")]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("Steps.a.OutputParameters['why']", ""),
        ("Steps.a.OutputParameters['whyever']", "PB409"),
        ("Steps.a.Result", "PB408"),
    ],
)
def test_outputs_of_functions(path: str, problem: str) -> None:
    reading = {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": path}}}
    assert [found_id for found_id, _ in check(GOOD["Lambda"], reading)] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("kind", "path", "problem"),
    [
        ("Tuning", "BestTrainingJob.TrainingJobName", ""),
        ("Tuning", "TrainingJobSummaries[1].TrainingJobName", ""),
        ("Tuning", "BestTrainingJob.Name", "PB408"),
        ("AutoML", "BestCandidate.CandidateName", ""),
        ("AutoML", "BestCandidateProperties.ModelInsightsJsonReportPath", ""),
        ("EMR", "Status.State", ""),
        ("EMR", "ClusterId", ""),
        ("EMRServerless", "jobRun.state", ""),
        ("QualityCheck", "CalculatedBaselineStatistics", ""),
        ("ClarifyCheck", "CalculatedBaselineStatistics", "PB408"),
        ("Endpoint", "EndpointArn", ""),
        ("Lineage", "ActionArns['run']", ""),
        ("Job", "JobConfigDocument.OutputModelPackageArn", ""),
        ("ForEach", "Selected.ModelName", ""),
        ("ForEach", "IterationOutputs[0].body.ModelName", ""),
        ("Cleanup", "Status", "PB408"),
    ],
)
def test_properties_of_the_types(kind: str, path: str, problem: str) -> None:
    reading = {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": f"Steps.a.{path}"}}}
    assert [found_id for found_id, _ in check(GOOD[kind], reading)] == ([problem] if problem else [])


def test_references_where_nobody_has_published_a_shape_are_followed() -> None:
    asking = step("Lambda", {"day": {"Get": "Parameters.Nope"}}, FunctionArn={"Get": "Steps.nope.FunctionArn"})
    assert {found_id for found_id, _ in check(asking)} == {"PB410", "PB407"}


@pytest.mark.parametrize("place", ["ForEach.CurrentItem", "IterationOutput.body.ModelName"])
def test_the_items_of_a_loop_are_inside_of_it_only(place: str) -> None:
    reading = {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": place}}}
    assert [found_id for found_id, _ in check(GOOD["ForEach"], reading)] == ["PB411"]
    inner = {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Steps.body.ModelName"}}}
    assert [found_id for found_id, _ in check(GOOD["ForEach"], inner)] == ["PB270"]


@pytest.mark.parametrize(
    ("kind", "variable", "problem"),
    [
        ("Training", "TrainingJobName", ""),
        ("Processing", "ProcessingJobName", ""),
        ("Training", "ProcessingJobName", "PB410"),
        ("Processing", "JobName", "PB410"),
    ],
)
def test_a_jobs_own_name(kind: str, variable: str, problem: str) -> None:
    named = copy.deepcopy(GOOD[kind])
    named["Arguments"]["Environment"] = {"NAME": {"Get": f"Execution.{variable}"}}
    assert [found_id for found_id, _ in check(named)] == ([problem] if problem else [])


# --- values behind parameters


def parameter(name: str, kind: str, default: Any = None) -> Step:
    return {"Name": name, "Type": kind, **({} if default is None else {"DefaultValue": default})}


def values(arguments: Step, given: dict[str, str], *parameters: Step, pipeline: str = "p") -> list[tuple[str, str]]:
    training: Step = {"Name": "z", "Type": "Training", "Arguments": {**TRAINING, **arguments}}
    definition: JSON = {"Version": "2020-12-01", "Parameters": [*parameters], "Steps": [training]}
    return [(found.id, found.message) for found in check_values(definition, given, pipeline=pipeline)]


PREFIX = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.a"}, "-", {"Get": "Execution.PipelineExecutionId"}]}}


@pytest.mark.parametrize(
    ("arguments", "given", "parameters", "expected"),
    [
        ({"TrainingJobName": PREFIX}, {}, [parameter("a", "String", "ok")], []),
        ({"TrainingJobName": PREFIX}, {}, [parameter("a", "String")], []),
        (
            {"TrainingJobName": PREFIX},
            {"a": "not_ok"},
            [parameter("a", "String", "ok")],
            [("PB405", "what was given for the parameter 'a'")],
        ),
        ({"TrainingJobName": PREFIX}, {}, [parameter("a", "String", "x" * 60)], [("PB406", "has 73 characters")]),
        (
            {"EnableManagedSpotTraining": {"Get": "Parameters.a"}},
            {"a": "true"},
            [parameter("a", "Boolean", False)],
            [("PB25", "the parameter 'a'")],
        ),
        (
            {"Environment": {"KEY": {"Get": "Parameters.a"}}},
            {"a": "x" * 600},
            [parameter("a", "String")],
            [("PB406", "'a'")],
        ),
        (
            {"RoleArn": {"Get": "Parameters.a"}},
            {"a": ""},
            [parameter("a", "String", ROLE)],
            [("PB414", "0 characters"), ("PB406", "")],
        ),
        ({"RoleArn": {"Get": "Parameters.a"}}, {"a": ROLE, "unknown": ""}, [parameter("a", "String")], []),
    ],
)
def test_values_where_they_come_in(
    arguments: Step, given: dict[str, str], parameters: list[Step], expected: list[tuple[str, str]]
) -> None:
    found = values(arguments, given, *parameters)
    assert len(found) == len(expected), found
    for (found_id, message), (problem, said) in zip(found, expected, strict=True):
        assert found_id.startswith(problem)
        assert said in message


def test_a_value_in_the_environment_is_in_no_message() -> None:
    found = values({"Environment": {"KEY": {"Get": "Parameters.a"}}}, {"a": "hidden" * 100}, parameter("a", "String"))
    assert "hidden" not in found[0][1]


@pytest.mark.parametrize(
    ("parameter_of", "problem"),
    [
        ({"Type": "String", "DefaultValue": ""}, ""),
        ({"Type": "String", "EnumValues": [str(number) for number in range(17)]}, "PB414"),
        ({"Type": "String", "EnumValues": [str(number) for number in range(16)]}, ""),
        ({"Type": "String", "EnumValues": [""]}, "PB414"),
    ],
)
def test_limits_of_parameters(parameter_of: Step, problem: str) -> None:
    assert [found for found, _ in check(parameters=[{"Name": "x", **parameter_of}])] == ([problem] if problem else [])
