"""What this tool writes into descriptions on AWS, and reads back: definition, commit, whose run, cache generation."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass

_FACT = re.compile(r"\b(definition|fingerprint|commit|generation|cause)=([0-9A-Za-z-]+(?:\.[0-9A-Za-z]+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`definition` and `fingerprint` are sha256 (hex), `commit` the manifest's, `generation` what the execution has as
    that of the step cache, `cause` an execution of CodePipeline; empty where nothing is known.
    """

    definition: str = ""
    fingerprint: str = ""
    commit: str = ""
    generation: str = ""
    cause: str = ""

    def __str__(self) -> str:
        return "pipeline-builder " + " ".join(f"{name}={value}" for name, value in asdict(self).items() if value)


def read_facts(description: str) -> Facts:
    """Return the facts in a description; anybody may have written it, so nothing is believed that decides alone."""
    return Facts(**dict(_FACT.findall(description)))


def token(*parts: str) -> str:
    """Return a request token, which makes the service answer a repeated call with what the first one made."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
