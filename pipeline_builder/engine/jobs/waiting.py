"""A Callback step: it waits until somebody answers its token, in the state, from whatever process."""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import string
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pipeline_builder.descriptions import WaitingStep
from pipeline_builder.engine.document.calls import declared, seconds_of, without_own
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.container import Request
from pipeline_builder.engine.jobs.tools import Done, StepFailedError, StepStoppedError, Tools
from pipeline_builder.engine.state.rows import Row
from pipeline_builder.engine.state.state import State, now
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.inert import is_unicode

_TOKEN = 10  # [CallbackToken]
_LONGEST = 604_800.0
"""Seconds that a step waits, at most."""
_LOOK = 0.2
_REASON = 256
"""Characters of a reason [FailureReason of SendPipelineExecutionStepFailure]."""
_WORDS = {"true": True, "false": False}


def run_callback(step: Step, request: Request, tools: Tools) -> Done:
    """Wait for the answer to the step's token; one that was drawn before goes on."""
    state = tools.registry.state
    limit = seconds_of(request, _LONGEST)
    waiting = _waiting(state, step, request, tools)
    until = waiting.created + timedelta(seconds=limit) if limit else None
    _note(state, waiting)
    tools.observe(how_to_answer(waiting))
    while waiting.status == "Waiting":
        if tools.stop.wait(_LOOK):
            if not tools.halted():
                _close(state, waiting.token)
            raise StepStoppedError
        if until and now() >= until and _close(state, waiting.token):
            raise StepFailedError(f"no answer to the callback token {waiting.token} within {limit:.0f} s")
        waiting = find_waiting(state, waiting.token) or waiting
    if waiting.status == "Failed":
        _take(state, waiting.token)
        raise StepFailedError(str(waiting.answer.get("reason") or "the callback was answered with a failure"))
    if waiting.status == "Closed":
        raise StepFailedError(f"the callback token {waiting.token} was closed")
    result = {**waiting.inputs, "SqsQueueUrl": waiting.queue, "OutputParameters": dict(waiting.answer)}
    return Done(result=result, metadata={"Callback": waiting.token})


def _note(state: State, waiting: WaitingStep) -> None:
    """Let whoever describes the step see its token."""
    values = (json.dumps({"Callback": waiting.token}), waiting.execution, waiting.step)
    with state.transaction() as db:
        db.execute("UPDATE steps SET metadata = ? WHERE execution = ? AND name = ?", values)


def how_to_answer(waiting: WaitingStep) -> str:
    """Say what a step waits for, and how it is answered."""
    outputs = "".join(f" {name}=…" for name in waiting.outputs)
    return f"waits for an answer: pipeline-builder callback {waiting.token} --success{outputs}, or --failure REASON"


def _waiting(state: State, step: Step, request: Request, tools: Tools) -> WaitingStep:
    """Return the step's token of this try: that of before the engine was killed, or a new one."""
    with state.transaction() as db:
        rows = state.query(
            "SELECT * FROM callbacks WHERE execution = ? AND step = ? ORDER BY number DESC LIMIT 1",
            *(tools.execution, step.name),
        )
        if rows and not rows[0]["taken"] and (found := _read(rows[0])).status != "Closed":
            return found
        inputs = without_own(request)
        token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_TOKEN))
        queue = str(step.beside.get("SqsQueueUrl") or "")
        db.execute(
            "INSERT INTO callbacks (token, execution, step, queue, outputs, inputs, status, created) "
            "VALUES (?, ?, ?, ?, ?, ?, 'Waiting', ?)",
            (token, tools.execution, step.name, queue, json.dumps(declared(step)), json.dumps(inputs),
             now().isoformat()),
        )  # fmt: skip
    made = find_waiting(state, token)
    assert made is not None
    return made


def find_waiting(state: State, token: str) -> WaitingStep | None:
    """Return the step of a token; None where nobody has drawn it."""
    rows = state.query("SELECT * FROM callbacks WHERE token = ?", token)
    return _read(rows[0]) if rows else None


def list_waiting(state: State) -> tuple[WaitingStep, ...]:
    """Return every step that waits, oldest first."""
    return tuple(_read(row) for row in state.query("SELECT * FROM callbacks WHERE status = 'Waiting' ORDER BY number"))


