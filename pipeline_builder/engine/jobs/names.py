"""Names of jobs and models, as the service makes them of an execution, a step and a try."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 63
LONGEST_TUNING = 32
"""Characters of a tuning job's name, which begins the names of its trainings."""


def made_name(execution: str, step: str, attempt: int, prefix: str = "", longest: int = _LONGEST) -> str:
    """Return a name that no other try has; one that the definition gives is its prefix.

    Job names take letters, digits and `-`; a step's name may have `_` too.
    """
    suffix = hashlib.sha256(f"{execution}/{step}/{attempt}".encode()).hexdigest()[:10]
    start = prefix or f"pipelines-{execution.rsplit('/', 1)[-1]}-{step}"
    plain = re.sub(r"[^A-Za-z0-9-]", "-", start)[: longest - len(suffix) - 1]
    return f"{plain.strip('-')}-{suffix}"
