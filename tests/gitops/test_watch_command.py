"""`pipeline-builder watch`, in real processes: pushes become trained models, however it is ended in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.checkout.repositories import git, make_repository
from tests.doors import Door
from tests.forking import Process
from tests.serve.serving import until
from tests.tiny import CONF, EVALUATE, TRAIN, write_model
from tests.workspaces import MANIFEST, Workspace, make_workspace

QUICK = ("--interval", "0.2")
LONGEST_ANSWER = 60  # seconds that a look gives git


class Watching:
    """A watch that runs; `out` and `err` are its lines so far."""

    def __init__(self, process: Process | subprocess.Popen[str]) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [self._read(process.stdout, self.out), self._read(process.stderr, self.err)]

    def close(self) -> None:
        self.end()

    @staticmethod
    def _read(stream: IO[str], lines: list[str]) -> threading.Thread:
        thread = threading.Thread(target=lambda: lines.extend(stream))
        thread.start()
        return thread

    def has_said(self, words: str) -> None:
        """Wait until it has said so on stderr."""
        until(lambda: any(words in line for line in self.err) or self._ended(words))

    def results(self, number: int) -> list[Any]:
        """Wait for so many results, which it writes with --json, and return them."""
        until(lambda: len(self.out) >= number or self._ended(f"{number} results"))
        return [json.loads(line) for line in self.out]

    def _ended(self, words: str) -> bool:
        assert self.process.poll() is None, f"ended without '{words}': {''.join(self.err)}"
        return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code; where it doesn't end, it is killed, and nothing of it is left open."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(number)
            code = self.process.wait(timeout=60)
        finally:
            self._close()
        assert "Traceback" not in "".join(self.err), "".join(self.err)
        return code

    def _close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join(60)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@contextmanager
def watching(workspace: Workspace, *arguments: str, anew: dict[str, str] | None = None) -> Iterator[Watching]:
    """Watch; with variables that count when a process begins, `anew` in a Python of its own."""
    given = ("watch", *QUICK, "--json", *arguments)
    process = workspace.start(*given) if anew is None else _started_anew(workspace, given, anew)
    with closing(Watching(process)) as found:
        yield found


def _started_anew(workspace: Workspace, given: tuple[str, ...], variables: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        workspace.command(*given), cwd=workspace.root, env=workspace.environment(**variables), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The remote is a bare repository; what the test commits goes there by a real push."""
    made = make_workspace(tmp_path / "workspace", manifest=MANIFEST.replace("remotes/churn", "bare/churn.git"))
    git(made.root, "clone", "--quiet", "--bare", str(made.remote), "bare/churn.git")
    git(made.remote, "remote", "add", "origin", str(made.root / "bare" / "churn.git"))
    return made


def push(workspace: Workspace, name: str, text: str) -> str:
    new = workspace.push(name, text)
    git(workspace.remote, "push", "--quiet", "origin", "main")
    return new


def history(workspace: Workspace) -> tuple[list[str], list[str]]:
    """The status of each execution and each approval, newest first."""
    found = workspace.call("history", "--json").json
    return [e["status"] for e in found["executions"]], [a["after"] for a in found["approvals"]]


ENDLESS = "import time\ntime.sleep(300)\n"


