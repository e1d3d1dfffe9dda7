"""`dataclass` of the package is that of `dataclasses` to who uses it; only when its methods are made is another."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from dataclasses import field
from functools import cached_property
from typing import Any, ClassVar

import pytest

from pipeline_builder import values

# What `dataclasses` makes is held against ours, so each class is described twice.
Decorate = Any
BOTH = pytest.mark.parametrize("make", [dataclasses.dataclass, values.dataclass], ids=["theirs", "ours"])


def _described(make: Decorate) -> tuple[Any, Any, Any, Any]:
    @make(frozen=True, slots=True, kw_only=True)
    class Point:
        """A place."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: dict[str, int] = field(default_factory=dict, compare=False)
        known: bool = field(init=False, repr=False, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "known", self.x > 0)

    @make(frozen=True, slots=True, order=True)
    class Pair:
        """Two."""

        left: str
        right: int = 0

    @make(frozen=True, kw_only=True)
    class Wide(Point):
        """A place with more."""

        z: int

        @cached_property
        def twice(self) -> int:
            return 2 * self.z

    @make(slots=True)
    class Changing:
        """What changes."""

        one: list[int]
        two: int | None = field(default=None, init=False)
        three: list[int] = field(default_factory=list, init=False)

    return Point, Pair, Wide, Changing


@BOTH
def test_a_value_is_made_compared_shown_and_replaced(make: Decorate) -> None:
    point, pair, wide, changing = _described(make)
    assert repr(point(x=1)).endswith(".<locals>.Point(x=1, y=2, tags={})")
    assert point(x=1, tags={"a": 1}) == point(x=1) != point(x=3)
    assert point(x=1) != wide(x=1, z=1)
    assert hash(point(x=1)) == hash((1, 2))
    assert len({pair("a"), pair("a", 0), pair("b")}) == 2
    assert sorted([pair("b", 1), pair("a", 2), pair("a", 1)]) == [pair("a", 1), pair("a", 2), pair("b", 1)]
    assert pair("a") <= pair("a") >= pair("a")
    assert not pair("a") < pair("a")
    assert dataclasses.replace(wide(x=1, z=3), x=5) == wide(x=5, y=2, z=3)
    assert (wide(x=1, z=3).twice, wide(x=0, z=0).known, point(x=1).known) == (6, False, True)
    assert dataclasses.asdict(pair("a")) == {"left": "a", "right": 0}
    assert (point.__match_args__, pair.__match_args__) == ((), ("left", "right"))
    assert changing([1]) == changing([1])
    assert repr(changing([1])).endswith(".Changing(one=[1], two=None, three=[])")
    assert changing([1]).three is not changing([1]).three
    assert changing.__hash__ is None


@BOTH
def test_what_is_frozen_refuses_and_what_is_missing_is_named(make: Decorate) -> None:
    point, pair, _, changing = _described(make)
    found, other = point(x=1), changing([])
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        found.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del found.x
    other.one = [3]
    assert other.one == [3]
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required keyword-only argument: 'x'"):
        point()
    with pytest.raises(TypeError, match=r"Pair.__init__\(\) got an unexpected keyword argument 'middle'"):
        pair("a", middle=1)
    with pytest.raises(TypeError, match="not supported between"):
        assert pair("a") < found
    assert list(inspect.signature(pair).parameters) == ["left", "right"]


@values.dataclass(frozen=True, slots=True)
class Kept:
    """What is kept in a file."""

    name: str
    inner: Kept | None = None


def test_a_value_is_copied_and_kept_in_a_file() -> None:
    kept = Kept("a", Kept("b"))
    assert pickle.loads(pickle.dumps(kept)) == copy.deepcopy(kept) == kept
    assert not hasattr(kept, "__dict__")


def test_who_has_methods_of_its_own_keeps_them() -> None:
    @values.dataclass(frozen=True)
    class Own:  # noqa: PLW1641 # the decorator makes it
        """A value that is compared by its length."""

        text: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and len(self.text) == len(other.text)

        def __repr__(self) -> str:
            return "own"

    assert Own("ab") == Own("cd")
    assert repr(Own("ab")) == "own"
    assert hash(Own("ab")) == hash(("ab",))


def test_nothing_is_compiled_before_it_is_called() -> None:
    look = (
        "import builtins; made = []; first = builtins.exec\n"
        "builtins.exec = lambda source, *args: made.append(str(source)) or first(source, *args)\n"
        "import pipeline_builder.errors as errors\n"
        "assert not any('def __' in one for one in made); errors.Place('a', 1, 1)\n"
        "assert 'def __init__(self, file, ' in made[-1], made[-1]"
    )
    subprocess.run([sys.executable, "-c", look], check=True)
