"""Retry policies: whether and when a step is tried again.

Of what the service names as reasons one happens here: what a job needs from outside can't be reached. There that may be
a Step.SERVICE_FAULT or a SageMaker.JOB_INTERNAL_ERROR, so it is both. There is no throttling, no capacity and no quota
to run into, and a script that fails is an AlgorithmError, which no policy covers. A training's own RetryStrategy comes
first (`jobs/training_job.py`): that tries the same job again, a policy makes a new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline_builder.engine.document.document import Retry
from pipeline_builder.engine.jobs.installer import OutageError

SERVICE_FAULT, INTERNAL_ERROR = "Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"


class Patience:
    """How long a step's policies still have patience with it, from now on; `clock` counts seconds."""

    def __init__(self, policies: tuple[Retry, ...], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._policies = policies
        self._clock = clock
        self._begun = clock()
        self._used = [0] * len(policies)

    def wait_after(self, error: Exception) -> float | None:
        """Return the seconds to wait before the next try, None where there is none."""
        kinds = {SERVICE_FAULT, INTERNAL_ERROR} if isinstance(error, OutageError) else set()
        for number, policy in enumerate(self._policies):
            if kinds.isdisjoint(policy.exceptions):
                continue
            seconds: float = policy.interval * policy.backoff ** self._used[number]
            spent = policy.attempts is not None and self._used[number] >= policy.attempts
            late = policy.minutes is not None and self._clock() + seconds - self._begun > policy.minutes * 60
            self._used[number] += 1
            return None if spent or late else seconds
        return None
