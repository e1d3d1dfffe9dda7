"""What a rehearsal reads out of the rendered template: the pipeline, the build projects and the rules on events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.target import JSON

PIPELINE, PROJECT, RULE = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project", "AWS::Events::Rule"


class _Part(BaseModel):
    """A part of a resource, in CloudFormation's spelling; what a rehearsal doesn't look at may stand there too."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal)


def _pairs(key: str, value: str) -> BeforeValidator:
    """A list of small mappings, as CloudFormation has them, read as one mapping."""

    def read(found: Any) -> Any:
        return {item[key]: item.get(value, "") for item in found} if isinstance(found, list) else found

    return BeforeValidator(read)


def _names(found: Any) -> Any:
    return [item["Name"] for item in found] if isinstance(found, list) else found


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
    execution_mode: str = "SUPERSEDED"


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
    timeout_in_minutes: int = 60
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


class Service(BaseModel):
    """All of the template that is played; `projects` by name, `arns` has a project's name by its ARN."""

    model_config = ConfigDict(frozen=True)

    pipeline: Pipeline
    projects: dict[str, Project]
    arns: dict[str, str]
    rules: tuple[EventRule, ...]


def read_service(template: JSON, *, file: str, account: str, region: str) -> Service:
    """Return what is played of a resolved template.

    Raises:
        InputProblems: PB651, everything that isn't as CloudFormation has it, or no pipeline, or more than one.
    """
    problems: list[Problem] = []
    found = {kind: _read(template, kind, model, problems, file) for kind, model in _MODELS.items()}
    pipelines = list(found[PIPELINE].values())
    if len(pipelines) != 1 and not problems:
        message = f"the template has {len(pipelines)} pipelines, expected one"
        problems.append(Problem(id="PB651", message=message, place=Place(file), hint="render it anew"))
    if problems:
        raise InputProblems(*problems)
    projects = {project.name: project for project in found[PROJECT].values()}
    arns = {f"arn:aws:codebuild:{region}:{account}:project/{name}": name for name in projects}
    return Service(pipeline=pipelines[0], projects=projects, arns=arns, rules=tuple(found[RULE].values()))


_MODELS: Mapping[str, type[_Part]] = {PIPELINE: Pipeline, PROJECT: Project, RULE: EventRule}


def _read(
    template: JSON, kind: str, model: type[_Part], problems: list[Problem], file: str
) -> dict[str, Any]:
    resources = template.get("Resources") if isinstance(template, dict) else None
    found: dict[str, Any] = {}
    for logical, resource in (resources or {}).items() if isinstance(resources, dict) else ():
        if not isinstance(resource, dict) or resource.get("Type") != kind:
            continue
        try:
            found[logical] = model.model_validate(resource.get("Properties"))
        except (ValidationError, KeyError, TypeError) as error:
            problems.append(_unreadable(logical, kind, error, file))
    return found


def _unreadable(logical: str, kind: str, error: Exception, file: str) -> Problem:
    first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": f"{error} is missing"}
    where = ".".join(str(part) for part in first["loc"])
    message = f"the resource '{logical}' ({kind}) can't be played: '{where}': {first['msg']}"
    return Problem(id="PB651", message=message, place=Place(file))
