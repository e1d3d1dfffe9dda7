"""A server program is its repository's: it reaches nobody outside of its job, and is looked for inside of it only."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pipeline_builder.engine.inside.serving.programs import find
from tests.engine.inside.test_servers import SERVER, needs_namespaces, run


@pytest.mark.long
@needs_namespaces
def test_a_server_reaches_nobody_outside(tmp_path: Path) -> None:
    with socket.socket() as outside:
        outside.bind(("127.0.0.1", 0))
        outside.listen()
        port = outside.getsockname()[1]
        attack = f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 2)\n    REACHED = True\nexcept OSError:\n    REACHED = False\n"
        program = SERVER.format(port="8080").replace("sys.argv[1:]", "__import__('attack').REACHED")
        code, answer, log = run(tmp_path / "job", {"serve.py": program, "attack.py": attack}, "serve.py")
    assert (code, ", False, " in answer) == (0, True), (answer, log)


@pytest.mark.long
@needs_namespaces
def test_a_server_sees_its_own_code_only(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    program = SERVER.format(port="8080").replace("sys.argv[1:]", f"os.path.exists({str(secret)!r})")
    code, answer, log = run(tmp_path / "job", {"serve.py": program}, "serve.py")
    assert (code, ", False, " in answer) == (0, True), (answer, log)


@pytest.mark.parametrize("program", ["../../secret.py", "/etc/passwd", "a/../../../secret.py", ".."])
def test_a_program_outside_of_the_job_is_none(tmp_path: Path, program: str) -> None:
    (tmp_path / "secret.py").write_text("def model_fn(d): pass\n")
    folder = tmp_path / "ml" / "code"
    (folder / "a").mkdir(parents=True)
    assert find([folder], program) is None