def processes_of(path: Path) -> list[str]:
    """The processes that have this path in their arguments or are in that folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            inside = (entry / "cwd").resolve().is_relative_to(path)
        except OSError:
            continue
        if str(path) in command or inside:
            found.append(command)
    return found


@pytest.mark.long
def test_a_push_becomes_a_model(workspace: Workspace) -> None:
    with watching(workspace, "--approve", "--comment", "by the watch") as watch:
        (first,) = watch.results(1)
        new = push(workspace, "scripts/train.py", TRAIN + "# another\n")
        second = watch.results(2)[1]
        assert (first["code"], second["code"], second["heads"]) == (0, 0, {"churn": new})
        assert [package["status"] for package in second["packages"]] == ["Approved"]
        time.sleep(0.8)
        assert len(watch.out) == 2
    assert watch.process.returncode == 0
    assert "ended; what is pushed meanwhile is seen at the next start" in watch.err[-1]
    assert history(workspace) == (["Succeeded"] * 2, ["Approved"] * 2)
    record = json.loads((workspace.root / "build" / "run.json").read_text())
    assert record["repos"][0]["commit"] == new
    assert record["packages"][0]["approval_description"].startswith("approved by ada: by the watch")


@pytest.mark.long
def test_without_being_asked_it_approves_nothing(workspace: Workspace) -> None:
    ended = workspace.run("watch", "--once")
    assert (ended.code, "waits for your decision" in ended.out) == (0, True), ended.err
    assert history(workspace) == (["Succeeded"], [])


@pytest.mark.long
def test_restarted_it_sees_what_was_pushed_meanwhile_and_nothing_twice(workspace: Workspace) -> None:
    with watching(workspace) as watch:
        watch.results(1)
    with watching(workspace) as watch:
        time.sleep(0.8)
        assert watch.out == []
    new = push(workspace, "scripts/train.py", TRAIN + "# another\n")
    with watching(workspace) as watch:
        assert watch.results(1)[0]["heads"] == {"churn": new}
    assert history(workspace)[0] == ["Succeeded"] * 2


@pytest.mark.long
def test_killed_in_the_middle_of_a_run_it_goes_on(workspace: Workspace, door: Door) -> None:
    push(workspace, "scripts/train.py", door.wait + TRAIN)
    with closing(Watching(workspace.start("watch", *QUICK, "--json"))) as watch:
        watch.has_said("churn-Train        Executing")
        os.killpg(watch.process.pid, signal.SIGKILL)
        assert watch.end() == -signal.SIGKILL
    door.open()
    with watching(workspace) as watch:
        assert watch.results(1)[0]["code"] == 0
        assert "continuing execution" in "".join(watch.err)
    assert history(workspace)[0] == ["Succeeded"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_in_the_middle_of_a_run_its_jobs_end(workspace: Workspace, number: signal.Signals, door: Door) -> None:
    door.open()
    push(workspace, "scripts/train.py", door.enter + ENDLESS)
    with closing(Watching(workspace.start("watch", *QUICK))) as watch:
        until(door.knocked)
        assert watch.end(number) == 130
    assert watch.err[-1] == "interrupted; the same command goes on from here\n"
    assert processes_of(workspace.root) == []
    push(workspace, "scripts/train.py", TRAIN)
    assert workspace.run("watch", "--once").code == 0


@pytest.mark.long
def test_a_run_that_takes_too_long_fails_and_the_watch_goes_on(workspace: Workspace) -> None:
    push(workspace, "scripts/train.py", ENDLESS)
    with watching(workspace, "--timeout", "0.05") as watch:
        (first,) = watch.results(1)
        assert first["code"] == 5
        watch.has_said("PB444")
        push(workspace, "scripts/train.py", TRAIN)
        assert watch.results(2)[1]["code"] == 0
    assert processes_of(workspace.root) == []


@pytest.mark.long
def test_what_is_broken_is_said_and_mended_by_a_push(workspace: Workspace) -> None:
    push(workspace, "conf/conf.yaml", CONF.replace("step_class: Training", "step_class: Trainin"))
    with watching(workspace) as watch:
        (first,) = watch.results(1)
        assert (first["code"], [problem["id"] for problem in first["problems"]]) == (1, ["PB204"])
        time.sleep(0.8)
        assert len(watch.out) == 1
        push(workspace, "scripts/train.py", "raise SystemExit('no')\n")
        push(workspace, "conf/conf.yaml", CONF)
        until(lambda: watch.results(2)[-1]["code"] != 1)  # the two pushes may have come as two
        second = watch.results(2)[-1]
        assert (second["code"], second["status"]) == (5, "Failed")
        count = len(watch.out)
        push(workspace, "scripts/train.py", TRAIN)
        assert watch.results(count + 1)[-1]["code"] == 0


@pytest.mark.long
def test_a_failed_run_is_not_repeated_unless_asked(workspace: Workspace, door: Door) -> None:
    push(workspace, "scripts/train.py", door.enter + TRAIN)
    assert workspace.run("watch", "--once").code == 5
    ended = workspace.run("watch", "--once")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("nothing moved since the last run, which failed with exit code 5\n")
    assert workspace.run("watch", "--once", "--retry-failed").code == 5
    door.open()
    assert workspace.run("watch", "--once", "--retry-failed").code == 0
    assert workspace.run("watch", "--once", "--retry-failed").out == "nothing moved\n"


@pytest.mark.long
def test_a_remote_that_is_away_for_a_while(workspace: Workspace) -> None:
    bare = workspace.root / "bare" / "churn.git"
    with watching(workspace) as watch:
        watch.results(1)
        bare.rename(workspace.root / "away")
        watch.has_said("PB151 the repository 'churn' cannot be reached")
        watch.has_said("churn: stays at")
        (workspace.root / "away").rename(bare)
        new = push(workspace, "scripts/train.py", TRAIN + "# another\n")
        assert watch.results(2)[1]["heads"] == {"churn": new}
        assert "".join(watch.err).count("PB151") == 1


@pytest.mark.long
def test_while_a_remote_is_away_the_others_go_on(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("churn\n", "churn\n  - url: remotes/fraud\n", 1).replace("{", "{local/fraud: data, ")
    models, _, steps = CONF.partition("  sagemakerPipeline:\n")
    _, _, of_churn = steps.partition("    models:\n")
    both = CONF + of_churn.replace("churn", "fraud")  # one pipeline, which is in the conf of one of them
    workspace = make_workspace(tmp_path / "workspace", conf=both, manifest=manifest)
    fraud = workspace.root / "remotes" / "fraud"
    write_model(fraud, models.replace("churn", "fraud"))
    for script in (fraud / "scripts").iterdir():
        script.write_text(script.read_text().replace("churn-", "fraud-").replace("CHURN-", "FRAUD-"))
    make_repository(fraud)
    first = workspace.run("watch", "--once", "--json")
    assert first.code == 0, first.err
    fraud.rename(workspace.root / "away")
    new = workspace.push("scripts/train.py", TRAIN + "# another\n")
    second = workspace.run("watch", "--once", "--json")
    assert second.code == 4, second.err  # of the repository that is away
    assert (second.json["code"], second.json["status"]) == (0, "Succeeded")
    assert second.json["heads"] == {"churn": new, "fraud": first.json["heads"]["fraud"]}


@pytest.mark.long
def test_a_manifest_that_is_broken_and_mended(workspace: Workspace) -> None:
    path = workspace.root / "model_repos.yaml"
    good = path.read_text()
    with watching(workspace) as watch:
        watch.results(1)
        path.write_text(good + "schedule: []\n")
        watch.has_said("the files as they were stay in use until this is mended")
        new = push(workspace, "scripts/train.py", TRAIN + "# another\n")
        assert watch.results(2)[1]["heads"] == {"churn": new}
        path.write_text(good)
        watch.has_said("the files are in order again")


@pytest.mark.long
def test_there_is_one_at_a_time(workspace: Workspace) -> None:
    with watching(workspace) as watch:
        watch.results(1)
        second = workspace.run("watch")
        assert second.code == 3, second.err
        assert f"PB680 another watch has this state: process {watch.process.pid} on " in second.err
        once = workspace.run("watch", "--once")
        assert (once.code, once.out) == (0, ""), once.err
        assert "nothing done: another watch has this state" in once.err
    assert workspace.run("watch", "--once").out == "nothing moved\n"


@pytest.mark.long
def test_two_that_cron_starts_at_the_same_time(workspace: Workspace, door: Door) -> None:
    push(workspace, "scripts/train.py", door.wait + TRAIN)
    first = workspace.start("watch", "--once")
    until(lambda: "churn-Train" in workspace.call("status").out)
    second = workspace.run("watch", "--once")
    door.open()
    out, err = first.communicate(timeout=300)
    assert (first.returncode, second.code) == (0, 0), err
    assert "nothing done" in second.err
    assert "Succeeded" in out
    assert history(workspace)[0] == ["Succeeded"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_while_a_server_does_not_answer(workspace: Workspace, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/churn.git"
        (workspace.root / "model_repos.yaml").write_text(MANIFEST.replace("remotes/churn", url))
        server.settimeout(60)
        with closing(Watching(workspace.start("watch", *QUICK))) as watch, server.accept()[0]:
            begun = time.monotonic()
            assert watch.end(number) == 0
            assert time.monotonic() - begun < LONGEST_ANSWER / 2  # it doesn't wait for git's own patience to end
    assert processes_of(workspace.root) == []


@pytest.mark.long
def test_one_look_for_machines(workspace: Workspace) -> None:
    first = workspace.run("watch", "--once", "--json").json
    assert (first["code"], first["status"], len(first["packages"])) == (0, "Succeeded", 1)
    assert workspace.run("watch", "--once", "--json").json == {"code": 0}
    (workspace.root / "bare").rename(workspace.root / "away")
    assert workspace.run("watch", "--once", "--json").code == 4


def test_without_a_manifest(workspace: Workspace) -> None:
    (workspace.root / "model_repos.yaml").unlink()
    ended = workspace.run("watch")
    assert (ended.code, "PB100" in ended.err) == (1, True)


@pytest.mark.long
def test_a_watch_that_goes_on_for_long_does_not_grow(workspace: Workspace) -> None:
    """Measured in one arena: malloc has one for each of many threads, which fill up over some thirty runs."""
    sizes = []
    with watching(workspace, anew={"MALLOC_ARENA_MAX": "1"}) as watch:
        folder = Path(f"/proc/{watch.process.pid}")
        for number in range(1, 31):
            assert watch.results(number)[-1]["code"] == 0
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            counts = [len(list((folder / name).iterdir())) for name in ("fd", "task")]
            sizes.append((int(status["VmRSS"].split()[0]), *counts))
            push(workspace, "scripts/evaluate.py", f"{EVALUATE}# {number}\n")
    # SQLite keeps 2,000 KiB of a state, which grows with each run; a collector that is kept from its work leaves more.
    assert sizes[-1][0] < sizes[9][0] + 2300, sizes
    assert min(count for _, count, _ in sizes[-10:]) <= min(count for _, count, _ in sizes[:10]), sizes
