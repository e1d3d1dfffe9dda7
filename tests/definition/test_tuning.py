"""Tunings in a conf: every key is used, what doesn't go together is said at its place, old confs are as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.conf.tuning import RangeSection, TuneSection
from pipeline_builder.dag.caching import always_cached
from pipeline_builder.documents.expressions import Expression, get
from pipeline_builder.documents.schema import known_keys
from pipeline_builder.errors import InputProblems
from tests.definition.cases import CASES, TUNE
from tests.definition.composing import compose_definition
from tests.tiny import CONF, variant

TRAIN = "        hyperparams: {scale: 2}\n"
OTHERWISE = ("max_runtime_in_seconds", "metric_definitions")
TUNING = ("step_class: Training", "step_class: Tuning")


def composed(folder: Path, conf: str) -> dict[str, Any]:
    """Return the steps by their names."""
    content = compose_definition(folder, conf).content
    return {step["Name"]: step for step in json.loads(content)["Steps"]}


def refused(folder: Path, *changes: tuple[str, str], tune: str = TUNE) -> list[str]:
    """Return the problems of the tiny model with a tuning, each as its place, id and message."""
    conf = variant((TRAIN, TRAIN + tune), TUNING, *changes)
    with pytest.raises(InputProblems) as caught:
        compose_definition(folder, conf)
    return [
        f"{problem.place.line if problem.place else 0} {problem.id} {problem.message}"
        for problem in caught.value.problems
    ]


def line(text: str, *changes: tuple[str, str], tune: str = TUNE) -> int:
    lines = variant((TRAIN, TRAIN + tune), TUNING, *changes).splitlines()
    return next(number for number, found in enumerate(lines, 1) if text in found)


def test_every_key_is_in_the_golden_definition() -> None:
    conf = CASES["tuning"].conf
    assert [key for key in known_keys(TuneSection) if f"{key}:" not in conf and key not in OTHERWISE] == []


def test_ranges_are_looked_at_by_themselves(tmp_path: Path) -> None:
    ranges = {
        "{min: 5, max: 1}": "PB204 the range ends before it begins: 'min' is 5, 'max' 1",
        "{min: 0, max: 1, scale: logarithmic}": "PB204 a logarithmic range has only values above 0, and 'min' is 0",
        "{min: 0.5, max: 1.5, scale: reverse_logarithmic}": "PB204 a reverse logarithmic range is continuous, from 0 on and below 1",
        "{min: 0.5, max: 2, type: integer}": "PB204 a range of integers has whole ends, and these are 0.5 and 2",
        "{min: 1}": "PB204 a range needs 'min' and 'max', or a list of values",
        "{min: 1, values: [1]}": "PB204 a range has either 'values', or 'min' and 'max' with 'type' and 'scale'",
        "[1, 1]": "PB204 the range has 1 twice",
        "{min: a, max: .nan}": "PB204 'min' is 'a', expected a number",
        "{min: $params.a, max: 9}": "PB204 an end of the range is known only when the pipeline runs, so that it needs a 'type'",
        "{min: 1, max: 1}": "PB204 the range has one value, 1: leave it out, and give the hyperparameter this value",
    }
    for number, (given, expected) in enumerate(ranges.items()):
        tune = TUNE.replace("{min: 1, max: 99}", given)
        found = refused(tmp_path / str(number), tune=tune)[:1]
        assert found == [f"{line('scale: ' + given, tune=tune)} {expected}"], given


def test_a_range_with_a_point_in_one_end_is_continuous_whatever_the_other_is() -> None:
    given = {"min": 0.5, "max": Expression(get("Parameters.a"))}
    assert RangeSection.model_validate(given).kind == "continuous"


def test_what_does_not_go_together_is_said_all_at_once(tmp_path: Path) -> None:
    tune = (
        "      tune:\n        objective: {metric: auc, type: maximize}\n        metrics: {aux: 'x=(.)'}\n"
        "        ranges:\n          scale: [one, two]\n          sagemaker_program: [a]\n          rate: {min: 0.1, max: 1}\n"
        "        strategy: grid\n        hyperband: {max_resource: 3}\n        max_jobs: 2\n        max_parallel_jobs: 4\n"
    )
    assert sorted(refused(tmp_path, tune=tune)) == sorted(
        [
            f"{line('metric: auc', tune=tune)} PB851 step 'churn-Train': nothing says how the objective 'auc' is found in the training's log",
            f"{line('scale: [one', tune=tune)} PB850 step 'churn-Train': the range of 'scale' has 'one', and the training has 2",
            f"{line('sagemaker_program', tune=tune)} PB850 step 'churn-Train': the hyperparameter 'sagemaker_program' is the toolkit's own and can't be varied",
            f"{line('rate:', tune=tune)} PB853 step 'churn-Train': the strategy 'grid' takes lists of values, and 'rate' has ends",
            f"{line('hyperband:', tune=tune)} PB853 step 'churn-Train': 'hyperband' is for that strategy, and this is 'grid'",
            f"{line('max_parallel_jobs', tune=tune)} PB855 step 'churn-Train': 4 trainings at once are more than the 2 that there are",
        ]
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("'mean: ([0-9.]+)'", "'x=[0-9]'"), "PB204 the expression 'x=[0-9]' has no group in it that is the number, such as ([0-9.]+)"),
        (("'mean: ([0-9.]+)'", "'auc: (['"), "PB204 the expression 'auc: ([' can't be read: unterminated character set at position 6"),
        (("max_jobs: 12\n", "strategy: random\n"), "PB855 step 'churn-Train': nothing says how many trainings the strategy 'random' may run"),
        (("max_jobs: 12\n", "max_jobs: 12\n        strategy: hyperband\n"), "PB853 step 'churn-Train': the strategy 'hyperband' has to know how many epochs there are at most"),
        (("      tune:\n", "      tune:\n        train: fit\n"), "PB857 step 'churn-Train': the section 'fit', which it varies, is not there"),
        (("      tune:\n", "      tune:\n        train: evaluate\n"), "PB857 step 'churn-Train': the section 'evaluate', which it varies, is not one for a Training step"),
        ((TRAIN, TRAIN + "        arguments: {DebugHookConfig: {S3OutputPath: s3://b/x}}\n"), "PB852 step 'churn-Train': the trainings of a tuning take no 'DebugHookConfig', which a training by itself does"),
        (("churn-CreateModel\n", "churn-CreateModel\n            top_k: 12\n"), "PB854 step 'churn-CreateModel': 'top_k' is 12, and 'churn-Train' trains 12 models, 0 to 11"),
        (("churn-Preprocess\n", "churn-Preprocess\n            top_k: 1\n"), "PB854 step 'churn-Preprocess': 'top_k' chooses a model of a tuning, and the step takes none of any"),
    ],
)  # fmt: skip
def test_single_faults(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    assert [found.partition(" ")[2] for found in refused(tmp_path, change)] == [expected]


def test_a_tuning_without_any_section_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(
        InputProblems, match="PB311 .*needs the section 'tune' of the model 'churn', or its whole request"
    ):
        compose_definition(tmp_path, variant(TUNING))


def test_a_whole_request_in_arguments_stays_what_it_is(tmp_path: Path) -> None:
    raw = (
        "          - step_name: churn-Raw\n            step_class: Tuning\n            arguments:\n"
        "              HyperParameterTuningJobConfig:\n                Strategy: Random\n"
        "                HyperParameterTuningJobObjective: {Type: Minimize, MetricName: m}\n"
        "                ResourceLimits: {MaxNumberOfTrainingJobs: 2, MaxParallelTrainingJobs: 1}\n"
        "              TrainingJobDefinition:\n"
        "                AlgorithmSpecification: {TrainingImage: 'i:1', TrainingInputMode: File}\n"
        "                OutputDataConfig: {S3OutputPath: s3://b/m}\n"
        "                ResourceConfig: {InstanceCount: 1, InstanceType: ml.m5.large, VolumeSizeInGB: 1}\n"
        "                StoppingCondition: {MaxRuntimeInSeconds: 60}\n"
    )
    last = "          - step_name: churn-CreateModel\n"
    steps = composed(tmp_path, variant((last, raw + last)))
    assert steps["churn-Raw"]["Arguments"].keys() == {"HyperParameterTuningJobConfig", "TrainingJobDefinition"}
    model = steps["churn-CreateModel"]["Arguments"]["PrimaryContainer"]["ModelDataUrl"]
    assert model == {"Get": "Steps.churn-Train.ModelArtifacts.S3ModelArtifacts"}  # the unit's training, as ever


def test_the_last_that_trains_gives_the_model(tmp_path: Path) -> None:
    more = "          - step_name: churn-Tune\n            step_class: Tuning\n            chain_input_source_step: [churn-Train]\n"
    last = "          - step_name: churn-CreateModel\n"
    steps = composed(tmp_path, variant((TRAIN, TRAIN + TUNE), (last, more + last)))
    url = steps["churn-CreateModel"]["Arguments"]["PrimaryContainer"]["ModelDataUrl"]
    assert url["Std:Join"]["Values"][1] == {"Get": "Steps.churn-Tune.BestTrainingJob.TrainingJobName"}
    channels = steps["churn-Tune"]["Arguments"]["TrainingJobDefinition"]["InputDataConfig"]
    assert [channel["ChannelName"] for channel in channels] == ["churn-Train-train"]


def test_a_cached_tuning_carries_the_generation_where_it_is_compared(tmp_path: Path) -> None:
    content = compose_definition(tmp_path, variant((TRAIN, TRAIN + TUNE), TUNING)).content
    steps = {step["Name"]: step for step in json.loads(content)["Steps"]}
    static = steps["churn-Train"]["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static["sagemaker_smp_cache_generation"] == {"Get": "Parameters.CacheGeneration"}
    assert "churn-Train" not in always_cached(content)


def test_confs_without_a_tuning_have_no_new_key_in_them(tmp_path: Path) -> None:
    assert "Tuning" not in compose_definition(tmp_path, CONF).content.decode()
