"""What has run: the executions that a command can mean, and the record of the last run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.descriptions import Execution
from pipeline_builder.errors import InputProblems
from pipeline_builder.release.executions import find_execution, find_failed, find_running, undecided
from pipeline_builder.release.outcome import recall
from pipeline_builder.release.record import RunRecord, load_record
from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The executions of a target. `path` is where the record of the last run is, `composed` names the pipeline.

    `names` gives the pipelines that are meant, where the manifest has several; None where it has one. `is_anothers`
    tells whether a name is that of another pipeline of the manifest.
    """

    target: Target
    path: Path
    composed: Callable[[], str]
    names: Callable[[], tuple[str, ...] | None] = lambda: None
    is_anothers: Callable[[str], bool] = lambda _: False

    def saved(self) -> RunRecord | None:
        """Return the record of the last run; None where there is none of this target."""
        saved = self._kept()
        return saved if saved and saved.target == self.target.name else None

    def _kept(self) -> RunRecord | None:
        """Return the record in the file, where it isn't another pipeline's, which was the main one before."""
        saved = load_record(self.path)
        return None if saved and self.is_anothers(saved.pipeline) else saved

    def pipeline(self) -> str:
        """Return the name of the pipeline that ran last, empty where none has."""
        saved = self.saved()
        return saved.pipeline if saved else ""

    def listed(self) -> tuple[Execution, ...]:
        """Return the executions, newest first; on AWS those of the pipeline, as an account has many."""
        service, names = self.target.pipelines, self.names()
        if names is not None:
            found = [execution for name in names for execution in service.list_executions(name)]
            return tuple(sorted(found, key=lambda execution: execution.started, reverse=True))
        if self.target.name == "local":
            return service.list_executions()
        return self.target.pipelines.list_executions(self.pipeline() or self.composed())

    def find(self, name: str = "") -> Execution:
        """Return the named execution (ARN or id), or the newest.

        Raises:
            InputProblems: PB440 where there is none at all, PB441 where none has that name.
        """
        return find_execution(self.target.pipelines, self.listed, name)

    def knows(self, name: str) -> bool:
        """Tell whether a name is an execution's: its ARN, or the id of one of those that are listed."""
        if ":execution/" in name or "/execution/" in name:
            return True
        return bool(self.target.pipelines.describe_execution(name)) or any(e.id == name for e in self.listed())

    def running(self, name: str = "") -> Execution:
        """Return the named execution, or the only one that goes on, or the newest.

        Raises:
            InputProblems: PB450 where none is named and several go on; those of `find`.
        """
        return find_running(self.target.pipelines, self.listed, name)

    def failed(self, name: str = "") -> Execution:
        """Return the named execution, or the newest, to go on with.

        Raises:
            InputProblems: PB443 where it has nothing left to do, PB450 where another may be meant; those of `find`.
        """
        saved = self.saved()
        return find_failed(self.target.pipelines, self.listed, name, saved.execution if saved else "")

    def record(self, name: str = "", *, handed_on: bool = False) -> RunRecord:
        """Return the record of the last run, or of the named execution, with its packages as they are now.

        Without a record of a run "the last" is whoever's is the newest; a stage has to be `handed_on` one.

        Raises:
            InputProblems: PB440 where there is no run, PB441 where no execution has that name.
        """
        saved = self._kept()
        wanted = name or (saved.execution if saved else "")
        if handed_on and not wanted:
            raise InputProblems(undecided(self.path, self.listed()))
        return recall(saved, self.find(wanted), self.target)
