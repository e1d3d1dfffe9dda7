"""The order of the tests, and what all of them share."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import hypothesis.internal.conjecture.providers
import hypothesis.internal.constants_ast
import pytest

from tests.clients import share
from tests.doors import door  # noqa: F401 - a fixture for all
from tests.places import ENVIRONMENTS, ROOT, environments_of_run, folder_of_run

# The same examples each time: what decides whether a change lands must not fail for another's reason. `scripts/fuzz`
# looks for new ones.
hypothesis.settings.register_profile(  # how long an example takes is the machine's, which may be busy
    "same", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")
# Nor are they sought among the constants of all modules that happen to be loaded, which each change to one would change;
# every process looks for those for half a second, in a fresh clone for several.
hypothesis.internal.conjecture.providers._get_local_constants = hypothesis.internal.constants_ast.Constants

# They wait, for minutes to begin or for processes to end: one process has them all, beside others that work.
_WAITING = (
    "test_schedules_fire_with_what_starts_the_pipeline",
    "test_killed_after_every_answer",
    "test_rules_fire_for_their_events_only_and_say_it_readably",
    "test_a_run_whose_command_was_killed_says_that_nobody_works_on_it",
    "test_days_on_aws",
    "test_a_stage_on_sagemaker_is_retried_from_its_failure",
    "test_killed_at_every_change",
    "test_time_limits_and_going_on",
    "test_a_uv_that_hangs_is_left_out",
)
# They work for half a minute and more: the longest first.
_BUSY = (
    "test_the_whole_job_in_a_fresh_clone",
    "test_approve_nothing_reject",
    "test_both_outcomes_in_a_fresh_clone",
    "test_a_failing_step_and_a_blocked_gate",
    "test_the_tutorial_is_true_and_so_is_what_begins_where_it_ends",
    "test_killed_while_it_trains_it_goes_on",
    "test_the_steps_are_those_of_the_sdk_whenever_and_wherever_they_are_made",
    "test_the_sdk_makes_and_runs_a_pipeline",
    "test_the_main_job_in_a_fresh_clone",
    "test_the_rest_of_the_how_to_word_for_word",
    "test_a_run_that_is_stopped_answered_early_or_over_its_time",
    "test_each_call_of_a_stage_is_allowed",
    "test_the_images_of_new_models_are_those_of_the_sdk",
    "test_a_watch_that_goes_on_for_long_does_not_grow",
    "test_checkov_finds_nothing_but_what_is_explained",
    "test_what_handlers_get_and_what_is_answered",
    "test_its_own_tests_pass_with_its_own_requirements",
)


def pytest_configure(config: pytest.Config) -> None:
    """Unlock the folders of runs that were killed, which pytest would keep for three days, and sweep their environments."""
    base = Path(os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir())
    for lock in base.glob("pytest-of-*/pytest-*/.lock") if "PYTEST_XDIST_WORKER" not in os.environ else ():
        with contextlib.suppress(OSError, ValueError):
            if not Path("/proc", str(int(lock.read_text()))).exists() and Path("/proc/self").exists():
                lock.unlink()
    for link in ENVIRONMENTS.glob("*.run") if "PYTEST_XDIST_WORKER" not in os.environ else ():
        if not link.exists():
            shutil.rmtree(link.with_suffix(""), ignore_errors=True)
            link.unlink(missing_ok=True)


def pytest_sessionstart() -> None:
    """Let each of several processes begin with a part of its own of all modules.

    What pytest makes of a module's assertions is kept in a file: then each is made once in a fresh clone, not by all.
    """
    gc.disable()  # nothing of what is collected goes away
    number, count = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), _processes()
    modules = sorted((ROOT / "tests").rglob("test_*.py"))
    size = -(-len(modules) // count)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in modules[number * size :][:size] if count > 1 else ():
            with contextlib.suppress(BaseException):  # it is said where the module is collected
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Leave what is there now out of all searches for garbage."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take away the environments of the run: they don't lie in pytest's own folder."""
    if "PYTEST_XDIST_WORKER" not in os.environ and (base := session.config._tmp_path_factory._basetemp):  # type: ignore[attr-defined]
        folder = environments_of_run(base)
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".run").unlink(missing_ok=True)


def _processes() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


@pytest.hookimpl(trylast=True)  # when those that aren't asked for are out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every process begin with long tests, so that in the end nobody waits for one.

    Each begins with its part of the list, and then takes of the others' ends.
    """
    waiting, busy = _named(items, _WAITING), _named(items, _BUSY)
    first = {*waiting, *busy}
    others = [item for item in items if item not in first]
    working = max(1, _processes() - 1)
    total, items[:] = len(items), []
    for number, own in enumerate([waiting, *(busy[part::working] for part in range(working))]):
        size = max(0, (total - len(items)) // (working + 1 - number) - len(own))
        items += [*own, *others[:size]]
        del others[:size]
    items += others


def _named(items: list[pytest.Item], names: tuple[str, ...]) -> list[pytest.Item]:
    """Return the tests with these names, in the order of the names."""
    found: dict[str, list[pytest.Item]] = {name: [] for name in names}
    for item in items:
        found.get(getattr(item, "originalname", item.name), []).append(item)
    return [item for same in found.values() for item in same]


@pytest.fixture(autouse=True, scope="session")
def _what_all_clients_have_in_common_is_made_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        share(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def _what_is_there_stays_out_of_all_searches_for_garbage() -> Iterator[None]:
    """Let commands that go on, and look through all that there is after a run, not look through what pytest has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "unfreeze", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _what_is_temporary_goes_with_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let what tests and killed commands leave among the temporary files lie in the run's own folder."""
    folder = folder_of_run(tmp_path_factory) / "tmp"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _interruptions_arrive() -> None:
    """Hear Ctrl-C and a closing terminal, to which shells and `nohup` make deaf what they start in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
