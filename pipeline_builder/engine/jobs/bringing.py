"""A job's data brought to it: copied into its folder, shown to it where they lie, or ready to flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline_builder.engine.jobs.arrivals import Arrival, faults_of
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.outputs import Outputs
from pipeline_builder.engine.jobs.paths import folder_inside, inside
from pipeline_builder.engine.jobs.pipes import Stream
from pipeline_builder.engine.jobs.streams import open_content
from pipeline_builder.engine.state.elsewhere import is_elsewhere
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import PREFIX, folder_of
from pipeline_builder.errors import InputProblems, Problem

Mounted = tuple[tuple[Path, str], ...]
"""Folders of this machine, and the paths in the job at which it reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Data of the store that a job reads where they lie, and the digest of all that was there when it began."""

    address: str
    kind: str
    folder: Path
    sha256: str

    def is_there(self, store: LocalStore) -> bool:
        """Tell whether the folder still has the same data and, where more could be in it than they, nothing else."""
        if store.digest(self.address, kind=self.kind) != self.sha256:
            return False
        is_all = self.kind == PREFIX and self.folder == store.root / self.address.removeprefix("s3://").rstrip("/")
        return is_all or folder_of(store, self.address, self.kind) == self.folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What is left to be done with the data when the job starts: pipes to be fed, folders to be shown.

    What the job changes of `overlaid` folders is its own, and gone with it; `mounted` ones it only reads.
    """

    streams: tuple[Stream, ...] = ()
    mounted: Mounted = ()
    overlaid: Mounted = ()
    shown: tuple[Shown, ...] = ()

    def refuse_changed(self, store: LocalStore) -> None:
        """Make sure that what was shown is still what it was: the job's result is known by it.

        Raises:
            InputProblems: PB830.
        """
        changed = [one for one in self.shown if not one.is_there(store)]
        if changed:
            raise InputProblems(*(_changed(one) for one in changed))


def bring(arrivals: Iterable[Arrival], kept: Outputs, *, private: bool, outputs: Sequence[str] = ()) -> Brought:
    """Bring every input of a job; what is left out is said. `outputs` are the paths of what is kept of the job.

    Where jobs are `private` and a folder has just these files, they are not copied: data that the job can't change are
    shown to it as they are, and the store's own below what the job writes there itself.

    Raises:
        InputProblems: PB520 and PB527 to PB529 for what is there, PB524 for a path outside of the job, PB560, PB562,
            PB563.
    """
    arrivals = tuple(arrivals)
    streams: list[Stream] = []
    mounted: list[tuple[Path, str]] = []
    overlaid: list[tuple[Path, str]] = []
    shown: list[Shown] = []
    for arrival in arrivals:
        if faults := [Problem(id="PB560", message=why) for why in faults_of(arrival)]:
            raise InputProblems(*faults)
        if arrival.mode == "Pipe":
            streams.append(_stream(arrival, inside(kept.folder / "ml", arrival.path), kept))
            continue
        folder = folder_inside(kept.folder / "ml", arrival.path)
        others = [*outputs, *(other.path for other in arrivals if other is not arrival)]
        own = _own_folder(arrival, kept, others) if private else None
        if own is None:
            kept.say_missing(arrival.address, kept.store.download(arrival.address, folder, kind=arrival.kind))
        if arrival.fixed and private:
            mounted.append((own or folder, arrival.path))
        elif own:
            overlaid.append((own, arrival.path))
        if own and not is_elsewhere(arrival.address):
            shown.append(_shown(arrival, own, kept.store))
    return Brought(streams=tuple(streams), mounted=tuple(mounted), overlaid=tuple(overlaid), shown=tuple(shown))


def _own_folder(arrival: Arrival, kept: Outputs, others: Sequence[str]) -> Path | None:
    """Return the folder that can be shown as the input, None where its files have to be copied.

    What the job may change is shown below an overlay: of the store only, whose objects are replaced and never written
    to, while people may work on what is mounted, and where nothing else of the job is in the same place.
    """
    if not arrival.fixed and not (_is_apart(arrival.path, others) and find_isolation(kept.folder).overlay):
        return None
    folder = folder_of(kept.store, arrival.address, arrival.kind)
    if folder is None or arrival.fixed:
        return folder
    is_stores = folder.is_relative_to(kept.store.root) and folder.stat().st_dev == kept.folder.stat().st_dev
    return folder if is_stores else None


def _is_apart(path: str, others: Sequence[str]) -> bool:
    """Tell whether none of the other paths is at, in or above this one."""
    own = PurePosixPath(path)
    paths = [PurePosixPath(other) for other in others]
    return not any(other.is_relative_to(own) or own.is_relative_to(other) for other in paths)


def _shown(arrival: Arrival, folder: Path, store: LocalStore) -> Shown:
    sha256 = store.digest(arrival.address, kind=arrival.kind)
    return Shown(address=arrival.address, kind=arrival.kind, folder=folder, sha256=sha256)


def _changed(shown: Shown) -> Problem:
    message = f"the data at '{shown.address}' have changed while the job read them"
    hint = "run it again when nobody writes there; steps that write what others read need an edge between them"
    return Problem(id="PB830", message=message, hint=hint)


def _stream(arrival: Arrival, place: Path, kept: Outputs) -> Stream:
    left_out: list[str] = []
    content = open_content(arrival, kept.store, left_out)
    kept.say_missing(arrival.address, left_out)
    return Stream(name=place.name, folder=place.parent, content=content)
