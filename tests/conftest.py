"""The order of the tests: what only waits begins first, so that nobody waits for it in the end."""

from __future__ import annotations

import pytest

_WAITING = ("test_schedules_fire_with_what_starts_the_pipeline",)  # for minutes to begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move tests that mostly wait to the front."""
    items.sort(key=lambda item: item.name not in _WAITING)
