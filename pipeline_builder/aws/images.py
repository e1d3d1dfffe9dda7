"""Images in Amazon ECR: which digest a tag stands for now."""

from __future__ import annotations

import re

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import OutsideFailure

ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_UNTOLD = ("PB703", "PB704", "PB707")


def image_digest(aws: Aws, image: str) -> str:
    """Return the digest that an image's address stands for; empty where it isn't in ECR, or may not be looked at."""
    match = ECR.fullmatch(image)
    if match is None or match["digest"]:
        return match["digest"] if match else ""
    if match["region"] != aws.region:
        return ""
    try:
        found = aws.call(
            "ecr", "batch_get_image", registryId=match["account"], repositoryName=match["repository"],
            imageIds=[{"imageTag": match["tag"] or "latest"}],
        )  # fmt: skip
    except NotFoundError:
        return ""
    except OutsideFailure as error:
        if all(problem.id in _UNTOLD for problem in error.problems):
            return ""
        raise
    return next((str(item["imageId"]["imageDigest"]) for item in found.get("images", ())), "")
