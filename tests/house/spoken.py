"""Commands of the documentation as the programs would read them: none is run, each option and argument has to fit."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import botocore.session
import click
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from pipeline_builder.cli import main
from tests.places import ROOT

# What stands in a command for something of the reader's own.
_PLACEHOLDER = re.compile(r"<([a-z][a-z ]*)>")
# Programs of others: that they are there is the reader's matter.
_OTHERS = {"cd", "export", "sleep", ".", "git", "jq", "python", "python3", "ssh", "ssh-keygen", "mkdir", "perl", "cat", "echo",
           "docker", "xdg-open", "./serve-it"}  # fmt: skip
# Of AWS's command line what is no operation of a service.
_ABOVE_SERVICES = {("s3", "cp"), ("sso", "login")}
_ENDS = {"&&", "||", ";", "&", "|"}


class UntrueError(Exception):
    """A command that nothing would take."""


def check_line(line: str) -> None:
    """Look at every command of a line.

    Raises:
        UntrueError: what isn't there, or doesn't fit.
    """
    for words in simple_commands(line):
        check(words)


def simple_commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line of shell, without variables before them, redirections and comments."""
    reader = shlex.shlex(_PLACEHOLDER.sub("PLACEHOLDER", line), posix=True, punctuation_chars=True)
    reader.wordchars += "…$:,[]{}@+%^!"
    words: list[str] = []
    skip = False
    for word in [*reader, ";"]:
        if word in _ENDS:
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words:
                yield words
            words = []
        elif set(word) <= set("<>&") or skip:
            skip = not skip  # the word after it is a file
        else:
            words.append(word)


def check(words: Sequence[str]) -> None:
    """Look at one command."""
    name, arguments = words[0], words[1:]
    if Path(name).name == "pipeline-builder":
        check_own(arguments)
    elif name == "aws":
        check_aws(arguments)
    elif name.startswith("scripts/") or (Path(name).name == "python" and arguments[0].endswith(".py")):
        check_script(name if name.startswith("scripts/") else arguments[0], arguments)
    elif name not in _OTHERS and Path(name).name not in _OTHERS:
        raise UntrueError(f"nobody knows the program '{name}'")


def check_own(arguments: Sequence[str]) -> None:
    """Let the command line read its arguments; a variable that `--env` takes from the reader's surroundings is there."""
    with_value = [f"{word}=x" if before == "--env" and "=" not in word else word
                  for before, word in zip(["", *arguments], arguments, strict=False)]  # fmt: skip
    arguments = with_value
    if not arguments or arguments[0].startswith("-"):
        _parsed(main, arguments)
        return
    command = main.commands.get(arguments[0])
    if command is None:
        raise UntrueError(f"there is no command '{arguments[0]}'")
    _parsed(command, arguments[1:])


def _parsed(command: click.Command, arguments: Sequence[str]) -> None:
    try:
        command.make_context(str(command.name), list(arguments))
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        pass
    except click.UsageError as error:
        if "does not exist" not in error.message:  # the file is the reader's
            raise UntrueError(f"{command.name} {shlex.join(arguments)}: {error.format_message()}") from error


def check_aws(arguments: Sequence[str]) -> None:
    """Hold a call against botocore's model of the service: the operation and the options are there."""
    service, operation, *rest = arguments
    if (service, operation) in _ABOVE_SERVICES:
        return
    known = _operations(service)
    if operation not in known:
        raise UntrueError(f"{service} has no operation '{operation}'")
    options = {word for word in rest if word.startswith("--")}
    if unknown := options - known[operation] - {"--region", "--output", "--query", "--profile"}:
        raise UntrueError(f"{service} {operation} has no {', '.join(sorted(unknown))}")


@functools.cache
def _operations(service: str) -> dict[str, set[str]]:
    """Return the operations of a service as AWS's command line spells them, with their options."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError as error:
        raise UntrueError(f"AWS has no service '{service}'") from error
    spelled = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        spelled[xform_name(name, "-")] = {f"--{xform_name(one, '-')}" for one in (shape.members if shape else ())}
    return spelled


def check_script(name: str, arguments: Sequence[str]) -> None:
    """Look whether the project's own script is there, and knows its options; those of `up` pass through `scripts/run`."""
    script = ROOT / name
    if not script.exists():
        raise UntrueError(f"there is no '{name}'")
    if name == "scripts/run":
        check_own(["up", *(word for word in arguments if word not in ("--all", "--scoring"))])
        return
    if name == "scripts/soak" and not (script.parent / f"soak_{''.join(arguments[:1])}.py").exists():
        raise UntrueError(f"'{name}' has no part '{' '.join(arguments[:1])}'")
    source = script.read_text("utf-8")
    source += "".join(
        (script.parent / f"{one}.py").read_text("utf-8") for one in re.findall(r"^from (beside) ", source, re.MULTILINE)
    )
    for folder in re.findall(r"-m (\w+)|scripts/(\w+)/running\.py", source):
        source += "".join(
            path.read_text("utf-8") for path in (ROOT / (folder[0] or f"scripts/{folder[1]}")).glob("*.py")
        )
    for option in (word for word in arguments if word.startswith("-")):
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", source):
            raise UntrueError(f"'{name}' has no option '{option}'")
