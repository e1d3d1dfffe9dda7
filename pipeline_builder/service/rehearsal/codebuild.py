"""A build as CodeBuild runs it: phases of commands, what follows a failure, and all that is kept of it.

After "Build phase transitions" and the build specification reference of the user guide. A failed install or pre_build
phase ends the commands, a failed build phase is followed by post_build; artifacts are handed on in either case once
post_build has run. Where the guide leaves a choice this runner takes the stricter one, so that what passes here passes
there: a build with a failed phase has failed, also with `on-failure: CONTINUE`, and only variables that are *exported*
in the shell are exported variables.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.engine.jobs.job import JobEnd
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.programs import find_working
from pipeline_builder.service.cloudformation.evaluation.buildspec import PHASES, Artifact, Buildspec, Phase
from pipeline_builder.service.rehearsal.artifacts import NothingFoundError, find_files, pack_artifact
from pipeline_builder.service.rehearsal.record import PhaseRecord, ReportRecord
from pipeline_builder.service.rehearsal.shell import Shell, ShellGoneError, Surroundings
from pipeline_builder.service.rehearsal.testreports import read_report

UPLOAD = "upload_artifacts"
OWN = "[Container]"
"""Begins the runner's own lines in a log, as it does CodeBuild's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a build is made of. `environment` is all that its commands find; `folder` is for the runner's own files.

    `outputs` has the zip file to write by the artifact's name, `cache` the folder that cache paths are kept in, None
    where the project keeps nothing. `timeout` is in seconds.
    """

    buildspec: Buildspec
    environment: Mapping[str, str]
    source: Path
    folder: Path
    log: Path
    timeout: float
    outputs: Mapping[str, Path] = field(default_factory=dict)
    cache: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How a build has ended; `artifacts` with their sizes, `message` says what failed."""

    status: str
    phases: tuple[PhaseRecord, ...]
    exported: Mapping[str, str]
    artifacts: Mapping[str, int]
    reports: tuple[ReportRecord, ...]
    message: str = ""

    @property
    def failed_command(self) -> str:
        """The command that failed first, empty where none did."""
        return next((phase.command for phase in self.phases if phase.status != "Succeeded"), "")


Observe = Callable[[PhaseRecord], None]


def run_build(build: Build, *, observe: Observe, stop: threading.Event) -> Built:
    """Run a build to its end; a build that fails is an answer, not an exception.

    Raises:
        OutsideFailure: PB663 where this machine has no bash.
    """
    left_out: list[str] = []
    bash = find_working(
        "bash", ["-c", "echo it works"], "it works", environment=build.environment, observe=left_out.append
    )
    if bash is None:
        why = "; ".join(["the program 'bash', which runs the commands of a buildspec, was not found", *left_out])
        raise OutsideFailure(Problem(id="PB663", message=why, hint="install it"))
    surroundings = Surroundings(
        bash=bash,
        posix=build.buildspec.env.shell != "bash",
        environment=build.environment,
        directory=build.source,
        log=build.log,
        timeout=build.timeout,
    )
    build.log.parent.mkdir(parents=True, exist_ok=True)
    run = _Run(build, observe)
    run.restore_cache()
    with Shell(build.folder, surroundings, stop=stop) as shell:
        run.phases(shell)
    return run.finish()


