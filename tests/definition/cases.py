"""Small configurations, one for each part of the language: the tiny model with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.definition.machine_cases import GROUPS, PARALLEL, POOL, SPOT, TRACKED
from tests.definition.step_cases import ANALYTICS, CHECKS, CONDITION, CONTAINERS
from tests.tiny import CONF, variant

_TRAIN = "        hyperparams: {scale: 2}\n"
_INPUT = "              - sourceName: raw_data\n                fileName: s3://SMP_S3BUCKETNAME/churn/numbers.csv\n"
_PIPELINE = "    pipelineName: tiny\n"
_REGISTRY = '        ModelRepack: "False"\n'
_LAST = "          - step_name: churn-Register\n            step_class: RegisterModel\n"


@dataclass(frozen=True)
class Case:
    """A conf, the values of its placeholders, the framework's tags, and files that its source directory has besides."""

    conf: str
    values: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def train(more: str) -> str:
    """Return the conf with more keys in its train section."""
    return variant((_TRAIN, _TRAIN + more))


def _files(count: int) -> str:
    return "".join(
        f"              - sourceName: part{n}\n                fileName: s3://local/parts/{n}.csv\n"
        for n in range(count)
    )


_SECOND = """\
    scorer:
      source_directory: churn/scripts
      train:
        image_uri: example.com/other:1
        entry_point: train.py
"""

_CALLS = """\
      lambda:
        entry_point: ask.py
        handler: ask
        inputs:
          day: $params.Day
          rows: {Get: "Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}
        outputs: {fresh: Boolean, rows: Integer}
        environment: {MODE: fast}
        timeout: 30
      notify:
        function: arn:aws:lambda:eu-central-1:000000000000:function:notify
        inputs: {fresh: {Get: "Steps.churn-Ask.OutputParameters['fresh']"}}
      callback:
        inputs: {model: churn}
        outputs: {approved: Boolean, share: Float, by: String}
        timeout: 3600
"""
_CALL_STEPS = """\
          - step_name: churn-Ask
            step_class: Lambda
            enable_cache: true
          - step_name: churn-Wait
            step_class: Callback
            chain_input_source_step: [churn-Ask, churn-Preprocess]
          - step_name: churn-Notify
            step_class: Lambda
            step_type: notify
            depends_on: churn-Wait
          - step_name: churn-Raw
            step_class: Lambda
            depends_on: churn-Notify
            arguments:
              FunctionArn: arn:aws:lambda:eu-central-1:000000000000:function:raw
              OutputParameters: [{OutputName: a, OutputType: String}]
              x: 1
"""
_HANDLER = "def ask(event, context):\n    return {'fresh': True, 'rows': 3}\n"
TUNE = """\
      tune:
        objective: {metric: mean, type: minimize, regex: 'mean: ([0-9.]+)'}
        ranges:
          scale: {min: 1, max: 99}
        max_jobs: 12
        max_parallel_jobs: 4
"""
_TUNING = ("step_class: Training", "step_class: Tuning")

