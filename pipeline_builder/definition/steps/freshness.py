"""What a cached step carries in its environment, so that its result is taken only where it is to be.

SageMaker's step cache compares requests. It can't be turned off for one execution, and doesn't look at the data behind
an address. So the request carries pipeline parameters, whose values are known when an execution starts: the generation
of results that it may take from, and with `cache: {data: true}` a digest of the files' listing. The definition itself
stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.dag import caching
from pipeline_builder.definition.names import parameter_name
from pipeline_builder.definition.steps.context import Mapped
from pipeline_builder.definition.steps.data import files_of
from pipeline_builder.definition.steps.inputs import addresses_in_arguments
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.dates import with_parameters
from pipeline_builder.documents.expressions import get, is_expression
from pipeline_builder.documents.members import member_at
from pipeline_builder.errors import InputProblems, Place, Problem

_SUPPLIED = ("supplied_baseline_statistics", "supplied_baseline_constraints")
VARIABLE = "SMP_DATA_FINGERPRINT"
_HYPERPARAMETER = "sagemaker_smp_data_fingerprint"
MOST_VARIABLES: Mapping[str, int] = {"Processing": 100, "Training": 100, "Transform": 16}
"""Variables that a job's environment takes, by step type [service model]."""


def data_parameters(graph: Graph) -> Mapping[str, str]:
    """Return the parameter of each step that is cached by its data, by the step's name."""
    return {step.name: parameter_name("Data", step.name) for step in graph.steps if _is_told(step)}


def _is_told(step: Step) -> bool:
    """Tell whether a step's own files are looked at by each start: of an inference pipeline all are, whatever its step
    cache, for what has been scored already isn't scored again.
    """
    if step.unit.infers:
        return bool(_own(step))
    return bool(step.own and step.own.cache.data and not without_data(step))


def _own(step: Step) -> list[JSON]:
    """Return the addresses of a step's own files: those of its channels, or what a check reads; in an inference conf
    also those that stand in its arguments.
    """
    found = [uri for _, _, uri in files_of(step.job.channels)] if step.job else []
    if not step.unit.infers:
        return found
    found += [dataset] if (dataset := getattr(step.request, "dataset", "")) else []
    more = [uri for key in _SUPPLIED if (uri := getattr(step.request, key, ""))]
    return [*found, *(uri for uri in (*more, *addresses_in_arguments(step)) if with_parameters(uri) is not None)]


def without_data(step: Step) -> str:
    """Return why there is nothing that the step's cached result could depend on; empty where there is."""
    if not step.asked.enable_cache:
        return "the step's cache is off"
    if step.job is None or not files_of(step.job.channels):
        return "it has no files of its own, and what other steps make is compared anyway"
    return ""


def data_addresses(step: Step) -> tuple[str, ...]:
    """Return the addresses of a step's own files, as a listing takes them: what a start gives, the date for one, stands
    in them as `${Parameters.<name>}`.

    Raises:
        InputProblems: PB329 for an address that only an execution knows, or that is a list of others.
    """
    if getattr(step.job, "s3_data_type", "") == "ManifestFile":  # which Processing and Evaluation have
        raise InputProblems(_listing(step))
    uris = _own(step)
    told = [with_parameters(uri) if step.unit.infers else uri for uri in uris]
    known = tuple(uri for uri in told if isinstance(uri, str))
    if len(known) == len(uris):
        return known
    message = f"step '{step.name}': 'cache.data' needs addresses that are known before the run, and one is a reference"
    hint = "write the address itself, or leave 'data' out and let the cache expire"
    if step.unit.infers:
        message = (
            f"step '{step.name}': what it reads is listed before the run, and one of its addresses isn't known then"
        )
        hint = "an address may have the date and pipeline parameters in it; what a step makes is chained"
    raise InputProblems(Problem(id="PB329", message=message, place=step.section_place("cache"), hint=hint))


def _listing(step: Step) -> Problem:
    """A change of what a manifest names would go unseen, and an old result be taken for the new data's."""
    message = f"step '{step.name}': 'cache.data' looks at the step's own files, and these are lists of others"
    hint = "write the files that they name into 'dataFiles': a manifest is made of them; or leave 'data' out"
    if step.unit.infers:
        message = f"step '{step.name}': what it reads is listed before the run, and its files are lists of others"
        hint = "write the files that they name into 'dataFiles', or a prefix that they all have"
    return Problem(id="PB329", message=message, place=step.section_place("cache"), hint=hint)


