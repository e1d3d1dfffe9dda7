"""A Lambda step: the repository's handler as a job, with its inputs as event, and its outputs held against the step's.

Which handler it is says the step itself (`smp_*` inputs), which the function on AWS takes out of the event as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline_builder.engine.document.calls import OWN, Outputs, declared, seconds_of, without_own
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.inside import invoking
from pipeline_builder.engine.jobs.archives import unpack
from pipeline_builder.engine.jobs.container import CODE, Request, region_variables
from pipeline_builder.engine.jobs.packages import code_archive
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.running import Program, run_program
from pipeline_builder.engine.jobs.tools import Done, JobStoppedError, StepFailedError, Tools
from pipeline_builder.inert import is_unicode
from pipeline_builder.machine.tree import Tree, read_beginning

_VARIABLE = "smp_env_"
LONGEST = 600
"""Seconds that SageMaker waits for a function ["Pipelines steps", Lambda step]."""
_MOST = 6 * 1024**2
"""Bytes of a function's answer [Lambda quotas]."""
_TOO_LARGE = object()
_SPEC, _RESULT, _FAILURE = (f"{OPT_ML}/{name}" for name in ("call.json", "output/result.json", "output/failure.json"))
_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,), "Integer": (int,), "Boolean": (bool,), "Float": (int, float),
}  # fmt: skip


def run_lambda(step: Step, request: Request, tools: Tools) -> Done:
    """Run the handler; its answer has to have every output that the step declares."""
    ml = tools.folder / "ml"
    arn = str(step.beside.get("FunctionArn") or "")
    seconds = seconds_of(request, LONGEST) or LONGEST
    unpack(code_archive(str(request[f"{OWN}code"]), tools.store), ml / "code")
    (ml / "output").mkdir(parents=True)
    event = without_own(request)
    spec = {
        "handler": request[f"{OWN}handler"], "event": event, "seconds": seconds, "arn": arn,
        "result": _RESULT, "failure": _FAILURE,
    }  # fmt: skip
    (ml / "call.json").write_text(json.dumps(spec), encoding="utf-8")
    program = Program(
        ("python", str(Path(invoking.__file__).resolve()), _SPEC), _environment(request, arn, tools.reach.region), CODE
    )
    limited = {"StoppingCondition": {"MaxRuntimeInSeconds": seconds}}  # an input of any name is the handler's
    try:
        run_program(step, limited, tools, program)
    except JobStoppedError as error:
        if tools.stop.is_set():
            raise
        raise StepFailedError(f"Lambda function {arn}: Task timed out after {seconds:.2f} seconds") from error
    except StepFailedError as error:
        raise StepFailedError(_failure(ml, arn) or str(error)) from error
    answer = _answer(ml, arn)
    if why := wrong_outputs(declared(step), answer):
        raise StepFailedError(f"Lambda function {arn}: {'; '.join(why)}")
    outputs = {name: answer[name] for name in declared(step)}
    return Done(result={**event, "FunctionArn": arn, "OutputParameters": outputs}, metadata={"Lambda": arn})


def wrong_outputs(outputs: Outputs, answer: Mapping[str, Any]) -> list[str]:
    """Return what an answer lacks, or has of another type."""
    return list(_wrong(outputs, answer))


def _wrong(outputs: Outputs, answer: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in outputs.items():
        if name not in answer:
            yield f"the output parameter '{name}' is not in the answer, which has: {', '.join(answer) or 'nothing'}"
        elif not isinstance(answer[name], _TYPES.get(kind, (object,))) or (
            kind != "Boolean" and isinstance(answer[name], bool)
        ):
            yield f"the output parameter '{name}' is {type(answer[name]).__name__}, expected {kind}"
        elif isinstance(answer[name], str) and not is_unicode(answer[name]):
            yield f"the output parameter '{name}' has half a character (a lone surrogate), expected Unicode text"


def _environment(request: Request, arn: str, region: str) -> dict[str, str]:
    name = arn.rsplit(":", 1)[-1]
    own = {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "LAMBDA_TASK_ROOT": CODE}
    given = {key.removeprefix(_VARIABLE): str(value) for key, value in request.items() if key.startswith(_VARIABLE)}
    return {**region_variables(region), **own, **given}


def _failure(ml: Path, arn: str) -> str:
    """Return what the handler raised; empty where it has left no word."""
    found = _read(ml, "failure.json")
    if not isinstance(found, dict):
        return ""
    return f"Lambda function {arn} failed: {found.get('errorType')}: {found.get('errorMessage')}"[:1024]


def _answer(ml: Path, arn: str) -> Mapping[str, Any]:
    found = _read(ml, "result.json")
    if found is _TOO_LARGE:
        raise StepFailedError(f"Lambda function {arn}: its answer has more than the {_MOST} bytes that are taken")
    if not isinstance(found, dict):
        raise StepFailedError(f"Lambda function {arn}: its answer is no mapping of output parameters")
    return found


def _read(ml: Path, name: str) -> Any:
    """Read what the job has written, as far as an answer may go; None for what is no JSON, such as NaN."""
    content = read_beginning(Tree(root=ml, below="output"), name, _MOST + 1)
    if len(content) > _MOST:
        return _TOO_LARGE
    try:
        return json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number
