"""Every key of a conf, in every spelling: what it becomes in the definition, and that none is left out here."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.conf.conf import ConfFile
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.schema import known_keys, section_at, spellings
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from tests.definition.composing import load_graph
from tests.definition.machine_cases import REPOSITORY, SERVER
from tests.tiny import CONF, write_model
from tests.yamls import read_yaml, write_yaml

MODEL = "conf.models.churn"
PIPELINE = "conf.sagemakerPipeline"
STEPS = f"{PIPELINE}.models.churn.steps"
FILE = {"sourceName": "own", "fileName": "s3://b/own.csv"}
INPUT = "Arguments.ProcessingInputs.0.S3Input"
BELOW = "/opt/ml/processing"  # where SageMaker takes inputs only
JOBS = {"preprocess": "Preprocess", "train": "Train", "transform": "Transform", "evaluate": "Metrics"}
# Where each kind of job has what all job sections have in common.
COMMON = {
    "preprocess": {
        "image_uri": "Arguments.AppSpecification.ImageUri",
        "base_job_name": "Arguments.ProcessingJobName",
        "instance_count": "Arguments.ProcessingResources.ClusterConfig.InstanceCount",
        "instance_type": "Arguments.ProcessingResources.ClusterConfig.InstanceType",
        "volume_size": "Arguments.ProcessingResources.ClusterConfig.VolumeSizeInGB",
    },
    "train": {
        "image_uri": "Arguments.AlgorithmSpecification.TrainingImage",
        "base_job_name": "Arguments.TrainingJobName",
        "instance_count": "Arguments.ResourceConfig.InstanceCount",
        "instance_type": "Arguments.ResourceConfig.InstanceType",
        "volume_size": "Arguments.ResourceConfig.VolumeSizeInGB",
    },
    "transform": {
        "base_job_name": "Arguments.TransformJobName",
        "instance_count": "Arguments.TransformResources.InstanceCount",
        "instance_type": "Arguments.TransformResources.InstanceType",
    },
}
COMMON["evaluate"] = COMMON["preprocess"]
Row = tuple[str, str, Any, str, str, Any]


def _common() -> Iterator[Row]:
    """Yield what all job sections take: owner, key, value, step, path in the step, what is there then."""
    for section, step in JOBS.items():
        at, paths = f"{MODEL}.{section}", COMMON[section]
        for key, value in (("image_uri", "img:2"), ("base_job_name", "job"), ("instance_count", 3)):
            if key in paths:
                yield at, key, value, step, paths[key], value
        yield at, "instance_type", "ml.c5.xlarge", step, paths["instance_type"], "ml.c5.xlarge"
        if "volume_size" in paths:
            for key in ("volume_size", "volume_size_in_gb"):
                yield at, key, 7, step, paths["volume_size"], 7
            for key in ("max_runtime_seconds", "max_runtime_in_seconds"):
                yield at, key, 77, step, "Arguments.StoppingCondition.MaxRuntimeInSeconds", 77
        yield at, "tags", {"a": "b"}, step, "Arguments.Tags", [{"Key": "a", "Value": "b"}]
        yield at, "env", {"A": 1}, step, "Arguments.Environment.A", "1"
        yield at, "cache", {"expire_after": "P3D"}, step, "CacheConfig.ExpireAfter", "P3D"
        yield f"{at}.cache", "expire_after", "P4D", step, "CacheConfig.ExpireAfter", "P4D"
        yield at, "retry", 4, step, "RetryPolicies.0.MaxAttempts", 4
        yield at, "arguments", {"ExperimentConfig": {"RunName": "r"}}, step, "Arguments.ExperimentConfig.RunName", "r"
        for key, (written, member, expected) in _RETRY.items():
            yield f"{at}.retry.0", key, written, step, f"RetryPolicies.0.{member}", expected


_RETRY: dict[str, tuple[Any, str, Any]] = {
    "exceptions": ("Step.THROTTLING", "ExceptionType", ["Step.THROTTLING"]),
    "interval_seconds": (9, "IntervalSeconds", 9),
    "backoff_rate": (1.5, "BackoffRate", 1.5),
    "max_attempts": (2, "MaxAttempts", 2),
    "expire_after_minutes": (30, "ExpireAfterMin", 30),
}


def _processing() -> Iterator[Row]:
    for section, step in (("preprocess", "Preprocess"), ("evaluate", "Metrics")):
        at = f"{MODEL}.{section}"
        with_file = f"{at}.channels.one.dataFiles.0"
        yield at, "channels", {"one": {"dataFiles": [FILE]}}, step, f"{INPUT}.S3Uri", "s3://b/own.csv"
        yield with_file, "sourceName", "x", step, f"{INPUT}.LocalPath", "/opt/ml/processing/input/x"
        yield with_file, "fileName", "s3://b/y", step, f"{INPUT}.S3Uri", "s3://b/y"
        yield (
            at,
            "s3_data_distribution_type",
            "ShardedByS3Key",
            step,
            f"{INPUT}.S3DataDistributionType",
            "ShardedByS3Key",
        )
        yield at, "s3_data_type", "ManifestFile", step, f"{INPUT}.S3DataType", "ManifestFile"
        yield at, "s3_input_mode", "Pipe", step, f"{INPUT}.S3InputMode", "Pipe"
        command = "Arguments.AppSpecification.ContainerEntrypoint"
        last, said = (2, "exec python -m deep.x") if step == "Preprocess" else (-1, "deep.x")
        yield at, "entry_point", "deep/x.py", step, f"{command}.{last}", said
        yield at, "args", ["--n", 2], step, "Arguments.AppSpecification.ContainerArguments", ["--n", "2"]
    channel = f"{MODEL}.preprocess.channels.one"
    uri, output = f"{INPUT}.S3Uri", "Arguments.ProcessingOutputConfig.Outputs.0.S3Output"
    for key in ("s3BucketName", "s3Bucket"):
        yield channel, key, "other", "Preprocess", uri, "s3://other/pre/own.csv"
    for key in ("s3InputPrefix", "inputBucketPrefix"):
        yield channel, key, "/deep/", "Preprocess", uri, "s3://buck/deep/own.csv"
    yield channel, "dataFiles", [FILE], "Preprocess", uri, "s3://b/own.csv"
    pre = f"{MODEL}.preprocess"
    yield pre, "s3_upload_mode", "Continuous", "Preprocess", f"{output}.S3UploadMode", "Continuous"
    yield pre, "location", {"outputLocalFilepath": "/o"}, "Preprocess", f"{output}.LocalPath", "/o/one"
    yield f"{pre}.location", "outputLocalFilepath", "/p", "Preprocess", f"{output}.LocalPath", "/p/one"
    yield pre, "inputLocalFilepath", f"{BELOW}/i", "Preprocess", f"{INPUT}.LocalPath", f"{BELOW}/i/raw_data"
    channel = f"{MODEL}.evaluate.channels.one"
    yield channel, "dataFiles", [FILE], "Metrics", uri, "s3://b/own.csv"
    for key in ("s3BucketName", "s3Bucket"):
        yield channel, key, "other", "Metrics", uri, "s3://other/pre/own.csv"
    for key in ("s3InputPrefix", "inputBucketPrefix"):
        yield channel, key, "deep", "Metrics", uri, "s3://buck/deep/own.csv"
    yield channel, "InputLocalFilepath", f"{BELOW}/i", "Metrics", f"{INPUT}.LocalPath", f"{BELOW}/i/own"
    yield f"{MODEL}.evaluate", "file", "evaluation.json", "Metrics", "PropertyFiles.0.FilePath", "evaluation.json"
    folder = "/opt/ml/processing/evaluation"
    yield f"{MODEL}.evaluate", "output", "evaluation", "Metrics", f"{output}.LocalPath", folder
    report = f"{output}.S3Uri.Std:Join.Values.0"
    yield channel, "bucket_prefix", "reports", "Metrics", report, "s3://buck/reports"


def _training() -> Iterator[Row]:
    at = f"{MODEL}.train"
    source = "Arguments.InputDataConfig.0.DataSource.S3DataSource"
    yield at, "channels", {"one": {"dataFiles": [FILE]}}, "Train", f"{source}.S3Uri", "s3://b/own.csv"
    yield f"{at}.channels.one", "dataFiles", [FILE], "Train", f"{source}.S3Uri", "s3://b/own.csv"
    yield f"{at}.channels.one.dataFiles.0", "fileName", "s3://b/y", "Train", f"{source}.S3Uri", "s3://b/y"
    for key in ("s3BucketName", "s3Bucket"):
        yield f"{at}.channels.one", key, "other", "Train", f"{source}.S3Uri", "s3://other/pre/own.csv"
    for key in ("s3InputPrefix", "inputBucketPrefix"):
        yield f"{at}.channels.one", key, "deep", "Train", f"{source}.S3Uri", "s3://buck/deep/own.csv"
    for key in ("hyperparams", "hyperparameters"):
        yield at, key, {"depth": 3}, "Train", "Arguments.HyperParameters.depth", "3"
    yield at, "entry_point", "deep/x.py", "Train", "Arguments.HyperParameters.sagemaker_program", '"deep/x.py"'
    start = "Arguments.InputDataConfig.4.DataSource.S3DataSource.S3Uri"
    yield at, "model_data_uri", "s3://b/m", "Train", start, "s3://b/m"
    yield at, "output_path", "s3://b/out", "Train", "Arguments.OutputDataConfig.S3OutputPath", "s3://b/out"
    yield at, "content_type", "text/csv", "Train", "Arguments.InputDataConfig.0.ContentType", "text/csv"
    yield at, "input_mode", "FastFile", "Train", "Arguments.AlgorithmSpecification.TrainingInputMode", "FastFile"
    yield at, "distribution", "ShardedByS3Key", "Train", f"{source}.S3DataDistributionType", "ShardedByS3Key"
    checkpoints = "Arguments.CheckpointConfig"
    yield at, "checkpoints", "s3://b/points", "Train", f"{checkpoints}.S3Uri", "s3://b/points"
    yield f"{at}.checkpoints", "address", "s3://b/x", "Train", f"{checkpoints}.S3Uri", "s3://b/x"
    yield f"{at}.checkpoints", "path", "/opt/ml/x", "Train", f"{checkpoints}.LocalPath", "/opt/ml/x"
    for key in ("keep_alive_seconds", "keep_alive_period_in_seconds"):
        yield at, key, 60, "Train", "Arguments.ResourceConfig.KeepAlivePeriodInSeconds", 60
    for key in ("metrics", "metric_definitions"):
        yield at, key, {"a": "(.)"}, "Train", "Arguments.AlgorithmSpecification.MetricDefinitions.0.Name", "a"
    groups = "Arguments.ResourceConfig.InstanceGroups.0"
    kind = {"instance_type": "ml.m5.xlarge"}
    yield at, "instance_groups", {"g": kind}, "Train", f"{groups}.InstanceGroupName", "g"
    yield f"{at}.instance_groups.g", "instance_type", "ml.c5.xlarge", "Train", f"{groups}.InstanceType", "ml.c5.xlarge"
    yield at, "instance_groups", {"g": {**kind, "instance_count": 2}}, "Train", f"{groups}.InstanceCount", 2
    own = "Arguments.HyperParameters.sagemaker"
    yield at, "distributed", "torchrun", "Train", f"{own}_torch_distributed_enabled", "true"
    yield f"{at}.distributed", "by", "mpi", "Train", f"{own}_mpi_enabled", "true"
    yield f"{at}.distributed", "processes_per_host", 3, "Train", f"{own}_mpi_num_of_processes_per_host", "3"
    yield f"{at}.distributed", "mpi_options", "-v", "Train", f"{own}_mpi_custom_mpi_options", '"-v"'
    tracking = "Arguments.MlflowConfig.Mlflow"
    yield f"{at}.mlflow", "server", SERVER, "Train", f"{tracking}ResourceArn", SERVER
    yield f"{at}.mlflow", "experiment", "e", "Train", f"{tracking}ExperimentName", "e"
    store = "Arguments.Environment.SMP_MLFLOW_ARTIFACTS"
    yield f"{at}.mlflow", "artifacts", "s3://b/runs", "Train", store, "s3://b/runs"
    yield f"{at}.mlflow", "run", "r", "Train", f"{tracking}RunName", "r"
    for section, step in (("preprocess", "Preprocess"), ("train", "Train"), ("evaluate", "Metrics")):
        there, variables = f"{MODEL}.{section}", "Arguments.Environment"
        yield there, "mlflow", SERVER, step, f"{variables}.MLFLOW_TRACKING_URI", SERVER
        yield there, "codeartifact", REPOSITORY, step, f"{variables}.CA_REPOSITORY_ARN", REPOSITORY


def _transform() -> Iterator[Row]:
    at, step = f"{MODEL}.transform", "Transform"
    inner = "Arguments.DataProcessing"
    yield at, "strategy", "SingleRecord", step, "Arguments.BatchStrategy", "SingleRecord"
    yield at, "assemble_with", "None", step, "Arguments.TransformOutput.AssembleWith", "None"
    yield at, "join_source", "Input", step, f"{inner}.JoinSource", "Input"
    yield at, "input_filter", "$[1:]", step, f"{inner}.InputFilter", "$[1:]"
    yield at, "output_filter", "$[0]", step, f"{inner}.OutputFilter", "$[0]"
    yield at, "split_type", "RecordIO", step, "Arguments.TransformInput.SplitType", "RecordIO"
    yield at, "content_type", "a/b", step, "Arguments.TransformInput.ContentType", "a/b"
    yield at, "content_type", "a/b", step, "Arguments.TransformOutput.Accept", "a/b"
    yield at, "accept", "a/c", step, "Arguments.TransformOutput.Accept", "a/c"
    yield at, "max_payload", 5, step, "Arguments.MaxPayloadInMB", 5
    code = "Arguments.PrimaryContainer.Environment.SAGEMAKER_PROGRAM"
    yield at, "entry_point", "deep/x.py", "CreateModel", code, "deep/x.py"
    yield at, "channels", "train", step, _SOURCE, f"{_PRE}.Outputs['train'].S3Output.S3Uri"
    output = "Arguments.TransformOutput.S3OutputPath"
    for key in ("s3BucketName", "s3Bucket"):
        yield f"{at}.channels.test", key, "other", step, output, "s3://other/pre/churn/predictions/transform"
    for key in ("s3InputPrefix", "inputBucketPrefix"):
        yield f"{at}.channels.test", key, "deep", step, output, "s3://buck/deep/churn/predictions/transform"


_PRE = "Steps.churn-Preprocess.ProcessingOutputConfig"
_SOURCE = "Arguments.TransformInput.DataSource.S3DataSource.S3Uri.Std:Join.Values.0.Get"


def _registry() -> Iterator[Row]:
    at, step = f"{MODEL}.registry", "Register"
    inference, there = f"{at}.InferenceSpecification", "Arguments.InferenceSpecification"
    yield at, "ModelPackageGroupName", "g", step, "Arguments.ModelPackageGroupName", "g"
    yield at, "ModelPackageDescription", "d", step, "Arguments.ModelPackageDescription", "d"
    yield at, "ModelApprovalStatus", "Approved", step, "Arguments.ModelApprovalStatus", "Approved"
    yield inference, "approval_status", "Rejected", step, "Arguments.ModelApprovalStatus", "Rejected"
    yield at, "arguments", {"Domain": "x"}, step, "Arguments.Domain", "x"
    yield at, "retry", 2, step, "RetryPolicies.0.MaxAttempts", 2
    yield at, "retry", 2, "CreateModel", "RetryPolicies.0.MaxAttempts", 2
    yield inference, "image_uri", "img:2", step, f"{there}.Containers.0.Image", "img:2"
    yield inference, "image_uri", "img:2", "CreateModel", "Arguments.PrimaryContainer.Image", "img:2"
    for key in ("supported_content_types", "SupportedContentTypes"):
        yield inference, key, ["a/b", "c/d"], step, f"{there}.SupportedContentTypes", ["a/b", "c/d"]
    for key in ("supported_response_MIME_types", "SupportedResponseMIMETypes"):
        yield inference, key, "a/b", step, f"{there}.SupportedResponseMIMETypes", ["a/b"]
    for kind in ("SupportedRealtimeInferenceInstanceTypes", "SupportedTransformInstanceTypes"):
        for key in (kind, kind[:-1]):
            yield inference, key, ["ml.c5.xlarge"], step, f"{there}.{kind}", ["ml.c5.xlarge"]
    gate = f"{MODEL}.gate.0"
    condition = "Arguments.Conditions.0"
    yield gate, "metric", "a.c", "Register-Gate", f"{condition}.LeftValue.Std:JsonGet.Path", "a.c"
    yield gate, "min", 0.5, "Register-Gate", f"{condition}.RightValue", 0.5
    yield gate, "max", 0.75, "Register-Gate", "Arguments.Conditions.1.RightValue", 0.75
    yield MODEL, "gate", [{"metric": "a.d", "max": 1}], "Register-Gate", f"{condition}.Type", "LessThanOrEqualTo"
    yield MODEL, "name", "m", "CreateModel", "Arguments.ModelName", "m"


def _steps() -> Iterator[Row]:
    train = f"{STEPS}.1"
    yield train, "enable_cache", True, "Train", "CacheConfig.Enabled", True
    yield train, "enable_cache", False, "Train", "CacheConfig", None
    channel = "Arguments.InputDataConfig.1.ChannelName"
    yield train, "chain_input_source_step", "churn-Preprocess", "Train", channel, "churn-Preprocess-one"
    prefix = "Arguments.TransformInput.DataSource.S3DataSource.S3Uri.Std:Join.Values.1"
    yield f"{STEPS}.3", "chain_input_additional_prefix", "x.csv", "Transform", prefix, "x.csv"
    yield train, "arguments", {"EnableNetworkIsolation": True}, "Train", "Arguments.EnableNetworkIsolation", True
    yield train, "chain_input_additional_prefix", "", "Train", "Type", "Training"
    yield train, "step_class", "Training", "Train", "Type", "Training"
    yield train, "step_name", "churn-Train", "Train", "Name", "churn-Train"
    yield train, "step_type", "train", "Train", "Arguments.HyperParameters.sagemaker_program", '"train.py"'
    ends = [{"step": "churn-Preprocess", "trigger": "Any"}]
    yield train, "depends_on", ends, "Train", "DependsOn", [{"Step": "churn-Preprocess", "Trigger": "Any"}]
    yield PIPELINE, "dependencies", "churn-Train>>churn-Metrics", "Metrics", "DependsOn", ["churn-Train"]
    yield PIPELINE, "pipelineName", "p2", "Register", "Arguments.ModelPackageGroupName", "p2-churn"


ROWS = [*_common(), *_processing(), *_training(), *_transform(), *_registry(), *_steps()]
# Keys that reach no request of a step, each with the test that holds it.
ELSEWHERE = {
    "image": "test_images and oracle/test_images: address into the request and into the lock",
    "framework": "test_images", "version": "test_images", "py_version": "test_images", "base_framework_version": "test_images",
    "lambda": "golden: lambda-and-callback", "callback": "golden: lambda-and-callback",
    "include": "test_bundle", "data": "golden: cached-by-data, and test_definition", "ModelRepack": "test_sample_faults a12 and a13", "source_directory": "test_conf_and_graph",
    "model_channel": "test_inference",
    "sdk": "tests/sdk/test_made", "tune": "test_tuning", "top_k": "test_tuning",
    "secrets": "tests/security/test_secrets", "ModelPackageGroupDescription": "below", "max_regression": "test_metrics",
    "better": "test_metrics", "parameters": "golden", "name": "golden: parameters", "type": "golden: parameters",
    "default": "golden: parameters", "values": "golden: values-to-choose-from", "description": "test_parameters", "steps": "every row", "models": "every row", "sagemakerPipeline": "every row",
    "conf": "every row", "InferenceSpecification": "every row", "preprocess": "every row", "train": "every row",
    **dict.fromkeys(("quality_check", "clarify_check", "emr", "emr_serverless", "automl", "notebook"), "test_request_sections"),
    "baseline": "test_monitoring",
    **dict.fromkeys(("spot", "use_spot_instances", "max_wait_seconds", "max_wait_in_seconds"), "test_machines"),
    "instance_groups": "golden: instance-groups",
    "containers": "golden: containers", "mode": "test_containers",
    "conditions": "golden: condition", "if": "golden: condition", "else": "golden: condition", "message": "golden: condition",
    "transform": "every row", "evaluate": "every row", "registry": "every row",
}  # fmt: skip
# Keys that are read for compatibility only; the warning says so, and `test_what_does_nothing_is_said` holds it.
SILENT: dict[str, dict[str, Any]] = {
    "transform": {"image_uri": "x", "volume_size": 3, "volume_size_in_gb": 3, "max_runtime_seconds": 3, "max_runtime_in_seconds": 3},
    "evaluate": {"strategy": "MultiRecord", "max_payload": 6, "content_type": "text/csv"},
    "preprocess": {"framework_version": "1.2-1"},
}  # fmt: skip


def tree() -> Any:
    """Return the tiny conf with every optional container that rows go into."""
    found = read_yaml(CONF)
    model = found["conf"]["models"]["churn"]
    for section in JOBS:
        model[section]["cache"] = {}
        model[section]["retry"] = [{}]
    for section in ("preprocess", "train", "evaluate"):
        name, file = "raw_data" if section == "preprocess" else "own", {"fileName": "own.csv"}
        channel = {"s3BucketName": "buck", "s3InputPrefix": "pre", "dataFiles": [{"sourceName": name, **file}]}
        model[section]["channels"] = {"one": channel} if section != "preprocess" else {"train": None, "test": None}
        if section == "preprocess":
            model[section]["channels"] = {"one": channel, "train": None, "test": None}
            model[section]["location"] = {}
    model["train"] |= {"checkpoints": {"address": "s3://b/points"}, "distributed": {"by": "mpi"}}
    model["train"]["mlflow"] = {"server": SERVER}
    model["transform"]["channels"] = {"test": {"s3BucketName": "buck", "s3InputPrefix": "pre"}}
    return found


def spelling_of(owner: str, key: str) -> tuple[str, ...]:
    """Return all spellings of the key's field."""
    section = section_at(ConfFile, tuple(int(part) if part.isdigit() else part for part in owner.split(".")))
    assert section, owner
    return next(tuple(spellings(n, info)) for n, info in section.model_fields.items() if key in spellings(n, info))


