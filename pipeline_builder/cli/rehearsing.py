"""The command that plays the service on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_builder.cli.asking import ask as ask_words
from pipeline_builder.cli.group import main
from pipeline_builder.cli.options import FILE, REQUIRE_ISOLATION, Number, common, isolation_option
from pipeline_builder.cli.output import say, show, terminal
from pipeline_builder.errors import ExitCode, InputProblems, render_problem
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.people import login_name

if TYPE_CHECKING:
    from pipeline_builder.service.rehearsal.rehearse import Rehearsing
    from pipeline_builder.service.rehearsal.tools import Answer, Ask, Question
    from pipeline_builder.session import Session

_LAST = "last"
_FOLDER = "rehearsals"
_MADE_UP = {"SMP_ACCOUNTID": "111122223333", "SMP_REGION": "us-east-1"}


def _pairs(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a mapping; with --env, a name alone has the value that it has here."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not (equals or (option.name == "given" and name in os.environ)):
            unset = "" if equals else f", and '{name}' is not set here"
            raise click.BadParameter(f"'{text}' is no NAME=VALUE{unset}")
        found[name] = value if equals else os.environ[name]
    return found


@main.command()
@common
@isolation_option
@click.option("--rendered", type=FILE, metavar="DIR", help="Folder of 'render --out'; default: renders it anew.")
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", callback=_pairs,
              help="Variable of the pipeline, such as REPOSITORY; may be repeated.")  # fmt: skip
@click.option("--env", "given", multiple=True, metavar="NAME[=VALUE]", callback=_pairs,
              help="Environment variable for every build; may be repeated.")  # fmt: skip
@click.option("--unchecked", is_flag=True, help="Play templates also where they break rules of the service.")
@click.option("--approve", "answer", flag_value="approve", help="Approve where the pipeline asks.")
@click.option("--reject", "answer", flag_value="reject", help="Reject where the pipeline asks.")
@click.option("--comment", default="", help="Why, for the record.")
@click.option("--resume", is_flag=False, flag_value=_LAST, metavar="[ID]", help="Go on with the last rehearsal, or ID.")
@click.option("--all-actions", is_flag=True, help="With --resume: all actions of the stage that failed run again.")
@click.option("--pace", type=Number(1, 1_000_000), default=1, show_default=True, metavar="N",
              help="Let the pauses of the state machine that waits pass N times as fast.")  # fmt: skip
def rehearse(
    session: Session,
    *,
    as_json: bool,
    rendered: Path | None,
    variables: Mapping[str, str],
    given: Mapping[str, str],
    unchecked: bool,
    answer: str | None,
    comment: str,
    resume: str | None,
    all_actions: bool,
    pace: float,
) -> None:
    """Play the service on this machine: its pipeline, its builds, its approval, without an account.

    Takes the rendered templates and what is committed of this repository. Every build gets a clean folder and runs
    buildspec.yml as CodeBuild does; models are trained and registered by the local target, in a state of its own.
    Of this shell's environment builds get PATH, HOME, the user's name, letters and time zone, proxies, certificates
    and the settings of pip and uv, and no keys: what else they need is named with --env. Without a terminal and an
    answer it stops at an approval, and --resume goes on; so it does after a failure or an interruption. Where a state
    machine waits for the run, it is played too, by an interpreter that is brought the first time. Of several
    pipelines --pipeline names the one that is played, without it the main one.

    \b
    Example: pipeline-builder rehearse --variable REPOSITORY=churn --approve --comment "a rehearsal"
    """
    from dataclasses import replace

    from pipeline_builder.service.rehearsal import rehearse as playing
    from pipeline_builder.service.rehearsal.summary import rehearsal_problems, render_rehearsal

    if all_actions and resume is None:
        raise click.UsageError("--all-actions says what --resume plays again")
    at = replace(_rehearsing(session, given, make_ask(answer, comment)), unchecked=unchecked, pace=pace)
    try:
        if resume is not None:
            folder, record = playing.resume(at, "" if resume == _LAST else resume, whole=all_actions)
        else:
            pipeline = session.manifest.service_name if session.manifest.narrowed_to else ""
            folder, record = playing.begin(at, rendered or _render(session), variables, pipeline)
    except KeyboardInterrupt:
        # Not what other commands say: the same command would begin another one.
        say("interrupted; 'pipeline-builder rehearse --resume' goes on")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    result = {**json.loads(record.model_dump_json()), "folder": str(folder)}
    show(result, as_json=as_json, text=render_rehearsal(record, folder))
    problems = rehearsal_problems(record)
    for problem in problems:
        say(render_problem(problem))
    if problems:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _rehearsing(session: Session, given: Mapping[str, str], ask: Ask) -> Rehearsing:
    from pipeline_builder.service.rehearsal.rehearse import Rehearsing

    workspace = session.workspace
    account, region = place_of(workspace.values)
    if workspace.require_isolation:  # it is the builds that run jobs
        given = {**given, REQUIRE_ISOLATION: "1"}
    return Rehearsing(
        shared=workspace.state / _FOLDER,
        manifest=workspace.manifest_path,
        account=account,
        region=region,
        environment=workspace.environment,
        given=given,
        say=say,
        warn=session.warn,
        ask=ask,
    )


def place_of(values: Mapping[str, str]) -> tuple[str, str]:
    """Return account and Region of the service, made up where nobody has set them: a rehearsal needs no account."""
    from pipeline_builder.documents.values import LOCAL_DEFAULTS

    found = {name: values.get(name, "").strip() for name in _MADE_UP}
    given = {name: value for name, value in found.items() if value and value != LOCAL_DEFAULTS[name]}
    place = {**_MADE_UP, **given}
    return place["SMP_ACCOUNTID"], place["SMP_REGION"]


def _render(session: Session) -> Path:
    """Render the service as it is now, into the build folder; where something isn't checked out, that comes first."""
    from dataclasses import replace

    from pipeline_builder.service.rehearsal.sources import with_source
    from pipeline_builder.service.render import render, write_rendered
    from pipeline_builder.session import Session

    account, region = place_of(session.workspace.values)
    values = {**session.workspace.values, "SMP_ACCOUNTID": account, "SMP_REGION": region}
    manifest = with_source(session.manifest, session.workspace.root.name)
    rendering = Session(replace(session.workspace, values=values), say=say, warn=session.warn, manifest=manifest)
    if manifest != session.manifest:
        say("the manifest doesn't say where AWS finds this repository: something is made up for the rehearsal")
    if not _is_locked(rendering):
        rendering.checkout(locked=False)
    folder = session.workspace.shared / "rehearsal"
    write_rendered(render(rendering, now=datetime.now(timezone.utc), checked=False), folder)
    return folder


def _is_locked(session: Session) -> bool:
    try:
        return bool(session.lock)
    except InputProblems:
        return False


def make_ask(answer: str | None, comment: str) -> Ask:
    """Return who answers an approval: the option, a person at the terminal, or nobody."""
    from pipeline_builder.service.rehearsal.tools import Answer

    def ask(question: Question) -> Answer | None:
        by = os.environ.get("SMP_APPROVER") or login_name()
        if answer:
            return Answer(approved=answer == "approve", by=by, comment=comment)
        if not terminal():
            return None
        say(f"\n{inert_line(f'{question.action}: {question.text}')}")
        if question.link:
            say(inert_line(question.link))
        asked = ask_words("Approve?", {"yes": "", "no": "", "later": ""})
        if asked == "later":
            return None
        why = comment or click.prompt("Comment", default="", show_default=False, err=True)
        return Answer(approved=asked == "yes", by=by, comment=why)

    return ask
