"""The page that compares two versions of a model, whatever runs they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.models.code import (
    CodePair,
    ConfPair,
    Required,
    compare_code,
    compare_confs,
    read_required,
)
from pipeline_builder.console.models.comparing import Compared, MetricRow, compare_facts, software_difference
from pipeline_builder.console.models.differing import Difference
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.history import Version, versions_of
from pipeline_builder.console.models.version import installed_for, regression_plots
from pipeline_builder.console.pages import Query
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.past.changes import Commit, commits_since
from pipeline_builder.release.record import RepoRecord
from pipeline_builder.views.plots.curves import curve_plot
from pipeline_builder.views.plots.matrix import confusion_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two versions."""

    number: int
    word: str
    tone: str
    made: str
    by: str
    at: str
    why: str
    passed: bool | None
    pipeline: str
    run: str
    commits: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitsBetween:
    """The commits of a repository that lead to one version and not to the other, the newest first, and how many `more`
    there are. `unknown` says in words what can't be told.
    """

    repository: str
    commits: tuple[Commit, ...]
    more: int
    unknown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plotted:
    """A drawing with its name."""

    name: str
    svg: str = field(default="", metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The page; `software_notes` say of what code the requirements can't be read;
    `installed` is what this machine has installed otherwise for them."""

    title: str
    group: str
    before: Side
    after: Side
    metrics: tuple[MetricRow, ...]
    metrics_left: int
    hyperparameters: tuple[Difference, ...]
    commits: tuple[CommitsBetween, ...]
    confs: tuple[ConfPair, ...]
    code: tuple[CodePair, ...]
    data: tuple[Difference, ...]
    reads: tuple[Difference, ...]
    images: tuple[Difference, ...]
    software: tuple[Difference, ...]
    software_notes: tuple[str, ...]
    installed: tuple[Difference, ...]
    steps: tuple[Difference, ...]
    parameters: tuple[Difference, ...]
    notes: tuple[str, ...]
    curves: tuple[Plotted, ...]
    confusions: tuple[Plotted, ...]
    errors: tuple[Plotted, ...]
    missing: tuple[str, ...] = field(default=(), metadata={"json": False})


def choose_view(look: Look, query: Query, group: str) -> Comparison:
    """Return the comparison of the two versions that a form names.

    Raises:
        InputProblems: PB039 where it doesn't name two; those of `compare_view`.
    """
    a, b = query.number("a"), query.number("b")
    if not a or not b or a == b:
        message = f"two versions of '{group}' are compared, and {'one' if a or b else 'none'} is named"
        raise InputProblems(Problem(id="PB039", message=message, hint="choose one in each column of the model's page"))
    return compare_view(look, query, group, min(a, b), max(a, b))


def compare_view(look: Look, query: Query, group: str, a: int, b: int) -> Comparison:
    """Return version `a` of a group beside version `b`.

    Raises:
        InputProblems: PB037, PB038 where there is no such model or version.
    """
    del query
    asking = Asking(look)
    before, after = asking.facts(group, a), asking.facts(group, b)
    found = compare_facts(before, after)
    required = [read_required(facts, look.target.store, asking.remember) for facts in (before, after)]
    sides = _sides(asking, group, before, after)
    return Comparison(
        title=f"{group}: version {a} and version {b}",
        group=group,
        before=sides[0],
        after=sides[1],
        metrics=found.metrics,
        metrics_left=found.metrics_left,
        hyperparameters=found.hyperparameters,
        commits=tuple(_between(asking, before, after)),
        confs=_confs(asking, before, after),
        code=compare_code(before, after, look.target.store, asking.remember),
        data=found.data,
        reads=found.reads,
        images=found.images,
        software=software_difference(*(_lines(one) for one in required)),
        installed=_installed(look, (before, after), required),
        software_notes=tuple(_unread(before, required[0]) + _unread(after, required[1])),
        steps=found.steps,
        parameters=found.parameters,
        notes=found.notes,
        curves=tuple(_curves(found)),
        confusions=tuple(_confusions(found)),
        errors=tuple(_errors(found)),
        missing=(*before.missing, *after.missing),
    )


def _sides(asking: Asking, group: str, before: Facts, after: Facts) -> tuple[Side, ...]:
    champion = champion_of(asking.packages(group))
    versions = versions_of([before.package, after.package], asking.ran(group), champion)
    return tuple(_side(asking, one, facts) for one, facts in zip(versions, (before, after), strict=True))


def _side(asking: Asking, version: Version, facts: Facts) -> Side:
    return Side(
        number=version.number,
        word=version.word,
        tone=version.tone,
        made=f"{version.when:%Y-%m-%d %H:%M} UTC" if version.when else "",
        by=version.by,
        at=version.at,
        why=facts.package.approval_description,
        passed=facts.verdict.passed if facts.verdict else None,
        pipeline=facts.pipeline,
        run=facts.run,
        commits=tuple(
            (one.name, one.commit, asking.commit_link(one.name, one.commit, one.url)) for one in facts.own_commits
        ),
    )


def _between(asking: Asking, before: Facts, after: Facts) -> Iterator[CommitsBetween]:
    """Yield what came since the older version's commits, of each repository that has another one now."""
    old = {one.name: one.commit for one in before.own_commits}
    own = {one.name for one in after.own_commits}
    for repo in _repos(asking.look, after):
        if repo.name not in own or old.get(repo.name, "") in ("", repo.commit):
            continue
        yield _since(asking, repo, old[repo.name])


def _repos(look: Look, facts: Facts) -> tuple[RepoRecord, ...]:
    """Return the repositories of a version's run; of one without a record as the manifest has them, at its commits."""
    if facts.record and facts.record.repos:
        return facts.record.repos
    manifest = look.manifest
    known = {repo.name: repo for repo in manifest.repos} if manifest else {}
    return tuple(
        RepoRecord(name=one.name, url=one.url, revision=one.commit, commit=one.commit, tree="", committed=None,
                   path=known[one.name].path if one.name in known else "")
        for one in facts.commits
    )  # fmt: skip


def _since(asking: Asking, repo: RepoRecord, before: str) -> CommitsBetween:
    workspace = asking.look.session.workspace
    find = partial(commits_since, repo, before, cache_folder=workspace.state / "git", environment=workspace.environment)
    key = ("commits", repo.name, repo.path, repo.commit, before)
    found = asking.remember(key, find, lambda found: not found.unknown)
    return CommitsBetween(repository=repo.name, commits=found.commits, more=found.more, unknown=found.unknown)


def _confs(asking: Asking, before: Facts, after: Facts) -> tuple[ConfPair, ...]:
    from pipeline_builder.checkout.git import Git

    workspace, paths = asking.look.session.workspace, _paths(asking.look)
    git = Git(environment=workspace.environment)
    find = partial(compare_confs, before, after, git=git, cache=workspace.state / "git", paths=paths)
    key = ("confs", repr((before.own_commits, after.own_commits, paths)))
    return asking.remember(key, find, lambda found: not any(pair.unknown for pair in found))


def _paths(look: Look) -> Mapping[str, Sequence[str]]:
    """Return the folder of each repository, and the patterns of its conf files in it."""
    manifest = look.manifest
    if manifest is None:
        return {}
    globs = [glob for entry in manifest.pipelines for glob in entry.config]
    own = [glob.partition("/")[2] for glob in globs if "/" in glob]
    return {repo.name: (repo.path, *(repo.config or own)) for repo in manifest.repos}


def _lines(required: Sequence[Required]) -> dict[str, tuple[str, ...]]:
    return {", ".join(one.steps): one.lines for one in required}


def _installed(look: Look, both: Sequence[Facts], required: Sequence[Sequence[Required]]) -> tuple[Difference, ...]:
    """Return what this machine has installed for the steps of one otherwise than for the other, where it has both."""
    found = [installed_for(look, facts, ones) for facts, ones in zip(both, required, strict=True)]
    if not all(found):
        return ()
    return software_difference(*({", ".join(steps): packages for steps, packages in one} for one in found))


def _unread(facts: Facts, required: Sequence[Required]) -> list[str]:
    return [
        f"version {facts.package.version}, {', '.join(one.steps)}: {one.unknown}" for one in required if one.unknown
    ]


def _curves(found: Compared) -> list[Plotted]:
    names = [f"version {facts.package.version}" for facts in (found.after, found.before)]
    drawn = []
    for pair in found.curves:
        named = [(name, one) for name, one in zip(names, (pair.after, pair.before), strict=True) if one]
        drawn.append(Plotted(name=pair.name, svg=curve_plot(named, chance=pair.name == "ROC curve")))
    return drawn


def _errors(found: Compared) -> list[Plotted]:
    return [
        Plotted(name=f"version {facts.package.version}: {name}", svg=svg)
        for facts in (found.before, found.after)
        for name, svg in regression_plots(facts.metrics)
    ]


def _confusions(found: Compared) -> list[Plotted]:
    return [
        Plotted(name=f"version {facts.package.version}", svg=confusion_table(one))
        for facts, one in zip((found.before, found.after), found.confusion, strict=True)
        if one
    ]
