"""Parts of a definition whose steps don't name each other: nothing that is wrong in one has to do with another."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline_builder.canonical import canonical
from pipeline_builder.dag.outline import NESTED
from pipeline_builder.definition.check.alike import Likeness, likeness
from pipeline_builder.definition.loaded import document_of, steps_in
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import items_of, member_at, text_of
from pipeline_builder.errors import InputProblems
from pipeline_builder.machine.passed import Passed

# What a text may refer to; a name with other letters is found in no part, and then the whole is checked. Each by itself
# is found five times as fast as both at once: what has a beginning that never differs is looked for by that.
_STEP = re.compile(r"Steps\.([A-Za-z0-9_-]+)")
_PARAMETER = re.compile(r"Parameters\.([A-Za-z0-9_-]+)")


_FEW = 8
"""One in so many parts is looked at by itself: of more the whole takes less time."""
_MANY = 50
"""Of so many parts it is worth the time to look for those that are alike."""


@dataclass(frozen=True)
class Part:
    """A part, as a definition of its own, with the names and the types of its steps."""

    content: bytes
    names: tuple[str, ...]
    kinds: frozenset[str]

    @functools.cached_property
    def digest(self) -> str:
        """What says that it is this one; several checks of a command ask for it, too."""
        return hashlib.sha256(self.content).hexdigest()

    @functools.cached_property
    def likeness(self) -> Likeness:
        """What it has in common with others; several checks of a command ask for it."""
        return likeness(self.content, self.names, self.kinds)


def have_passed(
    content: bytes,
    check: Callable[[bytes], object],
    passed: Passed,
    about: str,
    *,
    told: Callable[[str], str] = lambda _digest: "",
    seen: Callable[[bytes], object] = lambda _part: None,
    sizes: tuple[int, ...] = (),
) -> bool:
    """Tell whether a check finds nothing in any part of a definition's content, where few parts are new.

    Of parts that are alike one is looked at. `about` says which check it is, and all that it reads besides; `told` is
    what it reads of code, by its digest, `seen` what it knows of the names in a part. `sizes` are those of the steps in
    canonical JSON, where they are known.
    """
    parts = parts_of(content, sizes)
    new = {*passed.new([part.digest for part in parts], about)}
    looked = [part for part in parts if part.digest in new]
    if len(looked) > _MANY:
        alike = {(part.likeness.with_told(told), seen(part.content)): part for part in reversed(looked)}
        looked = [*alike.values()]
    if len(looked) * _FEW > len(parts) or any(_finds(check, part.content) for part in looked):
        return False
    passed.mark(new, about)
    return True


def _finds(check: Callable[[bytes], object], part: bytes) -> bool:
    try:
        return bool(check(part))
    except InputProblems:  # of this part alone: who checks the whole says all of them
        return True


def mark_parts(content: bytes, passed: Passed, about: str, sizes: tuple[int, ...] = ()) -> None:
    """Note of each part of a definition's content that a check has found nothing in it."""
    passed.mark([part.digest for part in parts_of(content, sizes)], about)


@functools.lru_cache(maxsize=1)  # several checks of a command ask for the same
def parts_of(content: bytes, sizes: tuple[int, ...] = ()) -> tuple[Part, ...]:
    """Return definitions (JSON, one member order) that have each step of a definition once, in its order.

    Steps that refer to each other, or wait for each other, are together in one, with all parameters that they name. A
    part in which something is missing after all is one in which a check finds that.
    """
    document = document_of(content)
    listed = items_of(document, "Steps")
    known = len(sizes) == len(listed)
    texts = [text.decode() for text in steps_in(content, sizes)] if known else list(map(_text, listed))
    parameters = {text_of(item, "Name"): _text(item) for item in items_of(document, "Parameters")}
    members = document.items() if isinstance(document, dict) else ()
    around = _text({key: value for key, value in members if key not in ("Steps", "Parameters")})
    named = [_named(text) for text in texts]
    parts = []
    for together in _together(listed, [steps for steps, _ in named]):
        wanted = sorted({name for index in together for name in named[index][1] & parameters.keys()})
        own = ",".join(parameters[name] for name in wanted)
        steps = ",".join(texts[index] for index in together)
        names = tuple(name for index in together for name in _names(listed[index]))
        kinds = frozenset(kind for index in together for kind in _kinds(listed[index]))
        parts.append(Part(f'{around[:-1]},"Parameters":[{own}],"Steps":[{steps}]}}'.encode(), names, kinds))
    return tuple(parts)


def _text(value: JSON) -> str:
    return canonical(value)[:-1].decode()


def _named(text: str) -> tuple[set[str], set[str]]:
    """Return the names of the steps, and of the parameters, that a step's text has."""
    return {*_STEP.findall(text)}, {*_PARAMETER.findall(text)}


def _together(steps: list[JSON], referred: list[set[str]]) -> list[list[int]]:
    """Return the positions of the steps that belong together, in the order of the first of each."""
    first: dict[str, int] = {}
    above = list(range(len(steps)))

    def top(index: int) -> int:
        while above[index] != index:
            above[index] = index = above[above[index]]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((top(one), top(other)))
        above[high] = low

    for index, step in enumerate(steps):
        for name in _names(step):
            join(first.setdefault(name, index), index)
    for index, step in enumerate(steps):
        for name in (referred[index] | _waited(step)) & first.keys():
            join(first[name], index)
    found: dict[int, list[int]] = {}
    for index in range(len(steps)):
        found.setdefault(top(index), []).append(index)
    return list(found.values())


def _names(step: JSON) -> Iterator[str]:
    """Yield the names of a step and of those inside of it."""
    yield text_of(step, "Name")
    for member in NESTED.get(text_of(step, "Type"), ()):
        for inner in items_of(member_at(step, ("Arguments",)), member):
            yield from _names(inner)


def _kinds(step: JSON) -> Iterator[str]:
    """Yield the types of a step and of those inside of it."""
    yield text_of(step, "Type")
    for member in NESTED.get(text_of(step, "Type"), ()):
        for inner in items_of(member_at(step, ("Arguments",)), member):
            yield from _kinds(inner)


def _waited(step: JSON) -> set[str]:
    """Return whom a step waits for, and whom those inside of it wait for."""
    waited = {item if isinstance(item, str) else text_of(item, "Step") for item in items_of(step, "DependsOn")}
    for member in NESTED.get(text_of(step, "Type"), ()):
        for inner in items_of(member_at(step, ("Arguments",)), member):
            waited |= _waited(inner)
    return waited
