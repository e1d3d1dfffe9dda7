"""Attacks on decisions: what somebody has decided is overwritten by nobody, and nothing counts as decided by accident."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_builder.manifest.sections import ManifestSection
from tests.checkout.repositories import commit
from tests.doors import Door
from tests.trio import MANIFEST, NAMES, TRAIN, Trio, make_trio
from tests.workspaces import Ended

FAILS = "raise SystemExit('no data for segments')\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Three models that wait."""
    trio = make_trio(tmp_path_factory.mktemp("trio") / "made")
    assert trio.decide("up").code == 0
    return trio


@pytest.fixture
def trio(ran: Trio, tmp_path: Path) -> Trio:
    """A copy of them."""
    return Trio(Path(shutil.copytree(ran.root, tmp_path / "trio", symlinks=True)))


# --- the states, and who leaves them


@pytest.mark.long
def test_a_bare_rejection_takes_no_champion_out_of_use(trio: Trio) -> None:
    assert trio.decide("promote", "--comment", "fine").code == 0
    before = trio.changes()
    refused = trio.decide("reject", "--comment", "wrong window", by="bob")
    assert (refused.code, refused.err.count("PB454 ")) == (3, 3), refused.err
    assert "trio-churn version 1 is approved since 20" in refused.err
    assert "approved by ada: fine (execution " in refused.err
    assert (trio.changes(), len(before)) == (before, 3)


@pytest.mark.long
def test_what_was_rolled_back_comes_back_only_when_that_is_said(trio: Trio) -> None:
    assert trio.decide("promote").code == 0
    trio.change("price")
    assert trio.decide("up", "--approve").code == 0
    assert trio.decide("rollback", "price", "--comment", "complaints", by="bob").code == 0
    runs = trio.root / ".pipeline_builder/store/local/trio/evidence/runs"
    kept = json.loads((runs / trio.record["execution"].rsplit("/", 1)[-1] / "run.json").read_text())
    assert {one["model"]: one["status"] for one in kept["packages"]}["price"] == "Rejected"  # as lists of runs have it
    before = trio.changes()
    for again in (("promote",), ("promote", "price"), ("promote", "trio-price"), ("promote", "trio-price/2")):
        refused = trio.decide(*again)
        assert (refused.code, "trio-price version 2 is rolled back since 20" in refused.err) == (3, True), refused.err
        assert "rolled back by bob: complaints" in refused.err
    for short in (("--again",), ("--again", "--comment", " ")):
        assert trio.decide("promote", "price", *short).code == 2
    assert trio.decide("promote", "--again", "--comment", "all of them").code == 2
    assert trio.changes() == before
    back = trio.decide("promote", "price", "--again", "--comment", "it was the data")
    assert (back.code, "approved again by ada: it was the data" in back.out) == (0, True), back.err
    assert trio.decide("promote", "price", "--again", "--comment", "and again").code == 0
    assert trio.changes() == [*before, ("trio-price/2", "Approved", "ada")]


@pytest.mark.long
def test_the_same_answer_changes_nothing_whoever_gives_it(trio: Trio) -> None:
    assert trio.decide("promote", "churn", "--comment", "fine").code == 0
    before = trio.changes()
    for words in (("--comment", "mine"), ()):
        again = trio.decide("promote", "churn", *words, by="bob")
        assert (again.code, "Approved: approved by ada: fine" in again.out) == (0, True), again.err
        assert "trio-churn version 1 is approved since 20" in again.err
    assert trio.changes() == before
    assert trio.decide("reject", "price", "--comment", "too dear").code == 0
    assert trio.decide("reject", "price", "--comment", "too dear", by="bob").code == 0
    assert trio.changes() == [*before, ("trio-price/1", "Rejected", "ada")]
    refused = trio.decide("promote", "price", by="bob")
    assert (refused.code, "rejected by ada: too dear" in refused.err) == (3, True)


