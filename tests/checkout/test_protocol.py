"""Commits that come over connections of ours: the same as git itself brings, and nothing that git would not take."""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline_builder.checkout.git import Git
from pipeline_builder.checkout.protocol import packed, question, read_pack
from pipeline_builder.checkout.runner import Remote
from pipeline_builder.checkout.words import GitError
from tests.checkout.repositories import ENVIRONMENT, commit, git, make_certificate, make_repository, serve
from tests.checkout.test_checkout import run

NO_LOOK = {"GIT_HTTP_USER_AGENT": "git/2.40"}


def test_what_is_no_pack() -> None:
    shallow = packed(b"shallow " + b"a" * 40 + b"\n")
    begin, data = packed(b"packfile\n"), packed(b"\x01PACK")
    whole = packed(b"shallow-info\n") + shallow + b"0001" + begin + packed(b"\x02counting") + data + b"0000"
    file = io.BytesIO()
    assert read_pack(io.BytesIO(whole).read, file) == ("a" * 40,)
    assert file.getvalue() == b"PACK"
    for content in (
        b"", b"0000", b"0001", b"zzzz", data + b"0000", begin + data, begin + data + b"0000" + data, begin + b"0003",
        begin + packed(b"\x03stop") + b"0000", begin + b"00ffx", packed(b"ERR no\n"), begin + b"-001" + b"0000",
        packed(b"shallow-info\n") + packed(b"shallow ../x\n") + b"0001" + begin + data + b"0000",
        packed(b"shallow-info\n") + packed(b"unshallow " + b"a" * 40 + b"\n") + b"0001" + begin + data + b"0000",
        whole[:-1],
    ):  # fmt: skip
        with pytest.raises(ValueError):  # noqa: PT011 - of int, or ours
            read_pack(io.BytesIO(content).read, io.BytesIO())


@pytest.mark.long
@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_with_and_without_git_on_the_way_it_is_the_same(tmp_path: Path, form: str) -> None:
    remote = tmp_path / "remotes" / "a"
    remote.mkdir(parents=True)
    git(remote, "init", "--quiet", "--initial-branch=main", f"--object-format={form}")
    (remote / "sub").mkdir()
    (remote / "sub" / "x").write_text("one\n" * 1000)
    commit(remote, "one")
    certificate = make_certificate(tmp_path / "certificate.pem")
    logged = tmp_path / "bin" / "git"
    logged.parent.mkdir()
    program = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    logged.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/commands\nexec {program} "$@"\n')
    logged.chmod(0o755)
    path = {"PATH": f"{logged.parent}:{ENVIRONMENT['PATH']}", "GIT_SSL_CAINFO": str(certificate)}
    with serve(tmp_path / "remotes", certificate=certificate) as (url, _):
        text = f"version: 1\nrepos:\n  - {{name: a, url: '{url}/a'}}\n"
        for _turn in range(2):
            found = []
            for name, more in (("ours", {}), ("gits", NO_LOOK)):
                root = tmp_path / name
                root.mkdir(exist_ok=True)
                (tmp_path / "commands").write_text("")
                done = run(root, text, locked=None, **path, **more)
                files = {str(p): p.read_bytes() for p in sorted((root / "aws-train").rglob("*")) if p.is_file()}
                found.append(
                    (done.lock.repos, [*map(len, files.values())], (root / ".cache" / "a.git/shallow").read_text())
                )
                commands = (tmp_path / "commands").read_text().splitlines()
                fetched = [line for line in commands if " fetch " in line and "/earlier" not in line]
                assert bool(fetched) == (name == "gits")
                git(root / ".cache" / "a.git", "fsck", "--strict")
            assert found[0] == found[1]
            (remote / "sub" / "y").write_text("two\n")  # what is there already gets another commit beside it
            commit(remote, "two")


