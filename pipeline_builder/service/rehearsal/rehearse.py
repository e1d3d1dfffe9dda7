"""A rehearsal from its beginning, or from where an interrupted one stopped, to its end."""

from __future__ import annotations

import fcntl
import json
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipeline_builder.checkout.git import Git
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.service.cloudformation.evaluation.buildspec import BUILDSPEC as PROBLEM
from pipeline_builder.service.cloudformation.evaluation.buildspec import read_buildspec
from pipeline_builder.service.cloudformation.evaluation.document import Template, load_template
from pipeline_builder.service.cloudformation.evaluation.evaluation import resolve_template
from pipeline_builder.service.cloudformation.evaluation.physical import Home
from pipeline_builder.service.cloudformation.rendering.rendering import PARAMETERS, SERVICE, STORAGE
from pipeline_builder.service.rehearsal.beside import Beside, play_beside
from pipeline_builder.service.rehearsal.codepipeline import again, check_pipeline, play
from pipeline_builder.service.rehearsal.environment import inherit, without_account
from pipeline_builder.service.rehearsal.record import Book, Rehearsal, find_rehearsal, load_rehearsal, plan_stages
from pipeline_builder.service.rehearsal.sources import Source, describe_source, find_source
from pipeline_builder.service.rehearsal.template import Pipeline, Service, read_service
from pipeline_builder.service.rehearsal.tools import Ask, Tools
from pipeline_builder.service.rehearsal.variables import MOST_CHARACTERS
from pipeline_builder.service.rehearsal.waiting.interpreting import Interpreter
from pipeline_builder.stacks.stacks import STORAGE_OUTPUTS

BUILDSPEC = "buildspec.yml"
RENDERED, TARGET_STATE, LOCK = "rendered", "target", "rehearsal.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsing:
    """Where and with what rehearsals are played: `shared` is the folder of all of them, `environment` the process's.

    `given` are environment variables for every build, above all others. `unchecked` plays templates that break rules.
    Pauses of state machines pass `pace` times as fast as the world; without an `interpreter` of theirs one is brought.
    """

    shared: Path
    manifest: Path
    account: str
    region: str
    environment: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None]
    warn: Callable[[Problem], None]
    ask: Ask
    unchecked: bool = False
    pace: float = 1.0
    interpreter: Interpreter | None = None


def _check(rendered: Path, repository: Path, at: Rehearsing) -> None:
    """Look at the templates with the rules of the service before anything is played."""
    from pipeline_builder.service.cloudformation.checks import check_service

    found = (folder / BUILDSPEC for folder in (rendered, repository))
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        return  # a build that has none of its own will say so
    buildspec = read_buildspec(load_yaml(path, str(path), PROBLEM))
    templates = {name: _load(rendered, name) for name in (STORAGE, SERVICE)}
    problems = check_service(templates, buildspec, _parameters(rendered))
    if any(not problem.warning for problem in problems):
        raise InputProblems(*problems)
    for problem in problems:
        at.warn(problem)


def begin(at: Rehearsing, rendered: Path, variables: Mapping[str, str], pipeline: str = "") -> tuple[Path, Rehearsal]:
    """Play the templates of a folder from the first stage on; return the rehearsal's folder and its record.

    `pipeline` is the name of one of several, without it the main one is played.

    Raises:
        InputProblems: PB650 to PB655, PB620 to PB636 for the templates; PB661 and PB622 for a buildspec.
    """
    service = load_service(rendered, at.account, at.region, pipeline)
    check_pipeline(service)
    values = start_variables(service.pipeline, variables)
    git = Git(environment=at.environment)
    source = find_source(git, at.manifest.parent)
    if not at.unchecked:
        _check(rendered, source.repository, at)
    if source.changed:
        message = f"'{source.repository}' has changes that are not committed; the rehearsal builds {source.commit[:7]}"
        at.warn(Problem(id="PB654", message=message, hint="commit them to rehearse them", warning=True))
    execution = str(uuid.uuid4())
    folder = at.shared / execution
    with _queued(at):
        folder.mkdir(parents=True)
        shutil.copytree(rendered, folder / RENDERED, ignore=_only_templates)
        record = Rehearsal(
            id=execution,
            pipeline=service.pipeline.name,
            started=_now(),
            commit=source.commit,
            subject=source.subject,
            repository=str(source.repository),
            variables=values,
            account=at.account,
            region=at.region,
            stages=plan_stages(service.pipeline),
        )
        at.say(f"rehearsal {execution} of '{service.pipeline.name}' at {source.commit[:7]} {source.subject}".rstrip())
        return folder, _play(Book(folder, record), service, source, git, at)


def resume(at: Rehearsing, wanted: str, *, whole: bool = False) -> tuple[Path, Rehearsal]:
    """Go on with a rehearsal that failed, was interrupted or waits for an answer.

    With `whole` all actions of the stage that failed are played again, and not the failed ones alone.

    Raises:
        InputProblems: PB660 where there is no such rehearsal, PB664 where it has succeeded.
    """
    with _queued(at):
        folder = find_rehearsal(at.shared, wanted)
        record = load_rehearsal(folder)
        if record.status == "Succeeded":
            message = f"the rehearsal {record.id} has succeeded, there is nothing left of it to play"
            raise InputProblems(Problem(id="PB664", message=message, hint="begin another one"))
        service = load_service(folder / RENDERED, record.account, record.region, record.pipeline)
        git = Git(environment=at.environment)
        source = describe_source(git, Path(record.repository), record.commit)
        at.say(f"rehearsal {record.id} of '{record.pipeline}' goes on at {record.commit[:7]}")
        book = Book(folder, record)
        if whole:
            again(book)
        return folder, _play(book, service, source, git, at)


