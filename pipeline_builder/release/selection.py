"""Selection: which steps a run is limited to, and whose results stand for those that it leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline_builder.conf.edges import reach
from pipeline_builder.dag.outline import OutlinedStep, by_name, flat_steps, outline
from pipeline_builder.descriptions import JSON, Execution, ExecutionStatus, Selection, StepState, StepStatus
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.target import PipelineService

MOST_SELECTED = 50
"""Steps that StartPipelineExecution takes in a SelectiveExecutionConfig [service model]."""
_MOST_NAMED = 12
_MOST_SOURCES = 20
"""Executions that are looked at for the results that a selection needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Steps to run, in the definition's order; a Condition step stands for those inside of it.

    `needed` are steps that aren't run and whose results are needed, `left_out` all that aren't run.
    """

    steps: tuple[str, ...]
    needed: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Two locks, and the repository that the code and the conf of each step come from.

    Without a lock from `before`, what has changed is told by the definition of the last execution that succeeded.
    """

    before: Lock | None
    now: Lock
    repo_of: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run is limited to, None where everything has to run, no steps where nothing has. `words` say it.

    `last` is the ARN of the execution that was compared with, where one was.
    """

    selection: Selection | None
    words: str
    last: str = ""


def select_steps(
    service: PipelineService, pipeline: str, definition: bytes, names: Iterable[str], *, excluded: Iterable[str] = ()
) -> Found:
    """Limit a run to these steps, and those on the paths between them; one that was `excluded` may not be there.

    Raises:
        InputProblems: PB442 for steps that aren't there, PB029 for one that was excluded and can't be, PB030 for too
            many, PB445 where no execution has the results that they need.
    """
    asked = tuple(names)
    known = flat_steps(json.loads(definition)["Steps"])
    if unknown := [name for name in asked if name not in known]:
        raise InputProblems(*(_unknown(name, known) for name in unknown))
    chosen = choose(definition, asked, descendants=False)
    between = tuple(name for name in chosen.steps if name not in asked)
    if kept_out := set(between).intersection(excluded):
        raise InputProblems(_between(min(kept_out, key=between.index)))
    if len(chosen.steps) > MOST_SELECTED:
        if not chosen.left_out:
            return Found(selection=None, words="everything (as asked)")
        message = f"{len(chosen.steps):,} steps are selected, and SageMaker takes at most {MOST_SELECTED} of them"
        hint = "select fewer, or run everything: what hasn't changed comes from the step cache"
        raise InputProblems(Problem(id="PB030", message=message, hint=hint))
    source = _source(service, pipeline, chosen)
    if source is None and chosen.needed:
        message = f"no execution that succeeded has the result of '{chosen.needed[0]}', which the selected steps need"
        raise InputProblems(Problem(id="PB445", message=message, hint="select that step too, or run everything"))
    return _found(chosen, source, f"as asked, with {_some(between)} between them" if between else "as asked")


def select_changed(service: PipelineService, pipeline: str, definition: bytes, changes: Changes) -> Found:
    """Limit a run to the steps of the repositories that changed, and all that depend on them.

    Steps that changed for another reason, such as a value of the environment, are among them: they are told by the
    definition of the last execution that succeeded.
    """
    earlier = find_earlier(service, pipeline, definition)
    if earlier is None:
        return Found(selection=None, words="everything: no execution has succeeded whose results could be used")
    last = earlier.last
    repos = changed_repos(changes.before, changes.now) if changes.before else ()
    changed = changed_steps(definition, earlier.steps, repos, changes.repo_of)
    if not changed and earlier.definition != definition:
        return Found(selection=None, words=f"everything: more than steps has changed since execution {last.id}")
    chosen = choose(definition, changed, descendants=True)
    since = "no repository changed" if changes.before else f"changed since execution {last.id}"
    found = _with_results(service, pipeline, chosen, f"changed: {', '.join(repos)}" if repos else since)
    return replace(found, last=last.arn)


def select_repos(
    service: PipelineService, pipeline: str, definition: bytes, repos: Iterable[str], repo_of: Mapping[str, str]
) -> Found:
    """Limit a run to the steps of these repositories, and all that depend on them."""
    wanted = frozenset(repos)
    steps = flat_steps(json.loads(definition)["Steps"])
    chosen = choose(definition, [name for name in steps if repo_of.get(name) in wanted], descendants=True)
    return _with_results(service, pipeline, chosen, f"of {', '.join(sorted(wanted))}")


def _with_results(service: PipelineService, pipeline: str, chosen: Chosen, why: str) -> Found:
    """Let an execution stand for what is left out; where the service can't do that, everything runs."""
    if not chosen.left_out:
        return Found(selection=None, words=f"everything ({why})")
    if len(chosen.steps) > MOST_SELECTED:
        words = f"everything: {len(chosen.steps)} steps are more than the {MOST_SELECTED} that a selection takes"
        return Found(selection=None, words=words)
    source = _source(service, pipeline, chosen)
    if source is None and chosen.needed:
        return Found(selection=None, words=f"everything: no execution has the result of '{chosen.needed[0]}'")
    return _found(chosen, source, why)


def _unknown(name: str, known: Iterable[str]) -> Problem:
    return Problem(id="PB442", message=f"the pipeline has no step '{name}'", hint=did_you_mean(name, known))


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _between(name: str) -> Problem:
    message = f"'{name}' can't be left out: it lies between steps that are selected, or around one"
    hint = f"a step runs on this run's results or on another's, never on both: exclude '{name}+', or select it"
    return Problem(id="PB029", message=message, hint=hint)


