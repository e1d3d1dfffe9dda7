"""The command that takes away what isn't needed any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import common
from pipeline_builder.cli.output import say, show, terminal
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.engine.upkeep.bounds import Bounds
    from pipeline_builder.engine.upkeep.upkeep import Upkeep
    from pipeline_builder.machine.holdings import Holding
    from pipeline_builder.session import Session


@main.command()
@common
@click.option("--dry-run", is_flag=True, help="Say what would go, and take nothing.")
@click.option("--yes", is_flag=True, help="Take it without asking.")
@click.option(
    "--runs",
    "days",
    type=click.IntRange(0, 100_000),
    help="Records of runs, too, that started before so many days; else none.",
)
def gc(session: Session, *, as_json: bool, dry_run: bool, yes: bool, days: int | None) -> None:
    """Take away what nothing needs any more of what the local target keeps.

    Objects and logs of old executions, Python environments that no job has used for a long time, fetched
    repositories and build folders of pipelines that the manifest doesn't name any more, and results of checks that
    nobody has asked for lately; `local.keep` of the manifest says how much stays. What stays whatever it says:
    models that are approved or wait for a decision, their reports, code, all evidence, what an execution that goes
    on needs, and the history. The records of runs, which the console shows, are history: they go with --runs only,
    and never those of versions that aren't rejected. It says what would go, and asks; without a terminal it takes
    nothing unless --yes says so. It may be stopped at any moment, and work beside any other command.

    \b
    Example: pipeline-builder gc --dry-run
    """
    from pipeline_builder.views.holdings import holdings_json, render_holdings, size_text

    found = _look(session, days)
    if not as_json:
        show({}, as_json=False, text=render_holdings(found.unneeded, found.foreign, found.totals))
    asked = not dry_run and bool(found.unneeded)
    agreed = asked and (yes or (terminal() and click.confirm(f"Take {len(found.unneeded):,} of them?", err=True)))
    gone = _take(session, found) if agreed else []
    if as_json:
        show(holdings_json(found.unneeded, found.foreign, found.totals, gone), as_json=True, text="")
    if agreed:
        kept = len(found.unneeded) - len(gone)
        left = f"; {kept:,} are in use by now, and stay" if kept else ""
        say(f"took {len(gone):,}, {size_text(sum(item.size for item in gone))}{left}")
    elif asked:
        say("nothing was taken; --yes takes it")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    unneeded: tuple[Holding, ...]
    foreign: tuple[str, ...]
    totals: dict[str, int]
    upkeep: Upkeep | None
    bounds: Bounds


def _look(session: Session, days: int | None) -> _Found:
    """Look at all that is kept: the engine's, and the fetched repositories."""
    from datetime import timedelta

    from pipeline_builder.checkout import unused
    from pipeline_builder.engine.state.state import now
    from pipeline_builder.engine.upkeep.bounds import Bounds
    from pipeline_builder.engine.upkeep.upkeep import open_upkeep, survey
    from pipeline_builder.machine import kept
    from pipeline_builder.machine.holdings import weigh
    from pipeline_builder.release import built
    from pipeline_builder.release.past import leaving
    from pipeline_builder.workspace import HANDED_ON, PIPELINES

    workspace, keep = session.workspace, session.manifest.local.keep
    if workspace.target == "aws":
        message = "'gc' looks after what the local target keeps; on AWS the bucket's own rules do"
        raise InputProblems(Problem(id="PB787", message=message, hint="leave out --target aws, or unset SMP_TARGET"))
    bounds = Bounds(
        executions=keep.executions, days=keep.days,
        store=keep.store, jobs=keep.jobs, environments=keep.environments,
    )  # fmt: skip
    upkeep = open_upkeep(workspace.state)
    found = survey(upkeep, bounds) if upkeep else None
    cache, names = workspace.state / "git", [repo.name for repo in session.manifest.repos]
    repositories = unused.find_unused(cache, names, now() - timedelta(days=bounds.days), bound=keep.git)
    results = kept.open_kept(workspace.state)
    manifest, builds = session.manifest, workspace.shared / PIPELINES
    handles = {manifest.narrowed(entry.name).narrowed_to for entry in manifest.pipelines}
    left = built.find_left(builds, handles, now() - timedelta(days=bounds.days), HANDED_ON)
    runs = _old_runs(session, days) if days is not None else []
    totals = {**(found.totals if found else {}), unused.KIND: weigh([cache])}
    _warn_of_bounds(session, totals, (*(found.unneeded if found else ()), *repositories))
    more = {
        **({built.KIND: weigh([builds])} if left else {}),
        **({leaving.KIND: leaving.weigh_all(runs)} if runs else {}),
    }
    return _Found(
        unneeded=(*(found.unneeded if found else ()), *repositories, *left, *runs, *results.unneeded()),
        foreign=(*(found.foreign if found else ()), *unused.find_foreign(cache)),
        totals={**totals, **more, kept.KIND: weigh([results.folder])},
        upkeep=upkeep,
        bounds=bounds,
    )


def _old_runs(session: Session, days: int) -> list[Holding]:
    """Return the kept runs of all pipelines that started so long ago, and that nothing stands on."""
    from datetime import timedelta

    from pipeline_builder.engine.state.state import now
    from pipeline_builder.release.past.leaving import find_old

    return find_old(session.target, session.workspace.store, now() - timedelta(days=days))


def _warn_of_bounds(session: Session, totals: dict[str, int], unneeded: Sequence[Holding]) -> None:
    """Say where more is needed than a bound would have."""
    from pipeline_builder.views.holdings import size_text

    for kind, total in totals.items():
        bound = getattr(session.manifest.local.keep, kind)
        left = total - sum(item.size for item in unneeded if item.kind == kind)
        if bound is not None and left > bound:
            message = f"{kind}: {size_text(left)} are needed, which is more than 'local.keep' has ({size_text(bound)})"
            hint = "reject models that wait for a decision, keep fewer executions, or allow more"
            session.warn(Problem(id="PB788", message=message, hint=hint, warning=True))


def _take(session: Session, found: _Found) -> list[Holding]:
    """Take what was shown, as far as nothing needs it by now."""
    from pipeline_builder.checkout import unused
    from pipeline_builder.engine.upkeep.upkeep import take
    from pipeline_builder.machine import kept
    from pipeline_builder.release import built
    from pipeline_builder.release.past import leaving

    repositories = [item for item in found.unneeded if item.kind == unused.KIND]
    wanted = {item.key for item in found.unneeded}
    gone = take(found.upkeep, found.bounds, wanted) if found.upkeep else []
    gone += unused.take(session.workspace.state / "git", repositories) if repositories else []
    gone += built.take(item for item in found.unneeded if item.kind == built.KIND)
    gone += leaving.take(item for item in found.unneeded if item.kind == leaving.KIND)
    return [*gone, *kept.open_kept(session.workspace.state).take(i for i in found.unneeded if i.kind == kept.KIND)]