def test_models_are_decided_one_by_one_and_the_others_wait(trio: Trio) -> None:
    ended = trio.decide("promote", "churn", "trio-price/1", "--comment", "these")
    assert ended.code == 0, ended.err
    assert trio.statuses() == {"churn": "Approved", "price": "Approved", "segments": "PendingManualApproval"}
    assert "waits for your decision: segments: " in ended.out
    assert trio.decide("reject", "--comment", "the rest").code == 0
    assert trio.statuses()["segments"] == "Rejected"
    mixed = trio.decide("promote", "churn", "segments")
    assert (mixed.code, mixed.err.count("PB454")) == (3, 1)
    assert len(trio.changes()) == 3


def test_a_name_that_is_none_decides_nothing(trio: Trio) -> None:
    judged = execution(trio)
    assert trio.decide("run", "--rerun", "--select", "churn-Train").code == 0  # which registers nothing
    for arguments in (
        ("promote", "churn", "prise"),
        ("promote", "prise"),
        ("promote", "prise", "--run", judged),
    ):
        refused = trio.decide(*arguments)
        assert (refused.code, "PB480" in refused.err, "did you mean 'price'" in refused.err) == (1, True, True)
    assert trio.decide("promote", "--run", "nonsense").code == 1
    assert trio.decide("reject", "churn").code == 2  # without a reason
    assert trio.changes() == []


def execution(trio: Trio) -> str:
    return str(trio.record["execution"]).rsplit("/", 1)[-1]


@pytest.mark.long
def test_a_run_is_named_by_its_id_or_its_arn(trio: Trio) -> None:
    assert trio.decide("promote", str(trio.record["execution"])).code == 0
    trio.change("churn")
    first = execution(trio)
    assert trio.decide("up").code == 0
    assert trio.decide("reject", first, "--comment", "no").code == 3
    assert trio.decide("promote", "churn", "--run", first).code == 0
    assert trio.changes()[3:] == []


@pytest.mark.long
def test_what_a_repeated_command_finds_decided_leads_to_no_older_version(trio: Trio) -> None:
    trio.change("churn")
    assert trio.decide("up").code == 0
    for _ in range(2):
        assert trio.decide("promote", "churn").code == 0
    assert trio.changes() == [("trio-churn/2", "Approved", "ada")]
    # The others wait in the run before; churn's first version doesn't any more.
    for _ in range(2):
        ended = trio.decide("reject", "price", "segments", "--comment", "old")
        assert ended.code == 0, ended.err
    assert [change[:2] for change in trio.changes()[1:]] == [
        ("trio-price/1", "Rejected"),
        ("trio-segments/1", "Rejected"),
    ]
    assert trio.decide("promote").code == 0
    assert len(trio.changes()) == 3


@pytest.mark.long
def test_up_neither_registers_nor_asks_again_for_what_comes_from_the_cache(trio: Trio) -> None:
    assert trio.decide("up", "--approve").code == 0
    trio.change("price")
    ended = trio.decide("up", "--approve")
    assert (ended.code, "left out: churn, segments" in ended.err) == (0, True), ended.err
    assert trio.statuses() == {"price": "Approved"}
    assert trio.changes()[3:] == [("trio-price/2", "Approved", "ada")]
    again = trio.decide("up", "--approve")
    assert (again.code, trio.statuses()) == (0, {"price": "Approved"}), again.err
    assert len(trio.call("history", "--json").json["executions"]) == 2
    told = [line.split()[:2] for line in trio.call("status").out.splitlines()[1:4]]
    assert told == [["churn-Train", "Not"], ["price-Train", "Succeeded"], ["segments-Train", "Not"]]  # run: left out
    # What goes back to other data is registered: the last version is none of these bytes.
    csv = trio.root / "data" / "churn.csv"
    before = csv.read_bytes()
    for content in (b"1\n3\n", before):
        csv.write_bytes(content)
        assert trio.decide("up").code == 0
        assert list(trio.statuses()) == ["churn"]


