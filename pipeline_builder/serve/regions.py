"""The Region that a client signs for, in the ARNs that it is answered and gives back; the state has `localhost`."""

from __future__ import annotations

import re

from pipeline_builder.regions.partitions import partition_of

HOME = "localhost"
_ACCOUNT = "000000000000"
# The credential scope of a signature of version 4: key, day, Region, service.
_SCOPE = re.compile(r"Credential=\S+?/\d{8}/([a-z]{2}[a-z0-9-]{1,30})/[a-z0-9-]+/aws4_request")


def region_of(authorization: str) -> str:
    """Return the Region of a request's signature; `localhost` where it isn't signed for any."""
    scope = _SCOPE.search(authorization)
    return scope[1] if scope else HOME


def inwards(text: bytes, region: str) -> bytes:
    """Return a request with our ARNs as the state has them; those of this machine's own Region are taken too."""
    return text.replace(_arn(region), _arn(HOME))


def outwards(text: bytes, region: str) -> bytes:
    """Return an answer with our ARNs in the client's Region."""
    return text.replace(_arn(HOME), _arn(region))


def _arn(region: str) -> bytes:
    return f"arn:{partition_of(region).name}:sagemaker:{region}:{_ACCOUNT}:".encode()
