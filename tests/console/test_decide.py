"""Decisions in the console: the same as the commands' ones, from pages that have the evidence; each repeated is one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.console.decide.evidence import MOST_QUESTIONS
from pipeline_builder.console.decide.form import MOST_COMMENT
from tests.console.consoles import Client, client_of, looks_of, text_of
from tests.scoring import FAR, make_scoring
from tests.trio import Trio, make_many, make_trio
from tests.workspaces import Kept, Workspace, make_workspace


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Churn, price and segments wait."""
    trio = make_trio(tmp_path_factory.mktemp("decide") / "made")
    assert trio.call("up").code == 0
    return trio


@pytest.fixture
def trio(judged: Trio, tmp_path: Path) -> Trio:
    return Trio(Path(shutil.copytree(judged.root, tmp_path / "trio", symlinks=True)))


Open = Callable[..., Client]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open a console over a workspace, as grace; nothing that is asked of it may be a bug."""
    made: list[tuple[Any, Client]] = []

    def open_(workspace: Workspace, by: str = "grace", **more: Any) -> Client:
        looks = looks_of(workspace, SMP_APPROVER=by, **more)
        made.append((looks, client_of(looks)))
        return made[-1][1]

    yield open_
    for looks, client in made:
        looks.close()
        assert client.bugs == []


def where(workspace: Workspace, number: int = 0) -> str:
    """Return the address of a run's decision, of the newest one by default."""
    found = workspace.call("history", "--json").json["executions"][number]
    return f"/decide/{found['pipeline']}/{found['arn'].rsplit('/', 1)[-1]}"


def form_of(page: str, **words: str) -> dict[str, str]:
    """Fill in the form of a page: by model `approve`, `reject: why`, or `approve again: why`."""
    form = dict(re.findall(r'<input type="hidden" name="((?:evidence|from|seen|champion)[^"]*)" value="([^"]*)"', page))
    for model, word in words.items():
        (arn,) = re.findall(rf'name="why:([^"]*/[\w-]*{model}/\d+)"', page)
        said, _, why = word.partition(": ")
        asked, _, again = said.partition(" ")
        form |= {f"word:{arn}": asked, f"why:{arn}": why}
        if again:
            form[f"again:{arn}"] = "yes"
    return form


def decide(client: Client, path: str, **words: str) -> str:
    """Send the form of a page, and return what the page says that the browser is sent on to."""
    return sent(client, path, form_of(client.page(path), **words))


def sent(client: Client, path: str, form: dict[str, str]) -> str:
    answer = client.post(path, form)
    assert answer.status_code == 303, answer.text
    assert re.match(rf"{re.escape(path)}\?(from=\d+&)?told=", answer.headers["Location"])
    return client.page(answer.headers["Location"])


def told(page: str) -> str:
    found = re.search(r'<section class="[^"]*" id="told".*?</section>', page, re.DOTALL)
    return unescape(text_of(found[0])) if found else ""


