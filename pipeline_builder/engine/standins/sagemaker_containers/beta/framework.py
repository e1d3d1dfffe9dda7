"""The toolkit's parts by their public names."""

from __future__ import annotations

from .. import (
    content_types,
    encoders,
    entry_point,
    errors,
    files,
    logging,
    mapping,
    modules,
    params,
    server,
    transformer,
    worker,
)
from .. import environment as env
from ..missing import refuser

__all__ = [
    "content_types", "encoders", "entry_point", "env", "errors", "files", "logging", "mapping", "modules", "params",
    "server", "training_env", "transformer", "worker",
]  # fmt: skip


def training_env(*_: object, **__: object) -> env.Environment:
    """Return what the toolkit knows of the job."""
    return env.Environment()


__getattr__ = refuser(__name__)
