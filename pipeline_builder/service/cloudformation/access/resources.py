"""Resources of the service and of a definition, as ARNs in statements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline_builder.service.cloudformation.access.addresses import Location
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.statements import BUCKET, KEY, REGION, Statement, arn, literal
from pipeline_builder.service.cloudformation.access.touched import Image

# CodePipeline begins the keys of its artifacts with this many characters of the pipeline's name.
_ARTIFACT_PREFIX = 20

# A secret's ARN has six characters behind its name.
_COMPLETE = re.compile(r"-[A-Za-z0-9]{6}\Z")


def project(service: str, stage: str) -> str:
    """Return the ARN of one of the service's CodeBuild projects."""
    return arn("codebuild", f"project/{service}-{stage}")


def artifact_keys(service: str) -> tuple[str, ...]:
    """Return where in the artifact bucket CodePipeline keeps what its actions hand on."""
    return (f"{service[:_ARTIFACT_PREFIX]}/*",)


def objects(bucket: str, *keys: str) -> tuple[str, ...]:
    """Return the ARNs of objects in a bucket; that of the bucket itself where no keys are given."""
    base = f"arn:${{AWS::Partition}}:s3:::{bucket}"
    return tuple(f"{base}/{key}" for key in keys) or (base,)


def named(kind: str, name: str, suffix: str = "") -> tuple[str, ...]:
    """Return the ARNs that a resource of SageMaker has: policies are compared with letter case, and SageMaker has some
    names in lower case in ARNs.
    """
    return tuple(
        arn("sagemaker", f"{kind}/{literal(spelling)}{suffix}") for spelling in dict.fromkeys((name, name.lower()))
    )


def bucket_name(facts: Facts) -> str:
    """Return the bucket for data and definitions as statements have it."""
    return literal(facts.bucket) if facts.bucket else BUCKET


def bucket_of(facts: Facts, place: Location) -> str:
    """Return the ARN of a location's bucket, or of its access point."""
    return literal(place.bucket) if _is_access_point(place) else objects(_bucket(facts, place))[0]


def _is_access_point(place: Location) -> bool:
    return place.bucket.startswith("arn:")


def _bucket(facts: Facts, place: Location) -> str:
    return literal(place.bucket) if place.bucket else bucket_name(facts)


def pattern(place: Location) -> str:
    """Return a location's keys as IAM matches them: the pieces themselves, and anything between two of them."""
    return "*".join(literal(piece) for piece in place.pieces)


def objects_at(facts: Facts, places: Iterable[Location]) -> tuple[str, ...]:
    """Return the ARNs of all objects at the locations, without those that another of them covers."""
    found = {
        f"{literal(place.bucket)}/object/{pattern(place)}"
        if _is_access_point(place)
        else objects(_bucket(facts, place), pattern(place))[0]
        for place in places
    }
    return without_covered(sorted(found))


def without_covered(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns without each that matches nothing which another one doesn't.

    Only a pattern whose one wildcard is at its end is taken to cover others: that is certain, and what prefixes are.
    """
    prefixes = tuple(text[:-1] for text in patterns if text.endswith("*") and "*" not in text[:-1].replace("${!*}", ""))

    def covered(text: str) -> bool:
        return any(text.startswith(prefix) and text != f"{prefix}*" for prefix in prefixes)

    return tuple(text for text in patterns if not covered(text))


def image_repositories(images: Iterable[Image]) -> tuple[str, ...]:
    """Return the ARNs of the repositories of images; they may be another account's, as AWS's own images are."""
    return tuple(
        arn("ecr", f"repository/{literal(image.repository)}", region=image.region, account=image.account)
        for image in sorted(images)
    )


def connection_use(sid: str, connections: Sequence[str], verbs: Sequence[str]) -> tuple[Statement, ...]:
    """Return what using connections takes; an action's prefix has to be that of the connection's ARN."""
    found = []
    for service in ("codeconnections", "codestar-connections"):
        mine = tuple(sorted(text for text in dict.fromkeys(connections) if text.split(":")[2] == service))
        if mine:
            more = "" if service == "codeconnections" else "Older"
            actions = tuple(f"{service}:{verb}" for verb in verbs)
            found.append(Statement(sid=f"{sid}{more}", actions=actions, resources=mine))
    return tuple(found)


def via_service(service: str) -> str:
    """Return how a service is named in the condition that only it may make use of a key."""
    return f"{service}.{REGION}.${{AWS::URLSuffix}}"


def key_use(facts: Facts, *services: str) -> tuple[Statement, ...]:
    """Return what the service's own key takes, which others than these services can't be made to use it for."""
    if facts.service.encryption == "aws":
        return ()
    via = tuple(via_service(service) for service in services)
    return (
        Statement(
            sid="Key",
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"),
            resources=(KEY,),
            conditions={"StringEquals": {"kms:ViaService": via}},
        ),
    )


def secret_arn(text: str) -> str:
    """Return the ARN of a secret that is named by its ARN or by its name."""
    if text.startswith("arn:"):
        return literal(text) if _COMPLETE.search(text) else f"{literal(text)}-??????"
    return arn("secretsmanager", f"secret:{literal(text)}-??????")
