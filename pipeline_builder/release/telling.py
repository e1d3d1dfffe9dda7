"""What people want to know of a plan besides: whose each step is, what would be left out, and the code that differs.

Nothing is written or fetched: it is read out of the store, the checkouts, and the cache of git.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_builder.definition.composed import Definition
from pipeline_builder.descriptions import DeployedPipeline
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.release.bundle_changes import CodeChange, TouchingCommit, code_changes
from pipeline_builder.release.outcome import repo_records
from pipeline_builder.release.overview import models_of
from pipeline_builder.release.past.changes import MOST_PATHS, Commit, CommitsSince, commits_since
from pipeline_builder.release.plan import Plan
from pipeline_builder.release.record import RepoRecord
from pipeline_builder.target import Target

_MOST_COMMITS = 20
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Where what a plan is about lies: `checkouts` is the folder with one of each repository, `cache` that of git."""

    target: Target
    lock: Lock
    checkouts: Path
    cache: Path
    environment: Mapping[str, str]


def tell(plan: Plan, definition: Definition, around: Around) -> Plan:
    """Return a plan with the model of each step, the models that `up` would leave out, and which files differ."""
    models = {node.name: node.model for node in models_of(definition)}
    service, left = around.target.pipelines, None
    if definition.kind == "training" and not plan.unchanged_since and len({*models.values()}) > 1:
        from pipeline_builder.release.whole import leave_whole

        left = leave_whole(around.target, plan.pipeline, definition.content, models_of(definition), plan.predictions)
    deployed = service.describe_pipeline(definition.pipeline) if plan.changes else None
    code = tuple(_code(deployed, definition, around)) if deployed else ()
    return replace(plan, models=models, spared=left.models if left else (), code=code)


def _code(deployed: DeployedPipeline, definition: Definition, around: Around) -> Iterator[CodeChange]:
    repos = {repo.name: repo for repo in repo_records(around.lock)}
    folders = {name: str(around.checkouts / name) for name in repos}
    changes = code_changes(deployed.definition, definition, around.target.store, folders)
    if not changes:
        return
    before = _commits_of(deployed, definition, around)
    known: dict[str, CommitsSince] = {}
    for change in changes:
        repo = repos.get(change.repository)
        if repo is None or change.folder is None:
            yield change
            continue
        if repo.name not in known:
            known[repo.name] = commits_since(
                repo, before.get(repo.name, ""), cache_folder=around.cache, environment=around.environment
            )
        yield with_commits(change, repo, known[repo.name])


def _commits_of(deployed: DeployedPipeline, definition: Definition, around: Around) -> Mapping[str, str]:
    """Return the commit of each repository that the newest run of the deployed version was started for."""
    service = around.target.pipelines
    for execution in service.list_executions(deployed.name)[:_MOST_RUNS]:
        if execution.version != deployed.version:
            continue
        found = execution if execution.parameters else service.describe_execution(execution.arn)
        given = found.parameters if found else {}
        return {repo: given[name] for repo, name in definition.commit_parameters.items() if name in given}
    return {}


def with_commits(change: CodeChange, repo: RepoRecord, since: CommitsSince) -> CodeChange:
    """Return a change of code with the commits that touched one of its files."""
    paths = {"/".join(filter(None, (repo.path, change.folder, file.path))) for file in change.files}
    touching = [commit for commit in since.commits if _touches(commit, paths)]
    unknown = since.unknown or ("there are more commits than were looked at" if since.more else "")
    return replace(
        change,
        commits=tuple(
            TouchingCommit(
                sha=one.sha, subject=one.subject, author=one.author, when=one.when.isoformat() if one.when else "",
                url=one.url,
            )
            for one in touching[:_MOST_COMMITS]
        ),
        commits_unknown=unknown,
    )  # fmt: skip


def _touches(commit: Commit, paths: set[str]) -> bool:
    """Tell whether a commit changes one of the files; of one that changes very many only the first are known."""
    return bool(paths.intersection(commit.paths)) or len(commit.paths) >= MOST_PATHS
