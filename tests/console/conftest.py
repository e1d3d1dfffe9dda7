"""Workspaces with real runs, and a browser, that all tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browsing import open_browser
from tests.console.consoles import Client, logged_in, looks_of
from tests.console.hostile import make_hostile
from tests.scoring import Scoring, make_scoring
from tests.workspaces import Workspace, make_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROKEN = "import sys\nsys.exit('no <b>such</b> column')\n"


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Six steps with metrics: a champion, a version that waits for a decision, and a run that failed. Only look at it."""
    workspace = make_workspace(tmp_path_factory.mktemp("ran"))
    assert workspace.call("up", "--approve").code == 0
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n4\n6\n7\n9\n")
    assert workspace.call("up").code == 0
    workspace.push("scripts/train.py", BROKEN)
    assert workspace.call("up").code == 5
    return workspace


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scoring:
    """Two pipelines: a champion that has scored three days, of which one asks for a retraining. Only look at it."""
    scoring = make_scoring(tmp_path_factory.mktemp("scored"))
    scoring.land("2026-11-01")
    scoring.land("2026-11-02", (3, 4, 5))
    assert scoring.call("up", "--approve").code == 0
    for day in ("2026-11-01", "2026-11-02"):
        assert scoring.call("up", "--pipeline", "scoring", "--date", day).code == 0
    return scoring


@pytest.fixture
def client(ran: Workspace) -> Iterator[Client]:
    """A browser that is logged in at the console over `ran`; nothing that a test asks may be a bug."""
    with logged_in(looks_of(ran)) as client:
        yield client


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real browser, one for all tests of the console in a process."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A champion, a version that waits and a run that failed, with hostile words wherever others may write.

    Only look at it; `check_page_is_inert` of `hostile.py` looks at a page.
    """
    return make_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile_client(hostile: Workspace) -> Iterator[Client]:
    """A browser that is logged in at the console over `hostile`."""
    with logged_in(looks_of(hostile)) as client:
        yield client
