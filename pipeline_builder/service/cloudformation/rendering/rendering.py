"""The model of the service as CloudFormation templates: texts that people read before they deploy them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline_builder.definition.names import RULE_NAME, logical_id, plain_name
from pipeline_builder.layout import TEMPLATES
from pipeline_builder.manifest.surroundings import proxies
from pipeline_builder.service.cloudformation.access.functions import role_id
from pipeline_builder.service.cloudformation.description.model import ServiceModel
from pipeline_builder.service.cloudformation.rendering.inputs import (
    arrival_input,
    arrivals_text,
    asking_input,
    batch_text,
    call_code,
    chat_message,
    codecommit_input,
    environment,
    job_roles,
    look_code,
    look_input,
    pushed,
    start_input,
    wait_definition_text,
)
from pipeline_builder.service.cloudformation.rendering.quoting import comment, literal, substituted, text

if TYPE_CHECKING:
    from jinja2 import Environment

STORAGE = "storage.yaml"
SERVICE = "service.yaml"
PARAMETERS = "parameters.json"


def render_templates(model: ServiceModel) -> Mapping[str, str]:
    """Return the two templates and the service's parameters by file name; the same model gives the same bytes."""
    templates = {name: _environment().get_template(f"{name}.j2").render(model=model) for name in (STORAGE, SERVICE)}
    values = {key: value for key, value in parameter_values(model).items() if value}
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    return templates | {PARAMETERS: json.dumps(parameters, indent=2) + "\n"}


def parameter_values(model: ServiceModel) -> Mapping[str, str]:
    """Return the values of the service template's parameters; empty for a key that the storage stack makes."""
    service, place = model.service, model.place
    values = {"ArtifactBucket": model.artifact_bucket}
    if model.has_key:
        values["KeyArn"] = "" if model.own_key else service.encryption
    values |= {
        "BuildImage": service.image,
        "BuildCompute": service.compute,
        "RunTimeoutMinutes": str(service.run_timeout_minutes),
        "ApprovalTimeoutMinutes": str(service.approval.timeout_minutes),
        "LogDays": str(service.log_days),
    }
    if service.execution_role == "given":
        values["ExecutionRoleArn"] = place.role
    if service.network:
        values["VpcId"] = service.network.vpc
        values["Subnets"] = ",".join(service.network.subnets)
        values["SecurityGroups"] = ",".join(service.network.security_groups)
    return values


def _nth_id(name: str, number: int) -> str:
    """Return the name in the template of one of several rules on the same event; the first has the plain one."""
    return name if number == 1 else f"Also{number}{name}"


def _rule_name(name: str, number: int = 1) -> str:
    """Return what a rule is called, or one of several on the same event."""
    return plain_name(name if number == 1 else f"{name}-also{number}", RULE_NAME)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from pipeline_builder.views.compiled import Compiled

    # Autoescape is for HTML; here every value from outside goes through `text` or `sub`, which quote it for YAML.
    jinja = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=Compiled("rendering"),
    )
    jinja.filters |= {
        "text": text,
        "sub": substituted,
        "literal": literal,
        "comment": comment,
        "mail_id": lambda email: logical_id("Mail", f"-{email}"),
        "schedule_id": lambda name: logical_id("Schedule", name),
        "nth_id": _nth_id,
        "rule_name": _rule_name,
        "role_id": lambda role: role.id or role.name.capitalize(),
        "call_id": role_id,
        "queue_id": lambda queue, service: logical_id("Answers", queue.name.removeprefix(f"{service}-")),
        "lines": lambda text: text.rstrip("\n"),  # of a macro: the line that calls it has an end of its own
    }
    jinja.globals |= {
        "arrival_input": arrival_input,
        "arrivals_text": arrivals_text,
        "asking_input": asking_input,
        "batch_text": batch_text,
        "call_code": call_code,
        "chat_message": chat_message,
        "codecommit_input": codecommit_input,
        "environment": environment,
        "job_roles": job_roles,
        "proxies": lambda model: proxies(model.service.environment),
        "look_code": look_code,
        "look_input": look_input,
        "pushed_by_rule": pushed,
        "start_input": start_input,
        "wait_definition_text": wait_definition_text,
    }
    return jinja