class _Run:
    """One build on its way."""

    def __init__(self, build: Build, observe: Observe) -> None:
        self._build = build
        self._observe = observe
        self._phases: list[PhaseRecord] = []
        self._exported: dict[str, str] = {}
        self._complete = False  # post_build has run, so artifacts are handed on

    @property
    def _failed(self) -> PhaseRecord | None:
        return next((phase for phase in self._phases if phase.status != "Succeeded"), None)

    def _say(self, text: str) -> None:
        with self._build.log.open("a", encoding="utf-8") as log:
            log.write(f"{OWN} {time.strftime('%Y/%m/%d %H:%M:%S')} {text}\n")

    def _end_phase(self, phase: PhaseRecord) -> PhaseRecord:
        self._phases.append(phase)
        self._say(f"Phase complete: {phase.name.upper()} State: {phase.status.upper()}")
        self._observe(phase)
        return phase

    # --- commands

    def phases(self, shell: Shell) -> None:
        """Run the phases of the buildspec as far as they come."""
        for name in PHASES:
            phase = self._build.buildspec.phase(name) or None
            ended = self._phase(shell, name, phase) if phase else None
            if ended and ended.status == "TimedOut":
                return
            if ended and phase and ended.status == "Failed" and not _goes_on(name, phase):
                return
        self._complete = True
        found = shell.exported()
        wanted = self._build.buildspec.env.exported_variables
        self._exported = {name: found[name] for name in wanted if name in found}
        for name in wanted:
            if name not in found:
                self._say(f"The exported variable '{name}' is not in the environment after post_build")

    def _phase(self, shell: Shell, name: str, phase: Phase) -> PhaseRecord:
        started = time.monotonic()
        self._say(f"Entering phase {name.upper()}")
        command, code, status = "", 0, "Succeeded"
        try:
            for command in phase.commands:
                code = self._command(shell, command, succeeding=True)
                if code:
                    break
            failed, why = code, command if code else ""
            for command in phase.finally_:
                code = self._command(shell, command, succeeding=not failed)
                failed, why = (failed, why) if failed or not code else (code, command)
            code, command = failed, why
            status = "Failed" if failed else "Succeeded"
        except ShellGoneError as gone:
            status = "TimedOut" if gone.end is JobEnd.TIMED_OUT else "Failed"
            self._say(f"The shell has ended ({gone}) in: {command}")
            code = code or 137
        seconds = time.monotonic() - started
        return self._end_phase(
            PhaseRecord.model_validate(
                {"name": name, "status": status, "seconds": round(seconds, 3), "command": command, "exit_code": code}
            )
        )

    def _command(self, shell: Shell, command: str, *, succeeding: bool) -> int:
        self._say(f"Running command {command}")
        code = shell.run(command, succeeding=succeeding and self._failed is None)
        if code:
            self._say(f"Command did not exit successfully {command} exit status {code}")
        return code

    # --- what is kept

    def finish(self) -> Built:
        """Hand on artifacts, reports and cache, and return how it ended."""
        artifacts: dict[str, int] = {}
        reports: tuple[ReportRecord, ...] = ()
        message = _words(self._failed) if self._failed else ""
        if self._complete:
            started = time.monotonic()
            found = (self._report(name) for name in self._build.buildspec.reports)
            reports = tuple(report for report in found if report)
            missing = self._pack(artifacts)
            status = "Failed" if missing else "Succeeded"
            seconds = round(time.monotonic() - started, 3)
            if artifacts or missing:
                self._end_phase(PhaseRecord.model_validate({"name": UPLOAD, "status": status, "seconds": seconds}))
            message = message or missing
        if not message:
            self._save_cache()
        status = self._failed.status if self._failed else "Succeeded"
        return Built(
            status=status,
            phases=tuple(self._phases),
            exported=self._exported,
            artifacts=artifacts,
            reports=reports,
            message=message,
        )

    def _report(self, name: str) -> ReportRecord | None:
        found = read_report(name, self._build.buildspec.reports[name], self._build.source)
        self._say(f"Report '{name}': {found.tests} tests" if found else f"Report '{name}': no report files found")
        return found

    def _pack(self, artifacts: dict[str, int]) -> str:
        for name, target in self._build.outputs.items():
            artifact = self._artifact(name)
            if artifact is None:
                return f"the buildspec has no artifact '{name}'"
            try:
                artifacts[name] = pack_artifact(artifact, self._build.source, target)
            except NothingFoundError as error:
                self._say(f"No matching artifact paths found: {error}")
                return f"the artifact '{name}' is empty: {error}"
        return ""

    def _artifact(self, name: str) -> Artifact | None:
        """An output artifact is the secondary one of its name; without any, the only one is the primary one."""
        secondary = self._build.buildspec.secondary_artifacts
        if secondary:
            return secondary.get(name)
        return self._build.buildspec.artifacts if len(self._build.outputs) == 1 else None

    def _cache_paths(self) -> list[str]:
        cache = self._build.buildspec.cache
        paths = cache.paths if cache and self._build.cache else ()
        # Paths outside of the source are folders of this machine, which stay by themselves.
        return [path for path in paths if not path.startswith(("/", "~", "$")) and ".." not in path.split("/")]

    def restore_cache(self) -> None:
        """Bring back what the last build has kept."""
        if self._cache_paths() and self._build.cache and self._build.cache.is_dir():
            shutil.copytree(self._build.cache, self._build.source, symlinks=True, dirs_exist_ok=True)
            self._say("The cache is restored")

    def _save_cache(self) -> None:
        folder, paths = self._build.cache, self._cache_paths()
        if not paths or folder is None:
            return
        new = folder.with_name(f".{folder.name}.new")
        sweep_folder(new)
        for path in find_files(self._build.source, paths):
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._build.source / path, new / path, follow_symlinks=False)
        if new.is_dir():
            sweep_folder(folder)
            new.rename(folder)


def _goes_on(name: str, phase: Phase) -> bool:
    """Tell whether the next phase runs after this one has failed."""
    if phase.on_failure is None:
        return name == "build"
    return phase.on_failure == "CONTINUE"


def _words(phase: PhaseRecord) -> str:
    if phase.status == "TimedOut":
        return f"the build took longer than it may, in its phase {phase.name}"
    if not phase.command:
        return f"its phase {phase.name} failed"
    first = phase.command.strip().splitlines()[0]
    return f"its phase {phase.name} failed: '{first}' ended with exit code {phase.exit_code}"
