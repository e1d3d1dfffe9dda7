"""Differences between evidence as it was judged and as it is now, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline_builder.release.evidence import (
    ChampionEvidence,
    ContainerEvidence,
    Evidence,
    FileEvidence,
    PackageEvidence,
)
from pipeline_builder.release.reports import describe_changed

_FACTS = (
    ("sha256", "sha256"), ("size", "size"), ("version", "VersionId"), ("etag", "ETag"), ("checksum", "checksum"),
    ("modified", "LastModified"), ("below", "number of objects"),
)  # fmt: skip
_SHOWN = 24


def describe_file(what: str, before: FileEvidence, after: FileEvidence) -> Iterator[str]:
    """Say in one sentence what is otherwise about an object."""
    if before.uri != after.uri:
        yield f"{what} was '{before.uri}', is '{after.uri}'"
    elif after.gone and not before.gone:
        yield f"{what} is gone: nothing is at '{after.uri}'"
    else:
        facts = [
            f"{name} was {_short(getattr(before, key))}, is {_short(getattr(after, key))}"
            for key, name in _FACTS
            if getattr(before, key) != getattr(after, key)
        ]
        if facts:
            yield f"{what} '{after.uri}' was replaced: {', '.join(facts)}"


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > _SHOWN and " " not in text else text or "unknown"


def describe_bytes(before: PackageEvidence, after: PackageEvidence) -> Iterator[str]:
    """Say what of a package's own is otherwise: what it serves with, and what it was measured by."""
    yield from describe_containers(before.containers, after.containers)
    for name in sorted({*before.reports, *after.reports}):
        report, now = before.reports.get(name), after.reports.get(name)
        if report is None or now is None:
            yield f"the report {name} was {'added' if now else 'taken away'}"
        elif report.uri != now.uri:
            yield f"the address of the report {name} was '{report.uri}', is '{now.uri}'"
        elif said := describe_changed(report, now):
            yield said
        else:
            yield from describe_file(f"the report {name}", report, now)
    yield from _baselines(before.baselines, after.baselines)


def _baselines(before: Mapping[str, FileEvidence], after: Mapping[str, FileEvidence]) -> Iterator[str]:
    """Say what is otherwise about what later data are held against, where it was looked at before."""
    for name in sorted({*before, *after}) if before else ():
        file, now = before.get(name), after.get(name)
        if file is None or now is None:
            yield f"the baseline {name} was {'added' if now else 'taken away'}"
        else:
            yield from describe_file(f"the baseline {name}", file, now)


def describe_containers(before: Sequence[ContainerEvidence], after: Sequence[ContainerEvidence]) -> Iterator[str]:
    """Say what of the containers that a package serves with is otherwise."""
    if len(before) != len(after):
        yield f"it had {len(before)} containers, and has {len(after)}"
    for old, new in zip(before, after, strict=False):
        yield from _container(old, new)


def _container(before: ContainerEvidence, after: ContainerEvidence) -> Iterator[str]:
    if before.image != after.image:
        yield f"the image was '{before.image}', is '{after.image}'"
    elif before.digest != after.digest:
        now = after.digest or "not to be told"
        yield f"the image '{after.image}' was {before.digest or 'not to be told'}, is {now}"
    if before.artifact is None or after.artifact is None:
        if before.artifact is not after.artifact:
            yield f"the artifact was {'added' if after.artifact else 'taken away'}"
        return
    yield from describe_file("the artifact", before.artifact, after.artifact)


def describe_champion(before: ChampionEvidence | None, after: ChampionEvidence | None) -> Iterator[str]:
    """Say what is otherwise about the version that a package was compared with."""
    if (before.arn if before else "") != (after.arn if after else ""):
        now = f"is version {after.version} now" if after else "there is none now"
        was = f"version {before.version}" if before else "no champion"
        yield f"it was compared with {was}, and the champion {now}" if after else f"it was compared with {was}: {now}"
    elif before and after:
        if before.evidence != after.evidence:
            yield (
                f"the evidence of version {before.version}, its champion, was {before.evidence[:12] or 'none'}, is "
                + (after.evidence[:12] or "none")
            )
        elif after.lost and not before.lost:
            yield f"of version {before.version}, its champion: {after.lost}"
        elif before.report and after.report and (said := describe_changed(before.report, after.report)):
            yield f"of version {before.version}, its champion: {said}"


def describe_run(before: Evidence, after: Evidence) -> Iterator[str]:
    """Say what is otherwise about the execution itself; of its code only the content counts, which its name says."""
    for name, was, now in (
        ("status", before.status, after.status),
        ("definition", before.definition_sha256[:12], after.definition_sha256[:12]),
        ("fingerprint", before.fingerprint[:12], after.fingerprint[:12]),
        ("parameters' sha256", before.parameters_sha256[:12], after.parameters_sha256[:12]),
    ):
        if was != now:
            yield f"the execution's {name} was {was}, is {now}"
