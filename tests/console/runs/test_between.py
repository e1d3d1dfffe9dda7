"""What is otherwise in a run than in one before it."""

from __future__ import annotations

from datetime import timedelta

from pipeline_builder.console.runs.between import Change, compare_runs
from tests.release.records import BEGIN, run_record, steps


def changes(**now: object) -> list[tuple[str, str, str, str]]:
    found = compare_runs(run_record(), run_record(**now), {}, {})
    return [(one.kind, one.name, one.was, one.now) for one in found.changes]


def test_the_same_again_is_nothing() -> None:
    found = compare_runs(run_record(), run_record(), {}, {})
    assert (found.id, found.same_definition, found.changes) == ("abc123def456", True, ())


def test_another_commit_is_named_with_its_subject_and_once() -> None:
    (repo,) = run_record().repos
    moved = repo.model_copy(update={"commit": "9" * 40, "subject": "Wider trees"})
    before = run_record(parameters={"Commit-churn": repo.commit, "Rows": "5"})
    now = run_record(repos=(moved,), parameters={"Commit-churn": moved.commit, "Rows": "7"})
    found = compare_runs(before, now, {}, {})
    assert found.changes == (
        Change(kind="commit", name="churn", was="1f3c9ab000 Deeper trees", now="9999999999 Wider trees"),
        Change(kind="parameter", name="Rows", was="5", now="7"),
    )


def test_a_repository_that_came_and_one_that_went() -> None:
    (repo,) = run_record().repos
    other = repo.model_copy(update={"name": "price", "commit": "9" * 40})
    assert changes(repos=(other,)) == [
        ("commit", "price", "", "9999999999 Deeper trees"),
        ("commit", "churn", "1f3c9ab000 Deeper trees", ""),
    ]
    assert changes(repos=()) == []  # nobody knows then


def test_steps_that_came_went_and_changed() -> None:
    extra = steps("price")[:1]
    assert [one for one in changes(steps=(*extra, *steps("churn")[1:])) if one[0] == "step"] == [
        ("step", "price-Processing", "", "new: Processing"),
        ("step", "churn-Processing", "Processing", ""),
    ]
    name = "churn-Training"
    old = {name: {"Type": "Training", "Arguments": {"HyperParameters": {"a": 1}, "Environment": {}}}}
    new = {name: {"Type": "Training", "Arguments": {"HyperParameters": {"a": 2}, "Environment": {}}, "CacheConfig": {}}}
    found = compare_runs(run_record(), run_record(), old, new)  # type: ignore[arg-type]
    assert found.changes == (Change(kind="step", name=name, was="", now="changed: HyperParameters, CacheConfig"),)


def test_a_step_that_ended_otherwise_or_took_notably_longer() -> None:
    first, second, *rest = steps("churn")
    failed = second.model_copy(update={"status": "Failed"})
    assert changes(steps=(first, failed, *rest)) == [("state", second.name, "Succeeded", "Failed")]
    slow = second.model_copy(update={"ended": BEGIN + timedelta(seconds=61)})
    assert changes(steps=(first, slow, *rest)) == [("time", second.name, "1.0 s", "1 min 00 s")]
    cached = slow.model_copy(update={"cache_hit": "arn:x/y"})
    assert changes(steps=(first, cached, *rest)) == []
