"""The fenced blocks of the documentation: where they stand, what they are tagged, which commands are in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.places import ROOT

RUN, AWS, SHOWN = "run", "aws", "shown"
SHELLS = ("bash", "console")
TEMPLATES = sorted(ROOT.glob("templates/**/README*"))
_OPENED = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w-]*)(?: \{(?P<attributes>[^}]*)\})?(?P<rest>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: language and tags of its first line, and its text without the page's indentation."""

    page: Path
    line: int
    language: str
    tags: tuple[str, ...]
    text: str
    rest: str = ""

    @property
    def place(self) -> str:
        """File and line, for messages and test ids."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command with the output that is shown below it; `bash` has commands alone, `console` prompts."""
        lines = self.text.splitlines()
        if self.language == "bash":
            yield from ((command, "") for command in _joined(lines))
            return
        command, output = "", list[str]()
        for line in lines:
            if line.startswith("$ "):
                if command:
                    yield command, "\n".join(output)
                command, output = line[2:], []
            elif line.startswith("> "):
                command += f"\n{line[2:]}"
            else:
                output.append(line)
        yield command, "\n".join(output)


def pages() -> list[Path]:
    """All Markdown that people read."""
    found = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
        ROOT / "benchmarks/README.md",
    ]
    return sorted(path for path in found if "aws-train" not in path.parts)  # where runs check repositories out


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    lines = page.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        opened = _OPENED.match(lines[number])
        number += 1
        if not opened:
            continue
        first, body = number, list[str]()
        while lines[number].strip() != opened["ticks"]:
            body.append(lines[number].removeprefix(opened["indent"]))
            number += 1
        number += 1
        yield Block(
            page=page, line=first, language=opened["language"], rest=opened["rest"], text="\n".join(body) + "\n",
            tags=tuple(re.findall(r"\.([\w-]+)", opened["attributes"] or "")),
        )  # fmt: skip


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def inline(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the commands that stand within a sentence of a page; the changelog tells what was."""
    if page.name == "CHANGELOG.md":
        return
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        inside ^= line.lstrip().startswith("```")
        if not inside:
            found = re.findall(r"`(pipeline-builder [^`]+)`", line)
            yield from ((number, one) for one in found if "[OPTIONS]" not in one)  # how a command is used


def _joined(lines: list[str]) -> Iterator[str]:
    """Yield commands; one may go on in the next line."""
    command = ""
    for line in lines:
        command += line
        if command.endswith("\\"):
            command = command[:-1]
        elif command.strip():
            yield command
            command = ""
        else:
            command = ""
