"""Access of the pipelines that use models: to their packages, to what they were judged by, to days and publications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline_builder.release.scoring.publishing import POINTER
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.resources import (
    bucket_name,
    bucket_of,
    named,
    objects,
    objects_at,
    without_covered,
)
from pipeline_builder.service.cloudformation.access.statements import Statement, arn, literal
from pipeline_builder.service.cloudformation.access.touched import DefinitionFacts

NAMESPACE, SOURCE, ASKED = "pipeline-builder", "pipeline-builder", "Model Retraining Requested"
"""Of metrics and events of the service's own."""


def read_packages(facts: Facts) -> tuple[Statement, ...]:
    """Return what finding out takes which package scores, and what it is made of."""
    if not facts.used:
        return ()
    groups = tuple(text for group in facts.used for text in _named("model-package-group", group))
    actions = (
        "sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages",
        "sagemaker:ListTags",
    )  # fmt: skip
    return (Statement(sid="UsedPackages", actions=actions, resources=(*_packages(facts), *groups)),)


def find_packages(facts: Facts) -> tuple[Statement, ...]:
    """Return what finding out takes which package scores, and that it is what was approved."""
    groups = Statement(
        sid="FindGroups",
        actions=("sagemaker:ListModelPackageGroups",),
        resources=("*",),
        why="the action takes no resource",
    )
    return (*read_packages(facts), *((groups,) if facts.used else ()), *read_proof(facts), *_read_makers(facts))


def make_of_packages(facts: Facts) -> tuple[Statement, ...]:
    """Return what making a model of a package takes, for the role that makes it."""
    if not facts.used:
        return ()
    why = "models are made of them"
    return (
        Statement(sid="OfPackages", actions=("sagemaker:DescribeModelPackage",), resources=_packages(facts), why=why),
    )


def _packages(facts: Facts) -> tuple[str, ...]:
    return tuple(text for group in facts.used for text in _named("model-package", group, "/*"))


def _named(kind: str, group: str, suffix: str = "") -> tuple[str, ...]:
    """Return the ARNs of a group, or of its packages; one that is named by its ARN may be another account's."""
    if not group.startswith("arn:"):
        return named(kind, group, suffix)
    head, _, name = group.partition(":model-package-group/")
    return tuple(f"{literal(head)}:{kind}/{literal(one)}{suffix}" for one in dict.fromkeys((name, name.lower())))


