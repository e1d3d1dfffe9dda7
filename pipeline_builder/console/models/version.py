"""A version's page: its metrics and plots, why the gate let it through, what it was made of, and who uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.models.bounds import bounded_first, bounds_of
from pipeline_builder.console.models.code import Required, read_required
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.history import Turn, Version, turns_of, turns_told, versions_of
from pipeline_builder.console.models.installed import find_installed
from pipeline_builder.console.models.lineage import Lineage, Use, lineage_of
from pipeline_builder.console.models.uses import uses_of
from pipeline_builder.console.pages import Query
from pipeline_builder.errors import PipelineBuilderError, Problem
from pipeline_builder.release.evidence import ContainerEvidence, DataEvidence
from pipeline_builder.release.metrics import compare_metrics, find_confusion, find_curves
from pipeline_builder.release.regressions import find_predicted, find_quantiles, find_residuals
from pipeline_builder.release.verification import verify
from pipeline_builder.views.plots.curves import curve_plot
from pipeline_builder.views.plots.matrix import confusion_table
from pipeline_builder.views.plots.regression import quantiles_plot, residuals_plot, scatter_plot

MOST_METRICS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLine:
    """A metric beside that of the champion which it was judged against; `gate` is what it has to keep."""

    name: str
    value: float | None
    champion: float | None
    gate: str

    @property
    def difference(self) -> float | None:
        return None if self.value is None or self.champion is None else self.value - self.champion


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitLine:
    """A commit that its run had checked out; `own` is its own repository's."""

    repository: str
    commit: str
    subject: str
    author: str
    link: str
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of reading the package and its evidence again."""

    agrees: bool
    lines: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPage:
    """The page. `against` is the champion's version that it was judged beside, 0 without one; `others` are those that
    it can be compared with at a click: the version before, and the champion. `installed` has by steps what this machine
    has installed for them, where that is still there.
    """

    title: str
    group: str
    number: int
    arn: str
    word: str
    tone: str
    by: str
    at: str
    why: str
    stage: str
    made: str
    model: str
    pipeline: str
    run: str
    metrics: tuple[MetricLine, ...]
    metrics_left: int
    against: int
    fault: str
    passed: bool | None
    reasons: tuple[str, ...]
    evidence: str
    checked: Checked | None
    hyperparameters: dict[str, str]
    commits: tuple[CommitLine, ...]
    data: tuple[DataEvidence, ...]
    reads: tuple[tuple[str, tuple[str, ...]], ...]
    containers: tuple[ContainerEvidence, ...]
    images: tuple[tuple[str, tuple[str, ...]], ...]
    required: tuple[Required, ...] | None
    installed: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    lineage: Lineage
    uses: tuple[Use, ...]
    turns: tuple[Turn, ...]
    stubs: tuple[str, ...]
    missing: tuple[str, ...]
    others: tuple[tuple[int, str], ...]
    curves: tuple[str, ...] = field(default=(), metadata={"json": False})
    regression: tuple[tuple[str, str], ...] = field(default=(), metadata={"json": False})
    confusion: str = field(default="", metadata={"json": False})


Asked = Literal["", "evidence", "packages"]


def version_view(look: Look, query: Query, group: str, version: int) -> VersionPage:
    """Return a version with all that is known of it; its bytes are read again where that is asked for.

    Raises:
        InputProblems: PB037, PB038 where there is none.
    """
    asking = Asking(look)
    facts = asking.facts(group, version)
    packages = asking.packages(group)
    champion = champion_of(packages)
    (shown,) = versions_of([facts.package], asking.ran(group), champion)
    lines = metric_lines(facts)
    uses = uses_of(look, facts)
    asked = query.get("look")
    return VersionPage(
        title=f"{group} version {version}",
        group=group,
        number=version,
        arn=facts.package.arn,
        word=shown.word,
        tone=shown.tone,
        by=shown.by,
        at=shown.at,
        why=facts.package.approval_description,
        stage=" · ".join(filter(None, (facts.package.stage, facts.package.stage_status))),
        made=f"{shown.when:%Y-%m-%d %H:%M:%S} UTC" if shown.when else "",
        model=facts.model,
        pipeline=facts.pipeline,
        run=facts.run,
        metrics=lines[:MOST_METRICS],
        metrics_left=max(len(lines) - MOST_METRICS, 0),
        against=_against(facts),
        fault=facts.fault,
        passed=facts.verdict.passed if facts.verdict else None,
        reasons=facts.verdict.reasons if facts.verdict else (),
        evidence=facts.evidence.sha256 if facts.evidence else "",
        checked=_checked(look, group, version) if asked == "evidence" else None,
        hyperparameters=facts.hyperparameters,
        commits=_commits(asking, facts),
        data=facts.data,
        reads=_grouped((uri, step.name) for step in facts.made for uri in step.reads),
        containers=facts.proof.containers if facts.proof else (),
        images=_grouped((image, step.name) for step in facts.made for image in step.images),
        required=(
            required := read_required(facts, look.target.store, asking.remember) if asked == "packages" else None
        ),
        installed=installed_for(look, facts, required or ()),
        lineage=lineage_of(facts, uses),
        uses=uses,
        turns=_turns(asking, shown, group),
        stubs=facts.stubs,
        missing=facts.missing,
        others=_others([package.version for package in packages], version, champion),
        curves=tuple(_curves(facts)),
        regression=regression_plots(facts.metrics, _champions(facts)),
        confusion=_confusion(facts),
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what several steps name once, with their names."""
    found: dict[str, list[str]] = {}
    for name, step in pairs:
        found.setdefault(name, []).append(step)
    return tuple((name, tuple(steps)) for name, steps in found.items())


