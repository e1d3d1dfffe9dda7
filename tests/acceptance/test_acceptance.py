"""The acceptance against emulators: it answers, says honestly what it skipped, goes on after a kill, leaves nothing behind.

The service's own run, and kills at every point, take minutes: `scripts/soak acceptance`.
"""

from __future__ import annotations

import fcntl
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from acceptance.command import main
from tests.acceptance.emulation import NAME, SUFFIX, Account, accounting
from tests.acceptance.pipeline_api import PlayedPipelines, piping
from tests.places import ROOT

ASKING = ("answers", "expiry", "long-text", "event-variables")
CONFIRMED, OTHERWISE, SKIPPED, FAILED = "confirmed", "otherwise", "skipped", "failed"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with accounting(tmp_path_factory.mktemp("account")) as found:
        yield found
        assert found.left() == {}


@pytest.fixture
def pipelines(account: Account, tmp_path: Path) -> Iterator[PlayedPipelines]:
    with piping(account, tmp_path / "pipelines") as found:
        yield found


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {answer["id"]: answer["verdict"] for answer in report["answers"]}


def only(report: dict[str, Any], point: str) -> dict[str, Any]:
    (found,) = (answer for answer in report["answers"] if answer["id"] == point)
    return dict(found)


@pytest.mark.long
def test_a_pipeline_that_asks_answers_and_everything_goes_again(account: Account, pipelines: PlayedPipelines) -> None:
    ran = account.run("--yes", "--suffix", SUFFIX, "--only", *ASKING, "arn-letter-case", "removal")
    assert (ran.code, account.left()) == (0, {}), ran.err
    report = account.report()
    assert set(verdicts(report).values()) == {CONFIRMED}
    assert len(report["answers"]) == 8
    jsonschema.validate(report, json.loads((ROOT / "docs" / "schemas" / "acceptance.schema.json").read_text()))
    text = json.dumps(report)
    assert not any(name in text for name in ("123456789012", SUFFIX, "ada", "arn:aws:sts"))
    assert {"codepipeline", "sagemaker", "iam"} <= set(report["emulated"])
    assert "8 points: 8 confirmed" in ran.out
    assert "about 21 minutes and 0.01 USD" in ran.err


@pytest.mark.long
def test_what_is_otherwise_is_said_with_what_follows(account: Account, pipelines: PlayedPipelines) -> None:
    """Nobody's name on an answer, and a text that is too long is taken: both are told, and neither is a failure."""
    pipelines.names, pipelines.long_texts = False, True
    ran = account.run("--yes", "--suffix", SUFFIX, "--only", "answers", "long-text")
    assert (ran.code, account.left()) == (1, {}), ran.err
    found = verdicts(account.report())
    assert found["approver-with-comment"] == found["rejecter-with-comment"] == found["text-of-1000"] == OTHERWISE
    assert found["approver-without-comment"] == CONFIRMED  # CodePipeline's own text has the name
    assert "updatedBy is absent" in only(account.report(), "approver-with-comment")["seen"]
    assert "so: nothing breaks; texts could be longer than they are" in ran.out


@pytest.mark.long
def test_what_an_emulator_lacks_is_skipped_with_the_operation(account: Account) -> None:
    account.more.clear()
    ran = account.run("--yes", "--suffix", SUFFIX, "--only", "answers", "webhook-filters", "long", "arn-letter-case")
    assert (ran.code, account.left()) == (0, {}), ran.err
    report = account.report()
    assert verdicts(report)["arn-letter-case"] == CONFIRMED
    skipped = {answer["id"]: answer["why"] for answer in report["answers"] if answer["verdict"] == SKIPPED}
    assert skipped["approver-with-comment"].startswith(
        "it needs 'asks', which was skipped: not here: codepipeline:get_pipeline is not answered at http://127.0.0.1:"
    )
    assert skipped["webhook-filters"].endswith("--connection ARN --repository team/name")
    refused = account.run("--suffix", SUFFIX, "--long")
    assert (refused.code, account.left()) == (3, {})
    assert "that is more than --budget 1.00: choose points with --only, or raise it" in refused.err
    refused = account.run("--suffix", SUFFIX)
    assert (refused.code, account.left(), "nobody can be asked here: say --yes" in refused.err) == (3, {}, True)
    assert skipped["build-over-8-hours"] == "it takes more than 8 hours and 3.5 USD: --long --budget 5"


