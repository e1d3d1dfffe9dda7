"""Executions by boto3 over HTTP: started once, listed, stopped, tried again, gone on with by the next server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engine.definitions import (
    CACHED,
    compare,
    condition,
    definition,
    fail,
    measured,
    output_of,
    read_report,
    script,
)
from tests.serve.serving import Served, refused, serving, until

PARAMETERS = [
    {"Name": "Word", "Type": "String", "DefaultValue": "hello"},
    {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
]
FAILED = "Step failure: One or multiple steps failed"
WRITE = "echo hello > /opt/ml/processing/output/word.txt"
READ = "cat /opt/ml/processing/input/word/word.txt"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


def chain() -> bytes:
    return definition(
        script("Write", WRITE),
        script("Read", READ, inputs={"word": output_of("Write")}),
        Parameters=PARAMETERS,
    )


def waiting(folder: Path, name: str = "Wait") -> dict[str, Any]:
    """Return a step that goes on until the folder has a file `open`."""
    return script(name, f"while [ ! -e {folder}/open ]; do sleep 0.1; done")


def running(served: Served, arn: str, step: str = "Wait") -> bool:
    return status_of(served, arn, step) == "Executing"


def status_of(served: Served, arn: str, step: str) -> str | None:
    """Return the step's status; None where it isn't listed yet."""
    status: str | None = served.steps(arn).get(step, {}).get("StepStatus")
    return status


@pytest.mark.long
def test_an_execution_runs_its_steps_and_tells_of_them(served: Served) -> None:
    served.create("p", chain())
    arn = served.start("p", PipelineExecutionDisplayName="mine", PipelineExecutionDescription="why")
    found = served.end(arn)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    assert (found["PipelineExecutionDisplayName"], found["PipelineExecutionDescription"]) == ("mine", "why")
    assert found["PipelineVersionId"] == 1
    listed = served.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    steps = listed["PipelineExecutionSteps"]
    assert [(step["StepName"], step["StepStatus"], step["AttemptCount"]) for step in steps] == [
        ("Write", "Succeeded", 1),
        ("Read", "Succeeded", 1),
    ]
    assert all(step["Metadata"]["ProcessingJob"]["Arn"].startswith("arn:aws:sagemaker:us-east-1:") for step in steps)
    assert any("Succeeded" in line for line in until(lambda: served.said))


@pytest.mark.long
def test_a_start_with_the_same_token_is_the_same_execution(served: Served) -> None:
    served.create("p", chain())
    token = "once" * 8
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: served.start("p", ClientRequestToken=token), range(8)))
    assert len(arns) == 1
    with refused("ConflictException", "was used with another"):
        served.start("p", ClientRequestToken=token, PipelineExecutionDescription="another")
    served.end(*arns)
    assert len(served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]) == 1


@pytest.mark.long
def test_a_version_is_started_by_its_number_or_alias(served: Served) -> None:
    contents = [definition(script("A", f"echo {number}")) for number in (1, 2)]
    served.create("p", contents[0], PipelineVersionAliases=["live"])
    served.sagemaker.update_pipeline(PipelineName="p", PipelineDefinition=contents[1].decode())
    arns = [served.start("p"), served.start("p", PipelineVersionAlias="live"), served.start("p", PipelineVersionId=1)]
    ran = [
        served.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
        for arn in arns
    ]
    assert [content.encode() for content in ran] == [contents[1], contents[0], contents[0]]
    assert [served.end(arn)["PipelineVersionId"] for arn in arns] == [2, 1, 1]
    with refused("ResourceNotFound", "no version with the id 3"):
        served.start("p", PipelineVersionId=3)
    listed = served.sagemaker.list_pipeline_executions(PipelineName="p", PipelineVersionAlias="live")
    assert {item["PipelineExecutionArn"] for item in listed["PipelineExecutionSummaries"]} == {*arns[1:]}


@pytest.mark.long
def test_parameters_are_listed_with_their_defaults(served: Served) -> None:
    served.create("p", chain())
    arn = served.start("p", PipelineParameters=[{"Name": "Count", "Value": "4"}])
    pages = served.sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
        PipelineExecutionArn=arn, PaginationConfig={"PageSize": 1}
    )
    found = [item for page in pages for item in page["PipelineParameters"]]
    assert found == [{"Name": "Count", "Value": "4"}, {"Name": "Word", "Value": "hello"}]
    served.end(arn)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([{"Name": "Other", "Value": "1"}], "Other"),
        ([{"Name": "Count", "Value": "many"}], "Count"),
        ([{"Name": "Count", "Value": "1"}, {"Name": "Count", "Value": "2"}], "more than once"),
    ],
)
def test_parameters_that_do_not_fit_start_nothing(served: Served, given: list[dict[str, str]], text: str) -> None:
    served.create("p", chain())
    with refused("ValidationException", text):
        served.start("p", PipelineParameters=given)
    assert served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"] == []


def test_steps_are_listed_in_pages(served: Served) -> None:
    served.create("p", definition(*(fail(f"F{number}", f"no {number}") for number in range(25))))
    arn = served.start("p")
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    pages = [
        [step["StepName"] for step in page["PipelineExecutionSteps"]]
        for page in served.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, PaginationConfig={"PageSize": 10}
        )
    ]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert {name for page in pages for name in page} == {f"F{number}" for number in range(25)}


def test_executions_are_listed_in_pages(served: Served) -> None:
    served.create("p", definition(fail("A")))
    arns = [served.start("p") for _ in range(5)]
    for arn in arns:
        served.end(arn)
    pages = served.sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName="p", PaginationConfig={"PageSize": 2}
    )
    listed = [item for page in pages for item in page["PipelineExecutionSummaries"]]
    assert [item["PipelineExecutionArn"] for item in listed] == arns[::-1]
    assert {item["PipelineExecutionStatus"] for item in listed} == {"Failed"}


@pytest.mark.long
def test_a_failed_step_says_why_and_what_depends_on_it_is_not_listed(served: Served) -> None:
    served.create(
        "p",
        definition(
            script("Bad", "echo 'the disk is full' >&2; exit 7"),
            script("After", "true", DependsOn=["Bad"]),
            script("Other", "true"),
        ),
    )
    arn = served.start("p")
    found = served.end(arn)
    assert (found["PipelineExecutionStatus"], found["FailureReason"]) == ("Failed", FAILED)
    steps = served.steps(arn)
    assert {name: step["StepStatus"] for name, step in steps.items()} == {"Bad": "Failed", "Other": "Succeeded"}
    assert steps["Bad"]["FailureReason"] == "ClientError: AlgorithmError: the disk is full"
    name = steps["Bad"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    job = served.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert (job["FailureReason"], job["ExitMessage"]) == ("AlgorithmError: the disk is full", "the disk is full")


@pytest.mark.long
def test_conditions_and_fail_steps_show_their_outcome(served: Served) -> None:
    served.create(
        "p",
        definition(
            measured("Measure", '{"mae": 0.2}'),
            condition(
                "Good",
                compare("LessThanOrEqualTo", read_report("Measure", "mae"), 0.1),
                then=[script("Then", "true")],
                otherwise=[fail("Else", "too bad")],
            ),
        ),
    )
    arn = served.start("p")
    assert served.end(arn)["FailureReason"] == FAILED
    steps = served.steps(arn)
    assert steps.keys() == {"Measure", "Good", "Else"}
    assert steps["Good"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert steps["Else"]["Metadata"] == {"Fail": {"ErrorMessage": "too bad"}}


@pytest.mark.long
def test_a_cached_step_names_the_execution_that_ran_it(served: Served) -> None:
    served.create("p", definition(script("A", WRITE, **CACHED)))
    first = served.start("p")
    served.end(first)
    second = served.start("p")
    served.end(second)
    assert served.steps(second)["A"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}


@pytest.mark.long
def test_an_execution_is_stopped_and_tried_again(served: Served, tmp_path: Path) -> None:
    served.create(
        "p", definition(script("Before", WRITE), waiting(tmp_path), script("After", "true", DependsOn=["Wait"]))
    )
    arn = served.start("p")
    until(lambda: running(served, arn) and served.steps(arn).get("Before", {}).get("StepStatus") == "Succeeded")
    with refused("ConflictException", "is Executing"):
        served.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    for _ in range(2):  # the same token again is answered as before
        served.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
    assert served.end(arn)["PipelineExecutionStatus"] == "Stopped"
    steps = served.steps(arn)
    assert {name: step["StepStatus"] for name, step in steps.items()} == {"Before": "Succeeded", "Wait": "Stopped"}
    name = steps["Wait"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    assert served.sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped"
    with refused("ValidationException", "Only pipelines with 'Executing' status can be stopped"):
        served.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    (tmp_path / "open").touch()
    for _ in range(2):
        served.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
    assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    attempts = {name: step["AttemptCount"] for name, step in served.steps(arn).items()}
    assert attempts == {"Before": 1, "Wait": 2, "After": 1}
    with refused("ValidationException", "only Failed and Stopped"):
        served.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)


@pytest.mark.long
def test_a_failed_execution_goes_on_where_it_failed(served: Served, tmp_path: Path) -> None:
    served.create(
        "p", definition(script("Before", WRITE), script("Try", f"test -e {tmp_path}/open", DependsOn=["Before"]))
    )
    arn = served.start("p")
    assert served.end(arn)["PipelineExecutionStatus"] == "Failed"
    (tmp_path / "open").touch()
    served.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    found = served.end(arn)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    assert "FailureReason" not in found
    assert {name: step["AttemptCount"] for name, step in served.steps(arn).items()} == {"Before": 1, "Try": 2}


@pytest.mark.long
def test_selected_steps_run_with_what_an_earlier_execution_made(served: Served) -> None:
    served.create("p", chain())
    selected = {"SelectedSteps": [{"StepName": "Read"}]}
    with refused("ValidationException", "needs the step 'Write', which is not selected"):
        served.start("p", SelectiveExecutionConfig=selected)
    source = served.start("p")
    served.end(source)
    arn = served.start("p", SelectiveExecutionConfig=selected)
    found = served.end(arn)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    assert found["SelectiveExecutionConfig"] == {**selected, "SourcePipelineExecutionArn": source}
    steps = served.steps(arn)
    assert steps["Write"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert "SelectiveExecutionResult" not in steps["Read"]
    assert steps["Read"]["StartTime"] > steps["Write"]["EndTime"]
    with refused("ValidationException", "no step 'None'"):
        served.start("p", SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "None"}]})
    with refused("ValidationException", "there is no execution"):
        served.start("p", SelectiveExecutionConfig={**selected, "SourcePipelineExecutionArn": f"{source}x"})


def test_an_execution_is_described_anew(served: Served) -> None:
    served.create("p", definition(fail("A")))
    arn = served.start("p")
    served.end(arn)
    served.sagemaker.update_pipeline_execution(PipelineExecutionArn=arn, PipelineExecutionDisplayName="renamed")
    found = served.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert found["PipelineExecutionDisplayName"] == "renamed"
    served.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert served.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_what_is_not_there_is_not_found(served: Served) -> None:
    arn = served.create("p", definition(fail("A"))) + "/execution/000000000000"
    client = served.sagemaker
    with refused("ResourceNotFound", "does not exist"):
        served.start("q")
    for operation in (
        client.describe_pipeline_execution,
        client.describe_pipeline_definition_for_execution,
        client.list_pipeline_execution_steps,
        client.list_pipeline_parameters_for_execution,
        client.update_pipeline_execution,
        client.stop_pipeline_execution,
        client.retry_pipeline_execution,
    ):
        with refused("ResourceNotFound", "does not exist"):
            operation(PipelineExecutionArn=arn)
    with refused("ResourceNotFound", "does not exist"):
        client.list_pipeline_executions(PipelineName="q")


@pytest.mark.long
def test_at_most_so_many_go_on_at_once(served: Served, tmp_path: Path) -> None:
    served.create("p", definition(waiting(tmp_path)))
    arns = [served.start("p") for _ in range(20)]
    with refused("ResourceLimitExceeded", "20 executions go on already"):
        served.start("p")
    with refused("ConflictException", "executions that go on"):
        served.sagemaker.delete_pipeline(PipelineName="p", ClientRequestToken="d" * 32)
    (tmp_path / "open").touch()
    assert {served.end(arn)["PipelineExecutionStatus"] for arn in arns} == {"Succeeded"}


@pytest.mark.long
def test_so_many_steps_at_once_as_asked(served: Served, tmp_path: Path) -> None:
    (tmp_path / "at").mkdir()
    (tmp_path / "count.sh").write_text(
        f"touch {tmp_path}/at/$1\nls {tmp_path}/at | wc -l >> {tmp_path}/seen\nsleep 0.2\nrm {tmp_path}/at/$1\n"
    )
    steps = [script(f"S{number}", f"sh {tmp_path}/count.sh {number}") for number in range(3)]
    served.create("p", definition(*steps), ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    arn = served.start("p")
    assert served.end(arn)["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 1}
    assert (tmp_path / "seen").read_text().split() == ["1", "1", "1"]


@pytest.mark.long
def test_the_next_server_goes_on_with_what_was_on_its_way(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.create(
            "p", definition(script("Before", WRITE), waiting(tmp_path), script("After", "true", DependsOn=["Wait"]))
        )
        arn = served.start("p")
        until(lambda: running(served, arn) and status_of(served, arn, "Before") == "Succeeded")
    (tmp_path / "open").touch()
    with serving(tmp_path) as served:
        assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
        steps = served.steps(arn)
    assert {name: step["StepStatus"] for name, step in steps.items()} == dict.fromkeys(
        ("Before", "Wait", "After"), "Succeeded"
    )
    assert steps["Before"]["AttemptCount"] == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("execution-")]


def test_a_fail_step_without_a_message_has_no_reason(served: Served) -> None:
    served.create("p", definition(fail("End", "")))
    ended = served.end(served.start("p"))
    step = served.steps(ended["PipelineExecutionArn"])["End"]
    assert ("FailureReason" in step, step["Metadata"]) == (False, {"Fail": {"ErrorMessage": ""}})
    [listed] = served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    assert listed["PipelineExecutionFailureReason"] == FAILED


@pytest.mark.long
def test_a_stop_that_the_server_did_not_live_to_do_is_done_by_the_next(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.create("p", definition(waiting(tmp_path)))
        arn = served.start("p")
        until(lambda: running(served, arn))
    with served.engine.state.transaction() as db:
        db.execute("UPDATE executions SET status = 'Stopping'")
    with serving(tmp_path) as served:
        assert served.end(arn)["PipelineExecutionStatus"] == "Stopped"


def test_what_cannot_be_done_here_is_refused_at_the_start_and_not_before(served: Served) -> None:
    """SageMaker takes such a pipeline; this machine can't run it, and says so before any step has run."""
    step = script("Second", "true", DependsOn=["First"])
    step["Arguments"]["ProcessingInputs"] = [
        {"InputName": "x", "AppManaged": True, "S3Input": {"S3Uri": "s3://bucket/x", "S3DataType": "S3Prefix"}}
    ]
    served.create("p", definition(script("First", WRITE), step))
    with refused("ValidationException", "PB560 step 'Second': 'ProcessingInputs[0].AppManaged'"):
        served.start("p")
    assert served.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"] == []


def test_what_has_no_effect_is_said_at_the_start(served: Served) -> None:
    step = script("Count", "true")
    step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 3
    served.create("p", definition(step))
    arn = served.start("p")
    served.end(arn)
    assert [line for line in served.said if "'InstanceCount' 3: one instance is played here" in line]


def test_a_secret_is_refused_at_the_start(served: Served) -> None:
    """Jobs that are started over the API get none; that isn't found out by the last step."""
    step = script("Second", "true", DependsOn=["First"])
    step["Arguments"]["Environment"] = {"SMP_SECRET_HF_TOKEN": "secretsmanager:team/hf"}
    served.create("p", definition(script("First", WRITE), step))
    with refused("ValidationException", "PB543 step 'Second': the job asks for the secret 'secretsmanager:team/hf'"):
        served.start("p")
