"""The command line: the only place that reads the environment, chooses a target, prints, and ends the process."""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline_builder import __version__
from pipeline_builder.errors import ExitCode, OutsideFailure, PipelineBuilderError, Problem, RunFailed, render_problem

if TYPE_CHECKING:
    from pipeline_builder.promote import Decision
    from pipeline_builder.record import RunRecord
    from pipeline_builder.session import Session
    from pipeline_builder.target import Selection

# Whether a file can be read is said by whoever reads it, as a problem with an id.
_FILE: click.Path = click.Path(path_type=Path, readable=False)
_TARGETS = click.Choice(["local", "aws"])
# What the system refuses for reasons that are not the program's.
_OF_THIS_MACHINE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.EMFILE,
    errno.ENFILE, errno.ENAMETOOLONG, errno.ENOMEM, errno.EIO, errno.EFBIG, errno.ELOOP, errno.EEXIST,
}  # fmt: skip
Command = TypeVar("Command", bound=Callable[..., Any])


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code; expected failures are shown without a traceback."""
    _open_closed_streams()
    # A service manager's stop is a person's Ctrl-C: jobs end, the state is written, the next command goes on. So is a
    # terminal that closes, unless `nohup` has said otherwise.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        ended = main.main(args=arguments, prog_name="pipeline-builder", standalone_mode=False)
        sys.stdout.flush()  # here, where a full disk or a reader that has gone can still be told apart from a bug
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary
        code = _show_failure(error, wants_json="--json" in arguments)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_stdout()
        return code
    return ended if isinstance(ended, int) else ExitCode.OK  # an int where a command asked for an exit code


def _open_closed_streams() -> None:
    """Whoever starts a command without standard streams, as some service managers do, wants none of its words."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w" if number else "r", encoding="utf-8"))  # noqa: SIM115 - for good
    # What people wrote, a commit's subject for one, may have letters that an old locale can't print.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Send what is still to come nowhere: Python flushes at its end, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_failure(error: BaseException, *, wants_json: bool) -> ExitCode:
    """Show what ended a command, and return its exit code; what nobody expected is a bug, and keeps its traceback."""
    code = ExitCode.BUG
    if isinstance(error, click.Abort) and isinstance(error.__cause__, TimeIsUpError):
        error = error.__cause__  # click takes every interruption for a person's
    match error:
        case click.ClickException():
            error.show()
            code = ExitCode.USAGE
        case PipelineBuilderError():
            _show_problems(error, wants_json=wants_json)
            code = error.exit_code
        case TimeIsUpError():
            _show_problems(
                RunFailed(Problem(id="PB444", message="the time that the run may take is over")), wants_json=wants_json
            )
            code = ExitCode.FAILED
        case click.Abort() | KeyboardInterrupt():
            say("interrupted; the same command goes on from here")
            code = ExitCode.INTERRUPTED
        case BrokenPipeError():
            # Whoever read our output has gone (`| head`): nothing is wrong, and nothing more can be said.
            _drop_stdout()
            code = ExitCode.OK
        case FileNotFoundError(filename=None):
            problem = Problem(id="PB001", message="cannot use the current folder: it was deleted")
            _show_problems(OutsideFailure(problem), wants_json=wants_json)
            code = ExitCode.OUTSIDE
        case OSError(errno=number) if number in _OF_THIS_MACHINE:
            where = f" '{os.path.relpath(error.filename)}'" if isinstance(error.filename, str) else " a file"
            problem = Problem(id="PB001", message=f"cannot use{where}: {error.strerror}")
            _show_problems(OutsideFailure(problem), wants_json=wants_json)
            code = ExitCode.OUTSIDE
        case _:
            import traceback

            traceback.print_exception(error)
            say(f"\nThis is a bug in pipeline_builder {__version__}. Please report it with the lines above.")
    return code


def say(message: str) -> None:
    """Progress and messages go to stderr."""
    print(message, file=sys.stderr, flush=True)


def show(result: object, *, as_json: bool, text: str) -> None:
    """Print a command's result to stdout, for machines or for people."""
    click.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str) if as_json else text.rstrip("\n"))