@pytest.mark.long
def test_credentials_that_are_over_leave_it_where_it_is(account: Account, pipelines: PlayedPipelines) -> None:
    pipelines.refusals["PutApprovalResult"] = "ExpiredTokenException"
    ran = account.run("--yes", "--suffix", SUFFIX, "--only", "approver-with-comment", "removal")
    assert ran.code == 4
    assert "PB701" in ran.err
    assert "'scripts/acceptance --resume --state" in ran.err
    assert account.left()["buckets"]
    ran = account.run("--resume")
    assert (ran.code, account.left()) == (0, {}), ran.err
    assert verdicts(account.report()) == {"approver-with-comment": CONFIRMED, "destroy-leaves-nothing": CONFIRMED}


def until_said(process: Any, words: str) -> str:
    said = ""
    deadline = time.monotonic() + 60
    while words not in said and time.monotonic() < deadline:
        said += process.stderr.readline()
    assert words in said
    return said


@pytest.mark.long
def test_ctrl_c_takes_everything_away(account: Account, pipelines: PlayedPipelines) -> None:
    process = account.start("--yes", "--suffix", SUFFIX, "--only", "expiry", "arn-letter-case", LONGEST_SLEEP="0.2")
    until_said(process, "expiry:")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, account.left()) == (130, {}), err
    assert "interrupted: everything is taken away now" in err
    assert "skipped    approval-expired" in out
    assert only(account.report(), "approval-expired")["why"] == "it wasn't come to"


@pytest.mark.long
def test_a_second_ctrl_c_says_what_is_left_and_destroy_takes_it(account: Account, pipelines: PlayedPipelines) -> None:
    process = account.start("--yes", "--suffix", SUFFIX, "--only", "expiry", "arn-letter-case", LONGEST_SLEEP="0.2")
    until_said(process, "expiry:")
    process.send_signal(signal.SIGTERM)
    until_said(process, "taking away: the rule")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"names that begin with '{NAME}' and the tag {{'pipeline-builder-acceptance': '{SUFFIX}'}}" in err
    assert "scripts/acceptance --destroy --state" in err
    with (account.states / f"{SUFFIX}.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        busy = account.run("--destroy")
    assert (busy.code, "another process is at work on" in busy.err) == (3, True)
    refused = account.run("--yes")
    assert (refused.code, "go on with --resume, or take it away with --destroy" in refused.err) == (3, True)
    ran = account.run("--destroy")
    assert (ran.code, account.left()) == (0, {}), ran.err


@pytest.mark.long
def test_a_killed_one_goes_on_where_it_was(account: Account, pipelines: PlayedPipelines, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    asked = ("--yes", "--suffix", SUFFIX, "--only", "answers", "arn-letter-case", "removal")
    killed = account.run(*asked, CALLS=str(calls), KILL_AFTER="24")
    assert killed.code == -signal.SIGKILL
    ran = account.run("--resume")
    assert (ran.code, account.left()) == (0, {}), ran.err
    assert set(verdicts(account.report()).values()) == {CONFIRMED}
    started = [one for one in pipelines.executions if one.trigger == "StartPipelineExecution"]
    assert len(started) in (3, 4)  # a question whose time ran out meanwhile is asked again


def test_what_cannot_be_read_or_isn_t_agreed_to_makes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--only", "nonsense"]) == 2
    assert "no point and no scenario is called 'nonsense'; --list has them all" in capsys.readouterr().err
    assert main(["--connection", "arn"]) == 2
    assert "--connection and --repository go together" in capsys.readouterr().err
    assert main(["--list", "--only", "jobs"]) == 0
    listed = capsys.readouterr().out
    assert "step-at-max-runtime      jobs" in listed
    assert "filter-range-end" not in listed
    assert not list(tmp_path.iterdir())