@pytest.mark.long
def test_one_form_decides_about_each_model_with_its_own_words(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    page = decide(client, path, churn="approve: looks right", price="reject: too slow", segments="later")
    run = path.rsplit("/", 1)[-1]
    assert told(page).startswith(
        f"Decided approved trio-churn version 1: approved by grace: looks right (execution {run}, definition "
    )
    assert "rejected trio-price version 1: rejected by grace: too slow" in told(page)
    assert [change[:2] for change in trio.changes()] == [("trio-churn/1", "Approved"), ("trio-price/1", "Rejected")]
    assert {change[2] for change in trio.changes()} == {"grace"}
    assert trio.statuses() == {"churn": "Approved", "price": "Rejected", "segments": "PendingManualApproval"}
    report = (trio.root / "build" / "report.html").read_text()
    assert "rejected by grace: too slow" in report
    assert (trio.root / "build" / "junit.xml").is_file()
    # What the command line leaves behind for the same answers is the same.
    assert {one["model"]: one["state"] for one in client.json(f"{path}.json")["questions"]} == {
        "segments": "waits", "churn": "approved", "price": "rejected",
    }  # fmt: skip
    assert told(client.page(path)) == ""  # who loads it later sees the registry alone


def test_a_run_whose_evidence_is_gone_says_what_is_to_be_done(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    form = form_of(client.page(path), price="reject: too slow")
    (trio.root / ".pipeline_builder/store/local/trio/evidence" / f"{trio.record['evidence']}.json").unlink()
    page = unescape(text_of(client.page(path)))
    assert "bring it back, or decide about a new run ('run --rerun'); " in page
    assert "Nothing of it can be decided until it can" in page
    assert 'value="reject"' not in client.page(path)
    answer = client.post(path, form)
    assert (answer.status_code, "PB462 the evidence" in text_of(answer.text), trio.changes()) == (409, True, [])


def test_the_same_form_twice_decides_once_and_says_so(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    form = form_of(client.page(path), churn="approve: fine")
    sent(client, path, form)
    again = opened(trio)  # a console that was killed after it had decided, and started anew
    page = sent(again, path, form)
    assert told(page).startswith("Decided was so already trio-churn version 1 is approved since ")
    assert len(trio.changes()) == 1


@pytest.mark.long
def test_somebody_else_was_faster(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    form = form_of(client.page(path), churn="approve: fine", price="approve: fine")
    assert trio.decide("reject", "churn", "--comment", "too low", by="bob").code == 0
    page = sent(client, path, form)
    assert told(page).startswith("Not all of it was done refused trio-churn version 1 is rejected")
    assert "rejected by bob: too low" in told(page)
    assert "approved trio-price version 1: approved by grace: fine" in told(page)
    assert [change[:2] for change in trio.changes()] == [("trio-churn/1", "Rejected"), ("trio-price/1", "Approved")]


@pytest.mark.long
def test_what_is_decided_is_taken_back_with_words_and_only_as_it_was_seen(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    decide(client, path, churn="reject: too low")
    stale = client.page(path)
    page = decide(client, path, churn="approve again: the labels were wrong")
    assert "approved again by grace: the labels were wrong" in told(page)
    page = sent(client, path, form_of(stale, churn="approve again: me too"))
    assert "trio-churn version 1: it was decided about since the page was made: approved again by grace" in told(page)
    page = decide(client, path, churn="reject again")
    assert told(page).endswith("trio-churn version 1: a rejection needs a reason PB024, nothing was decided")
    page = decide(client, path, price="approve: fine")
    page = decide(client, path, churn="later", price="reject again: no")
    page = decide(client, path, price="approve again")
    assert "trio-price version 1: who takes back how a model was decided says why PB024" in told(page)
    assert [change[1] for change in trio.changes()] == ["Rejected", "Approved", "Approved", "Rejected"]


def test_a_rejection_without_a_reason_decides_nothing_and_keeps_what_was_filled_in(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    page = decide(client, path, churn="reject", price="approve: as good as before")
    assert told(page).startswith("Not all of it was done refused trio-churn version 1: a rejection needs a reason")
    assert "left as it is trio-price version 1: nothing was decided, as another model's decision lacks something" in (
        told(page)
    )
    assert ">as good as before</textarea>" in page
    assert len(re.findall(r'value="(?:approve|reject)" checked', page)) == 2
    assert trio.changes() == []


def test_evidence_that_moved_is_not_decided_by(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    form = form_of(client.page(path), churn="approve: fine")
    answer = client.post(path, {**form, "evidence": "0" * 64})
    assert answer.status_code == 409
    now = form["evidence"][:12]
    assert (
        f"PB463 the page was made with the evidence 000000000000, and the run is judged by {now} now: it was judged "
        "again since" in text_of(answer.text)
    )
    artifact = next((trio.root / ".pipeline_builder" / "store").rglob("*churn-Train*/output/model.tar.gz"))
    artifact.chmod(0o644)
    artifact.write_bytes(b"another model")
    page = sent(client, path, form_of(client.page(path), churn="approve: fine", price="approve: fine"))
    assert "refused trio-churn version 1: the artifact" in told(page)
    assert "approved trio-price version 1" in told(page)
    assert [change[0] for change in trio.changes()] == ["trio-price/1"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "nothing was chosen for any model"),
        ({"word:arn:x": "later", "word:arn:y": ""}, "nothing was chosen for any model"),
        ({"word:arn:x": "delete"}, "'delete' is no decision"),
        ({"word:arn:x": "approve", "why:arn:x": "x" * 801}, "a comment has at most 800 characters, this has 801"),
    ],
)
def test_a_form_that_no_page_of_ours_would_send(judged: Trio, opened: Open, form: dict[str, str], said: str) -> None:
    answer = opened(judged).post(where(judged), {"evidence": "0" * 64, **form})
    assert answer.status_code == 409
    assert f"PB024 {said}" in text_of(answer.text).replace("&#39;", "'")


def test_a_package_of_another_run_is_none_of_this_one(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    form = form_of(client.page(path)) | {"word:arn:other/1": "approve"}
    assert "the run has registered no package 'arn:other/1'" in told(sent(client, path, form)).replace("&#39;", "'")


def test_who_may_not_decide_can_only_look(judged: Trio, opened: Open) -> None:
    path = where(judged)
    client = opened(judged, may_decide=False)
    page = client.page(path)
    assert "<form" not in page
    assert f"pipeline-builder promote churn price segments --run {path.rsplit('/', 1)[-1]} --comment WHY" in page
    form = form_of(opened(judged).page(path), churn="approve")
    assert client.post(path, form).status_code == 403
    deciding = opened(judged)
    for answer in (
        deciding.post(path, form, token="0" * 64),
        deciding.post(path, form, Origin="http://127.0.0.1:9999"),
        deciding.post(path, form, Sec_Fetch_Site="cross-site"),
        deciding.post(path, form, Host="evil.example:8266"),
    ):
        assert answer.status_code == 403
    assert deciding.get(f"{path}?word:x=approve").status_code == 200  # nothing changes by GET
    assert judged.changes() == []


def test_an_address_of_nothing(judged: Trio, opened: Open) -> None:
    client, path = opened(judged), where(judged)
    assert client.get("/decide/trio/nothing").status_code == 404
    other = path.replace("/trio/", "/other/")
    assert client.get(other).status_code == 404
    assert client.post(other, form_of(client.page(path), churn="approve")).status_code == 404


FOUR_EYES = """\
version: 1
repos:
  - url: remotes/churn
approval: {four_eyes: true}
local:
  s3: {local/churn: data}
"""


@pytest.mark.long
def test_an_author_is_told_before_that_somebody_else_has_to_approve(tmp_path: Path, opened: Open) -> None:
    workspace = make_workspace(tmp_path / "own", manifest=FOUR_EYES)
    assert workspace.call("up").code == 0
    path = where(workspace)
    client = opened(workspace, by="ada")
    page = client.page(path)
    assert "PB484" in page
    assert 'value="approve" disabled' in page
    assert "PB484" in told(decide(client, path, churn="approve: mine"))
    other = opened(workspace, LOGNAME="grace", USER="grace")
    assert "approved by grace" in told(decide(other, path, churn="approve: hers"))


BLOCKING = ("      registry:\n", "      gate:\n        - {metric: mae, max: 0.1}\n      registry:\n")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Two versions, both approved, and a third that waits."""
    workspace = make_workspace(tmp_path_factory.mktemp("rolled") / "workspace")
    for numbers in ("1\n2\n3\n4\n5\n6\n", "1\n2\n4\n6\n7\n9\n"):
        (workspace.root / "data" / "numbers.csv").write_text(numbers)
        assert workspace.call("up", "--approve").code == 0
    return Kept.keep(workspace)


@pytest.mark.long
def test_the_champion_is_taken_out_of_use(kept: Kept, opened: Open) -> None:
    workspace = kept.restore()
    client, path = opened(workspace), "/decide/rollback/tiny-churn"
    page = client.page(path)
    assert "Version 2 goes out of use" in page
    assert "Version 1 is the champion again" in page
    form = form_of(page)
    assert client.post(path, form).status_code == 409  # without a reason
    for _ in range(2):  # a double click
        answer = client.post(path, form | {"why": "complaints"})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?back=2")
    page = client.page(answer.headers["Location"])
    assert "rolled back by grace: complaints" in page
    assert "Nothing to go back to" in page
    history = workspace.call("history", "--json").json["approvals"]
    assert [one["after"] for one in history] == ["Rejected", "Approved", "Approved"]
    runs = client.json("/runs.json")["rows"]
    assert [(one["word"], one["models"][0]["verdict"]) for one in runs] == [
        ("Rejected", "rejected"),
        ("Promoted", "approved"),
    ]


@pytest.mark.long
def test_a_rollback_of_what_is_no_champion_any_more(kept: Kept, opened: Open) -> None:
    workspace = kept.restore()
    client, path = opened(workspace), "/decide/rollback/tiny-churn"
    form = form_of(client.page(path)) | {"why": "complaints"}
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n4\n6\n7\n8\n")
    assert workspace.call("up", "--approve").code == 0
    answer = client.post(path, form)
    assert answer.status_code == 409
    assert "PB454 the champion of 'tiny-churn' is version 3 now" in text_of(answer.text).replace("&#39;", "'")
    assert client.get("/decide/rollback/nothing").status_code == 404


@pytest.mark.long
def test_what_waits_is_listed_oldest_first_and_not_what_a_newer_version_has_settled(trio: Trio, opened: Open) -> None:
    first = where(trio).rsplit("/", 1)[-1]
    trio.change("churn")
    assert trio.call("up").code == 0  # churn's second version waits, price and segments go on waiting from before
    client = opened(trio)
    runs = client.json("/decide.json")["runs"]
    assert [(run["id"] == first, [model["model"] for model in run["models"]]) for run in runs] == [
        (True, ["churn", "price", "segments"]), (False, ["churn"]),
    ]  # fmt: skip
    assert trio.decide("promote", "churn").code == 0
    runs = opened(trio).json("/decide.json")["runs"]
    assert [[model["model"] for model in run["models"]] for run in runs] == [["price", "segments"]]
    assert runs[0]["others"] == 1
    assert trio.decide("reject", "price", "segments", "--comment", "no").code == 0
    assert "Nothing waits" in opened(trio).text("/decide")


@pytest.mark.long
def test_a_day_that_the_gate_has_held_back_is_listed_with_what_scores_it_again(tmp_path: Path, opened: Open) -> None:
    scoring = make_scoring(tmp_path / "scored")
    scoring.land("2026-11-01", FAR)
    assert scoring.call("up", "--approve").code == 0
    assert scoring.call("up", "--pipeline", "scoring", "--date", "2026-11-01").code == 5
    client = opened(scoring)
    (day,) = client.json("/decide.json")["days"]
    assert (day["date"], day["status"]) == ("2026-11-01", "blocked")
    assert day["command"] == "pipeline-builder up --pipeline scoring --date 2026-11-01"
    assert "Days that were not published" in client.text("/decide")


@pytest.mark.long
def test_an_approval_beside_stubs_says_so(tmp_path: Path, opened: Open) -> None:
    trio = make_trio(tmp_path / "stubbed")
    (trio.root / "data" / "model.tar.gz").write_bytes(b"a model")
    result = {"TrainingJobStatus": "Completed", "ModelArtifacts": {"S3ModelArtifacts": "s3://local/model.tar.gz"}}
    (trio.root / "made.json").write_text(json.dumps(result))
    assert trio.call("up", "--stub", "churn-Train=made.json").code == 0
    client, path = opened(trio), where(trio)
    assert "I know that steps of this run did not run" in client.text(path)
    assert "PB275" in told(decide(client, path, churn="approve: fine"))
    page = sent(client, path, {**form_of(client.page(path), churn="approve: fine"), "stubs": "yes"})
    assert "stubs for churn-Train" in told(page)


@pytest.mark.long
def test_what_came_of_a_form_is_told_although_another_is_sent_before_it_is_seen(trio: Trio, opened: Open) -> None:
    client, path = opened(trio), where(trio)
    page = client.page(path)
    mine = client.post(path, form_of(page, churn="approve: looks right"))
    others = client.post(path, form_of(page, price="reject: too slow"))
    assert "approved by grace: looks right" in told(client.page(mine.headers["Location"]))
    assert "rejected by grace: too slow" in told(client.page(others.headers["Location"]))


def test_a_comment_is_as_long_as_the_page_has_counted(trio: Trio, opened: Open) -> None:
    """A browser counts the end of a line as one letter, and sends two."""
    client, path = opened(trio), where(trio)
    words = "a\r\n" * (MOST_COMMENT // 2 - 1) + "ab"
    assert "approved trio-churn version 1" in told(decide(client, path, churn=f"approve: {words}"))
    answer = client.post(path, form_of(client.page(path), price=f"reject: {words}cd"))
    assert (answer.status_code, "has at most 800 characters, this has 802" in answer.text) == (409, True)


@pytest.mark.long
def test_a_run_of_very_many_models_is_decided_page_by_page(tmp_path: Path, opened: Open) -> None:
    many = make_many(tmp_path / "many", MOST_QUESTIONS + 2)
    assert many.call("up").code == 0
    client, path = opened(many), where(many)
    found = client.json(f"{path}.json")
    assert (len(found["questions"]), found["models"]) == (MOST_QUESTIONS, MOST_QUESTIONS + 2)
    page = client.page(path)
    assert f"Models 1 to {MOST_QUESTIONS} of {MOST_QUESTIONS + 2}" in page
    assert f'href="{path}?from={MOST_QUESTIONS}"' in page
    rest = client.json(f"{path}.json?from={MOST_QUESTIONS}")["questions"]
    names = [question["model"] for question in (*found["questions"], *rest)]
    assert len({*names}) == MOST_QUESTIONS + 2
    decide(client, path, m0="approve: fine")  # what waits comes first
    assert client.json(f"{path}.json?from={MOST_QUESTIONS}")["questions"][-1]["state"] == "approved"
    for beyond in (MOST_QUESTIONS + 1, MOST_QUESTIONS + 2, 10**6):
        assert len(client.json(f"{path}.json?from={beyond}")["questions"]) == 2

    # Who sends a form of a page further on is there again, and nobody's longest words are too many.
    last = client.json(f"{path}.json?from={MOST_QUESTIONS}")["questions"][0]["model"]
    second = form_of(client.page(f"{path}?from={MOST_QUESTIONS}"), **{last: "reject: why\r\nnot"})
    answer = client.post(path, second)
    assert f"?from={MOST_QUESTIONS}&told=" in answer.headers["Location"]
    page = client.page(answer.headers["Location"])
    assert "rejected by grace: why not" in told(page)
    assert f"Models {MOST_QUESTIONS + 1} to" in page
    page = client.page(path)
    longest = dict.fromkeys(re.findall(r'name="(why:[^"]+)"', page), "\U0001f642" * MOST_COMMENT)
    answer = client.post(path, {**form_of(page), **longest, next(iter(longest)).replace("why:", "word:"): "bogus"})
    assert (answer.status_code, "'bogus' is no decision" in unescape(answer.text)) == (409, True)
