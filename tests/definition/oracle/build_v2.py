"""The DAGs of `test_oracle.py`, built with version 2 of the SDK: `python -m tests.definition.oracle.build_v2 FOLDER CASE…`.

Runs inside the SDK's environment; FOLDER/<case> is the source directory. Writes FOLDER/definitions.json, by case.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.definition.oracle.aws import BUCKET, ROLE

from tests.definition.oracle.unit_v2 import MANIFEST, SESSION, Unit, closed  # isort: skip # it cuts the network
from tests.definition.oracle import build_calls, build_inference  # isort: skip
from tests.definition.oracle.steps_v2 import Several, analytics, checks, condition  # isort: skip

from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.instance_group import InstanceGroup
from sagemaker.network import NetworkConfig
from sagemaker.pytorch.estimator import PyTorch
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.workflow.functions import Join
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.workflow.steps import TrainingStep, TuningStep


def build(unit: Unit, steps: Sequence[Any], parameters: Sequence[Any] = (), *, prefixes: bool = False) -> Any:
    """Return the pipeline's definition; `prefixes` keeps the base names of jobs in it."""
    pipeline = Pipeline(
        name=unit.pipeline,
        steps=list(steps),
        parameters=[MANIFEST, unit.commit, *parameters],
        pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=prefixes),
        sagemaker_session=SESSION,
    )
    return json.loads(pipeline.definition())


def tiny(source: str, *, parameters: Sequence[Any] = (), prefixes: bool = False, **changes: Any) -> Any:
    unit = Unit(name="churn", pipeline="tiny", source=source, **changes)
    return build(unit, unit.steps(), parameters, prefixes=prefixes)


def purchase_intent(source: str) -> Any:
    name = "purchase-intent"
    unit = Unit(
        name=name,
        pipeline=name,
        source=source,
        image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        data=f"s3://{BUCKET}/purchase-intent/labelled/",
        channels=("train", "validation", "test", "batch"),
        transform_channel="batch",
        transform={"strategy": "MultiRecord"},
        hyperparameters={
            "learning_rate": 0.03,
            "num_leaves": 15,
            "min_data_in_leaf": 40,
            "n_estimators": 400,
            "early_stopping_rounds": 40,
            "seed": 17,
        },
        instance="ml.m5.large",
        volumes=(10, 10, 10),
        run_times=(3000, 1800, 3600),
        job_names={
            "preprocess": "purchase-intent-preprocess",
            "train": "purchase-intent-train",
            "evaluate": "purchase-intent-evaluate",
        },
        group=name,
        description="LightGBM on synthetic shopping sessions",
        content_types=("text/csv", "application/json"),
        realtime=("ml.t2.medium", "ml.m5.large"),
        transforms=("ml.m5.large",),
        bounds=[
            ("binary_classification_metrics.auc.value", 0.85, None),
            ("binary_classification_metrics.f1.value", 0.55, None),
        ],
    )
    return build(unit, unit.steps())


def chained_from_another_model(source: str) -> Any:
    unit = Unit(name="churn", pipeline="tiny", source=source, channels=("train", "test", "features"))
    steps = unit.steps()
    scorer = Estimator(
        image_uri="example.com/other:1",
        role=ROLE,
        instance_count=1,
        instance_type="ml.m5.2xlarge",
        volume_size=32,
        max_run=3000,
        output_path=unit.own("scorer-Train"),
        entry_point="train.py",
        source_dir=source,
        sagemaker_session=SESSION,
    )
    channels = {f"churn-Preprocess-{name}": TrainingInput(closed(unit.output(name))) for name in unit.channels}
    channels["churn-Train-train"] = TrainingInput(unit.train_step.properties.ModelArtifacts.S3ModelArtifacts)
    last = TrainingStep(name="scorer-Train", step_args=scorer.fit(channels), depends_on=[steps[-1]])
    return build(unit, [*steps, last])


