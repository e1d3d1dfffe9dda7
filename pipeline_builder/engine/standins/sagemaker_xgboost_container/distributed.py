"""Training on several machines, of which there is one here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def rabit_run(
    exec_fun: Callable[..., Any],
    args: Mapping[str, Any],
    include_in_training: bool = True,
    *_: object,
    update_rabit_args: bool = False,
    **__: object,
) -> None:
    """Call the function: this machine is the master, and alone."""
    if include_in_training:
        exec_fun(**{**args, **({"is_master": True} if update_rabit_args else {})})
