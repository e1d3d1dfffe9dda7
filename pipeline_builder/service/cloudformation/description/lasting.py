"""What time takes from the service's bucket, and never may: models, evidence, data, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import TYPE_CHECKING

from pipeline_builder.documents.prefix import NAME, RESERVED
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.quotas import LONGEST_BUILD_ACTION

if TYPE_CHECKING:
    from pipeline_builder.manifest.manifest import Manifest
    from pipeline_builder.service.cloudformation.access.addresses import Location
    from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts
    from pipeline_builder.service.cloudformation.description.model import ServiceModel

_MINUTES_A_DAY = 24 * 60
_MOST_NAMED = 3


def expiring(model: ServiceModel) -> tuple[str, ...]:
    """Return what the keys begin with that the bucket's rules let expire: CodePipeline's artifacts, builds' caches."""
    return (*(f"{prefix}/" for prefix in model.artifact_prefixes), f"{model.place.prefix}builds/")


def longest_days(model: ServiceModel) -> int:
    """Return how many days after its first build an execution of the pipeline may come to its last."""
    run = model.wait_minutes if model.waits_without_build else model.train_minutes
    return ceil((run + model.service.approval.timeout_minutes + LONGEST_BUILD_ACTION) / _MINUTES_A_DAY)


def lasting_problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    """Yield PB614 for a pipeline whose own place is thrown away, PB832 for artifacts that expire too early."""
    place = model.place
    hint = "give the service another 'name'" + (f", or choose another {NAME}" if place.prefix else "")
    yield from _thrown(model, (model.artifact_prefix,), hint, manifest.service_place)
    if (days := model.service.artifact_days) < (needed := longest_days(model)):
        message = (
            f"'artifact_days' is {days}, and an execution may wait for its run and its approval so long that it needs "
            f"what its first build has handed on {needed} days later"
        )
        hint = f"write at least {needed}, or shorten 'run_timeout_minutes' or 'timeout_minutes' of 'approval'"
        yield Problem(id="PB832", message=message, place=manifest.at_service("artifact_days"), hint=hint)


def several_problems(model: ServiceModel, manifest: Manifest) -> Iterator[Problem]:
    """Yield PB614 for the places of several pipelines, each of which throws something away."""
    for one in model.further and model.pipelines:
        where = manifest.narrowed(one.handle).entry.place or manifest.service_place
        hint = "give the pipeline another 'name' in the manifest" + (
            f", or choose another {NAME}" * bool(one.place.prefix)
        )
        yield from _thrown(one, model.artifact_prefixes, hint, where)


def _thrown(model: ServiceModel, artifacts: Iterable[str], hint: str, where: Place | None) -> Iterator[Problem]:
    place = model.place
    key = f"{place.prefix}{place.pipeline}/"
    # CodePipeline's artifacts have no prefix; the rest of what the service keeps for itself has it.
    if key.startswith((*(f"{name}/" for name in artifacts), *(f"{place.prefix}{name}/" for name in RESERVED))):
        message = (
            f"the pipeline '{place.pipeline}' keeps its code and models below 's3://{place.bucket}/{key}', where the "
            "service keeps what it throws away"
        )
        yield Problem(id="PB614", message=message, place=where, hint=hint)


def touched_problems(model: ServiceModel, facts: DefinitionFacts, manifest: Manifest) -> Iterator[Problem]:
    """Yield PB831 for what steps write or read where the bucket's rules delete it after a time."""
    for what, places in (("write", facts.writes), ("read", facts.reads)):
        for prefix in expiring(model):
            found = [key for place in places if (key := _key(place, model)).startswith(prefix)]
            if not found:
                continue
            named = ", ".join(f"'s3://{model.artifact_bucket}/{key}'" for key in found[:_MOST_NAMED])
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            message = (
                f"steps {what} {named}{more}, and the bucket's rules delete what is below '{prefix}' after "
                f"{model.service.artifact_days} days: an approved model and its data would be gone too"
            )
            hint = "keep it elsewhere in the bucket" + (
                ", or give the service another 'name'" if prefix == expiring(model)[0] else ""
            )
            yield Problem(id="PB831", message=message, place=manifest.service_place, hint=hint)


def _key(place: Location, model: ServiceModel) -> str:
    """Return how a location's keys begin in the service's own bucket, "" for one elsewhere."""
    bucket = place.bucket or model.place.bucket
    return place.pieces[0] if bucket == model.artifact_bucket else ""
