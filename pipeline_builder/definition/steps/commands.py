"""What a processing container runs: it unpacks the code, installs what that asks for, and becomes the program."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection
from pipeline_builder.definition.handing import INDEX, METRICS, MODULE, is_handed
from pipeline_builder.definition.steps.context import Context, Mapped
from pipeline_builder.definition.steps.data import Placed
from pipeline_builder.definition.steps.merging import merge
from pipeline_builder.descriptions import JSON
from pipeline_builder.errors import InputProblems, Problem

BASE = "/opt/ml/processing"
CODE = f"{BASE}/input/code"
_MOVE = 'd=${f##*=};mkdir -p "$d"&&mv "files/${f%=*}" "$d/"||exit 1'
# Files that came by a manifest are moved to where their source name says, first of all.
_PLACE = f"cd {BASE};for f;do {_MOVE};done;"
_PLACE_FIRST = f'cd {BASE};while f=$1;shift;[ "$f" != -- ];do {_MOVE};done;'
_SHELL = ("/bin/bash", "-c")
_NAME = "bash"  # the one that the shell itself has, before its arguments
# Found before anything on the path: what every Python has in itself, and what it has to have to find the rest. Not what
# the one that validates has besides (`sys.builtin_module_names`): that of the job may be another. `importlib`, `types`:
# what starts a module takes these, in each Python from 3.6 to 3.13, and the script in their place would end it.
_BEFORE_ANY = frozenset((
    "abc", "atexit", "builtins", "codecs", "encodings", "errno", "faulthandler", "gc", "genericpath", "importlib", "io",
    "itertools", "marshal", "os", "posix", "posixpath", "pwd", "runpy", "site", "stat", "sys", "time", "types",
    "zipimport",
))  # fmt: skip
# A folder without '__init__.py' comes after each of these; what is taken out not every Python has, or none on Linux.
_STANDARD = sys.stdlib_module_names - {"compression", "distutils", "imp", "nt", "pipes", "test", "tkinter"}
Job = PreprocessSection | EvaluateSection


def application(context: Context, step: Step, job: Job, placed: Sequence[tuple[Placed, str]]) -> Mapped:
    """Return `ContainerEntrypoint`, and `ContainerArguments` where there are some.

    `placed` are the files to be moved, each with the folder that its own is in. The service takes 256 characters in
    each text. A script without arguments is called by the one text that has always been composed for it, because
    another would be another step to the cache; otherwise the program is in texts of its own, and gets the request's
    arguments behind them, those of `arguments:` too.
    """
    pairs: list[JSON] = [_pair(file, folder) for file, folder in placed]
    arguments: list[JSON] = [context.text(value) for value in job.args]
    given: Mapped = {"ContainerArguments": arguments} if arguments else {}
    own = _own(step, job)
    if "ContainerEntrypoint" in own:
        if placed:
            raise _not_placed(step)
        return given
    _refuse_module(step, job)
    setup = _setup(context, step, job)
    if step.step_class == "Processing" and _is_module(job) and not given and "ContainerArguments" not in own:
        place = _PLACE if placed else ""
        given = {"ContainerArguments": [_NAME, *pairs]} if placed else {}
        return {"ContainerEntrypoint": [*_SHELL, f"{place}{setup}exec {shlex.join(_words(job))}"], **given}
    place, files = (_PLACE_FIRST, [*pairs, "--"]) if placed else ("", [])
    words: list[JSON] = [*_report(step, job), *_words(job)]
    return {"ContainerEntrypoint": [*_SHELL, f'{place}{setup}exec "$@"', _NAME, *files, *words], **given}


def _setup(context: Context, step: Step, job: Job) -> str:
    """Return what is done before the program starts, each with `&& ` behind it."""
    if job.codeartifact:
        _refuse_file(step, INDEX, "what installs from CodeArtifact")
    program = INDEX if job.codeartifact else "-m pip install -r requirements.txt"
    install = f"python {program} && " if step.name in context.requirements else ""
    runnable = "" if _is_module(job) else f"chmod +x {shlex.quote(job.entry_point)} && "
    return f"cd {CODE} && tar -xzf sourcedir.tar.gz && {install}{runnable}"


def program(job: Job) -> str:
    """Return the words of the script itself, for who starts it in the job: `-m <module>`, or its file."""
    return f"-m {shlex.quote(_module(job))}" if _is_module(job) else shlex.quote(f"./{job.entry_point}")


def _words(job: Job) -> list[str]:
    if is_handed(job):
        return ["python", "-m", MODULE]
    if _is_module(job):
        return ["python", "-m", _module(job)]
    return [f"./{job.entry_point}"]


def _is_module(job: Job) -> bool:
    """Tell a script of Python, which runs as a module; a shell's, or any other file, runs as a program."""
    return job.entry_point.endswith(".py")