def with_variables(step: Step, composed: Mapped, data_parameter: str | None) -> Mapped:
    """Return what was composed for the step with the variables in its environment; one that isn't cached stays.

    `data_parameter` is the parameter with the fingerprint of its data, where it has one.

    Raises:
        InputProblems: PB329 for data that only an execution knows, PB333 for an environment without room, PB334 for
            one that has such a variable already.
    """
    arguments = composed["Arguments"]
    if step.tune_name and composed["Type"] == "Tuning":
        return _tuned(step, composed, data_parameter)
    if "CacheConfig" not in composed or not isinstance(arguments, dict) or composed["Type"] not in MOST_VARIABLES:
        return composed
    before = arguments.get("Environment", {})
    if not isinstance(before, dict) or is_expression(before):
        return composed  # which is a problem, and said where requests are checked
    added: Mapped = {caching.VARIABLE: get(f"Parameters.{caching.PARAMETER}")}
    if data_parameter:
        data_addresses(step)  # the same problem as at the end, among all others
        added[VARIABLE] = get(f"Parameters.{data_parameter}")
    if taken := [_taken(step, name) for name in added if name in before]:
        raise InputProblems(*taken)
    environment = {**before, **added}
    if len(environment) > MOST_VARIABLES[str(composed["Type"])]:
        raise InputProblems(_full(step, str(composed["Type"]), len(environment)))
    return {**composed, "Arguments": {**arguments, "Environment": environment}}


def _tuned(step: Step, composed: Mapped, data_parameter: str | None) -> Mapped:
    """Return a tuning with the same among the hyperparameters of its trainings: their variables aren't compared."""
    arguments = composed["Arguments"]
    definition = member_at(arguments, ("TrainingJobDefinition",))
    if "CacheConfig" not in composed or not isinstance(arguments, dict) or not isinstance(definition, dict):
        return composed
    before = definition.get("StaticHyperParameters", {})
    if not isinstance(before, dict) or is_expression(before):
        return composed
    added: Mapped = {caching.HYPERPARAMETER: get(f"Parameters.{caching.PARAMETER}")}
    if data_parameter:
        data_addresses(step)
        added[_HYPERPARAMETER] = get(f"Parameters.{data_parameter}")
    inner: Mapped = {**definition, "StaticHyperParameters": {**before, **added}}
    return {**composed, "Arguments": {**arguments, "TrainingJobDefinition": inner}}


def _taken(step: Step, name: str) -> Problem:
    message = f"step '{step.name}': the variable '{name}' is set by each run, as the step is cached"
    return Problem(id="PB334", message=message, place=_place(step, name), hint="give yours another name")


def _full(step: Step, kind: str, found: int) -> Problem:
    message = (
        f"step '{step.name}': with what tells the step cache apart its environment has {found} variables, "
        f"and a {kind} job takes {MOST_VARIABLES[kind]}"
    )
    return Problem(id="PB333", message=message, place=_place(step), hint="take variables out, or 'enable_cache'")


def _place(step: Step, *name: str) -> Place:
    """Return the place of the environment, or of a variable in it: in 'env', or in the 'arguments' of either kind."""
    document, section = step.unit.conf.document, (*step.unit.path, step.section_name)
    for path in ((*section, "env", *name), (*section, "arguments", "Environment", *name)):
        if path in document.values:
            return document.place(path)
    return step.conf.document.place((*step.path, "arguments", "Environment", *name))


def find_always_cached(graph: Graph, steps: JSON, owners: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning for each cached step that no run without the step cache can be kept from taking there."""
    for name, kind in caching.always_cached_of(steps).items():
        step = graph.by_name[owners[name]]
        message = (
            f"step '{name}': nothing in a cached {kind} step keeps SageMaker's cache from answering, so that on "
            "AWS a run without it ('--rerun', a schedule) is refused"
        )
        where = ("enable_cache",) if step.asked.enable_cache else ("arguments", "CacheConfig")
        hint = f"take '{where[-1]}' out, or let schedules take from the cache ('cache: true')"
        yield Problem(
            id="PB890", message=message, place=step.conf.document.place((*step.path, *where)), hint=hint, warning=True
        )
