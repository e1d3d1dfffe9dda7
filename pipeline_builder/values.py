"""Dataclasses that cost a command little to define: no method is compiled before it is called.

`dataclasses` writes the source of up to eleven methods for each class, and compiles it: a tenth of a short command's
time, for classes of which it makes few. This `dataclass` is the same to who uses it, and to type checkers.
"""

from __future__ import annotations

import dataclasses
import operator
import reprlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, order: bool = False
    ) -> Callable[[type], type]:
        """Make a dataclass of a class that is described, as `dataclasses.dataclass` does."""
        shape = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)

        def make(described: type) -> type:
            own = described.__dict__
            cls = shape(described)
            for name, method in _methods(cls, frozen=frozen, order=order):
                if own.get(name) is None:
                    setattr(cls, name, method)
            return cls

        return make


_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")


_MISSING = dataclasses.MISSING


def _methods(cls: Any, *, frozen: bool, order: bool) -> Iterator[tuple[str, Any]]:
    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = made = _init_of(cls, frozen=frozen)
        made(self, *args, **kwargs)

    def equals(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    compared = _reader([field.name for field in dataclasses.fields(cls) if field.compare])
    yield "__init__", first
    yield "__repr__", _repr
    yield "__eq__", equals
    for name in _ORDER if order else ():
        yield name, _comparing(getattr(operator, name), compared)
    yield "__hash__", (lambda self: hash(compared(self))) if frozen else None
    if frozen:
        yield "__setattr__", _refuse_setting
        yield "__delattr__", _refuse_deleting
    if frozen and "__slots__" in cls.__dict__:  # without, what isn't a field is kept as well
        yield "__getstate__", _state_of
        yield "__setstate__", _restore


def _init_of(cls: type, *, frozen: bool) -> Callable[..., None]:
    """Return the method that takes the fields' values, and sets each; compiled, as loops would be slow."""
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(cls)
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
    asked = {False: ["self"], True: []}
    lines = []
    for field in fields:
        name = field.name
        known |= {f"_default_{name}": field.default, f"_make_{name}": field.default_factory}
        makes, has_default = field.default_factory is not _MISSING, field.default is not _MISSING
        if field.init:
            default = "=_missing" if makes else f"=_default_{name}" if has_default else ""
            asked[bool(field.kw_only)].append(f"{name}{default}")
            value = f"_make_{name}() if {name} is _missing else {name}" if makes else name
        elif makes or has_default:
            value = f"_make_{name}()" if makes else f"_default_{name}"
        else:
            continue
        lines.append(f" _set(self, '{name}', {value})" if frozen else f" self.{name} = {value}")
    lines.append(" self.__post_init__()" if hasattr(cls, "__post_init__") else " return")
    words = ", ".join([*asked[False], *(["*", *asked[True]] if asked[True] else [])])
    exec("\n".join([f"def __init__({words}):", *lines]), known)  # noqa: S102 # names of fields, nothing from outside
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the attributes of those names from an object."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda found: tuple(getattr(found, name) for name in names)


def _comparing(compare: Callable[[Any, Any], bool], compared: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compare(compared(self), compared(other))

    return method


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_setting(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state_of(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
