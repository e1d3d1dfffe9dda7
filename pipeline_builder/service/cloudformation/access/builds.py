"""Access of the CodeBuild projects: what each stage of the service calls, by the code that it runs."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline_builder.service.cloudformation.access import calls, gathering, scoring
from pipeline_builder.service.cloudformation.access.facts import Facts
from pipeline_builder.service.cloudformation.access.fetching import fetch
from pipeline_builder.service.cloudformation.access.looks import NOTES, note_asked
from pipeline_builder.service.cloudformation.access.projects import (
    CLONE,
    artifacts,
    clone_source,
    image_use,
    logs,
    network_use,
    project_use,
    start,
    take_source,
)
from pipeline_builder.service.cloudformation.access.resources import connection_use, key_use, objects
from pipeline_builder.service.cloudformation.access.statements import BUCKET, OURS, Role, Statement
from pipeline_builder.service.cloudformation.access.surroundings import variables_use
from pipeline_builder.service.cloudformation.access.waiting import start_wait


def build_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the roles of the stages, of the worker, and of the projects that webhooks start."""
    if facts.kind == "inference":
        return (_build(facts), _score(facts), _publish(facts))
    stages = (_build(facts), _train(facts), _promote(facts), _worker(facts))
    return (*stages, _webhook(facts)) if facts.has_webhooks else stages


def _build(facts: Facts) -> Role:
    statements = (
        *project_use(facts, "build"),
        *artifacts(facts),
        *calls.object_key(facts),
        *clone_source(facts),
        calls.ask_pipeline(facts, "GetPipelineExecution"),
        *fetch(facts.fetched),
        *calls.read_pipeline(facts),
        calls.write_pipeline(facts),
        calls.read_executions(facts),
        *calls.write_groups(facts),
        *calls.look_at_packages(facts),
        calls.write_code(facts),
        calls.read_code(facts),
        *calls.list_data(facts),
        *calls.look_before(facts),
        calls.pass_role(facts),
        *((note_asked(facts),) if facts.has_looks else ()),
        *(scoring.find_packages(facts) if facts.kind == "inference" else ()),
        *(calls.read_digests(facts) if facts.kind == "inference" else ()),
        *gathering.look_at_landing(facts),
    )
    return _role("build", statements, "Build: checks out, composes, plans and applies the SageMaker pipeline")


def _train(facts: Facts) -> Role:
    statements = (
        *_run(facts, "train"),
        *calls.use_packages(facts, "DescribeModelPackage", *(("UpdateModelPackage",) * facts.definition.approves)),
        *calls.list_data(facts),
        *_retraining(facts),
        calls.use_records(facts, "PutObject"),
    )
    return _role("train", statements, "Train: runs the SageMaker pipeline and judges the run")


def _run(facts: Facts, stage: str) -> tuple[Statement, ...]:
    """Return what running the SageMaker pipeline takes, and reading what has come of it."""
    # A retried Judge is told from the first one by what has run before.
    asks = ("GetPipelineExecution", *(("ListActionExecutions",) * facts.waits_without_build))
    return (
        *project_use(facts, stage),
        *artifacts(facts),
        *calls.object_key(facts),
        calls.ask_pipeline(facts, *asks),
        *start_wait(facts),
        *calls.read_pipeline(facts),
        *calls.run_pipeline(facts),
        calls.read_executions(facts),
        *calls.read_evidence(facts),
        calls.use_evidence(facts),
        *calls.read_digests(facts),
    )


def _look_again(facts: Facts, stage: str) -> tuple[Statement, ...]:
    """Return what reading takes what the stage before has judged."""
    return (
        *project_use(facts, stage),
        *artifacts(facts),
        *calls.object_key(facts),
        calls.data_names(facts),
        calls.read_executions(facts),
        *calls.read_evidence(facts),
        calls.use_evidence(facts),
        *calls.read_digests(facts),
    )


def _retraining(facts: Facts) -> tuple[Statement, ...]:
    return scoring.note_retraining(facts, (facts.definition,)) if facts.retrains else ()


def _score(facts: Facts) -> Role:
    statements = (
        *_run(facts, "score"),
        *scoring.find_packages(facts),
        *scoring.read_inputs(facts),
        *scoring.ask_retraining(facts),
        scoring.use_days(facts),
        *scoring.read_pointers(facts),
        *calls.list_data(facts),
        calls.use_records(facts, "PutObject"),
    )
    return _role("score", statements, "Score: runs the SageMaker pipeline and judges what it has predicted")


def _publish(facts: Facts) -> Role:
    """Return the role of what puts predictions in place: it reads what was judged, and approves no model."""
    statements = (
        *_look_again(facts, "publish"),
        *scoring.read_packages(facts),
        *scoring.read_proof(facts),
        scoring.use_days(facts),
        *scoring.publish(facts),
        scoring.tell_published(),
        *calls.list_data(facts),
        calls.use_records(facts, "PutObject"),
        calls.ask_pipeline(facts, "GetPipelineExecution"),
    )
    return _role("publish", statements, "Publish: puts predictions in place that were judged")


def _promote(facts: Facts) -> Role:
    statements = (
        *_look_again(facts, "promote"),
        *calls.use_packages(facts, "DescribeModelPackage", "UpdateModelPackage"),
        *calls.list_data(facts),
        calls.use_records(facts, "PutObject"),
        *_retraining(facts),
        calls.ask_pipeline(facts, "GetPipelineExecution", "ListActionExecutions"),
    )
    return _role("promote", statements, "Promote: approves the model packages of a run")


def _worker(facts: Facts) -> Role:
    names = (calls.object_names(BUCKET, "ArtifactNames"),) if facts.bucket else ()
    statements = (
        *project_use(facts, "worker"),
        *take_source(facts),
        *key_use(facts, "s3"),
        *calls.object_key(facts),
        *(_look(facts) if facts.has_polls else ()),
        *names,
        calls.data_names(facts),
        calls.read_executions(facts),
        *calls.read_evidence(facts),
        calls.use_evidence(facts),
        *calls.use_packages(facts, "DescribeModelPackage", "UpdateModelPackage"),
        calls.use_records(facts, "GetObject", "PutObject"),
        calls.ask_pipeline(facts, "GetPipelineExecution", "ListActionExecutions"),
    )
    return _role("worker", statements, "Worker: looks for new commits, and writes rejections to the model packages")


def _look(facts: Facts) -> tuple[Statement, ...]:
    """Return what looking at repositories takes whose pushes nobody announces."""
    heads = Statement(
        sid="Heads",
        actions=("s3:GetObject", "s3:PutObject"),
        resources=objects(BUCKET, f"{facts.prefix}{NOTES}*"),
        why="which commits the last look has seen",
    )
    return (*fetch(facts.polled), heads, start(*pushed(facts)))


def pushed(facts: Facts) -> tuple[str, ...]:
    """Return the CodePipelines that a push starts."""
    return tuple(one.service.name for one in (facts, *facts.further) if one.kind == "training")


def _webhook(facts: Facts) -> Role:
    name = facts.service.name
    statements = (
        logs(f"{name}-on-*"),
        start(*pushed(facts)),
        *connection_use("Connections", facts.webhooks, CLONE),
        *image_use(facts),
        *variables_use(facts),
        *network_use(facts),
    )
    return _role(
        "webhook", statements, "Small builds that a push to a model repository starts: they start the pipeline"
    )


def _role(name: str, statements: Iterable[Statement], description: str) -> Role:
    return Role(
        name=name,
        trust="codebuild.amazonaws.com",
        trust_conditions=OURS,
        statements=tuple(statements),
        description=description,
    )
