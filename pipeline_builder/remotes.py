"""Remotes: where git finds a repository of the manifest, and the token that it shows there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.git import Remote
from pipeline_builder.manifest import Repo
from pipeline_builder.target import SecretReader


def no_secrets(secret: str) -> str:
    """Read no secret: for whoever has no AWS at hand."""
    raise InputProblems(Problem(id="PB164", message=f"the secret '{secret}' cannot be read here"))


def remote_of(repo: Repo, root: Path, environment: Mapping[str, str], read_secret: SecretReader = no_secrets) -> Remote:
    """Return the repository's address, relative ones from the manifest's folder `root`, with its token.

    Raises:
        InputProblems: PB110 for a variable that isn't set, PB164 for a secret that isn't what its id says.
    """
    url = repo.url
    scp = ":" in url.split("/")[0] and "://" not in url
    local = url.startswith("file://") or ("://" not in url and not scp)
    if local and not url.startswith("file://"):
        url = str((root / url).resolve())
    return Remote(url=url, local=local, token=_token(repo, environment, read_secret))


def _token(repo: Repo, environment: Mapping[str, str], read_secret: SecretReader) -> str:
    kind, _, name = repo.credentials.partition(":")
    if kind == "secretsmanager":
        return _secret(repo, name, read_secret)
    if kind and not environment.get(name):
        message = f"the repository '{repo.name}' takes its token from '{name}', which is not set"
        raise InputProblems(Problem(id="PB110", message=message, place=repo.place))
    return environment.get(name, "")


def _secret(repo: Repo, name: str, read_secret: SecretReader) -> str:
    """Return a secret's text, or with `#key` what a JSON secret has under that key. Its text is never shown."""
    secret, _, key = name.partition("#")
    text = read_secret(secret).strip()
    if not key:
        return text
    try:
        found = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        message = f"the secret '{secret}' of the repository '{repo.name}' is no JSON with the key '{key}'"
        raise InputProblems(Problem(id="PB164", message=message, place=repo.place)) from error
    return str(found)
