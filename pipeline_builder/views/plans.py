"""Plans as people read them: what would change, with the code behind it, and what a run would do, model by model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline_builder.checkout.behind import Behind
from pipeline_builder.descriptions import CachePrediction
from pipeline_builder.inert import inert_line, inert_text
from pipeline_builder.release.bundle_changes import CodeChange, FileChange
from pipeline_builder.release.plan import Change, FieldChange, Plan

_MOST_SHOWN = 160
_MOST_FILES = 8
_MOST_COMMITS = 5
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def render_plan(plan: Plan, *, of: int = 0) -> str:
    """Return the plan as people read it; `of` is how many steps there are in all, where it is about some only."""
    code = {step: change for change in plan.code for step in change.steps}
    lines = [*render_behind(plan.behind), _headline(plan, narrowed=bool(of)), *_drift_lines(plan)]
    lines += [f"  needs --force: {reason}" for reason in plan.unsafe]
    if of and not plan.unchanged_since:
        lines.append(f"  shown are {len(plan.predictions)} of {of} steps, as selected")
    lines += _change_lines(plan.changes, code, creates=plan.creates)
    lines += [f"  uses {inert_line(use)}" for use in plan.uses]
    if plan.unchanged_since:
        lines.append(f"a run would do nothing: the same has succeeded in execution {plan.unchanged_since}")
        lines.append("with --rerun every step would run")
    elif plan.predictions:
        lines += ["a run would:", *_fates(plan)]
    return "\n".join(lines) + "\n"


def render_behind(found: Sequence[Behind]) -> list[str]:
    """Say what the plan is not about, as it isn't checked out; and how it would be."""
    lines: list[str] = []
    for one in found:
        name = f"'{inert_line(one.repository)}'"
        if one.unknown:
            lines.append(f"not known: whether {name} has anything new: {inert_line(one.unknown, _MOST_SHOWN)}")
        if one.moved:
            lines += _moved(name, one)
        if one.uncommitted:
            lines.append(f"not in this plan: changes of {name} that are not committed; a run is made of commits only")
    if any(one.moved for one in found):
        lines.append("  'pipeline-builder plan --refresh' checks out what is new, and plans with it")
    return [*lines, ""] if lines else []


def _moved(name: str, one: Behind) -> Iterator[str]:
    commits = "new commit" if one.count == 1 else "new commits"
    far = f"{one.count:,} {commits} of {name} on" if one.count else f"what is new of {name} on"
    at = f"it is checked out at {one.has[:7]}, and {inert_line(one.revision)} is at {one.now[:7]}"
    yield f"not in this plan: {far} {inert_line(one.revision)}; {at}"
    yield from (f"    {commit.id[:7]} {inert_line(commit.subject, _MOST_SHOWN)}" for commit in one.commits)
    if (more := one.count - len(one.commits)) > 0:
        yield f"    and {more:,} more"


def _fates(plan: Plan) -> Iterator[str]:
    """Yield what a run would do with each step, those of a model under its name where there are several."""
    models: dict[str, list[CachePrediction]] = {}
    for prediction in plan.predictions:
        models.setdefault(plan.models.get(prediction.step, ""), []).append(prediction)
    width = max(len(inert_line(prediction.step)) for prediction in plan.predictions)
    if len({*plan.models.values()} or models) < 2:
        yield from (_fate_line(prediction, width, "  ") for prediction in plan.predictions)
        return
    for model, predictions in models.items():
        name = inert_line(model) or "(of no model)"
        if model in plan.spared:
            yield f"  {name}: left out by 'up', as it hasn't changed since it was registered; 'run' registers it anew"
            continue
        yield f"  {name}"
        yield from (_fate_line(prediction, width, "    ") for prediction in predictions)


def _fate_line(prediction: CachePrediction, width: int, indent: str) -> str:
    name, why = inert_line(prediction.step), inert_line(prediction.reason)
    return f"{indent}{_fate(prediction):<5}  {name:<{width}}  {why}".rstrip()


def _drift_lines(plan: Plan) -> list[str]:
    if not plan.drift:
        return []
    head = "  somebody has changed the deployed pipeline since it was applied:"
    return [head, *_change_lines(plan.drift, {}), "  now:"]


def _change_lines(changes: tuple[Change, ...], code: Mapping[str, CodeChange], *, creates: bool = False) -> list[str]:
    lines: list[str] = []
    told: set[CodeChange] = set()
    for change in changes:
        if creates and change.what == "parameter":
            continue
        lines.append(f"  {_SIGNS[change.kind]} {change.what} {inert_line(change.name)}".rstrip())
        own = code.get(change.name) if change.what == "step" else None
        lines += [line for field in change.fields if not _is_told(field, own) for line in _field_lines(field)]
        if own and own in told:
            lines.append(f"      the same code as that of '{inert_line(own.steps[0])}'")
        elif own:
            lines += _code_lines(own)
            told.add(own)
    return lines


