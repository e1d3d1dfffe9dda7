"""The pages about models, of a model with a history."""

from __future__ import annotations

import re

import pytest

from tests.console.consoles import Client
from tests.console.models.conftest import HOSTILE


def test_the_list_says_what_is_in_use_what_waits_and_how_the_main_metric_goes(models: Client) -> None:
    (row,) = models.json("/models.json")["rows"]
    assert (row["group"], row["champion"], row["waits"], row["versions"], row["owner"]) == (
        "tiny-churn",
        1,
        [3],
        3,
        "churn",
    )
    assert row["metric"] == "mae"
    assert len(row["values"]) == 3
    assert (row["last"]["status"], row["last"]["passed"]) == ("Succeeded", True)
    page = models.page("/models")
    assert 'class="plot spark"' in page
    assert 'href="/models/tiny-churn/3"' in page


def test_the_list_can_be_filtered(models: Client) -> None:
    assert len(models.json("/models.json?text=CHU")["rows"]) == 1
    assert models.json("/models.json?text=x")["rows"] == []
    assert len(models.json("/models.json?state=waiting")["rows"]) == 1
    assert models.json("/models.json?state=without a champion")["rows"] == []
    assert "No model is like that." in models.text("/models?text=x")


def test_a_models_page_has_its_versions_and_what_was_decided(models: Client) -> None:
    found = models.json("/models/tiny-churn.json")
    rows = {row["number"]: row for row in found["versions"]}
    assert [row["word"] for row in found["versions"]] == ["waits", "rolled back", "champion"]
    assert (rows[1]["by"], rows[2]["by"], rows[3]["by"]) == ("ada", "ada", "")
    assert rows[1]["why"].startswith("approved by ada: good (execution ")
    assert rows[2]["why"] == "rolled back by ada: it was slow"
    assert all(re.fullmatch("[0-9a-f]{40}", row["commit"]) and row["run"] and row["passed"] for row in rows.values())
    assert [(turn["version"], turn["what"], turn["by"]) for turn in found["turns"]] == [
        (2, "rolled back", "ada"), (2, "promoted", "bob"), (1, "promoted", "ada"),
    ]  # fmt: skip


def test_metrics_go_over_versions_with_the_gates_bound_and_can_be_chosen(models: Client) -> None:
    found = models.json("/models/tiny-churn.json")
    assert (found["plots"][0]["name"], found["plots"][0]["gate"]) == ("mae", "at most 100")
    assert [version for version, _ in found["plots"][0]["values"]] == [1, 2, 3]
    chosen = models.json("/models/tiny-churn.json?metric=rows&metric=nonsense&metric=rows")
    assert [plot["name"] for plot in chosen["plots"]] == ["rows"]
    assert {choice["name"]: choice["chosen"] for choice in chosen["choices"]} == {
        "mae": False,
        HOSTILE: False,
        "rows": True,
    }
    page = models.page("/models/tiny-churn")
    assert "at most 100" in page
    assert 'href="/models/tiny-churn/2"' in page
    assert "rolled back" in models.page("/models/tiny-churn?by=time")


def test_a_version_says_what_it_was_made_of(models: Client) -> None:
    found = models.json("/models/tiny-churn/2.json")
    assert found["hyperparameters"] == {"scale": "5", "depth": "4"}
    assert [(metric["name"], metric["champion"] is not None) for metric in found["metrics"]] == [
        ("mae", True), (HOSTILE, True), ("rows", True),
    ]  # fmt: skip
    assert found["metrics"][0]["gate"] == "at most 100"
    assert found["against"] == 1
    assert any("mae" in reason for reason in found["reasons"])
    assert re.fullmatch("[0-9a-f]{64}", found["evidence"])
    assert found["reads"] == [["s3://local/churn/numbers.csv", ["churn-Preprocess"]]]
    assert found["containers"][0]["image"] == "example.com/tiny:1"
    assert [(commit["repository"], commit["own"]) for commit in found["commits"]] == [("churn", True)]
    assert [turn["what"] for turn in found["turns"]] == ["promoted", "rolled back"]
    assert found["others"] == [[1, "the version before, which is the champion"]]
    assert found["missing"] == []


def test_the_lineage_leads_from_commit_and_data_to_the_package(models: Client) -> None:
    parts = {part["name"]: part for part in models.json("/models/tiny-churn/2.json")["lineage"]["parts"]}
    package = parts["tiny-churn version 2"]
    assert package["kind"] == "model package"
    assert set(package["comes_from"]) == {"model.tar.gz", "churn-Register"}
    assert "s3://local/churn/numbers.csv" in parts["churn-Preprocess"]["comes_from"]
    assert any(part["kind"] == "commit" for part in parts.values())
    assert parts["model.tar.gz"]["comes_from"] == ["churn-Train"]


def test_the_evidence_is_read_again_only_where_that_is_asked_for(models: Client) -> None:
    assert models.json("/models/tiny-churn/1.json")["checked"] is None
    agrees = models.json("/models/tiny-churn/1.json?look=evidence")["checked"]
    assert agrees["agrees"] is True
    assert agrees["lines"][0] == "tiny-churn version 1 is what was approved"
    assert "It still agrees." in models.text("/models/tiny-churn/1?look=evidence")
    against = models.json("/models/tiny-churn/2.json?look=evidence")["checked"]
    assert against["agrees"] is False
    assert "it is Rejected: rolled back by ada" in against["problems"][0]["message"]


def test_what_its_code_requires_is_looked_into_where_that_is_asked_for(models: Client) -> None:
    assert models.json("/models/tiny-churn/1.json")["required"] is None
    required = models.json("/models/tiny-churn/1.json?look=packages")["required"]
    assert {step for one in required for step in one["steps"]} >= {"churn-Train", "churn-Metrics"}
    assert all(one["lines"] == [] and one["unknown"] == "" for one in required)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/models/tiny-chrun", 404, "PB037 nothing has been registered as &#39;tiny-chrun&#39; did you mean"),
        ("/models/tiny-churn/9", 404, "PB038 &#39;tiny-churn&#39; has no version 9 the newest are: 3, 2, 1"),
        ("/models/tiny-churn/compare/1/9", 404, "PB038"),
        (
            "/models/tiny-churn/compare?a=1",
            409,
            "PB039 two versions of &#39;tiny-churn&#39; are compared, and one is named choose one",
        ),
        ("/models/tiny-churn/compare?a=2&b=2", 409, "PB039"),
        ("/models/tiny-churn/compare", 409, "and none is named"),
        ("/models/tiny-churn/zero", 404, "There is no such page."),
    ],
)
def test_what_is_not_there_says_so(models: Client, path: str, status: int, words: str) -> None:
    answer = models.get(path)
    assert answer.status_code == status
    assert words in " ".join(re.sub("<[^>]*>", " ", answer.text).split())


@pytest.mark.parametrize(
    "path", ["/models", "/models/tiny-churn", "/models/tiny-churn/3", "/models/tiny-churn/compare/1/3"]
)
def test_names_from_outside_are_text(models: Client, path: str) -> None:
    page = models.page(path)
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "style=" not in page  # which the console's policy refuses
