"""What a rehearsal reads out of the rendered template: the pipeline, its projects, rules on events, state machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.service.cloudformation.evaluation.document import Resource, Template
from pipeline_builder.service.cloudformation.evaluation.physical import Home, made_values

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PIPELINE, PROJECT, RULE = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project", "AWS::Events::Rule"
MACHINE, ROLE = "AWS::StepFunctions::StateMachine", "AWS::IAM::Role"


class _Part(BaseModel):
    """A part of a resource, in CloudFormation's spelling; what a rehearsal doesn't look at may stand there too."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal)


Part = TypeVar("Part", bound=_Part)


def _pairs(key: str, value: str) -> BeforeValidator:
    """A list of small mappings, as CloudFormation has them, read as one mapping."""

    def read(found: Any) -> Any:
        if not isinstance(found, list) or not all(isinstance(item, dict) and key in item for item in found):
            return found
        return {item[key]: item.get(value, "") for item in found}

    return BeforeValidator(read)


def _names(found: Any) -> Any:
    if not isinstance(found, list):
        return found
    return [item.get("Name") if isinstance(item, dict) else item for item in found]


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Text = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else json.dumps(value))]


class TypeId(_Part):
    """What kind of action or rule it is."""

    category: str
    provider: str


class Rule(_Part):
    """A check of a condition."""

    name: str
    rule_type_id: TypeId
    configuration: dict[str, Text] = {}


class Condition(_Part):
    """All rules must pass; `result` is what happens where one doesn't."""

    result: str = ""
    rules: tuple[Rule, ...] = ()


class Conditions(_Part):
    """The conditions of one moment of a stage."""

    conditions: tuple[Condition, ...] = ()


class Action(_Part):
    """An action of a stage; `inputs` and `outputs` are names of artifacts."""

    name: str
    action_type_id: TypeId
    configuration: dict[str, Text] = {}
    inputs: Names = Field((), alias="InputArtifacts")
    outputs: Names = Field((), alias="OutputArtifacts")
    namespace: str = ""
    run_order: int = 1
    timeout_in_minutes: int | None = None

    @property
    def kind(self) -> str:
        return f"{self.action_type_id.category}/{self.action_type_id.provider}"


class Stage(_Part):
    """A stage; its actions in the order in which they run."""

    name: str
    actions: tuple[Action, ...]
    before_entry: Conditions = Conditions()
    on_success: Conditions = Conditions()

    @property
    def ordered(self) -> tuple[Action, ...]:
        return tuple(sorted(self.actions, key=lambda action: action.run_order))


class Pipeline(_Part):
    """The pipeline; `variables` with their defaults."""

    name: str
    stages: tuple[Stage, ...]
    variables: Annotated[dict[str, str], _pairs("Name", "DefaultValue")] = {}


class ProjectVariable(_Part):
    """An environment variable of a project; `type` says where its value is."""

    name: str
    value: Text
    type: str = "PLAINTEXT"


class ProjectEnvironment(_Part):
    """The machine of a project's builds."""

    image: str = ""
    environment_variables: tuple[ProjectVariable, ...] = ()


class ProjectSource(_Part):
    """Where a project's builds get their source, and their buildspec: its text, or its path in the source."""

    type: str
    build_spec: Text = ""


class ProjectCache(_Part):
    """Whether cache paths are kept."""

    type: str = "NO_CACHE"


class Project(_Part):
    """A build project."""

    name: str
    source: ProjectSource
    environment: ProjectEnvironment = ProjectEnvironment()
    timeout_in_minutes: float = 60
    cache: ProjectCache = ProjectCache()


class EventTarget(_Part):
    """What a rule starts."""

    arn: str
    input: str = ""
    input_transformer: dict[str, Any] | None = None


class EventRule(_Part):
    """A rule on events; it starts its targets where the pattern fits."""

    name: str = ""
    state: str = "ENABLED"
    event_pattern: dict[str, Any] = {}
    targets: tuple[EventTarget, ...] = ()