def metric_lines(facts: Facts) -> tuple[MetricLine, ...]:
    """Return a version's metrics, those that the gate bounds first."""
    found = compare_metrics(facts.metrics, _champions(facts))
    return tuple(
        MetricLine(
            name=one.path,
            value=one.candidate,
            champion=one.champion,
            gate=bound.words if bound else "",
        )
        for one, bound in bounded_first(found, bounds_of(facts.bounds))
    )


def _champions(facts: Facts) -> object:
    return facts.own.champion_metrics if facts.own else None


def _against(facts: Facts) -> int:
    if facts.own:
        return facts.own.champion_version
    return facts.proof.champion.version if facts.proof and facts.proof.champion else 0


def _checked(look: Look, group: str, version: int) -> Checked:
    """Read the package, its evidence and its bytes again, as `verify` does."""
    try:
        return Checked(agrees=True, lines=verify(group, version, look.target).lines)
    except PipelineBuilderError as error:
        return Checked(agrees=False, problems=error.problems)


def _commits(asking: Asking, facts: Facts) -> tuple[CommitLine, ...]:
    own = {one.name for one in facts.own_commits}
    told = {repo.name: (repo.subject, repo.author) for repo in facts.record.repos} if facts.record else {}
    found = [
        CommitLine(
            repository=one.name,
            commit=one.commit,
            subject=told.get(one.name, ("", ""))[0],
            author=told.get(one.name, ("", ""))[1],
            link=asking.commit_link(one.name, one.commit, one.url),
            own=one.name in own,
        )
        for one in facts.commits
    ]
    return tuple(sorted(found, key=lambda one: not one.own))


def _turns(asking: Asking, shown: Version, group: str) -> tuple[Turn, ...]:
    kept = tuple(turn for turn in turns_of(asking.approvals(), group) if turn.version == shown.number)
    return kept or turns_told([shown])


def _others(versions: Sequence[int], own: int, champion: int) -> tuple[tuple[int, str], ...]:
    """Return versions to compare with, each with what it is."""
    before = next((one for one in versions if one < own), 0)
    found = {before: "the version before"} if before else {}
    if champion not in (0, own):
        found[champion] = "the champion" if champion != before else "the version before, which is the champion"
    return tuple(found.items())


def installed_for(
    look: Look, facts: Facts, required: Sequence[Required]
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return what this machine has installed for steps, of those that it has an environment of."""
    images = {step.name: step.images for step in facts.made}
    found: dict[tuple[str, ...], list[str]] = {}
    for one in required:
        image = next((name for step in one.steps for name in images.get(step, ())), "")
        if not one.unknown and (packages := find_installed(look, image, one.lines)):
            found.setdefault(packages, []).extend(one.steps)
    return tuple((tuple(steps), packages) for packages, steps in found.items())


def _curves(facts: Facts) -> list[str]:
    name = f"version {facts.package.version}"
    against = {curve.name: curve for curve in find_curves(_champions(facts))}
    drawn = []
    for curve in find_curves(facts.metrics):
        other = against.get(curve.name)
        named = [(name, curve), *([(f"version {_against(facts)}, the champion then", other)] if other else [])]
        drawn.append(curve_plot(named, chance=curve.name == "ROC curve"))
    return drawn


def regression_plots(report: object, champion: object = None) -> tuple[tuple[str, str], ...]:
    """Return what is drawn of a regression, each with its name; nothing of another model."""
    drawn = {
        "Predicted and actual": scatter_plot(find_predicted(report)),
        "Residuals": residuals_plot(find_residuals(report), find_residuals(champion)),
        "Absolute error": quantiles_plot(find_quantiles(report), find_quantiles(champion)),
    }
    return tuple((name, svg) for name, svg in drawn.items() if svg)


def _confusion(facts: Facts) -> str:
    found = find_confusion(facts.metrics)
    return confusion_table(found, find_confusion(_champions(facts))) if found else ""
