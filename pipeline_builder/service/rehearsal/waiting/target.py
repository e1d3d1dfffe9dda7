"""The SageMaker that a rehearsal waits for: the local target's executions, run here as long as the rehearsal plays.

A build of the service starts an execution and ends; what runs it is this process, as the service itself is on AWS. What
is on its way when it ends, however it ends, is gone on with by the next that plays the rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.descriptions import StepState
from pipeline_builder.engine.execution.starts import unfinished
from pipeline_builder.engine.local import LocalPipelines
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.opened import Opened
from pipeline_builder.serve.background import Background
from pipeline_builder.views.progress import describe
from pipeline_builder.workspace import Workspace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from pipeline_builder.errors import Problem

_MANIFEST = "model_repos.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """Who looks: `say` gets a line for each change of a step, `changed` is told of each execution that has ended."""

    say: Callable[[str], None]
    warn: Callable[[Problem], None]
    changed: Callable[[], None]


def _unseen(line: str) -> None:
    del line


class Target:
    """The local target behind SageMaker's API; nothing is opened before something waits for it."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._background: Background | None = None
        self._show: Callable[[str], None] = _unseen
        self.application: WSGIApplication | None = None

    def go_on(self, workspace: Workspace, *, known: Iterable[str], cause: str, show: Callable[[str], None]) -> None:
        """Run what a build of this rehearsal has started: executions that are `known` to it, or that it has caused.

        The workspace is that of the build; `show` gets a line for each change of a step.
        """
        from pipeline_builder.serve.application import Application

        self._show = show
        if self._background is None:
            self._root = workspace.root
            pipelines = Opened(workspace, warn=self._eyes.warn).target.pipelines
            assert isinstance(pipelines, LocalPipelines)
            self._engine = pipelines.engine
            self._background = Background(self._engine, self._ended, observe=self._observe)
            self.application = Application(engine=self._engine, background=self._background, report=self._eyes.say)
        wanted = set(known)
        for execution in unfinished(self._engine.state):
            if execution.arn in wanted or (cause and execution.cause == cause):
                self._background.start(execution.arn)

    def _observe(self, state: StepState) -> None:
        self._show(f"{state.name}  {describe(state)}")

    def _ended(self, line: str) -> None:
        arn, _, words = line.partition(" ")
        self._show(f"execution {arn.rsplit('/', 1)[-1]} {words}")
        self._eyes.changed()

    def end(self) -> None:
        """End the jobs; executions stay as they are, and the source that they had is gone."""
        if self._background:
            self._background.end()
            sweep_folder(self._root)


def workspace_of(root: Path, environment: Mapping[str, str], jobs: int) -> Workspace:
    """Return the workspace that a build's commands have, for a source in another folder."""
    stubs = dict(pair.split("=", 1) for pair in environment.get("SMP_STUBS", "").split() if "=" in pair)
    made = Workspace(
        manifest_path=root / environment.get("SMP_MANIFEST", _MANIFEST),
        state=Path(environment["SMP_STATE"]),
        build=root / "build",
        target="local",
        jobs=jobs,
        environment=environment,
        values=environment,
        require_isolation=environment.get("SMP_REQUIRE_ISOLATION") == "1",
        stubs={name: Path(file) for name, file in stubs.items()},
    )
    return made.narrowed(environment.get("SMP_PIPELINE", ""))
