"""The conf's keys behind the members of requests: where a reader would mend what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.conf.containers import containers_of
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.machines import machine_place
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place

# By the member's name, of steps that run no script of the model's.
OF_REQUESTS: Mapping[str, str] = {
    "ClusterId": "cluster_id", "ClusterConfig": "cluster", "Jar": "jar", "MainClass": "main_class", "Args": "args",
    "Properties": "properties", "ExecutionRoleArn": "execution_role", "ApplicationId": "application_id",
    "ApplicationConfig": "application", "entryPoint": "entry_point", "entryPointArguments": "args", "query": "query",
    "sparkSubmitParameters": "spark_submit", "configurationOverrides": "configuration",
    "executionTimeoutMinutes": "max_runtime_minutes", "TargetAttributeName": "target", "ProblemType": "problem_type",
    "AutoMLJobObjective": "objective", "MaxCandidates": "max_candidates", "Mode": "mode",
    "MaxRuntimePerTrainingJobInSeconds": "max_runtime_per_training",
    "MaxAutoMLJobRuntimeInSeconds": "max_runtime_seconds",
    "SM_INPUT_NOTEBOOK_NAME": "notebook", "SM_KERNEL_NAME": "kernel",
    "SkipCheck": "skip_check", "FailOnViolation": "fail_on_violation",
    "RegisterNewBaseline": "register_new_baseline",
    "SuppliedBaselineConstraints": "supplied_baseline_constraints",
    "SuppliedBaselineStatistics": "supplied_baseline_statistics", "problem_type": "problem_type",
}  # fmt: skip
# By the member's name.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "InstanceType": ("instance_type",),
    "InstanceCount": ("instance_count",),
    "VolumeSizeInGB": ("volume_size_in_gb", "volume_size"),
    "MaxRuntimeInSeconds": ("max_runtime_seconds", "max_runtime_in_seconds"),
    "ImageUri": ("image_uri",),
    "TrainingImage": ("image_uri",),
    "Image": ("image_uri",),
    "ProcessingJobName": ("base_job_name",),
    "TrainingJobName": ("base_job_name",),
    "TransformJobName": ("base_job_name",),
    "Environment": ("env",),
    "HyperParameters": ("hyperparams", "hyperparameters"),
    "StaticHyperParameters": ("hyperparams", "hyperparameters"),
    "HyperParameterTuningJobName": ("base_job_name",),
    "ParameterRanges": ("ranges",),
    "Strategy": ("strategy",),
    "MinResource": ("hyperband", "min_resource"),
    "MaxResource": ("hyperband", "max_resource"),
    "StrategyConfig": ("hyperband",),
    "MetricName": ("objective", "metric"),
    "HyperParameterTuningJobObjective": ("objective",),
    "MetricDefinitions": ("metrics", "metric_definitions", "objective"),
    "MaxNumberOfTrainingJobs": ("max_jobs",),
    "MaxParallelTrainingJobs": ("max_parallel_jobs",),
    "TrainingJobEarlyStoppingType": ("early_stopping",),
    "TuningJobCompletionCriteria": ("complete",),
    "WarmStartConfig": ("warm_start",),
    "RandomSeed": ("seed",),
    "Tags": ("tags",),
    **{key: (name,) for key, name in OF_REQUESTS.items()},
    "ChannelName": ("channels",),
    "InputName": ("channels",),
    "LocalPath": ("inputLocalFilepath", "channels"),
    "S3Uri": ("channels", "dataset", "folder"),
    "S3OutputPath": ("output_path",),
    "ContainerEntrypoint": ("entry_point",),
    "ContainerArguments": ("args",),
    "FilePath": ("file",),
    "MaxPayloadInMB": ("max_payload",),
    "BatchStrategy": ("strategy",),
    "SplitType": ("split_type",),
    "AssembleWith": ("assemble_with",),
    "InputFilter": ("input_filter",),
    "OutputFilter": ("output_filter",),
    "JoinSource": ("join_source",),
    "ContentType": ("content_type",),
    "Accept": ("accept", "content_type"),
    "TrainingInputMode": ("input_mode",),
    "S3InputMode": ("s3_input_mode",),
    "S3UploadMode": ("s3_upload_mode",),
    "ModelPackageGroupName": ("ModelPackageGroupName",),
    "ModelPackageDescription": ("ModelPackageDescription",),
    "ModelApprovalStatus": ("ModelApprovalStatus",),
    "InferenceSpecification": ("InferenceSpecification",),
    "SupportedContentTypes": ("InferenceSpecification", "supported_content_types"),
    "SupportedResponseMIMETypes": ("InferenceSpecification", "supported_response_MIME_types"),
    "SupportedRealtimeInferenceInstanceTypes": (
        "InferenceSpecification",
        "SupportedRealtimeInferenceInstanceTypes",
    ),
    "SupportedTransformInstanceTypes": ("InferenceSpecification", "SupportedTransformInstanceTypes"),
    "FunctionArn": ("function", "entry_point"),
    "SqsQueueUrl": ("sqs_queue",),
    "EnableManagedSpotTraining": ("spot", "use_spot_instances"),
    "MaxWaitTimeInSeconds": ("max_wait_seconds", "max_wait_in_seconds", "spot", "use_spot_instances"),
    "KeepAlivePeriodInSeconds": ("keep_alive_seconds", "keep_alive_period_in_seconds"),
    "InstanceGroups": ("instance_groups",),
    "MlflowConfig": ("mlflow",),
    "MLFLOW_TRACKING_URI": ("mlflow",),
    "MLFLOW_EXPERIMENT_NAME": ("mlflow",),
    "SMP_MLFLOW_ARTIFACTS": ("mlflow",),
    "CA_REPOSITORY_ARN": ("codeartifact",),
    "OutputParameters": ("outputs",),
}


# Members that are written in the section as a whole, by the class of the step.
_WHOLE: Mapping[str, Mapping[str, str]] = {
    "EMR": {"ClusterConfig": "cluster", "Args": "args"},
    "EMRServerless": {
        "ApplicationConfig": "application", "configurationOverrides": "configuration", "entryPointArguments": "args",
    },
    "NotebookJob": {"HyperParameters": "parameters"},
}  # fmt: skip
# The keys whose addresses a list has: the first, and those of the others that are given.
_IN_LISTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("QualityCheck", "ProcessingInputs"): ("dataset", "record_preprocessor_script", "post_analytics_processor_script"),
    ("QualityCheck", "Outputs"): ("output_path",),
    ("ClarifyCheck", "ProcessingInputs"): ("check", "dataset"),
    ("ClarifyCheck", "Outputs"): ("output_path",),
    ("AutoML", "InputDataConfig"): ("dataset", "validation"),
}
_ADDRESSES = ("S3Uri", "S3OutputPath")
# By the member of one of several containers.
_OF_CONTAINER: Mapping[str, tuple[str, ...]] = {
    "Image": ("image_uri", "image"),
    "ModelDataUrl": ("step", "model_data_uri"),
    "Environment": ("env", "entry_point"),
    "ContainerHostname": ("hostname",),
}


def _of_input(step: Step, path: DataPath) -> Place | None:
    """Return where a Lambda or Callback step's section has an input."""
    below = _below(path) if "Arguments" in path else path
    document, given = step.unit.conf.document, (*step.unit.path, step.section_name, "inputs", *below)
    return document.place(given) if step.call and given in document.values else None


