"""Images in Amazon ECR: which digest a tag stands for now."""

from __future__ import annotations

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.errors import OutsideFailure
from pipeline_builder.regions.hosts import ecr_image

_UNTOLD = ("PB703", "PB704", "PB707")


def image_digest(aws: Aws, image: str) -> str:
    """Return the digest that an image's address stands for; empty where it isn't in ECR, or may not be looked at."""
    found = ecr_image(image)
    if found is None or found.digest:
        return found.digest if found else ""
    if found.region != aws.region:
        return ""
    try:
        answer = aws.call(
            "ecr", "batch_get_image", registryId=found.account, repositoryName=found.repository,
            imageIds=[{"imageTag": found.tag or "latest"}],
        )  # fmt: skip
    except NotFoundError:
        return ""
    except OutsideFailure as error:
        if all(problem.id in _UNTOLD for problem in error.problems):
            return ""
        raise
    return next((str(item["imageId"]["imageDigest"]) for item in answer.get("images", ())), "")
