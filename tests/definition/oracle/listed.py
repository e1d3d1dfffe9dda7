"""Every difference between the SDK's definitions and ours that is meant, with its reason."""

from __future__ import annotations

from typing import Any

from pipeline_builder.dag.caching import PARAMETER, VARIABLE
from tests.definition.oracle.comparison import ANYTHING, NOTHING, Listed

_BASE = "/opt/ml/processing/input"
_OUR_REPACKED = {
    "Std:Join": {
        "On": "/",
        "Values": [
            {"Get": "Steps.churn-Train-Repack.ProcessingOutputConfig.Outputs['model'].S3Output.S3Uri"},
            "model.tar.gz",
        ],
    }
}

_OUTPUTS = "the step cache doesn't compare outputs: their names stand where it looks"

_SWITCH = (
    "the SDK has no way to run a cached step without the step cache: here it is compared with a variable of the run"
)
# The steps of these cases have variables of their own, which the SDK's have too.
_WITH_VARIABLES = {
    "Processing": ("variables-of-jobs",),
    "Training": ("variables-of-jobs", "parameters"),
    "Transform": ("variables-of-jobs",),
}
_GENERATION = (
    Listed(f"Parameters[{PARAMETER}]", NOTHING, ANYTHING, _SWITCH),
    *(
        Listed(f"{kind}.Arguments.Environment", NOTHING, ANYTHING, _SWITCH, but=_WITH_VARIABLES[kind])
        for kind in ("Training", "Transform")
    ),
)


def _sdk_repacked(step: str) -> Any:
    return {"Get": f"Steps.churn-{step}-RepackModel-0.ModelArtifacts.S3ModelArtifacts"}


def _repacking(path: str, sdk: Any, ours: Any) -> Listed:
    reason = "one Processing step with tar for both, cached, where the SDK has two trainings in scikit-learn's image"
    return Listed(path, sdk, ours, reason, cases=("repack",))


def _not_said(path: str) -> Listed:
    return Listed(path, NOTHING, False, "the service's default")


def _left_out(path: str, *cases: str) -> Listed:
    reason = "the SDK leaves the names of jobs out unless it is told to keep them, as in the case 'job-names'"
    return Listed(path, NOTHING, ANYTHING, reason, cases=cases)


_CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 32}
_DEFINITION = "Tuning.Arguments.TrainingJobDefinition"
_RESOURCES = "one of two ways to say the instances; ours is that of every training, which rules and policy look at"
_TUNED = (
    Listed(
        f"{_DEFINITION}.StaticHyperParameters.sagemaker_job_name",
        ANYTHING,
        NOTHING,
        "a name with the time in it, which is no training's: the definition would be another each time",
        cases=("tuned",),
    ),
    Listed(f"{_DEFINITION}.HyperParameterTuningResourceConfig", _CLUSTER, NOTHING, _RESOURCES, cases=("tuned",)),
    Listed(f"{_DEFINITION}.ResourceConfig", NOTHING, _CLUSTER, _RESOURCES, cases=("tuned",)),
    Listed(
        "Training.Arguments.InputDataConfig[scorer-Tune-train].DataSource.S3DataSource.S3Uri.Std:Join.Values",
        ANYTHING,
        ANYTHING,
        "the SDK takes a folder that is written down; ours is the tuning job's own, right out of the step cache too",
        cases=("tuned",),
    ),
)

