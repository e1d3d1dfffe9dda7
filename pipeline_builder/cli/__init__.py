"""The command line: the only place that reads the environment, chooses a target, prints, and ends the process."""

from pipeline_builder.cli import (  # noqa: F401 - they add their commands
    building,
    calling,
    console,
    deciding,
    importing,
    keeping,
    locking,
    logs,
    looking,
    planning,
    rehearsing,
    rendering,
    running,
    scaffolding,
    scoring,
    service,
    staging,
    tools,
    validating,
    watching,
)
from pipeline_builder.cli.boundary import run
from pipeline_builder.cli.group import main

__all__ = ["main", "run"]
