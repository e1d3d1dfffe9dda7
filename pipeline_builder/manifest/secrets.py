"""Secrets that the manifest names: how their text is read, and which of them jobs on this machine are given."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.manifest.manifest import Manifest
from pipeline_builder.target import SecretGiver, SecretReader


def read_named(name: str, read_secret: SecretReader, *, whose: str, place: Place | None = None) -> str:
    """Return a secret's text, or with `#key` what a JSON secret has under that key. Its text is never shown.

    Raises:
        InputProblems: PB164.
    """
    secret, _, key = name.partition("#")
    text = read_secret(secret).strip()
    message = f"the secret '{secret}' of {whose} is empty"
    if key:
        try:
            found = json.loads(text)[key]
        except (ValueError, KeyError, TypeError, RecursionError):  # whose words may have parts of it
            found = None
        text = str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""
        message = f"the secret '{secret}' of {whose} is no JSON with a text as the key '{key}'"
    if not text:
        raise InputProblems(Problem(id="PB164", message=message, place=place)) from None
    return text


def give_secrets(manifest: Manifest, environment: Mapping[str, str], read_secret: SecretReader) -> SecretGiver:
    """Return what gives the jobs of this machine their secrets: from a variable of that name, or from AWS.

    Only what the policy lists is given: whoever could write any other name into a definition would get any secret.
    """
    listed = {item for repo in manifest.repos for item in manifest.policy.rules(repo.name, {}).secrets.items()}

    def give(name: str, secret: str) -> str:
        if (name, secret) not in listed:
            message = f"the policy lists no secret '{name}' that is '{secret}'"
            raise InputProblems(Problem(id="PB246", message=message, hint="run 'pipeline-builder apply' anew"))
        if found := environment.get(name):
            return found
        return read_named(secret.removeprefix("secretsmanager:"), read_secret, whose=f"the jobs' '{name}'")

    return give