def token_of(state: State, execution: str, step: str) -> str:
    """Return the last token of a step of an execution, empty where it has none."""
    sql = "SELECT token FROM callbacks WHERE execution = ? AND step = ? ORDER BY number DESC LIMIT 1"
    return next((str(row["token"]) for row in state.query(sql, execution, step)), "")


def answer_success(state: State, token: str, given: Mapping[str, str]) -> WaitingStep:
    """Answer a step that waits; the texts that are given become values of the types that it declares.

    Raises:
        InputProblems: PB870 for a token that nobody waits with, PB871 for outputs that don't fit; all of them.
    """
    return _answer(state, token, lambda waiting: ("Succeeded", _values(waiting, given)))


def answer_failure(state: State, token: str, reason: str) -> WaitingStep:
    """Let a step that waits fail.

    Raises:
        InputProblems: PB870 for a token that nobody waits with, PB871 for a reason that is too long.
    """
    if len(reason) > _REASON:
        message = f"the reason has {len(reason)} characters, at most {_REASON} are taken"
        raise InputProblems(Problem(id="PB871", message=message))
    return _answer(state, token, lambda _: ("Failed", {"reason": reason}))


def _answer(state: State, token: str, decide: Callable[[WaitingStep], tuple[str, dict[str, Any]]]) -> WaitingStep:
    with state.transaction() as db:
        waiting = find_waiting(state, token)
        if waiting is None or waiting.status != "Waiting":
            why = "nobody has drawn it" if waiting is None else f"it is {waiting.status.lower()} already"
            hint = "'pipeline-builder callback' lists the steps that wait"
            raise InputProblems(
                Problem(id="PB870", message=f"no step waits with the token '{token}': {why}", hint=hint)
            )
        status, answer = decide(waiting)
        _put(db, token, status, answer)
    return waiting


def _put(db: sqlite3.Connection, token: str, status: str, answer: Mapping[str, Any]) -> bool:
    sql = "UPDATE callbacks SET status = ?, answer = ? WHERE token = ? AND status = 'Waiting'"
    return db.execute(sql, (status, json.dumps(dict(answer)), token)).rowcount == 1


def _take(state: State, token: str) -> None:
    """Let the next try draw a token of its own: this answer has been heard."""
    with state.transaction() as db:
        db.execute("UPDATE callbacks SET taken = 1 WHERE token = ?", (token,))


def _close(state: State, token: str) -> bool:
    """Take no answer any more; False where one has come just now."""
    with state.transaction() as db:
        return _put(db, token, "Closed", {})


def _values(waiting: WaitingStep, given: Mapping[str, str]) -> dict[str, Any]:
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name in given:
        if name not in waiting.outputs:
            known = ", ".join(waiting.outputs) or "none"
            problems.append(_unfit(f"the step '{waiting.step}' has no output '{name}', it has: {known}"))
    for name, kind in waiting.outputs.items():
        if name not in given:
            problems.append(_unfit(f"the output '{name}' ({kind}) of the step '{waiting.step}' is missing"))
            continue
        try:
            values[name] = _value(given[name], kind)
        except (ValueError, KeyError):
            problems.append(_unfit(f"the output '{name}' is '{given[name]}', expected {kind}"))
    if problems:
        raise InputProblems(*problems)
    return values


def _value(text: str, kind: str) -> Any:
    match kind:
        case "Integer":
            return int(text)
        case "Float" if math.isfinite(number := float(text)):  # JSON has no others
            return number
        case "Float":
            raise ValueError(text)
        case "Boolean":
            return _WORDS[text.lower()]
        case _ if is_unicode(text):
            return text
        case _:
            raise ValueError(text)


def _unfit(message: str) -> Problem:
    return Problem(id="PB871", message=message)


def _read(row: Row) -> WaitingStep:
    return WaitingStep(
        token=row["token"],
        execution=row["execution"],
        step=row["step"],
        queue=row["queue"],
        outputs=row.json("outputs"),
        inputs=row.json("inputs"),
        status=row["status"],
        answer=row.json("answer"),
        created=row.time("created"),
    )
