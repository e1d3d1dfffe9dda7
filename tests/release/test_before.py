"""A state that the version before has left goes on: three models approved as one, newer versions that wait, no evidence.

`tests/before/decisions.tar.xz` was made by that version (3a93b8d): `up --approve --comment "as before"` of the three
models of `tests/trio.py`, a change of price's script, and `up` again, which registered all three anew.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.engine.environments import share_environment
from tests.places import ROOT
from tests.trio import Trio

OLD = [(f"trio-{name}/1", "Approved", "ada") for name in ("churn", "price", "segments")]
NEWEST = "cl86iqy0asbx"
FIRST = "46rkn5inflzx"


@pytest.fixture
def trio(tmp_path: Path) -> Trio:
    with tarfile.open(ROOT / "tests" / "before" / "decisions.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(tmp_path)
    share_environment(tmp_path / ".pipeline_builder")
    return Trio(tmp_path)


def test_what_it_has_decided_stays_decided(trio: Trio) -> None:
    refused = trio.decide("reject", "churn", "--run", FIRST, "--comment", "no", by="bob")
    assert (refused.code, "trio-churn version 1 is approved since 20" in refused.err) == (3, True), refused.err
    assert f"approved by ada: as before (execution {FIRST}, definition " in refused.err
    assert trio.decide("promote", FIRST).code == 0
    assert trio.changes() == OLD


def test_what_waits_is_decided_one_by_one(trio: Trio) -> None:
    first = trio.decide("promote", "churn", "--comment", "fine", by="bob")
    assert (first.code, "the run has no evidence, as an earlier version left it" in first.err) == (0, True), first.err
    assert trio.decide("reject", "price", "--comment", "too dear", by="bob").code == 0
    assert trio.changes() == [*OLD, ("trio-churn/2", "Approved", "bob"), ("trio-price/2", "Rejected", "bob")]
    assert trio.statuses() == {"churn": "Approved", "price": "Rejected", "segments": "PendingManualApproval"}
    assert trio.decide("promote", "churn").code == 0
    assert trio.decide("rollback", "churn", "--comment", "complaints").code == 0
    assert trio.decide("promote", NEWEST).code == 0  # what waits of that run
    assert trio.changes()[5:] == [("trio-churn/2", "Rejected", "ada"), ("trio-segments/2", "Approved", "ada")]


@pytest.mark.long
def test_a_run_goes_on_with_what_it_left(trio: Trio) -> None:
    ended = trio.decide("up", "--approve")
    assert ended.code == 0, ended.err
    assert set(trio.statuses().values()) == {"Approved"}
