"""How training jobs end, and what they leave: models of failed ones, checkpoints, metrics, interruptions, time to save."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import Execution, ExecutionStatus, StepState, StepStatus
from pipeline_builder.engine.jobs.archives import pack, unpack
from pipeline_builder.engine.jobs.limits import JobLimits
from pipeline_builder.engine.jobs.records import JobRecord, list_jobs
from pipeline_builder.engine.jobs.stopping import AT_ONCE
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state.objects import delete_object
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.machine.tree import Tree, survey
from pipeline_builder.target import Target
from tests.engine.definitions import CACHED, compare, condition, definition, run, script, target, training

SPOT: dict[str, Any] = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
}
CHECKPOINTS: dict[str, Any] = {"CheckpointConfig": {"S3Uri": "s3://local/checkpoints"}}
# Counts the checkpoints that it finds, and writes one more.
COUNTING = (
    "cd /opt/ml/checkpoints; n=$(ls | wc -l); echo found $n; ls; echo $n > c$n; cp c$n /opt/ml/model/; "
    "[ $n -ge 2 ] || sleep 60"
)


def saving(code: int = 0) -> str:
    """Return a script that saves its model when it is told to end."""
    save = f"trap 'printf late > /opt/ml/model/saved; exit {code}' TERM"
    return f"{save}; : > /opt/ml/model/begun; echo ready; while :; do sleep 0.05; done"


def job_of(folder: Path) -> JobRecord:
    return list_jobs(State(folder / "state" / "state.db"), "training-job")[0]


def story(job: JobRecord) -> list[str]:
    return [part["Status"] for part in job.result["SecondaryStatusTransitions"]]


def archived(local: Target, job: JobRecord, name: str = "model.tar.gz") -> dict[str, str]:
    content = local.store.get(f"s3://local/models/{job.name}/output/{name}")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {item.name: archive.extractfile(item) for item in archive.getmembers() if item.isfile()}
        return {key.removeprefix("./"): file.read().decode() for key, file in files.items() if file}


def ran(folder: Path, step: dict[str, Any], **settings: Any) -> tuple[Target, Execution, StepState, JobRecord]:
    local = target(folder, settings=settings)
    _, ended, steps = run(local, definition(step))
    return local, ended, steps[step["Name"]], job_of(folder)


def test_a_good_end_and_its_story(tmp_path: Path) -> None:
    local, ended, _, job = ran(tmp_path, training("T", "echo 1 > /opt/ml/model/m"))
    assert (ended.status, job.status) == (ExecutionStatus.SUCCEEDED, "Completed")
    assert story(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job.result["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://local/models/{job.name}/output/model.tar.gz"}
    assert archived(local, job) == {"m": "1\n"}
    assert job.result["BillableTimeInSeconds"] == job.result["TrainingTimeInSeconds"] == 1


def test_a_failed_training_leaves_its_model_and_output(tmp_path: Path) -> None:
    command = "echo half > /opt/ml/model/m; echo plot > /opt/ml/output/data/p; echo 'no way' >&2; exit 3"
    local, ended, step, job = ran(tmp_path, training("T", command))
    assert (ended.status, step.failure_reason, job.status) == (ExecutionStatus.FAILED, "no way", "Failed")
    assert story(job) == ["Starting", "Downloading", "Training", "Uploading", "Failed"]
    assert archived(local, job) == {"m": "half\n"}
    assert archived(local, job, "output.tar.gz") == {"p": "plot\n"}


def test_a_model_that_cannot_be_kept_does_not_hide_why_the_training_failed(tmp_path: Path) -> None:
    command = "rmdir /opt/ml/model; ln -s /etc /opt/ml/model; echo 'no way' >&2; exit 3"
    local, _, step, job = ran(tmp_path, training("T", command))
    assert step.failure_reason == "no way"
    assert "/opt/ml/model could not be kept: PB550" in Path(job.log).read_text()
    assert local.store.missing([f"s3://local/models/{job.name}/output/model.tar.gz"])


def test_a_killed_training_says_by_which_signal_before_its_last_lines(tmp_path: Path) -> None:
    _, _, step, job = ran(tmp_path, training("T", "echo epoch 7; kill -9 $$"))
    assert step.failure_reason == "AlgorithmError: exit code 137 (SIGKILL, often out of memory)\nepoch 7"
    assert (job.status, job.reason) == ("Failed", step.failure_reason)


def test_what_was_not_downloaded_leaves_no_model(tmp_path: Path) -> None:
    source = {"S3DataSource": {"S3Uri": "s3://nowhere/x", "S3DataType": "S3Prefix"}}
    step = training("T", "true", InputDataConfig=[{"ChannelName": "a", "DataSource": source}])
    _, _, state, job = ran(tmp_path, step)
    assert state.failure_reason.startswith("PB520")
    assert story(job) == ["Starting", "Downloading", "Failed"]


@pytest.mark.long
@pytest.mark.parametrize("code", [0, 1])
def test_at_its_maximum_run_time_it_has_time_to_save(tmp_path: Path, code: int) -> None:
    step = training("T", saving(code), StoppingCondition={"MaxRuntimeInSeconds": 1})
    local, ended, state, job = ran(tmp_path, step)
    reason = "the job ran longer than its maximum run time of 1 s and was stopped"
    assert (ended.status, state.status, state.failure_reason) == (ExecutionStatus.FAILED, StepStatus.FAILED, reason)
    assert (job.status, job.reason, job.result["SecondaryStatus"]) == ("Stopped", "", "MaxRuntimeExceeded")
    assert story(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "MaxRuntimeExceeded"]
    assert archived(local, job) == {"begun": "", "saved": "late"}


@pytest.mark.long
def test_who_does_not_save_in_time_is_killed(tmp_path: Path) -> None:
    step = training("T", "trap '' TERM; echo 1 > /opt/ml/model/m; while true; do sleep 1; done",
                    StoppingCondition={"MaxRuntimeInSeconds": 1})  # fmt: skip
    begun = time.monotonic()
    local, _, _, job = ran(tmp_path, step, grace=0.3)
    assert time.monotonic() - begun < 60  # of 120 s of patience
    assert job.result["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert archived(local, job) == {"m": "1\n"}


def interrupted(
    folder: Path, content: bytes, ready: Callable[[Path], bool], how: Callable[[Target, str], None]
) -> None:
    """Run a definition; when its step is ready, do something about it from outside."""
    local = target(folder)
    deployed = local.pipelines.put_pipeline("p", content)
    execution = local.pipelines.start_execution("p", deployed.version, {}, fingerprint="f")
    thread = threading.Thread(target=local.pipelines.follow_execution, args=(execution.arn, lambda _: None))
    thread.start()
    log = folder / "state" / "jobs" / execution.id / "T" / "log.txt"
    while not (log.is_file() and ready(log)):
        time.sleep(0.02)
    how(local, execution.arn)
    thread.join()


@pytest.mark.long
def test_a_stop_from_outside_lets_it_save_too(tmp_path: Path) -> None:
    interrupted(
        tmp_path, definition(training("T", saving())), lambda log: "ready" in log.read_text(),
        lambda local, arn: local.pipelines.stop_execution(arn),
    )  # fmt: skip
    local, job = target(tmp_path), job_of(tmp_path)
    assert (job.status, story(job)[-3:]) == ("Stopped", ["Stopping", "Uploading", "Stopped"])
    assert archived(local, job) == {"begun": "", "saved": "late"}
    assert [state.status.value for state in local.pipelines.list_steps(job.execution)] == ["Stopped"]


@pytest.mark.long
def test_checkpoints_are_there_in_the_next_attempt(tmp_path: Path) -> None:
    local = target(tmp_path)
    step = training("T", "cd /opt/ml/checkpoints; ls > /opt/ml/model/found; echo 1 > sub.$(ls | wc -l); "
                    "[ $(ls | wc -l) -gt 1 ]", **CHECKPOINTS)  # fmt: skip
    _, first, _ = run(local, definition(step))
    assert first.status is ExecutionStatus.FAILED
    assert archived(local, job_of(tmp_path)) == {"found": ""}
    assert local.store.get("s3://local/checkpoints/sub.0") == b"1\n"
    _, second, _ = run(local, definition(step))
    assert second.status is ExecutionStatus.SUCCEEDED
    assert archived(local, job_of(tmp_path)) == {"found": "sub.0\n"}


def test_checkpoints_have_a_folder_of_their_own_and_what_is_deleted_is_gone(tmp_path: Path) -> None:
    config = {"S3Uri": "s3://local/c/", "LocalPath": "/opt/ml/work/ckpt/"}
    local = target(tmp_path)
    store = local.store
    assert isinstance(store, LocalStore)
    for name, content in (("c/old", b"x"), ("c/sub/kept", b"y"), ("cc/else", b"z")):
        with store.writing(f"s3://local/{name}") as file:
            file.write(content)
    command = "cd /opt/ml/work/ckpt && find . -type f | sort > /opt/ml/model/found && rm old && echo 2 > new"
    step = training("T", command, CheckpointConfig=config)
    assert run(local, definition(step))[1].status is ExecutionStatus.SUCCEEDED
    assert archived(local, job_of(tmp_path)) == {"found": "./old\n./sub/kept\n"}
    assert [bool(local.store.missing([f"s3://local/{n}"])) for n in ("c/old", "c/sub/kept", "c/new", "cc/else")] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.long
def test_a_spot_machine_is_taken_away_and_the_next_goes_on_from_the_checkpoints(tmp_path: Path) -> None:
    step = training("T", COUNTING, **CHECKPOINTS, **SPOT)
    local, ended, _, job = ran(tmp_path, step, interrupts={"T": (0.5, 0.5)})
    assert (ended.status, job.status) == (ExecutionStatus.SUCCEEDED, "Completed")
    once = ["Starting", "Downloading", "Training", "Stopping", "Interrupted"]
    assert story(job) == [*once, *once, "Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert archived(local, job) == {"c2": "2\n"}  # what the others had in their model folders went with their machines
    assert "its machine was taken away" in Path(job.log).read_text()
    assert job.result["EnableManagedSpotTraining"] is True


@pytest.mark.long
def test_only_spot_machines_are_taken_away(tmp_path: Path) -> None:
    _, ended, _, job = ran(tmp_path, training("T", "sleep 0.6"), interrupts={"T": (0.1,)})
    assert (ended.status, "Interrupted" in story(job)) == (ExecutionStatus.SUCCEEDED, False)


@pytest.mark.long
def test_a_spot_training_waits_only_so_long(tmp_path: Path) -> None:
    stopping = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 1}
    step = training("T", "sleep 30", EnableManagedSpotTraining=True, StoppingCondition=stopping)
    _, _, state, job = ran(tmp_path, step, interrupts={"T": (0.3,)})
    assert state.failure_reason == "the job came to no end in its maximum wait time of 1 s"
    assert (job.status, job.result["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")


def test_metrics_are_the_last_that_the_log_has(tmp_path: Path) -> None:
    command = "echo 'loss=0.5; acc 1'; echo 'loss=0.25; acc=nan'; echo done; echo 1 > /opt/ml/model/m"
    found = {"loss": "loss=([0-9.]+)", "all": "[0-9]+[.][0-9]+", "none": "mae=(.*)", "nan": "acc=(.*)"}
    before = time.time()
    _, _, _, job = ran(tmp_path, training("T", command, metrics=found))
    metrics = {item["MetricName"]: item for item in job.result["FinalMetricDataList"]}
    assert {name: item["Value"] for name, item in metrics.items()} == {"loss": 0.25, "all": 0.25}
    assert before - 1 < metrics["loss"]["Timestamp"] <= time.time()


@pytest.mark.long
def test_a_failed_training_has_metrics_too(tmp_path: Path) -> None:
    _, _, step, job = ran(tmp_path, training("T", "echo loss=3; exit 1", metrics={"loss": "loss=(.*)"}))
    assert (step.failure_reason, Path(job.log).read_text()) == ("loss=3", "loss=3\nmetrics: loss 3\n")
    assert [item["Value"] for item in job.result["FinalMetricDataList"]] == [3.0]


@pytest.mark.long
def test_metrics_can_be_referred_to(tmp_path: Path) -> None:
    value = {"Get": "Steps.T.FinalMetricDataList['val:loss'].Value"}
    local = target(tmp_path)
    content = definition(
        training("T", "echo 'val loss 0.2'", metrics={"val:loss": "val loss ([0-9.]+)"}),
        condition("C", compare("LessThan", value, 0.5), then=[script("Good", "true")], otherwise=[script("Bad", "true")]),
    )  # fmt: skip
    _, ended, steps = run(local, content)
    assert (ended.status, steps["Good"].status.value, steps["Bad"].status.value) == (
        ExecutionStatus.SUCCEEDED, "Succeeded", "Skipped",
    )  # fmt: skip


def test_what_tensorboard_and_the_debugger_read_is_kept_below_the_jobs_name(tmp_path: Path) -> None:
    command = (
        "echo e > /opt/ml/output/tensorboard/events; echo t > /opt/ml/hook/t; "
        "cp /opt/ml/input/config/debughookconfig.json /opt/ml/model/; exit 1"
    )
    step = training(
        "T", command, TensorBoardOutputConfig={"S3OutputPath": "s3://local/tb/"},
        DebugHookConfig={"S3OutputPath": "s3://local/debug", "LocalPath": "/opt/ml/hook"},
    )  # fmt: skip
    local, _, _, job = ran(tmp_path, step)
    assert local.store.get(f"s3://local/tb/{job.name}/tensorboard-output/events") == b"e\n"
    assert local.store.get(f"s3://local/debug/{job.name}/debug-output/t") == b"t\n"
    assert '"LocalPath": "/opt/ml/hook"' in archived(local, job)["debughookconfig.json"]


def test_a_model_can_be_kept_without_compression(tmp_path: Path) -> None:
    output = {"S3OutputPath": "s3://local/models", "CompressionType": "NONE"}
    local, _, _, job = ran(tmp_path, training("T", "echo 1 > /opt/ml/model/m", OutputDataConfig=output))
    artifact = job.result["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"s3://local/models/{job.name}/output/model/"
    assert local.store.get(f"{artifact}m") == b"1\n"


def test_a_cached_training_does_not_look_at_what_it_has_kept_itself(tmp_path: Path) -> None:
    local = target(tmp_path)
    step = training("T", "date +%N > /opt/ml/checkpoints/last", **CHECKPOINTS) | CACHED
    assert run(local, definition(step))[1].status is ExecutionStatus.SUCCEEDED
    _, _, steps = run(local, definition(step), again=True)
    assert steps["T"].cache_hit


def test_a_limit_that_ended_a_training_is_said_and_its_model_kept(tmp_path: Path) -> None:
    command = "echo 1 > /opt/ml/model/m; while true; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"
    local, _, step, job = ran(tmp_path, training("T", command), limits=JobLimits(log=100_000))
    assert step.failure_reason == (
        "AlgorithmError: exit code 137 (SIGKILL): the job reached its limit of log: it may have 100 kB "
        "('local.limits.log' in the manifest)"
    )
    assert archived(local, job) == {"m": "1\n"}


def test_the_time_to_save_is_that_of_the_documentation() -> None:
    assert (LocalSettings().grace, AT_ONCE) == (120.0, 5.0)


@pytest.mark.long
def test_who_needs_longer_than_a_ctrl_c_leaves_has_it_at_a_stop(tmp_path: Path) -> None:
    save = "trap 'sleep 6; echo late > /opt/ml/model/saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    interrupted(
        tmp_path, definition(training("T", save)), lambda log: "ready" in log.read_text(),
        lambda local, arn: local.pipelines.stop_execution(arn),
    )  # fmt: skip
    assert archived(target(tmp_path), job_of(tmp_path)) == {"saved": "late\n"}


@pytest.mark.long
def test_checkpoints_stay_where_the_next_machine_gets_no_data(tmp_path: Path) -> None:
    more = {**SPOT, **CHECKPOINTS, "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}}}
    ]}  # fmt: skip
    local = target(tmp_path, settings={"interrupts": {"T": (2.5,)}})
    local.store.put("s3://local/in/a", b"1")

    def take_away() -> None:
        assert isinstance(local.store, LocalStore)
        while local.store.find("s3://local/checkpoints/c0") is None:
            time.sleep(0.01)
        delete_object(local.store, "s3://local/in/a")

    taking = threading.Thread(target=take_away)
    taking.start()
    step = training("T", COUNTING, **more)
    _, ended, steps = run(local, definition(step))
    taking.join()
    assert (ended.status, steps["T"].status) == (ExecutionStatus.FAILED, StepStatus.FAILED)
    assert "there is no data at 's3://local/in/'" in (steps["T"].failure_reason or "")
    assert local.store.get("s3://local/checkpoints/c0") == b"0\n"


def test_a_training_whose_pipe_breaks_ends_and_leaves_its_model(tmp_path: Path) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}
    channel = {
        "ChannelName": "t", "InputMode": "Pipe", "CompressionType": "Gzip", "DataSource": {"S3DataSource": source},
    }  # fmt: skip
    local = target(tmp_path)
    local.store.put("s3://local/in/a", b"no gzip")
    command = "echo half > /opt/ml/model/m; cat /opt/ml/input/data/t_0; sleep 60"
    _, ended, _ = run(local, definition(training("T", command, InputDataConfig=[channel])))
    job = job_of(tmp_path)
    assert (ended.status, job.status) == (ExecutionStatus.FAILED, "Failed")
    assert story(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Failed"]
    assert archived(local, job) == {"m": "half\n"}


def test_a_model_keeps_which_of_its_files_are_programs(tmp_path: Path) -> None:
    for name, mode in (("serve", 0o700), ("weights", 0o600), ("odd", 0o4511), ("group", 0o654)):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_text(name)
        (tmp_path / "model" / name).chmod(mode)
    tree = Tree(root=tmp_path, below="model")
    with (tmp_path / "model.tar.gz").open("wb") as file:
        pack(tree, survey(tree), file)
    unpack(tmp_path / "model.tar.gz", tmp_path / "again")
    found = {path.name: path.stat().st_mode & 0o7777 for path in (tmp_path / "again").iterdir()}
    assert found == {"serve": 0o755, "weights": 0o644, "odd": 0o755, "group": 0o644}
