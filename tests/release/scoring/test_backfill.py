"""A backfill that is interrupted while it begins ends as an interrupted one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline_builder.release.scoring.backfill import Backfill, work_off
from tests.engine import definitions


def test_interrupted_before_all_have_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    unused = cast("Any", None)
    backfill = Backfill(target=definitions.target(tmp_path), composed=unused, lock=unused, pipeline=unused)
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work_off(backfill, ("2026-11-01", "2026-11-02"), 2, lambda _: None)
    assert backfill.ended.is_set()
