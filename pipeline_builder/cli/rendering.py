"""Commands that render the service on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import Number, common
from pipeline_builder.cli.output import show

if TYPE_CHECKING:
    from pipeline_builder.service.costs import Month
    from pipeline_builder.service.render import Rendered
    from pipeline_builder.session import Session

_DEAREST = 1_000_000


class _Price(click.ParamType[tuple[str, float]]):
    """A price by its name: `build-small=0.0062`."""

    name = "NAME=USD"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return the name and the price."""
        name, equals, text = value.partition("=")
        try:
            usd = float(text)
        except ValueError:
            usd = -1.0
        if not equals or not 0 <= usd < _DEAREST:
            self.fail(f"'{value}' is no price, expected such as build-small=0.0062", param, ctx)
        return name, usd


@main.command()
@common
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the templates; default: service in the build folder."
)
@click.option("--cost", is_flag=True, help="Write nothing: say what the service costs in a month, without training.")
@click.option("--runs", type=Number(0, 1_000_000), metavar="N", help="Runs a month; default: 22, and the schedules'.")
@click.option(
    "--hours", type=Number(0, 24 * 365), metavar="H", default=1.0, show_default=True, help="Of SageMaker, a run."
)
@click.option(
    "--minutes", type=click.IntRange(1, 480), default=2, show_default=True, help="Of each build that is short."
)
@click.option("--price", "prices", type=_Price(), multiple=True, help="A price of your Region or contract, in USD.")
@click.argument("part", type=click.Choice(["iam"]), required=False)
def render(
    session: Session,
    *,
    as_json: bool,
    out: Path | None,
    part: str | None,
    cost: bool,
    runs: float | None,
    hours: float,
    minutes: int,
    prices: tuple[tuple[str, float], ...],
) -> None:
    """Write the templates of the service on AWS, offline, for a look before they are deployed.

    With 'iam' nothing is written: the roles with their policies go to stdout as JSON, and those for an approver and an
    operator to give to people. Nor with --cost: what the service of this manifest costs in a month, counted in its
    template, with AWS's prices as they were when this was made.

    \b
    Example: pipeline-builder render --out rendered
             pipeline-builder render --cost --runs 50 --hours 1
    """
    if part and cost:
        raise click.UsageError("'iam' and --cost are two answers: ask for one at a time")
    if not cost and (runs is not None or prices):
        raise click.UsageError("--runs and --price go with --cost")
    from pipeline_builder.service.bill import month_json, render_month
    from pipeline_builder.service.render import render as render_service
    from pipeline_builder.service.render import render_access, render_parts, write_rendered

    if cost:
        month = _month(session, render_parts(session), dict(prices), runs=runs, hours=hours, minutes=minutes)
        show(month_json(month), as_json=as_json, text=render_month(month))
        return
    rendered = render_service(session, now=datetime.now(timezone.utc))
    if part == "iam":
        click.echo(render_access(rendered.model), nl=False)
        return
    folder = (out or session.workspace.shared / "service").absolute()
    written = write_rendered(rendered, folder)
    files = {name: os.path.relpath(folder / name) for name in written}
    lines = [f"{files[name]}  {'written' if changed else 'unchanged'}" for name, changed in written.items()]
    zones = {timing.name: timing.timezone for timing in rendered.model.schedules}
    lines += [f"{name}: next {at:%Y-%m-%d %H:%M} {zones[name]}" for name, at in rendered.firings.items() if at]
    result = {
        "files": [{"path": files[name], "changed": changed} for name, changed in written.items()],
        "schedules": {name: at and at.isoformat() for name, at in rendered.firings.items()},
    }
    show(result, as_json=as_json, text="\n".join(lines))


def _month(
    session: Session, rendered: Rendered, given: Mapping[str, float], *, runs: float | None, hours: float, minutes: int
) -> Month:
    from pipeline_builder.service.costs import month_of
    from pipeline_builder.service.parts import assumed_use, parts_of
    from pipeline_builder.service.prices import load_prices

    parts = parts_of(rendered, session.manifest)
    use = assumed_use(parts, runs=runs, hours=hours, minutes=minutes)
    return month_of(parts, use, load_prices(rendered.model.place.region, given))
