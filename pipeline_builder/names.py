"""The one place where a generated name that is too long gets shorter, always in the same way."""

from __future__ import annotations

import hashlib
import re

# Limits of the service in characters.
STEP_NAME = 64
JOB_NAME = 63
CHANNEL_NAME = 64
PARAMETER_NAME = 64
GROUP_NAME = 63
PIPELINE_NAME = 82


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
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    if plain != name:
        plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return shorten(f"{prefix}-{plain}", PARAMETER_NAME)