def _show_problems(error: PipelineBuilderError, *, wants_json: bool) -> None:
    if wants_json:
        print(json.dumps({"problems": [_problem_json(p) for p in error.problems]}, indent=2, ensure_ascii=False))
    for problem in error.problems:
        say(render_problem(problem))
    errors = sum(not problem.warning for problem in error.problems)
    if error.exit_code is ExitCode.INPUT:
        first = next(problem.id for problem in error.problems if not problem.warning)
        count = f"{errors} problems; " if errors > 1 else ""
        say(f"{count}'pipeline-builder explain {first}' says more")
    elif errors > 1:
        say(f"{errors} problems")


def _problem_json(problem: Problem) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(problem)


def common(command: Command) -> Command:
    """Give a command the options that all have, and a session made from them."""

    @functools.wraps(command)
    def with_session(
        *,
        manifest: Path,
        target: str,
        state: Path | None,
        build_dir: Path | None,
        env_file: Path | None,
        as_json: bool,
        jobs: int | None,
        **arguments: Any,
    ) -> Any:
        places = {"manifest": manifest, "state": state, "build": build_dir, "env_file": env_file}
        session = _session(places, target, jobs)
        return command(session, as_json=as_json, **arguments)

    options = (
        click.option("--manifest", type=_FILE, default="model_repos.yaml", show_default=True),
        click.option("--target", type=_TARGETS, envvar="SMP_TARGET", default="local", show_default=True),
        click.option("--state", type=click.Path(path_type=Path), help="Folder of the local target's state."),
        click.option("--build-dir", type=click.Path(path_type=Path), help="Folder for what stages hand on."),
        click.option("--env-file", type=_FILE, help='KEY="value" file; default: .env if there.'),
        click.option("--jobs", type=click.IntRange(1, 256), help="Jobs that run at once; on AWS: steps."),
        click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines."),
    )
    for option in reversed(options):
        with_session = option(with_session)
    return with_session  # type: ignore[return-value] # click's options keep the callable


def _session(places: Mapping[str, Path | None], target: str, jobs: int | None) -> Session:
    from pipeline_builder.framework import FILE as FRAMEWORK
    from pipeline_builder.session import Session
    from pipeline_builder.workspace import Workspace, load_values

    manifest = (places["manifest"] or Path("model_repos.yaml")).absolute()
    default = manifest.parent / ".env"
    env_file = places["env_file"] or (default if default.is_file() else None)
    values, tags = load_values(os.environ, env_file, target, manifest.parent / FRAMEWORK)
    if target == "aws":
        from pipeline_builder.aws.identity import look_up

        values = look_up(values)
    workspace = Workspace(
        manifest_path=manifest,
        state=(places["state"] or manifest.parent / ".pipeline_builder").absolute(),
        build=(places["build"] or manifest.parent / "build").absolute(),
        target=target,
        jobs=jobs or os.cpu_count() or 1,
        parallel=jobs,
        environment=dict(os.environ),
        values=values,
        tags=tags,
    )
    return Session(workspace, say=say, warn=lambda problem: say(render_problem(problem)))


def _parameters(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a mapping."""
    pairs = [text.partition("=") for text in given]
    for (name, equals, _value), text in zip(pairs, given, strict=True):
        if not equals or not name:
            raise click.BadParameter(f"'{text}' is no NAME=VALUE")
    return {name: value for name, _, value in pairs}


parameters_option = click.option(
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parameters,
    help="Value of a pipeline parameter; may be repeated.",
)


timeout_option = click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="MINUTES", help="End a run that takes longer."
)


class TimeIsUpError(KeyboardInterrupt):
    """The time that a run may take is over; jobs end as they do on Ctrl-C."""


@contextmanager
def _time_limit(minutes: float | None) -> Iterator[None]:
    """Interrupt what is inside after that time."""

    def ring(*_: object) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, (minutes or 0) * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _run(
    session: Session, *, rerun: bool, timeout: float | None, leave: bool = False, selection: Selection | None = None
) -> RunRecord:
    """Run what is deployed; when the time is up it ends, on AWS too, unless it is to be left going on."""
    try:
        with _time_limit(timeout):
            return session.run(
                session.deployed(), rerun=rerun, stream=sys.stderr, terminal=_terminal(), selection=selection
            )
    except TimeIsUpError:
        if not leave and session.workspace.target != "local":
            session.stop("")
        raise


def _coloured(text: str) -> str:
    """Return a plan with added, changed and removed in colours, which click takes out again where nobody sees them."""
    colours = {"+": "green", "~": "yellow", "-": "red"}
    return "\n".join(
        click.style(line, fg=colours[line[2]]) if line[:2] == "  " and line[2:4] in ("+ ", "~ ", "- ") else line
        for line in text.split("\n")
    )


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


class _InOrder(click.Group):
    """Lists the commands in the order of the stages, which is the order of this file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="pipeline-builder")
