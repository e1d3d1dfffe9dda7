"""A package index in CodeArtifact: asked for when packages are installed, with a token that is kept in memory only.

The standard library and AWS's command line are enough here: `scripts/bootstrap.py` imports this before there is more.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Mapping

VARIABLE = "SMP_CODEARTIFACT"
"""Where the index is: domain, its account, repository and Region, separated by '/'."""
_LONGEST = 60.0


class NoIndexError(Exception):
    """The index can't be asked for; the text says why, in one line without the token."""


def index_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that pip and uv find the index by; none where the environment names no CodeArtifact.

    Raises:
        NoIndexError: AWS's command line isn't there, or it says no.
    """
    place = environment.get(VARIABLE, "")
    if not place:
        return {}
    url = _address(place)
    return {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url}


@functools.lru_cache(maxsize=4)
def _address(place: str) -> str:
    parts = place.split("/")
    if len(parts) != 4 or not all(parts):
        raise NoIndexError(f"{VARIABLE} is '{place}', expected domain/account/repository/region")
    domain, owner, repository, region = parts
    where = ("--domain", domain, "--domain-owner", owner, "--region", region)
    endpoint = _ask(
        "get-repository-endpoint", "repositoryEndpoint", *where, "--repository", repository, "--format", "pypi"
    )
    token = _ask("get-authorization-token", "authorizationToken", *where)
    scheme, _, rest = endpoint.partition("://")
    if scheme != "https" or not rest or "@" in rest:
        raise NoIndexError(f"CodeArtifact has answered '{endpoint[:100]}', expected an https address")
    return f"https://aws:{token}@{rest.rstrip('/')}/simple/"


def _ask(command: str, member: str, *options: str) -> str:
    words = ["aws", "codeartifact", command, *options, "--query", member, "--output", "text"]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_LONGEST
        )
    except FileNotFoundError as error:
        raise NoIndexError("the program 'aws', which asks CodeArtifact, was not found: the image needs it") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoIndexError(f"'aws codeartifact {command}' gives no answer: {type(error).__name__}") from error
    said = done.stdout.strip()
    if done.returncode or not said or said == "None":
        why = " ".join(done.stderr.split())[-500:] or f"exit code {done.returncode}"
        raise NoIndexError(f"'aws codeartifact {command}' failed: {why}")
    return said
