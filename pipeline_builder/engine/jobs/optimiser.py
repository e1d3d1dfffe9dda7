"""The optimiser of Bayesian tunings: a process that is asked for the values of one trial after the other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.answering import Answering, answering
from pipeline_builder.engine.jobs.proposals import Range, Values
from pipeline_builder.engine.jobs.view import INSIDE
from pipeline_builder.errors import OutsideFailure, Problem

# Optuna, the most used optimiser of hyperparameters, which is well kept: its tree-structured Parzen estimator takes
# trials that still run into account. It brings NumPy and SQLAlchemy (140 MB), so it is in an environment of its own,
# made as those of jobs are when the first Bayesian tuning runs; nothing of this program imports it.
REQUIREMENTS = ("optuna==5.0.0",)
_PATIENCE = 60.0


class Optimiser:
    """A process that answers questions; one that is killed is none that a tuning can go on with."""

    def __init__(self, process: Answering) -> None:
        self._process = process

    def choose(
        self,
        ranges: Sequence[Range],
        *,
        seed: str,
        maximize: bool,
        ended: Sequence[tuple[Values, float | None]],
        running: Sequence[Values],
    ) -> Values:
        """Return values for the next trial.

        Raises:
            OutsideFailure: PB858 where the process gives none.
        """
        question = {
            "ranges": [_space(given) for given in ranges],
            "maximize": maximize,
            "seed": int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16),
            "ended": [[_coded(ranges, values), value] for values, value in ended],
            "running": [_coded(ranges, values) for values in running],
        }
        answer = self._process.ask(question, _PATIENCE)
        if answer is None:
            message = f"the optimiser of the tuning gives no answer (exit code {self._process.status()})"
            hint = "run it again; the strategy Random needs no optimiser"
            raise OutsideFailure(Problem(id="PB858", message=message, hint=hint))
        return {given.name: _decoded(given, answer[given.name]) for given in ranges}


def _space(given: Range) -> dict[str, Any]:
    if given.kind == "categorical":
        return {"name": given.name, "values": list(given.values)}
    low, high, log = given.low, given.high, given.logarithmic
    if given.scale == "ReverseLogarithmic":  # what is left to 1, logarithmically
        low, high, log = 1.0 - given.high, 1.0 - given.low, True
    return {"name": given.name, "low": low, "high": high, "log": log, "whole": given.kind == "integer"}


def _coded(ranges: Sequence[Range], values: Values) -> dict[str, Any]:
    """Return values as the optimiser has them: within the ranges, numbers as numbers."""
    found: dict[str, Any] = {}
    for given in ranges:
        text = values[given.name]
        if given.kind == "categorical":
            found[given.name] = text
        elif given.kind == "integer":
            found[given.name] = int(text)
        else:
            found[given.name] = 1.0 - float(text) if given.scale == "ReverseLogarithmic" else float(text)
    return found


def _decoded(given: Range, value: Any) -> str:
    if given.kind == "categorical":
        return str(value)
    return given.text(1.0 - value if given.scale == "ReverseLogarithmic" else value)


@contextmanager
def optimising(python: Path, log: Path) -> Iterator[Optimiser]:
    """Start the optimiser with the interpreter of its environment; it ends with the body. `log` gets what it says."""
    variables = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    variables |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    command = (str(python), "-I", str(INSIDE / "optimiser.py"))
    with log.open("ab") as said, answering(command, variables, said) as process:
        yield Optimiser(process)
