"""The option --date: the logical date of an inference run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.session import Session

_DATE = "date"


def _remember(context: click.Context, _: click.Parameter, given: str) -> None:
    context.meta[_DATE] = given.strip()


date_option = click.option(
    "--date",
    default="",
    metavar="DATE",
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="Logical date of an inference run: 2026-11-29, by the hour 2026-11-29T13; default: now, UTC.",
)


def for_date(session: Session) -> Session:
    """Return the session, which is about the logical date that the command that runs was given, if any.

    Raises:
        InputProblems: PB898 where it is about no pipeline that has logical dates.
    """
    context = click.get_current_context(silent=True)
    session.date = str(context.meta.get(_DATE) or "") if context else ""
    if session.date and not any(one.manifest.entry.is_inference for one in session.each):
        message = f"--date is '{session.date}', and only pipelines of the kind inference have logical dates"
        hint = "leave it out, or name one with --pipeline: 'pipelines' of the manifest says which there are"
        raise InputProblems(Problem(id="PB898", message=message, hint=hint))
    return session
