"""EMR, EMRServerless, AutoML and NotebookJob steps."""

from __future__ import annotations

from pipeline_builder.conf.analytics import AutoMLSection, EMRSection, EMRServerlessSection, NotebookSection
from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.steps.checks import dataset_of
from pipeline_builder.definition.steps.context import (
    Context,
    Mapped,
    execution_uri,
    tag_list,
    vpc_config,
    without_empty,
)
from pipeline_builder.descriptions import JSON

_NOTEBOOK = "sagemaker_headless_execution_pipelinestep"  # the channel that the images of notebook jobs look into


def compose_emr(context: Context, section: EMRSection) -> Mapped:
    """Return the step: AddJobFlowSteps on a cluster that is there, or with RunJobFlow for one of its own."""
    properties = context.texts(section.properties)
    jar: Mapped = {
        "Jar": section.jar,
        "Args": [context.text(word) for word in section.args],
        "MainClass": section.main_class,
        "Properties": [{"Key": key, "Value": value} for key, value in sorted(properties.items())],
    }
    request: Mapped = {
        "StepConfig": {"HadoopJarStep": without_empty(jar)},
        "ClusterId": section.cluster_id,
        "ClusterConfig": _cluster(context, section),
        "ExecutionRoleArn": section.execution_role,
    }
    return {"Type": "EMR", "Arguments": without_empty(request)}


def _cluster(context: Context, section: EMRSection) -> Mapped:
    """Return the cluster of the step's own, tagged as all jobs are unless it has tags itself."""
    if not section.cluster or "Tags" in section.cluster:
        return section.cluster
    return {**section.cluster, **without_empty({"Tags": tag_list(context, section.tags)})}


def compose_emr_serverless(context: Context, step: Step, section: EMRServerlessSection) -> Mapped:
    """Return the step: StartJobRun, in an application that is there or in one of its own."""
    role = section.execution_role or context.role(step)
    spark: Mapped = {
        "entryPoint": section.entry_point,
        "entryPointArguments": [context.text(word) for word in section.args],
        "sparkSubmitParameters": section.spark_submit,
    }
    hive: Mapped = {"query": section.query}
    driver: Mapped = {"hive": hive} if section.query else {"sparkSubmit": without_empty(spark)}
    job: Mapped = {
        "executionRoleArn": role,
        "jobDriver": driver,
        "configurationOverrides": section.configuration,
        "executionTimeoutMinutes": section.max_runtime_minutes,
        "tags": {**context.settings.tags, **context.texts(section.tags)},
    }
    request: Mapped = {
        "ExecutionRoleArn": role,
        "JobConfig": without_empty(job),
        "ApplicationId": section.application_id,
        "ApplicationConfig": section.application,
    }
    return {"Type": "EMRServerless", "Arguments": without_empty(request)}


def compose_automl(context: Context, step: Step, section: AutoMLSection) -> Mapped:
    """Return the step: CreateAutoMLJob over the data."""
    settings = context.settings
    channels: list[JSON] = [_channel(dataset_of(context, step, section), section, "training")]
    if section.validation:
        channels.append(_channel(section.validation, section, "validation"))
    criteria: Mapped = {
        "MaxCandidates": section.max_candidates,
        "MaxRuntimePerTrainingJobInSeconds": section.max_runtime_per_training,
        "MaxAutoMLJobRuntimeInSeconds": section.max_runtime,
    }
    network = vpc_config(settings)
    security: Mapped = {"VolumeKmsKeyId": settings.kms_key, "VpcConfig": network}
    output: Mapped = {"S3OutputPath": section.output_path or execution_uri(context, step), "KmsKeyId": settings.kms_key}
    request: Mapped = {
        "InputDataConfig": channels,
        "OutputDataConfig": without_empty(output),
        "AutoMLJobConfig": {
            "CompletionCriteria": without_empty(criteria),
            "SecurityConfig": {"EnableInterContainerTrafficEncryption": bool(network), **without_empty(security)},
            "Mode": section.mode,
        },
        "RoleArn": context.role(step),
        "AutoMLJobObjective": without_empty({"MetricName": section.objective}),
        "ProblemType": section.problem_type,
        "Tags": tag_list(context, section.tags),
    }
    return {"Type": "AutoML", "Arguments": without_empty(request)}


def _channel(uri: JSON, section: AutoMLSection, kind: str) -> Mapped:
    source: Mapped = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"DataSource": source, "TargetAttributeName": section.target, "ChannelType": kind}


def compose_notebook(context: Context, step: Step, section: NotebookSection) -> Mapped:
    """Return the step: a Training job whose image runs a notebook [SDK's NotebookJobStep]."""
    settings, network = context.settings, vpc_config(context.settings)
    stem = section.notebook.removesuffix(".ipynb")
    environment: Mapped = {
        **context.texts(section.env),
        "AWS_DEFAULT_REGION": settings.region,
        "SM_JOB_DEF_VERSION": "1.0",
        "SM_ENV_NAME": "sagemaker-default-env",
        "SM_SKIP_EFS_SIMULATION": "true",
        "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{_NOTEBOOK}",
        "SM_KERNEL_NAME": section.kernel,
        "SM_INPUT_NOTEBOOK_NAME": section.notebook,
        "SM_OUTPUT_NOTEBOOK_NAME": section.output_name or f"{stem}-output.ipynb",
    }
    if section.initialization_script:
        environment["SM_INIT_SCRIPT"] = section.initialization_script
    source: Mapped = {"S3DataType": "S3Prefix", "S3Uri": section.folder, "S3DataDistributionType": "FullyReplicated"}
    channel: Mapped = {"ChannelName": _NOTEBOOK, "DataSource": {"S3DataSource": source}}
    resources: Mapped = {
        "InstanceCount": section.instance_count,
        "InstanceType": section.instance_type,
        "VolumeSizeInGB": section.volume_size,
        "VolumeKmsKeyId": settings.kms_key,
    }
    output: Mapped = {"S3OutputPath": section.output_path or execution_uri(context, step), "KmsKeyId": settings.kms_key}
    algorithm: Mapped = {
        "TrainingImage": section.image_uri,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["amazon_sagemaker_scheduler"],
    }
    request: Mapped = {
        "TrainingJobName": section.base_job_name,
        "RoleArn": context.role(step),
        "AlgorithmSpecification": without_empty(algorithm),
        "InputDataConfig": [channel],
        "OutputDataConfig": without_empty(output),
        "ResourceConfig": without_empty(resources),
        "StoppingCondition": {"MaxRuntimeInSeconds": section.max_runtime},
        "HyperParameters": context.texts(section.parameters),
        "Environment": environment,
        "VpcConfig": network,
        "RetryStrategy": {"MaximumRetryAttempts": 1},
        "EnableInterContainerTrafficEncryption": section.encrypt_traffic,
        "EnableNetworkIsolation": True if context.is_isolated(step) else None,
        "Tags": tag_list(context, {**_found_by(step, section), **section.tags}),
    }
    return {"Type": "Training", "Arguments": without_empty(request)}


def _found_by(step: Step, section: NotebookSection) -> dict[str, str]:
    """Return the tags by which Studio lists a notebook job."""
    about = {"name": step.name, "notebook-name": section.notebook, "notebook-job-origin": "PIPELINE_STEP"}
    return {f"sagemaker:{key}": value for key, value in {**about, "is-studio-archived": "false"}.items()}