@pytest.mark.long
def test_what_was_rejected_and_taken_back_is_registered_no_more_than_it_has_to(trio: Trio) -> None:
    """The champion is what is asked for again; a version that waits behind a rejected one has to be asked about anew."""
    script = trio.root / "remotes" / "price" / "scripts" / "train.py"
    first = script.read_text()
    assert trio.decide("up").code == 0
    for decided in (False, True):
        if decided:
            assert trio.decide("promote", "price").code == 0
        trio.change("price")
        assert trio.decide("up").code == 0
        assert trio.decide("reject", "price", "--comment", "worse").code == 0
        trio.change("price", first)
        trio.change("churn")
        assert trio.decide("up").code == 0
        assert set(trio.statuses()) == ({"churn"} if decided else {"churn", "price"})
    assert [change[:2] for change in trio.changes()] == [
        ("trio-price/2", "Rejected"),
        ("trio-price/3", "Approved"),
        ("trio-price/4", "Rejected"),
    ]


@pytest.mark.long
def test_who_was_renamed_or_has_gone_is_found_by_the_name_of_then(trio: Trio) -> None:
    """What a command says of what waits works: also of a model that is called otherwise by now, or is listed no more."""
    assert trio.decide("up", "--approve").code == 0
    for name in ("churn", "price", "segments"):
        trio.change(name)
    assert trio.decide("up").code == 0
    trio.change("price", conf=("    price:", "    prices:"))
    lists = trio.root / "remotes" / "churn" / "conf" / "conf.yaml"
    known, gone = (
        lists.read_text().replace("      price:", "      prices:").split("      segments:")[0],
        "remotes/segments",
    )
    lists.write_text(known.replace("churn-", "attrition-").replace(" churn:", " attrition:"))
    commit(trio.root / "remotes" / "churn", "attrition")
    manifest = trio.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace(f"  - url: {gone}\n", ""))
    assert trio.decide("up").code == 0
    said = trio.decide("status").out
    for name in ("attrition", "churn", "price", "prices", "segments"):
        assert f"'pipeline-builder promote {name}'" in said
        ended = trio.decide("reject" if name == "price" else "promote", name, "--comment", "said so")
        assert ended.code == 0, ended.err
    assert trio.changes()[3:] == [
        ("trio-attrition/1", "Approved", "ada"),
        ("trio-churn/2", "Approved", "ada"),
        ("trio-price/2", "Rejected", "ada"),
        ("trio-prices/1", "Approved", "ada"),
        ("trio-segments/2", "Approved", "ada"),
    ]
    for name in ("segments/2", "prices/1"):  # today's name, and that of then, with a version
        again = trio.decide("promote", name)
        assert (again.code, f"trio-{name.replace('/', ' version ')} is approved since" in again.err) == (0, True)
    assert trio.decide("promote", "segments/3").code == 1
    assert trio.decide("verify", "segments").out.startswith("trio-segments version 2 is what was approved")
    back = trio.decide("rollback", "churn", "--comment", "complaints")
    assert (back.code, back.out) == (0, "trio-churn: version 2 rejected, champion version 1\n"), back.err


# --- what failed, and what the gate blocks


@pytest.mark.long
def test_what_failed_is_said_and_the_others_may_be_decided(tmp_path: Path) -> None:
    trio = make_trio(tmp_path / "trio")
    trio.change("segments", FAILS)
    ended = trio.decide("up")
    assert (ended.code, "waits for your decision: churn, price: " in ended.out) == (5, True), ended.err
    assert "PB500 step 'segments-Train' failed: no data for segments" in ended.err
    assert trio.decide("promote", "churn").code == 0
    assert trio.decide("promote", "segments").code == 1
    trio.change("price")
    again = trio.decide("up", "--approve")
    assert (again.code, trio.statuses()) == (5, {"price": "Approved"}), again.err
    assert trio.changes() == [("trio-churn/1", "Approved", "ada"), ("trio-price/2", "Approved", "ada")]
    trio.change("segments", TRAIN.replace("THIS", "segments"))
    assert trio.decide("up", "--approve").code == 0
    assert trio.statuses() == {"segments": "Approved"}


