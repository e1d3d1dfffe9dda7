"""Tuning steps: CreateHyperParameterTuningJob around the training job of a section, which it varies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import TrainSection
from pipeline_builder.conf.tuning import RangeSection, TuneSection
from pipeline_builder.definition.steps.context import Context, Mapped, cache_config, tag_list, without_empty
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.definition.steps.training import compose_training
from pipeline_builder.definition.steps.tuning_rules import check_tuning
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.expressions import Expression
from pipeline_builder.documents.members import items_of, member_at
from pipeline_builder.errors import InputProblems, Problem

_STRATEGIES = {"bayesian": "Bayesian", "random": "Random", "grid": "Grid", "hyperband": "Hyperband"}
_SCALES = {
    "auto": "Auto",
    "linear": "Linear",
    "logarithmic": "Logarithmic",
    "reverse_logarithmic": "ReverseLogarithmic",
}
_WARM = {"identical": "IdenticalDataAndAlgorithm", "transfer": "TransferLearning"}
_RANGES = {"integer": "IntegerParameterRanges", "continuous": "ContinuousParameterRanges",
           "categorical": "CategoricalParameterRanges"}  # fmt: skip
# What the job and not each of its trainings has.
_OF_THE_JOB = ("TrainingJobName", "HyperParameters", "Tags")
# What a training of a tuning can have of a training by itself [HyperParameterTrainingJobDefinition].
_TAKEN = (
    "AlgorithmSpecification", "CheckpointConfig", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "EnableNetworkIsolation", "Environment", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "RetryStrategy",
    "RoleArn", "StoppingCondition", "VpcConfig",
)  # fmt: skip
_ALGORITHM = ("AlgorithmName", "MetricDefinitions", "TrainingImage", "TrainingInputMode")


def compose_tuning(context: Context, step: Step) -> Mapped:
    """Return the step: the training's request without what is varied, the ranges, the objective and the limits.

    Raises:
        InputProblems: PB850, PB851, PB853, PB855 of `check_tuning`, PB852 for what no training of a tuning takes.
    """
    tune, job = step.tune, step.job
    assert tune is not None
    assert isinstance(job, TrainSection)
    training = merge(compose_training(context, step)["Arguments"], job.arguments)
    assert isinstance(training, dict)
    if "MlflowConfig" not in job.arguments:  # its trainings find the server by their variables alone
        training.pop("MlflowConfig", None)
    metrics = _metrics(tune, training)
    problems = [
        *check_tuning(step, tune, job, [str(member_at(m, ("Name",))) for m in metrics]),
        *_not_taken(step, training),
    ]
    if problems:
        raise InputProblems(*problems)
    request: Mapped = {
        "HyperParameterTuningJobName": tune.base_job_name,
        "HyperParameterTuningJobConfig": _config(context, tune),
        "TrainingJobDefinition": _definition(training, tune, metrics),
        "WarmStartConfig": _warm_start(tune),
        "Tags": tag_list(context, {**job.tags, **tune.tags}),
    }
    return {"Type": "Tuning", "Arguments": without_empty(request), **cache_config(step)}


def _definition(training: Mapped, tune: TuneSection, metrics: list[JSON]) -> Mapped:
    """Return the training's request as each of the trainings has it, what is varied left out."""
    given = training.get("HyperParameters")
    static = (
        {name: value for name, value in given.items() if name not in tune.ranges} if isinstance(given, dict) else {}
    )
    algorithm = training.get("AlgorithmSpecification")
    assert isinstance(algorithm, dict)
    return without_empty(
        {
            **{name: value for name, value in training.items() if name not in _OF_THE_JOB},
            "AlgorithmSpecification": {**algorithm, "MetricDefinitions": metrics},
            "StaticHyperParameters": static,
        }
    )


def _metrics(tune: TuneSection, training: Mapped) -> list[JSON]:
    """Return the metric definitions: the training's own, and over them those of the tuning."""
    own = items_of(training.get("AlgorithmSpecification"), "MetricDefinitions")
    found = {str(member_at(item, ("Name",))): member_at(item, ("Regex",)) for item in own}
    found |= tune.metrics
    if tune.objective.regex:
        found[tune.objective.metric] = tune.objective.regex
    return [{"Name": name, "Regex": regex} for name, regex in found.items()]


