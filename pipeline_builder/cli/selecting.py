"""The options that say which steps a command is about, and what they mean in each pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline_builder.cli.completion import expressions_of_steps
from pipeline_builder.cli.output import say

if TYPE_CHECKING:
    from pipeline_builder.dag.outline import Node
    from pipeline_builder.release.expressions import Expression
    from pipeline_builder.release.matching import Meant
    from pipeline_builder.session import Session

Command = TypeVar("Command", bound=Callable[..., Any])


def select_options(verb: str) -> Callable[[Command], Command]:
    """Return what gives a command --select and --exclude; `verb` says what it does to the steps."""

    def add(command: Command) -> Command:
        chosen = click.option(
            "--select",
            "names",
            multiple=True,
            metavar="STEPS",
            shell_complete=expressions_of_steps,
            help=f"{verb} these only: step, model, +x, x+, @x, tag:x, 'a b', a,b; may be repeated.",
        )
        left = click.option(
            "--exclude",
            "exclude",
            multiple=True,
            metavar="STEPS",
            shell_complete=expressions_of_steps,
            help="Leave these out, written in the same way; may be repeated.",
        )
        return chosen(left(command))

    return add


def parse_selection(names: Sequence[str], exclude: Sequence[str]) -> Expression | None:
    """Return what --select and --exclude say, before anything is done for it; None where neither is given.

    Raises:
        InputProblems: PB025.
    """
    if not (names or exclude):
        return None
    from pipeline_builder.release.expressions import parse_expression

    return parse_expression(names, exclude)


def meant_in_each(sessions: Iterable[Session], expression: Expression) -> Mapping[str, Meant]:
    """Return what is selected of each pipeline, by its handle.

    Raises:
        InputProblems: PB026, PB027, PB442.
    """
    from pipeline_builder.release.matching import select_each
    from pipeline_builder.release.narrowing import open_space

    spaces = {
        one.manifest.entry.name: open_space(one.composed.definition, one.manifest, one.target.pipelines)
        for one in sessions
    }
    return select_each(expression, spaces)


class Shown:
    """What of each pipeline a command shows that changes nothing: all of it, where nothing is selected."""

    def __init__(self, session: Session, names: Sequence[str], exclude: Sequence[str]) -> None:
        self._expression = parse_selection(names, exclude)
        self._several = session.several
        self._meant: Mapping[str, Meant] = {}

    def __bool__(self) -> bool:
        return self._expression is not None

    def keep(self, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        """Return those of which anything is selected."""
        if self._expression is None:
            return sessions
        self._meant = self._meant_in(sessions, self._expression)
        return tuple(one for one in sessions if self._meant[one.manifest.entry.name].steps)

    def steps(self, one: Session) -> frozenset[str] | None:
        """Return the selected steps of a pipeline; None for all."""
        if self._expression is None:
            return None
        if not self._several:
            self._meant = self._meant or self._meant_in((one,), self._expression)
        return frozenset(self._meant[one.manifest.entry.name].steps)

    @staticmethod
    def _meant_in(sessions: tuple[Session, ...], expression: Expression) -> Mapping[str, Meant]:
        """Return what is selected; that it is nothing, which only 'state:' may come to, is said."""
        found = meant_in_each(sessions, expression)
        if not any(meant.steps for meant in found.values()):
            say("no step is selected: none of them has changed since the last execution that succeeded")
        return found

    def of(self, one: Session) -> tuple[Node, ...]:
        """Return the selected steps as they are drawn, with the edges between them."""
        from dataclasses import replace

        from pipeline_builder.release.overview import nodes_of

        steps, nodes = self.steps(one), nodes_of(one.composed)
        if steps is None:
            return nodes
        return tuple(
            replace(node, depends_on=tuple(name for name in node.depends_on if name in steps))
            for node in nodes
            if node.name in steps
        )
