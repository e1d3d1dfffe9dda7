"""Services on AWS as tests have them: a manifest's text with the tiny pipeline behind it, rendered."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from pipeline_builder.definition.made import Made, MadeFunction, MadeQueue
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.manifest import Manifest, build_manifest
from pipeline_builder.service.cloudformation.access.fetched import fetched
from pipeline_builder.service.cloudformation.access.people import people
from pipeline_builder.service.cloudformation.access.roles import (
    DefinitionFacts,
    Facts,
    build_access,
    definition_facts,
    further_access,
)
from pipeline_builder.service.cloudformation.access.scoring import with_models
from pipeline_builder.service.cloudformation.access.touched import place_of_address
from pipeline_builder.service.cloudformation.description.model import (
    Place,
    ServiceModel,
    build_further,
    build_model,
)
from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from pipeline_builder.service.further import with_pairs
from tests.places import GOLDEN

ACCOUNT, REGION = "123456789012", "eu-central-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/01234567-89ab-cdef-0123-456789abcdef"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"
_DEFINITION = GOLDEN / "tiny.json"
SERVICE: Mapping[str, Any] = {
    "name": "model-service",
    "source": {"kind": "connection", "repository": "acme/models"},
    "connection": CONNECTION,
}
# One repository of each kind.
REPOS: tuple[Mapping[str, Any], ...] = (
    {"url": "https://github.com/acme/churn.git", "trigger": "connection", "groups": ["nightly"]},
    {
        "url": "https://gitlab.com/acme/ltv.git",
        "trigger": {"kind": "webhook", "include": ["models/**", "*.py"], "exclude": "docs/**"},
    },
    {"url": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/fraud", "trigger": "codecommit"},
    {"url": "https://git.example.com/acme/price.v2.git", "credentials": "secretsmanager:git/token#key"},
    {"url": "ssh://git@git.example.com/acme/quiet.git", "trigger": "none"},
)
MADE = Made(
    functions=(
        MadeFunction(
            name="model-service-fn-churn-lambda-5250a762",
            arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:model-service-fn-churn-lambda-5250a762",
            repository="churn",
            runtime="python3.12",
            memory=256,
            timeout=60,
            grants=((("dynamodb:PutItem",), (f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/seen",)),),
        ),
    ),
    queues=(
        MadeQueue(
            name="model-service-cb-churn-callback-ac37a6e6",
            url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/model-service-cb-churn-callback-ac37a6e6",
            repository="churn",
        ),
    ),
)
_DATE = {"Get": "Parameters.LogicalDate"}
SCORING: Mapping[str, Any] = {
    "Parameters": [{"Name": "LogicalDate", "Type": "String"}, {"Name": "ModelPackage-churn", "Type": "String"}],
    "Steps": [
        {
            "Name": "churn-CreateModel",
            "Type": "Model",
            "Arguments": {"PrimaryContainer": {"ModelPackageName": {"Get": "Parameters.ModelPackage-churn"}}},
        },
        {
            "Name": "churn-Score",
            "Type": "Transform",
            "Arguments": {
                "TransformInput": {"S3Uri": {"Std:Join": {"On": "", "Values": ["s3://exports/daily/dt=", _DATE, "/"]}}},
                "TransformOutput": {"S3OutputPath": "s3://exports/scored/"},
            },
        },
    ],
}
SCHEDULES: tuple[Mapping[str, Any], ...] = (
    {"name": "nightly", "cron": "0 2 * * ? *", "timezone": "Europe/Berlin", "groups": ["nightly"]},
    {"name": "weekly", "rate": "7 days", "cache": True, "enabled": False},
)


def parse_manifest(data: Mapping[str, Any]) -> Manifest:
    """Return the manifest that the data says: its JSON is YAML too, but for characters that YAML has no place for."""
    text = json.dumps({"version": 1, **data}, indent=1, ensure_ascii=False)
    text = "".join(char if char.isprintable() or char == "\n" else f"\\U{ord(char):08x}" for char in text)
    return build_manifest(parse_yaml(Source("model_repos.yaml", text), "PB100"))


def read_service(
    repos: tuple[Mapping[str, Any], ...] = REPOS,
    schedules: tuple[Mapping[str, Any], ...] = SCHEDULES,
    place: Mapping[str, str] | None = None,
    made: Made | None = None,
    policy: Mapping[str, Any] | None = None,
    *,
    pipelines: tuple[Mapping[str, Any], ...] = (),
    **service: Any,
) -> tuple[ServiceModel, tuple[Problem, ...]]:
    """Return the model of a service with roles for the tiny pipeline, and its problems.

    Of `pipelines` those that use models score what the tiny pipeline registers.
    """
    written: dict[str, Any] = {"policy": policy} if policy else {}
    written |= {"pipelines": pipelines} if pipelines else {}
    manifest = parse_manifest({"repos": repos, "schedules": schedules, "service": {**SERVICE, **service}, **written})
    values = {
        "account": ACCOUNT,
        "region": REGION,
        "pipeline": "tiny",
        "bucket": f"{manifest.service.name}-{ACCOUNT}-{REGION}",
        "role": f"arn:aws:iam::{ACCOUNT}:role/sagemaker",
        "manifest": "model_repos.yaml",
        "kms_key": "",
        "subnets": "",
        "security_groups": "",
        **(place or {}),
    }
    model, problems = build_model(manifest, Place(**values))
    made = made or Made()
    subnets, groups = (tuple(filter(None, values[key].split(","))) for key in ("subnets", "security_groups"))
    facts = replace(
        _facts(model, manifest),
        functions=made.functions,
        has_queues=bool(made.queues),
        subnets=subnets,
        security_groups=groups,
    )
    model, facts = with_pairs(model, facts, _further(model, facts, manifest))
    model = replace(model, roles=build_access(facts), people=tuple(people(facts).values()), made=made)
    further = tuple(
        replace(one, roles=further_access(its)) for one, its in zip(model.further, facts.further, strict=True)
    )
    return replace(model, further=further), problems


def _further(model: ServiceModel, facts: Facts, manifest: Manifest) -> Iterator[tuple[ServiceModel, Facts]]:
    repositories = tuple(repo.name for repo in manifest.repos)
    for entry in manifest.pipelines[1:]:
        narrowed = manifest.narrowed(entry.name)
        its = replace(
            facts,
            service=model.service.model_copy(update={"name": narrowed.service_name}),
            kind=entry.kind,
            handle=entry.name,
            owner=model.name,
            landing=entry.trigger.data,
            artifacts=model.artifact_bucket,
            functions=(),
            has_queues=False,
        )
        if entry.is_inference:
            scoring = definition_facts(
                "Scoring",
                json.dumps(SCORING).encode(),
                bucket=model.place.bucket,
                prefix=model.place.prefix,
                data=("s3://exports/daily/dt=${Parameters.LogicalDate}/",),
                repositories={step["Name"]: repositories[0] for step in SCORING["Steps"]},
            )
            used = {repositories[0]: facts.definition.groups}
            its = replace(
                its,
                definition=with_models(scoring, used, [facts.definition]),
                used=facts.definition.groups,
                trained=(facts.definition,),
                published=(place_of_address("s3://predictions/churn/"), place_of_address("s3://predictions/${date}")),
            )
        place = replace(model.place, pipeline=its.definition.pipeline)
        yield build_further(model, narrowed, place, its.used), its


def _facts(model: ServiceModel, manifest: Manifest) -> Facts:
    triggers = model.triggers
    return Facts(
        service=model.service,
        artifacts=model.artifact_bucket,
        landing=manifest.main.trigger.data,
        definition=_tiny_facts(model.place.bucket, model.place.prefix, tuple(repo.name for repo in manifest.repos)),
        fetched=fetched(manifest.repos),
        polled=fetched(repo for repo in manifest.repos if repo.trigger.kind == "poll"),
        connections=tuple(trigger.connection for trigger in triggers.connections),
        webhooks=tuple(trigger.connection for trigger in triggers.webhooks),
        has_webhooks=bool(triggers.webhooks),
        has_events=bool(triggers.events) or model.source.kind != "connection",
        has_polls=bool(triggers.polled),
        has_looks=triggers.looks,
        has_schedules=bool(model.schedules),
        clones=model.source.clone,
        role=model.place.role,
    )


@functools.lru_cache(maxsize=100)
def _tiny_facts(bucket: str, prefix: str, repositories: tuple[str, ...]) -> DefinitionFacts:
    """Return the facts of the tiny pipeline; its steps are those of one repository after the other."""
    steps = ("Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register")
    owners = {f"churn-{step}": repositories[index % len(repositories)] for index, step in enumerate(steps)}
    return definition_facts("tiny", _DEFINITION.read_bytes(), bucket=bucket, prefix=prefix, repositories=owners)


def render(*repos: Mapping[str, Any], **service: Any) -> Mapping[str, str]:
    """Return the rendered files of a service without problems."""
    model, problems = read_service(repos or REPOS, **service)
    assert [str(problem) for problem in problems if not problem.warning] == []
    return render_templates(model)


class _Loader(yaml.CSafeLoader):
    """Reads the short forms of intrinsic functions as their long ones."""


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    else:
        value = loader.construct_sequence(node, deep=True)  # type: ignore[arg-type] # ours have no mappings
        if name == "Join" and all(isinstance(part, str) for part in value[1]):
            return value[0].join(value[1])  # a text that looks like a placeholder
    if name == "Ref":
        return {name: value}
    return {f"Fn::{name}": value.split(".") if name == "GetAtt" else value}


_Loader.add_multi_constructor("!", _long_form)


def read_template(text: str) -> dict[str, Any]:
    """Return a rendered template as plain data, intrinsic functions in their long form."""
    found: dict[str, Any] = yaml.load(text, Loader=_Loader)
    return found


def substituted(value: Any) -> Any:
    """Return what Fn::Sub leaves of a value: placeholders are `<Name>`, literal ones are themselves."""
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        text = re.sub(r"\$\{(?!!)([^}]*)\}", r"<\1>", value["Fn::Sub"])
        return text.replace("${!", "${")
    return value