def main() -> None:
    """GitOps CI/CD for Amazon SageMaker: many model repositories, one pipeline.

    \b
    The main job, from checkout to a promoted model:
      pipeline-builder up
    """


@main.command()
@common
@click.option("--locked", is_flag=True, help="Take exactly the commits of the lock.")
@click.option("--rerun", is_flag=True, help="Run anew, even where nothing changed.")
@click.option("--approve", "answer", flag_value="approve", help="Approve the models that pass the gate.")
@click.option("--reject", "answer", flag_value="reject", help="Reject the models.")
@click.option("--comment", default="", help="Why, for the record.")
@click.option("--force", is_flag=True, help="Apply a plan that is unsafe.")
@timeout_option
@parameters_option
def up(
    session: Session,
    *,
    as_json: bool,
    locked: bool,
    rerun: bool,
    answer: str | None,
    comment: str,
    force: bool,
    timeout: float | None,
    given: Mapping[str, str],
) -> None:
    """The whole job, from checkout to report; asks before it promotes.

    The stages: checkout, validate, build, plan, apply, run, gate, approval, promote, report.

    \b
    Example: pipeline-builder up --approve --comment "AUC is up by 2 points"
    """
    session.given = given
    session.checkout(locked=locked)
    session.validate()
    session.build()
    planned = session.plan()
    session.apply(planned, force=force)
    record = _run(session, rerun=rerun, timeout=timeout)
    if record.verdict and record.verdict.passed and _pending(record):
        decision = _decision(record, answer, comment)
        record = session.decide(record, decision) if decision else record
    _conclude(session, record, as_json=as_json)


@main.command()
@common
@click.option("--locked", is_flag=True, help="Take exactly the commits of the lock.")
def checkout(session: Session, *, as_json: bool, locked: bool) -> None:
    """Check out every model repository.

    \b
    Example: pipeline-builder checkout --locked
    """
    done = session.checkout(locked=locked)
    repos = [{"name": r.name, "commit": r.commit, "tree": r.tree, "revision": r.revision} for r in done.lock.repos]
    show({"repos": repos}, as_json=as_json, text="\n".join(f"{r['name']}  {r['commit']}" for r in repos))


@main.command()
@common
def validate(session: Session, *, as_json: bool) -> None:
    """Check everything; all problems at once.

    Offline, but for --target aws: there it also looks at credentials, role, bucket, key, images and quotas.

    \b
    Example: pipeline-builder validate --json
    """
    composed = session.validate()
    warnings = [*composed.warnings, *(session.preflight() if session.workspace.target == "aws" else ())]
    steps = [step.name for step in composed.graph.steps]
    result = {"problems": [_problem_json(w) for w in warnings], "steps": steps}
    show(result, as_json=as_json, text=f"valid: pipeline '{composed.graph.pipeline}' with {len(steps)} steps")


@main.command()
@common
@click.option(
    "--format", "form", type=click.Choice(["text", "mermaid", "dot", "svg", "json"]), default="text", show_default=True
)
def graph(session: Session, *, as_json: bool, form: str) -> None:
    """Draw the graph of steps.

    \b
    Example: pipeline-builder graph --format mermaid
    """
    from dataclasses import asdict

    from pipeline_builder import drawing

    nodes = session.nodes()
    as_json = as_json or form == "json"
    draw = {"mermaid": drawing.render_mermaid, "dot": drawing.render_dot, "svg": drawing.render_image}
    show([asdict(node) for node in nodes], as_json=as_json, text=draw.get(form, drawing.render_text)(nodes))


@main.command()
@common
def build(session: Session, *, as_json: bool) -> None:
    """Compose the definition and its code bundles.

    \b
    Example: pipeline-builder build && cat build/pipeline_definition.json
    """
    path = session.build()
    definition = session.composed.definition
    bundles = {uri: list(bundle.files) for uri, bundle in definition.bundles.items()}
    result = {"definition": str(path), "sha256": definition.sha256, "bundles": bundles}
    show(result, as_json=as_json, text=f"{definition.sha256}  {os.path.relpath(path)}")


