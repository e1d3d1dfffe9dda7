"""The order of the tests, and what all of them share."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator

import botocore.loaders
import botocore.session
import hypothesis
import pytest

from tests.doors import door  # noqa: F401 - a fixture for all

# The same examples each time: what decides whether a change lands must not fail for another's reason. `scripts/fuzz`
# looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")

# They wait for minutes to begin, or take one themselves: the longest first.
_FIRST = (
    "test_schedules_fire_with_what_starts_the_pipeline",
    "test_both_outcomes_in_a_fresh_clone",
    "test_the_whole_job_in_a_fresh_clone",
    "test_checkov_finds_nothing_but_what_is_explained",
    "test_killed_after_every_answer",
    "test_killed_at_every_change",
    "test_the_main_job_in_a_fresh_clone",
    "test_its_own_tests_pass_with_its_own_requirements",
)


@pytest.hookimpl(trylast=True)  # when those that aren't asked for are out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every process begin with long tests, so that in the end nobody waits for one.

    Each begins with its part of the list, and then takes of the others' ends.
    """
    names = [getattr(item, "originalname", item.name) for item in items]
    first = [item for long in _FIRST for item, name in zip(items, names, strict=True) if name == long]
    others = [item for item, name in zip(items, names, strict=True) if name not in _FIRST]
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    total, items[:] = len(items), []
    for number in range(processes):
        own = first[number::processes]
        size = max(0, (total - len(items)) // (processes - number) - len(own))
        items += [*own, *others[:size]]
        del others[:size]
    items += others


@pytest.fixture(autouse=True, scope="session")
def _service_models_are_read_once() -> Iterator[None]:
    """Let all sessions of botocore have one reader of its service models: megabytes of JSON, parsed anew in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(autouse=True, scope="session")
def _interruptions_arrive() -> None:
    """Hear Ctrl-C and a closing terminal, to which shells and `nohup` make deaf what they start in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
