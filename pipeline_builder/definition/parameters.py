"""The parameters of a definition: its own, which whoever starts an execution sets, and those of the confs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline_builder.dag import caching
from pipeline_builder.definition.names import parameter_name
from pipeline_builder.definition.uses import MOST_OF_A_MODEL, date_uses, model_uses
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import PARAMETERS

if TYPE_CHECKING:
    from pipeline_builder.conf.graph import Graph
    from pipeline_builder.conf.parameters import ParameterSection
    from pipeline_builder.definition.steps.context import Context, Mapped

MANIFEST_PARAMETER = "ManifestCommit"
UNKNOWN_COMMIT = "unknown"
# The service takes 200 parameters per start; beyond this many repositories only the manifest's commit travels.
_MOST_COMMIT_PARAMETERS = 150
_MOST_PARAMETERS = 200


def commit_parameters(repos: Iterable[str], most: int = _MOST_COMMIT_PARAMETERS) -> Mapping[str, str]:
    """Return the parameter that carries the commit of each repository; none of them where there are too many."""
    names = sorted(set(repos))
    return {name: parameter_name("Commit", name) for name in (names if len(names) <= most else ())}


def most_commits(graph: Graph, data: Mapping[str, str]) -> int:
    """Return how many commits can travel: models and days have no other way, of commits the manifest's names all."""
    if graph.kind == "training":
        return _MOST_COMMIT_PARAMETERS
    models = sum(unit.section.used is not None for unit in graph.units.values()) * MOST_OF_A_MODEL
    own = (MANIFEST_PARAMETER, caching.PARAMETER, *PARAMETERS, *data, *graph.parameters)
    return min(_MOST_COMMIT_PARAMETERS, _MOST_PARAMETERS - models - len(own))


def list_parameters(context: Context, steps: list[Mapped]) -> list[JSON]:
    """Return every parameter as the definition declares it; that of the step cache only where a step is cached."""
    from pipeline_builder.definition.steps.labels import label_parameters  # and with it every kind of step

    commits, data = context.commit_parameters.values(), context.data_parameters.values()
    cached = any("CacheConfig" in step for step in steps)
    given = (*model_uses(context.graph, steps), *date_uses(context.graph, steps))
    labels: list[JSON] = [
        {"Name": name, "Type": "String", "DefaultValue": default} for name, default in label_parameters(context.graph)
    ]
    return [*declare(commits, data, context.graph.parameters, cached=cached), *labels, *_given(given)]


def declare(
    commits: Iterable[str], data: Iterable[str], asked: Iterable[ParameterSection], *, cached: bool
) -> list[JSON]:
    """Return the parameters that carry commits and fingerprints of data, that of the step cache, and those of confs."""
    defaults = dict.fromkeys((MANIFEST_PARAMETER, *commits, *data), UNKNOWN_COMMIT)
    if cached:
        defaults[caching.PARAMETER] = caching.FIRST
    own: list[JSON] = [{"Name": n, "Type": "String", "DefaultValue": default} for n, default in defaults.items()]
    return [*own, *(_parameter(parameter) for parameter in asked)]


def _given(names: Iterable[str]) -> list[JSON]:
    """Return parameters that every start has to give: without one there is no model, or no day, to run with."""
    return [{"Name": name, "Type": "String"} for name in names]


def _parameter(parameter: ParameterSection) -> JSON:
    default: Mapped = {} if parameter.default is None else {"DefaultValue": parameter.default}
    values: Mapped = {"EnumValues": [*parameter.values]} if parameter.values else {}
    return {"Name": parameter.name, "Type": parameter.type, **default, **values}
