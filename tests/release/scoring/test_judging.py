"""Scores are judged by evidence alone: what is published, what is blocked, and what a model is trained anew for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.conf.scoring import ScoreGateSection
from pipeline_builder.machine.streams import MOST_READ
from pipeline_builder.release.evidence import Evidence, FileEvidence, ReportEvidence, ScoreEvidence
from pipeline_builder.release.scoring.judging import ScoreVerdict, judge_scores
from pipeline_builder.release.scoring.witness import bounds_of, witness_score
from tests.engine import definitions
from tests.release.scoring.evidences import MONITOR, drift, evidence, found, report, score


def gate(metric: str, **more: Any) -> dict[str, Any]:
    return {"bounds": bounds_of([ScoreGateSection.model_validate({"metric": metric, **more})])}


def judged(one: ScoreEvidence, **changes: Any) -> ScoreVerdict:
    (verdict,) = judge_scores(evidence(one, **changes))
    return verdict


FEW = {"a.b": {"psi": 3, "judged": False}}
BAD = "\x1b[31mage\nPB461 forged"
SHOWN = "\\x1b[31mage\\nPB461 forged"
CASES: dict[str, tuple[ScoreEvidence, str, tuple[str, ...], tuple[str, ...], str]] = {
    "nothing found": (score(), "scored", (), (), "scored by churn version 3, the model's steps are done"),
    "drift is said": (
        score(found(drift("age"))), "scored", ("warn",), (), "drift of 'age': psi is 0.31, allowed is 0.2",
    ),
    "drift blocks": (score(found(drift("age")), on_drift=("block",)), "blocked", ("block",), (), "drift of 'age'"),
    "drift retrains and is published": (
        score(found(drift("b"), drift("a")), on_drift=("retrain",)), "scored", ("retrain",), ("drift a", "drift b"), "",
    ),
    "drift does both": (
        score(found(drift("age")), on_drift=("block", "retrain")),
        "blocked", ("block", "retrain"), ("drift age",), "drift of 'age'",
    ),
    "another kind is no drift": (
        score(found({"kind": "missing", "column": "age", "message": "12 % are missing"}), on_drift=("block",)),
        "scored", ("warn",), (), "missing of 'age': 12 % are missing",
    ),
    "another schema is never published": (
        score(found({"kind": "schema", "column": "age", "message": "the column is gone"})),
        "blocked", ("warn", "block"), (), "schema of 'age': the column is gone",
    ),
    "names are hostile": (
        score(found(drift(BAD)), on_drift=("retrain",)), "scored", ("retrain",), (f"drift {SHOWN}",), SHOWN,
    ),
    "a gate blocks": (
        score(found(drift("age")), **gate("drift.max_psi", max=0.25)),
        "blocked", ("warn", "block"), (), "drift.max_psi is 0.31 (age), expected at most 0.25",
    ),
    "a gate holds": (score(**gate("drift.max_psi", max=0.5)), "scored", (), (), "drift.max_psi is 0.31, expected"),
    "a gate asks for a training": (
        score(**gate("drift.max_psi", max=0.25, then="retrain")),
        "scored", ("retrain",), ("gate drift.max_psi",), "drift.max_psi is 0.31",
    ),
    "that for which columns": (
        score(found(drift("age")), **gate("drift.max_psi", max=0.25, then=["warn", "retrain"])),
        "scored", ("warn", "retrain"), ("drift age",), "",
    ),
    "a column with a dot": (
        score(**gate("columns.a.b.psi", max=0.2)), "scored", (), (), "columns.a.b.psi is 0.1, expected at most 0.2",
    ),
    "violations are counted": (
        score(found(drift("a"), drift("b")), **gate("violations.drift", max=1)),
        "blocked", ("warn", "block"), (), "violations.drift is 2, expected at most 1",
    ),
    "a path to nowhere": (score(**gate("drift.maxpsi", max=1)), "blocked", ("block",), (), "no number 'drift.maxpsi'"),
    "a path to nowhere trains nothing": (
        score(**gate("drift.maxpsi", max=1, then="retrain")), "scored", ("warn",), (), "no number 'drift.maxpsi'",
    ),
    "so few that it may be chance": (
        score(found(drift={"max_psi": 0.15}, columns=FEW), **gate("drift.max_psi", max=0.1)),
        "scored", (), (), "drift.max_psi isn't judged: so few values may be as they are by chance",
    ),
    "few of one column and many of another": (
        score(found(drift={"max_psi": 3}, columns={**FEW, "b": {"psi": 0.2}}), **gate("drift.max_psi", max=0.1)),
        "blocked", ("block",), (), "drift.max_psi is 0.2, expected at most 0.1",
    ),
    "a column of so few": (
        score(found(columns=FEW), **gate("columns.a.b.psi", max=0.1)),
        "scored", (), (), "columns.a.b.psi isn't judged",
    ),
    "predictions of so few": (
        score(found(predictions={"psi": 3, "judged": False}), **gate("predictions.psi", max=0.1)),
        "scored", (), (), "predictions.psi isn't judged",
    ),
    "their rows are counted": (
        score(found(predictions={"psi": 3, "missing": 0.5, "judged": False}), **gate("predictions.missing", max=0.1)),
        "blocked", ("block",), (), "predictions.missing is 0.5",
    ),
    "few, and a path to nowhere": (
        score(found(columns=FEW), **gate("drift.maxpsi", max=0.1)),
        "blocked", ("block",), (), "no number 'drift.maxpsi'",
    ),
    "what it says besides": (score(found(notes=["of 3 rows\n", 7])), "scored", (), (), "; of 3 rows"),
    "labels haven't come": (
        score(**gate("quality.auc.value", min=0.7)), "scored", (), (), "quality.auc.value isn't known yet",
    ),
    "labels have come": (
        score(found(quality={"auc": {"value": 0.61}}), **gate("quality.auc.value", min=0.7, then="retrain")),
        "scored", ("retrain",), ("gate quality.auc.value",), "quality.auc.value is 0.61, expected at least 0.7",
    ),
    "a number that is none": (
        score(found(drift={"max_psi": float("nan")}), **gate("drift.max_psi", max=1)),
        "blocked", ("block",), (), "no number 'drift.max_psi'",
    ),
    "no report": (score(monitor=ReportEvidence(uri=MONITOR, gone=True)), "blocked", ("block",), (), f"nothing at '{MONITOR}'"),
    "another report": (score([1]), "blocked", ("block",), (), "is no report of a Monitor step"),
    "a violation that is none": (score(found({"kind": "drft"})), "blocked", ("block",), (), "a violation that is none"),
    "a violation of no kind": (
        score(found({"kind": ["drift"]})), "blocked", ("block",), (), "a violation that is none",
    ),
    "a report that nobody has read": (
        score(monitor=ReportEvidence(uri=MONITOR, size=100_000_000)),
        "blocked", ("block",), (), f"what is at '{MONITOR}' has 100 MB, expected at most 8 MB",
    ),
    "not as JSON has it": (
        score(monitor=report(None, text='{"format": 1, "violations": [], "drift": {"max_psi": NaN}}')),
        "scored", (), (), "monitoring has found nothing",
    ),
    "nothing monitors": (score(monitor=None), "scored", (), (), "nothing monitors it"),
    "nothing monitors what a gate wants": (
        score(monitor=None, **gate("drift.max_psi", max=1)), "blocked", ("block",), (), "nothing monitors it",
    ),
    "no predictions": (
        score(found(drift("age")), on_drift=("retrain",), predictions=FileEvidence(uri="s3://x/", gone=True)),
        "failed", (), (), "there are no predictions",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_done_about(name: str) -> None:
    given, status, actions, causes, words = CASES[name]
    verdict = judged(given)
    assert (verdict.status, verdict.actions, verdict.causes) == (status, actions, causes)
    assert words in "; ".join(verdict.reasons)
    assert "\n" not in "".join((*verdict.reasons, verdict.words))


def test_a_report_that_is_too_large_is_this_models_fault_alone(tmp_path: Path) -> None:
    target = definitions.target(tmp_path)
    target.store.put(MONITOR, b" " * (MOST_READ + 1))
    known = score(package="", predictions=None, monitor=ReportEvidence(uri=MONITOR))
    seen = witness_score(known, target)
    assert seen.monitor
    assert (seen.monitor.size, seen.monitor.content) == (MOST_READ + 1, None)
    assert witness_score(seen, target) == seen


def test_of_thousands_of_causes_a_request_names_some() -> None:
    many = found(*(drift(f"column{number:05}") for number in range(5000)))
    verdict = judged(score(many, on_drift=("retrain",)))
    assert len(verdict.causes) == 100
    assert len(verdict.words) < 300


def test_a_model_is_judged_by_its_own_steps() -> None:
    other = score(model="price")
    run = evidence(score(), other, status="Failed")
    broken = tuple(
        step.model_copy(update={"status": "Failed"}) if step.name == "price-Transform" else step for step in run.steps
    )
    first, second = judge_scores(run.model_copy(update={"steps": broken}))
    assert (first.publishable, second.publishable) == (True, False)
    assert second.reasons == ("the execution is Failed, of the model's steps 'price-Transform' is Failed",)


def test_what_was_not_planned_is_not_published() -> None:
    assert judged(score(), planned_sha256="e" * 64).status == "failed"


def test_evidence_of_a_training_has_the_bytes_it_had_and_that_of_scores_comes_back() -> None:
    assert b"scores" not in evidence().content
    made = evidence(score(found(drift(BAD))))
    assert Evidence.model_validate_json(made.content) == made


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"metric": "a"}, "the gate on 'a' has no bound"),
        ({"metric": "a", "min": 2, "max": 1}, "passes nothing"),
        ({"metric": "a", "max": True}, "expected a number"),
        ({"metric": "a", "max": 1, "then": "stop"}, "'warn', 'block' or 'retrain'"),
        ({"metric": "a", "max": 1, "then": []}, "at least one of"),
    ],
)
def test_a_gate_that_is_none(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScoreGateSection.model_validate(given)


def test_the_worst_is_said_first_and_of_a_cause_the_worst_two_columns() -> None:
    ks = drift("wild", 0.7, statistic="ks", bound=0.6)
    schema = {"kind": "schema", "column": "new", "message": "it is new"}
    watched = found(drift("mild", 0.3), ks, drift("wild", 1.5), drift("calm", 0.25), drift("bad", 0.8), schema)
    verdict = judged(score(watched, on_drift=("retrain",)))
    order = [reason.partition(":")[0] for reason in verdict.reasons]
    assert order == ["schema of 'new'", *(f"drift of '{name}'" for name in ("wild", "bad", "mild", "calm", "wild"))]
    assert verdict.words == (
        "drift of 'wild': psi is 1.5, allowed is 0.2; drift of 'bad': psi is 0.8, allowed is 0.2 and 3 more"
    )
    assert verdict.causes == ("drift bad", "drift calm", "drift mild", "drift wild")


def test_of_thousands_of_violations_the_first_are_said_and_all_count() -> None:
    many = [drift(f"c{number}", number + 1) for number in range(5000)]
    verdict = judged(score(found(*many), on_drift=("retrain",), **gate("violations.drift", max=4999)))
    assert (verdict.status, verdict.actions, len(verdict.reasons)) == ("blocked", ("block", "retrain"), 302)
    assert verdict.reasons[-2:] == ("and 4,700 more violations", "violations.drift is 5000, expected at most 4999")
    assert verdict.words.endswith("and 4999 more")
