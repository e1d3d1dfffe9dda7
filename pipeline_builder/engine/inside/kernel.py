"""What a supervisor needs of the kernel and of Python's libraries, without what those import: half of its start.

`contextlib`, `signal` and `ctypes` bring `collections`, `enum` and dozens of classes with them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would cost as much as all the other imports
if TYPE_CHECKING:
    import signal as signals
    from typing import Any
else:
    import _signal as signals

SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SUBREAPER = 1, 4, 36  # from the kernel's prctl.h
_LAZY = 1  # RTLD_LAZY of dlfcn.h

__all__ = ["SET_DEATH_SIGNAL", "SET_DUMPABLE", "SET_SUBREAPER", "prctl", "signals", "suppress"]


class suppress:  # noqa: N801 - as contextlib's
    """Go on after one of these errors."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process as prctl(2) does; OSError where the kernel refuses it."""
    try:
        call = _found()
    except (ImportError, AttributeError, TypeError):  # another Python than those that have it like that
        call = _from_ctypes()
    if call(option, value, 0, 0, 0) != 0:
        raise OSError(f"prctl {option} was refused")


def _found() -> Any:
    import _ctypes

    below: Any = _ctypes  # what the package is made of has no types for this

    class Number(below._SimpleCData):  # type: ignore[misc]  # noqa: SLF001 - any
        _type_ = "i"

    class Long(below._SimpleCData):  # type: ignore[misc]  # noqa: SLF001 - any
        _type_ = "L"

    class Function(below.CFuncPtr):  # type: ignore[misc] # any
        _flags_ = below.FUNCFLAG_CDECL
        _restype_ = Number
        _argtypes_ = (Number, Long, Long, Long, Long)

    return Function(below.dlsym(below.dlopen(None, _LAZY), "prctl"))


def _from_ctypes() -> Any:
    import ctypes

    library = ctypes.CDLL(None)
    library.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong for _ in range(4)))
    return library.prctl
