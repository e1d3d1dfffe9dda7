"""What `validate` has found before, said again where nothing that it has read is another; failures are never kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.cli.options import Asked, given_stubs, open_workspace, target_is_given
from pipeline_builder.cli.output import say
from pipeline_builder.errors import Problem, render_problem
from pipeline_builder.machine.kept import open_kept
from pipeline_builder.machine.standard import has_mpirun
from pipeline_builder.machine.unchanged import Noted, Tree, are_as_they_were, digest_of, look_at_tree

if TYPE_CHECKING:
    from pipeline_builder.opened import Opened

_KIND = "validated"
_LOCK = "model_repos.lock.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a check has found: its result for machines and for people, the words of its lines, and all that was said on
    the way, with None where the next of these lines was.
    """

    result: Any
    text: str
    lines: Sequence[str] = ()
    said: Sequence[str | None] = ()

    def repeat(self, seconds: float) -> None:
        """Say all of it again; `seconds` are those that it has taken now."""
        from pipeline_builder.views.lines import stage_line

        lines = iter(self.lines)
        for text in self.said:
            say(stage_line("validate", next(lines), seconds) if text is None else text)


class Known:
    """What is known of the things that a command was asked about.

    The manifest, the lock, the env file and the framework file count by their bytes, the checkouts by what the file
    system says of each file, the environment by the variables that were asked for. Whoever looks at anything else on
    this machine (other Pythons, folders that stand for file systems, results of steps) isn't believed to say the same
    again; and AWS is always asked.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.said: list[str | None] = []
        self._kept = open_kept(asked.state)
        self._environment = Noted(dict(os.environ))
        self._key = self._key_now()
        self._tree: Tree | None = None
        self._opened: tuple[Opened, ...] = ()

    def find(self) -> Found | None:
        """Return what was found before; None where nothing was, or where something is another since."""
        entry = self._kept.get(_KIND, self._key) if self._key else None
        if entry is None or digest_of(os.environ, entry["names"]) != entry["values"]:
            return None
        folder = self.asked.manifest.parent / entry["folder"]
        tree = self._tree = look_at_tree(folder)
        if tree is None or tree.stamp != entry["stamp"] or not are_as_they_were(folder, entry["fresh"]):
            return None
        if entry["fresh"] and not tree.fresh:  # from now on each change is told by a time
            self._kept.put(_KIND, self._key, {**entry, "fresh": {}})
        return Found(**entry["found"])

    def open(self) -> tuple[Opened, ...]:
        """Return what is in the workspace, of which all is noted that it reads and says; there is no session to it.

        That is one for each pipeline, or that of the one which was asked for.
        """
        from pipeline_builder.here import looks_elsewhere
        from pipeline_builder.opened import Opened

        main = Opened(open_workspace(self.asked, self._environment), warn=self._warn)
        names = [self.asked.pipeline] if self.asked.pipeline else [one.name for one in main.manifest.pipelines]
        found = []
        for narrowed in map(main.manifest.narrowed, names):
            workspace = main.workspace.narrowed(narrowed.narrowed_to)
            found.append(Opened(workspace, warn=self._warn, manifest=narrowed))
        if self._key and not looks_elsewhere(main.manifest):
            self._opened = tuple(found)
            self._tree = self._tree or look_at_tree(_folder(main))
            for one in found:
                one.before = self._tree
        return tuple(found)

    def say(self, text: str) -> None:
        """Say something, and note that it was said."""
        self.said.append(text)
        say(text)

    def say_line(self, line: str, seconds: float) -> None:
        """Say what was done, and note where it was said."""
        from pipeline_builder.views.lines import stage_line

        self.said.append(None)
        say(stage_line("validate", line, seconds))

    def keep(self, found: Found) -> None:
        """Keep what was found, if all that it was made of is still as it was before."""
        noted, before = self._environment, self._tree
        if not self._opened or before is None or noted.whole or self._key != self._key_now():
            return
        opened = self._opened[-1]
        after = opened.after or look_at_tree(_folder(opened))
        if after is None or after.stamp != before.stamp or not are_as_they_were(_folder(opened), before.fresh):
            return
        from pipeline_builder.workspace import begin_state

        entry = {
            "folder": opened.manifest.training_dir,
            "stamp": before.stamp,
            "fresh": dict(before.fresh),
            "names": sorted(noted.names),
            "values": digest_of(os.environ, noted.names),
            "found": {"result": found.result, "text": found.text, "lines": found.lines, "said": found.said},
        }
        with suppress(OSError):
            begin_state(self.asked.state)
            self._kept.put(_KIND, self._key, entry)

    def _warn(self, problem: Problem) -> None:
        self.say(render_problem(problem))

    def _key_now(self) -> str:
        """Return a digest of what is asked and of the files that are read whole; empty where nothing can be kept."""
        asked = self.asked
        if asked.target != "local" or given_stubs():
            return ""
        files = (asked.manifest, asked.build / _LOCK, asked.framework, *([asked.env_file] if asked.env_file else []))
        about = [str(asked), str(target_is_given()), str(has_mpirun()), _cwd(), *map(_digest, files)]
        return hashlib.sha256("\0".join(about).encode("utf-8", "backslashreplace")).hexdigest()


def _cwd() -> str:
    """Return the current folder, which paths in messages are relative to; one that was deleted has no name."""
    try:
        return os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return ""


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"errno {error.errno}"


def _folder(opened: Opened) -> Path:
    return opened.workspace.root / opened.manifest.training_dir