@pytest.mark.long
def test_a_model_that_was_registered_as_approved_counts_as_nobodys_decision(tmp_path: Path) -> None:
    allowed = (
        "policy: {statuses: [PendingManualApproval, Approved]}\n" if "policy" in ManifestSection.model_fields else ""
    )
    trio = make_trio(tmp_path / "trio", MANIFEST + allowed)
    approved = ('ModelRepack: "False"', 'ModelRepack: "False"\n        ModelApprovalStatus: Approved')
    trio.change("churn", conf=approved)
    trio.change("price", FAILS)
    ended = trio.decide("up")
    assert (ended.code, "PB482 churn version 1 was registered as Approved: nobody has decided" in ended.err) == (
        5,
        True,
    )
    assert trio.changes() == []
    refused = trio.decide("reject", "churn", "--comment", "who said so", by="bob")
    assert (refused.code, "churn version 1 is approved by nobody's word" in refused.err) == (3, True), refused.err
    signed = trio.decide("promote", "churn", "--comment", "I do")
    assert (signed.code, "Approved: approved by ada: I do" in signed.out) == (0, True), signed.err
    assert trio.changes() == [("trio-churn/1", "Approved", "ada")]


CHECK = (
    "        entry_point: train.py\n",
    "        entry_point: train.py\n      preprocess:\n        image_uri: example.com/tiny:1\n        entry_point: check.py\n",
)
CHECKED = ("      churn:\n        steps:\n", "      churn:\n        steps:\n          - {step_name: churn-Check, "
           "step_class: Processing, step_type: preprocess}\n")  # fmt: skip


@pytest.mark.parametrize("registered", ["PendingManualApproval", "Approved"])
@pytest.mark.long
def test_what_the_gate_blocks_stays_out_of_use_however_it_was_registered(tmp_path: Path, registered: str) -> None:
    """Its own step fails beside its training: the model is registered, and not in order."""
    allowed = (
        "policy: {statuses: [PendingManualApproval, Approved]}\n" if "policy" in ManifestSection.model_fields else ""
    )
    trio = make_trio(tmp_path / "trio", MANIFEST + allowed)
    (trio.root / "remotes" / "churn" / "scripts" / "check.py").write_text("raise SystemExit('it drifts')\n")
    status = ('ModelRepack: "False"', f'ModelRepack: "False"\n        ModelApprovalStatus: {registered}')
    for change in (CHECK, CHECKED, status):
        trio.change("churn", conf=change)
    ended = trio.decide("up", "--approve", "--comment", "go")
    assert ended.code == 5, ended.err
    left = "Rejected" if registered == "Approved" else registered
    assert trio.statuses() == {"churn": left, "price": "Approved", "segments": "Approved"}
    if registered == "Approved":
        assert (
            "PB482 churn version 1 was registered as Approved, and the gate blocks it: it is Rejected now" in ended.err
        )
        assert ("trio-churn/1", "Rejected", "the gate") in trio.changes()
        back = trio.decide("promote", "churn", "--again", "--comment", "I know better")
    else:
        back = trio.decide("promote", "churn")
    assert (back.code, "PB431 the gate blocks churn: " in back.err, "'churn-Check' is Failed" in back.err) == (
        5,
        True,
        True,
    )
    assert trio.decide("promote").code == (0 if registered == "Approved" else 5)
    assert trio.statuses()["churn"] == left


# --- people, and moments


def four_eyes(tmp_path: Path, where: str) -> Trio:
    return make_trio(tmp_path / "trio", MANIFEST + where)


