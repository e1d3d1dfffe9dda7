"""Upkeep: what may go of all that the engine keeps, and how it goes: nobody can begin to use it meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline_builder.descriptions import Execution
from pipeline_builder.engine.execution.execution import own_lock
from pipeline_builder.engine.execution.starts import unfinished
from pipeline_builder.engine.state.places import split_address
from pipeline_builder.engine.state.references import deciding
from pipeline_builder.engine.state.state import TAKEN, State, now
from pipeline_builder.engine.state.store import STAGING, LocalStore
from pipeline_builder.engine.upkeep.belongings import Belongings, find_belongings
from pipeline_builder.engine.upkeep.bounds import Bounds
from pipeline_builder.engine.upkeep.environments import KIND as ENVIRONMENTS
from pipeline_builder.engine.upkeep.environments import find_unused, is_environment, take_environment
from pipeline_builder.engine.upkeep.needs import Needs, Past, read_past
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.machine.holdings import Holding, changed_at, weigh

STORE, JOBS = "store", "jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What is looked after: the state and its store, the folders of jobs and of environments."""

    state: State
    store: LocalStore
    jobs: Path
    environments: Path


def open_upkeep(folder: Path) -> Upkeep | None:
    """Return what there is to look after in the folder of a state; None where there is no state.

    Raises:
        OutsideFailure: PB532 and its like for a damaged state, from which nothing is taken.
    """
    if not (folder / "state.db").is_file():
        return None
    state = State(folder / "state.db")
    store = LocalStore(folder / "store", {}, state)
    return Upkeep(state=state, store=store, jobs=folder / "jobs", environments=folder / "envs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What may go, oldest first; what is there and not this program's; and the bytes of each kind in all."""

    unneeded: tuple[Holding, ...]
    foreign: tuple[str, ...]
    totals: dict[str, int]
    needs: Needs


def survey(upkeep: Upkeep, bounds: Bounds) -> Surveyed:
    """Look at all that is kept; nothing is changed."""
    past, time = read_past(upkeep.state, upkeep.store), now()
    ids = {one.id: one.arn for one in past.executions}
    found = find_belongings(upkeep.store.root, ids)
    totals = {
        STORE: weigh([upkeep.store.root]), JOBS: weigh([upkeep.jobs]), ENVIRONMENTS: weigh([upkeep.environments]),
    }  # fmt: skip
    objects, needs = _objects(past, past.kept(bounds, time), found, totals[STORE], bounds.store)
    going_on = unfinished(upkeep.state)
    environments = find_unused(
        upkeep.environments,
        time - timedelta(days=bounds.days),
        bound=bounds.environments,
        busy_since=min((one.started for one in going_on), default=None),
    )
    folders = _folders(past, upkeep.jobs, needs, totals[JOBS], bounds.jobs)
    return Surveyed(
        unneeded=(
            *_staged(upkeep.store, time - timedelta(days=max(bounds.days, 1))),
            *objects,
            *folders,
            *environments,
        ),
        foreign=tuple(_foreign(upkeep, ids, found)),
        totals=totals,
        needs=needs,
    )


def _objects(
    past: Past, kept: list[Execution], found: Belongings, total: int, bound: int | None
) -> tuple[list[Holding], Needs]:
    """Return the objects of each execution that nothing needs; where that isn't enough, one more of the oldest goes."""
    droppable = past.droppable(kept)
    while True:
        needs = past.needs(kept)
        objects = [item for one in reversed(past.executions) if (item := _object(one, found.unneeded(one.arn, needs)))]
        if bound is None or not droppable or total - sum(item.size for item in objects) <= bound:
            return objects, needs
        kept = [one for one in kept if one is not droppable[0]]
        droppable = droppable[1:]


def _staged(store: LocalStore, before: datetime) -> list[Holding]:
    """Return what was being written to the store when a command was killed, a long time ago."""
    folder = store.root / STAGING
    files = [path for path in (folder.iterdir() if folder.is_dir() else ()) if path.is_file() and not path.is_symlink()]
    if left := tuple(path for path in files if changed_at(path) < before):
        used = max(map(changed_at, left))
        why = f"never written to its end, {used:%Y-%m-%d}"
        return [Holding(kind=STORE, name=STAGING, paths=left, size=weigh(left), used=used, why=why)]
    return []


def _object(one: Execution, files: tuple[Path, ...]) -> Holding | None:
    if not files:
        return None
    return Holding(
        kind=STORE, name=one.id, paths=files, size=weigh(files), used=one.ended or one.started, why=_why(one)
    )


def _folders(past: Past, jobs: Path, needs: Needs, total: int, bound: int | None) -> list[Holding]:
    """Return the job folders, which are logs, of executions that nothing refers to; of too many bytes others too."""
    found = []
    newest = {one.pipeline: one.arn for one in reversed(past.executions)}
    for one in reversed(past.executions):
        folder = jobs / one.id
        over = bound is not None and total > bound and one.status.ended and newest[one.pipeline] != one.arn
        if folder.is_dir() and not folder.is_symlink() and (over or one.arn not in needs.logs):
            size = weigh([folder])
            total -= size
            used = one.ended or one.started
            found.append(Holding(kind=JOBS, name=one.id, paths=(folder,), size=size, used=used, why=_why(one)))
    return found


def _why(one: Execution) -> str:
    return f"{one.pipeline}, {one.status.value} {one.ended or one.started:%Y-%m-%d}"


def _foreign(upkeep: Upkeep, ids: Collection[str], found: Belongings) -> list[str]:
    """Return what lies among what is looked after, and isn't this program's."""
    left = [str(path) for path in found.foreign]
    alone = upkeep.state.query("SELECT kind, name FROM jobs WHERE execution = ''")
    jobs = {*ids, *(f"{row['kind']}-{row['name']}" for row in alone)}
    for folder, known in ((upkeep.jobs, jobs.__contains__), (upkeep.environments, is_environment)):
        if folder.is_symlink():
            left.append(str(folder))
        elif folder.is_dir():
            left += [str(path) for path in sorted(folder.iterdir()) if not known(path.name) or path.is_symlink()]
    return left


# --- taking


def take(upkeep: Upkeep, bounds: Bounds, wanted: Collection[tuple[str, str]]) -> list[Holding]:
    """Take what still isn't needed of what is wanted (kinds and names); return what is gone.

    It is looked at again, while nobody can begin to use anything. Each execution is noted in the state before its files
    go, so that after a kill the next call goes on.
    """
    with deciding(upkeep.state):
        found = survey(upkeep, bounds)
        chosen = [item for item in found.unneeded if item.key in wanted]
        gone = [item for item in chosen if item.kind in (STORE, JOBS) and _take_of_execution(upkeep, item, found.needs)]
    return [*gone, *(item for item in chosen if item.kind == ENVIRONMENTS and take_environment(item))]


def _take_of_execution(upkeep: Upkeep, item: Holding, needs: Needs) -> bool:
    """Take what is an execution's, unless somebody has just begun to go on with it."""
    if item.name == STAGING:
        _remove_objects(item.paths, upkeep.store.root)
        return True
    with own_lock(upkeep.jobs / item.name) as held:
        if not held:
            return False
        if item.kind == STORE:
            if not _note(upkeep.state, upkeep.store.root, item, needs):
                return False
            _remove_objects(item.paths, upkeep.store.root)
            _forget(upkeep.state, item.paths)
        if item.kind == JOBS or not any(path.name != "lock" for path in (upkeep.jobs / item.name).iterdir()):
            remove_folder(upkeep.jobs / item.name)
    return True


def _note(state: State, root: Path, item: Holding, needs: Needs) -> bool:
    """Note that an execution has no files any more, so that nothing takes its results from it; False if it goes on.

    Its fingerprint goes too, unless a package of it was judged by that: no run is the same as one without its files.
    """
    sql = (
        "UPDATE executions SET details = json_set(details, ?, ?), "
        "fingerprint = CASE WHEN ? THEN fingerprint ELSE '' END "
        "WHERE arn = ? AND status NOT IN ('Executing', 'Stopping')"
    )
    with state.transaction(lasting=True) as db:
        found = db.execute("SELECT arn FROM executions WHERE arn LIKE '%/execution/' || ?", (item.name,)).fetchone()
        if found is None:
            return False
        arn = found["arn"]
        values = (f"$.{TAKEN}", f"{now():%Y-%m-%d %H:%M} UTC", arn in needs.judged, arn)
        noted = db.execute(sql, values).rowcount == 1
        if noted:
            places = {str(place) for path in item.paths for place in (path, *path.parents)}
            for row in db.execute("SELECT number, outputs FROM cache WHERE execution = ?", (arn,)).fetchall():
                if any(str(root.joinpath(*split_address(uri))) in places for uri in row.json("outputs")):
                    db.execute("DELETE FROM cache WHERE number = ?", (row["number"],))
    return noted


def _remove_objects(files: Collection[Path], root: Path) -> None:
    folders = {folder for path in files for folder in path.parents if root in folder.parents}
    for path in files:
        path.unlink(missing_ok=True)
    for folder in sorted(folders, key=lambda one: -len(one.parts)):
        if folder.parent != root:  # a bucket stays
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()


def _forget(state: State, files: Collection[Path]) -> None:
    rows = [(str(path),) for path in files]
    with state.transaction() as db:
        db.executemany("DELETE FROM digests WHERE path = ?", rows)
        db.executemany("DELETE FROM objects WHERE path = ?", rows)