@main.command()
@common
@click.option("--out", type=click.Path(path_type=Path), help="Also write the plan as JSON, for 'apply PLAN'.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@parameters_option
def plan(
    session: Session,
    *,
    as_json: bool,
    out: Path | None,
    detailed_exitcode: bool,
    form: str,
    given: Mapping[str, str],
) -> None:
    """Show what would change and what would run.

    \b
    Example: pipeline-builder plan --out plan.json --detailed-exitcode
    """
    from pipeline_builder.plan import plan_json, render_markdown, render_plan
    from pipeline_builder.workspace import write_file

    session.given = given
    planned = session.plan()
    if out:
        write_file(out.absolute(), (json.dumps(plan_json(planned), indent=2) + "\n").encode())
    text = render_markdown(planned) if form == "markdown" else _coloured(render_plan(planned))
    show(plan_json(planned), as_json=as_json or form == "json", text=text)
    if detailed_exitcode and planned.changed:
        raise click.exceptions.Exit(ExitCode.USAGE)


@main.command()
@common
@click.argument("plan_file", metavar="[PLAN]", required=False, type=_FILE)
@click.option("--force", is_flag=True, help="Apply a plan that is unsafe.")
def apply(session: Session, *, as_json: bool, plan_file: Path | None, force: bool) -> None:
    """Deploy the definition and its code.

    PLAN, a file of 'plan --out', binds it: a pipeline that has moved since is refused.

    \b
    Example: pipeline-builder apply plan.json
    """
    from pipeline_builder.plan import load_plan

    session.build()
    applied = session.apply(load_plan(plan_file) if plan_file else session.plan(), force=force)
    deployed = applied.pipeline
    result = {"pipeline": deployed.arn, "version": deployed.version, "changed": applied.changed}
    show(result, as_json=as_json, text=f"{deployed.arn} version {deployed.version}")


@main.command("run")
@common
@click.option("--rerun", is_flag=True, help="Run anew, even where nothing changed.")
@click.option("--no-wait", is_flag=True, help="Start only; a later run follows the same execution (AWS).")
@click.option("--resume", is_flag=True, help="Follow the last execution, whatever it runs, and judge it.")
@click.option("--leave", is_flag=True, help="After --timeout leave the execution going on (AWS); else it is stopped.")
@click.option("--select", "names", multiple=True, metavar="STEP", help="Run this step only; may be repeated.")
@click.option(
    "--changed-since",
    "since",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="LOCK",
    help="Run only what changed since that lock, and what depends on it.",
)
@timeout_option
@parameters_option
def run_command(
    session: Session,
    *,
    as_json: bool,
    rerun: bool,
    no_wait: bool,
    resume: bool,
    leave: bool,
    names: tuple[str, ...],
    since: Path | None,
    timeout: float | None,
    given: Mapping[str, str],
) -> None:
    """Run what is deployed, and judge it.

    With --select or --changed-since other steps don't run: their results are taken from the last execution that
    succeeded.

    \b
    Example: pipeline-builder run --rerun --parameter epochs=20
    """
    session.given = given
    if session.workspace.target == "local" and (no_wait or leave):
        raise click.UsageError("--no-wait and --leave are for --target aws: here this command itself runs the jobs")
    if resume:
        with _time_limit(timeout):
            record = session.resume(stream=sys.stderr, terminal=_terminal())
        _conclude(session, record, as_json=as_json)
        return
    if names and since:
        raise click.UsageError("give --select or --changed-since, not both")
    selection = session.select(names, since) if names or since else None
    if selection and not selection.steps:
        show({"execution": None}, as_json=as_json, text="nothing to run")
        return
    if no_wait:
        started = session.start(session.deployed(), rerun=rerun, selection=selection)
        show({"execution": started.arn}, as_json=as_json, text=started.arn)
        return
    record = _run(session, rerun=rerun, timeout=timeout, leave=leave, selection=selection)
    _conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("execution", required=False, default="")
def retry(session: Session, *, as_json: bool, execution: str) -> None:
    """Go on with a failed or stopped execution.

    What has succeeded stays; the rest is done again with the same definition.

    \b
    Example: pipeline-builder retry
    """
    record = session.retry(execution, stream=sys.stderr, terminal=_terminal())
    _conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("execution", required=False, default="")
def stop(session: Session, *, as_json: bool, execution: str) -> None:
    """Stop an execution and its jobs, by default the last.

    \b
    Example: pipeline-builder stop
    """
    found = session.stop(execution)
    result = {"execution": found.arn, "status": found.status.value}
    show(result, as_json=as_json, text=f"{found.id} {found.status.value}")


@main.command()
@common
@click.argument("execution", required=False, default="")
@click.option("--comment", default="", help="Why, for the record.")
@click.option("--to-account", "role", metavar="ROLE_ARN", help="Copy them to that role's account too (AWS).")
def promote(session: Session, *, as_json: bool, execution: str, comment: str, role: str | None) -> None:
    """Approve the models of a run, by default the last.

    \b
    Example: pipeline-builder promote --comment "looks right"
    """
    record = session.decide(session.load_record(execution), _answer("approve", comment))
    if role:
        session.copy_packages(record, role)
    _conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("execution", required=False, default="")
@click.option("--comment", default="", help="Why, for the record.")
def reject(session: Session, *, as_json: bool, execution: str, comment: str) -> None:
    """Reject the models of a run, by default the last.

    \b
    Example: pipeline-builder reject --comment "recall is too low"
    """
    record = session.decide(session.load_record(execution), _answer("reject", comment))
    _conclude(session, record, as_json=as_json)


@main.command()
@common
@click.argument("model")
@click.option("--comment", required=True, help="Why, for the record.")
def rollback(session: Session, *, as_json: bool, model: str, comment: str) -> None:
    """Reject a model's champion; the approved version before it is the champion again.

    \b
    Example: pipeline-builder rollback churn --comment "complaints about false alarms"
    """
    old, new = session.rollback(model, _answer("reject", comment))
    result = {"rejected": old.arn, "champion": new.arn}
    show(result, as_json=as_json, text=f"{old.group}: version {old.version} rejected, champion version {new.version}")


@main.command()
@common
@click.argument("execution", required=False, default="")
def report(session: Session, *, as_json: bool, execution: str) -> None:
    """Write the HTML report of a run.

    \b
    Example: pipeline-builder report && xdg-open build/report.html
    """
    path = session.report(session.load_record(execution))
    show({"report": str(path)}, as_json=as_json, text=os.path.relpath(path))


@main.command()
@common
@click.argument("execution", required=False, default="")
def status(session: Session, *, as_json: bool, execution: str) -> None:
    """Show the steps of an execution.

    \b
    Example: pipeline-builder status
    """
    from pipeline_builder.summary import execution_json, render_status

    found = session.find_execution(execution)
    steps = session.target.pipelines.list_steps(found.arn)
    show(execution_json(found, steps), as_json=as_json, text=render_status(found, steps))


@main.command()
@common
@click.argument("step")
@click.argument("execution", required=False, default="")
def logs(session: Session, *, as_json: bool, step: str, execution: str) -> None:
    """Print the log of a step.

    \b
    Example: pipeline-builder logs purchase-intent-Train
    """
    from pipeline_builder.errors import InputProblems
    from pipeline_builder.schema import did_you_mean

    found = session.find_execution(execution)
    names = [state.name for state in session.target.pipelines.list_steps(found.arn)]
    if step not in names:
        message = f"the execution {found.id} has no step '{step}'"
        raise InputProblems(Problem(id="PB442", message=message, hint=did_you_mean(step, names)))
    text = session.target.pipelines.read_log(found.arn, step)
    show({"execution": found.arn, "step": step, "log": text}, as_json=as_json, text=text)


@main.command()
@common
def history(session: Session, *, as_json: bool) -> None:
    """List runs and promotions, newest first.

    \b
    Example: pipeline-builder history
    """
    from pipeline_builder.summary import history_json, render_history

    executions = session.executions()
    approvals = session.target.registry.list_approvals()
    show(history_json(executions, approvals), as_json=as_json, text=render_history(executions, approvals))


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8265, show_default=True, help="0 takes a free one.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".pipeline_builder"),
    show_default=True,
    metavar="DIR",
    help="The local target's state.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take images and mounted data from its 'local' section.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Jobs of an execution that run at once.")
