"""Several pipelines of one manifest, each with a session of its own; checkouts, lock, bundles and target are shared."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.opened import Opened
from pipeline_builder.views import lines
from pipeline_builder.workspace import RUN, Workspace

if TYPE_CHECKING:
    from typing_extensions import Self

    from pipeline_builder.release.run import Start


class Several(Opened):
    """A workspace beside those of the manifest's other pipelines.

    `say` gets a line for people, `warn` a warning; `given` are values of pipeline parameters, `date` is the logical
    date of an inference run, today where it is empty, `held` the versions of groups that it uses instead of champions.
    `named` says that this is about one pipeline, because somebody has asked for it, or as one of `each`; else it is
    about the main one, and what is looked up is looked for in all.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        say: Callable[[str], None],
        warn: Callable[[Problem], None],
        manifest: Manifest | None = None,
    ) -> None:
        super().__init__(workspace, warn=warn, manifest=manifest)
        self.say = say
        self.given: Mapping[str, str] = {}
        self.date = ""
        self.seconds: dict[str, float] = {}
        self.begun: Start | None = None
        self.named = False
        self.held: Mapping[str, int] = {}
        self.left_whole: frozenset[str] = frozenset()
        self._beside: dict[str, Self] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[list[str]]:
        """Time a stage, and say in one line what it did: the words that the body puts into the list."""
        started = time.monotonic()
        words: list[str] = []
        yield words
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
        self.say(lines.stage_line(name, " ".join(words), self.seconds[name]))

    def of(self, pipeline: str) -> Self:
        """Return the same of that pipeline alone, one for each in a command.

        Raises:
            InputProblems: PB954 where the manifest doesn't have it.
        """
        manifest = self.manifest.narrowed(pipeline)
        if known := self._beside.get(manifest.narrowed_to):
            return known
        workspace = self.workspace.narrowed(manifest.narrowed_to)
        one = type(self)(workspace, say=self.say, warn=self.warn, manifest=manifest)
        one.given, one.date, one.seconds = self.given, self.date, dict(self.seconds)
        one.named, one.first = True, self.first or self
        self._beside[manifest.narrowed_to] = one
        return one

    @property
    def several(self) -> bool:
        """Whether this is about more than one pipeline; who only looks at runs and models may have no manifest."""
        try:
            return not self.named and len(self.manifest.pipelines) > 1
        except InputProblems:
            return False

    @property
    def each(self) -> tuple[Self, ...]:
        """All that this is about, one for each pipeline, those that train first."""
        return tuple(self.of(entry.name) for entry in self.manifest.pipelines) if self.several else (self,)

    def owner(self, pipeline: str) -> Self:
        """Return the same of the pipeline that SageMaker has under this name; this one where it is nobody's else."""
        if not (self.several or self.named):
            return self
        handle = next((handle for handle, name in self.names.items() if name == pipeline), "")
        mine = self.named and handle == self.manifest.entry.name
        return self.of(handle) if handle and not mine else self

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each of the manifest's pipelines is called at SageMaker: as its confs have it, or its last run."""
        from pipeline_builder.release.record import load_record

        found: dict[str, str] = {}
        for entry in self.manifest.pipelines:
            build = self.workspace.narrowed(self.manifest.narrowed(entry.name).narrowed_to).build
            if name := self.confs_names.get(entry.name):
                found[entry.name] = name
            elif saved := load_record(build / RUN):
                found[entry.name] = saved.pipeline
        return found

    @cached_property
    def confs_names(self) -> Mapping[str, str]:
        """What the confs call them, read once in a command."""
        if isinstance(self.first, Several):
            return self.first.confs_names
        from pipeline_builder.conf.naming import read_names

        read = read_names(self.manifest, root=self.workspace.root, values=self.workspace.values)
        return {handle: named.name for handle, named in read.items()}

    def is_anothers(self, pipeline: str) -> bool:
        """Tell whether SageMaker has another pipeline of the manifest under this name; without a manifest none."""
        if not (self.several or self.named):
            return False
        handle = next((handle for handle, name in self.confs_names.items() if name == pipeline), "")
        return handle not in ("", self.manifest.entry.name)

    def pipelines_of_runs(self) -> tuple[str, ...] | None:
        """Return the names of the pipelines whose executions are meant; None where those of all are that there are."""
        if self.named and len(self.manifest.pipelines) > 1:
            return tuple(name for handle, name in self.names.items() if handle == self.manifest.entry.name)
        return tuple(self.names.values()) if self.several and self.workspace.target != "local" else None


def find_rings(several: Iterable[Opened]) -> tuple[Problem, ...]:
    """Return what pipelines write that starts them again through each other, by data that they are started for, or that
    comes to where another one publishes.
    """
    opened = tuple(several)
    entries = [one.manifest.entry for one in opened]
    if len(opened) < 2 or not any(entry.is_inference or entry.trigger.data for entry in entries):
        return ()  # what one does to itself is said when it is composed
    from pipeline_builder.definition.policy.landing import Written, find_crossings, find_loops
    from pipeline_builder.definition.policy.policy import outputs_of

    written = [Written(entry=one.manifest.entry, outputs=outputs_of(one.composed.policed)) for one in opened]
    loops = find_loops(written) if sum(bool(entry.trigger.data) for entry in entries) > 1 else ()
    return (*loops, *find_crossings(written))
