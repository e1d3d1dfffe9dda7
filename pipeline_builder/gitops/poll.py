"""Poll: one look at the repositories that the service polls, and a start of its pipeline for what moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_builder.checkout.heads import Head
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.gitops.watch import look_up
from pipeline_builder.manifest.addresses import is_local
from pipeline_builder.manifest.manifest import Manifest, Repo
from pipeline_builder.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline_builder.aws.triggers import Asked, Started


class Starter(Protocol):
    """Starts the service's pipeline where one of these heads isn't what the last start was for."""

    def poll(self, names: Sequence[str], heads: Mapping[str, Head]) -> Started: ...

    def note_asked(self, repos: Iterable[Asked]) -> None: ...

    def note_failing(self, names: Iterable[str]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What was started, and the repositories that couldn't be asked: they don't keep the others."""

    started: Started
    failures: tuple[PipelineBuilderError, ...]


def poll(workspace: Workspace, manifest: Manifest, starter: Starter) -> Polled:
    """Look at every repository with the trigger 'poll', and start the pipeline once for all that moved.

    A folder of the manifest's own repository moves with that, which has a trigger of its own.
    """
    repos = find_polled(manifest)
    found = look_up(workspace, repos)
    heads = {name: head for name, head in found.items() if isinstance(head, Head)}
    failures = tuple(error for error in found.values() if isinstance(error, PipelineBuilderError))
    started = starter.poll([repo.name for repo in repos], heads)
    # Last: where the start failed, the first look is to see the same again.
    note_asked(manifest, starter)
    starter.note_failing(name for name in found if name not in heads)
    return Polled(started=started, failures=failures)


def find_polled(manifest: Manifest) -> list[Repo]:
    """Return the repositories that are polled."""
    return [repo for repo in manifest.repos if repo.trigger.kind == "poll" and not is_local(repo.url)]


def note_asked(manifest: Manifest, starter: Starter) -> None:
    """Note which repositories the first look has to ask."""
    from pipeline_builder.aws.triggers import Asked

    starter.note_asked(
        Asked(name=repo.name, url=repo.url, revision=repo.revision, credentials=str(repo.credentials or ""))
        for repo in find_polled(manifest)
    )
