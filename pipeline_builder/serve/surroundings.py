"""What a preflight asks around SageMaker: images of ECR, which are packages here, and quotas, which are none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipeline_builder.serve.protocol import ServiceError, parse_body

Images = Sequence[tuple[str, tuple[str, ...]]]
SIGNED_FOR = {"AmazonEC2ContainerRegistry_V20150921": "ecr", "ServiceQuotasV20190624": "servicequotas"}
"""What a signature calls each service."""
OPERATIONS = {
    "AmazonEC2ContainerRegistry_V20150921": ("DescribeImages",),
    "ServiceQuotasV20190624": ("ListServiceQuotas", "GetServiceQuota"),
}


def answer(service: str, operation: str, body: bytes, images: Images) -> bytes:
    """Return the JSON that answers an operation.

    Raises:
        ServiceError: the operation is not served, or there is no such image or quota.
    """
    if operation not in OPERATIONS[service]:
        raise ServiceError("UnknownOperationException", f"'{operation}' is not served by the local engine")
    request = parse_body(body)
    if operation == "DescribeImages":
        return json.dumps({"imageDetails": [_image(request, wanted, images) for wanted in _wanted(request)]}).encode()
    if operation == "GetServiceQuota":
        raise ServiceError(
            "NoSuchResourceException", "The request failed because there is no such quota on this machine."
        )
    return json.dumps({"Quotas": []}).encode()


def _wanted(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    wanted = request.get("imageIds") or []
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise ServiceError("InvalidParameterException", "'imageIds' is no list of images")
    return wanted


def _image(request: Mapping[str, Any], wanted: Mapping[str, Any], images: Images) -> dict[str, Any]:
    """Describe an image as far as it is known: where any have packages here, it is one of those."""
    account, repository = str(request.get("registryId") or ""), str(request.get("repositoryName") or "")
    tag, digest = str(wanted.get("imageTag") or ""), str(wanted.get("imageDigest") or "")
    name = f"{repository}@{digest}" if digest else f"{repository}:{tag}"
    if images and not any(_fits(pattern, account, name) for pattern, _ in images):
        message = (
            f"The image with imageId {{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}} does not exist"
        )
        where = f"within the repository with name '{repository}' in the registry with id '{account}'"
        raise ServiceError("ImageNotFoundException", f"{message} {where}")
    return {
        "registryId": account,
        "repositoryName": repository,
        **({"imageTags": [tag]} if tag else {"imageDigest": digest}),
    }


def _fits(pattern: str, account: str, name: str) -> bool:
    """Tell whether a pattern is of an image, in whichever Region."""
    host, _, rest = pattern.partition("/")
    if not rest:
        return fnmatchcase(f"{account}.dkr.ecr.any.amazonaws.com/{name}", pattern)
    return fnmatchcase(name, rest) and (host[:1] in "*?" or host.partition(".")[0] == account)
