"""Region and account that a client signs for, in the ARNs that it is answered and gives back; the state has neither."""

from __future__ import annotations

import re

from pipeline_builder.regions.partitions import partition_of

HOME = "localhost"
CLIENTS = "us-east-1"
"""The Region that a client is told to sign for: one that AWS's own tools know the addresses of."""
ACCOUNT = "000000000000"
HOME_ARN = f"arn:aws:sagemaker:{HOME}:{ACCOUNT}"
"""How every ARN of the state begins."""
# A text that is an ARN of SageMaker from its first letter; not one in a definition, which is a text within the text.
_WHOLE = rb'(?<!\\)"arn:aws[a-z-]{0,20}:sagemaker:[a-z][a-z0-9-]{1,31}:(?:%s|000000000000):'


def inwards(text: bytes, region: str, account: str = ACCOUNT) -> bytes:
    """Return a text with the client's ARNs as the state has them; those of this machine's own Region are taken too."""
    return text.replace(_arn(region, account), _arn(HOME, ACCOUNT))


def request_inwards(text: bytes, region: str, account: str = ACCOUNT) -> bytes:
    """Return a request with its ARNs as the state has them: an ARN of whichever Region is of this one state."""
    whole = re.sub(_WHOLE % account.encode(), b'"' + _arn(HOME, ACCOUNT), text)
    return inwards(whole, region, account)


def outwards(text: bytes, region: str, account: str = ACCOUNT) -> bytes:
    """Return an answer with the state's ARNs in the client's Region and account."""
    return text.replace(_arn(HOME, ACCOUNT), _arn(region, account))


def _arn(region: str, account: str) -> bytes:
    return f"arn:{partition_of(region).name}:sagemaker:{region}:{account}:".encode()
