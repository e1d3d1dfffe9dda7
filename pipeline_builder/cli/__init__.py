"""The command line: the only place that reads the environment, chooses a target, prints, and ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_builder.cli.boundary import run

if TYPE_CHECKING:
    from pipeline_builder.cli.group import main

__all__ = ["main", "run"]


def __getattr__(name: str) -> object:
    """Whoever looks at `main` looks at all commands; who runs one needs no more than that."""
    if name != "main":
        raise AttributeError(name)
    from pipeline_builder.cli.group import load_all, main

    load_all()
    return main
