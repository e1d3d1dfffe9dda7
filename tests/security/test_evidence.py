"""Attacks on the evidence: what was judged is changed before, or after, somebody's word; each is refused in words."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.cli.options import make_session
from pipeline_builder.errors import PipelineBuilderError, PlanRefused
from pipeline_builder.service.setting import Setting
from pipeline_builder.service.stage import run_promote
from tests.security import attacks
from tests.security.attacks import (
    Attack,
    artifact,
    baseline,
    copy_of,
    cut,
    edited_evidence,
    evidence,
    gone,
    hidden,
    in_registry,
    no_archive,
    other_code,
    pointed_elsewhere,
    pointer,
    record_of,
    recorded,
    replaced,
    report,
    said,
)
from tests.service.test_stage import ADA, Service
from tests.tiny import EVALUATE, variant
from tests.workspaces import Workspace, make_workspace

GATE = "        - {metric: regression_metrics.mae.value, max: 100, max_regression: 10%}\n"
# What later data would be held against: any file will do.
BASELINE = """\
      registry:
        arguments:
          DriftCheckBaselines:
            ModelDataQuality:
              Statistics:
                ContentType: application/json
                S3Uri:
                  Std:Join:
                    "On": /
                    Values: [{Get: "Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"}, test.csv]
"""
CONF = variant(("      registry:\n", f"      gate:\n{GATE}{BASELINE}"))
ARN = "arn:aws:sagemaker:localhost:000000000000:model-package/tiny-churn"


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model that waits."""
    workspace = make_workspace(tmp_path_factory.mktemp("waiting") / "w", conf=CONF)
    assert workspace.call("up").code == 0
    return workspace


