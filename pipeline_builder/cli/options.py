"""Options that commands share, and the session that is made from them."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline_builder.cli.completion import pipelines_of_the_manifest
from pipeline_builder.cli.dates import for_date
from pipeline_builder.cli.output import say
from pipeline_builder.errors import OutsideFailure, Problem, render_problem
from pipeline_builder.inert import inert_line, is_unicode

if TYPE_CHECKING:
    from pipeline_builder.session import Session
    from pipeline_builder.workspace import Workspace

# Whether a file can be read is said by whoever reads it, as a problem with an id.
FILE: click.Path = click.Path(path_type=Path, readable=False)
_LONGEST = 1_000_000
_TARGETS = click.Choice(["local", "aws"])

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where a command's things are, and what it was asked for, by its options: the paths are absolute."""

    manifest: Path
    state: Path
    build: Path
    env_file: Path | None
    target: str
    jobs: int | None
    pipeline: str = ""

    @property
    def framework(self) -> Path:
        return self.manifest.parent / "framework.yaml"


def common(command: Command) -> Command:
    """Give a command the options that all have, and a session made from them."""

    @functools.wraps(command)
    def with_session(*, asked: Asked, **arguments: Any) -> Any:
        return command(open_session(asked), **arguments)

    return located(with_session)  # type: ignore[return-value] # click's options keep the callable


def located(command: Command) -> Command:
    """Give a command the options that all have, as `asked`: a session is made where one is needed."""

    @functools.wraps(command)
    def with_places(
        *,
        manifest: Path,
        target: str,
        state: Path | None,
        build_dir: Path | None,
        env_file: Path | None,
        jobs: int | None,
        pipeline: str,
        **arguments: Any,
    ) -> Any:
        places = {"manifest": manifest, "state": state, "build": build_dir, "env_file": env_file}
        return command(asked=_asked(places, target, jobs, pipeline), **arguments)

    options = (
        click.option("--manifest", type=FILE, envvar="SMP_MANIFEST", default="model_repos.yaml", show_default=True),
        click.option("--target", type=_TARGETS, envvar="SMP_TARGET", default="local", show_default=True),
        click.option(
            "--state", type=click.Path(path_type=Path), envvar="SMP_STATE", help="Folder of the local target's state."
        ),
        click.option("--build-dir", type=click.Path(path_type=Path), help="Folder for what stages hand on."),
        click.option("--env-file", type=FILE, help='KEY="value" file; default: .env if there.'),
        click.option(
            "--jobs",
            type=click.IntRange(1, 256),
            help="Jobs that run at once; on AWS: steps; of a checkout: repositories.",
        ),
        click.option(
            "--pipeline",
            envvar="SMP_PIPELINE",
            default="",
            metavar="NAME",
            shell_complete=pipelines_of_the_manifest,
            help="Only this pipeline of the manifest; default: all that have what they need.",
        ),
        click.option("--json", "as_json", is_flag=True, help="The result as JSON, for machines."),
    )
    for option in reversed(options):
        with_places = option(with_places)
    return with_places  # type: ignore[return-value] # likewise


def _asked(places: Mapping[str, Path | None], target: str, jobs: int | None, pipeline: str = "") -> Asked:
    """Return what was asked for; `places` are the paths that were given, by option."""
    manifest = (places["manifest"] or Path("model_repos.yaml")).absolute()
    default = manifest.parent / ".env"
    state = (places["state"] or manifest.parent / ".pipeline_builder").absolute()
    build = (places["build"] or manifest.parent / "build").absolute()
    refuse_bytes(manifest, state, build)
    return Asked(
        manifest=manifest,
        state=state,
        build=build,
        env_file=places["env_file"] or (default if default.is_file() else None),
        target=target,
        jobs=jobs,
        pipeline=pipeline,
    )


def refuse_bytes(*paths: Path) -> None:
    """Raise OutsideFailure (PB001) for a path that is no text: the state, records and reports have paths in them."""
    for path in paths:
        if not is_unicode(str(path)):
            message = f"cannot use '{inert_line(str(path))}': the path is not UTF-8 text"
            raise OutsideFailure(Problem(id="PB001", message=message, hint="rename the folder, or name another one"))


def asked_of(given: Mapping[str, Any]) -> Asked:
    """Return what was asked for by the values of a command's options, as far as they were typed."""
    places = {"manifest": given.get("manifest"), "state": given.get("state"), "build": given.get("build_dir")}
    return _asked(
        {**places, "env_file": given.get("env_file")}, given.get("target") or "local", given.get("jobs"),
        given.get("pipeline") or "",
    )  # fmt: skip


def target_is_given() -> bool:
    """Tell whether the command that runs was told its target, by option or environment."""
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source("target") is not ParameterSource.DEFAULT


REQUIRE_ISOLATION = "SMP_REQUIRE_ISOLATION"


