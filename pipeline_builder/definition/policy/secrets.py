"""Secrets of jobs: only those that the policy lists for the repository, and only where a launcher can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline_builder.conf.graph import Step
from pipeline_builder.definition.handing import FILE, is_handed, secret_variables
from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.manifest.refusal import Refused, refuse

_ISOLATED = "leave out 'EnableNetworkIsolation' or 'secrets': without a network nothing reads them"
_SERVED = "read it in the inference code, with the role of whoever serves the model; a step before it can be given one"
_RESERVED = "name it under 'secrets' of the section: these variables tell which secrets the job may be given"


def check_secrets(asking: Asking, variables: Iterable[Member]) -> Iterator[Refused]:
    """Yield what is asked for that the policy doesn't list, and what no launcher can read or was meant to."""
    step, job = asking.step, asking.step.job
    own = secret_variables(job) if asking.own and job else {}
    for member in variables:
        if own.get(str(member.path[-1])) != member.value:
            message = f"the variable '{member.path[-1]}' can't be set by hand"
            yield asking.forbid("PB246", message, member.path, _RESERVED)
    yield from _served(step)
    if not asking.own or job is None or not is_handed(job):
        return
    for name, secret in sorted(job.secrets.items()):
        if asking.rules.secrets.get(name) != secret:
            message = asking.said(f"the policy of '{asking.rules.repo}' doesn't give its jobs '{name}' ({secret})")
            place = step.section_place("secrets", name)
            yield refuse(asking.rules, "secrets", {name: secret}, problem_id="PB246", message=message, place=place)
    if asking.is_isolated:
        yield asking.forbid("PB246", "a job without network can't be given secrets", ("Environment",), _ISOLATED)
    if (step.unit.source_directory / FILE).exists():
        message = f"its code has a file '{FILE}', which is the name of what reads a job's secrets"
        yield asking.forbid("PB246", message, ("ContainerEntrypoint",), "give it another name")


def _served(step: Step) -> Iterator[Refused]:
    transform = step.unit.section.transform
    if transform and transform.secrets:
        place = step.unit.conf.document.place((*step.unit.path, "transform", "secrets"), key=True)
        message = "the container that serves a model can't be given secrets: others start it, elsewhere too"
        yield Refused(id="PB246", message=message, place=place, hint=_SERVED)
