"""Watch: look where the repositories' revisions stand, again and again, and start a run for what moved.

What a run was made of is noted after it has ended, and only then is told how. So a watch that is killed in the middle
does the same run again, which goes on where that one was; and however often a push is announced or seen, there is one
run for it, of which no other watch begins anew once somebody was told.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.heads import (
    Handled,
    Head,
    Inputs,
    find_moves,
    note,
    parse_handled,
    render_handled,
    render_move,
)
from pipeline_builder.checkout.keys import remote_of
from pipeline_builder.checkout.remotes import fetch_heads
from pipeline_builder.errors import ExitCode, PipelineBuilderError
from pipeline_builder.gitops.alone import FOLDER
from pipeline_builder.gitops.surroundings import Ran, Surroundings
from pipeline_builder.gitops.triggers import Triggers
from pipeline_builder.machine.deadline import whole
from pipeline_builder.machine.streams import write_file
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.workspace import Workspace, open_keys

LONGEST_PAUSE = 900.0
"""Seconds until a repository that doesn't answer, or a run that failed, is tried again, at the most."""
_ANSWER = 60.0
_MOST_ONCE = 20
"""Runs of one look that begin one after the other, each of what the one before has led to."""
# The remote answers, and what it says may change any time: it is asked at each look.
_ANSWERED = ("PB152", "PB156")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """Something that failed so many times in a row, is not to be tried before `again`, and how it failed."""

    times: int
    again: float
    what: str = ""
    exit_code: int = 0


