"""Runs that fail: retried in both ways, and stopped by their time; and one that a schedule starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from acceptance import own
from acceptance.following import Found, actions, retry, start, status, stop, wait_end, wait_failure, wait_new
from acceptance.ground import Ground, Seen
from acceptance.scenarios.service import model_execution, wait_approval

FAIL, SLEEP = "tiny/fail", "tiny/sleep"
_JUDGE = "Judge"
_ANEW = {"CACHE": "skip"}
_SOON = 8
"""Minutes from now on at which the schedule fires: a deployment lies between."""
_LIMIT = 5
"""Minutes that a run may take then; the least that the manifest takes."""


def retries(ground: Ground) -> Iterator[Seen]:
    """Let the training fail by what is in its data, take that away, and retry: failed actions, then all actions."""
    for point, mode in (("retry-failed-actions", "FAILED_ACTIONS"), ("retry-all-actions", "ALL_ACTIONS")):
        if point in ground.book.state.answers:
            continue
        yield _retried(ground, point, mode)
        if mode == "FAILED_ACTIONS" and (found := _attempts(ground, f"{point} execution")):
            words = f"{found} attempts of {_JUDGE} are named"
            yield Seen(point="retried-judge", ok=found > 1, words=words)


def _attempts(ground: Ground, key: str) -> int:
    """Return how many attempts of Judge are named; 0 where a build waits, and there is no such action."""
    execution = ground.book.state.notes[key]
    return sum(one["actionName"] == _JUDGE for one in actions(ground, ground.name, execution))


def _retried(ground: Ground, point: str, mode: str) -> Seen:
    name = ground.name
    if f"{point} failed" not in ground.book.state.notes:
        own.put(ground, ground.bucket, FAIL, b"1")
    execution = start(ground, name, f"{point} execution", _ANEW)
    if f"{point} failed" not in ground.book.state.notes:
        wait_failure(ground, name, execution, "Train", minutes=60)
        ground.book.note(f"{point} failed", model_execution(ground, execution))
    before = ground.book.state.notes[f"{point} failed"]
    own.take(ground, ground.bucket, FAIL)
    retry(ground, name, execution, "Train", mode)
    wait_approval(ground, execution)
    after = model_execution(ground, execution)
    stop(ground, name, execution)
    wait_end(ground, name, execution, minutes=10)
    same = "the same execution" if before == after else "another execution"
    return Seen(
        point=point, ok=before == after, words=f"the retried stage came to its approval with {same} of SageMaker",
        evidence={"before": before, "after": after},
    )  # fmt: skip


def schedule(ground: Ground) -> Iterator[Seen]:
    """Deploy a schedule that fires in a few minutes, with a short limit for runs, and wait for what it starts."""
    when = _when(ground)
    cron = f"{when.minute} {when.hour} {when.day} {when.month} ? {when.year}"
    timing = {"name": "once", "cron": cron, "timezone": "UTC"}
    own.put(ground, ground.bucket, SLEEP, b"1500")
    own.write_service(ground, round_=2, schedules=(timing,), service={"run_timeout_minutes": _LIMIT})
    ground.command("checkout")
    ground.command("deploy", "--yes")
    deployed = ground.book.once("schedule deployed at", lambda: _now().isoformat())

    def is_it(found: Found) -> bool:
        began: datetime = found["startTime"]
        return began >= when - timedelta(seconds=30)

    execution = wait_new(ground, ground.name, "scheduled execution", is_it, minutes=_SOON + 10)
    found = status(ground, ground.name, execution)
    variables = {one["name"]: str(one.get("resolvedValue", "")) for one in found.get("variables", ())}
    yield Seen(
        point="schedule-starts", ok=variables.get("TRIGGER") == "schedule:once",
        words=f"started with TRIGGER {variables.get('TRIGGER', '(none)')}",
        evidence={"cron": cron, "deployed": deployed, "variables": str(variables)},
    )  # fmt: skip


def _when(ground: Ground) -> datetime:
    """Return when the schedule fires; one that a kill has kept from being deployed in time gets another time."""
    notes = ground.book.state.notes
    noted = datetime.fromisoformat(notes["schedule fires at"]) if "schedule fires at" in notes else None
    if noted and ("schedule deployed at" in notes or noted > _now() + timedelta(minutes=_SOON // 2)):
        return noted
    when = (_now() + timedelta(minutes=_SOON)).replace(second=0)
    ground.book.note("schedule fires at", when.isoformat())
    return when


def run_timeout(ground: Ground) -> Iterator[Seen]:
    """See that the scheduled run, whose training sleeps, is stopped when its time is over."""
    execution = ground.book.state.notes["scheduled execution"]
    wait_failure(ground, ground.name, execution, "Train", minutes=60)
    arn = model_execution(ground, execution)

    def look() -> str:
        found = ground.call("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=arn)
        state = str(found["PipelineExecutionStatus"])
        return "" if state in ("Executing", "Stopping") else state

    ended = ground.wait("the end of the SageMaker execution", look, minutes=15)
    own.take(ground, ground.bucket, SLEEP)
    words = f"Train failed, and the SageMaker execution is {ended}"
    yield Seen(point="run-timeout-stops", ok=ended == "Stopped", words=words)


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)
