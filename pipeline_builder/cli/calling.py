"""The command that answers steps which wait for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import show

if TYPE_CHECKING:
    from pipeline_builder.session import Session


@main.command()
@common
@click.argument("token", required=False, default="")
@click.argument("outputs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--success", is_flag=True, help="Let the step succeed, with the outputs that are named.")
@click.option("--failure", "reason", metavar="REASON", help="Let the step fail, and why.")
def callback(
    session: Session, *, as_json: bool, token: str, outputs: tuple[str, ...], success: bool, reason: str | None
) -> None:
    """Answer a Callback step that waits; without a token list those that do.

    \b
    Example: pipeline-builder callback a1B2c3D4e5 --success approved=true note="looks right"
    """
    if not token and not success and reason is None:
        _list(session, as_json=as_json)
        return
    if not token:
        raise click.UsageError("whose step is answered is said by its token: 'callback TOKEN --success'")
    if success == (reason is not None):
        raise click.UsageError("answer with --success and NAME=VALUE for each output, or with --failure REASON")
    if outputs and not success:
        raise click.UsageError("outputs go with --success")
    values = dict(_pair(text) for text in outputs)
    if len(values) < len(outputs):
        raise click.UsageError("an output is given more than once")
    execution = session.target.pipelines.answer_step(token, outputs=values if success else None, reason=reason or "")
    word = "succeeds" if success else "fails"
    show({"token": token, "execution": execution}, as_json=as_json, text=f"answered: the step {word} ({execution})")


def _list(session: Session, *, as_json: bool) -> None:
    waiting = session.target.pipelines.list_waiting()
    found = [
        {"token": one.token, "step": one.step, "execution": one.execution, "outputs": dict(one.outputs),
         "inputs": dict(one.inputs), "since": one.created.isoformat()}
        for one in waiting
    ]  # fmt: skip
    lines = [f"{one.token}  {one.step} ({one.execution}): {_wanted(one.outputs)}" for one in waiting]
    show({"waiting": found}, as_json=as_json, text="\n".join(lines) or _nobody(session.workspace.target))


def _nobody(target: str) -> str:
    """Say that nothing is known to wait: on AWS the messages in the queues have the tokens, and nobody lists them."""
    return (
        "the steps that wait are in the messages of their queues" if target == "aws" else "no step waits for an answer"
    )


def _wanted(outputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in outputs.items()) or "no outputs"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"'{text}' is no NAME=VALUE")
    return name, value