class StateMachine(_Part):
    """A state machine; `policies` are the documents of its role where that is in the template."""

    name: str = Field(alias="StateMachineName")
    role_arn: str
    definition: dict[str, Any] = {}
    definition_string: Text = ""
    definition_substitutions: dict[str, Text] = {}
    policies: tuple[dict[str, Any], ...] = ()

    @property
    def played(self) -> dict[str, Any]:
        """The definition with its substitutions."""
        text = self.definition_string or json.dumps(self.definition)
        for name, value in self.definition_substitutions.items():
            text = text.replace(f"${{{name}}}", json.dumps(value)[1:-1])
        found: dict[str, Any] = json.loads(text)
        return found


class Role(_Part):
    """A role with its own policies; those of others that it has are left out."""

    role_name: str = ""
    policies: Annotated[dict[str, dict[str, Any]], _pairs("PolicyName", "PolicyDocument")] = {}


class Service(BaseModel):
    """All of the template that is played; `projects` by name, `machines` by ARN."""

    model_config = ConfigDict(frozen=True)

    pipeline: Pipeline
    projects: dict[str, Project]
    rules: tuple[EventRule, ...]
    machines: dict[str, StateMachine] = {}


def read_service(template: Template, home: Home, wanted: str = "") -> Service:
    """Return what is played of a resolved template: the pipeline of the name that is wanted, or else its main one.

    Raises:
        InputProblems: PB651, everything that isn't as CloudFormation has it; or no such pipeline.
    """
    problems: list[Problem] = []
    pipelines = _wanted(template, _read(template, PIPELINE, Pipeline, problems), wanted)
    projects = _read(template, PROJECT, Project, problems)
    rules = _read(template, RULE, EventRule, problems)
    machines = _machines(template, home, problems)
    if len(pipelines) != 1 and not problems:
        what = f"no pipeline '{wanted}'" if wanted else f"{len(pipelines)} pipelines, expected one"
        message = f"the template has {what}"
        problems.append(Problem(id="PB651", message=message, place=Place(template.label), hint="render it anew"))
    if problems:
        raise InputProblems(*problems)
    return Service(
        pipeline=pipelines[0],
        projects={project.name: project for project in projects},
        rules=tuple(rules),
        machines=machines,
    )


def _wanted(template: Template, pipelines: list[Pipeline], wanted: str) -> list[Pipeline]:
    if wanted:
        return [pipeline for pipeline in pipelines if pipeline.name == wanted]
    # Of several the main one has the plain name in the template.
    main = [found.properties.get("Name") for found in template.of_type(PIPELINE) if found.id == "Pipeline"]
    return [one for one in pipelines if one.name in main] if len(pipelines) > 1 else pipelines


def _machines(template: Template, home: Home, problems: list[Problem]) -> dict[str, StateMachine]:
    """Return the state machines by the ARNs that rules have for them, each with the policies of its role."""
    roles = {role.role_name: role for role in _read(template, ROLE, Role, problems)}
    found = {}
    for machine in _read(template, MACHINE, StateMachine, problems):
        role = roles.get(machine.role_arn.rsplit("/", 1)[-1])
        arn = made_values(MACHINE, "", {"StateMachineName": machine.name}, home)["Arn"]
        found[arn] = machine.model_copy(update={"policies": tuple(role.policies.values()) if role else ()})
    return found


def _read(template: Template, kind: str, model: type[Part], problems: list[Problem]) -> list[Part]:
    def read(resource: Resource) -> Part | None:
        try:
            return model.model_validate(resource.properties)
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems.extend(_unreadable(template, resource, detail) for detail in details)
            return None

    return [found for resource in template.of_type(kind) if (found := read(resource))]


def _unreadable(template: Template, resource: Resource, detail: ErrorDetails) -> Problem:
    where = ".".join(str(part) for part in detail["loc"])
    message = f"the resource '{resource.id}' ({resource.type}) can't be played: '{where}': {detail['msg'].lower()}"
    return Problem(id="PB651", message=message, place=template.place((*resource.path, *detail["loc"])))