def _play(book: Book, service: Service, source: Source, git: Git, at: Rehearsing) -> Rehearsal:
    record = book.state
    around = Beside(
        book=book,
        service=service,
        shared=at.shared,
        say=at.say,
        warn=at.warn,
        now=_now,
        pace=at.pace,
        interpreter=at.interpreter,
    )
    with play_beside(around) as beside:
        tools = Tools(
            service=service,
            source=source,
            git=git,
            folder=book.folder,
            shared=at.shared,
            account=record.account,
            region=record.region,
            environment=inherit(at.environment),
            overrides=_overrides(at, beside.url),
            say=at.say,
            ask=at.ask,
            now=_now,
            stop=threading.Event(),
            url=beside.url,
            clock=beside.clock,
            machines=beside.machines,
            target=beside.target,
        )
        beside.machines.revive()
        return play(book, tools)


def _overrides(at: Rehearsing, url: str) -> dict[str, str]:
    """Return what a rehearsal sets above every project: the local target in place of the account.

    Roles are named as in the templates: nothing here asks for one.
    """
    return {
        **{name: value for name, value in LOCAL_DEFAULTS.items() if name != "SMP_ROLE"},
        "SMP_TARGET": "local",
        "SMP_STATE": str(at.shared / TARGET_STATE),
        "AWS_ENDPOINT_URL_CODEPIPELINE": url,
        "AWS_ENDPOINT_URL_SFN": url,
        **without_account(at.given),
        **at.given,
    }


@contextmanager
def _queued(at: Rehearsing) -> Iterator[None]:
    """Wait until no other rehearsal is played in this folder: the pipeline's mode is QUEUED."""
    at.shared.mkdir(parents=True, exist_ok=True)
    with (at.shared / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            at.say("queued: another rehearsal is being played")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start_variables(pipeline: Pipeline, given: Mapping[str, str]) -> dict[str, str]:
    """Return the pipeline's variables with what was given at the start.

    Raises:
        InputProblems: PB655 for a name that the pipeline doesn't have, or a value that CodePipeline doesn't take.
    """
    problems = []
    for name, value in given.items():
        if name not in pipeline.variables:
            message = f"the pipeline has no variable '{name}'"
            problems.append(Problem(id="PB655", message=message, hint=did_you_mean(name, pipeline.variables)))
        elif not 1 <= len(value) <= MOST_CHARACTERS:
            message = f"the variable '{name}' has {len(value)} characters, expected 1 to {MOST_CHARACTERS}"
            problems.append(Problem(id="PB655", message=message))
    if problems:
        raise InputProblems(*problems)
    return {**pipeline.variables, **given}


def load_service(folder: Path, account: str, region: str, pipeline: str = "") -> Service:
    """Read the rendered templates and return what is played of them, everything in them resolved.

    `pipeline` is the name of one of several, without it the main one is played.

    Raises:
        InputProblems: PB650 where a file isn't there, PB651, and the problems of the templates.
    """
    home = Home(account=account, region=region)
    storage = resolve_template(_load(folder, STORAGE), {}, home)
    outputs = {name: _value(storage, output) for name, output in STORAGE_OUTPUTS.items()}
    template = _load(folder, SERVICE)
    declared = template.section("Parameters")
    parameters = {name: value for name, value in outputs.items() if name in declared and value}
    return read_service(resolve_template(template, {**_parameters(folder), **parameters}, home), home, pipeline)


def _value(template: Template, output: str) -> str:
    found = template.section("Outputs").get(output)
    return str(found.get("Value", "")) if isinstance(found, dict) else ""


def _parameters(folder: Path) -> dict[str, str]:
    path = folder / PARAMETERS
    if not path.is_file():
        return {}
    try:
        listed: Any = json.loads(_text(folder, PARAMETERS))
        found = {item["ParameterKey"]: item["ParameterValue"] for item in listed}
    except (ValueError, TypeError, KeyError) as error:
        raise InputProblems(_no_parameters(path)) from error
    if not all(isinstance(text, str) for pair in found.items() for text in pair):
        raise InputProblems(_no_parameters(path))
    return found


def _no_parameters(path: Path) -> Problem:
    message = f"'{path}' is no JSON list of parameters, each with 'ParameterKey' and 'ParameterValue' as texts"
    return Problem(id="PB650", message=message, hint=f"make it with 'pipeline-builder render --out {path.parent}'")


def _load(folder: Path, name: str) -> Template:
    return load_template(_text(folder, name), str(folder / name))


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8 text"
        message = f"the rendered template '{folder / name}' can't be read: {why}"
        hint = f"make it with 'pipeline-builder render --out {folder}'"
        raise InputProblems(Problem(id="PB650", message=message, hint=hint)) from error


def _only_templates(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name not in (STORAGE, SERVICE, PARAMETERS)]


def _now() -> datetime:
    return datetime.now(timezone.utc)