def _is_told(field: FieldChange, own: CodeChange | None) -> bool:
    """Whether a field only says by a digest that the code is another, where the files say it."""
    if own is None or not own.files:
        return False
    old, new = (text.replace(address, "") for text, address in ((field.old, own.before), (field.new, own.after)))
    return old == new and bool(field.old) and field.old != old


def _field_lines(field: FieldChange) -> Iterator[str]:
    yield f"      {inert_line(field.path)}: {_cut(field.old) or '(none)'} -> {_cut(field.new) or '(none)'}"


def _code_lines(code: CodeChange) -> Iterator[str]:
    """Yield which files of the code differ, and in which commits they were changed."""
    if code.unknown:
        yield f"      its code is another; which files differ can't be told: {inert_line(code.unknown, _MOST_SHOWN)}"
        return
    for file in code.files[:_MOST_FILES]:
        yield f"      {_SIGNS[file.kind]} {inert_line(_path(code, file))}{_extent(file)}"
    if (more := len(code.files) - _MOST_FILES) > 0:
        yield f"      and {more:,} more files"
    yield from (f"        in {c.sha[:7]} {inert_line(c.subject, _MOST_SHOWN)}" for c in code.commits[:_MOST_COMMITS])
    if (more := len(code.commits) - _MOST_COMMITS) > 0:
        yield f"        and {more:,} more commits"
    if code.commits_unknown and not code.commits:
        yield f"        in which commits isn't known: {inert_line(code.commits_unknown, _MOST_SHOWN)}"


def _path(code: CodeChange, file: FileChange) -> str:
    """Return where a file lies in its repository, or in its bundle where it is of none."""
    inside = f"{code.folder}/{file.path}" if code.folder else file.path
    return f"{code.repository}: {inside}" if code.repository else inside


def _extent(file: FileChange) -> str:
    if not file.lines:
        return f"  ({inert_line(file.why)})" if file.why and file.kind == "changed" else ""
    return f"  (+{file.added} -{file.removed} lines)"


def render_markdown(plan: Plan) -> str:
    """Return the plan as a comment for a pull request: a headline, the changes, and what a run would do."""
    text = inert_text(render_plan(plan)).rstrip("\n").split("\n")
    fence = "`" * (3 + max((len(run) for line in text for run in re.findall("`+", line)), default=0))
    runs = sum(not (p.hit or p.skipped or p.stubbed) for p in plan.predictions)
    hits = sum(p.hit for p in plan.predictions)
    state = "nothing to run" if plan.unchanged_since else f"{runs} steps to run, {hits} from the cache"
    head = _headline(plan)
    rest = [line for line in text if line != inert_text(head)]
    return (
        f"**{_inert(head.replace('`', chr(39)))}**; {state}\n\n<details><summary>Plan</summary>\n\n{fence}diff\n"
        + "\n".join(_diff_line(line) for line in rest)
        + f"\n{fence}\n\n</details>\n"
    )


def _inert(text: str) -> str:
    """Return the text with nothing in it that Markdown, HTML or a terminal would act upon."""
    return re.sub(r"([\\*_\[\]<>&@#|~!])", r"\\\1", inert_line(text))


def _diff_line(line: str) -> str:
    """Put the sign into the first column, where a diff has its colours."""
    match = re.match(r"^(?: {2}|( {6}))([+~-]) (.*)$", line)
    return f"{match[2].replace('~', '!')} {match[1] or ''}{match[3]}" if match else f"  {line}".rstrip()


def _fate(prediction: CachePrediction) -> str:
    if prediction.skipped or prediction.stubbed:
        return "skip" if prediction.skipped else "stub"
    return "cache" if prediction.hit else "maybe" if prediction.conditional else "run"


def _headline(plan: Plan, *, narrowed: bool = False) -> str:
    """Return what becomes of the pipeline; of a plan that is `narrowed` only some of the changes are there."""
    if plan.creates:
        return f"pipeline '{plan.pipeline}' will be created ({plan.new_sha256[:12]})"
    if not plan.changed:
        return f"pipeline '{plan.pipeline}' is unchanged (version {plan.base_version}, {plan.base_sha256[:12]})"
    counts = {kind: sum(c.kind == kind for c in plan.changes) for kind in ("added", "changed", "removed")}
    words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if narrowed:
        words = f"of these steps {words}" if words else "none of these steps"
    old, new = plan.base_sha256[:12], plan.new_sha256[:12]
    return f"pipeline '{plan.pipeline}' will change from version {plan.base_version}: {words} ({old} -> {new})"


def _cut(text: str) -> str:
    return inert_line(text, _MOST_SHOWN)