@click.option("--json", "as_json", is_flag=True, help="The address as JSON, for machines.")
def serve(*, port: int, state: Path, manifest: Path | None, jobs: int | None, as_json: bool) -> None:
    """Be SageMaker on 127.0.0.1: boto3 and the SageMaker SDK work against the local engine.

    Answers the calls on pipelines, executions, model packages and jobs, and those of S3, STS, IAM and CloudWatch Logs
    around them. Any access key will do: signatures are not verified, so every user and program of this machine can
    start jobs that run with your rights. It listens on 127.0.0.1 only. Ctrl-C ends it and its jobs; executions that
    were on their way go on when it is started again.

    \b
    Example: pipeline-builder serve --port 8265 --state .pipeline_builder
    """
    from pipeline_builder.engine.local import engine_warnings, open_engine
    from pipeline_builder.serve.server import make_server_on
    from pipeline_builder.workspace import load_local_settings

    settings = load_local_settings(manifest.absolute() if manifest else None, jobs or os.cpu_count() or 1)
    engine = open_engine(state.absolute(), settings)
    for warning in engine_warnings(engine):
        say(render_problem(Problem(id="PB590", message=warning, warning=True)))
    server = make_server_on(port, engine, say=say)
    show({"AWS_ENDPOINT_URL": server.url}, as_json=as_json, text=f"AWS_ENDPOINT_URL={server.url}")
    say(
        f"export AWS_ENDPOINT_URL={server.url} AWS_DEFAULT_REGION=us-east-1 "
        "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local"
        "\npython -c \"import boto3; print(boto3.client('sagemaker').list_pipelines()['PipelineSummaries'])\""
    )
    try:
        server.serve()
    except KeyboardInterrupt:
        say("ended; what was on its way goes on when it is started again")


