"""From a build project to a build: its folder, its source, its buildspec, its environment."""

from __future__ import annotations

import json
import random
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.documents.source import load_yaml
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.codeartifact import VARIABLE as CODEARTIFACT
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.streams import write_file
from pipeline_builder.service.cloudformation.evaluation.buildspec import (
    BUILDSPEC,
    Buildspec,
    parse_buildspec,
    read_buildspec,
)
from pipeline_builder.service.rehearsal.artifacts import unpack
from pipeline_builder.service.rehearsal.codebuild import Build, Built, Observe, run_build
from pipeline_builder.service.rehearsal.environment import BuildFacts, codebuild_variables, leads_nowhere
from pipeline_builder.service.rehearsal.record import BuildRecord
from pipeline_builder.service.rehearsal.template import Action, Project
from pipeline_builder.service.rehearsal.tools import Tools
from pipeline_builder.service.rehearsal.variables import environment_variables

_DEFAULT = "buildspec.yml"
_NUMBERS = "build-numbers.json"
_HOW_TO_GIVE = "a rehearsal reads no secrets: give it with '--env {name}=…', or '--env {name}' for that of this shell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a build is started with: a project, and what the starter sets above it.

    `inputs` are the archives of its sources, the primary one under ""; `outputs` the archives to write.
    """

    project: Project
    environment: Mapping[str, str]
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path] = field(default_factory=dict)
    initiator: str = ""
    log: str = ""


def start_of(tools: Tools, stage: str, action: Action, configuration: Mapping[str, str], attempt: int) -> Start:
    """Return how an action starts its build.

    Raises:
        UnresolvedError: its environment variables can't be read.
    """
    primary = configuration.get("PrimarySource") or action.inputs[0]
    return Start(
        project=tools.service.projects[configuration["ProjectName"]],
        environment=environment_variables(configuration.get("EnvironmentVariables", "")),
        inputs={("" if name == primary else name): tools.artifact(name) for name in action.inputs},
        outputs={name: tools.artifact(name) for name in action.outputs},
        initiator=f"codepipeline/{tools.service.pipeline.name}",
        log=f"{stage}-{action.name}-{attempt}",
    )


def _numbers(path: Path) -> dict[str, int]:
    """Return the numbers so far; a damaged note of them begins anew."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
        return {str(name): int(number) for name, number in found.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def begin_build(start: Start, tools: Tools) -> BuildRecord:
    """Give a build its number and its id; the number goes up with every build of the project on this machine."""
    name = start.project.name
    path = tools.shared / _NUMBERS
    numbers = _numbers(path)
    numbers[name] = numbers.get(name, 0) + 1
    write_file(path, json.dumps(numbers, indent=2).encode())
    log = tools.folder / "logs" / f"{start.log or name}.log"
    # A folder that lies in no repository, as a container's; its random name is in no definition.
    folder = tempfile.mkdtemp(prefix="codebuild-output-")
    return BuildRecord(project=name, number=numbers[name], id=str(uuid.uuid4()), log=str(log), folder=folder)


def make_build(start: Start, record: BuildRecord, tools: Tools, *, observe: Observe) -> Built:
    """Run a build in a clean folder, which is gone afterwards unless the build has failed.

    Raises:
        InputProblems: PB661 for a source without a buildspec, or one that reads secrets; and those of the buildspec.
    """
    folder = Path(record.folder)
    sources = {name: _unpacked(archive, folder) for name, archive in start.inputs.items()}
    buildspec = load_buildspec(start.project, sources[""])
    log = Path(record.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    cache = tools.shared / "cache" / start.project.name if start.project.cache.type != "NO_CACHE" else None
    build = Build(
        buildspec=buildspec,
        environment=build_environment(start, record, tools, buildspec, sources),
        source=sources[""],
        folder=folder / "commands",
        log=log,
        timeout=start.project.timeout_in_minutes * 60,
        outputs=start.outputs,
        cache=cache,
    )
    built = run_build(build, observe=observe, stop=tools.stop)
    if built.status == "Succeeded":
        remove(folder)
    return built


def remove(folder: Path) -> None:
    """Remove a build's folder."""
    sweep_folder(folder)


def _unpacked(archive: Path, folder: Path) -> Path:
    source = folder / f"src{random.randrange(10**8, 10**9)}" / "src"  # noqa: S311 - no secret, only another name
    unpack(archive, source)
    return source


def load_buildspec(project: Project, source: Path) -> Buildspec:
    """Return the project's buildspec: its own, or a file of its source.

    Raises:
        InputProblems: PB661 where there is none, and the problems of one.
    """
    text = project.source.build_spec
    if "\n" in text:
        return parse_buildspec(text, f"buildspec of {project.name}")
    name = text or _DEFAULT
    path = source / name
    if not path.is_file():
        message = f"the project '{project.name}' takes its buildspec from '{name}', which is not in its source"
        raise InputProblems(Problem(id="PB661", message=message, hint="is it committed?"))
    return read_buildspec(load_yaml(path, name, BUILDSPEC))


def build_environment(
    start: Start, record: BuildRecord, tools: Tools, buildspec: Buildspec, sources: Mapping[str, Path]
) -> dict[str, str]:
    """Return all that the commands find: what the start says goes before the project, and that before the buildspec."""
    project = start.project
    own = {variable.name: variable for variable in project.environment.environment_variables}
    plain = {name: variable.value for name, variable in own.items() if variable.type == "PLAINTEXT"}
    if CODEARTIFACT in plain and leads_nowhere(tools.overrides):
        # Nothing is called on AWS: packages come as they come to this machine.
        tools.say(
            f"          CodeArtifact ('{plain.pop(CODEARTIFACT)}') is not asked; to ask it, give '--env AWS_PROFILE'"
        )
    started = {**start.environment, **tools.overrides}
    secret = {name for name, variable in own.items() if variable.type != "PLAINTEXT"}
    secret |= set(buildspec.env.parameter_store) | set(buildspec.env.secrets_manager)
    if missing := sorted(secret - started.keys()):
        what = "the build of '{}' takes '{}' from Secrets Manager or the Parameter Store"
        found = (
            Problem(id="PB661", message=what.format(project.name, name), hint=_HOW_TO_GIVE.format(name=name))
            for name in missing
        )
        raise InputProblems(*found)
    facts = BuildFacts(
        project=project.name,
        number=record.number,
        id=uuid.UUID(record.id),
        account=tools.account,
        region=tools.region,
        image=project.environment.image,
        initiator=start.initiator,
        started=tools.now(),
        source_version=str(start.inputs[""]),
        commit=tools.source.commit,
        repository="" if project.source.type == "CODEPIPELINE" else str(tools.source.repository),
        sources=sources,
    )
    return {**tools.environment, **buildspec.env.variables, **plain, **started, **codebuild_variables(facts)}