@pytest.fixture(scope="module")
def approved(waiting: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same, approved."""
    workspace = copy_of(waiting, tmp_path_factory.mktemp("approved") / "w")
    assert workspace.call("promote", "--comment", "fine").code == 0
    return workspace


@pytest.fixture(scope="module")
def blocked(approved: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A champion, and a candidate that is worse."""
    workspace = copy_of(approved, tmp_path_factory.mktemp("blocked") / "w")
    workspace.push("conf/conf.yaml", CONF.replace("scale: 2", "scale: 4"))
    ended = workspace.call("up")
    assert (ended.code, "10% worse at most" in ended.err) == (5, True), ended.err
    return workspace


BYTES: dict[str, tuple[Attack, str, str]] = {
    "the artifact is another": (replaced(artifact), "PB461", "model.tar.gz' was replaced: sha256 was "),
    "the artifact is cut": (cut, "PB461", "size was "),
    "the artifact is changed in place, with its time": (hidden, "PB461", "sha256 was "),
    "the artifact is gone": (gone(artifact), "PB461", "the artifact is gone"),
    "the report is another": (
        replaced(report, b'{"regression_metrics": {"mae": {"value": 0.1}}}'),
        "PB461",
        "mae was 1, is 0.1",
    ),
    "the report is no JSON": (replaced(report), "PB461", "mae was 1, is missing"),
    "the report is gone": (gone(report), "PB461", "is gone"),
    "the baseline is another": (replaced(baseline), "PB461", "the baseline ModelDataQuality.Statistics 's3://"),
    "the code is other code": (other_code, "PB465", "is not what its name says: its content has the sha256 "),
    "the code is no archive": (no_archive, "PB465", "it can't be unpacked"),
    "the code is gone": (attacks.code, "PB465", "nothing is there"),
    "the registry names another artifact": (
        in_registry("UPDATE packages SET request = replace(request, 'model.tar.gz', 'other.tar.gz')"),
        "PB461",
        "/other.tar.gz'",
    ),
    "the registry names another image": (
        in_registry("UPDATE packages SET request = replace(request, 'tiny:1', 'tiny:2')"),
        "PB461",
        "the image was 'example.com/tiny:1', is 'example.com/tiny:2'",
    ),
    "the registry names another report": (
        in_registry("UPDATE packages SET request = replace(request, 'evaluation_metrics.json', 'other.json')"),
        "PB461",
        "the address of the report ModelQuality.Statistics was",
    ),
}
KEPT: dict[str, tuple[Attack, str, str]] = {
    "the evidence is gone": (gone(evidence), "PB462", "is gone: nothing is at 's3://local/tiny/evidence/"),
    "the evidence is edited": (edited_evidence, "PB462", "was changed: its sha256 is "),
    "the evidence is empty": (replaced(evidence, b""), "PB462", "was changed: its sha256 is "),
    "the evidence is large": (replaced(evidence, b" " * (65 << 20)), "PB529", "more than 64 MB"),
}
RAN: dict[str, tuple[Attack, str, str]] = {
    "the execution ran something else": (
        in_registry("UPDATE versions SET content = CAST(replace(content, 'm5.2xlarge', 'm5.4xlarge') AS BLOB)"),
        "PB461",
        "the execution's definition was ",
    ),
    "the execution had other parameters": (
        in_registry("UPDATE executions SET parameters = json_set(parameters, '$.\"Commit-churn\"', 'ffff')"),
        "PB461",
        "the execution's parameters' sha256 was ",
    ),
    "the execution ended otherwise": (
        in_registry("UPDATE executions SET status = 'Failed'"),
        "PB461",
        "the execution's status was Succeeded, is Failed",
    ),
}
RECORD: dict[str, tuple[Attack, str, str]] = {
    "the record says other metrics": (said(metrics={"auc": 1}), "PB463", "the record says {'auc': 1} of its metrics"),
    "the record says no metrics": (said(metrics=None), "PB463", "the record says nothing of its metrics"),
    "the record says another artifact": (
        said(model_data_url="s3://local/theirs/model.tar.gz"),
        "PB463",
        "the record says s3://local/theirs/model.tar.gz of its artifact, the evidence s3://local/tiny/",
    ),
    "the record says another image": (said(image="theirs"), "PB463", "the record says theirs of its image"),
    "the record says another champion": (said(champion_arn=f"{ARN}/9"), "PB463", "of its champion"),
    "the record says another package": (
        said(arn=f"{ARN}/9"),
        "PB463",
        f"names the package '{ARN}/9', and the execution",
    ),
    "the record says no package": (recorded(lambda r: r.update(packages=[])), "PB463", "the record has not"),
    "the record says one package twice as often": (
        recorded(lambda r: r["packages"].append({**r["packages"][0], "arn": f"{ARN}/2"})),
        "PB463",
        f"names the package '{ARN}/2'",
    ),
    "the record names other evidence": (
        recorded(lambda r: r.update(evidence="0" * 64)),
        "PB463",
        "names 000000000000",
    ),
    "what names the evidence is damaged": (replaced(pointer, b"{"), "PB462", "doesn't name the evidence of"),
    "what names the evidence is another execution's": (pointed_elsewhere, "PB462", "doesn't name the evidence of"),
}


@pytest.mark.parametrize(("attack", "problem", "words"), (BEFORE := BYTES | KEPT | RAN | RECORD).values(), ids=BEFORE)
def test_promote_refuses(attack: Attack, problem: str, words: str, waiting: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(waiting, tmp_path / "w")
    attack(workspace)
    ended = workspace.call("promote", "--comment", "looks right")
    assert (ended.code in (1, 3), problem in ended.err, words in ended.err) == (True, True, True), ended.err
    assert status_of(workspace) == "PendingManualApproval"


def status_of(workspace: Workspace, version: int = 1) -> str:
    import sqlite3

    with closing(sqlite3.connect(workspace.root / ".pipeline_builder" / "state.db")) as db, db:
        ((status,),) = db.execute("SELECT status FROM packages WHERE version = ?", (version,)).fetchall()
    db.close()
    return str(status)


STAGE = (
    BYTES
    | {name: attack for name, attack in RECORD.items() if not name.startswith("what names the evidence")}
    | {"the evidence is gone": KEPT["the evidence is gone"], "the evidence is edited": KEPT["the evidence is edited"]}
)


@pytest.mark.parametrize(("attack", "problem", "words"), STAGE.values(), ids=STAGE)
def test_the_promote_stage_refuses(
    attack: Attack, problem: str, words: str, waiting: Workspace, tmp_path: Path
) -> None:
    workspace = copy_of(waiting, tmp_path / "w")
    approval = record_of(workspace)["evidence"]
    attack(workspace)
    with pytest.raises(PlanRefused) as caught:
        run_promote(session(workspace), Setting(approval=approval, execution="e1"), Service(ADA))
    found = [problem.id for problem in caught.value.problems]
    assert {*found} <= {problem, "PB447", "PB463"}, str(caught.value)
    assert "PB447" in found or words in str(caught.value)
    assert status_of(workspace) == "PendingManualApproval"


def session(workspace: Workspace) -> Any:
    manifest = workspace.root / "model_repos.yaml"
    return make_session({"manifest": manifest, "state": None, "build": None, "env_file": None}, "local", None)


def test_the_promote_stage_is_red_where_another_runs_record_is_put_in_its_place(
    approved: Workspace, tmp_path: Path
) -> None:
    """That of a run in which nothing waits: green would say that something was promoted."""
    workspace = copy_of(approved, tmp_path / "w")
    with pytest.raises(PlanRefused, match="PB447"):
        run_promote(session(workspace), Setting(approval="0" * 64, execution="e1"), Service(ADA))


@pytest.mark.parametrize(("attack", "problem", "words"), BYTES.values(), ids=BYTES)
def test_judging_again_refuses(attack: Attack, problem: str, words: str, waiting: Workspace, tmp_path: Path) -> None:
    """A run in which nothing changed is judged again: what it has made has to be what was judged."""
    workspace = copy_of(waiting, tmp_path / "w")
    attack(workspace)
    ended = workspace.call("run", "--resume", record_of(workspace)["execution"])
    assert (ended.code, problem in ended.err, words in ended.err) == (3, True, True), ended.err


AFTER = BYTES | {name: KEPT[name] for name in ("the evidence is gone", "the evidence is edited")} | {
    "it is approved in the registry without a word": (
        in_registry("UPDATE packages SET approval_description = ''"),
        "PB467",
        "its approval is not by the evidence ",
    ),
    "it is approved by other words": (
        in_registry("UPDATE packages SET approval_description = 'approved by eve: mine'"),
        "PB467",
        "approved by eve: mine",
    ),
    "its evidence is named no more": (
        in_registry("UPDATE packages SET metadata = json_remove(metadata, '$.\"decided-evidence\"')"),
        "PB467",
        "has no evidence",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "problem", "words"), AFTER.values(), ids=AFTER)
def test_verify_refuses(attack: Attack, problem: str, words: str, approved: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(approved, tmp_path / "w")
    assert workspace.call("verify", "churn").code == 0
    attack(workspace)
    ended = workspace.call("verify", "churn")
    assert (ended.code, problem in ended.err, words in ended.err) == (3, True, True), ended.err


USED = {name: BYTES[name] for name in ("the artifact is another", "the report is gone", "the code is other code")}


@pytest.mark.parametrize(("attack", "problem", "words"), USED.values(), ids=USED)
def test_a_repeated_approval_refuses(
    attack: Attack, problem: str, words: str, approved: Workspace, tmp_path: Path
) -> None:
    workspace = copy_of(approved, tmp_path / "w")
    attack(workspace)
    ended = workspace.call("promote")
    assert (ended.code, problem in ended.err, words in ended.err) == (3, True, True), ended.err


# --- the verdict


@pytest.mark.long
def test_a_report_in_an_order_of_its_own_is_the_same_report(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    ordered = '{"z": "NaN", "regression_metrics": {"r2": 0, "mae": {"value"'
    workspace.push("scripts/evaluate.py", EVALUATE.replace('{"regression_metrics": {"mae": {"value"', ordered))
    ended = workspace.call("up", "--approve", "--comment", "fine")
    assert ended.code == 0
    assert re.search(r"r2 .*\n +mae ", ended.out), "shown as its author wrote it"


@pytest.mark.long
def test_a_blocked_run_stays_blocked_whatever_its_record_says(blocked: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(blocked, tmp_path / "w")

    def passed(record: Any) -> None:
        for judged in (record, *record["packages"]):
            judged["verdict"] = {"passed": True, "reasons": []}

    recorded(passed)(workspace)
    ended = workspace.call("promote", "churn", "--comment", "fine")
    assert (ended.code, "PB431" in ended.err) == (5, True), ended.err
    assert "the champion's (version 1) 1, and it may be 10% worse at most" in ended.err
    setting = Setting(approval=record_of(workspace)["evidence"], execution="e1")
    with pytest.raises(PipelineBuilderError, match="PB431"):
        run_promote(session(workspace), setting, Service(ADA))
    assert status_of(workspace, 2) == "PendingManualApproval"


def champions_report(workspace: Workspace) -> Path:
    execution = record_of(workspace)["execution"].rsplit("/", 1)[-1]
    reports = attacks.store(workspace).rglob("model_evaluation_metrics.json")
    (path,) = (path for path in reports if execution not in path.parts)
    return path


BAD = b'{"regression_metrics": {"mae": {"value": 90}}}'


def test_a_champions_report_that_was_overwritten_lets_nothing_pass(blocked: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(blocked, tmp_path / "w")
    replaced(champions_report, BAD)(workspace)
    ended = workspace.call("run")
    assert ended.code == 5, ended.err
    assert "the champion's (version 1) 1 (by its evidence; the report" in ended.err, ended.err
    assert "mae was 1, is 90 since)" in ended.err


@pytest.mark.parametrize("report", [b"[" * 50 + b"]" * 50, b'"' + b"x" * (9 << 20) + b'"'], ids=["deep", "large"])
def test_nor_does_one_that_nobody_reads(blocked: Workspace, report: bytes, tmp_path: Path) -> None:
    """Whoever writes there ends no run by it: with evidence it is the champion's still, without it is lost."""
    workspace = copy_of(blocked, tmp_path / "w")
    replaced(champions_report, report)(workspace)
    ended = workspace.call("run")
    assert (ended.code, "mae was 1, is missing since)" in ended.err) == (5, True), ended.err
    NO_EVIDENCE(workspace)
    ended = workspace.call("run")
    assert (ended.code, "what its champion, version 1, had is lost (PB" in ended.err) == (5, True), ended.err


def test_a_champion_whose_evidence_is_gone_lets_nothing_pass(blocked: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(blocked, tmp_path / "w")
    replaced(champions_report, BAD)(workspace)
    for path in (attacks.store(workspace) / "evidence").glob("*.json"):
        if path != evidence(workspace):
            path.unlink()
    ended = workspace.call("run")
    assert (ended.code, "PB462 the evidence" in ended.err) == (3, True), ended.err  # the cache took results by it too


NO_EVIDENCE = in_registry(
    "UPDATE packages SET approval_description = 'in Studio', "
    "metadata = json_remove(metadata, '$.\"decided-evidence\"') WHERE version = 1"
)


def test_the_report_of_a_champion_without_evidence_is_read_now_and_that_is_said(
    blocked: Workspace, tmp_path: Path
) -> None:
    workspace = copy_of(blocked, tmp_path / "w")
    NO_EVIDENCE(workspace)
    ended = workspace.call("run")
    assert (ended.code, "it has no evidence: its report was read now" in ended.err) == (5, True), ended.err
    replaced(champions_report, BAD)(workspace)  # nobody can know
    assert workspace.call("run").code == 0
    promoted = workspace.call("promote", "--comment", "fine")
    assert (promoted.code, "it has no evidence: its report was read now" in promoted.err) == (0, True), promoted.err


def test_a_champion_whose_evidence_the_registry_has_lost_lets_nothing_pass(blocked: Workspace, tmp_path: Path) -> None:
    """A conf may fill a package's custom properties, so that none is left for the evidence; its approval names it."""
    workspace = copy_of(blocked, tmp_path / "w")
    in_registry("UPDATE packages SET metadata = '{}' WHERE version = 1")(workspace)
    replaced(champions_report, BAD)(workspace)
    ended = workspace.call("run")
    assert (ended.code, "had is lost (its approval names the evidence" in ended.err) == (5, True), ended.err


@pytest.mark.long
def test_a_champion_that_changes_before_the_word_is_said_is_refused(blocked: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(blocked, tmp_path / "w")
    workspace.push("conf/conf.yaml", CONF.replace("scale: 2", "scale: 4").replace("10%", "1000%"))
    assert workspace.call("checkout").code == 0
    assert workspace.call("run", "--resume", record_of(workspace)["execution"]).code == 0
    in_registry("UPDATE packages SET status = 'Rejected' WHERE version = 1")(workspace)
    ended = workspace.call("promote", "--comment", "fine")
    assert (ended.code, "was compared with version 1: there is none now" in ended.err) == (3, True), ended.err
    assert workspace.call("run", "--resume", record_of(workspace)["execution"]).code == 0
    assert workspace.call("promote", "--comment", "fine").code == 0


def test_bounds_are_those_that_were_judged(blocked: Workspace, tmp_path: Path) -> None:
    """Another bound in the conf counts when the run is judged again, and says so to whoever looks; not before."""
    workspace = copy_of(blocked, tmp_path / "w")
    workspace.push("conf/conf.yaml", CONF.replace("scale: 2", "scale: 4").replace("10%", "1000%"))
    assert workspace.call("checkout").code == 0
    ended = workspace.call("promote", "churn", "--comment", "fine")
    assert (ended.code, "10% worse at most" in ended.err) == (5, True), ended.err


# --- what goes on as it did


@pytest.mark.long
def test_what_moves_elsewhere_is_no_matter(waiting: Workspace, tmp_path: Path) -> None:
    """Another deployed definition, another commit, new data: the model is what it was, and data is said."""
    workspace = copy_of(waiting, tmp_path / "w")
    before = record_of(workspace)["evidence"]
    workspace.push("README.md", "# another\n")
    assert workspace.call("up").code == 0
    assert record_of(workspace)["evidence"] == before
    workspace.push("conf/conf.yaml", CONF.replace("scale: 2", "scale: 3"))
    for command in ("checkout", "build", "apply"):
        assert workspace.call(command).code == 0
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n3\n4\n5\n7\n")
    ended = workspace.call("promote", "--comment", "fine")
    assert ended.code == 0, ended.err


def test_a_run_of_the_version_before_is_read_now_and_that_is_said(waiting: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(waiting, tmp_path / "w")
    gone(evidence)(workspace)
    gone(pointer)(workspace)
    recorded(lambda record: record.pop("evidence"))(workspace)
    ended = workspace.call("promote", "--comment", "fine")
    assert (ended.code, "the run has no evidence, as an earlier version left it" in ended.err) == (0, True), ended.err
    assert workspace.call("verify", "churn").code == 0


def test_an_approval_of_the_version_before_is_none_of_evidence(waiting: Workspace, tmp_path: Path) -> None:
    from pipeline_builder.release.approval import approval_digest

    workspace = copy_of(waiting, tmp_path / "w")
    older = approval_digest(session(workspace).runs.record())
    with pytest.raises(PlanRefused, match="PB447"):
        run_promote(session(workspace), Setting(approval=older, execution="e1"), Service(ADA))
    gone(evidence)(workspace)
    gone(pointer)(workspace)
    recorded(lambda record: record.pop("evidence"))(workspace)
    run_promote(session(workspace), Setting(approval=older, execution="e1"), Service(ADA))
    assert status_of(workspace) == "Approved"


# --- code


def test_apply_brings_back_what_was_replaced_and_says_so(waiting: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(waiting, tmp_path / "w")
    assert workspace.call("apply").code == 0
    other_code(workspace)
    ended = workspace.call("apply")
    assert (ended.code, "warning PB465" in ended.err, "4 code bundles uploaded" in ended.err) == (0, True, True), (
        ended.err
    )
    again = workspace.call("apply")
    assert ("PB465" in again.err, "0 code bundles uploaded" in again.err) == (False, True)
    assert workspace.call("promote", "--comment", "fine").code == 0


def test_no_job_gets_code_that_isnt_what_its_name_says(waiting: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(waiting, tmp_path / "w")
    other_code(workspace)
    ended = workspace.call("run", "--rerun")
    assert (ended.code, "is not what its name says" in ended.err) == (5, True), ended.err
    steps = workspace.call("status", "--json").json["steps"]
    assert [step["status"] for step in steps][:2] == ["Failed", "Waiting"]


# --- the audit


def test_every_decision_is_exported_with_its_evidence(approved: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(approved, tmp_path / "w")
    (line,) = (json.loads(text) for text in workspace.call("history", "--audit").out.splitlines())
    assert (line["decision"], line["who"], line["reason"], line["version"]) == ("approved", "ada", "fine", 1)
    assert line["evidence"]["packages"][0]["arn"] == line["package"]
    assert line["digest"] == record_of(workspace)["evidence"]
    edited_evidence(workspace)
    (line,) = (json.loads(text) for text in workspace.call("history", "--audit").out.splitlines())
    assert (line["evidence"], "was changed" in line["problem"]) == (None, True)


@pytest.mark.long
def test_nobodys_secret_is_in_the_evidence(tmp_path: Path) -> None:
    conf = CONF.replace(
        "  sagemakerPipeline:\n", "  sagemakerPipeline:\n    parameters:\n      - {name: code, default: x}\n"
    )
    workspace = make_workspace(tmp_path, conf=conf)
    ended = workspace.call("up", "--parameter", "code=hunter2-very-secret")
    assert ended.code == 0, ended.err
    assert b"hunter2" not in evidence(workspace).read_bytes()


COPY = """
INSERT INTO packages (arn, group_name, version, status, request, metadata, execution, step, created)
SELECT 'arn:aws:sagemaker:localhost:222222222222:model-package/tiny-churn/1', 'copies', 1, status, request,
json_set(metadata, '$."copied-from"', arn), 'none', step, created FROM packages WHERE version = 1
"""


def test_a_copy_is_verified_by_the_evidence_of_its_original(approved: Workspace, tmp_path: Path) -> None:
    workspace = copy_of(approved, tmp_path / "w")
    in_registry("INSERT INTO package_groups (name, description, created) VALUES ('copies', '', '2026')")(workspace)
    in_registry(COPY)(workspace)
    ended = workspace.call("verify", "copies", "1")
    assert (ended.code, f"that of {ARN}/1" in ended.out) == (0, True), ended.err
    in_registry("UPDATE packages SET request = replace(request, 'tiny:1', 'x:1') WHERE group_name = 'copies'")(
        workspace
    )
    ended = workspace.call("verify", "copies")
    assert (ended.code, "the image was 'example.com/tiny:1', is 'example.com/x:1'" in ended.err) == (3, True), ended.err
