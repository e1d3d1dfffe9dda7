"""What Tab completes, in a real bash, and by the protocols of zsh and fish; it says nothing and makes nothing."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.offering import offered
from tests.trio import MANIFEST, Trio, make_trio

PROGRAM = Path(sys.executable).with_name("pipeline-builder")
BASH = """
set -eu
source <(printf '%s' "$SCRIPT")
complete -p pipeline-builder > /dev/null
COMP_WORDS=({words}); COMP_CWORD={index}; COMPREPLY=()
_pipeline_builder_completion {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@functools.cache
def installed() -> str:
    """Return the script that people put into their shell's start, as the program writes it."""
    asked = {**os.environ, "_PIPELINE_BUILDER_COMPLETE": "bash_source"}
    return subprocess.run([PROGRAM], env=asked, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the program as it begins without the start of Python, which two of the tests below have as people do."""
    with offered(tmp_path_factory.mktemp("quick") / "bin") as folder:
        yield folder / "pipeline-builder"


def in_bash(trio: Trio, *words: str, program: Path) -> list[str]:
    """Return what bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in ("pipeline-builder", *words))
    script = BASH.format(program=program, words=quoted, index=len(words))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=trio.root,
        env=trio.environment(SCRIPT=installed()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 1), done  # 1 where nothing is offered
    return [line for line in done.stdout.splitlines() if line]


def by_protocol(trio: Trio, shell: str, words: str, index: int, *, program: Path) -> str:
    """Return what a shell is told: zsh asks with the index of the word, fish with the word."""
    last = words.split(" ")[index]
    asked = {"_PIPELINE_BUILDER_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
    asked |= {"COMP_CWORD": last} if shell == "fish" else {}
    done = subprocess.run(
        [program], cwd=trio.root, env=trio.environment(**asked), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Three models that were trained, in one group."""
    manifest = MANIFEST.replace("  - url: remotes/price\n", "  - url: remotes/price\n    groups: [nightly]\n")
    made = make_trio(tmp_path_factory.mktemp("completion") / "trio", manifest)
    assert made.call("up").code == 0
    return made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("logs", "ch"), ["churn", "churn-Train", "churn-Register"]),
        (("graph", "--select", "churn+,2+seg"), [f"churn+,2+{name}" for name in ("segments", "segments-Train", "segments-Register")]),
        (("plan", "--exclude", '"churn+ @price-T'), ["churn+ @price-Train"]),
        (("promote", "churn", ""), ["price", "segments"]),
        (("new", "upsell", "--after", "churn", "--after", ""), ["price", "segments"]),
        (("explain", "pb44"), [f"PB44{digit}" for digit in range(10)]),
    ],
)  # fmt: skip
def test_what_bash_completes(trio: Trio, quick: Path, words: tuple[str, ...], expected: list[str]) -> None:
    found = in_bash(trio, *words, program=quick)
    assert sorted(found) == sorted(expected)


@pytest.mark.long
def test_executions_are_completed_newest_first(trio: Trio, quick: Path) -> None:
    assert trio.call("run", "--rerun", "--select", "churn-Train").code == 0
    listed = [one["arn"].rsplit("/", 1)[-1] for one in trio.call("history", "--json").json["executions"]]
    assert in_bash(trio, "status", "", program=PROGRAM) == listed
    assert in_bash(trio, "promote", "--run", listed[0][:6], program=quick) == listed[:1]


@pytest.mark.long
def test_zsh_and_fish_are_told_what_each_is(trio: Trio, quick: Path) -> None:
    told = by_protocol(trio, "zsh", "pipeline-builder logs price-T", 2, program=PROGRAM)
    assert told == "plain\nprice-Train\na step of price\n"
    told = by_protocol(trio, "fish", "pipeline-builder run --group n", 3, program=quick)
    assert told == "plain,nightly\ta group of repositories\n"
    assert "plain,tag:nightly" in by_protocol(trio, "fish", "pipeline-builder graph --select tag:n", 3, program=quick)


def test_what_is_built_or_ran_is_known_where_the_checkouts_have_changed(trio: Trio, quick: Path) -> None:
    """Nothing is composed: of a conf that is broken by now, the steps of before are offered."""
    conf = trio.root / "aws-train" / "price" / "conf" / "conf.yaml"
    text = conf.read_text()
    conf.write_text("conf: [")
    try:
        assert in_bash(trio, "logs", "price-T", program=quick) == ["price-Train"]
    finally:
        conf.write_text(text)


@pytest.mark.long
def test_where_nothing_is_there_nothing_is_said_or_made(tmp_path: Path, quick: Path) -> None:
    empty = Trio(tmp_path)
    for words in (("logs", ""), ("status", ""), ("plan", "--pipeline", "")):
        assert in_bash(empty, *words, program=quick) == []
    refused = "pipeline-builder up --approve --reject --man"
    assert by_protocol(empty, "fish", refused, 4, program=quick).startswith("plain,--manifest")
    (tmp_path / "model_repos.yaml").write_text("version: [")
    (tmp_path / ".pipeline_builder").mkdir()
    (tmp_path / ".pipeline_builder" / "state.db").write_text("no database")
    for words in (("run", "--select", "a"), ("status", ""), ("run", "--group", "")):
        assert in_bash(empty, *words, program=quick) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".pipeline_builder", "model_repos.yaml", "state.db"]
