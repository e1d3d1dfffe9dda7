"""What a training's request says of its machines, of how its processes are started there, and of what outlives them."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.conf.distributed import DistributedSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import TrainSection
from pipeline_builder.definition.steps.context import Context, Mapped, without_empty
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.source import DataPath

# By which hyperparameters AWS's training toolkits know who starts the processes [sagemaker-training, runner.py].
_ENABLED = {
    "torchrun": "sagemaker_torch_distributed_enabled",
    "mpi": "sagemaker_mpi_enabled",
    "data_parallel": "sagemaker_distributed_dataparallel_enabled",
}
_OPTIONS = {
    "mpi": "sagemaker_mpi_custom_mpi_options",
    "data_parallel": "sagemaker_distributed_dataparallel_custom_mpi_options",
}
_PROCESSES = "sagemaker_mpi_num_of_processes_per_host"  # torchrun's too, whatever its name says
_INSTANCE_TYPE = "sagemaker_instance_type"
_GROUPS = "sagemaker_distribution_instance_groups"


def resource_config(context: Context, job: TrainSection) -> Mapped:
    """Return the instances: of one kind, or groups of them; what the conf says itself stays, also where it can't be."""
    resources: Mapped = {
        "InstanceCount": job.instance_count,
        "InstanceType": job.instance_type,
        "VolumeSizeInGB": job.volume_size,
        "VolumeKmsKeyId": context.settings.kms_key,
        "KeepAlivePeriodInSeconds": job.keep_alive,
    }
    if job.instance_groups:
        written = {"InstanceCount": "instance_count", "InstanceType": "instance_type"}
        resources = {
            k: v for k, v in resources.items() if written.get(k, k) in job.model_fields_set or k not in written
        }
        resources["InstanceGroups"] = [
            {"InstanceGroupName": name, "InstanceType": group.instance_type, "InstanceCount": group.instance_count}
            for name, group in job.instance_groups.items()
        ]
    return without_empty(resources)


def spot_members(job: TrainSection) -> Mapped:
    """Return what a training on spot machines has, and where it keeps its checkpoints."""
    stopping: Mapped = {"MaxRuntimeInSeconds": job.max_runtime, "MaxWaitTimeInSeconds": job.max_wait}
    kept: Mapped = {}
    if job.checkpoints:
        kept = {"S3Uri": job.checkpoints.address}
        if "path" in job.checkpoints.model_fields_set:
            kept["LocalPath"] = job.checkpoints.path
    return {
        "StoppingCondition": without_empty(stopping),
        "EnableManagedSpotTraining": job.spot or None,
        "CheckpointConfig": kept,
    }


def metric_definitions(job: TrainSection) -> Mapped:
    """Return the member with what finds the metrics of the log, where there is any."""
    found: list[JSON] = [{"Name": name, "Regex": regex} for name, regex in job.metrics.items()]
    return {"MetricDefinitions": found} if found else {}


def tracking_config(job: TrainSection) -> Mapped:
    """Return the server of SageMaker's that the job tracks with; of any other only its variables tell."""
    if job.mlflow is None or not job.mlflow.is_managed:
        return {}
    return without_empty(
        {
            "MlflowResourceArn": job.mlflow.server,
            "MlflowExperimentName": job.mlflow.experiment,
            "MlflowRunName": job.mlflow.run,
        }
    )


def launched_by(job: TrainSection) -> dict[str, JSON]:
    """Return the hyperparameters that tell the toolkit how to start the processes, as the SDK writes them."""
    asked = job.distributed
    if asked is None:
        return {}
    found: dict[str, JSON] = {_ENABLED[asked.by]: True}
    if asked.by != "mpi" and not job.instance_groups:
        found[_INSTANCE_TYPE] = job.instance_type
    if asked.processes_per_host is not None:
        found[_PROCESSES] = asked.processes_per_host
    if asked.by in _OPTIONS:
        found[_OPTIONS[asked.by]] = asked.mpi_options
    return found | _taking_part(asked)


def _taking_part(asked: DistributedSection) -> dict[str, JSON]:
    groups: list[JSON] = [*asked.instance_groups]
    return {_GROUPS: groups} if groups else {}


_OF_GROUP = {"InstanceType": "instance_type", "InstanceCount": "instance_count"}
_OF_CHECKPOINTS = {"S3Uri": "address", "LocalPath": "path"}
_OF_MLFLOW = {"MlflowResourceArn": "server", "MlflowExperimentName": "experiment", "MlflowRunName": "run"}


def machine_place(step: Step, path: DataPath) -> DataPath:
    """Return where in a train section a member of the request stands that other keys have a name like; else nothing."""
    job = step.job
    if not isinstance(job, TrainSection):
        return ()
    if "InstanceGroupNames" in path and "InputDataConfig" in path:
        own = [name for name, channel in job.channels.items() if channel.data_files]
        index = path[path.index("InputDataConfig") + 1]
        return ("channels", own[index], "instance_groups") if isinstance(index, int) and index < len(own) else ()
    ways = ((member, *path[number + 1 :], "", "")[:3] for number, member in enumerate(path))
    return next((found for way in ways if (found := _place(job, *way))), ())


def _place(job: TrainSection, member: str | int, index: str | int, last: str | int) -> DataPath:
    found: DataPath = ()
    match member:
        case "InstanceGroups" if isinstance(index, int) and index < len(job.instance_groups):
            found = ("instance_groups", [*job.instance_groups][index], *_named(_OF_GROUP, last))
        case "CheckpointConfig" if job.checkpoints:
            found = ("checkpoints", *_named(_OF_CHECKPOINTS, index))
        case "MlflowConfig" if job.mlflow:
            found = ("mlflow", *_named(_OF_MLFLOW, index))
        case "HyperParameters" | "StaticHyperParameters" if index in launched_by(job):
            found = () if index in job.hyperparameters else ("distributed",)
    return found


def _named(names: Mapping[str, str], member: str | int) -> tuple[str, ...]:
    return (names[member],) if isinstance(member, str) and member in names else ()
