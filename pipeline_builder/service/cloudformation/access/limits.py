"""What no repository's role is ever given, whatever its steps ask for: the last look before roles are rendered."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_builder.definition.steps.context import SCORING_FOLDERS
from pipeline_builder.documents.prefix import RESERVED
from pipeline_builder.errors import Problem
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.places import Places, may_be_below
from pipeline_builder.service.cloudformation.access.resources import artifact_keys

# In the artifact bucket: what builds keep, records and reports, evidence, and which commits have been seen.
_KEPT = tuple(f"{name}/" for name in RESERVED)


def find_beyond(facts: Facts) -> Iterator[Problem]:
    """Yield a problem for every step's wish that would make its repository's role more than its own."""
    definition = facts.definition
    places = Places(
        bucket="", pipeline=definition.pipeline, prefix=definition.prefix, repositories=tuple(definition.by_repository)
    )
    yield from _shared_roles(facts)
    kept_here = dict.fromkeys((*_KEPT, *(f"{definition.prefix}{name}" for name in _KEPT)))
    services = facts.beside or (facts.service.name,)
    artifacts = (*kept_here, *(key.removesuffix("*") for name in services for key in artifact_keys(name)))
    for repo, touched in definition.by_repository.items():
        kept = (*places.of(repo).kept(), *(artifacts if not facts.bucket else ()), *_scoring(facts))
        for place in touched.writes:
            theirs = artifacts if place.bucket and place.bucket == facts.artifacts else ()
            found = [prefix for prefix in kept if may_be_below(place, prefix)]
            found += [prefix for prefix in theirs if may_be_below(Location("", place.pieces), prefix)]
            if found:
                yield _written(repo, place, found[0])
        if facts.role in touched.roles:
            message = f"a step of the repository '{repo}' would run as the pipeline's own role, which makes the jobs"
            yield Problem(id="PB645", message=message, hint="take the RoleArn out of its 'arguments'")


def _scoring(facts: Facts) -> tuple[str, ...]:
    """Return where is kept which days were scored, and which trainings were asked for, of pipelines that have it."""
    has = facts.kind == "inference" or facts.retrains
    return tuple(f"{facts.definition.base}/{name}/" for name in SCORING_FOLDERS) if has else ()


def _shared_roles(facts: Facts) -> Iterator[Problem]:
    """Names are cut with a hash of eight digits: that two come to the same is not likely, and not impossible."""
    first: dict[str, str] = {}
    for repo, role in facts.job_roles.items():
        if (other := first.setdefault(role, repo)) != repo:
            message = f"the repositories '{other}' and '{repo}' would have the same role, '{role}'"
            yield Problem(id="PB645", message=message, hint="give one of them another 'name' in the manifest")


def _written(repo: str, place: Location, prefix: str) -> Problem:
    shown = f"s3://{place.bucket or 'SMP_S3BUCKETNAME'}/{'*'.join(place.pieces)}"
    message = f"the jobs of the repository '{repo}' would write to '{shown}', and '{prefix}' there is not theirs"
    hint = "let them write below a prefix of their own, and give parameters in addresses a default"
    return Problem(id="PB645", message=message, hint=hint)