@pytest.mark.long
def test_a_damaged_list_of_shallow_commits_is_made_anew(tmp_path: Path) -> None:
    remote = tmp_path / "remotes" / "a"
    remote.mkdir(parents=True)
    make_repository(remote)
    certificate = make_certificate(tmp_path / "certificate.pem")
    with serve(tmp_path / "remotes", certificate=certificate) as (url, _):
        text = f"version: 1\nrepos:\n  - {{name: a, url: '{url}/a'}}\n"
        run(tmp_path, text, GIT_SSL_CAINFO=str(certificate))
        (tmp_path / ".cache" / "a.git" / "shallow").write_bytes(b"\xff\xfe\n")
        head = commit(remote, "two")
        assert run(tmp_path, text, GIT_SSL_CAINFO=str(certificate)).lock.repos[0].commit == head


@contextmanager
def answering(pack: bytes, shallow: str) -> Iterator[tuple[Remote, list[str]]]:
    """Answer every question for a commit with the same pack, and nothing else."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append("GET")
            self.send_error(404)

        def do_POST(self) -> None:
            asked.append("POST")
            assert self.rfile.read(int(self.headers["Content-Length"])).endswith(b"0009done\n0000")
            parts = [packed(b"\x01" + pack[at : at + 60_000]) for at in range(0, len(pack), 60_000)]
            told = packed(b"shallow-info\n") + packed(f"shallow {shallow}\n".encode()) + b"0001"
            content = told + packed(b"packfile\n") + b"".join(parts) + b"0000"
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-result")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Remote(url=f"http://127.0.0.1:{server.server_port}/a", local=False), asked
    finally:
        server.shutdown()
        server.server_close()


def pack_of(remote: Path, *objects: str) -> bytes:
    told = "".join(f"{git(remote, 'rev-parse', one)}\n" for one in objects).encode()
    done = subprocess.run(
        ["git", "pack-objects", "--stdout", "-q"],
        cwd=remote,
        input=told,
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    return done.stdout


@pytest.mark.long
def test_a_pack_is_taken_where_all_of_it_is_there_and_sound(tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    (remote / "x").write_text("of the model\n")
    make_repository(remote)
    head = git(remote, "rev-parse", "HEAD")
    whole = pack_of(remote, "HEAD", "HEAD^{tree}", "HEAD:x")
    other = commit(remote, "other")
    blob = git(remote, "rev-parse", "HEAD:x")
    bad = subprocess.run(
        ["git", "mktree"], cwd=remote, input=f"100644 blob {blob}\t.GIT\n".encode(), env=ENVIRONMENT,
        capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    evil = git(remote, "commit-tree", "-m", "x", bad)
    bare, tool = tmp_path / "kept.git", Git(environment=ENVIRONMENT)
    for name, asked_for, pack, taken in (
        ("all of it", head, whole, True),
        ("a file is missing", head, pack_of(remote, "HEAD~1", "HEAD^{tree}"), False),
        ("a byte is another", head, whole[:-30] + bytes([whole[-30] ^ 1]) + whole[-29:], False),
        ("of another commit", other, whole, False),
        ("git's own folder in it", evil, pack_of(remote, evil, bad, blob), False),
        ("no pack", head, b"PACK", False),
        ("nothing", head, b"", False),
    ):
        where = bare.with_name(f"{name}.git")
        with answering(pack, asked_for) as (web, asked):
            if taken:
                tool.fetch(where, web, asked_for)
                assert (asked, tool.has(where, asked_for)) == (["POST"], True)
                continue
            with pytest.raises(GitError) as caught:
                tool.fetch(where, web, asked_for)
        assert (caught.value.kind, asked) == ("not found", ["POST", "GET"]), name
        assert not tool.has(where, asked_for), name
        assert not [*where.rglob("tmp_*")], name


def test_a_question_names_the_form_of_its_id() -> None:
    assert b"object-format=sha256" in question("a" * 64)
    assert b"object-format=sha1\n" in question("a" * 40)
