"""What a factory says, which nobody trusts: steps in the shape that a definition has, or what went wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, get_args

from pipeline_builder.conf.conf import DependencySection

MOST = 4 << 20
"""Bytes; a definition has at most one million."""
_STEPS, _DEEPEST, _WORDS = 1000, 60, 4000
_TRIGGERS = get_args(DependencySection.model_fields["trigger"].annotation)
KINDS = ("thing", "import", "function", "wants", "raised", "refused")


class WrongAnswerError(ValueError):
    """It is none; the text says why."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, of which kind, and where in the factory's code."""

    kind: str
    text: str
    file: str
    line: int


def load_answer(content: bytes) -> Any:
    """Return what the JSON says that a program of others has left.

    Raises:
        WrongAnswerError: it is none, or says what no file of ours could.
    """
    if len(content) > MOST:
        raise WrongAnswerError(f"it has more than {MOST >> 20} MB")
    try:
        found = json.loads(content, parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError(f"it is no JSON: {str(error)[:200]}" if content else "there is none") from error
    return found


def read_answer(content: bytes) -> list[dict[str, Any]] | Failure:
    """Return the steps, or the failure.

    Raises:
        WrongAnswerError: it is neither.
    """
    match load_answer(content):
        case {"failed": {"kind": str(kind), "text": str(text), "file": str(file), "line": int(line)}} if kind in KINDS:
            return Failure(kind, text[-_WORDS:], file, line)
        case {"steps": list(steps)} if len(steps) <= _STEPS:
            for step in steps:
                _check(step)
            return steps
    raise WrongAnswerError(f"it is no list of at most {_STEPS:,} steps")


def _check(step: Any) -> None:
    if not isinstance(step, dict) or not isinstance(step.get("Name"), str) or not isinstance(step.get("Type"), str):
        raise WrongAnswerError("a step has no Name, or no Type")
    if not isinstance(step.setdefault("Arguments", {}), dict):
        raise WrongAnswerError(f"the step '{step['Name'][:100]}' has Arguments that are no object")
    waits = step.get("DependsOn", [])
    if not isinstance(waits, list) or not all(map(_is_dependency, waits)):
        raise WrongAnswerError(f"the step '{step['Name'][:100]}' has a DependsOn that is no list of steps")
    if _is_deep(step, _DEEPEST):
        raise WrongAnswerError(f"the step '{step['Name'][:100]}' is too deep")


def _is_dependency(value: Any) -> bool:
    match value:
        case str():
            return True
        case {"Step": str(), "Trigger": str(trigger)}:
            return trigger in _TRIGGERS
    return False


def _is_deep(value: Any, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not left or any(_is_deep(item, left - 1) for item in inner)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
