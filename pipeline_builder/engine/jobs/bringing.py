"""A job's data brought to it: copied into its folder, shown to it read-only where they lie, or ready to flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.jobs.arrivals import Arrival, faults_of
from pipeline_builder.engine.jobs.job import folder_inside, inside
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.pipes import Stream
from pipeline_builder.engine.jobs.streams import open_content
from pipeline_builder.engine.state.supply import folder_of
from pipeline_builder.errors import InputProblems, Problem

Mounted = tuple[tuple[Path, str], ...]
"""Folders of this machine, and the paths in the job at which it reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What is left to be done with the data when the job starts: pipes to be fed, folders to be shown."""

    streams: tuple[Stream, ...] = ()
    mounted: Mounted = ()


def bring(arrivals: Iterable[Arrival], kept: Outputs, *, private: bool) -> Brought:
    """Bring every input of a job; what is left out is said.

    Data that the job can't change are shown to it where they lie, unread until it reads them: where jobs are `private`,
    and a folder has just these files. Else they are copied.

    Raises:
        InputProblems: PB520 and PB527 to PB529 for what is there, PB524 for a path outside of the job, PB560, PB562,
            PB563.
    """
    streams: list[Stream] = []
    mounted: list[tuple[Path, str]] = []
    for arrival in arrivals:
        if faults := [Problem(id="PB560", message=why) for why in faults_of(arrival)]:
            raise InputProblems(*faults)
        if arrival.mode == "Pipe":
            streams.append(_stream(arrival, inside(kept.folder / "ml", arrival.path), kept))
            continue
        folder = folder_inside(kept.folder / "ml", arrival.path)
        own = folder_of(kept.store, arrival.address, arrival.kind) if arrival.fixed and private else None
        if own is None:
            kept.say_missing(arrival.address, kept.store.download(arrival.address, folder, kind=arrival.kind))
        if arrival.fixed and private:
            mounted.append((own or folder, arrival.path))
    return Brought(streams=tuple(streams), mounted=tuple(mounted))


def _stream(arrival: Arrival, place: Path, kept: Outputs) -> Stream:
    left_out: list[str] = []
    content = open_content(arrival, kept.store, left_out)
    kept.say_missing(arrival.address, left_out)
    return Stream(name=place.name, folder=place.parent, content=content)
