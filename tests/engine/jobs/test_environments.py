"""Environments of jobs: what is refused, that they are made once, and that a broken one is never used."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.environments import Environments, environment_key, link_openmp
from pipeline_builder.engine.jobs.installer import find_uv
from pipeline_builder.engine.jobs.requirements import CONSTRAINT, clean_layers, included_lines
from pipeline_builder.errors import InputProblems, OutsideFailure
from tests.places import ROOT


def wheel(folder: Path, name: str, *requires: str, version: str = "1.0") -> Path:
    """Write a wheel of one module, so that these tests need no network."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires
    )
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", f"name, version = '{name}', '{version}'\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    # An index without packages: uv knows no variable for having none.
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "index").as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    # Shared environments of other tests are linked to the cache; these here are damaged, and the cache must not be.
    monkeypatch.delenv("UV_LINK_MODE", raising=False)
    wheel(tmp_path / "wheels", "pip")
    wheel(tmp_path / "wheels", "setuptools")
    wheel(tmp_path / "wheels", "alpha", "beta")
    wheel(tmp_path / "wheels", "beta")
    wheel(tmp_path / "wheels", "gamma")
    return tmp_path / "wheels"


def imported(python: Path, *names: str) -> bool:
    return (
        subprocess.run([python, "-I", "-c", f"import {', '.join(names)}"], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.long
def test_layers_are_installed_once(tmp_path: Path, wheels: Path) -> None:
    said: list[str] = []
    environments = Environments(tmp_path / "envs")
    python = environments.get((("alpha",), ("# c", "gamma==1.0  # why")), observe=said.append)
    assert imported(python, "alpha", "beta", "gamma", "pip")
    assert python.parent.parent.parent == tmp_path / "envs"
    assert said[0].endswith(" (alpha, gamma==1.0)")
    assert len(said) == 2
    assert environments.get((("alpha",), ("gamma==1.0",)), observe=said.append) == python
    assert len(said) == 2
    assert environments.get((("alpha",),), observe=said.append) != python


def versions(python: Path, *names: str) -> list[str]:
    code = f"import {', '.join(names)}; print({', '.join(f'{name}.version' for name in names)})"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.long
def test_nothing_in_it_is_a_link_into_the_cache(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_LINK_MODE", "symlink")
    python = Environments(tmp_path / "envs").get((("beta",),), observe=lambda _: None)
    found = [path for path in python.parent.parent.glob("lib/*/site-packages/**/*") if path.is_symlink()]
    assert (imported(python, "beta"), found) == (True, [])


@pytest.mark.long
def test_image_and_code_are_resolved_together(tmp_path: Path, wheels: Path) -> None:
    """The newest delta wants a newer beta than the image has: an older delta is taken, and the image's beta stays."""
    wheel(wheels, "beta", version="2.0")
    wheel(wheels, "delta", version="1.0")
    wheel(wheels, "delta", "beta>=2", version="2.0")
    said: list[str] = []
    python = Environments(tmp_path / "envs").get((("beta==1.0",), ("delta",)), observe=said.append)
    assert versions(python, "beta", "delta") == ["1.0", "1.0"]
    assert len(said) == 2


@pytest.mark.long
def test_what_does_not_go_together_is_installed_over_the_image(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "beta", version="2.0")
    said: list[str] = []
    python = Environments(tmp_path / "envs").get((("beta==1.0", "gamma"), ("beta>=2",)), observe=said.append)
    assert versions(python, "beta", "gamma") == ["2.0", "1.0"]
    assert "it is installed over them, as pip does in the container" in said[1]


@pytest.mark.long
def test_a_bound_asks_for_nothing(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "beta", version="2.0")
    layers = (("alpha", f"{CONSTRAINT}beta<2", f"{CONSTRAINT}gamma<9"),)
    python = Environments(tmp_path / "envs").get(layers, observe=lambda _: None)
    assert versions(python, "alpha", "beta") == ["1.0", "1.0"]
    assert not imported(python, "gamma")


@pytest.mark.long
def test_setuptools_and_stand_ins_are_there(tmp_path: Path, wheels: Path) -> None:
    python = Environments(tmp_path / "envs").get((), observe=lambda _: None)
    assert imported(python, "setuptools", "sagemaker_containers.beta.framework", "sagemaker_training.environment")
    wheel(wheels, "sagemaker_training", version="5.0")
    python = Environments(tmp_path / "envs").get((("sagemaker_training",),), observe=lambda _: None)
    assert versions(python, "sagemaker_training") == ["5.0"]  # the real one comes first


@pytest.mark.long
def test_modules_are_compiled(tmp_path: Path, wheels: Path) -> None:
    python = Environments(tmp_path / "envs").get((("gamma",),), observe=lambda _: None)
    assert list(python.parent.parent.rglob("gamma.*.pyc"))


@pytest.mark.long
def test_no_layers(tmp_path: Path, wheels: Path) -> None:
    python = Environments(tmp_path / "envs").get((), observe=lambda _: None)
    assert imported(python, "pip")
    result = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == sys.version


@pytest.mark.long
def test_a_missing_package_is_told_with_what_uv_says(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(OutsideFailure) as caught:
        Environments(tmp_path / "envs").get((("no-such-thing==3",),), observe=lambda _: None)
    [problem] = caught.value.problems
    assert problem.id == "PB510"
    assert "the Python environment for no-such-thing==3 could not be made; uv said:" in problem.message
    assert "no-such-thing was not found" in problem.message
    assert problem.hint


@pytest.mark.long
def test_a_package_without_a_wheel_for_this_python(tmp_path: Path, wheels: Path) -> None:
    made = wheel(wheels, "nosuchdelta")
    made.rename(made.with_name("nosuchdelta-1.0-cp39-cp39-manylinux_2_17_x86_64.whl"))
    with pytest.raises(OutsideFailure) as caught:
        Environments(tmp_path / "envs").get((("nosuchdelta",),), observe=lambda _: None)
    assert str(caught.value.problems[0].hint).startswith(f"there is no wheel for Python {platform.python_version()}: ")


@pytest.mark.long
def test_a_half_made_environment_is_made_anew(tmp_path: Path, wheels: Path) -> None:
    environments = Environments(tmp_path / "envs")
    python = environments.get((("gamma",),), observe=lambda _: None)
    folder = python.parent.parent
    (folder / "ready").unlink()
    next(folder.rglob("gamma.py")).write_text("raise SystemExit(1)")
    assert environments.get((("gamma",),), observe=lambda _: None) == python
    assert imported(python, "gamma")


@pytest.mark.long
def test_killed_in_the_middle(tmp_path: Path, wheels: Path) -> None:
    """A uv that is slow to install is killed with its engine's kill -9; the next call makes the environment whole."""
    slow = tmp_path / "uv"
    wait = f"touch {tmp_path}/in; sleep 2; touch {tmp_path}/slept"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *layer-0*) {wait};; esac\nexec {find_uv()} "$@"\n')
    slow.chmod(0o755)
    code = f"""
        from pathlib import Path
        from pipeline_builder.engine.jobs.environments import Environments
        Environments(Path({str(tmp_path / "envs")!r}), uv=Path({str(slow)!r})).get((("alpha",),), observe=print)
    """
    engine = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (tmp_path / "in").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    key = environment_key((("alpha",),))
    assert (tmp_path / "envs" / key / "bin" / "python").exists()
    assert not (tmp_path / "envs" / key / "ready").exists()
    python = Environments(tmp_path / "envs").get((("alpha",),), observe=lambda _: None)
    # It waited for the orphaned uv, which still held the lock, before it removed the folder.
    assert (tmp_path / "slept").exists()
    assert imported(python, "alpha", "beta")


@pytest.mark.long
def test_two_at_once_build_once(tmp_path: Path, wheels: Path) -> None:
    said: list[str] = []
    found: list[Path] = []

    def get() -> None:
        found.append(Environments(tmp_path / "envs").get((("alpha",),), observe=said.append))

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(said) == 2


@pytest.mark.long
def test_uv_gets_no_secrets(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    spy = tmp_path / "uv"
    spy.write_text(f'#!/bin/sh\nenv >> {tmp_path}/seen\nexec {find_uv()} "$@"\n')
    spy.chmod(0o755)
    Environments(tmp_path / "envs", uv=spy).get((("gamma",),), observe=lambda _: None)
    seen = (tmp_path / "seen").read_text()
    assert "UV_FIND_LINKS" in seen
    assert "canary" not in seen


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-r other.txt", "has the option '-r'"),
        ("-rother.txt", "has the option '-rother.txt'"),
        ("--requirement=other.txt", "has the option '--requirement'"),
        ("-c c.txt", "has the option '-c'"),
        ("-e .", "has the option '-e'"),
        ("--trusted-host x", "has the option '--trusted-host'"),
        ("./package", "is a path on this machine"),
        ("../package", "is a path on this machine"),
        ("/srv/package", "is a path on this machine"),
        ("folder/package.whl", "is a path on this machine"),
        ("package.whl", "is a path on this machine"),
        (".", "is a path on this machine"),
        ("x @ file:///srv/x.whl", "is not an https address"),
        ("x @ http://host/x.whl", "is not an https address"),
        ("git+ssh://git@host/x", "has credentials in its address"),
        ("git+file:///srv/x", "is not an https address"),
        ("x @ git+https://host/x.git@0123abc", "would be built from a git repository"),
        ("--index-url http://host/simple", "is not an https address"),
        ("--find-links ./wheels", "is not an https address"),
        ("--extra-index-url=https://user:word@host/simple", "has credentials in its address"),
        ("x @ https://token@host/x.whl", "has credentials in its address"),
        ("--index-url https://host/${AWS_SECRET_ACCESS_KEY}", "takes a value from the environment"),
    ],
)
def test_refused_lines(line: str, reason: str) -> None:
    with pytest.raises(InputProblems) as caught:
        clean_layers((("fine", line),))
    [problem] = caught.value.problems
    assert problem.id == "PB511"
    assert reason in problem.message
    assert "word" not in problem.message
    assert "token" not in problem.message


@pytest.mark.parametrize(
    "line",
    [
        "pandas", "pandas==2.2.3", "scikit-learn>=1.3,<2", "torch[cpu]~=2.0 ; python_version < '3.13'", "--pre",
        "x @ https://host/x-1.0.whl", "--extra-index-url https://host/simple",
        "-f https://host/wheels", "--only-binary :all:", "x==1 --hash=sha256:00", "x; sys_platform != 'a/b'",
    ],
)  # fmt: skip
def test_accepted_lines(line: str) -> None:
    assert clean_layers(((line,),)) == ((line,),)


def test_comments_blanks_and_continued_lines() -> None:
    lines = ("# a", "", "pandas # b", "x @ https://h/x#egg=x", "scikit-learn \\", "  ==1.0", "   ")
    assert clean_layers((lines, ("# c",))) == (("pandas", "x @ https://h/x#egg=x", "scikit-learn ==1.0"),)


def test_every_refused_line_is_told() -> None:
    with pytest.raises(InputProblems) as caught:
        clean_layers((("-r a", "b"), ("-e c",)))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(("status", "linked"), [(1, True), (0, False)])
def test_openmp_is_linked_where_the_system_has_none(tmp_path: Path, status: int, linked: bool) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "scikit_learn.libs").mkdir(parents=True)
    (packages / "scikit_learn.libs" / "libgomp-a34b.so.1.0.0").write_text("library")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f"#!/bin/sh\nexit {status}\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    link_openmp(tmp_path)
    assert (tmp_path / "lib" / "libgomp.so.1").exists() is linked
    assert not linked or (tmp_path / "lib" / "libgomp.so.1").read_text() == "library"


@pytest.mark.long
def test_from_the_index(tmp_path: Path) -> None:
    python = Environments(tmp_path / "envs", whole=False).get((("six",),), observe=lambda _: None)
    assert imported(python, "six", "pip")
    (tmp_path / "requirements.txt").write_text("six\n")
    again = [str(python), "-m", "pip", "install", "--no-index", "-r", str(tmp_path / "requirements.txt")]
    assert "already satisfied" in subprocess.run(again, capture_output=True, text=True, check=True).stdout


def lists(**files: str) -> tuple[str, ...]:
    named = {name.replace("__", "/") + ".txt": text for name, text in files.items()}
    return included_lines("requirements.txt", named.get)


def test_lists_that_include_others() -> None:
    found = lists(
        requirements="-r deps/base.txt  # all\n-c bounds.txt\nlast\n",
        deps__base="first\n--requirement=more.txt\n-cmore.txt",
        deps__more="second==1 --hash=sha256:00\n",
        bounds="-r deps/more.txt\nnumpy<2\n",
    )
    second = "second==1 --hash=sha256:00"
    assert found == (
        "first", second, f"{CONSTRAINT}{second}", f"{CONSTRAINT}{second}", f"{CONSTRAINT}numpy<2", "last",
    )  # fmt: skip


def test_lists_that_include_each_other() -> None:
    assert lists(requirements="a\n-r other.txt\n", other="b\n-r requirements.txt\n") == ("a", "b")
    assert lists() == ()


@pytest.mark.parametrize("line", ["-r ../x.txt", "-r /etc/passwd", "-r https://h/x.txt", "-c ../x.txt", "-r no.txt"])
def test_lists_that_lead_out_are_refused(line: str) -> None:
    with pytest.raises(
        InputProblems, match=r"PB511 requirement '.*has the option '-[rc]', for a list that isn't in the"
    ):
        clean_layers((lists(requirements=f"a\n{line}\n"),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python 3.8", "'python 3.8' is none"),
        ("constraint six", "'constraint six' is none"),
    ],
)
def test_lines_of_lists_that_can_not_be(text: str, message: str) -> None:
    with pytest.raises(InputProblems, match=message):
        lists(requirements=text)
