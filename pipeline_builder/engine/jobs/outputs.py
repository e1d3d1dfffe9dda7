"""What a job has left in its folders: kept in the store, without following a link; what isn't kept is said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_builder.engine.jobs.archives import pack
from pipeline_builder.engine.jobs.logs import append_line
from pipeline_builder.engine.jobs.paths import OPT_ML
from pipeline_builder.engine.state.objects import delete_object
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems
from pipeline_builder.inert import inert_line
from pipeline_builder.machine.refusals import refusal
from pipeline_builder.machine.tree import Survey, Tree, render_some, survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Keeps what is below `folder/ml`; what it leaves out goes to the job's log and to `observe`."""

    folder: Path
    store: LocalStore
    observe: Callable[[str], None]
    private: bool = False

    def upload(self, path: str, uri: str, *, last: bool = False) -> None:
        """Write each file of a folder, named by its path in the job, under an address.

        With `last` the job has ended, and the folder isn't looked into again: of an isolated job, of which nothing is
        left that could write, the files are moved.

        Raises:
            InputProblems: what `survey` and `opened` refuse; the job's step fails.
        """
        tree = self.tree(path)
        found = survey(tree)
        self.store.upload(tree, found, uri, last=last and self.private)
        self.say_left_out(tree, found)

    def upload_named(self, path: str, names: Sequence[str], uri: str) -> None:
        """Write those of a folder's files that have one of these names under an address, as the last of the job."""
        tree = self.tree(path)
        found = survey(tree)
        wanted = set(names)
        files = [name for name in found.files if name in wanted]
        self.store.upload(tree, Survey(files=files), uri, last=self.private)

    def archive(self, path: str, uri: str, *, empty: bool = True) -> None:
        """Write a folder's files as an archive; without `empty` only where there are any."""
        tree = self.tree(path)
        found = survey(tree)
        if found.files or empty:
            with self.store.writing(uri) as file:
                pack(tree, found, file)
        self.say_left_out(tree, found)

    def attempt(self, path: str, keep: Callable[[], None]) -> None:
        """Keep a folder of a job that has come to a bad end already; where it can't be kept, that is said."""
        try:
            keep()
        except (InputProblems, OSError) as error:
            why = str(error if isinstance(error, InputProblems) else refusal(error))
            self.say(f"{path} could not be kept: {why}")

    def forget(self, uri: str) -> None:
        """Delete what the job has deleted; data of a mounted folder stays."""
        with contextlib.suppress(PermissionError):
            delete_object(self.store, uri)

    def tree(self, path: str) -> Tree:
        """Return a folder, named by its path in the job."""
        below = "/".join(Path(path).parts[len(Path(OPT_ML).parts) :])
        return Tree(root=self.folder / "ml", below=below, shown=path)

    def say_missing(self, uri: str, left_out: Sequence[str]) -> None:
        """Say what an input hasn't brought along."""
        if left_out:
            self.say(f"left out of the input '{uri}': {render_some(left_out)}")

    def say_left_out(self, tree: Tree, found: Survey) -> None:
        """Say what of a folder isn't kept."""
        if found.left_out:
            self.say(f"left out of {tree.shown}, because only files are kept: {render_some(found.left_out)}")

    def say(self, line: str) -> None:
        """Say something about the job, in its log and to whoever watches."""
        append_line(self.folder / "log.txt", inert_line(line, 2000))
        self.observe(inert_line(line, 2000))
