"""Lambda steps: the repository's handler runs as a job, with event and answer as Lambda and SageMaker have them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.descriptions import StepStatus
from pipeline_builder.engine.jobs.functions import wrong_outputs
from pipeline_builder.errors import InputProblems
from pipeline_builder.target import Target
from tests.engine.definitions import CACHED, definition, run, script, target

ARN = "arn:aws:lambda:local:000000000000:function:svc-fn-ask"
CODE = "s3://local/code/ask/sourcedir.tar.gz"
HANDLER = """\
import os
import threading
import time

import beside


def handler(event, context):
    if event.get("fails"):
        raise ValueError("no rows in " + event["day"])
    if event.get("half"):
        raise ValueError(chr(0xD800))
    if event.get("sleeps"):
        time.sleep(60)
    if event.get("answers"):
        return event["answers"]
    if event.get("size"):
        return {"day": "x" * event["size"], "rows": 1, "mode": "x"}
    if event.get("share"):
        return {"day": "x", "rows": 1, "mode": "x", "share": float(event["share"])}
    if event.get("leaves"):
        threading.Thread(target=time.sleep, args=(60,)).start()
    assert context.invoked_function_arn.endswith(":svc-fn-ask") and context.get_remaining_time_in_millis() > 0
    print("called with", sorted(event))
    return {"day": event["day"].upper(), "rows": len(event), "mode": os.environ["MODE"] + beside.WORD, "more": None}
"""


def ask(name: str = "Ask", outputs: dict[str, str] | None = None, **inputs: Any) -> dict[str, Any]:
    own = {"smp_code": CODE, "smp_handler": "deep/ask.py:handler", "smp_timeout": 30, "smp_env_MODE": "fast"}
    declared = outputs or {"day": "String", "rows": "Integer", "mode": "String"}
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": ARN,
        "Arguments": {"day": "monday", **own, **inputs},
        "OutputParameters": [{"OutputName": key, "OutputType": kind} for key, kind in declared.items()],
    }


def prepared(folder: Path) -> Target:
    local = target(folder)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("deep/ask.py", HANDLER), ("beside.py", "WORD = '!'\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    local.store.put(CODE, content.getvalue())
    return local


def output(step: str, name: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.OutputParameters['{name}']"}


def test_the_handler_gets_its_inputs_and_its_outputs_go_on(tmp_path: Path) -> None:
    local = prepared(tmp_path)
    value = {"Std:Join": {"On": "-", "Values": [output("Ask", "day"), output("Ask", "rows"), output("Ask", "mode")]}}
    after = script("After", 'echo "$TOLD"; test "$TOLD" = MONDAY-1-fast!')
    after["Arguments"]["Environment"] = {"TOLD": value}
    _, ended, steps = run(local, definition(ask(), after))
    assert ended.status.value == "Succeeded", ended.failure_reason
    assert steps["Ask"].metadata == {"Lambda": ARN}
    assert "called with ['day']" in local.pipelines.read_log(ended.arn, "Ask")


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"fails": True}, f"Lambda function {ARN} failed: ValueError: no rows in monday"),
        ({"half": True}, f"Lambda function {ARN} failed: ValueError: \\ud800"),
        ({"answers": {"day": "x"}}, "the output parameter 'rows' is not in the answer, which has: day"),
        ({"answers": {"day": 1, "rows": True, "mode": "x"}}, "'day' is int, expected String; the output parameter"),
        ({"answers": "text"}, "its answer is no mapping of output parameters"),
        ({"size": 7 << 20}, "its answer has more than the 6291456 bytes that are taken"),
        ({"share": "nan"}, "its answer is no mapping of output parameters"),
        ({"smp_timeout": "soon"}, "'smp_timeout' is 'soon', expected seconds, at most 600"),
        ({"smp_timeout": "1e999"}, "'smp_timeout' is '1e999', expected seconds"),
        ({"sleeps": True, "smp_timeout": 1}, f"Lambda function {ARN}: Task timed out after 1.00 seconds"),
    ],
)
def test_a_failure_says_why(tmp_path: Path, inputs: dict[str, Any], reason: str) -> None:
    _, ended, steps = run(prepared(tmp_path), definition(ask(**inputs)))
    assert ended.status.value == "Failed"
    assert reason in steps["Ask"].failure_reason


def test_an_output_with_half_a_character_is_none() -> None:
    assert wrong_outputs({"day": "String"}, {"day": "\U0001f600"}) == []
    (why,) = wrong_outputs({"day": "String", "rows": "Integer"}, {"day": "\ud800", "rows": 1})
    assert why == "the output parameter 'day' has half a character (a lone surrogate), expected Unicode text"


@pytest.mark.long
def test_a_cached_call_is_answered_by_the_cache_until_an_input_is_another(tmp_path: Path) -> None:
    local = prepared(tmp_path)
    run(local, definition({**ask(), **CACHED}))
    _, _, steps = run(local, definition({**ask(), **CACHED}), again=True)
    assert steps["Ask"].cache_hit
    _, _, steps = run(local, definition({**ask(day="friday"), **CACHED}))
    assert steps["Ask"].status is StepStatus.SUCCEEDED
    assert not steps["Ask"].cache_hit


@pytest.mark.long
def test_inputs_may_have_the_names_of_what_other_types_have(tmp_path: Path) -> None:
    local = prepared(tmp_path)
    names = ("NetworkConfig", "Environment", "TransformOutput", "InputDataConfig", "packages", "FunctionArn")
    one, other = dict.fromkeys(names, "x"), dict.fromkeys(names, "y")
    _, ended, steps = run(local, definition({**ask(**one, outputs={"day": "String"}), **CACHED}))
    assert ended.status.value == "Succeeded", steps["Ask"].failure_reason
    for name in names:
        inputs = {**one, name: other[name]}
        _, _, steps = run(local, definition({**ask(**inputs, outputs={"day": "String"}), **CACHED}), again=True)
        assert not steps["Ask"].cache_hit, name


@pytest.mark.long
def test_a_parameter_decides_whatever_its_input_is_called(tmp_path: Path) -> None:
    local = prepared(tmp_path)
    day = [{"Name": "Day", "Type": "String", "DefaultValue": "x"}]
    content = definition(ask(Tags={"Get": "Parameters.Day"}), Parameters=day)
    origins = [run(local, content, Day=value)[0].origin for value in ("x", "y", "y")]
    assert origins == ["started", "started", "unchanged"]


def test_a_thread_that_a_handler_leaves_is_not_waited_for(tmp_path: Path) -> None:
    _, ended, steps = run(prepared(tmp_path), definition(ask(leaves=True, smp_timeout=20)))
    assert ended.status.value == "Succeeded", steps["Ask"].failure_reason


def test_a_function_on_aws_needs_a_stub_before_anything_runs(tmp_path: Path) -> None:
    other = {"Name": "Other", "Type": "Lambda", "FunctionArn": ARN, "Arguments": {}, "OutputParameters": []}
    local = prepared(tmp_path)
    with pytest.raises(InputProblems, match="is on AWS alone, so it can't be called here") as raised:
        run(local, definition(script("First", "true"), other))
    assert [problem.id for problem in raised.value.problems] == ["PB501"]
    assert local.pipelines.list_executions() == ()
