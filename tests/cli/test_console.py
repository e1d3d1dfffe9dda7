"""The command that opens the console: what it prints, how it ends, and where it listens."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline_builder.cli.console import _opened
from tests.workspaces import Workspace, make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path, state=False)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_an_address_that_lets_in_and_ends_when_it_is_told(
    workspace: Workspace, ending: signal.Signals
) -> None:
    process = workspace.start("console", "--no-open", "--port", "0", "--json")
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            said += process.stdout.readline()
        found = json.loads(said)
        assert found["address"].startswith(f"{found['url']}/?token=")
        with pytest.raises(urllib.error.HTTPError, match="401"):  # who keeps no cookie is led to the login
            urllib.request.urlopen(found["address"], timeout=20)
    finally:
        process.send_signal(ending)
        _, err = process.communicate(timeout=30)
    assert (process.wait(), err) == (0, "")
    assert not (workspace.root / ".pipeline_builder").exists()


def test_a_port_that_is_taken(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = workspace.call("console", "--no-open", "--port", str(taken.getsockname()[1]))
    assert ended.code == 4
    assert "PB542 cannot listen on port" in ended.err


def test_options_that_would_do_nothing_are_refused(workspace: Workspace) -> None:
    for given, said in ((["--most", "3"], "give both"), (["--export", "site", "--read-only"], "leave --port")):
        ended = (
            workspace.call("console", "--no-open", *given) if "--most" in given else workspace.call("console", *given)
        )
        assert (ended.code, said in ended.err) == (2, True), ended.err
    assert not (workspace.root / "site").exists()


def test_a_browser_is_opened_without_the_token_in_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    with _opened("http://127.0.0.1:1/?token=secret"):
        (url,) = asked
        page = Path(url.removeprefix("file://"))
        assert "secret" not in url
        assert "secret" in page.read_text()
        assert page.stat().st_mode & 0o077 == 0
    assert not page.exists()