def _of_machine(step: Step, path: DataPath) -> Place | None:
    """Return where a train section says what its members share a name for with others."""
    found = machine_place(step, path)
    return step.section_place(*found) if found else None


def _of_request(step: Step, path: DataPath) -> Place | None:
    """Return where the section of a step that runs no script has what a member of its request holds a part of."""
    document, section = step.unit.conf.document, (*step.unit.path, step.section_name)
    if step.request is None:
        return None
    for member, key in _WHOLE.get(step.step_class, {}).items():
        if member in path and (*section, key) in document.values:
            return document.place((*section, key, *path[path.index(member) + 1 :]))
    for index, part in enumerate(path[:-1]):
        named = _IN_LISTS.get((step.step_class, str(part)), ())
        given = [*named[:1], *(key for key in named[1:] if (*section, key) in document.values)]
        if named and path[-1] in _ADDRESSES and path[index + 1] in range(len(given)):
            key = given[int(path[index + 1])]
            return document.place((*section, key)) if (*section, key) in document.values else None
    return None


def place_of(step: Step, path: DataPath) -> Place:
    """Return the place that a member of a request most likely comes from in the conf: the nearest key, or the step."""
    document = step.unit.conf.document
    if argument := _argument(step, path, whole=True):
        return argument
    if own_place := _of_container(step, path) or _of_input(step, path) or _of_machine(step, path):
        return own_place
    if step.written is not None and "Arguments" in path and (written := _of_written(step, _below(path))):
        return written
    if requested := _of_request(step, path):
        return requested
    sections = [(*step.unit.path, name) for name in (step.tune_name, step.section_name) if name]
    for member in reversed(path):
        keys = _KEYS.get(str(member), ())
        for section in sections if keys else ():
            for place in ((*section, *keys), *((*section, key) for key in keys)):
                if place in document.values:
                    return document.place(place)
    return _argument(step, path, whole=False) or step.place


def _of_container(step: Step, path: DataPath) -> Place | None:
    """Return where a member of one of several containers stands, or that container."""
    at = path.index("Containers") + 1 if "Containers" in path else 0
    index = path[at] if at and at < len(path) else None
    if not containers_of(step) or not isinstance(index, int):
        return None
    base: DataPath = (*step.unit.path, "registry", "containers", index)
    keys = _OF_CONTAINER.get(str(path[at + 1]), ()) if len(path) > at + 1 else ()
    document = step.unit.conf.document
    for below in range(len(path), at + 1, -1):
        if (*base, "arguments", *path[at + 1 : below]) in document.values:
            return document.place((*base, "arguments", *path[at + 1 : below]))
    found = next((key for key in keys if (*base, key) in document.values), None)
    return document.place((*base, found)) if found else document.place(base)


def _argument(step: Step, path: DataPath, *, whole: bool) -> Place | None:
    """Return where `arguments` have the member, or where they don't what they have of the way to it."""
    if "Arguments" not in path:
        return None
    below = _below(path)
    section = "registry" if step.step_class == "RegisterModel" else step.tune_name or step.section_name
    unit = step.unit
    given = [
        (step.conf.document, (*step.path, "arguments"), below),
        (unit.conf.document, (*unit.path, section, "arguments"), below),
    ]
    if step.tune_name and below[:1] == ("TrainingJobDefinition",):  # what the training's own section says
        given.append((unit.conf.document, (*unit.path, step.section_name, "arguments"), below[1:]))
    for document, base, members in given:
        known = next((n for n in range(len(members), 0, -1) if (*base, *members[:n]) in document.values), 0)
        if known == len(members) or (known and not whole):
            return document.place((*base, *members[:known]))
    return None


def _of_written(step: Step, below: DataPath) -> Place | None:
    from pipeline_builder.definition.steps.condition import place_in_conf

    own = place_in_conf(step, below)
    return step.conf.document.place(own) if own else None


def _below(path: DataPath) -> DataPath:
    """Return what of a path is below the innermost step's arguments."""
    return path[len(path) - path[::-1].index("Arguments") :]
