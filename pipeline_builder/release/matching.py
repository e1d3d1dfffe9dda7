"""Which steps a selection expression means, in the graph of each pipeline that it is held against."""

from __future__ import annotations

import difflib
import fnmatch
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline_builder.dag.outline import flat_steps, outline
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.release.expressions import ALL, Atom, Expression, Term

_MOST_NAMED = 4
_WORDS = {"repo": "repository"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A step as it may be selected: `tags` are `Key` and `Key=Value` of its job, and the groups of its repository."""

    name: str
    type: str
    model: str = ""
    repo: str = ""
    groups: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    depends_on: tuple[str, ...] = ()

    def answers(self, method: str) -> Iterable[str]:
        """Return what the step is called by a method."""
        match method:
            case "model":
                return (self.model,)
            case "repo":
                return (self.repo,)
            case "group":
                return self.groups
            case "tag":
                return (*self.tags, *self.groups)
            case "type":
                return (self.type.lower(),)
            case _:
                return (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The steps of one pipeline that a selection is made from; `modified` gives those that have changed."""

    steps: tuple[Named, ...]
    modified: Callable[[], frozenset[str]] = field(default=frozenset)


def space_of(
    definition: bytes,
    *,
    units: Mapping[str, str],
    repositories: Mapping[str, str],
    groups: Mapping[str, Sequence[str]],
    modified: Callable[[], frozenset[str]] = frozenset,
) -> Space:
    """Return the steps of a definition: `units` and `repositories` are each step's model and repository, as far as
    they are known, `groups` those of each repository.
    """
    contents = flat_steps(json.loads(definition)["Steps"])
    return Space(
        steps=tuple(
            Named(
                name=step.name,
                type=step.type,
                model=units.get(step.name, ""),
                repo=repositories.get(step.name, ""),
                groups=tuple(groups.get(repositories.get(step.name, ""), ())),
                tags=_tags(contents.get(step.name)),
                depends_on=step.depends_on,
            )
            for step in outline(definition)
        ),
        modified=modified,
    )


def _tags(step: JSON) -> frozenset[str]:
    arguments = step.get("Arguments") if isinstance(step, dict) else None
    listed = arguments.get("Tags") if isinstance(arguments, dict) else None
    found: set[str] = set()
    for tag in listed if isinstance(listed, list) else ():
        if isinstance(tag, dict) and isinstance(tag.get("Key"), str):
            found |= {str(tag["Key"]), f"{tag['Key']}={tag.get('Value', '')}"}
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The steps that are selected, and all that were named to be left out, each in the order of the definition."""

    steps: tuple[str, ...]
    excluded: tuple[str, ...]


def select_each(expression: Expression, spaces: Mapping[str, Space]) -> Mapping[str, Meant]:
    """Return the steps that an expression means in each pipeline.

    Raises:
        InputProblems: PB442 for a name that none of them has, PB027 where all of it together means no step.
    """
    known: set[Atom] = set()
    found = {handle: _select(expression, space, known) for handle, space in spaces.items()}
    steps = [step for space in spaces.values() for step in space.steps]
    missing = [atom for atom in expression.atoms if atom not in known and atom.method != "state"]
    if missing:
        raise InputProblems(*(unknown(atom, steps) for atom in dict.fromkeys(missing)))
    if not any(meant.steps for meant in found.values()) and not any(
        atom.method == "state" for atom in expression.atoms
    ):
        raise InputProblems(_none(expression, spaces))
    return found


def _none(expression: Expression, spaces: Mapping[str, Space]) -> Problem:
    """Return the problem of an expression that means no step."""
    first = next(iter(expression.atoms))
    hint = "a comma means 'in both', a blank 'in either'; 'graph --select' shows what each part means"
    if expression.excluded:
        without = Expression(selected=expression.selected)
        if any(_select(without, space, set()).steps for space in spaces.values()):
            hint = "--exclude takes away all that is selected: leave out less"
    return Problem(id="PB027", message="no step is selected", place=first.place, hint=hint)


def _select(expression: Expression, space: Space, known: set[Atom]) -> Meant:
    links = _Links(space)
    names = [step.name for step in space.steps]
    chosen, excluded = set(() if expression.selected else names), set[str]()
    for term in expression.selected:
        chosen |= _of_term(term, space, links, known)
    for term in expression.excluded:
        excluded |= _of_term(term, space, links, known)
    return Meant(
        steps=tuple(name for name in names if name in chosen - excluded),
        excluded=tuple(name for name in names if name in excluded),
    )


def _of_term(term: Term, space: Space, links: _Links, known: set[Atom]) -> set[str]:
    found: set[str] | None = None
    for atom in term:
        own = _matched(atom, space)
        if own:
            known.add(atom)
        reached = links.reach(own, atom)
        found = reached if found is None else found & reached
    return found or set()


def _matched(atom: Atom, space: Space) -> set[str]:
    """Return the steps that an atom names: by a name without a method the step of that name, or else a model's."""
    if atom.method == "state":
        return set(space.modified())
    for method in (atom.method,) if atom.method else ("step", "model"):
        value = atom.value.lower() if method == "type" else atom.value
        if found := {step.name for step in space.steps if _fits(step.answers(method), value)}:
            return found | _of_models(atom, space) if _is_pattern(value) and not atom.method else found
    return set()


def _of_models(atom: Atom, space: Space) -> set[str]:
    """A pattern means steps and models alike."""
    return {step.name for step in space.steps if _fits((step.model,), atom.value)}


def _fits(names: Iterable[str], value: str) -> bool:
    return any(name and fnmatch.fnmatchcase(name, value) for name in names) if _is_pattern(value) else value in names


def _is_pattern(value: str) -> bool:
    return any(letter in value for letter in "*?[")


class _Links:
    """What comes directly before and after each step."""

    def __init__(self, space: Space) -> None:
        self.before: dict[str, Sequence[str]] = {step.name: step.depends_on for step in space.steps}
        self.after: dict[str, list[str]] = {step.name: [] for step in space.steps}
        for step in space.steps:
            for name in step.depends_on:
                if name in self.after:
                    self.after[name].append(step.name)

    def reach(self, names: set[str], atom: Atom) -> set[str]:
        """Return the names with what the operators of an atom add to them."""
        if atom.both:
            down = _walk(names, self.after, ALL)
            return down | _walk(down, self.before, ALL)
        return names | _walk(names, self.before, atom.before) | _walk(names, self.after, atom.after)


def _walk(names: set[str], next_of: Mapping[str, Sequence[str]], far: int) -> set[str]:
    """Return the names, and those at most so many links away."""
    found, edge = set(names), set(names)
    while edge and far:
        edge = {other for name in edge for other in next_of.get(name, ())} - found
        found |= edge
        far -= 1
    return found


def unknown(atom: Atom, steps: Sequence[Named]) -> Problem:
    """Return the problem of a name that nothing has: with the nearest one, or how what ends so is selected."""
    method = atom.method
    if not method:
        what, names = "step and no model", {name for step in steps for name in (step.name, step.model) if name}
    else:
        what = _WORDS.get(method, method)
        names = {name for step in steps for name in _shown_answers(step, method) if name}
    message = f"there is no {what} '{atom.value}'" if method else f"the pipeline has no {what} '{atom.value}'"
    return Problem(id="PB442", message=message, place=atom.place, hint=_hint(atom, sorted(names)))


def _shown_answers(step: Named, method: str) -> Iterable[str]:
    """Return what the step is called by a method, as people write it."""
    return (step.type,) if method == "type" else step.answers(method)


def _hint(atom: Atom, names: Sequence[str]) -> str | None:
    value = atom.value
    if ends := [name for name in names if name.lower().endswith(f"-{value.lower()}")]:
        pattern = f"*{ends[0][-len(value) - 1 :]}"
        return f"'{pattern}' selects {_listed([n for n in names if fnmatch.fnmatchcase(n, pattern)])}"
    if not names and atom.method in ("group", "tag"):
        key = "groups" if atom.method == "group" else "tags"
        where = (
            "a repository of the manifest"
            if key == "groups"
            else "a step's section of a conf, or 'groups:' of the manifest"
        )
        return f"nothing has one: they come from '{key}:' of {where}"
    return _near(value, names)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(f"'{name}'" for name in names[:_MOST_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def find_short(text: str, steps: Sequence[Named], *, what: str) -> tuple[str, ...]:
    """Return the steps that a short name means: a step, a model (all its steps), or a part of exactly one step's name,
    which may be its end after the model's (`Train`), its beginning, or any part.

    Raises:
        InputProblems: PB442 where nothing has it, PB028 where more than one step may be meant; `what` has no such step.
    """
    for method in ("step", "model"):
        if found := tuple(step.name for step in steps if text in step.answers(method)):
            return found
    names, low = [step.name for step in steps], text.lower()
    looks: tuple[Callable[[str], bool], ...] = (
        lambda name: name.endswith(f"-{low}"),
        lambda name: name.startswith(low),
        lambda name: low in name,
    )
    for fits in looks:
        found = tuple(name for name in names if fits(name.lower()))
        if len(found) == 1:
            return found
        if found:
            message = f"'{text}' may be {len(found):,} steps: {_listed(found)}"
            hint = f"give more of the name, or '*{text}*' for all of them"
            raise InputProblems(Problem(id="PB028", message=message, hint=hint))
    known = {name for step in steps for name in (step.name, step.model) if name}
    raise InputProblems(Problem(id="PB442", message=f"{what} has no step '{text}'", hint=_near(text, sorted(known))))


def _near(value: str, names: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    there = "there is" if len(names) == 1 else "there are"
    return f"did you mean '{near[0]}'" if near else f"{there} {_listed(names)}" if names else None
