"""The option --date: the logical date of an inference run."""

from __future__ import annotations

import click

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


def given_date() -> str:
    """Return the logical date that the command that runs was given; empty where it wasn't."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(_DATE) or "") if context else ""