def _config(context: Context, tune: TuneSection) -> Mapped:
    limits: Mapped = {
        "MaxNumberOfTrainingJobs": tune.max_jobs,
        "MaxParallelTrainingJobs": tune.max_parallel_jobs,
        "MaxRuntimeInSeconds": tune.max_runtime,
    }
    config: Mapped = {
        "Strategy": _STRATEGIES[tune.strategy],
        "StrategyConfig": _strategy(tune),
        "HyperParameterTuningJobObjective": {
            "Type": tune.objective.type.capitalize(),
            "MetricName": tune.objective.metric,
        },
        "ResourceLimits": without_empty(limits),
        "ParameterRanges": _ranges(context, tune.ranges),
        "TrainingJobEarlyStoppingType": "Auto" if tune.early_stopping else "Off",
        "TuningJobCompletionCriteria": _completion(tune),
        "RandomSeed": tune.seed,
    }
    return without_empty(config)


def _strategy(tune: TuneSection) -> Mapped:
    if tune.hyperband is None:
        return {}
    epochs = without_empty({"MinResource": tune.hyperband.min_resource, "MaxResource": tune.hyperband.max_resource})
    return {"HyperbandStrategyConfig": epochs}


def _completion(tune: TuneSection) -> Mapped:
    wanted = tune.complete
    found: Mapped = {"TargetObjectiveMetricValue": wanted.target}
    if wanted.not_improving is not None:
        found["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": wanted.not_improving}
    if wanted.convergence:
        found["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
    return {name: value for name, value in found.items() if value is not None}


def _ranges(context: Context, ranges: Mapping[str, RangeSection]) -> Mapped:
    found: dict[str, list[JSON]] = {}
    for name, given in sorted(ranges.items()):
        entry: Mapped = {"Name": name}
        if given.kind == "categorical":
            entry["Values"] = [_encoded(context, value) for value in given.values]
        else:
            whole = given.kind == "integer"
            entry |= {"MinValue": _number(context, given.min, whole), "MaxValue": _number(context, given.max, whole)}
            entry["ScalingType"] = _SCALES[given.scale]
        found.setdefault(_RANGES[given.kind], []).append(entry)
    return {key: found[key] for key in _RANGES.values() if key in found}


def _encoded(context: Context, value: JSON) -> JSON:
    """A category is written as a hyperparameter is: the toolkit reads it as JSON, so that 1 is none of "1"."""
    return context.text(value) if isinstance(value, Expression) else json.dumps(value, ensure_ascii=False)


def _number(context: Context, value: JSON, whole: bool) -> JSON:
    if isinstance(value, Expression):
        return context.text(value)
    assert isinstance(value, int | float)
    return str(int(value)) if whole else str(value)


def _warm_start(tune: TuneSection) -> Mapped:
    if tune.warm_start is None:
        return {}
    parents: list[JSON] = [{"HyperParameterTuningJobName": name} for name in tune.warm_start.parents]
    return {"ParentHyperParameterTuningJobs": parents, "WarmStartType": _WARM[tune.warm_start.type]}


def _not_taken(step: Step, training: Mapped) -> Iterator[Problem]:
    """Members that `arguments` of the training's section add and that a tuning has no place for."""
    algorithm = training.get("AlgorithmSpecification")
    inner = (
        [("AlgorithmSpecification", name) for name in algorithm if name not in _ALGORITHM]
        if isinstance(algorithm, dict)
        else []
    )
    outer = [(name,) for name in training if name not in (*_TAKEN, *_OF_THE_JOB)]
    for path in (*outer, *inner):
        message = (
            f"step '{step.name}': the trainings of a tuning take no '{'.'.join(path)}', which a training by itself does"
        )
        place = step.section_place("arguments", *path)
        hint = "take it out, or write a section of its own for the tuning's trainings and name it as 'train'"
        yield Problem(id="PB852", message=message, place=place, hint=hint)
