"""The command about the lock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import FILE, common
from pipeline_builder.cli.output import problems_json, show, show_all
from pipeline_builder.errors import ExitCode

if TYPE_CHECKING:
    from pipeline_builder.checkout.agreement import Compared
    from pipeline_builder.session import Session


@main.command()
@common
@click.argument("file", metavar="[LOCK]", required=False, type=FILE)
@click.option(
    "--check", is_flag=True, help="Compare it with the manifest and the remotes; exit with 1 where they differ."
)
def lock(session: Session, *, as_json: bool, file: Path | None, check: bool) -> None:
    """Show the lock, by default that of the build folder.

    With --check nothing is checked out. Exit code 1: something moved, is missing, or a locked commit is on no branch
    and no tag any more; 4: a remote couldn't be asked.

    \b
    Example: pipeline-builder lock --check
    """
    from pipeline_builder.manifest.lock import load_lock
    from pipeline_builder.workspace import load_workspace_lock

    found = load_lock(file.absolute()) if file else load_workspace_lock(session.workspace)
    if not check:
        repos = [{"name": r.name, "revision": r.revision, "commit": r.commit, "url": r.url} for r in found.repos]
        show({"repos": repos}, as_json=as_json, text="\n".join(f"{r['name']}  {r['commit']}" for r in repos))
        return
    compared = session.compare_lock(found)
    failed = [error for one in compared for error in one.failures]
    problems = [problem for one in compared for problem in one.problems]
    problems += [problem for error in failed for problem in error.problems]
    result = {"agrees": not problems, "repos": [_json(one) for one in compared], **problems_json(problems)}
    show(result, as_json=as_json, text="\n".join(map(_line, compared)))
    show_all(problems)
    codes = [error.exit_code for error in failed] or [ExitCode.INPUT for _ in problems[:1]]
    if codes:
        raise click.exceptions.Exit(max(codes))


def _json(one: Compared) -> dict[str, object]:
    return {"name": one.name, "revision": one.revision, "locked": one.locked, "now": one.now, "agrees": one.agrees}


def _line(one: Compared) -> str:
    if one.agrees:
        return f"{one.name}  {one.locked}"
    return f"{one.name}  {one.locked or 'not locked'} -> {one.now or 'unknown'}"
