"""One model's six steps, built with the classes of version 2 of the SageMaker SDK as its own guide has them.

Runs inside the SDK's environment only. Values that its users choose (names, paths, sizes) are those of the tiny model's
conf.yaml; everything else is the SDK's own.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.definition.oracle.aws import BUCKET, ROLE, boto_session, cut_the_network

cut_the_network()

from sagemaker.estimator import Estimator  # noqa: E402 - the network is cut before the SDK is there
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.metadata_properties import MetadataProperties  # noqa: E402
from sagemaker.model import Model  # noqa: E402
from sagemaker.model_metrics import MetricsSource, ModelMetrics  # noqa: E402
from sagemaker.network import NetworkConfig  # noqa: E402
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput  # noqa: E402
from sagemaker.sklearn.estimator import SKLearn  # noqa: E402
from sagemaker.sklearn.model import SKLearnModel  # noqa: E402
from sagemaker.telemetry import telemetry_logging  # noqa: E402
from sagemaker.transformer import Transformer  # noqa: E402
from sagemaker.workflow.condition_step import ConditionStep  # noqa: E402
from sagemaker.workflow.conditions import (  # noqa: E402
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.workflow.fail_step import FailStep  # noqa: E402
from sagemaker.workflow.functions import Join, JsonGet  # noqa: E402
from sagemaker.workflow.model_step import ModelStep  # noqa: E402
from sagemaker.workflow.parameters import ParameterString  # noqa: E402
from sagemaker.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.workflow.properties import PropertyFile  # noqa: E402
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep  # noqa: E402

sys.excepthook = sys.__excepthook__  # the SDK's own cuts lines to 80 columns
logging.disable(logging.WARNING)  # it says at each step what it leaves out
SESSION = PipelineSession(boto_session=boto_session(), default_bucket=BUCKET)
# The documented way to opt out makes the SDK check its whole configuration a hundred times for each pipeline.
telemetry_logging._send_telemetry_request = lambda *_: None
METRICS = "model_evaluation_metrics"
MANIFEST = ParameterString(name="ManifestCommit", default_value="unknown")


@dataclass(kw_only=True)
class Unit:
    """One model's six steps; the fields are what the cases change."""

    name: str
    pipeline: str
    source: str
    image: str = "example.com/tiny:1"
    data: Any = f"s3://{BUCKET}/churn/numbers.csv"
    channels: Sequence[str] = ("train", "test")
    transform_channel: str = "test"
    transform: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=lambda: {"scale": 2})
    instance: str = "ml.m5.2xlarge"
    train_instances: Any = 1
    train_instance: str = ""
    train_script: str = "train.py"
    evaluate_script: str = "evaluate.py"
    estimator: Mapping[str, Any] = field(default_factory=dict)
    estimator_class: Any = Estimator
    input_modes: Mapping[str, str] = field(default_factory=dict)
    input_groups: Mapping[str, Any] = field(default_factory=dict)
    train_inputs: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    distribution: str = "FullyReplicated"
    upload: str = "EndOfJob"
    evaluate_environment: Mapping[str, str] | None = None
    volumes: tuple[int, int, int] = (32, 32, 50)
    run_times: tuple[int, int, int] = (3000, 3000, 3600)
    job_names: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    train_retries: Sequence[Any] = ()
    transform_retries: Sequence[Any] = ()
    register_retries: Sequence[Any] = ()
    train_expiry: str = "P30D"
    network: NetworkConfig | None = None
    key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    train_tags: Mapping[str, str] = field(default_factory=dict)
    repack: bool = False
    group: str = ""
    description: str | None = None
    content_types: Sequence[str] = ("application/json",)
    realtime: Sequence[str] = ("ml.m5.2xlarge",)
    transforms: Sequence[str] = ("ml.m5.2xlarge",)
    bounds: Sequence[tuple[str, float | None, float | None]] = ()

    def steps(self) -> list[Any]:
        """Return the steps in the order of the conf."""
        self.preprocess_step = self._preprocess()
        self.train_step = self._train()
        self.model_step = self._model_step()
        self.transform_step = self._transform()
        self.metrics_step = self._metrics()
        register = self._register()
        last = self._gate(register) if self.bounds else register
        return [
            self.preprocess_step, self.train_step, self.model_step, self.transform_step, self.metrics_step, last
        ]  # fmt: skip

    @property
    def commit(self) -> Any:
        """Return the parameter that brings the commit of the model's repository."""
        return ParameterString(name=f"Commit-{self.name}", default_value="unknown")

    def own(self, *parts: str) -> Any:
        """Return an address of each execution's own."""
        return Join(
            on="/",
            values=[
                f"s3://{BUCKET}/{self.pipeline}/{self.name}/executions",
                ExecutionVariables.PIPELINE_EXECUTION_ID,
                *parts,
            ],
        )

    def _tags(self, more: Mapping[str, str] | None = None) -> list[dict[str, str]] | None:
        tags = {**self.tags, **(more or {})}
        return [{"Key": key, "Value": value} for key, value in sorted(tags.items())] or None

    def _processor(self, section: str, index: int, **more: Any) -> Any:
        arguments = {
            "estimator_cls": SKLearn,
            "framework_version": "1.2-1",
            "image_uri": self.image,
            "role": ROLE,
            "instance_count": 1,
            "instance_type": self.instance,
            "volume_size_in_gb": self.volumes[index],
            "max_runtime_in_seconds": self.run_times[index],
            "base_job_name": self.job_names.get(section),
            "network_config": self.network,
            "volume_kms_key": self.key,
            "output_kms_key": self.key,
            "tags": self._tags(),
            "sagemaker_session": SESSION,
        }
        return FrameworkProcessor(**{**arguments, **more})

    def _preprocess(self) -> Any:
        step = f"{self.name}-Preprocess"
        base = "/opt/ml/processing"
        arguments = self._processor("preprocess", 0, **self.processor).run(
            code="preprocess.py",
            source_dir=self.source,
            inputs=[
                ProcessingInput(
                    input_name="raw_data",
                    source=self.data,
                    destination=f"{base}/input/raw_data",
                    s3_data_distribution_type=self.distribution,
                ),
            ],
            outputs=[
                ProcessingOutput(
                    output_name=name,
                    source=f"{base}/output/{name}",
                    destination=self.own(step, name),
                    s3_upload_mode=self.upload,
                )
                for name in self.channels
            ],
        )
        return ProcessingStep(name=step, step_args=arguments, cache_config=cached())

    def output(self, channel: str) -> Any:
        """Return the address of one of the preprocessing's outputs; who reads all of it closes it."""
        return self.preprocess_step.properties.ProcessingOutputConfig.Outputs[channel].S3Output.S3Uri

    def _train(self) -> Any:
        step = f"{self.name}-Train"
        estimator = self.estimator_class(
            image_uri=self.image,
            role=ROLE,
            **self._instances(),
            volume_size=self.volumes[1],
            max_run=self.run_times[1],
            base_job_name=self.job_names.get("train"),
            output_path=self.own(step),
            hyperparameters=dict(self.hyperparameters),
            entry_point=self.train_script,
            source_dir=self.source,
            environment=dict(self.environment) or None,
            subnets=self.network.subnets if self.network else None,
            security_group_ids=self.network.security_group_ids if self.network else None,
            encrypt_inter_container_traffic=True if self.network else None,
            volume_kms_key=self.key,
            output_kms_key=self.key,
            tags=self._tags(self.train_tags),
            sagemaker_session=SESSION,
            **self.estimator,
        )
        chained = {
            f"{self.name}-Preprocess-{name}": TrainingInput(
                closed(self.output(name)),
                input_mode=self.input_modes.get(name),
                instance_groups=self.input_groups.get(name),
            )
            for name in self.channels
        }
        channels = {**self.train_inputs, **chained}
        return TrainingStep(
            name=step,
            step_args=estimator.fit(channels),
            cache_config=cached(self.train_expiry),
            retry_policies=list(self.train_retries) or None,
        )

    def _instances(self) -> dict[str, Any]:
        if "instance_groups" in self.estimator:
            return {}
        instance = self.train_instance or self.instance
        return {"instance_count": self.train_instances, "instance_type": instance}

    def _model(self) -> Any:
        common = {
            "name": self.job_names.get("model"),
            "image_uri": self.image,
            "model_data": self.train_step.properties.ModelArtifacts.S3ModelArtifacts,
            "role": ROLE,
            "entry_point": "inference.py",
            "source_dir": self.source,
            "vpc_config": (
                {"Subnets": self.network.subnets, "SecurityGroupIds": self.network.security_group_ids}
                if self.network
                else None
            ),
            "sagemaker_session": SESSION,
        }
        if self.repack:
            return Model(**common)
        return SKLearnModel(framework_version="1.2-1", **common)  # of all models the one that leaves the archive alone

    def _model_step(self) -> Any:
        return ModelStep(
            name=f"{self.name}-CreateModel",
            step_args=self._model().create(tags=self._tags()),
            retry_policies=list(self.register_retries) or None,
        )

    def _transform(self) -> Any:
        step = f"{self.name}-Transform"
        transformer = Transformer(
            env=self.transform.get("environment"),
            model_name=self.model_step.properties.ModelName,
            instance_count=self.transform.get("instance_count", 1),
            instance_type=self.instance,
            output_path=self.own(step),
            accept=self.transform.get("accept", "text/csv"),
            assemble_with="Line",
            strategy=self.transform.get("strategy"),
            max_payload=self.transform.get("max_payload"),
            output_kms_key=self.key,
            volume_kms_key=self.key,
            base_transform_job_name=self.job_names.get("transform"),
            tags=self._tags(),
            sagemaker_session=SESSION,
        )
        data = Join(on="/", values=[self.output(self.transform_channel), f"{self.transform_channel}.csv"])
        arguments = transformer.transform(
            data=data,
            content_type=self.transform.get("content_type", "text/csv"),
            split_type="Line",
            compression_type="None",
            input_filter=self.transform.get("input_filter"),
            output_filter=self.transform.get("output_filter"),
            join_source=self.transform.get("join_source"),
        )
        return TransformStep(
            name=step,
            step_args=arguments,
            cache_config=cached(),
            retry_policies=list(self.transform_retries) or None,
        )

    def _metrics(self) -> Any:
        step = f"{self.name}-Metrics"
        base = "/opt/ml/processing"
        predictions = f"{self.name}-Transform-predictions"
        chained = {predictions: closed(self.transform_step.properties.TransformOutput.S3OutputPath)}
        chained |= {f"{self.name}-Preprocess-{name}": closed(self.output(name)) for name in self.channels}
        arguments = self._processor("evaluate", 2, env=self.evaluate_environment).run(
            code=self.evaluate_script,
            source_dir=self.source,
            inputs=[
                ProcessingInput(input_name=name, source=uri, destination=f"{base}/input/{name}")
                for name, uri in chained.items()
            ],
            outputs=[
                ProcessingOutput(output_name=METRICS, source=f"{base}/output", destination=self.own(step, METRICS))
            ],
        )
        self.report = PropertyFile(name=METRICS, output_name=METRICS, path=f"{METRICS}.json")
        return ProcessingStep(name=step, step_args=arguments, property_files=[self.report], cache_config=cached())

    def _register(self) -> Any:
        output = self.metrics_step.properties.ProcessingOutputConfig.Outputs[METRICS].S3Output.S3Uri
        report = MetricsSource(content_type="application/json", s3_uri=Join(on="/", values=[output, f"{METRICS}.json"]))
        arguments = self._model().register(
            content_types=list(self.content_types),
            response_types=list(self.content_types),
            inference_instances=list(self.realtime),
            transform_instances=list(self.transforms),
            model_package_group_name=self.group or f"{self.pipeline}-{self.name}",
            approval_status="PendingManualApproval",
            description=self.description,
            **self.metrics_of(report),
            metadata_properties=MetadataProperties(
                commit_id=self.commit, repository=self.name, generated_by="pipeline_builder"
            ),
            customer_metadata_properties={"manifest-commit": MANIFEST, f"commit-{self.name}": self.commit},
        )
        return ModelStep(
            name=f"{self.name}-Register",
            step_args=arguments,
            retry_policies=list(self.register_retries) or None,
        )

    def metrics_of(self, report: Any) -> dict[str, Any]:
        """Return what the registration says of how good the model is."""
        return {"model_metrics": ModelMetrics(model_statistics=report)}

    def _gate(self, register: Any) -> Any:
        def value(path: str) -> Any:
            return JsonGet(step_name=f"{self.name}-Metrics", property_file=self.report, json_path=path)

        conditions: list[Any] = []
        words: list[Any] = [f"the gate of the model '{self.name}' blocks it from the registry: "]
        for index, (path, low, high) in enumerate(self.bounds):
            words += [f"{'; ' if index else ''}{path} is ", value(path)]
            said = []
            if low is not None:
                conditions.append(ConditionGreaterThanOrEqualTo(left=value(path), right=low))
                said.append(f"at least {low}")
            if high is not None:
                conditions.append(ConditionLessThanOrEqualTo(left=value(path), right=high))
                said.append(f"at most {high}")
            words.append(", expected " + " and ".join(said))
        fused: list[Any] = []
        for word in words:
            if isinstance(word, str) and fused and isinstance(fused[-1], str):
                fused[-1] += word
            else:
                fused.append(word)
        blocked = FailStep(name=f"{self.name}-Register-Blocked", error_message=Join(on="", values=fused))
        return ConditionStep(
            name=f"{self.name}-Register-Gate", conditions=conditions, if_steps=[register], else_steps=[blocked]
        )


def closed(uri: Any) -> Any:
    """Return the address as that of a folder: without the `/` it takes what begins like it, too."""
    return Join(on="", values=[uri, "/"])


def cached(expiry: str = "P30D") -> CacheConfig:
    return CacheConfig(enable_caching=True, expire_after=expiry)
