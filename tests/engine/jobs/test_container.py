"""What a container finds around it, compared with AWS's own training toolkit."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import JSON
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.logs import failure_message, log_tail
from pipeline_builder.engine.jobs.processing import processing_command, processing_environment, processing_files
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.training import training_command, training_environment, training_files, user_arguments
from pipeline_builder.engine.jobs.transforming import environment_of
from pipeline_builder.errors import InputProblems, OutsideFailure
from tests.engine.environments import shared_environment

REQUEST: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "HyperParameters": {
        "sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"/opt/ml/code"',
        "sagemaker_container_log_level": "20", "sagemaker_region": '"eu-central-1"', "sagemaker_job_name": '"a-job"',
        "sagemaker_custom_parameter": '{"a": 1}', "_tuning_objective_metric": "loss",
        "epochs": "3", "learning-rate": "0.10", "name": "plain text", "quoted": '"with \\"quotes\\" and ü"',
        "flag": "true", "nothing": "null", "k": "1", "list": '["a", 1]', "mapping": '{"y": 2, "x": "1"}', "empty": "",
        "big": "1e-05", "padded": " 7 ",
    },
    "InputDataConfig": [
        {"ChannelName": "train", "ContentType": "text/csv",
         "DataSource": {"S3DataSource": {"S3DataDistributionType": "FullyReplicated", "S3Uri": "s3://b/k"}}},
        {"ChannelName": "Step-A-validation", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/v"}}},
    ],
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "Environment": {"MY_VARIABLE": "mine"},
}  # fmt: skip

DUMP = """
import json, os, sys
with open("/opt/ml/output/data/dump.json", "w") as file:
    json.dump({"argv": sys.argv, "environment": dict(os.environ), "cwd": os.getcwd(), "path": sys.path[0],
               "command": sys.orig_argv[1:]}, file)
