"""Attacks by packages: what is built or installed sees no password, no network and nothing of this machine."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.environments import Environments
from pipeline_builder.engine.jobs.fetching import credentials_for, fetch
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.locating import Source
from pipeline_builder.errors import InputProblems, OutsideFailure

USER, WORD = "ada", "pass-canary"
isolated = pytest.mark.skipif(not private_mounts_available(), reason="jobs are not isolated here")


def wheel(name: str, files: dict[str, str] | None = None, version: str = "1.0", requires: str = "") -> bytes:
    """Return a wheel with these files."""
    content, info = io.BytesIO(), f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
    all_files = {
        f"{name}/__init__.py": "there = True\n", **(files or {}), f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }  # fmt: skip
    record = "".join(f"{path},,\n" for path in [*all_files, f"{info}/RECORD"])
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in {**all_files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return content.getvalue()


def sdist(name: str, files: dict[str, str]) -> bytes:
    """Return a source distribution of version 1.0."""
    content = io.BytesIO()
    about = {"PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n"}
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in {**about, **files}.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


# Stands for setuptools: runs setup.py as that does, and packs what `setup.py` has left in `modules`.
SETUPTOOLS = """
import os, runpy, zipfile
class _Legacy:
    @staticmethod
    def get_requires_for_build_wheel(settings=None):
        return ["helper"]
    @staticmethod
    def build_wheel(folder, settings=None, metadata=None):
        import helper
        found = runpy.run_path("setup.py")
        name, info = found["name"], f"{found['name']}-1.0.dist-info"
        files = {f"{name}.py": found["module"], f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
                 + found.get("requires", ""),
                 f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
        record = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
        with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w") as archive:
            for path, text in {**files, f"{info}/RECORD": record}.items():
                archive.writestr(path, text)
        return f"{name}-1.0-py3-none-any.whl"
__legacy__ = _Legacy()
"""
# Looks for passwords where they could be, and for a way out; what it finds becomes the module that is installed.
SPYING = """
import glob, json, os, socket
name = "spy"
seen = {"environment": dict(os.environ)}
def read(path):
    try:
        return open(path, "rb").read().decode("utf-8", "replace")
    except OSError:
        return ""
places = glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline")
places += [os.path.expanduser("~/.netrc"), %r + "/.netrc", %r + "/uv.toml", "/root/.netrc"]
seen["files"] = {path: read(path) for path in places}
seen["reached"] = []
for address in [("127.0.0.1", %d), ("1.1.1.1", 53)]:
    try:
        socket.create_connection(address, 2).close()
        seen["reached"].append(address)
    except OSError:
        pass
module = "seen = " + repr(json.dumps(seen))
"""


@dataclass
class Index:
    """A package index on this machine that wants user and password."""

    url: str
    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def index() -> Iterator[Index]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            allowed = (
                self.headers.get("Authorization") == f"Basic {base64.b64encode(f'{USER}:{WORD}'.encode()).decode()}"
            )
            here.asked.append(path if allowed else f"refused {path}")
            if not allowed:
                self._answer(401, b"who are you?")
            elif path.startswith("/files/"):
                self._answer(200, here.files[path.removeprefix("/files/")])
            else:
                name = path.strip("/").rpartition("/")[2]
                found = [file for file in here.files if file.partition("-")[0] == name]
                links = [
                    f'<a href="/files/{file}#sha256={hashlib.sha256(here.files[file]).hexdigest()}">{file}</a>'
                    for file in found
                ]
                self._answer(200 if found else 404, "".join(links).encode(), "text/html")

        def _answer(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", kind)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the server looks for this name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Index(url=f"http://127.0.0.1:{server.server_port}/simple/", port=server.server_port)
    here.files = {
        "pip-1.0-py3-none-any.whl": wheel("pip"),
        "helper-1.0-py3-none-any.whl": wheel("helper"),
        "wheel-1.0-py3-none-any.whl": wheel("wheel"),
        "setuptools-80.0-py3-none-any.whl": wheel("setuptools", {"setuptools/build_meta.py": SETUPTOOLS}, "80.0"),
    }
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The caller's home, whose netrc has the password, as have the variables of uv and pip."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {WORD}\n")
    for name in os.environ:
        if name.startswith(("UV_", "PIP_")):
            monkeypatch.delenv(name)
    address = index.url.replace("//", f"//{USER}:{WORD}@")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("UV_DEFAULT_INDEX", address)
    monkeypatch.setenv("PIP_INDEX_URL", address)
    monkeypatch.setenv("UV_INDEX_OTHER_PASSWORD", WORD)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def made(tmp_path: Path, *lines: str) -> tuple[Path, list[str]]:
    said: list[str] = []
    return Environments(tmp_path / "state" / "envs").get((lines,), observe=said.append), said


def output(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.long
@isolated
def test_a_build_sees_no_password_and_reaches_nobody(tmp_path: Path, home: Path, index: Index) -> None:
    index.files["spy-1.0.tar.gz"] = sdist("spy", {"setup.py": SPYING % (str(home), str(home), index.port)})
    python, said = made(tmp_path, "spy")
    assert any("building 'spy-1.0.tar.gz', which has no wheel" in line for line in said)
    text = output(python, "import spy; print(spy.seen)")
    seen = json.loads(text)
    assert WORD not in text
    assert seen["reached"] == []
    assert not [name for name in seen["environment"] if name.startswith("UV_")]
    assert "/files/helper-1.0-py3-none-any.whl" in index.asked  # what its backend asked for came from the index
    # The next environment has the wheel, without another build.
    index.asked.clear()
    _, said = made(tmp_path, "spy", "helper")
    assert not any("building" in line for line in said[1:-1]) or "/files/spy-1.0.tar.gz" in index.asked


@pytest.mark.long
@isolated
def test_several_packages_without_wheels_and_what_they_need(tmp_path: Path, home: Path, index: Index) -> None:
    needs = 'name = "one"; module = ""; requires = "Requires-Dist: three\\n"'
    index.files["one-1.0.tar.gz"] = sdist("one", {"setup.py": needs})
    for name in ("two", "three"):
        index.files[f"{name}-1.0.tar.gz"] = sdist(name, {"setup.py": f"name = {name!r}; module = ''"})
    python, said = made(tmp_path, "one", "two")
    assert output(python, "import one, two, three; print(1)") == "1"
    assert sum("which has no wheel" in line for line in said) == 3


@pytest.mark.long
@isolated
def test_a_build_can_write_nowhere_but_to_itself(tmp_path: Path, home: Path, index: Index) -> None:
    victim = tmp_path / "state" / "envs" / "victim"
    victim.mkdir(parents=True)
    setup = f"""
        name = "spy"
        import os
        for path in ({str(victim)!r} + "/x", {str(home)!r} + "/x", "/usr/x"):
            try:
                open(path, "w").write("x")
            except OSError:
                pass
        module = "x = 1"
    """
    index.files["spy-1.0.tar.gz"] = sdist("spy", {"setup.py": textwrap.dedent(setup)})
    made(tmp_path, "spy")
    assert list(victim.iterdir()) == []
    assert sorted(path.name for path in home.iterdir()) == [".netrc"]


STARTS = {
    "a pth file": {"evil.pth": "import os; open({marker!r}, 'a').write(repr(dict(os.environ)))"},
    "a sitecustomize": {"sitecustomize.py": "import os; open({marker!r}, 'a').write(repr(dict(os.environ)))"},
    "a package of that name": {
        "sitecustomize/__init__.py": "import os; open({marker!r}, 'a').write(repr(dict(os.environ)))"
    },
    "a usercustomize": {"usercustomize.py": "import os; open({marker!r}, 'a').write(repr(dict(os.environ)))"},
}


@pytest.mark.long
@pytest.mark.parametrize("attack", STARTS)
def test_what_starts_with_the_interpreter_does_not_start_here(
    tmp_path: Path, home: Path, index: Index, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    monkeypatch.setenv("UV_NO_CACHE", "1")  # so that uv asks the interpreter each time what it is
    marker = tmp_path / "ran"
    files = {path: text.format(marker=str(marker)) for path, text in STARTS[attack].items()}
    index.files["evil-1.0-py3-none-any.whl"] = wheel("evil", files)
    python = Environments(tmp_path / "state" / "envs").get((("evil",), ("helper",)), observe=lambda _: None)
    assert not marker.exists()
    assert output(python, "import evil, helper; print(1)") == "1"
    assert marker.exists() or attack == "a usercustomize"  # in a job it does start, as it should


@pytest.mark.long
def test_a_wheel_that_replaces_the_interpreter(tmp_path: Path, home: Path, index: Index) -> None:
    marker = tmp_path / "ran"
    files = {f"evil-1.0.data/scripts/{name}": f"#!/bin/sh\nenv > {marker}\n" for name in ("python", "python3")}
    index.files["evil-1.0-py3-none-any.whl"] = wheel("evil", files)
    with pytest.raises((InputProblems, OutsideFailure), match="PB557|PB510"):
        Environments(tmp_path / "state" / "envs").get((("evil",), ("helper",)), observe=lambda _: None)
    assert not marker.exists()


BACKENDS = {
    "it fails": ("raise SystemExit('no')", "PB556 .* could not be built: it ended with 1"),
    "it makes another package": ("name = 'other'; module = ''", "it has made another package: 'other-1.0-py3-none-any.whl'"),
    "it leaves a link": (
        "import os; os.symlink('/etc/passwd', '/opt/ml/work/dist/x-1.0-py3-none-any.whl'); os._exit(0)",
        "it has made nothing",
    ),
    "it leaves a folder in the place": (
        "import os; os.rmdir('/opt/ml/work/dist'); os.symlink('/etc', '/opt/ml/work/dist'); os._exit(0)", "PB550",
    ),
    "it leaves more": (
        "import os; open('/opt/ml/work/dist/a', 'w'); open('/opt/ml/work/dist/b', 'w'); os._exit(0)", "it has made 'a', 'b'",
    ),
}  # fmt: skip


@pytest.mark.long
@isolated
@pytest.mark.parametrize("attack", BACKENDS)
def test_builds_that_go_wrong(tmp_path: Path, home: Path, index: Index, attack: str) -> None:
    code, why = BACKENDS[attack]
    index.files["spy-1.0.tar.gz"] = sdist("spy", {"setup.py": code})
    with pytest.raises((OutsideFailure, InputProblems), match=why):
        made(tmp_path, "spy")
    assert not list((tmp_path / "state" / "envs").glob("wheels/*/*"))


@pytest.mark.long
@pytest.mark.parametrize("line", ["-r /etc/passwd", "x @ file:///etc/passwd", "../x", "--index-url http://evil/simple"])
@isolated
def test_what_a_build_wants_is_no_way_out(tmp_path: Path, home: Path, index: Index, line: str) -> None:
    backend = f"def get_requires_for_build_wheel(settings=None):\n    return [{line!r}]\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    index.files["spy-1.0.tar.gz"] = sdist("spy", {"pyproject.toml": project, "own.py": backend})
    with pytest.raises(InputProblems, match="PB511"):
        made(tmp_path, "spy")


@pytest.mark.long
def test_a_source_that_is_another_than_its_digest_says(tmp_path: Path, home: Path, index: Index) -> None:
    index.files["spy-1.0.tar.gz"] = sdist("spy", {"setup.py": ""})
    url = index.url.replace("/simple/", "/files/spy-1.0.tar.gz")
    with pytest.raises(OutsideFailure, match="PB510 .* its sha256 is"):
        fetch(Source(name="spy", url=url, sha256="0" * 64), tmp_path / "spy.tar.gz")
    assert not (tmp_path / "spy.tar.gz").exists()
    assert len(fetch(Source(name="spy", url=url, sha256=""), tmp_path / "spy.tar.gz")) == 64


@pytest.mark.long
def test_the_index_names_no_file_of_this_machine(tmp_path: Path, home: Path) -> None:
    with pytest.raises(OutsideFailure, match="it is no file of UV_FIND_LINKS"):
        fetch(Source(name="x", url=(home / ".netrc").as_uri(), sha256=""), tmp_path / "x")


def test_passwords_are_for_their_host_only(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine n.example login n password w\n")
    settings = {
        "UV_DEFAULT_INDEX": "https://a:b%40c@one.example/simple",
        "UV_INDEX": "mine=https://two.example/simple https://three.example/x",
        "UV_INDEX_MINE_USERNAME": "u", "UV_INDEX_MINE_PASSWORD": "p", "NETRC": str(tmp_path / "netrc"),
    }  # fmt: skip
    assert credentials_for("https://one.example/files/x", settings) == ("a", "b@c")
    assert credentials_for("https://two.example/x", settings) == ("u", "p")
    assert credentials_for("https://n.example/x", settings) == ("n", "w")
    for url in (
        "https://three.example/x",
        "http://one.example/x",
        "https://one.example:444/x",
        "https://evil.example/x",
    ):
        assert credentials_for(url, settings) is None


@pytest.mark.long
def test_a_git_requirement_is_not_built_here(tmp_path: Path, home: Path) -> None:
    with pytest.raises(InputProblems, match="PB511 .* would be built from a git repository"):
        made(tmp_path, "x @ git+https://host.example/x.git@0123abc")


@pytest.mark.long
def test_no_binary_builds_nothing(tmp_path: Path, home: Path, index: Index) -> None:
    marker = tmp_path / "ran"
    index.files["helper-1.0.tar.gz"] = sdist("helper", {"setup.py": f"open({str(marker)!r}, 'w')"})
    python, said = made(tmp_path, "--no-binary helper", "helper")
    assert any("'--no-binary helper' is not followed" in line for line in said)
    assert output(python, "import helper; print(helper.there)") == "True"
    assert not marker.exists()
