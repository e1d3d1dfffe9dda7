"""Links: where the parts of a run's page lead, which is the business of who shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nowhere(*_: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLinks:
    """Addresses by what they are of; "" where there is no such page, and the words stand there without a link.

    `step` and `log` take a step's name, `version` a group and a version, `group` a group, `run` a pipeline and an id.
    """

    step: Callable[[str], str] = _nowhere
    log: Callable[[str], str] = _nowhere
    version: Callable[[str, int], str] = _nowhere
    group: Callable[[str], str] = _nowhere
    run: Callable[[str, str], str] = _nowhere


NO_LINKS = RunLinks()
