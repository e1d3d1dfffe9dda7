"""Labels that come later: each start of an inference run finds them, or runs without."""

from __future__ import annotations

from pathlib import Path

from pipeline_builder.engine.local import open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.release.scoring.labels import find_labels
from tests.definition.scoring import compose_scoring
from tests.definition.test_monitoring import scoring
from tests.engine.environments import share_environment


def test_labels_are_where_they_are_said_to_be_once_they_have_come(tmp_path: Path) -> None:
    definition = compose_scoring(tmp_path / "conf", scoring())
    share_environment(tmp_path / "state")
    target = open_local_target(tmp_path / "state", LocalSettings())
    values = {"LogicalDate": "2026-11-29"}
    (none,) = definition.manifests
    assert find_labels(definition, target, values) == {"Labels-churn-Watch": none}
    target.store.put("s3://local/labels/dt=2026-11-28/l.csv", b"y\n1\n")
    assert find_labels(definition, target, values) == {"Labels-churn-Watch": none}
    target.store.put("s3://local/labels/dt=2026-11-29/l.csv", b"y\n1\n")
    assert find_labels(definition, target, values) == {"Labels-churn-Watch": "s3://local/labels/dt=2026-11-29/"}


def test_a_conf_without_monitoring_has_none(tmp_path: Path) -> None:
    definition = compose_scoring(tmp_path / "conf")
    target = open_local_target(tmp_path / "state", LocalSettings())
    assert find_labels(definition, target, {}) == {}
