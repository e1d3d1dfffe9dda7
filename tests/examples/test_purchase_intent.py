"""The shipped example: its data, its scripts, and the whole job on it through `scripts/run` in a fresh clone."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checkout.repositories import ENVIRONMENT
from tests.examples.definitions import EXAMPLES, check_golden, check_inference_golden, check_scripts
from tests.places import ROOT

EXAMPLE = EXAMPLES / "purchase-intent"
DATA = ROOT / "examples" / "data" / "purchase-intent" / "labelled" / "online_shoppers_intention.csv"


@pytest.mark.long
def test_the_data_is_what_the_generator_makes() -> None:
    table = runpy.run_path(str(EXAMPLE / "data" / "generate.py"))["table"]()
    assert table == DATA.read_text()


def test_the_data_has_the_shape_of_the_real_table() -> None:
    header, *rows = (line.split(",") for line in DATA.read_text().splitlines())
    assert (len(header), len(rows), header[-1]) == (18, 12330, "Revenue")
    share = sum(row[-1] == "TRUE" for row in rows) / len(rows)
    assert 0.14 < share < 0.17
    months = {"Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
    assert {row[header.index("Month")] for row in rows} == months
    assert {row[header.index("VisitorType")] for row in rows} == {"New_Visitor", "Returning_Visitor", "Other"}


@pytest.mark.long
def test_days_are_the_same_everywhere_and_only_the_sale_is_otherwise(tmp_path: Path) -> None:
    days, script = tmp_path / "sessions", EXAMPLE / "data" / "days.py"
    for arguments in ([str(days)], [str(tmp_path), "--labelled", "2026-11-27"]):
        subprocess.run([sys.executable, str(script), *arguments], check=True)
    tables = {path.parent.name[3:]: path.read_text().splitlines() for path in sorted(days.rglob("*.csv"))}
    assert {day: len(rows) - 1 for day, rows in tables.items()} == {
        "2026-11-20": 1001, "2026-11-21": 881, "2026-11-22": 945, "2026-11-23": 1056, "2026-11-24": 1002,
        "2026-11-25": 932, "2026-11-26": 910, "2026-11-27": 2068,
    }  # fmt: skip
    assert {rows[0] for rows in tables.values()} == {DATA.read_text().splitlines()[0].removesuffix(",Revenue")}
    new = {day: sum(",New_Visitor," in row for row in rows) / len(rows) for day, rows in tables.items()}
    assert [day for day, share in new.items() if share > 0.2] == ["2026-11-27"]
    labelled = (tmp_path / "dt=2026-11-27.csv").read_text().splitlines()
    assert [row.rsplit(",", 1)[0] for row in labelled] == tables["2026-11-27"]


def test_the_scripts_are_fit_for_the_containers() -> None:
    check_scripts(EXAMPLE)


def test_golden() -> None:
    check_golden("purchase-intent", EXAMPLES, "purchase-intent")
    check_inference_golden("purchase-intent-scoring", EXAMPLES, "purchase-intent")


@pytest.mark.long
def test_the_main_job_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], env=ENVIRONMENT, check=True)
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(clone / "scripts" / "run"), *arguments],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    first = run("--approve", "--comment", "from the tests")
    assert first.returncode == 0, first.stderr
    record: Any = json.loads((clone / "build" / "run.json").read_text())
    (package,) = record["packages"]
    metrics = package["metrics"]["binary_classification_metrics"]
    assert 0.85 < metrics["auc"]["value"] < 0.93
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 2466
    assert package["status"] == "Approved"
    assert package["metadata"]["CommitId"] == record["repos"][0]["commit"]
    again = run("--approve")
    assert (again.returncode, "nothing changed since execution" in again.stderr) == (0, True), again.stderr
    assert "set up in" not in again.stderr
    tools = subprocess.run([str(clone / ".venv" / "bin" / "pipeline-builder"), "history", "--json"],
                           cwd=clone, capture_output=True, text=True, check=True)  # fmt: skip
    assert len(json.loads(tools.stdout)["executions"]) == 1


@pytest.mark.long
def test_a_killed_set_up_is_repeated(tmp_path: Path) -> None:
    clone, elsewhere = tmp_path / "clone", tmp_path / "elsewhere"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], env=ENVIRONMENT, check=True)
    elsewhere.mkdir()
    for seconds in ("0.3", "1.2", "2"):
        subprocess.run(
            ["timeout", "-s", "KILL", seconds, str(clone / "scripts" / "run"), "--help"],
            env={**os.environ, "TMPDIR": str(elsewhere)},
            check=False,
            capture_output=True,
        )
    done = subprocess.run([str(clone / "scripts" / "run"), "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("Usage: pipeline-builder up")) == (0, True), done.stderr
    assert [path.name for path in elsewhere.iterdir()] == []  # what pip and uv had there is below the clone, and gone
    assert not (clone / ".pipeline_builder" / "setting-up").exists()
    # As pip leaves it where it is killed while it writes the program that installs all others.
    uv = clone / ".venv" / "bin" / "uv"
    whole = uv.read_bytes()
    uv.unlink()  # it may be the same file as in uv's cache, and in all other environments
    uv.write_bytes(whole[:1000])
    uv.chmod(0o644)
    (clone / ".venv" / ".ready-run").unlink()
    done = subprocess.run([str(clone / "scripts" / "run"), "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("Usage: pipeline-builder up")) == (0, True), done.stderr
