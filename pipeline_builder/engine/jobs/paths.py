"""Paths inside of a job: all that it has of its own is below `/opt/ml`, and where that lies on this machine."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem

OPT_ML = "/opt/ml"
_LONGEST_NAME = 255  # bytes


def inside(ml: Path, path: str) -> Path:
    """Return the file on this machine behind a path below /opt/ml.

    Raises:
        InputProblems: PB524 for a path elsewhere: there a job would write into this machine's own files.
    """
    parts = Path(path).parts
    if parts[:3] != ("/", "opt", "ml") or ".." in parts or not all(map(_can_be_name, parts)):
        message = f"the path {path[:500]!a} is outside of /opt/ml, which is all that a job has of its own here"
        raise InputProblems(Problem(id="PB524", message=message))
    return ml.joinpath(*parts[3:])


def folder_inside(ml: Path, path: str) -> Path:
    """Make the folder on this machine behind a path below /opt/ml, and return it.

    Raises:
        InputProblems: PB524 for a path elsewhere, PB721 where the job has a file there already.
    """
    folder = inside(ml, path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"the path {path[:500]!a} can't be a folder: it, or what it is below, is a file of the job"
        raise InputProblems(Problem(id="PB721", message=message)) from error
    return folder


def _can_be_name(part: str) -> bool:
    return "\0" not in part and len(part.encode("utf-8", "replace")) <= _LONGEST_NAME
