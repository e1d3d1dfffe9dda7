"""What commands know of earlier runs: the index over all that were kept, as the console has it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_builder.descriptions import Execution
    from pipeline_builder.release.past.index import RunIndex
    from pipeline_builder.release.past.summary import RunSummary
    from pipeline_builder.release.waits import Waiting
    from pipeline_builder.session import Session


def open_index(session: Session, executions: Sequence[Execution], *, whole: bool = False) -> RunIndex:
    """Return the index over the runs of the pipelines that these executions are of, as it is now; are they the `whole`
    of those, they aren't listed again.
    """
    from pipeline_builder.release.past.index import RunIndex

    workspace = session.workspace
    path = workspace.state / f"runs-{workspace.target}.json" if workspace.state.is_dir() else None
    names = tuple(dict.fromkeys(execution.pipeline for execution in executions))
    index = RunIndex(session.target, lambda: names, path)
    index.refresh(listed=executions if whole else None)
    return index


def run_of(session: Session, execution: Execution) -> RunSummary | None:
    """Return what is known of one run by the record that was kept of it; None without one, or where it goes on."""
    from pipeline_builder.release.past.keeping import read_kept
    from pipeline_builder.release.past.summary import summarise

    record = read_kept(session.target, execution.pipeline, execution.arn)
    return summarise(record) if record and record.status == execution.status.value else None


def waiting_of(session: Session, index: RunIndex) -> tuple[Waiting, ...]:
    """Return what waits for a decision."""
    from pipeline_builder.release.waits import find_waiting

    return find_waiting(session.target, index, session.runs.saved())