def put(found: Any, owner: str, key: str, value: Any) -> None:
    """Set the key, and take its other spelling out; what is on the way there is made."""
    for part in owner.split("."):
        if isinstance(found, dict):
            found.setdefault(part, [{"metric": "a.b", "min": 0, "max": 1}] if part == "gate" else {})
        found = found[int(part)] if isinstance(found, list) else found[part]
    for other in spelling_of(owner, key):
        found.pop(other, None)
    found[key] = value


def compose(tmp_path: Path, conf: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    folder = write_model(tmp_path / "churn", write_yaml(conf))
    (folder / "scripts" / "deep").mkdir()
    (folder / "scripts" / "deep" / "x.py").write_text("")
    graph = load_graph(tmp_path, "churn")
    definition = build_definition(graph, build_settings(LOCAL_DEFAULTS), {})
    document = json.loads(definition.content)
    assert check_definition(document) == ()
    steps = {step["Name"].removeprefix("churn-"): step for step in document["Steps"]}
    return steps, tuple(warning.message for warning in definition.warnings)


def at(value: Any, path: str) -> Any:
    """Return what is there: dots between members, numbers for items; None where nothing is."""
    while path:
        if not isinstance(value, dict | list):
            return None
        if isinstance(value, list):
            part, _, path = path.partition(".")
            value = value[int(part)]
            continue
        part = max((key for key in value if path == key or path.startswith(f"{key}.")), key=len, default="")
        if not part:
            return None
        value, path = value[part], path[len(part) + 1 :]
    return value


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}.{row[1]}>{row[3]}" for row in ROWS])
def test_a_key_is_in_the_definition(tmp_path: Path, row: Row) -> None:
    owner, key, value, step, path, expected = row
    conf = tree()
    put(conf, owner, key, copy.deepcopy(value))
    found = at(compose(tmp_path, conf)[0][step], path)
    assert found == expected or (isinstance(found, str) and key == "entry_point" and found.endswith(expected)), found