"""


def with_(request: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {**request, **changes}


def test_numbers_that_references_led_to_are_texts_in_a_container(tmp_path: Path) -> None:
    numbers = {"a": 5, "b": True, "c": 0.5}
    training_files({"HyperParameters": numbers}, ml=tmp_path)
    texts = {"a": "5", "b": "true", "c": "0.5"}
    assert json.loads((tmp_path / "input/config/hyperparameters.json").read_text()) == texts
    asked = {"ContainerEntrypoint": ["run"], "ContainerArguments": ["--n", *numbers.values()]}
    command = ("run", "--n", *texts.values())
    assert processing_command({"AppSpecification": asked}) == command
    assert training_command({"AlgorithmSpecification": asked}) == command
    for found in (processing_environment, training_environment):
        assert found({"Environment": numbers}).items() >= texts.items()
    assert environment_of({"Environment": numbers}, {}).items() >= texts.items()


def test_training_files(tmp_path: Path) -> None:
    training_files(REQUEST, ml=tmp_path)
    config = tmp_path / "input" / "config"
    assert json.loads((config / "hyperparameters.json").read_text()) == REQUEST["HyperParameters"]
    common = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    assert json.loads((config / "inputdataconfig.json").read_text()) == {
        "train": {**common, "ContentType": "text/csv"}, "Step-A-validation": common,
    }  # fmt: skip
    resources = json.loads((config / "resourceconfig.json").read_text())
    assert resources["hosts"] == ["algo-1"]
    assert resources["current_instance_type"] == "ml.m5.large"
    assert all((tmp_path / name).is_dir() for name in ("model", "output/data", "checkpoints", "code", "input/data"))


def test_training_environment() -> None:
    environment = training_environment(REQUEST, job_name="job", region="eu-west-1", cpus=4)
    assert environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert environment["SM_CHANNEL_STEP-A-VALIDATION"] == "/opt/ml/input/data/Step-A-validation"
    assert environment["SM_CHANNELS"] == '["Step-A-validation","train"]'
    assert environment["SM_HP_LEARNING-RATE"] == "0.1"
    assert environment["SM_NUM_CPUS"] == "4"
    assert environment["MY_VARIABLE"] == "mine"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert "SM_HP_SAGEMAKER_PROGRAM" not in environment
    assert not [name for name in environment if "SECRET" in name or "TOKEN" in name]


def test_training_command_of_a_script() -> None:
    command = training_command(with_(REQUEST, HyperParameters={"sagemaker_program": "train.py", "b": "2", "a": "x y"}))
    assert command == ("python", "--", "train.py", "-a", "x y", "-b", "2")


def test_training_command_of_the_request() -> None:
    algorithm = {"ContainerEntrypoint": ["bash", "run.sh"], "ContainerArguments": ["--x", "1"]}
    assert training_command(with_(REQUEST, AlgorithmSpecification=algorithm)) == ("bash", "run.sh", "--x", "1")


def test_training_command_of_a_shell_script_and_a_package() -> None:
    request = with_(REQUEST, HyperParameters={"sagemaker_program": "bin/run.sh", "name": "a b"})
    assert training_command(request)[2] == "chmod +x ./bin/run.sh && exec ./bin/run.sh --name 'a b'"
    request = with_(REQUEST, HyperParameters={"sagemaker_program": "train.py", "name": "a"})
    assert training_command(request, package=True)[3:] == ("python", "-m", "train", "--name", "a")


@pytest.mark.parametrize("program", ["../x.py", "/x.py", "-c", "a;b.py", "a/../b.py", "./x.py", "x y.py", "x.py\n"])
def test_training_entry_point_outside_the_code_folder(program: str) -> None:
    with pytest.raises(InputProblems, match="PB513 the training entry point"):
        training_command(with_(REQUEST, HyperParameters={"sagemaker_program": program}))


def test_training_without_an_entry_point() -> None:
    with pytest.raises(InputProblems, match="PB513 the training request names no script"):
        training_command(with_(REQUEST, HyperParameters={}))


def test_user_arguments_are_sorted_and_spelled_as_the_toolkit_does() -> None:
    values: dict[str, JSON] = {"b": True, "a": 1, "long-name": None, "m": {"y": 2, "x": "1"}, "l": ["a", 1]}
    expected = ("-a", "1", "-b", "True", "-l", "['a', 1]", "--long-name", "", "-m", "x=1,y=2")
    assert user_arguments(values) == expected


def test_processing(tmp_path: Path) -> None:
    request = {
        "AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/x.py"],
                             "ContainerArguments": ["--n", "1"]},
        "Environment": {"A": "b"}, "RoleArn": "arn:r",
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium"}},
    }  # fmt: skip
    assert processing_command(request) == ("python3", "/opt/ml/processing/code/x.py", "--n", "1")
    assert processing_environment(request, job_arn="arn:j", region="eu-west-1") == {
        "PROCESSING_JOB_ARN": "arn:j", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "A": "b",
    }  # fmt: skip
    processing_files(request, ml=tmp_path, job_arn="arn:j", job_name="j")
    config = json.loads((tmp_path / "config" / "processingjobconfig.json").read_text())
    assert config["ProcessingJobArn"] == "arn:j"
    assert config["AppSpecification"] == request["AppSpecification"]
    assert json.loads((tmp_path / "config" / "resourceconfig.json").read_text())["hosts"] == ["algo-1"]
    with pytest.raises(InputProblems, match="PB513 the processing request has no 'ContainerEntrypoint'"):
        processing_command({"AppSpecification": {"ImageUri": "i"}})


# --- the end of a job ----------------------------------------------------------------------------------------------


def test_failure_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "failure").write_bytes(b"why \xff\x1b[31mred\x1b[0m" + "ü".encode() * 3000)
    message = failure_message(tmp_path, tmp_path / "log.txt", 1)
    assert message.startswith("why \ufffdredüü")
    assert len(message) == 1024


def test_failure_without_a_file_is_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("x" * 5000 + "\nTraceback\nValueError: bad\n")
    message = failure_message(tmp_path, log, 1)
    assert message.endswith("xxx\nTraceback\nValueError: bad")
    assert len(message) <= 1024


def test_failure_without_any_text(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert failure_message(tmp_path, log, 3) == "exit code 3, and nothing in the log"
    assert failure_message(tmp_path, log, 137) == (
        "AlgorithmError: exit code 137 (SIGKILL, often out of memory), and nothing in the log"
    )
    assert failure_message(tmp_path, log, 255).startswith("exit code 255")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_failure_file_that_is_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "output").mkdir()
    failure = tmp_path / "output" / "failure"
    match kind:
        case "link":
            failure.symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(failure)
        case _:
            failure.mkdir()
    assert failure_message(tmp_path, tmp_path / "log.txt", 3) == "exit code 3, and nothing in the log"


def test_log_tail(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert log_tail(log, 5) == ()
    log.write_bytes(b"a\r\n 10%\r 50%\r100%\n\x1b]0;title\x07b\x1b[1;31mc\x1b[0m\x00\td\n\x1b]8;open\nlast \xff\n\n")
    assert log_tail(log, 10) == ("a", "100%", "bc\td", "", "last \ufffd")
    assert log_tail(log, 2) == ("", "last \ufffd")
    assert log_tail(log, 0) == ()


def test_log_tail_of_a_huge_file_reads_only_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        file.truncate(50 * 1024**3)  # sparse: reading it all would take minutes
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast line\n")
    started = time.process_time()
    assert log_tail(log, 1) == ("last line",)
    log.write_bytes(b"x" * 3_000_000)
    assert len(log_tail(log, 3)[0]) == 262_144
    log.write_bytes(b"\x1b[" * 100_000 + b"\r" * 100_000)
    log_tail(log, 3)
    assert time.process_time() - started < 2


# --- the toolkit ---------------------------------------------------------------------------------------------------

# What stays different from the toolkit, and why:
DIFFERENT = {
    "PYTHONPATH": "the toolkit names all of its own sys.path; /opt/ml/code comes first in both",
    "SM_STUDIO_LOCAL_MODE": "only set here, so that the toolkit doesn't wait for the DNS name 'algo-1'",
}


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        layers = (("sagemaker-training==5.1.4", "setuptools<81"),)
        return shared_environment(layers, "import sagemaker_training.cli.train", tmp_path_factory)
    except OutsideFailure as failure:
        pytest.skip(f"the toolkit can't be installed here (it needs the index and a C compiler): {failure}")


def dump(folder: Path, command: tuple[str, ...], environment: Mapping[str, str], python: Path, request: Any) -> Any:
    training_files(request, ml=folder / "ml")
    (folder / "ml" / "code" / "train.py").write_text(DUMP)
    job = Job(
        name="job", folder=folder, command=command, environment=environment, python=python, workdir="/opt/ml/code",
        timeout=120,
    )  # fmt: skip
    result = run_job(job, stop=threading.Event(), private=True)
    assert result.exit_code == 0, job.log.read_text()
    return json.loads((folder / "ml" / "output" / "data" / "dump.json").read_text())


REQUESTS = {
    "full": REQUEST,
    "bare": {"HyperParameters": {"sagemaker_program": "train.py"}},
    "mpi": with_(REQUEST, HyperParameters={"sagemaker_program": "train.py", "sagemaker_pytorch_ddp_enabled": "true"}),
    "environment": {"Environment": {"SAGEMAKER_PROGRAM": "train.py"}, "HyperParameters": {"n": "1"}},
}


@pytest.mark.long
@pytest.mark.skipif(
    not private_mounts_available(), reason="the toolkit reads /opt/ml, which can't be made private here"
)
@pytest.mark.parametrize("name", list(REQUESTS))
def test_equal_to_the_toolkit(tmp_path: Path, toolkit: Path, name: str) -> None:
    request = REQUESTS[name]
    service = {"TRAINING_JOB_NAME": "a-job", "TRAINING_JOB_ARN": "arn:a-job", "AWS_REGION": "eu-west-1"}
    service |= {"AWS_DEFAULT_REGION": "eu-west-1", **request.get("Environment", {})}
    theirs = dump(tmp_path / "a", ("train",), {**service, "SM_STUDIO_LOCAL_MODE": "True"}, toolkit, request)
    environment = training_environment(request, job_name="a-job", job_arn="arn:a-job", region="eu-west-1")
    ours = dump(tmp_path / "b", training_command(request), environment, toolkit, request)
    for key in ("argv", "cwd", "path", "command"):
        assert ours[key] == theirs[key]
    own_folder = {"HOME", "PWD", "OLDPWD", "_"}  # of the job or the shell, not of the contract
    left, right = (
        {k: v for k, v in side["environment"].items() if k not in {*DIFFERENT, *own_folder}} for side in (ours, theirs)
    )
    assert json.loads(left.pop("SM_TRAINING_ENV")) == json.loads(right.pop("SM_TRAINING_ENV"))
    assert left == right
    assert theirs["environment"]["PYTHONPATH"].split(":")[0] == ours["environment"]["PYTHONPATH"]


# What the toolkit's own Environment knows, asked beside the stand-in's.
ASK = """
import json, os
from sagemaker_containers.environment import Environment
from sagemaker_training.environment import Environment as Real
real, own = Real(), Environment()
plain = lambda values: json.loads(json.dumps(values, default=str, sort_keys=True))
found = {"real": plain({name: getattr(real, name) for name in real.properties()}), "own": plain(dict(own)),
         "arguments": [real.to_cmd_args(), own.to_cmd_args()]}