def _found(chosen: Chosen, source: Execution | None, why: str) -> Found:
    steps = f"{len(chosen.steps)} step{'' if len(chosen.steps) == 1 else 's'}"
    left = f"; left out: {_some(chosen.left_out)}" if chosen.left_out else ""
    results = f"; their results are those of execution {source.id}" if source and chosen.needed else ""
    selection = Selection(steps=chosen.steps, source=source.arn if source and chosen.needed else "")
    return Found(selection=selection, words=f"{steps} ({why}){left}{results}")


def _source(service: PipelineService, pipeline: str, chosen: Chosen) -> Execution | None:
    """Return the newest execution that has every result that is needed."""
    for execution in _succeeded(service, pipeline)[:_MOST_SOURCES]:
        if has_results(service.list_steps(execution.arn), chosen.needed):
            return execution
    return None


def _succeeded(service: PipelineService, pipeline: str) -> tuple[Execution, ...]:
    return tuple(e for e in service.list_executions(pipeline) if e.status is ExecutionStatus.SUCCEEDED)


def changed_repos(before: Lock, now: Lock) -> tuple[str, ...]:
    """Return the repositories whose files are not those of the earlier lock, new ones too, in the manifest's order."""
    trees = {repo.name: _files_of(repo) for repo in before.repos}
    return tuple(repo.name for repo in now.repos if trees.get(repo.name) != _files_of(repo))


def _files_of(repo: LockedRepo) -> tuple[object, ...]:
    """Return what decides a repository's files: its tree has the commits of its submodules, if they are there."""
    return repo.tree, repo.path, repo.submodules is not None, repo.lfs


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What has been run: the last execution with its definition, and each step as it was when it was run last."""

    last: Execution
    definition: bytes
    steps: Mapping[str, JSON]


def find_earlier(service: PipelineService, pipeline: str, definition: bytes) -> Earlier | None:
    """Return what of a definition has been run, and how; None where nothing has.

    An execution that was limited says something about its steps only. One that left out what depends on them, as a
    person's `--select` does, leaves steps behind that have never seen its results: it says nothing.
    """
    missing = set(flat_steps(json.loads(definition)["Steps"]))
    found: Earlier | None = None
    for execution in _succeeded(service, pipeline)[:_MOST_SOURCES]:
        ran = service.describe_execution(execution.arn) or execution
        content = service.definition_of(ran.arn)
        steps = flat_steps(json.loads(content)["Steps"])
        names = _ran(content, ran.selected)
        if not names:
            continue
        known = {name: steps[name] for name in names & missing}
        found = found or Earlier(last=ran, definition=content, steps={})
        found = replace(found, steps={**found.steps, **known})
        missing -= names
        if not missing or not ran.selected:
            break  # older ones have nothing to add to one that ran everything
    return found


def _ran(content: bytes, selected: tuple[str, ...]) -> frozenset[str]:
    """Return the steps that an execution ran; none where it left out what depends on them."""
    names = frozenset(flat_steps(json.loads(content)["Steps"]))
    if not selected:
        return names
    chosen = choose(content, names.intersection(selected), descendants=True)
    return names.difference(chosen.left_out) if set(chosen.steps) == set(selected) else frozenset()


def changed_steps(
    definition: bytes, earlier: Mapping[str, JSON], repos: Iterable[str], repo_of: Mapping[str, str]
) -> frozenset[str]:
    """Return the steps of the repositories, and those that differ from what was run `earlier` for other reasons.

    `repo_of` maps each step to the repository that its code and conf come from. A value of the environment, or the
    manifest, may have changed a step of a repository that stayed as it was.
    """
    steps, changed = flat_steps(json.loads(definition)["Steps"]), frozenset(repos)
    return frozenset(name for name, step in steps.items() if repo_of.get(name) in changed or earlier.get(name) != step)


def choose(definition: bytes, wanted: Iterable[str], *, descendants: bool) -> Chosen:
    """Return the wanted steps, with all that depend on them where asked.

    All steps on the paths between two of them are among them, as the service demands.
    """
    steps = outline(definition)
    names = [step.name for step in steps]
    before = {step.name: step.depends_on for step in steps}
    after: dict[str, list[str]] = {name: [] for name in names}
    for step in steps:
        for name in step.depends_on:
            after[name].append(step.name)
    tops = _tops(definition, steps)
    first = {tops[name] for name in wanted}
    down = first.union(*(reach(name, lambda step: after[step]) for name in first))
    up = first.union(*(reach(name, lambda step: before[step]) for name in first))
    found = down if descendants else down & up
    found |= {name for name in names if tops[name] in {tops[inner] for inner in found}}
    chosen = [name for name in names if name in found]
    needed = {name for step in chosen for name in before[step] if name not in found}
    return Chosen(
        steps=tuple(name for name in chosen if tops[name] == name),
        needed=tuple(name for name in names if name in needed),
        left_out=tuple(name for name in names if name not in found),
    )


def has_results(states: Iterable[StepState], needed: Iterable[str]) -> bool:
    """Tell whether an execution with these steps has succeeded in every step that is needed."""
    done = {state.name for state in states if state.status is StepStatus.SUCCEEDED}
    return done.issuperset(needed)


def _tops(definition: bytes, steps: tuple[OutlinedStep, ...]) -> dict[str, str]:
    """Return the outermost Condition step that each step is in; others stand for themselves."""
    outer: dict[str, str] = {}
    for name, step in by_name(json.loads(definition)["Steps"]).items():
        outer |= dict.fromkeys(flat_steps([step]), name)
    return {step.name: outer[step.name] for step in steps}
