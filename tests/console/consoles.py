"""A console over a workspace: in this process for most tests, as a server for browsers and for real requests."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug.test import Client as TestClient
from werkzeug.test import TestResponse

from pipeline_builder.console.access import Access
from pipeline_builder.console.app import make_app
from pipeline_builder.console.live import Live
from pipeline_builder.console.look import Look, utc
from pipeline_builder.console.looks import Looks, known_stamps
from pipeline_builder.console.server import Console, open_console
from pipeline_builder.session import Session
from pipeline_builder.workspace import Workspace, load_values
from tests import workspaces

HOST = "127.0.0.1:8266"


def session_of(workspace: workspaces.Workspace, *, target: str = "local", **environment: str) -> Session:
    """Return a session as a command in the workspace's folder has it."""
    variables = workspace.environment(**environment)
    values, tags = load_values(variables, None, target, workspace.root / "framework.yaml")
    return Session(
        Workspace(
            manifest_path=workspace.root / "model_repos.yaml",
            state=workspace.root / ".pipeline_builder",
            build=workspace.root / "build",
            target=target,
            jobs=2,
            environment=variables,
            values=values,
            tags=tags,
        ),
        say=lambda _: None,
        warn=lambda _: None,
    )


def looks_of(
    workspace: workspaces.Workspace, *, may_decide: bool = True, now: Callable[[], datetime] = utc, **environment: str
) -> Looks:
    """Return what gives each request its look."""
    return Looks(open_session=lambda: session_of(workspace, **environment), may_decide=may_decide, now=now)


def look_of(workspace: workspaces.Workspace, **more: Any) -> Look:
    """Return a look at the workspace, for a view."""
    return looks_of(workspace, **more).current()


@dataclass
class Client:
    """A browser that is logged in, in this process. `bugs` has what the console reported."""

    access: Access
    http: TestClient
    session: str
    bugs: list[str] = field(default_factory=list)

    def get(self, path: str, *, logged_in: bool = True, **headers: str) -> TestResponse:
        """Ask for an address; `headers` with `_` for `-`."""
        return self.http.get(path, base_url=f"http://{HOST}/", headers=self._headers(headers, logged_in=logged_in))

    def page(self, path: str) -> str:
        """Return a page as HTML."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def json(self, path: str) -> Any:
        """Return the same as JSON."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def text(self, path: str) -> str:
        """Return what a page says, without its marks, in one line."""
        return text_of(self.page(path))

    def post(self, path: str, form: Mapping[str, str], *, token: str | None = None, **headers: str) -> TestResponse:
        """Send a form as the console's own page does, with its token where no other is given."""
        given = {"Origin": f"http://{HOST}", "Sec_Fetch_Site": "same-origin", **headers}
        data = {"form": self.access.form_token(self.session) if token is None else token, **form}
        return self.http.post(path, base_url=f"http://{HOST}/", data=data, headers=self._headers(given))

    def _headers(self, given: Mapping[str, str], *, logged_in: bool = True) -> dict[str, str]:
        cookie = {"Cookie": f"{self.access.cookie}={self.session}"} if logged_in else {}
        return {**cookie, **{name.replace("_", "-"): value for name, value in given.items()}}


def text_of(html: str) -> str:
    """Return what is between the marks, in one line."""
    body = re.sub(r"<(style|script|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def client_of(looks: Looks) -> Client:
    """Return a browser that is logged in."""
    access, bugs = Access(port=8266), []  # type: ignore[var-annotated]
    app = make_app(looks, access, live=Live(look=lambda: known_stamps(looks.current())), report=bugs.append)
    return Client(access, TestClient(app, use_cookies=False), access.log_in(), bugs)


@contextmanager
def logged_in(looks: Looks) -> Iterator[Client]:
    """Log a browser in, until the end of the block; nothing that it asks may be a bug."""
    client = client_of(looks)
    try:
        yield client
    finally:
        looks.close()
    assert client.bugs == []


@contextmanager
def served(looks: Looks, *, seconds: float = 0.1) -> Iterator[Console]:
    """Let a console listen on a free port, until the end of the block. It looks for changes each `seconds`."""
    bugs: list[str] = []
    console = open_console(looks, port=0, report=bugs.append, seconds=seconds)
    thread = threading.Thread(target=console.serve, name="console", daemon=True)
    thread.start()
    try:
        yield console
        assert bugs == []
    finally:
        console.http.shutdown()
        thread.join(10)