def read_proof(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whether a model is still what was approved: its evidence, its bytes, its code."""
    if not facts.trained:
        return ()
    keys = (f"{literal(one.base)}/{name}/*" for one in facts.trained for name in ("code", "evidence", "manifests"))
    places = [place for one in facts.trained for place in models_of(one, facts.used).reads]
    resources = without_covered(sorted({*objects(bucket_name(facts), *keys), *objects_at(facts, places)}))
    why = "whether the model is what was approved"
    return (Statement(sid="ReadProof", actions=("s3:GetObject",), resources=resources, why=why),)


def _read_makers(facts: Facts) -> tuple[Statement, ...]:
    made = tuple(text for one in facts.trained for text in named("pipeline", one.pipeline, "/execution/*"))
    actions = (
        "sagemaker:DescribePipelineDefinitionForExecution", "sagemaker:DescribePipelineExecution",
        "sagemaker:ListPipelineParametersForExecution",
    )  # fmt: skip
    return (Statement(sid="ReadMakers", actions=actions, resources=made, why="what has made it"),) if made else ()


def read_inputs(facts: Facts) -> tuple[Statement, ...]:
    """Return what counting takes how many rows there were to predict."""
    places = tuple(replace(place, pieces=(*place.pieces, "")) for place in facts.definition.listed)
    if not places:
        return ()
    why = "how many rows there were to predict"
    found = objects_at(facts, places)
    return (Statement(sid="ReadInputs", actions=("s3:GetObject",), resources=found, why=why),)


def use_days(facts: Facts) -> Statement:
    """Return what the ledger takes: which day was scored by what, and who is at it."""
    return Statement(
        sid="Ledger",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=objects(bucket_name(facts), f"{literal(facts.definition.base)}/ledger/*"),
        why="which days are scored, and by what; without a right to delete",
    )


def note_retraining(facts: Facts, trained: Iterable[DefinitionFacts]) -> tuple[Statement, ...]:
    """Return what the notes take of which training was asked for, and begun."""
    folders = tuple(f"{literal(one.base)}/retraining/*" for one in trained)
    return (
        Statement(
            sid="Retraining",
            actions=("s3:GetObject", "s3:PutObject"),
            resources=objects(bucket_name(facts), *folders),
            why="what was asked for once is not asked for again",
        ),
    )


def ask_retraining(facts: Facts) -> tuple[Statement, ...]:
    """Return what asking for a training takes: a note that it was asked for, and an event of one kind."""
    if not facts.trained:
        return ()
    return (
        *note_retraining(facts, facts.trained),
        Statement(
            sid="AskForTraining",
            actions=("events:PutEvents",),
            resources=(arn("events", "event-bus/default"),),
            conditions={"StringEquals": {"events:source": SOURCE, "events:detail-type": ASKED}},
            why="this one kind of event",
        ),
    )


def read_pointers(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking takes whether a day is in place already: its pointer, and none of its predictions."""
    if not facts.published:
        return ()
    found = objects_at(facts, (replace(place, pieces=(*place.pieces, POINTER)) for place in facts.published))
    return (
        Statement(sid="Pointers", actions=("s3:GetObject",), resources=found, why="which days are in place already"),
        _list_published(facts),
    )


def publish(facts: Facts) -> tuple[Statement, ...]:
    """Return what putting predictions in place takes: below the addresses of 'publish', and nowhere else."""
    if not facts.published:
        return ()
    return (
        Statement(
            sid="Publish",
            actions=("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
            resources=objects_at(facts, (replace(place, pieces=(*place.pieces, "")) for place in facts.published)),
            why="predictions, and the pointer to them; nothing is deleted",
        ),
        _list_published(facts),
    )


def _list_published(facts: Facts) -> Statement:
    buckets = tuple(sorted({bucket_of(facts, place) for place in facts.published}))
    why = "without it S3 says of a pointer that isn't there yet that it is forbidden"
    return Statement(sid="ListPublished", actions=("s3:ListBucket",), resources=buckets, why=why)


def tell_published() -> Statement:
    """Return what counting the days takes that were published, by which an alarm knows a missed one."""
    return Statement(
        sid="CountDays",
        actions=("cloudwatch:PutMetricData",),
        resources=("*",),
        conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        why="the action takes no resource; the condition names what may be written",
    )


def models_of(trained: DefinitionFacts, groups: Iterable[str]) -> DefinitionFacts:
    """Return what reading the models takes that a training pipeline registers in groups: their artifacts and images."""
    wanted = set(groups)
    makers = [one for one in trained.by_repository.values() if wanted & set(one.groups)]
    if not makers and wanted & set(trained.groups):
        makers = [trained]
    written = [place for one in makers for place in one.writes]
    # What the step cache answers with out of the time before repositories had folders of their own.
    own = [place for one in makers for place in one.reads if not place.bucket and _is_made_in(place, trained.base)]
    return DefinitionFacts(
        pipeline=trained.pipeline,
        prefix=trained.prefix,
        reads=tuple(sorted({*written, *own})),
        images=tuple(sorted({image for one in makers for image in one.images})),
        keys=tuple(sorted({key for one in makers for key in one.keys})),
    )


def with_models(
    definition: DefinitionFacts, used: Mapping[str, Iterable[str]], trained: Iterable[DefinitionFacts]
) -> DefinitionFacts:
    """Return the facts of a definition with what its models are: by repository `used` has the groups that it uses."""
    trained = tuple(trained)
    groups = {group for names in used.values() for group in names}
    by_repository = {
        repo: _with(touched, trained, used.get(repo, ())) for repo, touched in definition.by_repository.items()
    }
    return replace(_with(definition, trained, groups), by_repository=by_repository)


def _with(touched: DefinitionFacts, trained: Iterable[DefinitionFacts], groups: Iterable[str]) -> DefinitionFacts:
    groups = tuple(groups)
    found = [models_of(one, groups) for one in trained]
    return replace(
        touched,
        reads=tuple(sorted({*touched.reads, *(place for one in found for place in one.reads)})),
        images=tuple(sorted({*touched.images, *(image for one in found for image in one.images)})),
        keys=tuple(sorted({*touched.keys, *(key for one in found for key in one.keys)})),
    )


def _is_made_in(place: Location, base: str) -> bool:
    return place.pieces[0].startswith(f"{base}/") and "/executions/" in place.pieces[0]
