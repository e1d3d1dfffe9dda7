"""The pages about runs, over a workspace with a champion, a version that waits and a run that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_builder.console.pages import Query
from pipeline_builder.console.runs.log import log_view
from tests.console.consoles import Client, look_of, text_of
from tests.workspaces import Workspace


@pytest.fixture
def ids(client: Client) -> dict[str, str]:
    """The ids of the runs, by what they came to."""
    return {row["word"]: row["id"] for row in client.json("/runs.json")["rows"]}


def test_the_list_has_every_run_the_newest_first(client: Client) -> None:
    rows = client.json("/runs.json")["rows"]
    assert [row["word"] for row in rows] == ["Failed", "Waits", "Promoted"]
    assert [row["models"][0]["verdict"] for row in rows[1:]] == ["waits", "approved"]
    assert rows[0]["why"] == "failed: churn-Train"
    shown = client.text("/runs")
    assert "3 runs" in shown
    for row in rows:
        assert f"/runs/tiny/{row['id']}" in client.page("/runs")
    assert "mae 2.667 waits" in shown


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("state=failed", ["Failed"]), ("state=waiting", ["Waits"]), ("model=churn", ["Waits", "Promoted"]),
        ("text=churn-train", ["Failed"]), ("since=2099-01-01", []), ("pipeline=tiny&state=promoted", ["Promoted"]),
        ("kind=inference", []), ("page=9", ["Failed", "Waits", "Promoted"]), ("page=x", ["Failed", "Waits", "Promoted"]),
    ],
)  # fmt: skip
def test_runs_are_found_by_what_is_asked_for(client: Client, asked: str, words: list[str]) -> None:
    assert [row["word"] for row in client.json(f"/runs.json?{asked}")["rows"]] == words


def test_runs_are_found_by_how_a_commit_begins(client: Client) -> None:
    rows = client.json("/runs.json")["rows"]
    (_, commit), *_ = rows[0]["commits"]
    assert [row["id"] for row in client.json(f"/runs.json?commit={commit[:9]}")["rows"]] == [rows[0]["id"]]


def test_what_is_looked_for_stands_as_chips_that_can_be_taken_off(client: Client) -> None:
    page = client.page("/runs?state=failed&text=%3Cb%3E&commit=")
    assert "No run fits" in page
    assert '<a class="chip" href="/runs?text=%3Cb%3E"><span class="soft">state</span> failed' in page
    assert '<a class="chip" href="/runs?state=failed"><span class="soft">has</span> &lt;b&gt;' in page
    assert "<b>&" not in page
    assert "soon" in client.text("/runs?since=soon")


def test_a_failed_run_has_its_failure_first_and_what_is_otherwise_than_before(
    client: Client, ids: dict[str, str]
) -> None:
    said = client.text(f"/runs/tiny/{ids['Failed']}")
    assert said.index("churn-Train failed") < said.index("Commits")
    assert "no &lt;b&gt;such&lt;/b&gt; column" in client.page(f"/runs/tiny/{ids['Failed']}")
    found = client.json(f"/runs/tiny/{ids['Failed']}.json")
    assert found["between"]["id"] == ids["Waits"]
    assert {(one["kind"], one["name"]) for one in found["between"]["changes"]} == {
        ("commit", "churn"), ("step", "churn-Train"), ("state", "churn-Train"),
    }  # fmt: skip
    assert (found["before"]["id"], found["after"]) == (ids["Waits"], None)
    assert found["live"] is False
    assert found["kept"] is True


def test_a_step_has_its_request_data_and_log(client: Client, ids: dict[str, str]) -> None:
    found = client.json(f"/runs/tiny/{ids['Failed']}/steps/churn-Train.json")
    assert found["state"] == "Failed"
    assert found["missed"] == "changed: hyperparameters or code"
    assert json.loads(found["asked"])["AlgorithmSpecification"]["TrainingImage"] == "example.com/tiny:1"
    assert found["resolved"] is True
    assert found["took"]["memory"] > 1 << 20
    reads = {one["name"]: one for one in found["details"]["reads"]}
    assert reads["churn-Preprocess-train"]["path"] == "/opt/ml/input/data/churn-Preprocess-train"
    assert (reads["churn-Preprocess-train"]["objects"], len(reads["churn-Preprocess-train"]["fingerprint"])) == (1, 64)
    assert found["log"]["text"] == "no <b>such</b> column\n"
    assert [one["name"] for one in found["needs"]] == ["churn-Preprocess"]
    said = client.text(f"/runs/tiny/{ids['Failed']}/steps/churn-Train")
    for words in ("Why the step cache didn't answer", "Processor time", "s3://local/", "TrainingJob"):
        assert words in said.replace("&#39;", "'"), words


def test_a_cached_step_leads_to_the_run_that_made_it(client: Client, ids: dict[str, str]) -> None:
    found = client.json(f"/runs/tiny/{ids['Failed']}/steps/churn-Preprocess.json")
    assert (found["state"], found["source"], found["missed"]) == ("cached", ids["Waits"], "")
    assert found["log"]["text"] == "rows: 6\n"
    page = client.page(f"/runs/tiny/{ids['Failed']}/steps/churn-Preprocess")
    assert f'href="/runs/tiny/{ids["Waits"]}"' in page
    assert "nothing: it did not run" in page


def test_a_step_that_has_not_run_has_its_request_as_written(client: Client, ids: dict[str, str]) -> None:
    found = client.json(f"/runs/tiny/{ids['Failed']}/steps/churn-Transform.json")
    assert (found["state"], found["resolved"], found["job"]) == ("Waiting", False, None)
    assert '"Get": "Steps.churn-CreateModel' in found["asked"]
    assert "did not start" in client.text(f"/runs/tiny/{ids['Failed']}/steps/churn-Transform")


def test_a_registered_package_and_a_model_are_described(client: Client, ids: dict[str, str]) -> None:
    found = client.json(f"/runs/tiny/{ids['Waits']}/steps/churn-Register.json")
    assert found["job"]["kind"] == "ModelPackage"
    assert found["details"]["images"] == ["example.com/tiny:1"]
    assert client.json(f"/runs/tiny/{ids['Waits']}/steps/churn-CreateModel.json")["job"]["kind"] == "Model"


def test_a_panel_is_part_of_the_runs_page_by_its_address(client: Client, ids: dict[str, str]) -> None:
    page = client.page(f"/runs/tiny/{ids['Failed']}?step=churn-Train")
    assert '<aside id="panel"' in page
    assert '<aside id="panel"' not in client.page(f"/runs/tiny/{ids['Failed']}")
    assert client.get(f"/runs/tiny/{ids['Failed']}?step=churn-Trian").status_code == 404


def test_a_log_is_a_text_as_a_whole_and_can_be_searched(client: Client, ids: dict[str, str]) -> None:
    answer = client.get(f"/runs/tiny/{ids['Waits']}/log/churn-Preprocess")
    assert (answer.text, answer.content_type) == ("rows: 6\n", "text/plain; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    step = f"/runs/tiny/{ids['Waits']}/steps/churn-Preprocess"
    assert client.json(f"{step}.json?find=ROWS")["found"]["lines"] == [[1, "rows: 6"]]
    assert "No line has it" in client.text(f"{step}?find=nowhere")


def test_what_isnt_there_is_said(client: Client, ids: dict[str, str]) -> None:
    answer = client.get("/runs/tiny/abc")
    assert answer.status_code == 404
    assert "PB040 nothing is known of a run 'abc' of the pipeline 'tiny'" in text_of(answer.text).replace("&#39;", "'")
    answer = client.get(f"/runs/other/{ids['Failed']}")
    assert answer.status_code == 404  # it is another pipeline's
    answer = client.get(f"/runs/tiny/{ids['Failed']}/steps/churn-Trian")
    assert answer.status_code == 404
    said = text_of(answer.text).replace("&#39;", "'")
    assert f"PB041 the run '{ids['Failed']}' has no step 'churn-Trian' did you mean 'churn-Train'" in said
    for path in ("/runs/tiny/%00", "/runs/tiny/..%2f..", "/runs/%F0%9F%92%A9/x", f"/runs/tiny/{'a' * 5000}"):
        assert client.get(path).status_code in (404, 414), path


def events(view: Any) -> Iterator[str]:
    return iter(view.body)


def test_a_log_that_has_ended_comes_as_events_and_ends(ran: Workspace, ids: dict[str, str]) -> None:
    look = look_of(ran)
    wanted = Query(streamed=True)
    told = list(events(log_view(look, wanted, pipeline="tiny", id=ids["Waits"], step="churn-Preprocess")))
    assert told[0] == "retry: 2000\n\n"
    mark, data = told[1].split("\n", 1)
    assert (mark[:4], data) == ("id: ", "data: rows: 6\n\n")
    assert told[2:] == ["event: end\ndata: Succeeded\n\n"]
    later = Query(streamed=True, pairs=(("from", mark[4:]),))
    told = list(events(log_view(look, later, pipeline="tiny", id=ids["Waits"], step="churn-Preprocess")))
    assert told[1:] == ["event: end\ndata: Succeeded\n\n"]
