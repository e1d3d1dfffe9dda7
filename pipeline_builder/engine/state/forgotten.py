"""Whether a state knows of what ran in its folder: one that was deleted would begin anew in silence."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import Problem


def find_forgotten(state: State, jobs: Path) -> tuple[Problem, ...]:
    """Return a warning where the state knows of no run, and there are folders of some."""
    if state.query("SELECT 1 FROM executions LIMIT 1") or state.query("SELECT 1 FROM jobs LIMIT 1"):
        return ()
    left = sum(path.is_dir() for path in jobs.iterdir())
    if not left:
        return ()
    message = (
        f"'{state.folder / 'state.db'}' knows of no run, and there {'is' if left == 1 else 'are'} {left:,} in "
        f"'{jobs.name}' beside it: it was deleted, or is another one"
    )
    hint = "put a copy of it in its place; without one nothing is known to be approved, and the next model is the first"
    return (Problem(id="PB486", message=message, hint=hint, warning=True),)
