"""What all clients of botocore have in common, made once instead of by each, with the same result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import botocore.client
import botocore.hooks
import botocore.loaders
import botocore.session


def share_among_clients(patch: Callable[[object, str, object], None]) -> None:
    """Let all sessions have a reader of their service models, which are megabytes of JSON, the names of their events and
    what is called for them, and the methods of a service's clients.
    """
    names: dict[str, str] = {}
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    accepts = functools.lru_cache(4096)(botocore.hooks.accepts_kwargs)
    begin, methods = botocore.hooks.EventAliaser.__init__, botocore.client.ClientCreator._create_methods

    def begun(aliaser: Any, *given: Any, **more: Any) -> None:
        begin(aliaser, *given, **more)
        if aliaser._event_aliases == botocore.hooks.EVENT_ALIASES:
            aliaser._alias_name_cache = names

    def methods_of(creator: Any, model: Any) -> dict[str, Any]:
        key = (model.service_name, *model.operation_names)
        if key not in made:
            made[key] = methods(creator, model)
        return {**made[key]}

    patch(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
    patch(botocore.hooks, "accepts_kwargs", lambda called: accepts(getattr(called, "__func__", called)))
    patch(botocore.hooks.EventAliaser, "__init__", begun)
    patch(botocore.client.ClientCreator, "_create_methods", methods_of)
