"""What all of botocore's clients have in common is made once: each session makes it anew, with the same result."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import botocore.client
import botocore.endpoint_provider
import botocore.hooks
import botocore.loaders
import botocore.model
import botocore.regions
import botocore.session
import pytest


def share(patch: pytest.MonkeyPatch) -> None:
    """Let all sessions of this process have one reader of service models, which are megabytes of JSON, and what comes of them.

    That is the names of their events and what is called for them, the methods of a service's clients, its model with all
    that was looked up in it, and the rules that say where it answers.
    """
    patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
    _events(patch)
    _models(patch)
    _endpoints(patch)


def _events(patch: pytest.MonkeyPatch) -> None:
    names: dict[str, str] = {}
    accepts = functools.lru_cache(4096)(botocore.hooks.accepts_kwargs)
    begin = botocore.hooks.EventAliaser.__init__

    def begun(aliaser: Any, *given: Any, **more: Any) -> None:
        begin(aliaser, *given, **more)
        if aliaser._event_aliases == botocore.hooks.EVENT_ALIASES:
            aliaser._alias_name_cache = names

    patch.setattr(botocore.hooks, "accepts_kwargs", lambda called: accepts(getattr(called, "__func__", called)))
    patch.setattr(botocore.hooks.EventAliaser, "__init__", begun)
    patch.setattr(botocore.hooks._PrefixTrie, "_recursive_copy", lambda _, node: _copied(node))


def _copied(node: Mapping[str, Any]) -> dict[str, Any]:
    """Copy handlers of events, as for each client, without asking of each part three times what it is."""
    new: dict[str, Any] = {}
    for key, value in node.items():
        kind = type(value)
        if kind is dict:
            new[key] = _copied(value) if value else {}
        elif kind is botocore.hooks.NodeList:
            new[key] = kind(value.first[:], value.middle[:], value.last[:])
        else:
            new[key] = value
    return new


def _models(patch: pytest.MonkeyPatch) -> None:
    methods = botocore.client.ClientCreator._create_methods
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    models: dict[tuple[int, str], Any] = {}

    def methods_of(creator: Any, model: Any) -> dict[str, Any]:
        key = (model.service_name, *model.operation_names)
        if key not in made:
            made[key] = methods(creator, model)
        return {**made[key]}

    def model_of(text: Any, service_name: str) -> Any:
        key = (id(text), service_name)  # it has the text, so nothing else gets its number
        if key not in models:
            models[key] = botocore.model.ServiceModel(text, service_name=service_name)
        return models[key]

    patch.setattr(botocore.client.ClientCreator, "_create_methods", methods_of)
    patch.setattr(botocore.client, "ServiceModel", model_of)


def _endpoints(patch: pytest.MonkeyPatch) -> None:
    make = botocore.endpoint_provider.EndpointProvider
    made: dict[tuple[int, int, frozenset[str]], Any] = {}
    kept: list[Any] = []  # so that nothing else gets their numbers

    def provider_of(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
        key = (id(ruleset_data), id(partition_data), frozenset(excluded_params or ()))
        if key not in made:
            kept.extend((ruleset_data, partition_data))
            made[key] = make(ruleset_data, partition_data, excluded_params)
        return made[key]

    patch.setattr(botocore.regions, "EndpointProvider", provider_of)
