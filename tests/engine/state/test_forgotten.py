"""A state that was deleted is missed, as long as nothing has run anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.definitions import definition, run, script, target


@pytest.mark.long
@pytest.mark.parametrize("lost", ["deleted", "emptied"])
def test_a_state_that_was_lost_is_missed(tmp_path: Path, lost: str) -> None:
    content = definition(script("a", "true"))
    first = target(tmp_path)
    run(first, content)
    assert [one for one in target(tmp_path).warnings if one.id == "PB486"] == []
    for path in (tmp_path / "state").glob("state.db*"):
        path.unlink()
    if lost == "emptied":
        (tmp_path / "state" / "state.db").touch()
    lost_one = target(tmp_path)
    (told_now,) = (one for one in lost_one.warnings if one.id == "PB486")
    where = tmp_path / "state" / "state.db"
    words = f"'{where}' knows of no run, and there is 1 in 'jobs' beside it: it was deleted, or is another one"
    assert (told_now.message, told_now.warning) == (words, True)
    run(lost_one, content)
    assert [one for one in target(tmp_path).warnings if one.id == "PB486"] == []
