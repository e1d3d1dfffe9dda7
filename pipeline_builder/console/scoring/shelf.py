"""The days of inference pipelines, remembered: a day is read again only where its note has changed."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline_builder.console.look import Look
from pipeline_builder.console.scoring.columns import DayDrift
from pipeline_builder.release.scoring.ledger import LedgerDay, parse_day
from pipeline_builder.release.witness import at_once

LISTED = 30.0
"""Seconds that a list of days on AWS stands for what there is."""
MOST_DAYS = 366
"""Newest days of a model that pages show: a year."""
_FILE = re.compile(r"(?P<model>[^/]+)/(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2})?)\.json")


@dataclass(slots=True)
class Shelf:
    """What is known of a pipeline's days: each with what changes when it does, and what their monitors have found."""

    days: dict[str, tuple[str, LedgerDay | None]] = field(default_factory=dict)
    drifts: dict[str, DayDrift] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def shelf_of(look: Look, pipeline: str) -> Shelf:
    """Return what is known of a pipeline's days already."""
    return look.known(("shelf", pipeline), None, Shelf)


def days_of(look: Look, pipeline: str) -> tuple[LedgerDay, ...]:
    """Return the newest days of a pipeline's models, oldest first, without the objects that each names."""
    if look.target.name == "local":
        return look.attempt(lambda: _read(look, pipeline), ())
    return look.attempt(lambda: look.known(("days", pipeline), LISTED, lambda: _read(look, pipeline)), ())


def _read(look: Look, pipeline: str) -> tuple[LedgerDay, ...]:
    shelf, store = shelf_of(look, pipeline), look.target.store
    stamps = _newest(look, pipeline)
    with shelf.lock:
        wanted = [uri for uri, stamp in stamps.items() if shelf.days.get(uri, ("", None))[0] != stamp]
        read = at_once(store.read, wanted) if wanted else ()
        for uri, found in zip(wanted, read, strict=True):
            shelf.days[uri] = (stamps[uri], _small(parse_day(found[0])) if found else None)
        days = [day for uri in stamps if (day := shelf.days[uri][1])]
    return tuple(sorted(days, key=lambda day: (day.date, day.model)))


def _newest(look: Look, pipeline: str) -> dict[str, str]:
    """Return the notes of the newest days of each model, with what changes when one does."""
    prefix = f"{look.target.base(pipeline)}/ledger/"
    found: dict[str, list[tuple[str, str, str]]] = {}
    for uri, stamp in look.target.store.entries(prefix).items():
        name = _FILE.fullmatch(uri.removeprefix(prefix))
        if name and not name["model"].startswith("."):  # where it is noted who works
            found.setdefault(name["model"], []).append((name["date"], uri, stamp))
    return {uri: stamp for dates in found.values() for _, uri, stamp in sorted(dates)[-MOST_DAYS:]}


def _small(day: LedgerDay | None) -> LedgerDay | None:
    """Return a day without lists of objects, of which there may be thousands."""
    if day is None:
        return None
    publication = day.publication.model_copy(update={"objects": ()}) if day.publication else None
    given = day.input.model_copy(update={"objects": ()})
    return day.model_copy(update={"publication": publication, "input": given})


def models_of(days: Sequence[LedgerDay]) -> tuple[str, ...]:
    """Return the models that days are of."""
    return tuple(sorted({day.model for day in days}))


def inference_pipelines(look: Look) -> dict[str, str]:
    """Return what SageMaker calls each inference pipeline of the manifest, by its handle."""
    manifest = look.manifest
    kinds = {entry.name: entry.kind for entry in manifest.pipelines} if manifest else {}
    return {handle: name for handle, name in look.names.items() if kinds.get(handle) == "inference"}