def _module(job: Job) -> str:
    return _module_of(job.entry_point)


@functools.lru_cache(maxsize=1000)  # models begin as copies of each other, with scripts of the same names
def _module_of(entry_point: str) -> str:
    return ".".join(PurePosixPath(entry_point).with_suffix("").parts)


def _refuse_module(step: Step, job: Job) -> None:
    """Refuse a script whose name Python finds no module by, or finds one of its own by: that one would run, or none."""
    if not _is_module(job):
        return
    first, *others = PurePosixPath(job.entry_point).with_suffix("").parts
    hint = "give it another name"
    if dotted := next((part for part in (first, *others) if "." in part), None):
        fault = f"'{dotted}' has a '.' in it"
    elif first in _BEFORE_ANY:
        fault = f"'{first}' is a module that Python has loaded before"
    elif others and first in _STANDARD and not (step.unit.source_directory / first / "__init__.py").exists():
        fault = f"'{first}' is in Python's standard library"
        hint += (
            f"; with an '__init__.py' in '{first}' it would be found, in place of Python's, by all that imports that"
        )
    else:
        return
    message = f"step '{step.name}': the entry point '{job.entry_point}' can't run as a module: {fault}"
    raise InputProblems(Problem(id="PB276", message=message, place=step.section_place("entry_point"), hint=hint))


def _report(step: Step, job: Job) -> list[str]:
    """Return what a Metrics step's program runs under: the step fails where it leaves no report."""
    if step.step_class != "Metrics" or not isinstance(job, EvaluateSection):
        return []
    _refuse_file(step, METRICS, "what looks for the report")
    return ["bash", METRICS, BASE, f"{_output_path(step, job).rstrip('/')}/{job.file}"]


def _refuse_file(step: Step, name: str, what: str) -> None:
    if (step.unit.source_directory / name).exists():
        message = f"step '{step.name}': its code has a file '{name}', which is the name of {what}"
        place = step.section_place("entry_point")
        raise InputProblems(Problem(id="PB252", message=message, place=place, hint="give the file another name"))


def _output_path(step: Step, job: EvaluateSection) -> str:
    """Return where the report's output is taken from: `arguments:` may say another folder than the section."""
    config = _member(_over(step, job), "ProcessingOutputConfig")
    outputs = config.get("Outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("OutputName") == job.output_name:
            path = _member(output, "S3Output").get("LocalPath")
            return path if isinstance(path, str) else job.output_path
    return job.output_path


def _pair(file: Placed, folder: str) -> str:
    return f"{file.path}={f'{folder}/{file.source_name}'.removeprefix(f'{BASE}/')}"


def _own(step: Step, job: Job) -> Mapped:
    """Return what `arguments:` say of the program and its arguments."""
    given = _member(_over(step, job), "AppSpecification")
    return {name: value for name, value in given.items() if value}


def _over(step: Step, job: Job) -> JSON:
    """Return what `arguments:` of the section, and then of the step, put over the request."""
    return merge(merge({}, job.arguments), step.asked.arguments)


def _member(value: JSON, name: str) -> Mapped:
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _not_placed(step: Step) -> InputProblems:
    message = (
        f"step '{step.name}' has an entry point of its own in 'arguments', and more data files than a processing job "
        "takes inputs: nobody would put the files of its manifest where their names say"
    )
    hint = "leave 'ContainerEntrypoint' out, or name a common folder instead of single files"
    return InputProblems(Problem(id="PB251", message=message, place=step.section_place("channels"), hint=hint))
