"""Builds of a rehearsal, rule by rule, with real shells."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
from pipeline_builder.service.rehearsal.artifacts import compile_pattern, find_files, pack, unpack
from pipeline_builder.service.rehearsal.codebuild import Build, Built, run_build

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Ran:
    built: Built
    log: str
    source: Path

    @property
    def phases(self) -> list[tuple[str, str]]:
        return [(phase.name, phase.status) for phase in self.built.phases]

    @property
    def output(self) -> list[str]:
        """What commands have printed."""
        return [line for line in self.log.splitlines() if not line.startswith("[Container]")]


def run(
    folder: Path,
    phases: str,
    rest: str = "",
    *,
    environment: dict[str, str] | None = None,
    outputs: tuple[str, ...] = (),
    timeout: float = 20,
    cache: Path | None = None,
    stop: threading.Event | None = None,
) -> Ran:
    """Run a build; `phases` and `rest` are parts of its buildspec."""
    text = f"version: 0.2\nphases:\n{phases}{rest}"
    source = folder / "src"
    source.mkdir(parents=True, exist_ok=True)
    build = Build(
        buildspec=parse_buildspec(text, "buildspec.yml"),
        environment={"PATH": PATH, **(environment or {})},
        source=source,
        folder=folder / "own",
        log=folder / "log.txt",
        timeout=timeout,
        outputs={name: folder / f"{name}.zip" for name in outputs},
        cache=cache,
    )
    built = run_build(build, observe=lambda _: None, stop=stop or threading.Event())
    return Ran(built, build.log.read_text(), source)


def phase(name: str, *commands: str, more: str = "") -> str:
    lines = "".join(f"      - {command!r}\n".replace("\\'", "''") for command in commands)
    return f"  {name}:\n    commands:\n{lines}{more}"


def test_variables_functions_and_folder_go_from_command_to_command_and_phase_to_phase(tmp_path: Path) -> None:
    (tmp_path / "src" / "sub").mkdir(parents=True)
    ran = run(
        tmp_path,
        phase("install", "cd sub", "A='two words'; say() { echo \"said $1\"; }")
        + phase("build", 'echo "$A in ${PWD##*/}"', 'say "$A"'),
    )
    assert ran.built.status == "Succeeded"
    assert ran.output == ["two words in sub", "said two words"]


def test_an_exit_fails_its_phase_and_not_the_runner(tmp_path: Path) -> None:
    ran = run(
        tmp_path, phase("build", "export A=1", "exit 3", "echo never") + phase("post_build", 'echo "after, A=$A"')
    )
    assert ran.phases == [("build", "Failed"), ("post_build", "Succeeded")]
    assert ran.output == ["after, A=1"]
    assert ran.built.message == "its phase build failed: 'exit 3' ended with exit code 3"


def test_exit_0_ends_its_command_only(tmp_path: Path) -> None:
    ran = run(tmp_path, phase("build", "A=kept; exit 0", "echo $A"))
    assert (ran.built.status, ran.output) == ("Succeeded", ["kept"])


def test_post_build_knows_that_the_build_failed_and_artifacts_are_handed_on(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        phase("build", "echo $CODEBUILD_BUILD_SUCCEEDING", "false")
        + phase("post_build", "echo $CODEBUILD_BUILD_SUCCEEDING", "touch out"),
        "artifacts: {files: out}\n",
        outputs=("Build",),
        environment={"CODEBUILD_BUILD_SUCCEEDING": "1"},
    )
    assert ran.output == ["1", "0"]
    assert ran.phases == [("build", "Failed"), ("post_build", "Succeeded"), ("upload_artifacts", "Succeeded")]
    assert set(ran.built.artifacts) == {"Build"}


@pytest.mark.parametrize("failing", ["install", "pre_build"])
def test_nothing_follows_a_failed_install_or_pre_build(tmp_path: Path, failing: str) -> None:
    ran = run(tmp_path, phase(failing, "exit 7") + phase("build", "echo b") + phase("post_build", "echo p"))
    assert (ran.phases, ran.output) == ([(failing, "Failed")], [])


def test_finally_runs_after_a_failure_and_its_own_failure_counts(tmp_path: Path) -> None:
    after = phase("build", "exit 4", more="    finally:\n      - echo always $CODEBUILD_BUILD_SUCCEEDING\n")
    ran = run(tmp_path / "a", after)
    assert ran.output == ["always 0"]
    assert (ran.built.phases[0].command, ran.built.phases[0].exit_code) == ("exit 4", 4)
    ran = run(tmp_path / "b", phase("build", "true", more="    finally:\n      - exit 5\n"))
    assert (ran.built.phases[0].status, ran.built.phases[0].exit_code) == ("Failed", 5)


def test_on_failure(tmp_path: Path) -> None:
    aborted = run(
        tmp_path / "a", phase("build", "false", more="    on-failure: ABORT\n") + phase("post_build", "echo never")
    )
    assert aborted.phases == [("build", "Failed")]
    goes_on = run(
        tmp_path / "b",
        phase("install", "false", more="    on-failure: CONTINUE\n") + phase("build", "echo goes on"),
    )
    assert goes_on.phases == [("install", "Failed"), ("build", "Succeeded")]
    assert (goes_on.output, goes_on.built.status) == (["goes on"], "Failed")


def test_exported_variables_are_those_exported_at_the_end_of_post_build(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        phase("build", "export A=1 C='it''s # $x'", "B=2") + phase("post_build", "export A='3\n4'"),
        "env: {exported-variables: [A, B, C, D]}\n",
    )
    assert ran.built.exported == {"A": "3\n4", "C": "its # $x"}
    assert "The exported variable 'B' is not in the environment after post_build" in ran.log


def test_a_file_that_is_sourced_sets_exported_variables(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        phase("build", "mkdir build && echo \"export V='a b'\" >build/stage.env")
        + phase("post_build", ". build/stage.env"),
        "env: {exported-variables: [V]}\n",
    )
    assert ran.built.exported == {"V": "a b"}


def test_sh_is_posix_and_bash_is_bash(tmp_path: Path) -> None:
    commands = phase("build", "shopt -o -q posix && echo posix || echo bash")
    assert run(tmp_path / "a", commands).output == ["posix"]
    assert run(tmp_path / "b", commands, "env: {shell: bash}\n").output == ["bash"]


def test_the_environment_is_what_was_given_and_odd_values_stay_whole(tmp_path: Path) -> None:
    odd = "a'b\"c\n$d `e`\\"
    ran = run(
        tmp_path,
        phase("build", "/usr/bin/env | sort >../environment", 'printf %s "$ODD" >../odd'),
        environment={"ODD": odd, "ONE": "1"},
    )
    assert ran.built.status == "Succeeded"
    assert (tmp_path / "odd").read_text() == odd
    names = {line.split("=")[0] for line in (tmp_path / "environment").read_text().splitlines() if "=" in line}
    assert names - {"_", "PWD", "OLDPWD", "SHLVL", "CODEBUILD_BUILD_SUCCEEDING"} == {"PATH", "ODD", "ONE"}


def test_what_is_unset_stays_unset(tmp_path: Path) -> None:
    ran = run(tmp_path, phase("build", "unset GONE", "echo ${GONE-unset}"), environment={"GONE": "here"})
    assert ran.output == ["unset"]


def test_a_background_process_lives_until_the_build_ends(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        phase("install", "sleep 600 & echo $! >../pid") + phase("build", "kill -0 $(cat ../pid) && echo lives"),
    )
    assert ran.output == ["lives"]
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


@pytest.mark.long
def test_the_time_of_a_build_is_limited(tmp_path: Path) -> None:
    started = time.monotonic()
    ran = run(
        tmp_path,
        phase("build", "sleep 60 & echo $! >../pid; wait") + phase("post_build", "echo p"),
        timeout=0.5,
    )
    assert ran.phases == [("build", "TimedOut")]
    assert ran.built.status == "TimedOut"
    assert time.monotonic() - started < 30
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_a_command_that_kills_its_own_shell_fails_the_build(tmp_path: Path) -> None:
    ran = run(tmp_path, phase("build", "kill -9 0"))
    assert ran.built.status == "Failed"
    assert ran.built.phases[0].command == "kill -9 0"


def test_syntax_errors_and_unknown_programs_fail(tmp_path: Path) -> None:
    assert run(tmp_path / "a", phase("build", "if then")).built.status == "Failed"
    ran = run(tmp_path / "b", phase("build", "no-such-program"))
    assert ran.built.phases[0].exit_code == 127


def test_the_log_grows_while_the_build_runs(tmp_path: Path) -> None:
    stop, log = threading.Event(), tmp_path / "log.txt"
    ended: list[Ran] = []
    thread = threading.Thread(
        target=lambda: ended.append(run(tmp_path, phase("build", "echo first; sleep 30"), stop=stop))
    )
    thread.start()
    deadline = time.monotonic() + 10
    while "\nfirst" not in (log.read_text() if log.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "first" in log.read_text().splitlines()
    assert not ended
    stop.set()
    thread.join(10)
    assert ended[0].built.status == "Failed"


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return sorted(opened.namelist())


FILES = "mkdir -p out/deep .git .venv/bin; touch a.txt .hidden out/b.txt out/deep/c.txt .git/HEAD .venv/bin/x"


@pytest.mark.parametrize(
    ("artifacts", "expected"),
    [
        ("{files: '**/*', exclude-paths: ['.git/**/*', '.venv/**/*']}",
         [".hidden", "a.txt", "out/b.txt", "out/deep/c.txt"]),
        ("{files: [a.txt, 'out/*']}", ["a.txt", "out/b.txt"]),
        ("{files: '**/*', base-directory: out}", ["b.txt", "deep/c.txt"]),
        ("{files: 'out/**/*', discard-paths: yes}", ["b.txt", "c.txt"]),
    ],
)  # fmt: skip
def test_artifacts(tmp_path: Path, artifacts: str, expected: list[str]) -> None:
    ran = run(tmp_path, phase("build", FILES), f"artifacts: {artifacts}\n", outputs=("Build",))
    assert ran.built.status == "Succeeded"
    assert names(tmp_path / "Build.zip") == expected
    assert ran.built.artifacts == {"Build": (tmp_path / "Build.zip").stat().st_size}


def test_an_artifact_without_files_fails_the_build(tmp_path: Path) -> None:
    ran = run(tmp_path, phase("build", "true"), "artifacts: {files: 'out/*'}\n", outputs=("Build",))
    assert ran.phases[-1] == ("upload_artifacts", "Failed")
    assert ran.built.message == "the artifact 'Build' is empty: no file fits out/*"


def test_secondary_artifacts_go_by_their_names(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        phase("build", FILES),
        "artifacts:\n  files: '**/*'\n  secondary-artifacts:\n    One: {files: a.txt}\n    Two: {files: out/b.txt}\n",
        outputs=("One", "Two"),
    )
    assert ran.built.status == "Succeeded"
    assert (names(tmp_path / "One.zip"), names(tmp_path / "Two.zip")) == (["a.txt"], ["out/b.txt"])


def test_permissions_links_and_times_survive_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "in" / "run").chmod(0o755)
    os.utime(tmp_path / "in" / "run", (1_700_000_000, 1_700_000_000))
    (tmp_path / "in" / "link").symlink_to("run")
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    files = [(path, path.name) for path in sorted((tmp_path / "in").iterdir())]
    for kind, links, modes in (("followed", False, True), ("kept", True, True), ("source", False, False)):
        pack(tmp_path / f"{kind}.zip", files, links=links, modes=modes)
        unpack(tmp_path / f"{kind}.zip", tmp_path / kind)
    assert (tmp_path / "followed" / "run").stat().st_mode & 0o777 == 0o755
    # Python takes what was compiled of a file as old as this one.
    assert (tmp_path / "followed" / "run").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "followed" / "link").read_text() == "#!/bin/sh\n"
    assert not (tmp_path / "followed" / "link").is_symlink()
    assert not (tmp_path / "followed" / "dangling").exists()
    assert str((tmp_path / "kept" / "link").readlink()) == "run"
    assert (tmp_path / "kept" / "dangling").is_symlink()
    assert (tmp_path / "source" / "run").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**/*", "a/b/c", True), ("**/*", "a", True), ("*", "a/b", False), ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True), ("**/c", "a/b/c", True), ("**/c", "c", True), ("a.b", "axb", False),
        ("./a", "a", True), ("a/**/c", "a/c", True), ("?", "a", True), ("?", "/", False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert bool(compile_pattern(pattern).fullmatch(path)) is fits


@pytest.mark.parametrize(
    ("patterns", "excluded", "found"),
    [
        (["build/junit.xml"], [], ["build/junit.xml"]), (["./build/*.xml"], [], ["build/junit.xml"]),
        (["b*/junit.xml", "x/y"], ["x/**/*"], ["build/junit.xml"]), (["x/**/*"], ["x/y/**/*"], ["x/a"]),
        (["**/*"], ["./x/**/*", "bu?ld/**/*"], ["a"]), (["**/*"], ["**/*"], []), (["**/y/*"], [], ["x/y/b"]),
    ],
)  # fmt: skip
def test_files_are_found_wherever_they_can_be(
    tmp_path: Path, patterns: list[str], excluded: list[str], found: list[str]
) -> None:
    for name in ("a", "build/junit.xml", "x/a", "x/y/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path) for path in find_files(tmp_path, patterns, excluded)] == found


def test_reports_are_counted(tmp_path: Path) -> None:
    junit = (
        "<testsuites><testsuite><testcase/><testcase><failure/></testcase><testcase><skipped/></testcase>"
        "<testcase><error/></testcase></testsuite></testsuites>"
    )
    ran = run(
        tmp_path,
        phase("build", f"mkdir build; echo '{junit}' >build/junit.xml"),
        "reports:\n  run: {files: [build/junit.xml]}\n  none: {files: [no.xml]}\n",
    )
    report = ran.built.reports[0]
    assert (report.name, report.tests, report.failed, report.skipped) == ("run", 4, 2, 1)
    assert len(ran.built.reports) == 1
    assert ran.built.status == "Succeeded"
    assert "Report 'none': no report files found" in ran.log


def test_cache_paths_are_kept_from_build_to_build_after_success_only(tmp_path: Path) -> None:
    rest = "cache: {paths: ['kept/**/*', '/root/.cache/uv/**/*']}\n"
    commands = phase("build", "ls kept 2>/dev/null || true", "mkdir -p kept/bin; touch kept/$NAME", "test $NAME != bad")
    for name in ("one", "bad", "two"):
        ran = run(tmp_path / name, commands, rest, cache=tmp_path / "cache", environment={"NAME": name})
    assert ran.output == ["one"]
    assert [str(path) for path in find_files(tmp_path / "cache", ["**/*"])] == ["kept/one", "kept/two"]