class Watch:
    """A watch over the repositories of a manifest. `interval` is in seconds; `state` is the folder of the state.

    Raises:
        PipelineBuilderError: where the manifest is broken from the start, so that there is no good one to go on with.
    """

    def __init__(self, around: Surroundings, *, state: Path, interval: float, retry_failed: bool) -> None:
        self.around = around
        self.noted = state / FOLDER / "heads.json"
        self.interval = interval
        self.retry_failed = retry_failed
        self.handled = _load_handled(self.noted)
        self.tried = self.handled.inputs if self.handled else None
        self.failed: _Failed | None = None
        if self.handled and self.handled.code:
            self.failed = _Failed(times=1, again=around.clock.now(), exit_code=self.handled.code)
        self.known = dict(self.handled.inputs.heads) if self.handled else {}
        self.troubles: dict[str, _Failed] = {}
        self.waiting: tuple[str, ...] = ()
        self.running = False
        self.ran = 0
        self.files = self.seen = self.digests()
        self.loaded = around.load()
        self.triggers = None
        if besides := around.besides:
            self.triggers = Triggers(around, besides, state=state, pause=self.pause, retry_failed=retry_failed)

    def loop(self) -> NoReturn:
        """Look for ever; after a run at once, as somebody may have pushed meanwhile."""
        clock = self.around.clock
        while True:
            if self.look() is None:
                clock.sleep(self.interval * clock.jitter(0.9, 1.1))

    def once(self) -> int:
        """Look once; return the run's exit code, and where all is well, that of a repository that didn't answer.

        What a run leads to, such as a training that scores ask for, is done too.
        """
        codes = [self.look() or 0]
        while self.triggers and (code := self.look_besides()) is not None and len(codes) < _MOST_ONCE:
            codes.append(code)
        code = next((code for code in codes if code), 0)
        silent = [trouble.exit_code for trouble in self.troubles.values()]
        return code or next(filter(None, (*silent, self.triggers.exit_code if self.triggers else 0)), 0)

    def look(self) -> int | None:
        """Look, and run where something differs from what the last run was made of; None where nothing ran."""
        self.reload()
        inputs = self.inputs()
        if inputs is None or not self.is_due(inputs):
            return self.look_besides()
        if self.triggers:
            self.triggers.begin(self.loaded)
        for words in self.reasons(inputs):
            self.around.say(words)
        self.running = True
        ran = self.around.run(self.loaded, inputs)
        return self.ended(ran, lambda: self.note(inputs, ran.code))

    def look_besides(self) -> int | None:
        """Look for what starts a pipeline besides pushes, and run that; None where nothing ran, or nothing has yet."""
        besides, handled = self.around.besides, self.handled
        pending = self.triggers.find(self.loaded, handled) if self.triggers and handled else None
        if not (pending and besides and handled):
            return None
        self.around.say(f"{pending.due.pipeline}: {pending.due.cause}")
        self.running = True
        ran = besides.start(self.loaded, handled.inputs, pending.due)
        return self.ended(ran, lambda: pending.note(ran.code))

    def ended(self, ran: Ran, note: Callable[[], None]) -> int:
        """Note how a run has ended, and then tell it; both, or neither where this is killed."""
        try:
            with whole(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                note()
                self.running = False
                self.ran += 1
        finally:
            ran.tell()
        return ran.code

    # --- the files

    def digests(self) -> dict[str, str]:
        """Return what tells one state of each file from another; empty for one that isn't there."""
        by_content = {path.name: _sha256(path) for path in self.around.files}
        return by_content | {path.name: _stamp(path) for path in self.around.private}

    def reload(self) -> None:
        """Read the files where they changed; while they are broken, the last good ones stay in use."""
        found = self.digests()
        if found == self.seen:
            return
        broken, self.seen = self.seen != self.files, found
        try:
            self.loaded = self.around.load()
        except PipelineBuilderError as error:
            self.around.report(error.problems)
            self.around.say("the files as they were stay in use until this is mended")
            return
        if broken:
            self.around.say("the files are in order again")
        self.files = found
        self.troubles.clear()

    # --- the repositories

    def inputs(self) -> Inputs | None:
        """Return what a run would be made of now; None while a repository hasn't been reached even once.

        One that can't be reached, or has lost its branch, stays where it was: the others go on.
        """
        repos = self.loaded.manifest.repos
        self.ask([repo for repo in repos if self.is_to_ask(repo)])
        heads = {repo.name: head for repo in repos if (head := self.known_head(repo))}
        missing = tuple(repo.name for repo in repos if repo.name not in heads)
        if missing and missing != self.waiting:
            self.around.say(f"nothing can run before these have been reached: {', '.join(missing)}")
        self.waiting = missing
        return None if missing else Inputs(files=self.files, heads=heads)

    def is_to_ask(self, repo: Repo) -> bool:
        trouble = self.troubles.get(repo.name)
        return trouble is None or self.around.clock.now() >= trouble.again

    def known_head(self, repo: Repo) -> Head | None:
        head = self.known.get(repo.name)
        return head if head and (head.url, head.revision) == (repo.url, repo.revision) else None

    def ask(self, repos: list[Repo]) -> None:
        found = look_up(self.loaded.workspace, repos)
        for repo in repos:
            head = found[repo.name]
            if isinstance(head, PipelineBuilderError):
                self.trouble(repo, head)
                continue
            self.known[repo.name] = head
            if self.troubles.pop(repo.name, None):
                self.around.say(f"{repo.name}: {repo.revision} is there again")

    def trouble(self, repo: Repo, error: PipelineBuilderError) -> None:
        """Say a trouble once, not at each look, and leave the repository alone for a while, longer each time."""
        before = self.troubles.get(repo.name)
        what = error.problems[0].id
        times = before.times + 1 if before else 1
        again = self.around.clock.now() + (0 if what in _ANSWERED else self.pause(times))
        self.troubles[repo.name] = _Failed(times=times, again=again, what=what, exit_code=error.exit_code)
        if before and before.what == what:
            return
        self.around.report(error.problems)
        if head := self.known_head(repo):
            self.around.say(f"{repo.name}: stays at {head.commit[:7]} until {repo.revision} is there again")

    def pause(self, times: int) -> float:
        """Return how long to wait after so many failures: twice as long each time, a bit at random."""
        longest = max(LONGEST_PAUSE, self.interval)
        return min(self.interval * 2.0 ** min(times - 1, 30), longest) * self.around.clock.jitter(0.8, 1.0)

    # --- the runs

    def is_due(self, inputs: Inputs) -> bool:
        """Tell whether there is something to run: what differs, or a failure that is worth another try."""
        if self.tried is None or self.counted(inputs) != self.counted(self.tried):
            return True
        if self.failed is None or not self.is_to_retry(self.failed.exit_code):
            return False
        return self.around.clock.now() >= self.failed.again

    def is_to_retry(self, code: int) -> bool:
        """Tell whether the same inputs may end better another time: where something outside failed, they may."""
        return code == ExitCode.OUTSIDE or self.retry_failed

    def counted(self, inputs: Inputs) -> tuple[object, object]:
        """Return what of the inputs starts a run: all but repositories with the trigger 'none'."""
        starting = {repo.name for repo in self.loaded.manifest.repos if repo.trigger.kind != "none"}
        return dict(inputs.files), {name: head for name, head in inputs.heads.items() if name in starting}

    def reasons(self, inputs: Inputs) -> Iterator[str]:
        before = self.handled.inputs if self.handled else None
        for name, digest in inputs.files.items():
            if before and before.files.get(name, "") != digest:
                yield f"{name} changed"
        yield from map(render_move, find_moves(self.handled, inputs.heads))
        if self.tried == inputs and self.failed:
            yield f"the last run of this failed with exit code {self.failed.exit_code}: another try"

    def note(self, inputs: Inputs, code: int) -> None:
        """Note what the run was made of and how it ended: another watch tries again what this one would."""
        times = self.failed.times + 1 if self.failed and self.tried == inputs else 1
        self.tried = inputs
        self.failed = None
        if code:
            again = self.around.clock.now() + self.pause(times)
            self.failed = _Failed(times=times, again=again, exit_code=code)
        self.handled = note(self.handled, inputs, code)
        write_file(self.noted, render_handled(self.handled))


def look_up(workspace: Workspace, repos: Sequence[Repo]) -> dict[str, Head | PipelineBuilderError]:
    """Return where each repository stands now, or why that can't be told; what opens them is read anew each time."""
    git = Git(environment=workspace.environment, timeout=_ANSWER)
    keys = open_keys(workspace)
    return fetch_heads(repos, git, lambda repo: remote_of(repo, keys))


def _load_handled(path: Path) -> Handled | None:
    try:
        return parse_handled(path.read_bytes())
    except OSError:
        return None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns}:{found.st_size}"