@main.command()
@click.argument("which", type=click.Choice(["manifest", "conf"]), default="conf")
def schema(which: str) -> None:
    """Print a JSON Schema for editors.

    \b
    Example: pipeline-builder schema manifest > manifest.schema.json
    """
    from pipeline_builder.conf import ConfFile
    from pipeline_builder.manifest import ManifestSection

    model = ManifestSection if which == "manifest" else ConfFile
    show(model.model_json_schema(by_alias=True), as_json=True, text="")


@main.command()
@click.argument("problem", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines.")
def explain(problem: str, *, as_json: bool) -> None:
    """Say what a problem means and what to do about it.

    \b
    Example: pipeline-builder explain PB204
    """
    from dataclasses import asdict

    from pipeline_builder.explanations import load_explanations, render_explanation
    from pipeline_builder.schema import did_you_mean

    known = load_explanations()
    found = known.get(problem.upper())
    if found is None:
        hint = did_you_mean(problem.upper(), known)
        raise click.UsageError(f"there is no problem '{problem}'" + (f", {hint}" if hint else ""))
    show(asdict(found), as_json=as_json, text=render_explanation(found))


def _pending(record: RunRecord) -> bool:
    return any(package.status == "PendingManualApproval" for package in record.packages)


def _decision(record: RunRecord, answer: str | None, comment: str) -> Decision | None:
    """Return the answer that was given, or ask for one on a terminal; without either there is none."""
    from pipeline_builder.summary import render_evidence

    if answer:
        return _answer(answer, comment)
    if not _terminal():
        return None
    say(render_evidence(record))
    asked: str = click.prompt(
        "Approve this model? yes / no (reject) / later", type=click.Choice(["yes", "no", "later"]), err=True
    )
    if asked == "later":
        return None
    why = comment or click.prompt("Comment", default="", show_default=False, err=True)
    return _answer("approve" if asked == "yes" else "reject", why)


def _answer(answer: str, comment: str) -> Decision:
    import getpass

    from pipeline_builder.promote import Decision
    from pipeline_builder.target import ApprovalStatus

    status = ApprovalStatus.APPROVED if answer == "approve" else ApprovalStatus.REJECTED
    return Decision(status=status, by=os.environ.get("SMP_APPROVER") or getpass.getuser(), comment=comment)


def _conclude(session: Session, record: RunRecord, *, as_json: bool) -> None:
    """Print the result of a run and where its report is; a run that failed or was blocked ends with exit code 5."""
    from pipeline_builder.summary import failure_problems, render_result

    path = session.report(record)
    show(json.loads(record.model_dump_json()), as_json=as_json, text=render_result(record, os.path.relpath(path)))
    problems = failure_problems(record)
    for problem in problems:
        say(render_problem(problem))
    if problems:
        raise click.exceptions.Exit(ExitCode.FAILED)