@pytest.mark.long
def test_who_has_written_a_commit_cannot_approve_it(tmp_path: Path) -> None:
    trio = four_eyes(tmp_path, "approval: {four_eyes: true}\n")
    refused = trio.decide("up", "--approve", by="ada")
    assert (refused.code, refused.err.count("PB484 ")) == (3, 3), refused.err
    assert "'ada' can't approve it, as 'Ada <ada@example.com>' has written a commit of 'churn'" in refused.err
    for name in ("ADA", "ada@example.com", "ada@other.example"):
        assert promote_as(trio, name, "churn").code == 3
    renamed = trio.decide("promote", "churn", by="bob")  # from ada's own login
    assert (renamed.code, "'bob', known as 'ada' can't approve it" in renamed.err) == (3, True), renamed.err
    assert trio.changes() == []
    assert trio.decide("reject", "churn", "--comment", "mine", by="ada").code == 0  # to say no is anybody's
    assert promote_as(trio, "bob", "price", "segments").code == 0
    write_as(trio, "price", "Bob", "1234+bob@users.noreply.github.com", "helped\n\nCo-authored-by: Eve <eve@x.example>")
    assert trio.decide("up").code == 0
    for name in ("bob", "eve"):
        assert promote_as(trio, name, "price").code == 3
    assert promote_as(trio, "ada", "price").code == 0, "her commit is older than the champion"


def promote_as(trio: Trio, name: str, *models: str) -> Ended:
    """Approve as another login."""
    return trio.call("promote", *models, USER=name, LOGNAME=name)


def write_as(trio: Trio, name: str, author: str, address: str, words: str) -> None:
    """Commit as somebody."""
    remote = trio.root / "remotes" / name
    (remote / "scripts" / "train.py").write_text(TRAIN.replace("THIS", name) + "# again\n")
    who = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": address}
    command = ["git", "commit", "--quiet", "--all", "--message", words]
    subprocess.run(command, cwd=remote, env=trio.environment(**who), check=True)


@pytest.mark.long
def test_authors_that_nobody_knows_approve_nothing(tmp_path: Path) -> None:
    trio = four_eyes(tmp_path, "")
    assert trio.decide("up").code == 0
    manifest = trio.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text() + "service: {approval: {four_eyes: true}}\n")
    refused = promote_as(trio, "bob", "churn")
    assert (refused.code, "PB485 churn version 1: who has written what is in it can't be told" in refused.err) == (
        3,
        True,
    )
    assert trio.decide("checkout").code == 0
    assert promote_as(trio, "bob", "churn").code == 0


@pytest.mark.parametrize(("one", "other", "codes"), [("promote", "reject", [0, 3]), ("promote", "promote", [0, 0])])
def test_of_two_at_once_one_decides(trio: Trio, one: str, other: str, codes: list[int]) -> None:
    asked = [
        trio.start(word, "churn", "--comment", word, SMP_APPROVER=by) for word, by in ((one, "ada"), (other, "bob"))
    ]
    said = [process.communicate(timeout=120) for process in asked]
    assert sorted(int(process.returncode or 0) for process in asked) == codes, said
    assert len(trio.changes()) == 1


@pytest.mark.long
def test_a_kill_between_two_models_loses_and_doubles_nothing(trio: Trio) -> None:
    with closing(sqlite3.connect(trio.root / ".pipeline_builder" / "state.db", isolation_level=None, timeout=0)) as db:
        process = trio.start("promote", "--comment", "all")
        while not decided(db):
            time.sleep(0.001)
        process.kill()  # on a loaded machine it may have decided about all of them before this is seen
        process.communicate()
        decided(db)
    before = len(trio.changes())
    assert before >= 1
    assert trio.decide("promote", "--comment", "all").code == 0
    assert sorted(trio.changes()) == [(f"trio-{name}/1", "Approved", "ada") for name in NAMES]
    assert trio.decide("promote", "--comment", "all").code == 0
    assert len(trio.changes()) == 3