def test_the_groups_description_goes_to_the_group(tmp_path: Path) -> None:
    conf = tree()
    put(conf, f"{MODEL}.registry", "ModelPackageGroupDescription", "who leaves")
    write_model(tmp_path / "churn", write_yaml(conf))
    definition = build_definition(load_graph(tmp_path, "churn"), build_settings(LOCAL_DEFAULTS), {})
    assert definition.groups == {"tiny-churn": "who leaves"}


@pytest.mark.parametrize(("section", "key"), [(section, key) for section, keys in SILENT.items() for key in keys])
def test_what_does_nothing_is_said(tmp_path: Path, section: str, key: str) -> None:
    conf = tree()
    put(conf, f"{MODEL}.{section}", key, SILENT[section][key])
    _, warnings = compose(tmp_path, conf)
    assert [warning for warning in warnings if f"'{key}' has no effect in '{section}'" in warning]


OWNERS = [
    "conf", MODEL, *(f"{MODEL}.{section}" for section in JOBS), f"{MODEL}.registry", f"{MODEL}.registry.InferenceSpecification",
    f"{MODEL}.gate.0", f"{MODEL}.preprocess.channels.one", f"{MODEL}.evaluate.channels.one", f"{MODEL}.preprocess.channels.one.dataFiles.0",
    f"{MODEL}.train.checkpoints", f"{MODEL}.train.distributed", f"{MODEL}.train.mlflow", f"{MODEL}.train.channels.one",
    f"{MODEL}.preprocess.location", f"{MODEL}.train.cache", f"{MODEL}.train.retry.0", PIPELINE, f"{STEPS}.1",
]  # fmt: skip


@pytest.mark.parametrize("owner", OWNERS)
def test_no_key_is_left_out(owner: str) -> None:
    section = section_at(ConfFile, tuple(int(part) if part.isdigit() else part for part in owner.split(".")))
    there = {key for place, key, *_ in ROWS if place == owner}
    silent = SILENT.get(owner.rpartition(".")[2], {}) if owner.startswith(f"{MODEL}.") else {}
    assert set(known_keys(section)) - there - set(silent) - ELSEWHERE.keys() == set()
    assert known_keys(section)
