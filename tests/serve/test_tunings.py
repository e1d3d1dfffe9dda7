"""Tuning jobs over the API: described and listed with their trainings, as boto3 reads them, and stopped."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.records import find_job, open_jobs
from tests.engine.definitions import definition, tuning
from tests.serve.serving import Found, Served, refused, serving, until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("tunings")) as server:
        yield server


def scripted(served: Served, step: Found) -> Found:
    """Return a tuning whose program is a script in an archive: the API takes no command for its trainings."""
    training = step["Arguments"]["TrainingJobDefinition"]
    (*_, program) = training["AlgorithmSpecification"].pop("ContainerEntrypoint")
    uri = f"s3://local/code/{hash(program) % 1000}/sourcedir.tar.gz"
    with served.engine.store.writing(uri) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("train.py")
        member.size = len(program.encode())
        archive.addfile(member, io.BytesIO(program.encode()))
    static = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{uri}"'}
    return {
        **step,
        "Arguments": {**step["Arguments"], "TrainingJobDefinition": {**training, "StaticHyperParameters": static}},
    }


def named(step: Found) -> str:
    name: str = step["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    return name


@pytest.mark.long
def test_a_tuning_is_described_and_its_trainings_are_listed(served: Served) -> None:
    step = tuning("tune", "assert hp['x'] != '3'\nsay(hp['x'])", {"x": ["2", "1", "3"]}, strategy="Grid", jobs=3)
    served.create("tuned", definition(scripted(served, step)))
    arn = served.start("tuned")
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    name = named(served.steps(arn)["tune"])
    told = served.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["BestTrainingJob"]["TunedHyperParameters"] == {"x": "1"}
    assert told["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert told["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    (listed,) = served.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert (listed["Strategy"], listed["HyperParameterTuningJobStatus"]) == ("Grid", "Completed")
    trials = served.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending"
    )["TrainingJobSummaries"]
    assert [trial["TunedHyperParameters"]["x"] for trial in trials] == ["1", "2", "3"]
    training = served.sagemaker.describe_training_job(TrainingJobName=trials[0]["TrainingJobName"])
    assert training["TuningJobArn"] == told["HyperParameterTuningJobArn"]
    with refused("ResourceNotFound", "Could not find the requested job with name: nobody"):
        served.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="nobody")
    with refused("ResourceNotFound", "Could not find the requested job with name: nobody"):
        served.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="nobody")


@pytest.mark.long
def test_a_tuning_that_runs_is_described_and_stopped(served: Served) -> None:
    step = tuning("tune", "time.sleep(60)", {"x": ["1", "2"]}, strategy="Grid", jobs=2)
    served.create("slow", definition(scripted(served, step)))
    arn = served.start("slow")

    def running() -> Found:
        step = served.steps(arn).get("tune", {})
        if "Metadata" not in step:
            return {}
        name = named(step)
        told: Found = served.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return told if told["TrainingJobStatusCounters"]["InProgress"] == 2 else {}

    told = until(running)
    assert told["HyperParameterTuningJobStatus"] == "InProgress"
    served.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=told["HyperParameterTuningJobName"])
    assert served.end(arn)["PipelineExecutionStatus"] in ("Failed", "Stopped")
    name = told["HyperParameterTuningJobName"]
    ended = served.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert ended["HyperParameterTuningJobStatus"] == "Stopped"


def asked(served: Served, name: str, program: str, jobs: int) -> Found:
    """Return a request for CreateHyperParameterTuningJob."""
    step = tuning("tune", program, {"x": [str(number) for number in range(jobs)]}, strategy="Grid", jobs=jobs)
    return {**scripted(served, step)["Arguments"], "HyperParameterTuningJobName": name}


def ended(served: Served, name: str) -> Found:
    """Wait until a tuning has ended, and return its description."""

    def look() -> Found:
        told: Found = served.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return told if told["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping") else {}

    return until(look)


@pytest.mark.long
def test_a_tuning_that_is_no_step_s(served: Served) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    request = asked(served, "alone", "say(hp['x'])", 3)
    arn = served.sagemaker.create_hyper_parameter_tuning_job(**request, Tags=tags)["HyperParameterTuningJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/alone"
    told = ended(served, "alone")
    assert (told["HyperParameterTuningJobStatus"], told["BestTrainingJob"]["TunedHyperParameters"]) == (
        "Completed", {"x": "0"},
    )  # fmt: skip
    assert served.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    trials = served.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="alone")
    names = [trial["TrainingJobName"] for trial in trials["TrainingJobSummaries"]]
    assert len(names) == 3
    best = served.sagemaker.describe_training_job(TrainingJobName=told["BestTrainingJob"]["TrainingJobName"])
    assert (best["TuningJobArn"], best["TrainingJobStatus"]) == (arn, "Completed")
    assert served.engine.store.get(best["ModelArtifacts"]["S3ModelArtifacts"])
    with refused("ResourceInUse", "Hyper parameter tuning job names must be unique"):
        served.sagemaker.create_hyper_parameter_tuning_job(**request)


def test_a_tuning_that_is_no_step_s_stops(served: Served) -> None:
    served.sagemaker.create_hyper_parameter_tuning_job(**asked(served, "slow-one", "time.sleep(60)", 2))
    until(lambda: served.sagemaker.list_training_jobs(NameContains="slow-one")["TrainingJobSummaries"])
    assert [kind for kind, _ in open_jobs(served.engine.state)] == ["hyper-parameter-tuning-job"]
    served.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="slow-one")
    assert ended(served, "slow-one")["HyperParameterTuningJobStatus"] == "Stopped"


@pytest.mark.long
def test_tunings_go_on_with_the_next_server(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        door = tmp_path / "door"
        program = (
            f"import pathlib\nwhile hp['x'] != '0' and not pathlib.Path('{door}').exists(): time.sleep(0.05)\nsay(0)"
        )
        served.sagemaker.create_hyper_parameter_tuning_job(**asked(served, "long", program, 2))
        step = tuning("tune", program, {"x": ["0", "1"]}, strategy="Grid", jobs=2)
        served.create("p", definition(scripted(served, step)))
        arn = served.start("p")
        first = until(lambda: completed(served, 2))
        with served.engine.state.transaction() as db:  # as one that was killed with its engine leaves it
            db.execute(
                "INSERT INTO jobs (kind, name, arn, execution, step, status, request, started) "
                "VALUES ('training-job', 'left', 'left', '', 'long.099', 'InProgress', '{}', '2026-01-01T00:00:00+00:00')"
            )
    door.touch()
    with serving(tmp_path) as served:
        assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
        for name in ("long", named(served.steps(arn)["tune"])):
            counters = ended(served, name)["TrainingJobStatusCounters"]
            assert (counters["Completed"], counters["Stopped"]) == (2, 0), name
        again = {one["TrainingJobName"]: one["TrainingEndTime"] for one in completed(served, 4)}
        assert again.items() >= {one["TrainingJobName"]: one["TrainingEndTime"] for one in first}.items()
        left = find_job(served.engine.state, "training-job", "left")
        assert left is not None
        assert left.status == "Failed"


def completed(served: Served, count: int) -> list[Found]:
    """Return the trainings that are completed, where there are so many."""
    found: list[Found] = served.sagemaker.list_training_jobs(StatusEquals="Completed")["TrainingJobSummaries"]
    return found if len(found) == count else []
