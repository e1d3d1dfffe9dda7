"""A state machine's execution, interpreted by moto's parser (LocalStack's); also a program, in a Python that has it.

Imports nothing of this package. As a program it is given the address of the rehearsal that it is a part of, which has
the machine's calls, its pauses and its history.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

Client = Callable[[str, str], Any]
"""Returns boto3's client of a service in a Region."""
SERVICE = "Rehearsal"
PAUSE, NEXT, END = "Pause", "Next", "End"
"""Operations that only a rehearsal has: a pause that it ends, the next execution to interpret, the end of one."""
_PARSER = "moto.stepfunctions.parser"
_DEFINITE = re.compile(r"\$(?:\.\w+|\[\d+\])*")
# As the service names errors of its SDK integrations: after the classes of AWS's SDK for Java.
_NAMES = {"sagemaker": "SageMaker", "codepipeline": "CodePipeline"}


@dataclass(frozen=True)
class Ended:
    """How an execution has ended: `status` is the service's word, `cause` says what failed."""

    status: str
    output: Any = None
    error: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Means:
    """What an execution reaches: clients, a clock that counts its pauses in seconds, and who gets its history."""

    client: Client
    pause: Callable[[float], None]
    note: Callable[[Mapping[str, Any]], None]


_means: dict[str, Means] = {}  # by the name of the execution
_here = threading.local()


def interpret(machine: Mapping[str, Any], means: Means) -> Ended:
    """Interpret an execution to its end; `machine` has `definition`, `input`, and `arn`, `role`, `name`, `started`.

    Raises:
        ValueError: the definition can't be read.
    """
    _install()
    _means[machine["name"]] = means
    try:
        return _interpret(machine, means)
    finally:
        del _means[machine["name"]]


def _interpret(machine: Mapping[str, Any], means: Means) -> Ended:
    api, details = _part("api"), _part("asl.eval.evaluation_details")
    manager: Any = _part("asl.eval.event.event_manager").EventManager
    syntax: Any = _part("asl.parse.asl_parser").ASLParserException
    sync: Any = _part("backend.execution_worker").SyncExecutionWorker

    class Noted(manager):  # type: ignore[misc]
        def _publish_history_event(self, *arguments: Any, **named: Any) -> None:
            super()._publish_history_event(*arguments, **named)
            means.note(self._history_event_list[-1])

    class Worker(sync):  # type: ignore[misc]
        def _get_evaluation_environment(self) -> Any:
            environment = super()._get_evaluation_environment()
            environment.event_manager = Noted()
            return environment

    arn, name, role = machine["arn"], machine["name"], machine["role"]
    partition, _, region, account = arn.split(":")[1:5]
    execution = f"arn:{partition}:states:{region}:{account}:execution:{arn.rsplit(':', 1)[-1]}:{name}"
    worker = Worker(
        details.EvaluationDetails(
            # The role of its calls is how a client is told whose it is; what the machine sees of it is the other one.
            details.AWSExecutionDetails(account=account, region=region, role_arn=name),
            details.ExecutionDetails(execution, name, role, machine["input"], machine["started"]),
            details.StateMachineDetails(
                arn, arn.rsplit(":", 1)[-1], api.StateMachineType.STANDARD, json.dumps(machine["definition"])
            ),
        ),
        SimpleNamespace(terminated=lambda: None),
        None,
        {},
    )
    try:
        worker.start()
    except syntax as error:
        raise ValueError(repr(error)) from error
    return _ended(worker.env)


def _ended(environment: Any) -> Ended:
    state = environment.program_state()
    found = getattr(state, "error", None) or {}
    match type(state).__name__:
        case "ProgramEnded":
            return Ended("SUCCEEDED", output=environment.states.get_input())
        case "ProgramError":
            return Ended("FAILED", error=str(found.get("error") or ""), cause=str(found.get("cause") or ""))
        case "ProgramTimedOut":
            return Ended("TIMED_OUT")
        case _:
            return Ended("ABORTED")


def _part(name: str) -> Any:
    """Return a module of the parser, which has types of its own for few things."""
    return import_module(f"{_PARSER}.{name}")


