"""What ends a command, and how that is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_core import SchemaError, SchemaSerializer, core_schema

from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.errors import ExitCode
from tests.interrupting import Interrupts


def test_ctrl_c_while_pydantic_builds_a_schema_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SchemaError) as ended:
        SchemaSerializer(core_schema.literal_schema([Interrupts(signal.SIGINT)]))
    assert show_failure(ended.value, wants_json=False) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted; ")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SchemaError("Error building `model` serializer"), ExitCode.BUG, "This is a bug"),
        (ValueError("KeyboardInterrupt"), ExitCode.BUG, "This is a bug"),
    ],
)
def test_an_error_that_is_no_interruption_is_a_bug(
    error: Exception, code: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_failure(error, wants_json=False) == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("ignored", [False, True], ids=["", "ignored, as after 'command &' in a script"])
def test_ctrl_c_while_a_command_is_imported_is_an_interruption(ignored: bool) -> None:
    """The signal comes at the first import of all."""
    code = (
        "import signal, sys\n"
        f"{ignored} and signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pipeline_builder.cli':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "from pipeline_builder.__main__ import main\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['pipeline-builder', '--version']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = (0, "") if ignored else (130, "interrupted; the same command goes on from here\n")
    assert (done.returncode, done.stderr) == expected


def test_a_pipe_that_broke_elsewhere_is_no_reader_that_has_gone() -> None:
    code = (
        "import sys\n"
        "from pipeline_builder.cli.boundary import run\n"
        "from pipeline_builder.cli.group import main\n"
        "@main.command('fails')\n"
        "def fails(): raise BrokenPipeError(32, 'that of a job')\n"
        "sys.exit(run(['fails']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "that of a job" in done.stderr, "This is a bug" in done.stderr) == (70, True, True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "code"),
    [(["schema"], 0), (["--help"], 0), (["explain", "PB100"], 0), (["nonsense"], 2), (["graph", "--json"], 1)],
)
def test_a_reader_that_has_gone_changes_nothing(words: list[str], code: int, tmp_path: Path) -> None:
    """As `| head` does once it has what it wants; also where it reads what goes to stderr."""
    main = f"import sys; sys.argv = {['pipeline-builder', *words]}; from pipeline_builder.__main__ import main; "
    command = [sys.executable, "-c", f"{main}sys.exit(main())"]
    for both in (False, True):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing) as gone:
            errors = gone if both else subprocess.PIPE
            done = subprocess.run(command, cwd=tmp_path, check=False, stdout=gone, stderr=errors)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in (done.stderr or b"")
