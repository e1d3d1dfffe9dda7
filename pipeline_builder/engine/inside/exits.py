"""An exit code in words: which signal is behind it, and what that mostly means; standard library only."""

from __future__ import annotations

import signal

ALGORITHM_ERROR = "AlgorithmError"
"""The service's word for a container that fails by itself."""
_MEANS = {
    signal.SIGKILL: "often out of memory",
    signal.SIGSEGV: "a crash in native code",
    signal.SIGBUS: "a crash in native code, or no room in /dev/shm",
    signal.SIGABRT: "native code has given up",
    signal.SIGILL: "an instruction that this processor doesn't have",
    signal.SIGFPE: "a division by zero in native code",
    signal.SIGSYS: "a system call that it may not make",
    signal.SIGXFSZ: "a file larger than it may be",
    signal.SIGPIPE: "nobody reads what it writes",
}
_SIGNALS = {128 + number: number for number in signal.Signals}


def is_signal(code: int) -> bool:
    """Tell whether an exit code is that of a process which a signal has ended, as a shell says it: 128 + its number.

    A script that says such a code by itself is not told apart.
    """
    return code in _SIGNALS


def render_exit(code: int, *, known: bool = False) -> str:
    """Return an exit code as people read it; where it is `known` why, without what its signal mostly means.

    Of a process that this one has started, -N says that signal N has ended it.
    """
    code = 128 - code if code < 0 else code
    found = _SIGNALS.get(code)
    if found is None:
        return f"exit code {code}"
    means = "" if known or found not in _MEANS else f", {_MEANS[found]}"
    return f"exit code {code} ({found.name}{means})"


def render_killed(code: int, why: str = "") -> str:
    """Return the first line of what is said of a job that a signal, or a limit (`why`), has ended."""
    return f"{ALGORITHM_ERROR}: {render_exit(code, known=bool(why))}" + (f": {why}" if why else "")