def _remembered(name: str, read: Callable[[Any], Any] = lambda given: given) -> Callable[..., None]:
    """Return what keeps an option's value for whoever asks in the command that runs."""

    def remember(context: click.Context, _: click.Parameter, given: Any) -> None:
        context.meta[name] = read(given)

    return remember


isolation_option = click.option(
    "--require-isolation",
    is_flag=True,
    envvar=REQUIRE_ISOLATION,
    expose_value=False,
    is_eager=True,
    callback=_remembered(REQUIRE_ISOLATION),
    help="Refuse to run jobs on this machine where they can't be kept from all else on it.",
)


def isolation_required() -> bool:
    """Tell whether the command that runs was asked for isolated jobs."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(REQUIRE_ISOLATION))


_STUBS = "stubs"


def _files_of(given: tuple[str, ...]) -> dict[str, Path]:
    """Return `NAME=FILE.json` texts as a mapping."""
    pairs = [text.partition("=") for text in given]
    for (name, _equals, file), text in zip(pairs, given, strict=True):
        if not name or not file:
            raise click.BadParameter(f"'{text}' is no NAME=FILE.json")
    return {name: Path(file).absolute() for name, _, file in pairs}


stubs_option = click.option(
    "--stub",
    multiple=True,
    metavar="NAME=FILE.json",
    expose_value=False,
    is_eager=True,
    callback=_remembered(_STUBS, _files_of),
    help="Don't run this step: the file has its result, the step's properties (local); may be repeated.",
)


_ACCEPT = "accept_stubs"


accept_stubs_option = click.option(
    "--accept-stubs",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remembered(_ACCEPT),
    help="Approve a run of which some steps have not run, as their results were given with --stub.",
)


def stubs_accepted() -> bool:
    """Tell whether the command that runs was told that steps of the run have not run, or SMP_ACCEPT_STUBS says it."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_ACCEPT)) or os.environ.get("SMP_ACCEPT_STUBS") == "1"


def given_stubs() -> Mapping[str, Path]:
    """Return the files that the command that runs was given for steps; else those of SMP_STUBS, with blanks between.

    A rehearsal gives them so to its builds (`--env SMP_STUBS`).
    """
    context = click.get_current_context(silent=True)
    asked: Mapping[str, Path] = context.meta.get(_STUBS) or {} if context else {}
    return asked or _files_of(tuple(os.environ.get("SMP_STUBS", "").split()))


def make_session(places: Mapping[str, Path | None], target: str, jobs: int | None, pipeline: str = "") -> Session:
    """Return the session of a command; `places` are the paths that were given, by option."""
    return open_session(_asked(places, target, jobs, pipeline))


def open_session(asked: Asked) -> Session:
    """Return the session of a command: of the pipeline that was asked for, or else of the main one."""
    from pipeline_builder.session import Session

    session = Session(open_workspace(asked), say=say, warn=lambda problem: say(render_problem(problem)))
    return for_date(session.of(asked.pipeline) if asked.pipeline else session)


def open_workspace(asked: Asked, environment: Mapping[str, str] | None = None) -> Workspace:
    """Return the workspace of a command; `environment` stands for the process's own where placeholders take values."""
    from pipeline_builder.workspace import Workspace, load_values

    target, given = asked.target, given_stubs()
    values, tags = load_values(environment or dict(os.environ), asked.env_file, target, asked.framework)
    if target == "aws" and given:
        raise click.UsageError("--stub, and SMP_STUBS, are for the local target: on AWS every step runs")
    if target == "aws":
        from pipeline_builder.aws.identity import look_up

        values = look_up(values)
    return Workspace(
        manifest_path=asked.manifest,
        state=asked.state,
        build=asked.build,
        target=target,
        jobs=asked.jobs or os.cpu_count() or 1,
        parallel=asked.jobs,
        environment=dict(os.environ),
        values=values,
        tags=tags,
        require_isolation=isolation_required(),
        stubs=given,
    )


def reopen_session() -> Session:
    """Make the session of the command that runs anew: its files may have changed since."""
    given = click.get_current_context().params
    places = {name: given[name] for name in ("manifest", "state", "env_file")} | {"build": given["build_dir"]}
    return make_session(places, given["target"], given["jobs"], given["pipeline"])


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
    help="Value of a pipeline parameter, of which 'graph' shows all; may be repeated.",
)


class Number(click.FloatRange):
    """A number within bounds; `nan` is within all of click's."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"'{value}' is no number", param, ctx)
        return found


class Duration(click.FloatRange):
    """A time that a clock can count: above zero, and neither endless nor `nan`, which is within no bounds."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if not found <= _LONGEST:
            self.fail(f"'{value}' is too long, expected at most {_LONGEST:,}", param, ctx)
        return found


timeout_option = click.option("--timeout", type=Duration(), metavar="MINUTES", help="End a run that takes longer.")


def time_is_up() -> Problem:
    """Return what is said when it is."""
    return Problem(id="PB444", message="the time that the run may take is over")