LISTED = (
    *_TUNED,
    Listed(
        "PipelineExperimentConfig",
        {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": {"Get": "Execution.PipelineExecutionId"}},
        NOTHING,
        "the service makes no experiment for each pipeline unless it is asked to",
    ),
    Listed(
        "Processing.Arguments.AppSpecification.ContainerEntrypoint",
        ["/bin/bash", f"{_BASE}/entrypoint/runproc.sh"],
        ANYTHING,
        "the commands of the SDK's script stand in the request itself: one file less to upload, and to fetch",
    ),
    Listed(
        "Processing.Arguments.ProcessingInputs[entrypoint]",
        ANYTHING,
        NOTHING,
        "the input that brings the SDK's script",
    ),
    Listed(
        "Processing.Arguments.ProcessingInputs[code].S3Input.LocalPath",
        f"{_BASE}/code/",
        f"{_BASE}/code",
        "the same folder",
    ),
    Listed("Processing.Arguments.Environment", NOTHING, ANYTHING, _OUTPUTS),
    *_GENERATION,
    *(
        Listed(f"{kind}.Arguments.Environment.{VARIABLE}", NOTHING, ANYTHING, _SWITCH, cases=cases)
        for kind, cases in _WITH_VARIABLES.items()
    ),
    Listed(
        "Processing.Arguments.NetworkConfig.EnableNetworkIsolation",
        False,
        NOTHING,
        "the service's default",
        cases=("network-key-and-tags",),
    ),
    Listed(
        "Training.Arguments.DebugHookConfig",
        ANYTHING,
        NOTHING,
        "the SDK turns the debugger's hook on without a collection or a rule: nothing that anybody would look at",
        but=("spot-and-mpi",),  # of PyTorch with a distribution and checkpoints it doesn't
    ),
    Listed(
        "Training.Arguments.ProfilerConfig",
        ANYTHING,
        NOTHING,
        "the SDK writes system metrics beside the model; who wants them says so in 'arguments'",
    ),
    Listed(
        "Training.RetryPolicies",
        ANYTHING,
        ANYTHING,
        "the SDK has a class for each kind of exception, so two policies; with us one policy counts all attempts",
        cases=("retries",),
    ),
    Listed("RegisterModel.Arguments.ModelMetrics.Bias", {}, NOTHING, "an empty mapping says nothing", but=("checks",)),
    Listed(
        "RegisterModel.Arguments.ModelMetrics.Explainability",
        {},
        NOTHING,
        "an empty mapping says nothing",
        but=("checks",),
    ),
    Listed("RegisterModel.Arguments.SkipModelValidation", "None", NOTHING, "the service's default"),
    *(
        Listed(f"{kind}.Arguments.AppSpecification.ImageUri", ANYTHING, image, "the SDK knows AWS's image", ("checks",))
        for kind, image in (("QualityCheck", "example.com/monitor:1"), ("ClarifyCheck", "example.com/clarify:1"))
    ),
    Listed("Steps[churn-Spark]", NOTHING, ANYTHING, "version 2 has no step of EMR Serverless", ("analytics",)),
    Listed("Steps[churn-Report]", NOTHING, ANYTHING, "its input is named after the time: by eye", ("analytics",)),
    Listed(
        "RegisterModel.Arguments.InferenceSpecification.Containers[0].Framework",
        "SKLEARN",
        NOTHING,
        "the SDK's class is of one framework; we know an image's address only",
        but=("repack", "containers"),
    ),
    Listed(
        "RegisterModel.Arguments.SecurityConfig",
        NOTHING,
        {"KmsKeyId": "alias/k"},
        "the SDK has no way to encrypt a package with the user's key",
        cases=("network-key-and-tags",),
    ),
    _left_out("Processing.Arguments.ProcessingJobName", "purchase-intent", "processing-keys"),
    _left_out("Training.Arguments.TrainingJobName", "purchase-intent"),
    _left_out("Transform.Arguments.TransformJobName", "transform-keys"),
    _repacking("Steps[churn-CreateModel-RepackModel-0]", ANYTHING, NOTHING),
    _repacking("Steps[churn-Register-RepackModel-0]", ANYTHING, NOTHING),
    _repacking("Steps[churn-Train-Repack]", NOTHING, ANYTHING),
    _repacking("Model.Arguments.PrimaryContainer.ModelDataUrl", _sdk_repacked("CreateModel"), _OUR_REPACKED),
    _repacking(
        "RegisterModel.Arguments.InferenceSpecification.Containers[0].ModelDataUrl",
        _sdk_repacked("Register"),
        _OUR_REPACKED,
    ),
)

# Version 3 against our 'repack' case, because it leaves no archive alone. It has a way of its own to bring a script into
# a container: channels and inputs with driver scripts, under keys that have the time in them.
_SUBMITTED = (
    "it sends the script by channels of its own, not in the form of AWS's training toolkit, which all images have"
)
_SAME_AS_V2 = (
    "PipelineExperimentConfig",
    "Processing.Arguments.AppSpecification.ContainerEntrypoint",
    "Processing.Arguments.ProcessingInputs[entrypoint]",
    "Processing.Arguments.ProcessingInputs[code].S3Input.LocalPath",
    "RegisterModel.Arguments.ModelMetrics.Bias",
    "RegisterModel.Arguments.ModelMetrics.Explainability",
    "RegisterModel.Arguments.SkipModelValidation",
)
_INPUTS = ("raw_data", "code", "churn-Transform-predictions", "churn-Preprocess-train", "churn-Preprocess-test")
LISTED_V3 = (
    Listed("Processing.Arguments.Environment", NOTHING, ANYTHING, _OUTPUTS),
    *_GENERATION,
    *(entry for entry in LISTED if entry.path in _SAME_AS_V2 or entry.cases == ("repack",)),
    Listed("MlflowConfig", None, NOTHING, "nothing is said"),
    *(_not_said(f"Processing.Arguments.ProcessingInputs[{name}].AppManaged") for name in _INPUTS),
    *(
        _not_said(f"Processing.Arguments.ProcessingOutputConfig.Outputs[{name}].AppManaged")
        for name in ("train", "test", "model_evaluation_metrics")
    ),
    Listed(
        "Processing.Arguments.ProcessingInputs[code].S3Input.S3Uri",
        ANYTHING,
        "<code>/sourcedir.tar.gz",
        "its folder with the same archive in it, named after the time",
    ),
    Listed("Training.Arguments.AlgorithmSpecification.ContainerEntrypoint", ["/bin/bash"], NOTHING, _SUBMITTED),
    Listed("Training.Arguments.AlgorithmSpecification.ContainerArguments", ANYTHING, NOTHING, _SUBMITTED),
    Listed("Training.Arguments.InputDataConfig[code]", ANYTHING, NOTHING, _SUBMITTED),
    Listed("Training.Arguments.InputDataConfig[sm_drivers]", ANYTHING, NOTHING, _SUBMITTED),
    *(
        Listed(f"Training.Arguments.HyperParameters.sagemaker_{name}", NOTHING, ANYTHING, _SUBMITTED)
        for name in ("container_log_level", "program", "region", "submit_directory")
    ),
    *(
        Listed(f"Training.Arguments.InputDataConfig[{name}].InputMode", "File", NOTHING, "that of the job")
        for name in ("churn-Preprocess-train", "churn-Preprocess-test")
    ),
)
