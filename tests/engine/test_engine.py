"""The local engine: real jobs, real failures, what is kept and what is done again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import ApprovalStatus, ExecutionStatus, StepStatus
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.references import Scope, resolve
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.errors import InputProblems
from tests.engine.definitions import CACHED, definition, output_of, run, script, target
from tests.forking import fork
from tests.places import ROOT

OUT = "/opt/ml/processing/output"


def problem(content: bytes) -> str:
    with pytest.raises(InputProblems) as caught:
        load_definition(content)
    return str(caught.value)


# --- the document


def test_order_follows_references_and_depends_on() -> None:
    steps = load_definition(
        definition(
            script("c", "true", DependsOn=["b"]),
            script("b", "true", inputs={"x": output_of("a")}),
            script("a", "true"),
        )
    ).steps
    assert [(step.name, step.before) for step in steps] == [("a", ()), ("b", ("a",)), ("c", ("b",))]


def test_what_the_engine_cannot_run_is_said_before_anything_runs() -> None:
    content = definition(
        {**script("a", "true"), "Surprise": 1},
        script("b", "true", DependsOn=["nope", {"Step": "a", "Trigger": "Failed"}]),
    )
    assert problem(content).splitlines() == [
        "PB501 step 'a': the local engine doesn't support 'Surprise' yet",
        "PB502 step 'b' refers to the step 'nope', which isn't there",
    ]


def test_a_cycle_is_shown() -> None:
    content = definition(script("a", "true", DependsOn=["b"]), script("b", "true", DependsOn=["a"]))
    assert problem(content) in (
        "PB503 the steps depend on each other in a cycle: a >> b >> a",
        "PB503 the steps depend on each other in a cycle: b >> a >> b",
    )


@pytest.mark.parametrize(
    "more",
    [
        {"PropertyFiles": [{}]},
        {"PropertyFiles": 1},
        {"RetryPolicies": [1]},
        {"RetryPolicies": [{"IntervalSeconds": "x"}]},
        {"Type": "Condition", "Arguments": {"IfSteps": [1]}},
        {"Type": "Condition", "Arguments": {"ElseSteps": [{}]}},
        {"Type": "Condition", "Arguments": 1},
    ],
)
def test_broken_parts_of_a_step(more: dict[str, Any]) -> None:
    assert problem(definition({**script("a", "true"), **more})).startswith("PB501 ")


@pytest.mark.parametrize("half", [b"\\ud800", b"\\uDfFf", b"\xed\xa0\x80", b"\\ud83d\\ude00 \\ud83d"])
def test_half_a_character_is_no_text(half: bytes) -> None:
    content = definition(script("a", "echo 'HALF'"))
    load_definition(content.replace(b"HALF", b"\\ud83d\\ude00 \xed\x95\x9c"))
    assert "has text with half a character" in problem(content.replace(b"HALF", half))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"Version": "1", "Steps": []}', b'{"Steps": 1}'])
def test_no_definition(content: bytes) -> None:
    assert problem(content).startswith("PB501 ")


# --- references


def scope() -> Scope:
    result = {"Outputs": [{"OutputName": "a-b", "Uri": "u"}], "Plain": {"Deep": [10, 20]}}
    return Scope(parameters={"P": 3, "B": True}, execution={"PipelineExecutionId": "id"}, results={"s": result})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Get": "Parameters.P"}, 3),
        ({"Get": "Execution.PipelineExecutionId"}, "id"),
        ({"Get": "Steps.s.Outputs['a-b'].Uri"}, "u"),
        ({"Get": "Steps.s.Plain.Deep[1]"}, 20),
        ({"Std:Join": {"On": "-", "Values": ["x", {"Get": "Parameters.P"}, {"Get": "Parameters.B"}]}}, "x-3-true"),
        ([{"a": {"Get": "Parameters.P"}}], [{"a": 3}]),
        ({"Get": "x", "Other": 1}, {"Get": "x", "Other": 1}),
    ],
)
def test_resolve(value: object, expected: object) -> None:
    assert resolve(value, scope()) == expected


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Steps.s.Outputs['nope'].Uri", "the step's result has no 'nope' there"),
        ("Steps.s.Plain.Deep[2]", "the step's result has no '2' there"),
        ("Steps.s.Plain!", "it can't be read from '!' on"),
        ("Parameters.Q", "there is no such parameter or execution variable"),
        ("Nonsense", "there is no such parameter or execution variable"),
    ],
)
def test_references_that_lead_nowhere(path: str, why: str) -> None:
    with pytest.raises(InputProblems) as caught:
        resolve({"Get": path}, scope())
    assert str(caught.value) == f"PB504 the reference '{path}' leads nowhere: {why}"


# --- running


def test_files_travel_along_references(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "x.txt").write_text("hello")
    local = target(tmp_path, bucket=data)
    _, ended, _ = run(
        local,
        definition(
            script(
                "a", f"tr a-z A-Z < /opt/ml/processing/input/d/x.txt > {OUT}/y.txt", inputs={"d": "s3://bucket/deep"}
            ),
            script("b", f"cat /opt/ml/processing/input/a/y.txt > {OUT}/z.txt", inputs={"a": output_of("a")}),
        ),
    )
    assert ended.status is ExecutionStatus.SUCCEEDED
    assert local.store.get(f"s3://local/out/{ended.id}/b/z.txt") == b"HELLO"


def test_a_job_cannot_change_the_data_it_reads(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_text("kept")
    local = target(tmp_path, bucket=tmp_path / "data")
    run(
        local,
        definition(script("a", "echo gone > /opt/ml/processing/input/d/x.txt", inputs={"d": "s3://bucket/x.txt"})),
    )
    assert (tmp_path / "data" / "x.txt").read_text() == "kept"


@pytest.mark.long
def test_a_failing_step_and_what_does_not_depend_on_it(tmp_path: Path) -> None:
    local = target(tmp_path)
    _, ended, steps = run(
        local,
        definition(
            script("bad", "echo first; echo the reason >&2; exit 3"),
            script("after", "true", DependsOn=["bad"]),
            script("other", f"sleep 0.3; echo done > {OUT}/x"),
        ),
    )
    assert ended.status is ExecutionStatus.FAILED
    assert ended.failure_reason == "steps failed: bad"
    assert {name: state.status for name, state in steps.items()} == {
        "bad": StepStatus.FAILED, "after": StepStatus.WAITING, "other": StepStatus.SUCCEEDED,
    }  # fmt: skip
    assert steps["bad"].failure_reason == "first\nthe reason"
    assert local.pipelines.read_log(ended.arn, "bad") == "first\nthe reason\n"


def test_data_that_is_not_there(tmp_path: Path) -> None:
    local = target(tmp_path, bucket=tmp_path / "nowhere")
    _, _, steps = run(local, definition(script("a", "true", inputs={"d": "s3://bucket/x"})))
    assert steps["a"].failure_reason.startswith(f"PB520 there is no data at 's3://bucket/x'; looked for in {tmp_path}")


@pytest.mark.parametrize("path", ["/etc/x", "/opt/ml/../../etc/x", "relative"])
def test_paths_outside_of_opt_ml_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_text("")
    step = script("a", "true", inputs={"d": "s3://bucket/x.txt"})
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["LocalPath"] = path
    with pytest.raises(InputProblems) as refused:
        run(target(tmp_path, bucket=tmp_path / "data"), definition(step))
    assert str(refused.value).startswith(f"PB524 step 'a': the path '{path}' is outside of /opt/ml")


@pytest.mark.long
def test_a_job_over_its_maximum_run_time(tmp_path: Path) -> None:
    step = script("a", "sleep 30")
    step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    started = time.monotonic()
    _, _, steps = run(target(tmp_path), definition(step))
    assert steps["a"].failure_reason == "the job ran longer than its maximum run time of 1 s and was stopped"
    assert time.monotonic() - started < 15


def test_ready_steps_run_at_once(tmp_path: Path) -> None:
    # Each waits for the other's file in a place that both see: one after the other they would never end.
    meet = tmp_path / "meet"
    meet.mkdir()
    wait = "touch {0}/{1}; n=0; until [ -e {0}/{2} ]; do sleep 0.05; n=$((n+1)); [ $n -lt 200 ] || exit 1; done"
    steps = [script("a", wait.format(meet, "a", "b")), script("b", wait.format(meet, "b", "a"))]
    assert run(target(tmp_path, jobs=2), definition(*steps))[1].status is ExecutionStatus.SUCCEEDED


# --- the step cache


@pytest.mark.long
def test_cache_hits_and_misses(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "x.txt").write_text("1")
    local = target(tmp_path, bucket=data)
    content = definition(
        script("a", f"cat /opt/ml/processing/input/d/* > {OUT}/y", inputs={"d": "s3://bucket/x.txt"}, **CACHED),
        script("b", f"cat /opt/ml/processing/input/a/y > {OUT}/z", inputs={"a": output_of("a")}, **CACHED),
        script("c", "true"),
    )
    _, first, _ = run(local, content)
    _, _, again = run(local, content, again=True)
    assert {n: s.cache_hit for n, s in again.items()} == {"a": first.arn, "b": first.arn, "c": ""}
    _, _, anew = run(local, content, rerun=True)
    assert {n: s.cache_hit for n, s in anew.items()} == {"a": "", "b": "", "c": ""}
    (data / "x.txt").write_text("2")  # new data behind the same address
    reasons = {p.step: (p.hit, p.reason) for p in local.pipelines.predict_cache("p", content, {})}
    assert reasons["a"] == (False, "changed: input 'd'")
    assert reasons["b"] == (False, "after 'a', which runs")
    assert reasons["c"] == (False, "the cache is off for this step")
    _, third, steps = run(local, content)
    assert {n: s.cache_hit for n, s in steps.items()} == {"a": "", "b": "", "c": ""}
    assert local.store.get(f"s3://local/out/{third.id}/b/z") == b"2"


@pytest.mark.long
def test_a_new_output_is_not_in_an_old_result(tmp_path: Path) -> None:
    local = target(tmp_path)
    one = script("a", f"mkdir -p {OUT} {OUT}2; echo x > {OUT}2/y", **CACHED)
    run(local, definition(one))
    both = json.loads(json.dumps(one))
    outputs = both["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    outputs.append({"OutputName": "new", "S3Output": {"S3Uri": "s3://local/new", "LocalPath": f"{OUT}2"}})
    new = {"Get": "Steps.a.ProcessingOutputConfig.Outputs['new'].S3Output.S3Uri"}
    content = definition(both, script("b", "true", inputs={"new": new}))
    assert local.pipelines.predict_cache("p", content, {})[0].reason == "changed: outputs"
    assert run(local, content)[1].status is ExecutionStatus.SUCCEEDED


def test_an_entry_whose_files_are_gone_does_not_answer(tmp_path: Path) -> None:
    local = target(tmp_path)
    content = definition(script("a", f"echo x > {OUT}/y", **CACHED))
    _, first, _ = run(local, content)
    (tmp_path / "state" / "store" / "local" / "out" / first.id / "a" / "y").write_text("changed by hand")
    _, _, steps = run(local, content, again=True)
    assert steps["a"].cache_hit == ""


@pytest.mark.long
def test_an_expired_entry_does_not_answer(tmp_path: Path) -> None:
    local = target(tmp_path)
    content = definition(script("a", f"echo x > {OUT}/y", CacheConfig={"Enabled": True, "ExpireAfter": "PT1S"}))
    run(local, content)
    time.sleep(1.1)
    assert run(local, content, again=True)[2]["a"].cache_hit == ""


# --- the same again, interrupted, killed


@pytest.mark.long
def test_nothing_changed_is_recognised(tmp_path: Path) -> None:
    local = target(tmp_path)
    content = definition(script("a", "true"))
    _, first, _ = run(local, content)
    assert [run(local, content)[0].origin, run(local, content, rerun=True)[0].origin] == ["unchanged", "started"]
    assert run(local, definition(script("a", "exit 0")))[0].origin == "started"
    assert first.arn != run(local, content)[1].arn


def test_a_commit_alone_changes_nothing(tmp_path: Path) -> None:
    model = {
        "Name": "r",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "g",
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://local/m"}]},
            "MetadataProperties": {"CommitId": {"Get": "Parameters.Commit"}},
        },
    }
    parameters = [{"Name": name, "Type": "String", "DefaultValue": "x"} for name in ("Commit", "Mode")]
    content = definition(script("a", "true"), model, Parameters=parameters)
    decisive = json.loads(content)
    decisive["Steps"][0]["Arguments"]["Environment"] = {"MODE": {"Get": "Parameters.Mode"}}
    content = json.dumps(decisive).encode()
    local = target(tmp_path)
    run(local, content, Commit="1")
    assert run(local, content, Commit="2")[0].origin == "unchanged"
    assert run(local, content, Mode="y")[0].origin == "started"
    assert [p.metadata["CommitId"] for p in local.registry.list_packages("g")] == ["x", "1"]


@pytest.mark.long
def test_killed_in_the_middle_and_repeated(tmp_path: Path) -> None:
    count = tmp_path / "count"
    content = definition(
        script("a", f"echo a >> {count}"),
        script("b", f"echo b >> {count}; sleep 5; echo late >> {count}", DependsOn=["a"]),
        script("c", f"echo c >> {count}", DependsOn=["b"]),
    )
    (tmp_path / "d.json").write_bytes(content)
    code = f"""
