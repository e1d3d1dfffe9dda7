"""Following an execution before a person's eyes, from when it is begun to its end, or to an interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pipeline_builder.descriptions import Execution
from pipeline_builder.machine.deadline import TimeIsUpError
from pipeline_builder.release.run import Start, follow
from pipeline_builder.target import Target

if TYPE_CHECKING:
    from pipeline_builder.dag.outline import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """Who looks: `stream` gets progress, a table where it is a terminal, `say` a line."""

    stream: TextIO
    terminal: bool
    say: Callable[[str], None]


def follow_shown(target: Target, begun: Start, nodes: Sequence[Node], eyes: Eyes) -> Execution:
    """Return the execution when it has ended; one that has ended already is returned as it is."""
    from pipeline_builder.views.progress import open_progress

    if begun.ended:
        return begun.execution
    try:
        with open_progress(nodes, stream=eyes.stream, terminal=eyes.terminal) as observe:
            return follow(target.pipelines, begun, observe)
    except KeyboardInterrupt as error:
        # Jobs on this machine end with the command, and a time that is up has a word of its own.
        if target.name != "local" and not isinstance(error, TimeIsUpError):
            name = begun.execution.id
            eyes.say(f"          execution {name} goes on; 'pipeline-builder stop {name}' ends it")
        raise