def decided(db: sqlite3.Connection) -> int:
    """Return how many are decided; where any is, nobody writes from now on until this is asked again."""
    if db.in_transaction:
        db.execute("ROLLBACK")
        return 0
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return 0
    count = int(db.execute("SELECT count(*) FROM approvals").fetchone()[0])
    if not count:
        db.execute("ROLLBACK")
    return count


@pytest.mark.long
def test_a_run_that_goes_on_is_not_decided_about(trio: Trio, door: Door) -> None:
    trio.change("price", door.wait + TRAIN)
    trio.change("churn")
    process = trio.start("up")
    while "churn-Register     Succeeded" not in trio.call("status").out.replace("  ", "  "):
        time.sleep(0.1)
    assert trio.decide("promote", "--comment", "what I saw").code == 0
    assert [change[0] for change in trio.changes()] == [f"trio-{name}/1" for name in NAMES]
    door.open()
    process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.long
def test_a_model_whose_artifact_is_gone_when_it_is_judged_is_blocked(trio: Trio) -> None:
    shutil.rmtree(trio.root / ".pipeline_builder/store/local/trio/churn")
    shutil.rmtree(trio.root / ".pipeline_builder/store/local/trio/evidence")  # else it is refused as what has moved
    judged = trio.decide("run", "--resume")  # 'up' would see that it is gone, and make it again
    assert (judged.code, "trio-churn version 1: its artifact is gone: nothing is at 's3://" in judged.err) == (5, True)
    refused = trio.decide("promote", "churn")
    assert (refused.code, "the gate blocks churn: " in refused.err) == (5, True), refused.err
    assert trio.decide("promote", "price").code == 0
    assert trio.changes() == [("trio-price/1", "Approved", "ada")]


def test_a_name_that_is_no_text_is_kept_as_the_escapes_that_it_is(trio: Trio) -> None:
    refused = trio.decide("promote", "churn", "--comment", "fine \udcff")
    assert (refused.code, "'fine \\udcff' is not UTF-8 text" in refused.err) == (2, True), refused.err
    done = trio.decide("promote", "churn", "--comment", "fine", by="ad\udcffa")
    assert done.code == 0, done.err
    assert [by for _, _, by in trio.changes()] == [r"ad\udcffa"]
    assert "approved by ad\\udcffa: fine (" in trio.decide("verify", "churn").out


@pytest.mark.long
def test_confs_that_cannot_be_read_keep_nothing_in_use(trio: Trio) -> None:
    assert trio.decide("promote").code == 0
    trio.change("price")
    assert trio.decide("up", "--approve").code == 0
    shutil.rmtree(trio.root / "aws-train")
    assert trio.decide("verify", "price").code == 0
    unknown = trio.decide("rollback", "prize", "--comment", "no")
    assert (unknown.code, "PB206 " in unknown.err) == (1, True), unknown.err
    done = trio.decide("rollback", "price", "--comment", "complaints")
    assert (done.code, "trio-price: version 2 rejected, champion version 1" in done.out) == (0, True), done.err


def test_who_waits_is_told_from_who_was_approved_before_there_was_evidence(trio: Trio) -> None:
    refused = trio.decide("verify", "churn", "1")
    words = "PB467 trio-churn version 1 is PendingManualApproval: nobody has decided about it"
    assert (refused.code, words in refused.err) == (3, True), refused.err


def test_what_names_evidence_and_is_none_is_no_evidence(trio: Trio) -> None:
    evidence = trio.root / ".pipeline_builder/store/local/trio/evidence"
    newest, first = next((evidence / "executions").iterdir()), trio.record["execution"]
    for damaged in ("[" * 200_000, "{}", f'{{"evidence": "../../x", "execution": "{first}"}}'):
        newest.write_text(damaged)
        (trio.root / "build" / "run.json").unlink(missing_ok=True)
        for answer in (("promote", "churn"), ("reject", "churn", "--comment", "no")):
            refused = trio.decide(*answer)
            assert (refused.code, "PB462 " in refused.err) == (3, True), refused.err
    with closing(sqlite3.connect(trio.root / ".pipeline_builder/state.db")) as state, state:
        own = json.dumps({"decided-evidence": "../../x", "decided-pipeline": "../.."})  # as a conf may set them
        state.execute("UPDATE packages SET metadata = ?", (own,))
    refused = trio.decide("verify", "churn", "1")
    assert (refused.code, "PB462 '../../x' of the pipeline '../..' is no evidence" in refused.err) == (3, True)
    assert trio.changes() == []