CASES: dict[str, Case] = {
    "lambda-and-callback": Case(
        variant(
            ("  sagemakerPipeline:\n", _CALLS + "  sagemakerPipeline:\n"),
            (_LAST, _LAST + _CALL_STEPS),
            (_PIPELINE, _PIPELINE + "    parameters: [{name: Day, default: monday}]\n"),
        ),
        files={"ask.py": _HANDLER},
    ),
    "a-file-in-each-channel": Case(
        train(
            "        channels:\n"
            "          train: {dataFiles: [{sourceName: a, fileName: s3://b/train.csv}]}\n"
            "          test: {dataFiles: [{sourceName: b, fileName: s3://b/test.csv}]}\n"
        )
    ),
    "cached-by-data": Case(
        variant(
            (
                _INPUT + "          test:\n",
                _INPUT + "          test:\n        cache: {data: true}\n        env: {MODE: fast}\n",
            )
        )
    ),
    "several-files-in-a-channel": Case(
        train(
            "        channels:\n          train:\n            dataFiles:\n"
            "              - {sourceName: a, fileName: s3://b/2025/train.csv}\n"
            "              - {sourceName: b, fileName: s3://b/2026/train.csv}\n"
        )
    ),
    "files-by-bucket-and-prefix": Case(
        variant(
            (
                _INPUT,
                "              - {sourceName: raw_data, fileName: numbers.csv}\n"
                "              - {sourceName: deep, fileName: /a/b.csv}\n"
                "            s3BucketName: SMP_S3BUCKETNAME\n            s3InputPrefix: /churn/data/\n",
            )
        )
    ),
    "channels-in-three-forms": Case(
        variant(
            ("          test:\n", "          test: {}\n          holdout:\n"),
            (_TRAIN, _TRAIN + "        channels: labels\n"),
        )
    ),
    "seven-inputs": Case(variant((_INPUT, _files(7)))),
    "more-inputs-than-a-job-takes": Case(variant((_INPUT, _files(12)))),
    "where-files-arrive": Case(
        variant(
            (
                "        entry_point: preprocess.py\n",
                "        entry_point: preprocess.py\n        inputLocalFilepath: /opt/ml/processing/in\n"
                "        location: {outputLocalFilepath: /opt/ml/processing/out}\n",
            ),
            (
                "        channels: predictions\n",
                "        channels:\n          predictions:\n            s3BucketName: reports\n            bucket_prefix: churn/metrics\n"
                "            InputLocalFilepath: /opt/ml/processing/labels\n            dataFiles:\n"
                "              - {sourceName: labels, fileName: s3://reports/labels.csv}\n",
            ),
        )
    ),
    "variables-of-jobs": Case(
        variant(
            (_TRAIN, _TRAIN + "        env: {LEVEL: 3, NAME: SMP_REGION-x, ON: true}\n"),
            ("        split_type: Line\n", "        split_type: Line\n        env: {A: b}\n"),
            ("        channels: predictions\n", "        channels: predictions\n        env: {A: c}\n"),
        )
    ),
    "transform-keys": Case(
        variant(
            (
                "        split_type: Line\n",
                "        split_type: Line\n        strategy: SingleRecord\n        max_payload: 6\n        join_source: Input\n"
                "        input_filter: $[1:]\n        output_filter: $[0,-1]\n        content_type: application/jsonlines\n"
                "        accept: application/json\n        instance_count: 2\n        base_job_name: score\n",
            )
        )
    ),
    "processing-keys": Case(
        variant(
            (
                "        entry_point: preprocess.py\n",
                "        entry_point: preprocess.py\n        s3_data_distribution_type: ShardedByS3Key\n        s3_input_mode: File\n"
                "        s3_upload_mode: Continuous\n        max_runtime_in_seconds: 60\n        volume_size: 5\n"
                "        instance_count: 2\n        instance_type: ml.c5.xlarge\n        base_job_name: prepare\n",
            )
        )
    ),
    "cache-expiry": Case(train("        cache: {expire_after: P10D}\n")),
    "group-and-approval": Case(
        variant(
            (
                _REGISTRY,
                _REGISTRY
                + "        ModelPackageGroupName: churn-models\n        ModelPackageGroupDescription: who leaves\n"
                "        ModelPackageDescription: a mean\n        ModelApprovalStatus: Approved\n",
            ),
            (
                "          image_uri: example.com/tiny:1\n",
                "          image_uri: example.com/tiny:1\n          SupportedContentTypes: text/csv\n"
                "          supported_response_MIME_types: [text/csv]\n          SupportedTransformInstanceType: ml.m5.large\n"
                "          SupportedRealtimeInferenceInstanceType: [ml.t2.medium]\n",
            ),
        )
    ),
    "network-key-and-tags": Case(
        train("        tags: {team: churn, stage: train}\n"),
        values={"SMP_SUBNETS": "subnet-1, subnet-2", "SMP_SECURITYGROUPS": " sg-1", "SMP_KMSKEY": "alias/k"},
        tags={"team": "platform", "cost": "42"},
    ),
    "repack": Case(variant(('ModelRepack: "False"', 'ModelRepack: "True"'))),
    "gate": Case(
        variant(
            (
                "      registry:\n",
                "      gate:\n        - {metric: regression_metrics.mae.value, max: 9}\n"
                "        - {metric: regression_metrics.r2.value, min: 0.5, max: 1, max_regression: 2%, better: higher}\n"
                "      registry:\n",
            )
        )
    ),
    "parameters": Case(
        variant(
            (
                _PIPELINE,
                _PIPELINE + "    parameters:\n      - {name: Scale, type: Float, default: 2}\n"
                "      - {name: Day, default: '2026-01-01'}\n      - {name: Instances, type: Integer, default: 1}\n",
            ),
            (
                _TRAIN,
                "        hyperparams: {scale: $params.Scale, day: $params.Day}\n        instance_count: $params.Instances\n"
                "        env: {INSTANCES: $params.Instances, DAY: day-$params.Day}\n",
            ),
            ("s3://SMP_S3BUCKETNAME/churn/numbers.csv", "s3://SMP_S3BUCKETNAME/churn/$params.Day/numbers.csv"),
        )
    ),
    "values-to-choose-from": Case(
        variant(
            (
                _PIPELINE,
                _PIPELINE + "    parameters:\n      - {name: Tier, default: small, values: [small, large],"
                " description: how much is trained}\n",
            ),
            (_TRAIN, "        hyperparams: {scale: 2, tier: $params.Tier}\n"),
        )
    ),
    "functions-in-values": Case(
        train(
            "        output_path: {'Std:Join': {'On': /, Values: [s3://b, {Get: Execution.PipelineExecutionId}]}}\n"
            "        env: {RUN: {Get: Execution.PipelineExecutionId}}\n"
        )
    ),
    "retries": Case(
        variant(
            (_TRAIN, _TRAIN + "        retry: 3\n"),
            (
                "        split_type: Line\n",
                "        split_type: Line\n        retry:\n"
                "          - {exceptions: Step.THROTTLING, interval_seconds: 5, backoff_rate: 1.5, expire_after_minutes: 30}\n"
                "          - {exceptions: [SageMaker.CAPACITY_ERROR], max_attempts: 2}\n",
            ),
            (_REGISTRY, _REGISTRY + "        retry: {max_attempts: 4}\n"),
        )
    ),
    "arguments": Case(
        variant(
            (
                _TRAIN,
                _TRAIN + "        arguments:\n          EnableManagedSpotTraining: true\n"
                "          CheckpointConfig: {S3Uri: s3://b/checkpoints}\n"
                "          StoppingCondition: {MaxWaitTimeInSeconds: 7200}\n"
                "          InputDataConfig:\n            - {ChannelName: churn-Preprocess-train, InputMode: FastFile}\n",
            ),
            (
                "            step_class: CreateModel\n",
                "            step_class: CreateModel\n            arguments: {EnableNetworkIsolation: true}\n",
            ),
        )
    ),
    "two-trainings": Case(
        variant(
            (
                "      train:\n        image",
                "      pretrain:\n        image_uri: example.com/tiny:1\n        entry_point: pretrain.py\n"
                "      train:\n        image",
            ),
            (
                "          - step_name: churn-CreateModel\n",
                "          - step_name: churn-Pretrain\n            step_class: Training\n            step_type: pretrain\n"
                "            chain_input_source_step: churn-Preprocess\n          - step_name: churn-CreateModel\n",
            ),
            (
                "            chain_input_source_step: [churn-Preprocess]\n",
                "            chain_input_source_step: [churn-Preprocess, churn-Pretrain]\n",
            ),
        ),
        files={"pretrain.py": ""},
    ),
    "entry-point-in-a-folder": Case(
        variant(
            ("entry_point: train.py", "entry_point: jobs/train.py"),
            ("entry_point: evaluate.py", "entry_point: jobs/deep/evaluate.py"),
        ),
        files={"jobs/train.py": "import shared\n", "jobs/deep/evaluate.py": "import shared\n", "shared.py": "X = 1\n"},
    ),
    "requirements": Case(CONF, files={"requirements.txt": "six\n"}),
    "chained-from-another-model": Case(
        variant(
            ("          test:\n", "          test:\n          features:\n"),
            ("  sagemakerPipeline:\n", _SECOND + "  sagemakerPipeline:\n"),
            (
                _LAST,
                _LAST
                + "      scorer:\n        steps:\n          - step_name: scorer-Train\n            step_class: Training\n"
                "            chain_input_source_step: [churn-Preprocess, churn-Train]\n",
            ),
            (_PIPELINE, _PIPELINE + "    dependencies: 'churn-Register>>scorer-Train'\n"),
        )
    ),
    "condition": Case(CONDITION),
    "checks": Case(CHECKS),
    "analytics": Case(ANALYTICS),
    "containers": Case(CONTAINERS, files={"scale.py": "", "scaler.py": ""}),
    "spot-and-mpi": Case(SPOT),
    "instance-groups": Case(GROUPS),
    "warm-pool-and-torchrun": Case(POOL),
    "data-parallel": Case(PARALLEL),
    "tracked-and-installed": Case(TRACKED, files={"requirements.txt": "six\n"}),
    "tuning": Case(
        variant(
            (
                _TRAIN,
                "        hyperparams: {scale: 2, deep: [1], kind: fast}\n        tags: {stage: train}\n"
                "        arguments: {EnableManagedSpotTraining: true, StoppingCondition: {MaxWaitTimeInSeconds: 7200}}\n"
                "      tune:\n"
                "        objective: {metric: mean, type: Maximize, regex: 'mean: ([0-9.]+)'}\n"
                "        metrics: {rows: 'rows: ([0-9]+)'}\n"
                "        ranges:\n"
                "          scale: {min: 1, max: 9, scale: linear}\n"
                "          rate: {min: 0.001, max: $params.Most, scale: Logarithmic}\n"
                "          share: {min: 0, max: 0.9, type: continuous, scale: ReverseLogarithmic}\n"
                "          kind: [fast, 'slow']\n"
                "          layers: {values: [1, 2.5, true]}\n"
                "        strategy: Hyperband\n"
                "        hyperband: {min_resource: 1, max_resource: 9}\n"
                "        max_jobs: 12\n        max_parallel_jobs: 4\n        max_runtime_seconds: 86400\n"
                "        complete: {target: 0.95, not_improving: 5, convergence: true}\n"
                "        warm_start: {parents: [churn-before, {Get: Steps.churn-Tune.HyperParameterTuningJobName}], type: transfer}\n"
                "        seed: 17\n        base_job_name: churn\n        tags: {team: churn}\n"
                "        cache: {expire_after: P10D}\n        retry: 2\n"
                "        arguments: {TrainingJobDefinition: {RetryStrategy: {MaximumRetryAttempts: 2}}}\n"
                "      first:\n"
                "        train: train\n"
                "        objective: {metric: mean, type: minimize, regex: 'mean: ([0-9.]+)'}\n"
                "        ranges: {kind: [fast, slow]}\n"
                "        strategy: grid\n"
                "        early_stopping: true\n",
            ),
            _TUNING,
            (
                "          - step_name: churn-CreateModel\n",
                "          - step_name: churn-Tune\n            step_class: Tuning\n            step_type: first\n"
                "            chain_input_source_step: churn-Preprocess\n          - step_name: churn-CreateModel\n",
            ),
            (_PIPELINE, _PIPELINE + "    parameters: [{name: Most, type: Float, default: 0.3}]\n"),
        )
    ),
    "second-best-of-a-tuning": Case(
        variant(
            (_TRAIN, _TRAIN + "        output_path: s3://models/churn/\n" + TUNE),
            _TUNING,
            (_REGISTRY, ""),
            (
                "          - step_name: churn-CreateModel\n            step_class: CreateModel\n",
                "          - step_name: churn-CreateModel\n            step_class: CreateModel\n            top_k: 1\n",
            ),
            (
                "[churn-Transform, churn-Preprocess]",
                "[churn-Transform, churn-Preprocess, churn-Train]\n            top_k: 0",
            ),
        )
    ),
}
