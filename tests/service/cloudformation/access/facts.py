"""Facts of services as tests need them: of the tiny model, of many models, and any that hypothesis thinks of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipeline_builder.manifest.service import NetworkSection, ServiceSection, SourceSection
from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.fetched import Fetched
from pipeline_builder.service.cloudformation.access.roles import DefinitionFacts, Facts
from pipeline_builder.service.cloudformation.access.touched import Image

CONNECTION = "arn:aws:codeconnections:eu-central-1:111122223333:connection/00000000-0000-0000-0000-000000000001"
OLDER = "arn:aws:codestar-connections:eu-central-1:111122223333:connection/00000000-0000-0000-0000-000000000002"
NETWORK = NetworkSection(vpc="vpc-00000001", subnets=("subnet-00000001",), security_groups=("sg-00000001",))
JOBS: dict[str, tuple[str, ...]] = {"processing-job": (), "training-job": (), "transform-job": (), "model": ()}
_TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=30)
_NAME = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,30}", fullmatch=True)
_KEY = st.sampled_from(
    [
        "",
        "alias/data",
        f"arn:aws:kms:eu-central-1:111122223333:key/{'0' * 36}",
        "arn:aws:kms:eu-west-1:444455556666:alias/ml",
        "k-1",
    ]
)


def definition_with(**more: Any) -> DefinitionFacts:
    """Return what the tiny model needs, or something else."""
    own = {"reads": (Location("", ("tiny/code/", "")),), "writes": (Location("", ("tiny/executions/", "")),)}
    found: dict[str, Any] = {"pipeline": "tiny", "groups": ("tiny-churn",), **own, "jobs": JOBS, **more}
    return DefinitionFacts(**found)


def facts_with(*, service: dict[str, Any] | None = None, **more: Any) -> Facts:
    """Return the facts of a service with the tiny model, or with something else."""
    return Facts(**{"service": ServiceSection(**(service or {})), "definition": definition_with(), **more})


def large_facts(models: int, secrets: int) -> Facts:
    """Return the facts of a service for many models, each with long names, data and an image of its own."""
    numbers = range(models)
    names = [f"Team-{number:03}-A-Model-With-A-Rather-Long-Name-For-What-It-Does" for number in numbers]
    reads = [
        Location(f"data-of-the-team-number-{n:03}-in-production", (f"exports/daily/{names[n]}/", "")) for n in numbers
    ]
    definition = definition_with(
        groups=tuple(names),
        reads=(*reads, Location("", ("tiny/code/", ""))),
        images=tuple(Image("eu-central-1", "111122223333", f"teams/{name.lower()}/training") for name in names),
        listed=tuple(Location(place.bucket, (place.pieces[0],)) for place in reads),
    )
    found = tuple(f"teams/{names[number % models].lower()}/git-token" for number in range(secrets))
    return facts_with(
        definition=definition,
        fetched=Fetched(secrets=found),
        polled=Fetched(secrets=found),
        has_polls=True,
        has_schedules=True,
        service={"network": NETWORK},
    )


@st.composite
def locations(draw: st.DrawFn) -> Location:
    """Draw what an address may stand for, with anything in its key that S3 and IAM take."""
    bucket = draw(st.one_of(st.just(""), _NAME, st.just("arn:aws:s3:eu-central-1:111122223333:accesspoint/ap")))
    return Location(bucket, tuple(draw(st.lists(_TEXT, min_size=1, max_size=3))))


_PLACES = st.lists(locations(), max_size=4).map(tuple)
_OWN = st.sampled_from([(), (Location("", ("their/own/", "")),)])
_SERVERS = st.sampled_from([(), ("arn:aws:sagemaker:eu-central-1:111122223333:mlflow-tracking-server/runs",)])
_INDEXES = st.sampled_from([(), ("arn:aws:codeartifact:eu-west-1:444455556666:repository/ml/pypi",)])
_TOUCHED = st.builds(
    DefinitionFacts,
    pipeline=_NAME,
    groups=st.lists(_NAME, max_size=3).map(tuple),
    reads=_PLACES,
    writes=_OWN,
    metrics=_PLACES,
    servers=_SERVERS,
    indexes=_INDEXES,
    keys=st.lists(_KEY.filter(bool), max_size=2).map(tuple),
)
_DEFINITIONS = st.builds(
    DefinitionFacts,
    pipeline=_NAME,
    by_repository=st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True), _TOUCHED, max_size=3),
    registered=_TOUCHED,
    groups=st.lists(_NAME, max_size=3).map(tuple),
    reads=_PLACES,
    writes=_PLACES,
    metrics=_PLACES,
    servers=_SERVERS,
    indexes=_INDEXES,
    listed=st.lists(locations(), max_size=3).map(lambda found: tuple(Location(p.bucket, p.pieces[:1]) for p in found)),
    images=st.lists(st.builds(Image, st.just("us-east-1"), st.just("763104351884"), _NAME), max_size=2).map(tuple),
    jobs=st.dictionaries(st.sampled_from(sorted(JOBS)), st.lists(st.one_of(st.just(""), _NAME), max_size=2).map(tuple)),
    roles=st.lists(_NAME.map(lambda name: f"arn:aws:iam::111122223333:role/{name}"), max_size=2).map(tuple),
    keys=st.lists(_KEY.filter(bool), max_size=2).map(tuple),
    subnets=st.sampled_from([(), ("subnet-1",)]),
    security_groups=st.just(("sg-1",)),
)
_SOURCES = st.sampled_from(
    [
        SourceSection(repository="team/models", connection=CONNECTION),
        SourceSection(repository="team/models", connection=OLDER),
        SourceSection(repository="models", kind="codecommit"),
        SourceSection(repository="bucket/models.zip", kind="s3"),
    ]
)
_SERVICES = st.builds(
    ServiceSection,
    name=st.from_regex(r"[a-z][a-z0-9-]{0,27}[a-z0-9]", fullmatch=True),
    source=_SOURCES,
    network=st.sampled_from([None, NETWORK]),
    encryption=st.sampled_from(["own", "aws"]),
    execution_role=st.sampled_from(["make", "given", "per-repository"]),
    wait=st.sampled_from(["step-functions", "build"]),
    image=st.sampled_from(["aws/codebuild/standard:7.0", "111122223333.dkr.ecr.eu-central-1.amazonaws.com/build:1"]),
)
_FETCHED = st.builds(
    Fetched,
    secrets=st.sampled_from(
        [(), ("git/token",), ("arn:aws:secretsmanager:eu-central-1:111122223333:secret:git-AbCdEf",)]
    ),
    connections=st.sampled_from([{}, {CONNECTION: ("acme/churn", "acme/fraud"), OLDER: ("acme/churn",)}]),
    codecommit=st.sampled_from([(), (("", "churn"), ("us-east-1", "fraud"))]),
)
_CONNECTIONS = st.sampled_from([(), (CONNECTION,), (CONNECTION, OLDER)])
all_facts = st.builds(
    Facts,
    service=_SERVICES,
    definition=_DEFINITIONS,
    fetched=_FETCHED,
    polled=_FETCHED,
    connections=_CONNECTIONS,
    webhooks=_CONNECTIONS,
    has_webhooks=st.booleans(),
    has_events=st.booleans(),
    has_polls=st.booleans(),
    has_schedules=st.booleans(),
    clones=st.booleans(),
    role=st.just("arn:aws:iam::111122223333:role/given"),
    bucket=st.sampled_from(["", "my-data"]),
    key=_KEY,
)
"""Facts of any service."""
