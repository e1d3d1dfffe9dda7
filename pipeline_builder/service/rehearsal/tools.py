"""What a rehearsal is played with: the service, folders, and whom to ask and tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline_builder.checkout.git import Git
from pipeline_builder.service.rehearsal.sources import Source
from pipeline_builder.service.rehearsal.template import Service
from pipeline_builder.service.rehearsal.waiting.clock import Clock
from pipeline_builder.service.rehearsal.waiting.machines import Machines
from pipeline_builder.service.rehearsal.waiting.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A manual approval that waits; `link` is empty where the action has none."""

    action: str
    text: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody has said to it."""

    approved: bool
    by: str
    comment: str


Ask = Callable[[Question], Answer | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """`environment` is what builds get of this machine's, `overrides` what the rehearsal sets above every project.

    `folder` is the rehearsal's own, `shared` has what is kept from one rehearsal to the next; `url` is its address.
    """

    service: Service
    source: Source
    git: Git
    folder: Path
    shared: Path
    account: str
    region: str
    environment: Mapping[str, str]
    overrides: Mapping[str, str]
    say: Callable[[str], None]
    ask: Ask
    now: Callable[[], datetime]
    stop: threading.Event
    url: str
    clock: Clock
    machines: Machines
    target: Target

    def artifact(self, name: str) -> Path:
        """Return the zip file of an artifact."""
        return self.folder / "artifacts" / f"{name}.zip"
