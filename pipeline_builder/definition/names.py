"""The one place where a generated name that is too long gets shorter, always in the same way."""

from __future__ import annotations

import hashlib
import re

# Limits of the service in characters.
STEP_NAME = 64
CHANNEL_NAME = 64
PARAMETER_NAME = 64
GROUP_NAME = 63
PIPELINE_NAME = 82
# Limits of the services around it.
ARTIFACT_NAME = 100
PROJECT_NAME = 255
RULE_NAME = 64
ROLE_NAME = 64
FUNCTION_NAME = 64
QUEUE_NAME = 80


def shorten(name: str, limit: int) -> str:
    """Return the name, or where it is over the limit its beginning and eight hex digits of its sha256."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"


def parameter_name(prefix: str, name: str) -> str:
    """Return `<prefix>-<name>` as a parameter's name, which takes letters, digits, '-' and '_' only.

    A name that has to be changed for that gets a hash of its own, so that `a.b` and `a-b` stay apart.
    """
    return shorten(f"{prefix}-{_plain(name)}", PARAMETER_NAME)


def plain_name(name: str, limit: int) -> str:
    """Return the name with letters, digits, '-' and '_' only; one that has to be changed gets a hash of its own."""
    return shorten(_plain(name), limit)


def _plain(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def logical_id(prefix: str, name: str) -> str:
    """Return `<Prefix><Name>` as CloudFormation takes the name of a resource: letters and digits only."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    plain = "".join(word[:1].upper() + word[1:] for word in words)
    if len(words) > 1:  # what was taken out made it another name: 'a-b' and 'ab' stay apart
        plain += hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{prefix}{plain}"