open("/opt/ml/output/data/asked.json", "w").write(json.dumps(found))
"""
# What the stand-in has besides, for older scripts.
BESIDES = {"base_dir", "code_dir", "default_accept"}


@pytest.mark.long
@pytest.mark.skipif(
    not private_mounts_available(), reason="the toolkit reads /opt/ml, which can't be made private here"
)
def test_the_stand_in_is_equal_to_the_toolkit(tmp_path: Path, toolkit: Path) -> None:
    training_files(REQUEST, ml=tmp_path / "ml")
    (tmp_path / "ml" / "code" / "train.py").write_text(ASK)
    environment = training_environment(REQUEST, job_name="a-job", region="eu-west-1")
    environment["SM_STUDIO_LOCAL_MODE"] = "True"
    job = Job(
        name="job", folder=tmp_path, command=training_command(REQUEST), environment=environment, python=toolkit,
        workdir="/opt/ml/code", timeout=120,
    )  # fmt: skip
    assert run_job(job, stop=threading.Event(), private=True).exit_code == 0, job.log.read_text()
    found = json.loads((tmp_path / "ml" / "output" / "data" / "asked.json").read_text())
    real, own = found["real"], found["own"]
    assert own.keys() - real.keys() <= BESIDES
    assert {name: own[name] for name in real.keys() & own.keys()} == {n: real[n] for n in real.keys() & own.keys()}
    assert not real.keys() - own.keys()
    assert found["arguments"][0] == found["arguments"][1]
