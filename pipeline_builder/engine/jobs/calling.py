"""How a job calls AWS: the variables of its own, and for one without a network an address that leads to one socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.engine.jobs.container import region_variables
from pipeline_builder.engine.jobs.job import Job

PORT = 8265
"""Of the job's own 127.0.0.1, where it has a network of its own."""
SOCKET = "/run/aws"
"""What such a job sees of the server."""
_OURS = "127.0.0.1"
# Who brings one of these to a job means somebody else.
_OWN = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"}


def socket_of(job: Job, *, cut: bool) -> Path | None:
    """Return the socket that is all that a job reaches, None where it reaches more or nothing; `cut` is its network."""
    return job.reach.socket if cut else None


def calling_variables(job: Job, inherited: Mapping[str, str], *, cut: bool) -> dict[str, str]:
    """Return the variables of a job by which its calls come to their address, past whatever proxy there is."""
    if not job.reach.url or _OWN & job.environment.keys():
        return {}
    url = f"http://{_OURS}:{PORT}" if socket_of(job, cut=cut) else job.reach.url
    past = {name: ",".join(filter(None, (inherited.get(name), _OURS))) for name in ("NO_PROXY", "no_proxy")}
    return {**past, **region_variables(job.reach.region), **job.reach.variables, "AWS_ENDPOINT_URL": url}
