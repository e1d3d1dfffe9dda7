"""The order of the tests, and what all of them share."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import botocore.loaders
import botocore.session
import hypothesis
import pytest

from tests.doors import door  # noqa: F401 - a fixture for all
from tests.places import ENVIRONMENTS, ROOT, environments_of_run, folder_of_run

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
    names = [getattr(item, "originalname", item.name) for item in items]
    first = [item for long in _FIRST for item, name in zip(items, names, strict=True) if name == long]
    others = [item for item, name in zip(items, names, strict=True) if name not in _FIRST]
    processes = _processes()
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
