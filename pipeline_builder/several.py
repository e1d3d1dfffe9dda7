"""Several pipelines of one manifest, each with a session of its own; checkouts, lock, bundles and target are shared."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
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
    date of an inference run, today where it is empty. `named` says that this is about one pipeline, because somebody
    has asked for it, or as one of `each`; else it is about the main one, and what is looked up is looked for in all.
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
        self.left_whole: frozenset[str] = frozenset()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[list[str]]:
        """Time a stage, and say in one line what it did: the words that the body puts into the list."""
        started = time.monotonic()
        words: list[str] = []
        yield words
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
        self.say(lines.stage_line(name, " ".join(words), self.seconds[name]))

    def of(self, pipeline: str) -> Self:
        """Return the same of that pipeline alone.

        Raises:
            InputProblems: PB954 where the manifest doesn't have it.
        """
        manifest = self.manifest.narrowed(pipeline)
        workspace = self.workspace.narrowed(manifest.narrowed_to)
        one = type(self)(workspace, say=self.say, warn=self.warn, manifest=manifest)
        one.given, one.date, one.seconds = self.given, self.date, dict(self.seconds)
        one.named, one.first = True, self.first or self
        return one

    @property
    def several(self) -> bool:
        """Whether this is about more than one pipeline."""
        return not self.named and len(self.manifest.pipelines) > 1

    @property
    def each(self) -> tuple[Self, ...]:
        """All that this is about, one for each pipeline, those that train first."""
        return tuple(self.of(entry.name) for entry in self.manifest.pipelines) if self.several else (self,)

    def owner(self, pipeline: str) -> Self:
        """Return the same of the pipeline that SageMaker has under this name; this one where it is nobody's else."""
        if len(self.manifest.pipelines) == 1:
            return self
        handle = next((handle for handle, name in self.names.items() if name == pipeline), "")
        known = bool(handle) and handle != self.manifest.entry.name
        return self.of(handle) if known or (handle and not self.named) else self

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each of the manifest's pipelines is called at SageMaker: as its confs have it, or its last run."""
        from pipeline_builder.conf.naming import read_names
        from pipeline_builder.release.record import load_record

        found: dict[str, str] = {}
        for entry in self.manifest.pipelines:
            build = self.workspace.narrowed(self.manifest.narrowed(entry.name).narrowed_to).build
            if saved := load_record(build / RUN):
                found[entry.name] = saved.pipeline
        read = read_names(self.manifest, root=self.workspace.root, values=self.workspace.values)
        return found | {handle: named.name for handle, named in read.items()}

    def pipelines_of_runs(self) -> tuple[str, ...] | None:
        """Return the names of the pipelines whose executions are meant; None where there is one pipeline only."""
        with contextlib.suppress(InputProblems):  # who only looks at runs may have no manifest
            if len(self.manifest.pipelines) > 1:
                own = self.manifest.entry.name
                return tuple(name for handle, name in self.names.items() if not self.named or handle == own)
        return None
