"""Installs a job's requirements.txt from the CodeArtifact repository that CA_REPOSITORY_ARN names.

AWS's training toolkit does so by itself, a processing container doesn't. It runs in the container, whose Python may be
an old one (3.7) and has nothing of this package. The token is in the environment of pip alone.
"""

from __future__ import annotations

import importlib
import os
import sys

VARIABLE = "CA_REPOSITORY_ARN"
INSTALL = ("-m", "pip", "install", "-r", "requirements.txt")


def index_of(arn: str) -> str:
    """Return the address of a repository with its token, as pip takes it."""
    region, owner, place = arn.split(":", 5)[3:]
    domain, name = place.split("/", 2)[1:]
    try:
        client = importlib.import_module("boto3").client("codeartifact", region_name=region)
    except ImportError:
        sys.exit("smp_index: the image has no boto3, which asking CodeArtifact takes")
    try:
        token = client.get_authorization_token(domain=domain, domainOwner=owner)["authorizationToken"]
        found = client.get_repository_endpoint(domain=domain, domainOwner=owner, repository=name, format="pypi")
        return address_of(str(found["repositoryEndpoint"]), str(token))
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing of the token may get into the log
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        sys.exit(f"smp_index: the repository '{arn}' can't be asked: {code}")


def address_of(endpoint: str, token: str) -> str:
    """Return an index as pip takes it."""
    scheme, _, rest = endpoint.partition("://")
    if scheme != "https" or not rest or "@" in rest or not token:
        sys.exit("smp_index: CodeArtifact has given no https address, or no token")
    return f"https://aws:{token}@{rest.rstrip('/')}/simple/"


def main() -> None:
    """Become pip; without the variable it installs from where it does by itself."""
    arn = os.environ.get(VARIABLE, "")
    index = {"PIP_INDEX_URL": index_of(arn)} if arn else {}
    os.execve(sys.executable, [sys.executable, *INSTALL], {**os.environ, **index})  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
