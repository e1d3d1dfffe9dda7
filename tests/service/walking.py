"""A walk through the state machine that waits, on a clock of its own: what it calls, and what a history has of it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_builder.service.cloudformation.description.waiting import wait_definition

# Events that a history has for a state: entered and exited, and of a task scheduled, started and succeeded or failed.
_EVENTS = {"Task": 5, "Pass": 2, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1}
_PRICE = 0.000025
"""US dollars for a transition of a standard machine; a retry is one too."""
_MOST = 25_000
_ARGUMENTS = re.compile(r"'[^']*'|States\.\w+\([^()]*\)|[^,\s]+")
CAUSE, EXECUTION, TOKEN = "0f7cfeed-0000-4000-8000-000000000001", "arn:aws:sagemaker:e", "5d6c3d66"
Answer = Callable[["Walk", Mapping[str, Any]], Any]


class Refused(Exception):
    """An error of AWS, by its name in a state machine."""


@dataclass
class Walk:
    """One execution: `answers` has by call what AWS says, `clock` is in seconds."""

    answers: Mapping[str, Answer]
    clock: float = 0.0
    states: list[str] = field(default_factory=list)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    events: int = 2  # started, and ended
    retries: int = 0
    pauses: list[float] = field(default_factory=list)
    definition: Any = field(default_factory=lambda: wait_definition("models", "Train"))

    @property
    def transitions(self) -> int:
        return len(self.states) + self.retries + 1  # to the end

    @property
    def price(self) -> float:
        return self.transitions * _PRICE

    def called(self, name: str) -> list[Mapping[str, Any]]:
        return [request for call, request in self.calls if call == name]

    def go(self, given: Mapping[str, Any]) -> str:
        """Walk to the end, and return the last state."""
        data: Any = json.loads(json.dumps(given))
        name = self.definition["StartAt"]
        while len(self.states) < _MOST:
            state = self.definition["States"][name]
            self.states.append(name)
            self.events += _EVENTS[state["Type"]]
            following, data = getattr(self, f"_{state['Type'].lower()}")(state, data)
            if not following:
                return str(name)
            name = following
        raise AssertionError(self.states[-20:])

    def _succeed(self, _: Any, data: Any) -> tuple[str, Any]:
        return "", data

    _fail = _succeed

    def _wait(self, state: Any, data: Any) -> tuple[str, Any]:
        seconds = state["Seconds"] if "Seconds" in state else at(data, state["SecondsPath"])
        self.pauses.append(seconds)
        self.clock += seconds
        return state["Next"], data

    def _pass(self, state: Any, data: Any) -> tuple[str, Any]:
        return state["Next"], put(data, state["ResultPath"], filled(state["Parameters"], data))

    def _choice(self, state: Any, data: Any) -> tuple[str, Any]:
        return next((rule["Next"] for rule in state["Choices"] if holds(rule, data)), state["Default"]), data

    def _task(self, state: Any, data: Any) -> tuple[str, Any]:
        call = state["Resource"].rsplit("aws-sdk:", 1)[1]
        request = filled(state["Parameters"], data)
        for tried in range(1000):
            self.calls.append((call, request))
            try:
                result = self.answers[call](self, request)
            except Refused as error:
                if tried < _attempts(state, str(error)):
                    self.retries += 1
                    self.events += 3  # scheduled, started, failed
                    continue
                (caught,) = [
                    one for one in state.get("Catch", ()) if {str(error), "States.ALL"} & {*one["ErrorEquals"]}
                ]
                return caught["Next"], put(data, caught["ResultPath"], {"Error": str(error)})
            self.clock += 0.5
            result = filled(state["ResultSelector"], result) if "ResultSelector" in state else result
            return state["Next"], put(data, state["ResultPath"], result)
        raise AssertionError(call)


def _attempts(state: Any, error: str) -> int:
    """The first retrier that names an error decides."""
    for retrier in state["Retry"]:
        if {error, "States.TaskFailed", "States.ALL"} & {*retrier["ErrorEquals"]}:
            return int(retrier["MaxAttempts"])
    return 0


def at(data: Any, path: str) -> Any:
    for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        data = data[key] if key else data[int(index)]
    return data


def _is_present(data: Any, path: str) -> bool:
    try:
        at(data, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def put(data: Any, path: str, value: Any) -> Any:
    return value if path == "$" else {**data, path.removeprefix("$."): value}


def filled(form: Any, data: Any) -> Any:
    """Fill in a payload template."""
    if not isinstance(form, dict):
        return form
    found = {}
    for key, value in form.items():
        if key.endswith(".$"):
            found[key[:-2]] = worked_out(value, data)
        else:
            found[key] = filled(value, data)
    return found


def worked_out(text: str, data: Any) -> Any:
    if text.startswith("$"):
        return at(data, text)
    name, inner = re.fullmatch(r"States\.(\w+)\((.*)\)", text).groups()  # type: ignore[union-attr] # ours are some
    arguments = [_argument(part, data) for part in _ARGUMENTS.findall(inner)]
    match name:
        case "MathAdd":
            return sum(arguments)
        case "UUID":
            return str(uuid.uuid4())
        case "StringToJson":
            return json.loads(arguments[0])
        case "Format":
            return arguments[0].replace("{}", "%s") % tuple(arguments[1:])
    raise AssertionError(text)


def _argument(part: str, data: Any) -> Any:
    if part.startswith("'"):
        return part[1:-1]
    if part.startswith("States."):
        return worked_out(part, data)
    return at(data, part) if part.startswith("$") else int(part)


def holds(rule: Any, data: Any) -> bool:
    for key, combine in (("And", all), ("Or", any)):
        if key in rule:
            return bool(combine(holds(one, data) for one in rule[key]))
    if "Not" in rule:
        return not holds(rule["Not"], data)
    (operator,) = rule.keys() - {"Variable", "Next"}
    if operator == "IsPresent":
        return _is_present(data, rule["Variable"]) is bool(rule[operator])
    left = at(data, rule["Variable"])
    right = at(data, rule[operator]) if operator.endswith("Path") else rule[operator]
    match operator.removesuffix("Path"):
        case "StringEquals" | "BooleanEquals":
            return bool(left == right)
        case "NumericLessThan":
            return bool(left < right)
        case "NumericGreaterThanEquals":
            return bool(left >= right)
    raise AssertionError(operator)


def asked(
    token: str = TOKEN, *, cause: str = CAUSE, wait: str = "InProgress", judge: str = "", stage: str = "InProgress"
) -> Any:
    """CodePipeline's state, as far as a machine looks at it."""
    latest = {"Status": wait, **({"Token": token} if wait == "InProgress" else {})}
    judged = {"ActionName": "Judge", **({"LatestExecution": {"Status": judge}} if judge else {})}
    actions = [{"ActionName": "Start"}, {"ActionName": "Wait", "LatestExecution": latest}, judged]
    now = {"PipelineExecutionId": cause, "Status": stage}
    train = {"StageName": "Train", "LatestExecution": now, "ActionStates": actions}
    return {"StageStates": [{"StageName": "Source"}, {"StageName": "Build"}, train]}


def lasting(seconds: float, *, ends: str = "Succeeded", **more: Answer) -> Walk:
    """A walk for an execution that ends by itself after that time, or when it is stopped."""
    stopped: list[float] = []

    def describe(walk: Walk, _: Any) -> Any:
        status = ends if walk.clock >= seconds else "Stopped" if stopped else "Executing"
        return {"PipelineExecutionStatus": status}

    def stop(walk: Walk, _: Any) -> Any:
        stopped.append(walk.clock)
        return {}

    return Walk(
        {
            "codepipeline:getPipelineState": lambda *_: asked(),
            "codepipeline:putApprovalResult": lambda *_: {},
            "sagemaker:describePipelineExecution": describe,
            "sagemaker:stopPipelineExecution": stop,
            **{name.replace("__", ":"): answer for name, answer in more.items()},
        }
    )


def given(limit: float, *, own: bool = True) -> dict[str, Any]:
    return {"cause": CAUSE, "execution": EXECUTION, "limit": limit, "own": own}