def tuned(source: str) -> Any:
    unit = Unit(name="churn", pipeline="tiny", source=source)
    steps = unit.steps()

    def scorer(step: str) -> Any:
        return Estimator(
            image_uri="example.com/other:1",
            role=ROLE,
            instance_count=1,
            instance_type="ml.m5.2xlarge",
            volume_size=32,
            max_run=3000,
            output_path=unit.own(step),
            hyperparameters={"scale": 2, "depth": 3},
            entry_point="train.py",
            source_dir=source,
            sagemaker_session=SESSION,
        )

    tuner = HyperparameterTuner(
        scorer("scorer-Tune"),
        objective_metric_name="mean",
        objective_type="Minimize",
        metric_definitions=[{"Name": "mean", "Regex": "mean: ([0-9.]+)"}],
        hyperparameter_ranges={
            "scale": IntegerParameter(1, 9, scaling_type="Linear"),
            "rate": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic"),
            "count": CategoricalParameter([1, 2]),
        },
        strategy="Random",
        early_stopping_type="Auto",
        max_jobs=12,
        max_parallel_jobs=4,
        random_seed=17,
    )
    channels = {f"churn-Preprocess-{name}": TrainingInput(closed(unit.output(name))) for name in unit.channels}
    tune = TuningStep(name="scorer-Tune", step_args=tuner.fit(channels), depends_on=[steps[-1]])
    third = tune.get_top_model_s3_uri(top_k=2, s3_bucket=BUCKET, prefix="models")
    take = TrainingStep(
        name="scorer-Take", step_args=scorer("scorer-Take").fit({"scorer-Tune-train": TrainingInput(third)})
    )
    return build(unit, [*steps, tune, take])


def parameters(source: str) -> Any:
    scale = ParameterFloat(name="Scale", default_value=2.0)
    day = ParameterString(name="Day", default_value="2026-01-01")
    instances = ParameterInteger(name="Instances", default_value=1)
    return tiny(
        source,
        data=Join(on="", values=[f"s3://{BUCKET}/churn/", day, "/numbers.csv"]),
        hyperparameters={"scale": scale, "day": day},
        train_instances=instances,
        environment={"INSTANCES": instances.to_string(), "DAY": Join(on="", values=["day-", day])},
        parameters=[scale, day, instances],
    )


def chosen(source: str) -> Any:
    tier = ParameterString(name="Tier", default_value="small", enum_values=["small", "large"])
    return tiny(source, hyperparameters={"scale": 2, "tier": tier}, parameters=[tier])


def retries(source: str) -> Any:
    step_errors = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    job_errors = [
        SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
        SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
        SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT,
    ]
    capacity = [SageMakerJobExceptionTypeEnum.CAPACITY_ERROR]
    throttled = [StepExceptionTypeEnum.THROTTLING]
    return tiny(
        source,
        # The SDK has two classes of policies, so what is one policy with us is two with it.
        train_retries=[
            StepRetryPolicy(exception_types=step_errors, max_attempts=3),
            SageMakerJobStepRetryPolicy(exception_types=job_errors, max_attempts=3),
        ],
        transform_retries=[
            StepRetryPolicy(exception_types=throttled, interval_seconds=5, backoff_rate=1.5, expire_after_mins=30),
            SageMakerJobStepRetryPolicy(exception_types=capacity, max_attempts=2),
        ],
        register_retries=[StepRetryPolicy(exception_types=step_errors, max_attempts=4)],
    )


def network_key_and_tags(source: str) -> Any:
    return tiny(
        source,
        network=NetworkConfig(
            subnets=["subnet-1", "subnet-2"], security_group_ids=["sg-1"], encrypt_inter_container_traffic=True
        ),
        key="alias/k",
        tags={"team": "platform", "cost": "42"},
        train_tags={"team": "churn", "stage": "train"},
    )


def transform_keys(source: str) -> Any:
    return tiny(
        source,
        transform={
            "strategy": "SingleRecord",
            "max_payload": 6,
            "join_source": "Input",
            "input_filter": "$[1:]",
            "output_filter": "$[0,-1]",
            "content_type": "application/jsonlines",
            "accept": "application/json",
            "instance_count": 2,
        },
    )


def spot(source: str) -> Any:
    return tiny(
        source,
        hyperparameters={"scale": 2, "deep": [1, "a"], "on": True, "none": None, "text": 'a "b"', "rate": 1.0e-5},
        estimator={
            "use_spot_instances": True,
            "max_wait": 7200,
            "checkpoint_s3_uri": "s3://b/checkpoints",
            "model_uri": "s3://b/model.tar.gz",
        },
        input_modes={"train": "FastFile"},
    )


def _estimator(source: str, distribution: Any, **more: Any) -> Any:
    """Return the tiny model, trained by the SDK's PyTorch class: the general one knows of no distribution."""
    estimator = {"distribution": distribution, **more.pop("estimator", {})}
    return tiny(source, estimator_class=PyTorch, estimator=estimator, **more)