@cache
def _install() -> None:
    """Let the parser have our clients and our clock; both are made deep inside of it."""
    _part("backend.execution_worker")
    retrier = _part("asl.component.common.retry.retrier_decl")
    sdk = _part("asl.component.state.exec.state_task.service.state_task_service_aws_sdk")
    waiting = _part("asl.component.state.wait.wait_function.wait_function").WaitFunction
    evaluate = retrier.RetrierDecl._eval_body  # noqa: SLF001

    def client(region: str, service: str, state_credentials: Any) -> Any:
        return _means[state_credentials.role_arn].client(service, region)

    def wait(_: Any, env: Any, wait_seconds: float) -> None:
        if env.is_running():
            _means_of(env).pause(wait_seconds)

    def retry(self: Any, env: Any) -> None:
        _here.pause = _means_of(env).pause
        evaluate(self, env)

    def sleep(seconds: float) -> None:
        _here.pause(seconds)

    def asked(self: Any, parameters: Any, *_: Any, **__: Any) -> None:
        self._to_boto_request(parameters, _operation_of(self).input_shape)

    def answered(self: Any, response: Any, *_: Any, **__: Any) -> None:
        self._from_boto_response(response, _operation_of(self).output_shape)
        _write_times(response)

    _mend_paths()
    # moto has left out what needs LocalStack's own models: SDK integrations write all members in Pascal's case.
    sdk.StateTaskServiceAwsSdk._normalise_parameters = asked  # noqa: SLF001
    sdk.StateTaskServiceAwsSdk._normalise_response = answered  # noqa: SLF001
    sdk.boto_client_for = client
    sdk._SERVICE_ERROR_NAMES.update(_NAMES)  # noqa: SLF001
    waiting._wait_interval = wait  # noqa: SLF001
    retrier.RetrierDecl._eval_body = retry  # noqa: SLF001
    retrier.time = SimpleNamespace(sleep=sleep)


def _mend_paths() -> None:
    """Let a path that can lead to one place only give what is there, as the service does.

    For one that goes on behind an index moto gives a list, unlike LocalStack (getmoto/moto, issue 7825).
    """
    paths = _part("asl.utils.json_path")
    original = paths.extract_json
    paths.parse = cache(paths.parse)  # it makes a parser for each path, which takes longer than all else

    def extract(path: str, data: Any) -> Any:
        matches = paths.parse(path).find(data) if _DEFINITE.fullmatch(path) else ()
        return matches[0].value if matches else original(path, data)

    for name, module in tuple(sys.modules.items()):
        if name.startswith(_PARSER) and getattr(module, "extract_json", None) is original:
            vars(module)["extract_json"] = extract


def _operation_of(task: Any) -> Any:
    """Return botocore's model of the operation that a task calls."""
    action = task.resource.api_action
    return _model_of(task._get_boto_service_name()).operation_model(action[:1].upper() + action[1:])  # noqa: SLF001


@cache
def _model_of(service: str) -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model(service)


def _write_times(found: Any) -> None:
    """Write every time in an answer as the service does, as a text."""
    items = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in tuple(items):
        if isinstance(value, datetime):
            found[key] = value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        else:
            _write_times(value)


def _means_of(environment: Any) -> Means:
    return _means[environment.aws_execution_details.role_arn]


# --- the program


class Part:
    """An execution as a part of the rehearsal at an address; `name` is its access key there."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._clients: dict[tuple[str, str], Any] = {}
        self._events: list[Mapping[str, Any]] = []

    @property
    def means(self) -> Means:
        """What the execution reaches."""
        return Means(client=self.client, pause=self._pause, note=self._events.append)

    def client(self, service: str, region: str) -> Any:
        """Return a client whose calls go to the rehearsal; it tries nothing again, which is the machine's to do."""
        import boto3
        from botocore.config import Config

        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service, region_name=region, endpoint_url=self._url, config=config,
                aws_access_key_id=self._name, aws_secret_access_key=SERVICE,
            )  # fmt: skip
        return self._clients[key]

    def _pause(self, seconds: float) -> None:
        self.tell(PAUSE, {"seconds": seconds, "events": self._new()})

    def end(self, ended: Ended) -> None:
        """Tell how the execution has ended."""
        self.tell(END, {**vars(ended), "events": self._new()})

    def _new(self) -> list[Mapping[str, Any]]:
        """Return the events of the history since the last time."""
        found = self._events[:]
        del self._events[: len(found)]
        return found

    def tell(self, operation: str, body: Mapping[str, Any]) -> Any:
        """Say something to the rehearsal, and return what it answers."""
        connection = http.client.HTTPConnection(self._url.removeprefix("http://"))
        headers = {
            "X-Amz-Target": f"{SERVICE}.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self._name}/",
        }
        try:
            connection.request("POST", "/", json.dumps(body, default=str), headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def run(url: str, machine: Mapping[str, Any]) -> None:
    """Interpret an execution of the rehearsal at an address, and tell it how that ended."""
    part = Part(url, machine["name"])
    try:
        ended = interpret(machine, part.means)
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the end
        ended = Ended("FAILED", error=type(error).__name__, cause=str(error))
    with suppress(OSError):  # a rehearsal that has ended wants to know no more
        part.end(ended)


def main(url: str) -> None:
    """Interpret what a rehearsal has, one beside the other, until it has nothing more."""
    _install()  # what takes long comes before anybody waits for it
    own = Part(url, SERVICE)
    while machine := own.tell(NEXT, {}):
        threading.Thread(target=run, args=(url, machine), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
