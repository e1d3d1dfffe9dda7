"""Arrivals: objects that come below the prefixes which a pipeline is started by, taken together for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.gitops.days import dates_of
from pipeline_builder.gitops.due import Changed, Due, Known
from pipeline_builder.gitops.noted import Landed, mark_of
from pipeline_builder.inert import inert_line
from pipeline_builder.target import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a look at the prefixes came to, and what is to be noted: at once, or when what is due has been run."""

    changed: Changed
    landed: Landed


def look_for_data(known: Known, store: ObjectStore, before: Landed | None, now: float) -> Arrived:
    """Return what has come below a pipeline's prefixes since the last look; `now` is in seconds since 1970.

    What is there at the first look was there before anybody watched. Objects that go start nothing.
    """
    trigger = known.entry.trigger
    found = {uri: mark_of(uri, stamp) for prefix in trigger.data for uri, stamp in store.entries(prefix).items()}
    there = frozenset(found.values())
    if before is None:
        return Arrived(
            changed=Changed(words=_first(known, len(found))), landed=Landed(prefixes=trigger.data, seen=there)
        )
    fresh = [prefix for prefix in trigger.data if prefix not in before.prefixes]  # of the manifest as it is now
    old = {mark for uri, mark in found.items() if not before.prefixes or _only_below(uri, fresh, before.prefixes)}
    kept = there & (before.seen | old)
    came = [uri for uri, mark in found.items() if mark not in kept]
    if not came:
        return Arrived(changed=Changed(), landed=Landed(prefixes=trigger.data, seen=kept))
    since = now if before.since is None or before.since > now else before.since
    minutes = trigger.batch_minutes
    if now - since < minutes * 60:
        new = before.since is None
        words = (
            f"{known.handle}: {_count(came)} came; it starts in {minutes} min, with all that comes until then"
            if new
            else ""
        )
        return Arrived(changed=Changed(words=words), landed=Landed(prefixes=trigger.data, seen=kept, since=since))
    return Arrived(changed=Changed(due=_due(known, came)), landed=Landed(prefixes=trigger.data, seen=there))


def _only_below(uri: str, fresh: Sequence[str], before: Sequence[str]) -> bool:
    return any(uri.startswith(prefix) for prefix in fresh) and not any(uri.startswith(prefix) for prefix in before)


def _first(known: Known, count: int) -> str:
    if not count:
        return ""
    hint = "; 'backfill' runs earlier days" if known.entry.is_inference else ""
    return f"{known.handle}: {count:,} objects are there already; new ones start it{hint}"


def _due(known: Known, came: Sequence[str]) -> Due:
    dates = dates_of(came, known.inputs, hourly=known.hourly)
    labelled = dates_of(came, known.labels, hourly=known.hourly)
    late = tuple(date for date in labelled if date not in dates)
    about = f", of {_several((*dates, *late))}" if dates or late else ""
    return Due(pipeline=known.handle, cause=f"data: {_count(came)}{about}", dates=dates, labels=late)


def _count(came: Sequence[str]) -> str:
    first = inert_line(came[0], 200)
    return f"'{first}'" if len(came) == 1 else f"{len(came):,} objects (the first '{first}')"


def _several(dates: Sequence[str]) -> str:
    return ", ".join(dates) if len(dates) <= 3 else f"{len(dates)} days from {dates[0]} to {dates[-1]}"
