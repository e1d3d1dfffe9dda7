"""What a version was made of that its champion wasn't: data, images and code, by the evidence of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.release.archive import load_evidence
from pipeline_builder.release.evidence import PIPELINE, ContainerEvidence, DataEvidence, Evidence, PackageEvidence
from pipeline_builder.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOf:
    """Something that a version is made of: what it was for the champion and is now, both in a few words."""

    kind: Literal["data", "image", "code"]
    name: str
    before: str
    after: str

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a version is made of beside its champion; `unknown` says why that can't be told, `untold` what isn't."""

    parts: tuple[MadeOf, ...] = ()
    untold: tuple[str, ...] = ()
    unknown: str = ""


_NO_DATA = "its data: the conf names none that results depend on, so the evidence tells nothing of it"


def compare_champion(evidence: Evidence, package: PackageEvidence, target: Target) -> Compared:
    """Return what a package is made of beside its champion, as far as the champion's own evidence tells."""
    champion = package.champion
    if champion is None:
        return Compared(unknown="there is no champion to compare with")
    if not champion.evidence:
        return Compared(unknown=f"version {champion.version}, its champion, has no evidence of what it was made of")
    try:
        metadata = target.registry.describe_package(champion.arn).metadata
        before = load_evidence(target, metadata.get(PIPELINE, ""), champion.evidence)
    except PipelineBuilderError as error:
        return Compared(
            unknown=f"the evidence of version {champion.version} can't be read: {error.problems[0].message}"
        )
    theirs = before.package(champion.arn)
    containers = theirs.containers if theirs else ()
    data = () if evidence.data or before.data else (_NO_DATA,)
    parts = (*_data(before.data, evidence.data), *_images(containers, package.containers), *_code(theirs, package))
    return Compared(parts=parts, untold=data)


def _data(before: Sequence[DataEvidence], after: Sequence[DataEvidence]) -> Iterator[MadeOf]:
    old, new = ({one.parameter: one for one in data} for data in (before, after))
    for name in dict.fromkeys((*new, *old)):
        known = new.get(name) or old[name]
        shown = [one.fingerprint[:12] if one else "none" for one in (old.get(name), new.get(name))]
        yield MadeOf(kind="data", name=", ".join(known.addresses) or name, before=shown[0], after=shown[1])


def _images(before: Sequence[ContainerEvidence], after: Sequence[ContainerEvidence]) -> Iterator[MadeOf]:
    for number in range(max(len(before), len(after))):
        old, new = (found[number] if number < len(found) else None for found in (before, after))
        name = (
            "the image it serves with" if max(len(before), len(after)) == 1 else f"the image of container {number + 1}"
        )
        yield MadeOf(kind="image", name=name, before=_image(old), after=_image(new))


def _image(container: ContainerEvidence | None) -> str:
    if container is None:
        return "none"
    return f"{container.image} ({container.digest[:19]})" if container.digest else container.image


def _code(before: PackageEvidence | None, after: PackageEvidence) -> Iterator[MadeOf]:
    old = sorted({uri.rsplit("/", 2)[1][:12] for uri in before.code}) if before else []
    new = sorted({uri.rsplit("/", 2)[1][:12] for uri in after.code})
    if old or new:
        yield MadeOf(kind="code", name="its code", before=", ".join(old) or "none", after=", ".join(new) or "none")
