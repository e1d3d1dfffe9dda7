"""The service itself, rehearsed: the rendered templates, buildspec.yml and the stages, with the tiny model."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.checkout.repositories import commit, git, make_repository
from tests.doors import Door
from tests.places import ROOT, with_uv
from tests.service.rehearsal.rehearsals import statuses
from tests.tiny import DATA, TRAIN, variant, write_model
from tests.workspaces import Workspace

MANIFEST = """\
version: 1
repos:
  - {name: churn, url: ., path: models/churn, revision: HEAD}
service: {execution_role: per-repository}
local:
  s3: {local/churn: data}
"""
pytestmark = pytest.mark.long
_TIMEOUT = 300


class Service(Workspace):
    """This project with the tiny model in it, committed to a repository of its own."""

    def environment(self, **more: str) -> dict[str, str]:
        (self.root.parent / "tmp").mkdir(exist_ok=True)
        return super().environment(TMPDIR=str(self.root.parent / "tmp"), PATH=with_uv(os.environ["PATH"]), **more)

    def change(self, name: str, text: str) -> str:
        (self.root / "models" / "churn" / name).write_text(text)
        return commit(self.root, f"change {name}")

    def rehearse(self, *more: str) -> tuple[int, Any, str]:
        done = self.run("rehearse", "--json", *more)
        return done.code, done.json if done.out else {}, done.err

    @property
    def rehearsals(self) -> Path:
        return self.root / ".pipeline_builder" / "rehearsals"

    @property
    def site(self) -> Path:
        (found,) = (self.rehearsals / "target" / "store").glob("*/**/tiny/evidence/site")
        return found

    def packages(self) -> list[tuple[str, str]]:
        """Return status and description of each registered model, oldest first."""
        with closing(sqlite3.connect(self.rehearsals / "target" / "state.db")) as db, db:
            found = db.execute("SELECT status, approval_description FROM packages ORDER BY version").fetchall()
        return [(str(status), str(description)) for status, description in found]

    def definition(self) -> str:
        """Return the definition that was deployed last."""
        with closing(sqlite3.connect(self.rehearsals / "target" / "state.db")) as db, db:
            (found,) = db.execute("SELECT content FROM versions ORDER BY version DESC LIMIT 1").fetchone()
        return bytes(found).decode()

    def executions(self) -> list[str]:
        """Return how each execution of the SageMaker pipeline ended, oldest first."""
        with closing(sqlite3.connect(self.rehearsals / "target" / "state.db")) as db, db:
            return [str(status) for (status,) in db.execute("SELECT status FROM executions ORDER BY number")]


def make_service(root: Path) -> Service:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, tracked):
        if name.startswith(("tests/", "docs/", "examples/", "benchmarks/")) or not (ROOT / name).is_file():
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((ROOT / name).read_bytes())
        (root / name).chmod((ROOT / name).stat().st_mode)
    write_model(root / "models" / "churn")
    (root / "data").mkdir()
    (root / "data" / "numbers.csv").write_text(DATA)
    (root / "model_repos.yaml").write_text(MANIFEST)
    make_repository(root)
    git(root, "gc", "--quiet")  # as it is with a repository that has been cloned: one pack, not a thousand files
    return Service(root)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return make_service(tmp_path / "service")


def action(state: Any, stage: str) -> Any:
    return next(one for one in state["stages"] if one["name"] == stage)["actions"][0]


def test_failed_approved_nothing_rejected_blocked(service: Service, door: Door) -> None:
    """One service's days, one after the other: to set it up takes longer than each of them."""
    service.change("scripts/train.py", f"print('are there rows to train on?')\n{door.enter}{TRAIN}")
    failing_step_is_tried_again(service, door)
    page = approved(service)
    nothing_to_do(service)
    rejected(service, page)
    blocked(service)


def failing_step_is_tried_again(service: Service, door: Door) -> None:
    approving = ("--approve", "--comment", "looks right")
    code, state, errors = service.rehearse(*approving, "--variable", "REPOSITORY=churn")
    assert code == 5
    assert statuses(state)["Train"] == "Failed"
    assert "PB656 the action 'Train' of the stage 'Train' failed: its phase build failed" in errors
    assert "are there rows to train on?" in errors
    code, again, errors = service.rehearse("--resume", *approving)
    assert (code, again["id"], action(again, "Train")["attempt"]) == (5, state["id"], 2)
    assert action(again, "Build")["attempt"] == 1
    door.open()
    code, again, errors = service.rehearse("--resume", *approving)
    assert (code, again["id"], action(again, "Train")["attempt"]) == (0, state["id"], 3), errors
    assert set(statuses(again).values()) == {"Succeeded"}
    assert service.executions() == ["Succeeded"]  # the same one, tried again
    train = action(again, "Train")["variables"]
    assert train["VERDICT"] == "pass"
    assert train["SUMMARY"].startswith("tiny-churn version 1: mae 1, no champion yet")
    assert Path(train["REPORT_URL"].removeprefix("file://")).is_file()
    assert action(again, "Train")["build"]["reports"][0]["tests"] == 7


