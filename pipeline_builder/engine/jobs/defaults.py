"""What holds where nobody says otherwise: a job gets no secret, calls nobody, isn't judged, and has a while to stop.

Commands that run nothing make an engine or its settings, too: so nothing of a job's own is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.target import Calling, Reach

GRACE = 120.0
"""Seconds from SIGTERM to SIGKILL at the maximum run time, and at a stop that the API is asked for [documentation]."""


def no_secrets(name: str, secret: str) -> str:
    """Refuse every secret: whoever starts jobs over the API of this machine is nobody that is known."""
    message = f"the job asks for the secret '{secret}' as '{name}', and jobs that are started here get none"
    hint = "run it by 'pipeline-builder run', with the manifest whose policy lists the secret"
    raise InputProblems(Problem(id="PB543", message=message, hint=hint))


def reach_nobody(calling: Calling) -> AbstractContextManager[Reach]:
    """Leave a job without anybody to call."""
    from pipeline_builder.target import Reach

    del calling
    return nullcontext(Reach())


def take_all(step_type: str, request: Mapping[str, Any]) -> str:
    """Refuse no request."""
    del step_type, request
    return ""
