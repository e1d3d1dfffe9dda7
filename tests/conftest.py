"""The order of the tests, and what all of them share."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterator

import botocore.loaders
import botocore.session
import pytest

from tests.doors import door  # noqa: F401 - a fixture for all

_WAITING = ("test_schedules_fire_with_what_starts_the_pipeline",)  # for minutes to begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move tests that mostly wait to the front, so that nobody waits for them in the end."""
    items.sort(key=lambda item: item.name not in _WAITING)


@pytest.fixture(autouse=True, scope="session")
def _service_models_are_read_once() -> Iterator[None]:
    """Let all sessions of botocore have one reader of its service models: megabytes of JSON, parsed anew in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(autouse=True, scope="session")
def _interruptions_arrive() -> None:
    """Hear Ctrl-C, to which a shell makes deaf what it starts in the background, and all that this starts in turn."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