def approved(service: Service) -> Path:
    """Look at what an approval leaves; return the page of its run."""
    assert re.findall(r":role/([^\"]+)", service.definition()) == ["pipeline-builder-churn"] * 4
    (first,) = service.packages()
    assert first[0] == "Approved"
    assert "ada" in first[1]
    assert "looks right" in first[1]
    (page,) = (service.site / "runs" / "tiny").glob("*.html")
    assert "looks right" in page.read_text()
    (kept,) = service.site.parent.glob("runs/*/run.json")
    assert kept.parent.name == page.stem
    assert (kept.parent / "report.html").is_file()
    assert (service.site / "index.html").is_file()
    return page


def nothing_to_do(service: Service) -> None:
    code, state, errors = service.rehearse()
    assert code == 0, errors
    assert (statuses(state)["Approve"], statuses(state)["Promote"]) == ("Skipped", "Skipped")
    assert action(state, "Train")["variables"]["VERDICT"] == "nothing"


def rejected(service: Service, page: Path) -> None:
    service.change("conf/conf.yaml", variant(("scale: 2", "scale: 3")))
    code, state, errors = service.rehearse("--reject", "--comment", "recall is too low")
    assert code == 5
    assert [event["status"] for event in state["events"]] == ["Succeeded"], errors
    second = service.packages()[1]
    assert second[0] == "Rejected"
    assert "recall is too low" in second[1]
    (newest,) = [path for path in (service.site / "runs" / "tiny").glob("*.html") if path != page]
    assert "recall is too low" in newest.read_text()
    records = service.site.parent.glob("runs/*/run.json")
    (record,) = [json.loads(path.read_text()) for path in records if path.parent.name != page.stem]
    (repo,) = record["repos"]
    assert [one["subject"] for one in repo["since"]] == ["change conf/conf.yaml"]
    assert (repo["since"][0]["paths"], repo["since_unknown"]) == (["models/churn/conf/conf.yaml"], "")


def blocked(service: Service) -> None:
    service.change("scripts/train.py", TRAIN)
    gate = (
        "      registry:\n",
        "      gate:\n        - {metric: regression_metrics.mae.value, max: 0.1}\n      registry:\n",
    )
    service.change("conf/conf.yaml", variant(gate))
    code, state, errors = service.rehearse("--approve")
    assert (code, statuses(state)["Train"], statuses(state)["Promote"]) == (5, "Failed", "Waiting")
    assert "blocks it from the registry: regression_metrics.mae.value is 1.0, expected at most 0.1" in errors
    assert action(state, "Train")["variables"]["VERDICT"] == "failed"


def test_killed_while_it_trains_it_goes_on(service: Service, door: Door) -> None:
    waiting = MANIFEST.replace("per-repository", "per-repository, wait: step-functions")
    (service.root / "model_repos.yaml").write_text(waiting)
    slow = "".join(f"    {line}\n" for line in (*door.enter.splitlines(), "time.sleep(300)"))
    service.change("scripts/train.py", f"import time\ntry:\n{slow}except OSError:\n    pass\n{TRAIN}")
    door.open()
    process = service.start("rehearse", "--approve")
    deadline = time.monotonic() + _TIMEOUT
    while not (begun := door.knocked()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert begun
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    door.shut()
    code, state, errors = service.rehearse("--resume", "--approve")
    assert code == 0, errors
    assert set(statuses(state).values()) == {"Succeeded"}
    # The run is a part of nobody's build: what was started before is waited for, by the same state machine.
    start, wait, judge = next(one for one in state["stages"] if one["name"] == "Train")["actions"]
    assert (start["attempt"], wait["attempt"], judge["attempt"]) == (1, 1, 1)
    assert wait["decision"]["by"] == "the state machine pipeline-builder-wait"
    (machine,) = (one for one in state["machines"] if one["name"] == state["id"])
    assert (machine["status"], machine["denied"]) == ("SUCCEEDED", [])
    assert "churn-Train  Succeeded" in errors
    assert service.executions() == ["Succeeded"]
    assert [status for status, _ in service.packages()] == ["Approved"]