from pathlib import Path
from tests.engine.definitions import run, target
run(target(Path({str(tmp_path)!r})), Path({str(tmp_path / "d.json")!r}).read_bytes())
"""
    process = fork(["-c", code], cwd=ROOT, environment=os.environ, start_new_session=True)
    deadline = time.monotonic() + 30
    while (not count.exists() or "b" not in count.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)
    local = target(tmp_path)
    (interrupted,) = local.pipelines.list_executions()
    assert interrupted.status is ExecutionStatus.EXECUTING
    begun, ended, steps = run(local, content.replace(b"sleep 5", b"sleep 5"))
    assert (begun.origin, begun.execution.arn, ended.status) == (
        "continued",
        interrupted.arn,
        ExecutionStatus.SUCCEEDED,
    )
    assert count.read_text().split() == ["a", "b", "b", "late", "c"]  # no "late" of the killed job
    assert steps["b"].attempts == 2


def test_ctrl_c_stops_every_job_and_the_next_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    content = definition(
        script("a", "true"),
        script("b", f"[ ! -e {tmp_path}/go ] || sleep 60", DependsOn=["a"]),
    )
    (tmp_path / "d.json").write_bytes(content)
    code = f"""
from pathlib import Path
from tests.engine.definitions import run, target
run(target(Path({str(tmp_path)!r})), Path({str(tmp_path / "d.json")!r}).read_bytes())
"""
    process = fork(["-c", code], cwd=ROOT, environment=os.environ, start_new_session=True)
    local = target(tmp_path)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = local.pipelines.list_executions()
        if found and local.pipelines.list_steps(found[0].arn)[1].status is StepStatus.EXECUTING:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    (stopped,) = local.pipelines.list_executions()
    assert stopped.status is ExecutionStatus.STOPPED
    assert [s.status for s in local.pipelines.list_steps(stopped.arn)] == [StepStatus.SUCCEEDED, StepStatus.STOPPED]
    (tmp_path / "go").unlink()
    begun, ended, _ = run(local, content)
    assert (begun.origin, ended.arn, ended.status) == ("continued", stopped.arn, ExecutionStatus.SUCCEEDED)


@pytest.mark.long
def test_two_processes_never_run_the_same_execution(tmp_path: Path) -> None:
    count = tmp_path / "count"
    content = definition(script("a", f"echo x >> {count}; sleep 0.7"))
    local = target(tmp_path)
    deployed = local.pipelines.put_pipeline("p", content)
    execution = local.pipelines.start_execution("p", deployed.version, {}, fingerprint="f")
    seen: list[str] = []
    threads = [
        threading.Thread(
            target=target(tmp_path).pipelines.follow_execution,
            args=(execution.arn, lambda state: seen.append(state.status.value)),
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.read_text().split() == ["x"]
    assert seen.count("Executing") >= 2  # the one that ran it, and at least one that watched


@pytest.mark.long
def test_who_watches_what_is_stopped_does_not_go_on_with_it(tmp_path: Path) -> None:
    local = target(tmp_path)
    deployed = local.pipelines.put_pipeline("p", definition(script("a", "sleep 60")))
    execution = local.pipelines.start_execution("p", deployed.version, {}, fingerprint="f")
    going, ends = [threading.Event(), threading.Event()], list[ExecutionStatus]()

    def follow(number: int) -> None:
        pipelines = target(tmp_path).pipelines
        ends.append(pipelines.follow_execution(execution.arn, lambda _: going[number].set()).status)

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    assert all(event.wait(30) for event in going)
    local.pipelines.stop_execution(execution.arn)
    for thread in threads:
        thread.join(10)
    assert ends == [ExecutionStatus.STOPPED] * 2


# --- the registry, archives


def test_registering_is_repeatable_and_approvals_are_kept(tmp_path: Path) -> None:
    registry = target(tmp_path).registry
    request = {
        "ModelPackageGroupName": "g",
        "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://local/m"}]},
    }
    one = registry.register(request, execution="e1", step="r")  # type: ignore[attr-defined] # the engine's own
    assert registry.register(request, execution="e1", step="r") == one  # type: ignore[attr-defined] # the engine's own
    assert registry.register(request, execution="e2", step="r").version == 2  # type: ignore[attr-defined] # its own
    for _ in range(2):
        registry.set_approval(one.arn, ApprovalStatus.APPROVED, description="good", metadata={"k": "v"}, by="ada")
    (change,) = registry.list_approvals()
    assert (change.before.value, change.after.value, change.by) == ("PendingManualApproval", "Approved", "ada")
    assert registry.describe_package(one.arn).metadata == {"k": "v"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_archives_that_leave_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(InputProblems, match="PB525"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("x" * 300,), ("d/" * 3000 + "x",)])
def test_archives_whose_entries_cannot_be_files_fail_their_step(tmp_path: Path, names: tuple[str, ...]) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(InputProblems, match="PB525 the archive entry"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")


@pytest.mark.parametrize(
    "uri", ["s3://b/../x", "s3://../x", "s3://b/a/../../x", "http://b/x", "s3://b//x", "/etc/passwd"]
)
def test_addresses_that_leave_the_store_are_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputProblems, match="PB521"):
        target(tmp_path).store.put(uri, b"")