@pytest.mark.long
def test_evidence_of_another_run_judges_nothing(trio: Trio) -> None:
    trio.change("price")
    first = trio.record["evidence"]
    assert trio.decide("up").code == 0
    record = trio.record
    newest = trio.root / ".pipeline_builder/store/local/trio/evidence/executions" / f"{record['execution'][-12:]}.json"
    newest.write_text(json.dumps({"evidence": first, "execution": record["execution"]}))
    (trio.root / "build" / "run.json").unlink()
    for answer in (("promote", "price"), ("reject", "price", "--comment", "no")):
        refused = trio.decide(*answer)
        assert (refused.code, f"PB462 the evidence {first[:12]} is about the execution" in refused.err) == (3, True)


@pytest.mark.parametrize("left", ["kept", "last"])
@pytest.mark.parametrize("noted", [True, False])
def test_evidence_that_is_gone_is_missed_whatever_record_names_it(trio: Trio, left: str, noted: bool) -> None:
    store, digest = trio.root / ".pipeline_builder/store/local/trio/evidence", trio.record["evidence"]
    (store / f"{digest}.json").unlink()
    if not noted:
        shutil.rmtree(store / "executions")
    if left == "kept":
        (trio.root / "build" / "run.json").unlink()
    else:
        shutil.rmtree(store / "runs")
    for answer in (("promote", "price"), ("reject", "price", "--comment", "no")):
        refused = trio.decide(*answer)
        assert (refused.code, f"PB462 the evidence {digest[:12]} is gone" in refused.err) == (3, True), refused.err
        assert "bring it back, or decide about a new run ('run --rerun');" in refused.err
    assert trio.changes() == []


@pytest.mark.long
def test_an_only_champion_that_is_lost_is_no_dead_end(trio: Trio) -> None:
    """The store was deleted: what comes after it can't be held against it, so it goes out of use with none before."""
    assert trio.decide("promote", "churn").code == 0
    kept = trio.decide("rollback", "churn", "--comment", "by mistake")
    assert (kept.code, "PB433 'trio-churn' has one approved version" in kept.err) == (1, True), kept.err
    assert "'reject trio-churn --again --comment WHY' takes its approval back, and then there is none" in kept.err
    shutil.rmtree(trio.root / ".pipeline_builder/store")
    assert "6 to run, 0 from the cache" in trio.decide("up").err  # and not "nothing changed", though this was copied
    gone = trio.decide("rollback", "trio-churn", "--comment", "the store is gone", "--json")
    assert (gone.code, gone.json["champion"]) == (0, None), gone.err
    assert "there is no champion now, the next version is the first" in gone.err
    judged = trio.decide("up", "--rerun", "--approve")
    churn = next(package for package in trio.record["packages"] if package["model"] == "churn")
    assert (churn["status"], churn["champion_version"]) == ("Approved", 0), judged.err


def test_a_package_is_verified_by_its_arn(trio: Trio) -> None:
    assert trio.decide("promote", "churn").code == 0
    arn = next(package["arn"] for package in trio.record["packages"] if package["model"] == "churn")
    for name in (arn, "trio-churn/1"):
        verified = trio.decide("verify", name, "--json")
        assert (verified.code, verified.json["package"]) == (0, arn)
    for name in (arn.replace("000000000000", "111122223333"), "trio-churn/2"):
        refused = trio.decide("verify", name)
        assert (refused.code, "PB468 " in refused.err) == (1, True), refused.err
