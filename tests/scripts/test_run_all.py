"""`scripts/run --all`: every example, whatever becomes of the others. A program stands for pipeline-builder here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT

STUBBED = "--stub pca-Quality=examples/housing/stubs/pca-Quality.json --accept-stubs"
HOUSING, SUMMARIZER = "examples/housing/model_repos.yaml", "examples/summarizer/model_repos.yaml"


def run(folder: Path, *arguments: str, codes: dict[str, int]) -> tuple[int, list[str], str]:
    """Run it in a copy with a manifest for each key of `codes`, the exit codes; return its own, the calls, stderr."""
    (folder / "scripts").mkdir()
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "run", folder / "scripts")
    shutil.copy(ROOT / "scripts" / "scoring.py", folder / "scripts")
    (folder / "scripts" / "bootstrap.py").touch()
    days = folder / "examples" / "purchase-intent" / "data" / "days.py"
    days.parent.mkdir(parents=True)
    days.write_text("import sys\nprint('days', *sys.argv[1:])\n")
    write_program(folder / "scripts" / "python", f"echo '{sys.executable}'")
    for manifest in (name for name in codes if name.endswith(".yaml")):
        (folder / manifest).parent.mkdir(parents=True, exist_ok=True)
        (folder / manifest).touch()
    lines = "\n".join(f"  *'{manifest} '*) exit {code} ;;" for manifest, code in reversed(codes.items()))
    write_program(folder / ".venv" / "bin" / "pipeline-builder", f'echo "$@"\ncase "$* " in\n{lines}\nesac')
    command = [str(folder / "scripts" / "run"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_it_only_the_first_example_runs(tmp_path: Path) -> None:
    codes = {"model_repos.yaml": 0, SUMMARIZER: 0}
    assert run(tmp_path, "--approve", codes=codes)[:2] == (0, ["up --approve"])


def test_every_example_gets_a_build_folder_and_the_arguments(tmp_path: Path) -> None:
    codes = {"model_repos.yaml": 0, HOUSING: 0, SUMMARIZER: 0}
    assert run(tmp_path, "--all", "--comment", "a b", codes=codes)[:2] == (
        0,
        [
            "up --manifest model_repos.yaml --build-dir build --comment a b",
            f"up --manifest {HOUSING} --build-dir build/housing {STUBBED} --comment a b",
            f"up --manifest {SUMMARIZER} --build-dir build/summarizer --comment a b",
        ],
    )


def test_a_failure_hides_no_other_example(tmp_path: Path) -> None:
    code, calls, said = run(tmp_path, "--all", codes={"model_repos.yaml": 0, HOUSING: 4, SUMMARIZER: 5})
    assert (code, len(calls)) == (4, 3)
    assert said.endswith(
        "\npurchase-intent  exit code 0    build/report.html\n"
        "housing          exit code 4    build/housing/report.html\n"
        "summarizer       exit code 5    build/summarizer/report.html\n"
    )


def test_an_example_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    code, calls, said = run(tmp_path, "--all", codes={"model_repos.yaml": 1, SUMMARIZER: 0})
    assert (code, len(calls), "housing" in said) == (1, 2, False)


def test_an_interrupted_example_ends_it(tmp_path: Path) -> None:
    code, calls, _ = run(tmp_path, "--all", codes={"model_repos.yaml": 130, SUMMARIZER: 0})
    assert (code, len(calls)) == (130, 1)


SCORED = [
    "up --pipeline training --approve --comment scripts/run --scoring --json",
    "days examples/data/purchase-intent/sessions",
    "up --pipeline scoring --date 2026-11-20 --json",
    "backfill --pipeline scoring --from 2026-11-20 --to 2026-11-26 --json",
    "up --pipeline scoring --date 2026-11-27 --json",
    "days examples/data/purchase-intent/labelled --labelled 2026-11-27",
    "watch --once --pipeline training --json",
    "history --pipeline scoring",
]


def test_the_loop_is_commands_in_their_order(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "--scoring", "--json", codes={"--date 2026-11-27 --json": 5})
    assert (code, [line for line in said if line.startswith(("up", "days", "backfill", "watch", "history"))]) == (
        0,
        SCORED,
    )
    assert said[-3].startswith("build/pipelines/scoring/report.html")


def test_the_loop_ends_where_a_part_ends_otherwise(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "--scoring", codes={"--to 2026-11-26": 4})
    assert (code, said[-1].startswith("backfill")) == (4, True)


def test_a_sale_that_is_not_caught_is_a_failure(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "--scoring", codes={})
    assert (code, said[-1]) == (1, "up --pipeline scoring --date 2026-11-27")
