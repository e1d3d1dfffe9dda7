"""The room of factories, with programs in it that mean ill; none of them needs the SDK."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.bundle import Bundler
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.sdk.inside import images
from pipeline_builder.sdk.room import Left, Room, watched
from tests.engine.environments import share_environment

GIVEN = {"bucket": "local", "prefix": "tiny/churn", "region": "us-east-1"}
ANSWER = "open('/opt/ml/output/steps.json', 'w').write({})\n"


def run(folder: Path, program: str, *, seconds: float = 60.0) -> Left:
    share_environment(folder / "state")
    (folder / "state" / "state.db").touch()
    (folder / "hidden").mkdir()
    (python,) = (folder / "state" / "envs").glob("*/bin/python")
    (folder / "code").mkdir()
    (folder / "code" / "steps.py").write_text("print()\n")
    (folder / "inside").mkdir()
    (folder / "inside" / "factory.py").write_text(program)
    room = Room(
        folder=folder / "state" / "factories",
        hidden=(folder / "state", folder / "hidden"),
        seconds=seconds,
        program=folder / "inside" / "factory.py",
        report=pytest.fail,
    )
    code = Bundler().bundle(folder / "code", entry_point="steps.py")
    given = {**GIVEN, "paths": [str(folder / name) for name in ("state/store", "state/state.db", "hidden", "code")]}
    with room.run("churn", python, code, given) as left:
        found = Left(
            answer=left.answer,
            objects=dict(left.objects),
            ended=left.ended,
            said=left.said,
        )
    assert [*(folder / "state" / "factories").iterdir()] == []
    return found


LOOK = """
import json, os, socket, sys, urllib.request
found = {"code": os.listdir(), "variables": sorted(os.environ), "seen": []}
for path in json.load(open("/opt/ml/input/given.json"))["paths"]:
    found["seen"].append(os.path.exists(path))
try:
    socket.create_connection(("%s", %d), timeout=3)
    found["network"] = True
except OSError as error:
    found["network"] = False
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"], timeout=5)
except urllib.error.HTTPError as error:
    found["server"] = error.code
open("/opt/ml/output/steps.json", "w").write(json.dumps(found))
"""


@pytest.fixture(name="listening")
def _listening() -> Iterator[tuple[str, int]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()


def test_it_sees_its_code_and_reaches_its_server_alone(
    tmp_path: Path, listening: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "GIT_TOKEN"):
        monkeypatch.setenv(name, "secret")
    found: dict[str, Any] = json.loads(run(tmp_path, LOOK % listening).answer)
    assert found["code"] == ["steps.py"]
    assert not any(found["seen"])
    assert (found["network"], found["server"]) == (False, 403)  # it is somebody there, and asked for nothing of its own
    assert {"AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "GIT_TOKEN"} & {*found["variables"]} == set()


ILL = {
    "never ends": ("import time\ntime.sleep(1000)\n", "it has not ended after 2 seconds"),
    "dies": ("import os\nprint('torn')\nos.kill(os.getpid(), 9)\n", "it has ended with exit code 137"),
    "fails": ("raise SystemExit(3)\n", "it has ended with exit code 3"),
    "writes all over": ("with open('/opt/ml/output/steps.json', 'wb') as f:\n    while True: f.write(bytes(1 << 20))\n", "the job reached its limit of file size"),
    "starts many": ("import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(60)\n", ""),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("case", ILL)
def test_what_is_ended_is_said(tmp_path: Path, case: str) -> None:
    program, words = ILL[case]
    left = run(tmp_path, program, seconds=2.0 if case == "never ends" else 30.0)
    assert left.ended.startswith(words)
    assert left.ended
    assert left.answer == b""
    assert case != "dies" or left.said == ("torn",)


def test_an_answer_that_leads_elsewhere_is_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"steps": []}')
    left = run(tmp_path, f"import os\nos.symlink({str(secret)!r}, '/opt/ml/output/steps.json')\n")
    assert (left.answer, left.ended) == (b"", "")


def test_what_it_uploads_is_bounded(tmp_path: Path) -> None:
    with watched(tmp_path, threading.Event(), most=1 << 20) as watch:
        (tmp_path / "object").write_bytes(b"x" * (2 << 20))
        assert watch.ended.wait(60)
    assert watch.why == "it has uploaded more than 1 MB"
    stop = threading.Event()
    with watched(tmp_path, stop, most=4 << 20) as watch:
        stop.set()
        assert watch.ended.wait(60)
    assert watch.why == ""


def test_a_framework_is_no_path() -> None:
    assert images._answer({"framework": "../../secret", "region": "us-east-1"}) == {
        "refused": "there is no framework '../../secret'"
    }


def test_a_machine_that_cannot_keep_it_apart_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline_builder.engine.jobs import isolation

    monkeypatch.setattr(isolation, "_known", {})
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OutsideFailure) as caught:
        run(tmp_path, ANSWER)
    assert [problem.id for problem in caught.value.problems] == ["PB924"]
    monkeypatch.undo()
    isolation._known.clear()
