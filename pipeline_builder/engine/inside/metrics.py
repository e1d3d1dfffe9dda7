"""The last value of each metric of a log, found by its regular expression; in a process of its own.

Run as `python metrics.py spec.json`, or without an argument to get a spec in each line of the input and answer in the
output's; standard library only. The expressions are another team's: one that never comes
to an end on some line is given up after `seconds`, the others are found. The spec, and what is written to `result`:

    {"log": path, "definitions": [{"Name": …, "Regex": …}, …], "seconds": 2.0, "result": path}
    (with "Every" all values of a definition)
    {"found": {name: [value, where its line ends in the log]}, "given_up": {name: why}}
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

BLOCK = 1 << 20
LONGEST_LINE = 1 << 16
"""Bytes of a line that are looked at."""
MEMORY = 1 << 30
MOST_VALUES = 10_000


Find = Callable[[Path, str], Any]


class GivenUpError(Exception):
    """The time is over."""


def main(arguments: list[str]) -> int:
    """Find the metrics of a spec."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _give_up)
    if not arguments:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(_searched(json.loads(line))) + "\n")
            sys.stdout.flush()
        return 0
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    Path(spec["result"]).write_text(json.dumps(_searched(spec)), encoding="utf-8")
    return 0


def _searched(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a spec asks for."""
    result: dict[str, dict[str, Any]] = {"found": {}, "given_up": {}}
    for definition in spec["definitions"]:
        name = definition["Name"]
        try:
            find = find_all if definition.get("Every") else find_last
            found = _timed(find, Path(spec["log"]), definition["Regex"], spec["seconds"])
        except GivenUpError:
            result["given_up"][name] = f"its expression takes more than {spec['seconds']:g} s on this log"
        except OSError as error:
            result["given_up"][name] = f"the log can't be read: {error.strerror}"
        except (re.error, OverflowError, RecursionError, MemoryError) as error:
            result["given_up"][name] = f"its expression can't be used: {str(error) or type(error).__name__}"
        else:
            if found:
                result["found"][name] = found
    return result


def _give_up(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise GivenUpError


def _timed(find: Find, log: Path, expression: str, seconds: float) -> Any:
    # The regular expressions of Python look for signals now and then, also in the middle of a match.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return find(log, expression)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def find_all(log: Path, expression: str) -> list[float]:
    """Return the numbers that an expression finds in a log, in their order; of very many the last."""
    wanted = re.compile(expression)
    found: list[float] = []
    with os.fdopen(os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        for line, _ in _lines_backwards(file):
            text = line[:LONGEST_LINE].decode("utf-8", "replace")
            numbers = [_number(match[1] if wanted.groups else match[0]) for match in wanted.finditer(text)]
            found += [number for number in reversed(numbers) if number is not None]
            if len(found) >= MOST_VALUES:
                break
    return found[::-1]


def find_last(log: Path, expression: str) -> tuple[float, int] | None:
    """Return the last number that an expression finds in a log, and where its line ends; None where it finds none.

    The number is what the first group matches, or all where there is no group.
    """
    wanted = re.compile(expression)
    # Where jobs aren't isolated, one may have put a link or a pipe in the place of its log.
    with os.fdopen(os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        for line, end in _lines_backwards(file):
            text = line[:LONGEST_LINE].decode("utf-8", "replace")
            for match in reversed(list(wanted.finditer(text))):
                number = _number(match[1] if wanted.groups else match[0])
                if number is not None:
                    return number, end
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float("" if "_" in (text or "") else text or "")  # 1_000 is a number in Python only
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _lines_backwards(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the lines from the last to the first, each with where it ends; those of progress bars end with `\\r`."""
    position = file.seek(0, 2)
    rest, cut = b"", 0  # the beginning of a line whose end was read before, and how much of that was left out
    while position > 0:
        size = min(BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size) + rest
        end = position + len(block) + cut
        rest, *lines = re.split(rb"[\r\n]", block)
        for line in reversed(lines):
            yield line, end
            end -= len(line) + cut + 1
            cut = 0
        cut += max(0, len(rest) - LONGEST_LINE)
        rest = rest[:LONGEST_LINE]
    if rest:
        yield rest, len(rest) + cut


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