def spot_and_mpi(source: str) -> Any:
    return _estimator(
        source,
        {"mpi": {"enabled": True, "processes_per_host": 2, "custom_mpi_options": "--NCCL_DEBUG WARN -x LEVEL"}},
        estimator={
            "use_spot_instances": True,
            "max_wait": 7200,
            "checkpoint_s3_uri": "s3://local/points/",
            "checkpoint_local_path": "/opt/ml/points",
            "metric_definitions": [
                {"Name": "loss", "Regex": "loss: ([0-9.]+)"},
                {"Name": "rows", "Regex": "rows: ([0-9]+)"},
            ],
        },
    )


def instance_groups(source: str) -> Any:
    fast, cheap = InstanceGroup("fast", "ml.g5.xlarge", 2), InstanceGroup("cheap", "ml.c5.xlarge", 1)
    return _estimator(
        source,
        {"mpi": {"enabled": True}, "instance_groups": [fast]},
        estimator={"instance_groups": [cheap, fast]},
        train_inputs={"own": TrainingInput("s3://local/own.csv", instance_groups=["cheap"])},
        input_groups={"train": ["fast"]},
    )


def warm_pool(source: str) -> Any:
    return _estimator(
        source,
        {"torch_distributed": {"enabled": True}},
        train_instance="ml.p4d.24xlarge",
        train_instances=2,
        estimator={
            "keep_alive_period_in_seconds": 600,
            "metric_definitions": [{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
        },
    )


def data_parallel(source: str) -> Any:
    return _estimator(
        source,
        {"smdistributed": {"dataparallel": {"enabled": True}}},
        train_instance="ml.p4d.24xlarge",
        train_instances=2,
    )


def _several(source: str) -> Any:
    unit = Several(name="churn", pipeline="tiny", source=source)
    return build(unit, unit.steps())


def main(folder: str, *names: str) -> None:
    """Write the cases' definitions to `definitions.json`, because the SDK itself prints to stdout."""
    definitions = {name: CASES[name](str(Path(folder) / name)) for name in names}
    (Path(folder) / "definitions.json").write_text(json.dumps(definitions))


_NAMES = {"preprocess": "prepare", "train": "fit", "model": "mean", "transform": "score", "evaluate": "measure"}

CASES: dict[str, Callable[[str], Any]] = {
    "purchase-intent": purchase_intent,
    "chained-from-another-model": chained_from_another_model,
    "tuned": tuned,
    "a-file-in-each-channel": lambda source: tiny(
        source, train_inputs={"train": TrainingInput("s3://b/train.csv"), "test": TrainingInput("s3://b/test.csv")}
    ),
    "several-files-in-a-channel": lambda source: tiny(
        source, train_inputs={"train": TrainingInput("s3://local/manifest.json", s3_data_type="ManifestFile")}
    ),
    "spot": spot,
    "spot-and-mpi": spot_and_mpi,
    "instance-groups": instance_groups,
    "warm-pool-and-torchrun": warm_pool,
    "data-parallel": data_parallel,
    "entry-point-in-a-folder": lambda source: tiny(
        source, train_script="jobs/train.py", evaluate_script="jobs/deep/evaluate.py"
    ),
    "processing-keys": lambda source: tiny(
        source,
        processor={
            "max_runtime_in_seconds": 60,
            "volume_size_in_gb": 5,
            "instance_count": 2,
            "instance_type": "ml.c5.xlarge",
        },
        distribution="ShardedByS3Key",
        upload="Continuous",
    ),
    "variables-of-jobs": lambda source: tiny(
        source,
        environment={"LEVEL": "3", "NAME": "us-east-1-x", "ON": "true"},
        transform={"environment": {"A": "b"}},
        evaluate_environment={"A": "c"},
    ),
    "job-names": lambda source: tiny(source, job_names=_NAMES, prefixes=True),
    "cache-expiry": lambda source: tiny(source, train_expiry="P10D"),
    "parameters": parameters,
    "values-to-choose-from": chosen,
    "retries": retries,
    "gate": lambda source: tiny(
        source,
        bounds=[("regression_metrics.mae.value", None, 9.0), ("regression_metrics.r2.value", 0.5, 1.0)],
    ),
    "repack": lambda source: tiny(source, repack=True),
    "network-key-and-tags": network_key_and_tags,
    "transform-keys": transform_keys,
    "checks": lambda source: build(*checks(source)),
    "analytics": lambda source: build(*analytics(source)),
    "containers": _several,
    "condition": lambda source: build(*condition(source)),
    "calls": lambda _: json.loads(build_calls.build()),
    "inference": lambda _: json.loads(build_inference.build()),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
