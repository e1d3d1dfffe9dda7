"""Environments from wheels; what has none is fetched here, and built in a job without network or passwords."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline_builder.engine.jobs import fetching
from pipeline_builder.engine.jobs.installer import Uv, failed
from pipeline_builder.engine.jobs.interpreters import Interpreter
from pipeline_builder.engine.jobs.isolation import find_isolation
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.locating import Source, locate, without_wheels
from pipeline_builder.engine.jobs.logs import log_tail
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.jobs.requirements import CONSTRAINT, clean_layers, describe
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.engine.jobs.startup import Startup
from pipeline_builder.engine.jobs.view import INSIDE
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.streams import copy, replacing
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.machine.tree import Tree, opened, survey

_DEEPEST = 4  # packages that are built to build others
_SECONDS = 3600.0
_ARCHIVE_LINE = re.compile(r"(?P<name>[^@\s]*\s*@\s*)?(?P<url>https://\S+?\.(?:tar\.\w+|tgz|zip))(?P<rest>[#\s;].*)?$")
_WHEEL = re.compile(r"[\w.]+-[\w.!+]+(?:-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl")
_ONLY_WHEELS = ("--only-binary", ":all:")


@dataclass(frozen=True, slots=True)
class Sources:
    """Makes environments; `folder` keeps the wheels that were built, by the digest of what they were built from.

    What is being built is in `work`, which is removed with what it is built for; `stop` being set ends it.
    """

    folder: Path
    work: Path
    uv: Uv
    observe: Callable[[str], None]
    stop: threading.Event
    interpreter: Interpreter
    depth: int = 0

    def make(self, folder: Path) -> Environment:
        """Return a new environment without packages."""
        self.uv.done(["venv", "--python", self.interpreter.path, str(folder)], "jobs")
        return Environment(self, folder, Startup(folder))

    def wheel(self, source: Source) -> Path:
        """Return the folder with the wheel of a source distribution; it is built where nobody has before.

        Raises:
            OutsideFailure: PB510 where it can't be fetched, PB556 where it can't be built.
        """
        with temporary_folder(_made(self.work)) as work:
            fetched = work / "fetched" / source.file
            sha256 = fetching.fetch(source, fetched)
            version = self.interpreter.minor.replace(".", "")
            kept = self.folder / "wheels" / f"{sha256[:32]}-{version}"
            if not any(kept.glob("*.whl")):
                if self.depth >= _DEEPEST:
                    raise _not_built(source, "packages that build each other are too deep in each other", ())
                self.observe(f"building '{source.file}', which has no wheel, in a job of its own")
                _Build(self, source, work / "job", _made(work / "job" / "ml" / "input")).run(fetched, kept)
        return kept


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is being filled."""

    sources: Sources
    folder: Path
    startup: Startup

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, lines: tuple[str, ...], name: str) -> None:
        """Install lines of requirements, from wheels; those that are missing are built first. `name` is their file's.

        Raises:
            InputProblems: PB511, PB557.
            OutsideFailure: PB510, PB556.
        """
        lines = tuple(self._prepared(lines))
        links: dict[str, Path] = {}
        file = self._written(name, (line for line in lines if not line.startswith(CONSTRAINT)))
        bounds = [line.removeprefix(CONSTRAINT) for line in lines if line.startswith(CONSTRAINT)]
        bounding = ["--constraint", str(self._written(f"{name}-bounds", bounds))] if bounds else []
        while True:
            flags = [flag for folder in dict.fromkeys(links.values()) for flag in ("--find-links", str(folder))]
            arguments = [*_ONLY_WHEELS, *flags, *bounding, "--python", str(self.python)]
            result = self.sources.uv.run(["pip", "install", *arguments, "--requirement", str(file)])
            self.startup.hold()
            if not result.returncode:
                return
            missing = without_wheels(result) - set(links)
            built = self._built(arguments, file, missing, describe((lines,))) if missing else {}
            if not built.keys() - links.keys():
                raise failed(describe((lines,)), result)
            links |= built

    def _written(self, name: str, lines: Iterable[str]) -> Path:
        file = self.folder / f"{name}.txt"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return file

    def finish(self) -> None:
        """Let start what starts with the interpreter: from now on only jobs do that."""
        self.startup.release()

    def _built(self, arguments: list[str], file: Path, names: set[str], what: str) -> Mapping[str, Path]:
        found = locate(self.sources.uv, arguments, file, names, what)
        return {source.name: self.sources.wheel(source) for source in found}

    def _prepared(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if line.startswith("--no-binary"):
                self.sources.observe(f"'{line}' is not followed: only what has no wheel is built from its source")
            elif archive := _ARCHIVE_LINE.match(line):
                source = Source(
                    name=archive["name"] or "", url=archive["url"], sha256=_digest_in(archive["rest"] or "")
                )
                (wheel,) = self.sources.wheel(source).glob("*.whl")
                yield f"{archive['name'] or ''}{wheel.as_uri()}{_marker_in(archive['rest'] or '')}"
            else:
                yield line


@dataclass(frozen=True, slots=True)
class _Build:
    """The building of one source distribution: what is asked of it is asked in a job, what it wants is fetched here."""

    sources: Sources
    source: Source
    folder: Path
    given: Path

    def run(self, fetched: Path, kept: Path) -> None:
        """Build the wheel into the folder `kept`, whole or not at all."""
        fetched.replace(self.given / fetched.name)
        within = replace(self.sources, depth=self.sources.depth + 1)
        environment = within.make(self.folder.parent / "environment")
        if self.sources.interpreter.minor in ("3.7", "3.8", "3.9", "3.10"):  # tomllib came with 3.11
            environment.install(("tomli",), "reader")
        for step in ("requires", "more"):
            self._step(environment, step)
            if wanted := self._wanted():
                environment.install(wanted, step)
        self._step(environment, "wheel")
        tree = Tree(root=self.folder / "ml", below="work/dist", shown="dist")
        name = self._wheel_in(survey(tree).files)
        with opened(tree, name) as content, replacing(kept / name) as file:
            copy(content, file)

    def _wheel_in(self, files: list[str]) -> str:
        names = [name for name in files if _WHEEL.fullmatch(name)]
        if len(names) != 1 or len(files) != 1:
            raise _not_built(self.source, f"it has made {', '.join(map(repr, files[:5])) or 'nothing'}", ())
        wanted = _plain(self.source.name.partition("@")[0].partition("[")[0].strip())
        if wanted and _plain(names[0].partition("-")[0]) != wanted:
            raise _not_built(self.source, f"it has made another package: {names[0]!r}", ())
        return names[0]

    def _wanted(self) -> tuple[str, ...]:
        content = Tree(root=self.folder / "ml", below="work", shown="work")
        with opened(content, "requires.json") as file:
            try:
                lines = json.loads(file.read(1 << 20))
                assert all(isinstance(line, str) for line in lines)
            except (ValueError, RecursionError, TypeError, AssertionError) as error:
                raise _not_built(self.source, "what it says to be built with is no list of requirements", ()) from error
        return next(iter(clean_layers((tuple(lines),))), ())

    def _step(self, environment: Environment, step: str) -> None:
        environment.finish()
        isolation = find_isolation(_made(self.folder))
        work = f"{OPT_ML}/work"
        _made(self.folder / "ml" / "work")
        job = Job(
            name=f"building {self.source.file}",
            folder=self.folder,
            command=("python", "-I", str(INSIDE / "building.py"), step, f"{OPT_ML}/input/{self.source.file}", work),
            environment={},
            python=environment.python,
            workdir=work,
            timeout=_SECONDS,
            network=False,
            hidden=(self.sources.folder.parent,),
        )
        result = run_job(job, stop=self.sources.stop, private=isolation.private, alone=True)
        if result.exit_code or result.excess:
            raise _not_built(self.source, result.excess or f"it ended with {result.exit_code}", log_tail(job.log, 15))


def _not_built(source: Source, why: str, said: Iterable[str]) -> OutsideFailure:
    message = f"'{source.file}', which has no wheel for this Python, could not be built: {why}"
    lines = "".join(f"\n    {line}" for line in said)
    hint = "take a version that has a wheel; a build has no network here, and finds only what pyproject.toml requires"
    return OutsideFailure(Problem(id="PB556", message=message + lines, hint=hint))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _digest_in(rest: str) -> str:
    found = re.search(r"sha256[=:]([0-9a-f]{64})", rest)
    return found[1] if found else ""


def _marker_in(rest: str) -> str:
    _, cut, marker = rest.partition(";")
    return f" ; {marker.partition(' --')[0].strip()}" if cut else ""
