"""Commands that render the service on AWS."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import show

if TYPE_CHECKING:
    from pipeline_builder.session import Session


@main.command()
@common
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the templates; default: service in the build folder."
)
@click.argument("part", type=click.Choice(["iam"]), required=False)
def render(session: Session, *, as_json: bool, out: Path | None, part: str | None) -> None:
    """Write the templates of the service on AWS, offline, for a look before they are deployed.

    With 'iam' nothing is written: the roles with their policies go to stdout as JSON, and those for an approver and an
    operator to give to people.

    \b
    Example: pipeline-builder render --out rendered
    """
    from pipeline_builder.service.render import render as render_service
    from pipeline_builder.service.render import render_access, write_rendered

    rendered = render_service(session, now=datetime.now(timezone.utc))
    if part == "iam":
        click.echo(render_access(rendered.model), nl=False)
        return
    folder = (out or session.workspace.build / "service").absolute()
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
