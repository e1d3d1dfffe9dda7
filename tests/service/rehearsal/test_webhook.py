"""The build that a webhook starts, on real pushes in a real shell: which of them start the pipeline."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_builder.service.cloudformation.description.hosts import path_expression
from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.rehearsal.codebuild import Build, run_build
from tests.service.services import read_template, render

GIT = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip
EVERY = {"include": ["src/**", "*.py"], "exclude": ["**/*.md", "src/old/**"]}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env={**os.environ, **GIT}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Pushed:
    """A repository at its host; `push` changes files there, in one commit each, and runs the build as CodeBuild does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        git(self.work, "init", "-q", "-b", "main")
        self.head = self.commit({"src/train.py": "1", "README.md": "1", "src/old/a.py": "1"})
        self.count = 0

    def commit(self, files: Mapping[str, str | None]) -> str:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", "x")
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *commits: Mapping[str, str | None], trigger: Mapping[str, Any], since: str | None = None) -> str:
        """Return what AWS's command line was called with; empty where it was not."""
        before = self.head if since is None else since
        for files in commits:
            self.head = self.commit(files)
        self.count += 1
        return self.build(trigger, before)

    def build(self, trigger: Mapping[str, Any], before: str) -> str:
        project = rendered(trigger)
        depth = project["Source"]["GitCloneDepth"]
        source, called = self.folder / f"src-{self.count}", self.folder / f"called-{self.count}"
        git(self.folder, "clone", "-q", *([f"--depth={depth}"] if depth else []), self.work.as_uri(), str(source))
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "aws").write_text(f'#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done > {called}\n')
        (programs / "aws").chmod(0o755)
        own = {item["Name"]: item["Value"] for item in project["Environment"]["EnvironmentVariables"]}
        log = self.folder / f"log-{self.count}"
        built = run_build(
            Build(
                buildspec=parse_buildspec(project["Source"]["BuildSpec"], "buildspec.yml"),
                environment={
                    **{name: value for name, value in own.items() if isinstance(value, str)},
                    "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
                    "PIPELINE": "models",
                    "TMPDIR": str(self.folder),
                    "CODEBUILD_RESOLVED_SOURCE_VERSION": self.head,
                    "CODEBUILD_WEBHOOK_PREV_COMMIT": before,
                },
                source=source,
                folder=self.folder / f"own-{self.count}",
                log=log,
                timeout=20,
            ),
            observe=lambda _: None,
            stop=threading.Event(),
        )
        assert built.status == "Succeeded", log.read_text()
        return called.read_text() if called.exists() else ""


def rendered(trigger: Mapping[str, Any]) -> dict[str, Any]:
    repo = {"url": "https://github.com/acme/churn.git", "trigger": {"kind": "webhook", **trigger}}
    found: dict[str, Any] = read_template(render(repo, schedules=())["service.yaml"])["Resources"]["OnChurn"]
    return dict(found["Properties"])


@pytest.fixture
def pushed(tmp_path: Path) -> Pushed:
    return Pushed(tmp_path)


@pytest.mark.long
def test_a_push_starts_where_one_file_is_included_and_not_excluded(pushed: Pushed) -> None:
    start = pushed.push({"README.md": "2", "src/train.py": "2"}, trigger=EVERY)
    assert start.split("\n")[:4] == ["codepipeline", "start-pipeline-execution", "--name", "models"]
    assert f"name=COMMIT,value={pushed.head}" in start
    # excluded alone; excluded by one pattern and included by none; neither
    assert pushed.push({"src/notes.md": "1"}, trigger=EVERY) == ""
    assert pushed.push({"src/old/a.py": "2"}, {"docs/x.md": "1"}, trigger=EVERY) == ""
    assert pushed.push({"data/x.csv": "1"}, trigger=EVERY) == ""
    # in an earlier commit of the same push, under a name that a shell, git and a regular expression have words for
    assert pushed.push({"src/a b'$(id)é[.py": "1"}, {"README.md": "3"}, trigger=EVERY)
    # what is gone, and what has another name now, counts under its old name
    assert pushed.push({"src/train.py": None, "src/old/train.py": "2"}, trigger=EVERY)


def test_a_name_that_is_no_text_is_included(pushed: Pushed) -> None:
    assert pushed.push({os.fsdecode(b"src/\xff.py"): "1"}, trigger={"include": ["src/**"], "exclude": ["docs/**"]})


@pytest.mark.long
def test_without_include_everything_else_starts(pushed: Pushed) -> None:
    only = {"exclude": ["**/*.md"]}
    assert pushed.push({"README.md": "2"}, trigger=only) == ""
    assert pushed.push({"README.md": "3", "data/x.csv": "1"}, trigger=only)


@pytest.mark.long
@pytest.mark.parametrize("since", ["", "0" * 40, "f" * 40, "--output=x", "not a commit"])
def test_what_cannot_be_told_starts(pushed: Pushed, since: str) -> None:
    assert pushed.push({"README.md": "2"}, trigger=EVERY, since=since)
    assert not list(pushed.folder.rglob("output=x*"))


@pytest.mark.long
def test_codebuild_filters_by_what_is_included_and_leaves_nothing_out() -> None:
    filters = rendered(EVERY)["Triggers"]["FilterGroups"][0]
    assert [item["Type"] for item in filters] == ["EVENT", "HEAD_REF", "FILE_PATH"]
    assert not any("ExcludeMatchedPattern" in item for item in filters)
    plain = rendered({"include": ["src/**"]})
    assert "git" not in plain["Source"]["BuildSpec"]  # CodeBuild's filter says all of it
    assert plain["Source"]["GitCloneDepth"] == 1


_PIECES = st.sampled_from(
    ["*", "**", "**/", "?", "a", "b", ".", "/", "[", "]", "(", ")", "{", "}", "+", "^", "$", "|", "\\", "é"]
)
_PATHS = st.lists(
    st.sampled_from(["a", "b", ".", "/", "[", "(", "{", "+", "^", "$", "|", "\\", "é"]), min_size=1, max_size=8
)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.lists(_PIECES, min_size=1, max_size=6).map("".join), st.lists(_PATHS.map("".join), min_size=1, max_size=8))
def test_grep_reads_the_expression_as_python_does(glob: str, paths: list[str]) -> None:
    expression = path_expression([glob])
    grep = subprocess.run(
        ["grep", "-zaE", "-e", expression],
        input="".join(f"{path}\0" for path in paths).encode(), capture_output=True, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert grep.stderr == b""
    assert grep.stdout.decode().split("\0")[:-1] == [path for path in paths if re.search(expression, path)]
