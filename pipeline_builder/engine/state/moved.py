"""The logs of a state whose folder was moved or copied: they are known by where it was then."""

from __future__ import annotations

from pathlib import Path

JOBS = "jobs"
"""The folder of the jobs, beside the state's file."""


def log_here(log: str, folder: Path) -> str:
    """Return where a job's log is, for the state of this folder: below its own jobs, where it is there."""
    jobs = folder / JOBS
    if not log or log.startswith(f"{jobs}/"):
        return log
    parts = Path(log).parts
    below = (jobs.joinpath(*parts[i + 1 :]) for i, part in enumerate(parts) if part == JOBS)
    return next((str(path) for path in below if path.is_file()), log)
