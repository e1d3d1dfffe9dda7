"""Tuning jobs of the engine: which trials run, with which values, what is told of them, and what is done again."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ExecutionStatus, StepStatus
from pipeline_builder.engine.jobs.early import Early
from pipeline_builder.engine.jobs.optimiser import REQUIREMENTS
from pipeline_builder.engine.jobs.records import (
    ENGINE_ENDED,
    JobRecord,
    close_trials,
    find_job,
    jobs_like,
    list_jobs,
    put_job,
    reopen_job,
)
from pipeline_builder.engine.jobs.trial_records import KIND, ended_before, parents_of
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.run import follow, start
from tests.engine.definitions import CACHED, definition, run, script, target, tuning
from tests.engine.environments import share_made, shared_environment
from tests.forking import fork
from tests.places import ROOT

X = {"x": (0.0, 10.0)}
SQUARE = "say((float(hp['x']) - 3) ** 2)"
GET = {"Get": "Steps.tune.BestTrainingJob.TrainingJobName"}


def trials(folder: Path) -> tuple[JobRecord, ...]:
    return tuple(reversed(list_jobs(State(folder / "state" / "state.db"), "training-job")))


def tuned(folder: Path, step: str = "tune") -> JobRecord:
    return jobs_like(State(folder / "state" / "state.db"), "hyper-parameter-tuning-job", "%", step)[-1]


def values(jobs: tuple[JobRecord, ...], name: str = "x") -> list[str]:
    return [job.request["HyperParameters"][name] for job in jobs]


@pytest.mark.long
def test_the_best_of_a_grid_is_what_others_refer_to(tmp_path: Path) -> None:
    after = script("after", "true", inputs={})
    after["Arguments"]["Environment"] = {
        "BEST": GET,
        "LAST": {"Get": "Steps.tune.TrainingJobSummaries[3].TrainingJobName"},
        "VALUE": {"Get": "Steps.tune.BestTrainingJob.TunedHyperParameters['x']"},
    }
    step = tuning("tune", "say(int(hp['x']) + (0 if hp['y'] == 'b' else 10))", {"x": ["2", "1"], "y": ["a", "b"]},
                  strategy="Grid", jobs=None)  # fmt: skip
    _, ended, states = run(target(tmp_path), definition(step, after))
    assert ended.status is ExecutionStatus.SUCCEEDED, states["tune"].failure_reason
    by_values = {
        (job.request["HyperParameters"]["x"], job.request["HyperParameters"]["y"]): job for job in trials(tmp_path)
    }
    assert by_values.keys() == {("2", "a"), ("2", "b"), ("1", "a"), ("1", "b")}
    tuned_job = tuned(tmp_path)
    best = tuned_job.result["BestTrainingJob"]
    assert best["TrainingJobName"] == by_values["1", "b"].name
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Minimize",
        "MetricName": "loss",
        "Value": 1.0,
    }
    ranked = [summary["TrainingJobName"] for summary in tuned_job.result["TrainingJobSummaries"]]
    assert ranked == [by_values[key].name for key in (("1", "b"), ("2", "b"), ("1", "a"), ("2", "a"))]
    assert tuned_job.result["TrainingJobStatusCounters"]["Completed"] == 4
    state = State(tmp_path / "state" / "state.db")
    environment = list_jobs(state, "processing-job")[0].request["Environment"]
    assert environment == {"BEST": best["TrainingJobName"], "LAST": ranked[3], "VALUE": "1"}
    assert states["tune"].metadata["TuningJob"] == tuned_job.arn
    assert [trial["TrainingJobName"] for trial in json.loads(states["tune"].metadata["Trials"])] == ranked


def test_names_are_as_the_service_makes_them(tmp_path: Path) -> None:
    step = tuning("a-step-with-quite-a-long-name-that-goes-on", SQUARE, X, jobs=1)
    run(target(tmp_path), definition(step))
    job = tuned(tmp_path, "a-step%")
    assert len(job.name) <= 32
    assert trials(tmp_path)[0].name.startswith(f"{job.name}-000-")
    assert trials(tmp_path)[0].request["HyperParameters"]["_tuning_objective_metric"] == "loss"


@pytest.mark.long
def test_the_same_seed_draws_the_same_values(tmp_path: Path) -> None:
    ranges = {"x": (0.0, 1.0), "n": (1, 50), "c": ["a", "b"]}
    found = []
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        folder = tmp_path / name
        run(target(folder), definition(tuning("tune", "say(1)", ranges, jobs=3, RandomSeed=seed)))
        jobs = sorted(trials(folder), key=lambda job: job.step)
        found.append([{key: job.request["HyperParameters"][key] for key in ranges} for job in jobs])
    assert found[0] == found[1] != found[2]


@pytest.mark.long
def test_failed_trials_count_and_the_rest_decides(tmp_path: Path) -> None:
    step = tuning(
        "tune", "assert hp['x'] != '1', 'no'\nsay(hp['x'])", {"x": ["3", "1", "2"]}, strategy="Grid", jobs=None
    )
    _, ended, states = run(target(tmp_path), definition(step))
    assert ended.status is ExecutionStatus.SUCCEEDED, states["tune"].failure_reason
    result = tuned(tmp_path).result
    assert result["TrainingJobStatusCounters"] == {
        "Completed": 2, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0,
    }  # fmt: skip
    assert result["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    assert [summary["ObjectiveStatus"] for summary in result["TrainingJobSummaries"]] == [
        "Succeeded",
        "Succeeded",
        "Failed",
    ]
    assert result["BestTrainingJob"]["TunedHyperParameters"] == {"x": "2"}


@pytest.mark.long
def test_where_five_fail_and_none_succeeds_it_is_given_up(tmp_path: Path) -> None:
    _, _, states = run(target(tmp_path), definition(tuning("tune", "assert 0, 'broken data'", X, jobs=20, parallel=1)))
    assert states["tune"].status is StepStatus.FAILED
    assert states["tune"].failure_reason.startswith(
        "No training job succeeded after 5 attempts. Please take a look at the training job failures"
    )
    assert "broken data" in states["tune"].failure_reason
    assert len(trials(tmp_path)) == 5


@pytest.mark.long
def test_trainings_that_never_say_the_objective_are_no_success(tmp_path: Path) -> None:
    _, _, states = run(target(tmp_path), definition(tuning("tune", "print('accuracy 1')", X, jobs=2)))
    assert states["tune"].failure_reason.startswith("No objective metrics found after running 2 training jobs.")


@pytest.mark.long
def test_a_target_and_a_lack_of_improvement_end_it(tmp_path: Path) -> None:
    grid = {"x": ["9", "5", "8", "8", "8", "1", "1"]}
    few: dict[str, Any] = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 5.0}}
    run(
        target(tmp_path / "a"),
        definition(tuning("tune", "say(hp['x'])", grid, strategy="Grid", parallel=1, jobs=7, **few)),
    )
    assert values(trials(tmp_path / "a")) == ["9", "5"]
    idle: dict[str, Any] = {
        "TuningJobCompletionCriteria": {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    }
    run(
        target(tmp_path / "b"),
        definition(tuning("tune", "say(hp['x'])", grid, strategy="Grid", parallel=1, jobs=7, **idle)),
    )
    assert values(trials(tmp_path / "b")) == ["9", "5", "8", "8", "8"]


@pytest.mark.long
def test_a_cached_tuning_runs_no_trial_and_its_best_model_is_still_found(tmp_path: Path) -> None:
    content = definition(
        {**tuning("tune", "open('/opt/ml/model/m', 'w').write(hp['x'])\n" + SQUARE, X, jobs=2), **CACHED}
    )
    local = target(tmp_path)
    run(local, content)
    _, _, states = run(local, content, again=True)
    assert states["tune"].cache_hit
    assert len(trials(tmp_path)) == 2
    other = definition(
        {**tuning("tune", "open('/opt/ml/model/m', 'w').write(hp['x'])\n" + SQUARE, X, jobs=3), **CACHED}
    )
    _, _, states = run(local, other)
    assert not states["tune"].cache_hit


@pytest.mark.long
def test_tunings_side_by_side_share_the_places_and_none_waits_for_ever(tmp_path: Path) -> None:
    slow = "time.sleep(0.3)\nsay(1)"
    steps = [tuning(f"tune-{n}", slow, X, jobs=4, parallel=4) for n in range(3)]
    _, ended, _ = run(target(tmp_path, jobs=2), definition(*steps, script("other", "true")))
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert Counter(job.step.partition(".")[0] for job in trials(tmp_path)) == {f"tune-{n}": 4 for n in range(3)}
    assert most_at_once(trials(tmp_path)) <= 2


def most_at_once(jobs: tuple[JobRecord, ...]) -> int:
    return max(sum(1 for other in jobs if other.started <= job.started < (other.ended or job.started)) for job in jobs)


@pytest.mark.long
def test_a_parent_gives_its_trials_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    local = target(tmp_path)
    first = tuning("first", SQUARE, X, jobs=2)
    second = tuning("second", "say(99)", X, jobs=1)
    parent = {"Get": "Steps.first.HyperParameterTuningJobName"}
    second["Arguments"]["WarmStartConfig"] = warm_start(parent)
    _, ended, states = run(local, definition(first, second))
    assert ended.status is ExecutionStatus.SUCCEEDED, states
    result = tuned(tmp_path, "second").result
    assert result["OverallBestTrainingJob"] == tuned(tmp_path, "first").result["BestTrainingJob"]
    assert result["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 99
    for nobody in ("nobody", "%"):
        second["Arguments"]["WarmStartConfig"] = warm_start(nobody)
        with pytest.raises(InputProblems, match=f"PB856 .*there is no tuning job '{nobody}'"):
            run(local, definition(second))


def test_a_parents_values_that_a_range_cannot_have_are_left_out(tmp_path: Path) -> None:
    run(target(tmp_path), definition(tuning("first", SQUARE, X, jobs=1)))
    request = tuning("second", SQUARE, X)["Arguments"]
    request["WarmStartConfig"] = warm_start(tuned(tmp_path, "first").name)
    state = State(tmp_path / "state" / "state.db")
    assert len(parents_of(state, request, ["x"])) == 1
    whole = tuning("second", SQUARE, {"x": (0, 10)})["Arguments"]["HyperParameterTuningJobConfig"]
    assert parents_of(state, {**request, "HyperParameterTuningJobConfig": whole}, ["x"]) == []


def warm_start(parent: Any) -> dict[str, Any]:
    parents = [{"HyperParameterTuningJobName": parent}]
    return {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "IdenticalDataAndAlgorithm"}


def test_what_the_machine_cannot_choose_is_refused_before_anything_runs(tmp_path: Path) -> None:
    step = tuning("tune", SQUARE, X)
    step["Arguments"]["Autotune"] = {"Mode": "Enabled"}
    step["Arguments"]["TrainingJobDefinition"]["InputDataConfig"] = [{"ChannelName": "x", "DataSource": {}}]
    with pytest.raises(InputProblems) as caught:
        run(target(tmp_path), definition(step))
    (problem,) = caught.value.problems
    assert problem.id == "PB501"
    assert "'Autotune'" in problem.message
    assert "the input 'x' has no source" in problem.message
    stubs = {"tune": {"BestTrainingJob": {"TrainingJobName": "t"}}}
    _, ended, states = run(target(tmp_path, settings={"stubs": stubs}), definition(step))
    assert (ended.status, states["tune"].stub != "") == (ExecutionStatus.SUCCEEDED, True)
    assert not trials(tmp_path)


@pytest.mark.parametrize("member", ["TrainingJobDefinition", "HyperParameterTuningJobConfig"])
@pytest.mark.parametrize("value", [None, {"Get": "Parameters.Whole"}])
def test_a_tuning_of_nothing_is_refused_before_anything_runs(tmp_path: Path, member: str, value: Any) -> None:
    step = tuning("tune", SQUARE, X)
    step["Arguments"] |= {member: value}
    step["Arguments"] = {name: given for name, given in step["Arguments"].items() if given}
    whole = [{"Name": "Whole", "Type": "String", "DefaultValue": "x"}]
    local = target(tmp_path)
    with pytest.raises(InputProblems, match=f"'{member}' is missing") as caught:
        run(local, definition(script("first", "true"), step, Parameters=whole))
    assert [problem.id for problem in caught.value.problems] == ["PB501"]
    assert local.pipelines.list_executions() == ()


@pytest.mark.long
def test_how_far_it_is_is_told_when_it_is_something_new(tmp_path: Path) -> None:
    local = target(tmp_path)
    deployed = local.pipelines.put_pipeline("p", definition(tuning("tune", "time.sleep(1.5)\nsay(1)", X, jobs=1)))
    notes: list[str] = []
    follow(local.pipelines, start(local.pipelines, deployed, {}, rerun=False), lambda state: notes.append(state.note))
    assert [note for note in notes if "trials" in note] == [
        "0 of 1 trials, 1 running", "1 of 1 trials, 0 running, best loss 1",
    ]  # fmt: skip


# --- stopped, killed, gone on with


def test_trials_of_a_tuning_that_failed_by_itself_are_none_of_one_that_was_cut_off(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")

    def note(name: str, step: str, status: str, reason: str = "", tuning: str = "") -> None:
        kind, result = ("training-job" if tuning else KIND), json.dumps({"TuningJobArn": f"arn/{tuning}"})
        values = (kind, name, f"arn/{name}", step, status, reason, result)
        with state.transaction() as db:
            db.execute(
                "INSERT INTO jobs (kind, name, arn, execution, step, status, reason, request, result, started, log) "
                "VALUES (?, ?, ?, 'e', ?, ?, ?, '{}', ?, '2026-01-01T00:00:00+00:00', '')",
                values,
            )

    note("failed", "tune", "Failed", "no training job succeeded")
    note("a", "tune.000", "Failed", "no", "failed")
    note("b", "tune.001", "Failed", "no", "failed")
    note("killed", "tune", "Failed", ENGINE_ENDED)
    note("c", "tune.000", "Completed", "", "killed")
    note("stopped", "tune", "Stopped")
    note("d", "tune.002", "Completed", "", "stopped")
    note("e", "tune.003", "Stopped", "", "stopped")
    note("now", "tune", "InProgress")
    assert [job.name for job in ended_before(state, "e", "tune")] == ["c", "d"]


def test_a_tuning_that_is_no_step_s_goes_on_with_what_it_has_told(tmp_path: Path) -> None:
    state, told = State(tmp_path / "state.db"), json.dumps({"TrainingJobSummaries": [{"TrainingJobName": "poor"}]})
    with state.transaction() as db:
        put_job(db, KIND, "tune", {})
        db.execute("UPDATE jobs SET status = 'Stopped', result = ?", (told,))
        arn = json.dumps({"TuningJobArn": db.execute("SELECT arn FROM jobs").fetchone()[0]})
        for name, step, status in (
            ("poor", "tune.000", "Stopped"), ("cut", "tune.001", "Stopped"), ("left", "tune.002", "InProgress"),
            ("others", "Tune.002", "InProgress"),
        ):  # fmt: skip
            db.execute(
                "INSERT INTO jobs (kind, name, arn, execution, step, status, request, result, started) "
                "VALUES ('training-job', ?, '', '', ?, ?, '{}', ?, '2026-01-01T00:00:00+00:00')",
                (name, step, status, arn),
            )
    reopen_job(state, KIND, "tune")
    close_trials(state, "tune")
    assert [job.name for job in ended_before(state, "", "tune")] == ["poor"]
    left, others = (find_job(state, "training-job", name) for name in ("left", "others"))
    assert left is not None
    assert others is not None
    assert (left.status, left.reason, others.status) == ("Failed", ENGINE_ENDED, "InProgress")


@pytest.mark.long
def test_killed_with_the_engine_it_goes_on_and_what_had_ended_is_not_run_again(tmp_path: Path) -> None:
    mark = tmp_path / "marks"
    mark.mkdir()
    program = f"open(f'{mark}/' + hp['x'], 'a').write('x')\ntime.sleep(0.1 if hp['x'] in '12' else 3)\nsay(hp['x'])"
    content = definition(tuning("tune", program, {"x": ["1", "2", "3", "4"]}, strategy="Grid", jobs=None))
    (tmp_path / "definition.json").write_bytes(content)
    main = (
        "import sys\nfrom pathlib import Path\nfrom tests.engine.definitions import run, target\n"
        "folder = Path(sys.argv[1])\nrun(target(folder), (folder / 'definition.json').read_bytes())\n"
    )
    process = fork(["-c", main, str(tmp_path)], cwd=ROOT, environment=os.environ)
    deadline = time.monotonic() + 60
    while len(list(mark.iterdir())) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)
    _, ended, states = run(target(tmp_path), content)
    assert ended.status is ExecutionStatus.SUCCEEDED, states["tune"].failure_reason
    assert {path.name: path.read_text() for path in mark.iterdir()} == {"1": "x", "2": "x", "3": "xx", "4": "xx"}
    assert tuned(tmp_path).result["BestTrainingJob"]["TunedHyperParameters"] == {"x": "1"}
    assert tuned(tmp_path).result["TrainingJobStatusCounters"]["Completed"] == 4


# --- stopped early


def early(**config: Any) -> Early:
    goal = {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"}}
    return Early({"HyperParameterTuningJobConfig": {**goal, **config}, "TrainingJobDefinition": {}})


def test_a_training_below_the_median_of_the_running_averages_is_stopped() -> None:
    watched = early(TrainingJobEarlyStoppingType="Auto")
    for number, series in enumerate([[0.5, 0.7, 0.9], [0.4, 0.6, 0.8], [0.3, 0.5, 0.7]]):
        watched.see(number, series)
    watched.see(3, [0.3, 0.45])  # the averages up to the second epoch are 0.6, 0.5, 0.4
    watched.see(4, [0.3, 0.55])
    assert watched.worse([3, 4], [0, 1, 2]) == [3]
    assert watched.worse([3, 4], [0, 1]) == []  # two say nothing yet


def test_hyperband_keeps_the_best_third_at_each_rung() -> None:
    limits = {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 18}}
    watched = early(Strategy="Hyperband", StrategyConfig=limits)
    for number, best in enumerate((0.9, 0.5, 0.4, 0.8)):
        watched.see(number, [0.1, best])
    watched.see(4, [0.2])
    assert watched.worse(range(5), []) == [1, 2, 3]


@pytest.mark.long
def test_a_training_that_does_poorly_is_stopped_and_keeps_its_objective(tmp_path: Path) -> None:
    program = "for epoch in range(3 if hp['x'] < '4' else 100):\n    say(hp['x'])\n    time.sleep(0 if hp['x'] < '4' else 0.1)"
    step = tuning("tune", program, {"x": ["1", "2", "3", "4"]}, strategy="Grid", jobs=None, parallel=1,
                  TrainingJobEarlyStoppingType="Auto")  # fmt: skip
    begun = time.monotonic()
    _, ended, states = run(target(tmp_path, settings={"grace": 0.5}), definition(step))
    assert ended.status is ExecutionStatus.SUCCEEDED, states["tune"].failure_reason
    assert time.monotonic() - begun < 30
    last = trials(tmp_path)[-1]
    assert (last.status, last.result["FinalMetricDataList"][0]["Value"]) == ("Stopped", 4.0)
    result = tuned(tmp_path).result
    assert result["TrainingJobStatusCounters"]["Stopped"] == 1
    assert json.dumps(result["BestTrainingJob"]["TunedHyperParameters"]) == '{"x": "1"}'


# --- by an optimiser


@pytest.mark.long
def test_bayesian_trials_come_nearer_and_the_same_seed_chooses_the_same(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    optuna = shared_environment((REQUIREMENTS,), "import optuna; optuna.samplers.TPESampler()", tmp_path_factory)
    ranges = {"x": (0.0, 10.0), "n": (1, 9), "c": ["a", "b"]}
    program = "say((float(hp['x']) - 3) ** 2 + abs(int(hp['n']) - 4) + (hp['c'] == 'a'))"
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        step = tuning("tune", program, ranges, strategy="Bayesian", jobs=16, parallel=2, RandomSeed=3)
        share_made(folder / "state", optuna)
        _, ended, states = run(target(folder), definition(step))
        assert ended.status is ExecutionStatus.SUCCEEDED, states["tune"].failure_reason
        jobs = sorted(trials(folder), key=lambda job: job.step)
        found.append([tuple(job.request["HyperParameters"][key] for key in ranges) for job in jobs])
    assert found[0] == found[1]
    losses = [(float(x) - 3) ** 2 + abs(int(n) - 4) + (c == "a") for x, n, c in found[0]]
    assert min(losses[4:]) <= min(losses[:4])
    assert sum(losses[8:]) < sum(losses[:8])
