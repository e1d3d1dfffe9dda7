"""The AWS target for people who look: what it has answered stands for some seconds, and for as long as it refuses.

Many pages, and many who look at them, are one caller so; what the pages show is as old as they say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from pipeline_builder.console.look import FRESH, Answers
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.target import ModelRegistry, ObjectStore, PipelineService, Target

_ASKED = {
    "pipelines": frozenset(
        ["describe_pipeline", "list_executions", "describe_execution", "list_steps", "list_waiting"]
    ),
    "store": frozenset(["stamps", "entries", "look"]),
    "registry": frozenset(["list_packages", "describe_package", "list_approvals", "group_owner"]),
}
_CHANGING = frozenset(
    [
        "put_pipeline", "start_execution", "stop_execution", "retry_execution", "answer_step", "put", "put_if", "copy",
        "put_group", "tag_group", "set_approval", "set_stage", "copy_package",
    ]
)  # fmt: skip


def aged(target: Target, answers: Answers) -> Target:
    """Return the target whose answers are remembered in `answers`, until something is changed through it."""
    return replace(
        target,
        pipelines=cast("PipelineService", Aged(target.pipelines, _ASKED["pipelines"], answers)),
        store=cast("ObjectStore", Aged(target.store, _ASKED["store"], answers)),
        registry=cast("ModelRegistry", Aged(target.registry, _ASKED["registry"], answers)),
    )


class Aged:
    """A service whose answers are remembered for some seconds."""

    def __init__(self, service: Any, asked: frozenset[str], answers: Answers) -> None:
        self._service, self._asked, self._answers = service, asked, answers

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if name in self._asked:
            return lambda *args, **named: self._ask(name, found, args, named)
        return self._changing(found) if name in _CHANGING else found

    def _ask(self, name: str, call: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        kept = tuple(tuple(one) if isinstance(one, list | dict) else one for one in args)
        key = (type(self._service).__name__, name, kept, tuple(sorted(named.items())))
        try:
            hash(key)
        except TypeError:  # addresses that are made while they are read
            return call(*args, **named)
        if found := self._answers.find(key, FRESH):
            return found[1]
        try:
            value = call(*args, **named)
        except OutsideFailure as error:
            if (last := self._answers.find(key, None)) is None:
                raise
            self._answers.note(error.problems, last[0])
            return last[1]
        self._answers.keep(key, value)
        return value

    def _changing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **named: Any) -> Any:
            try:
                return call(*args, **named)
            finally:
                self._answers.forget()

        return changed
