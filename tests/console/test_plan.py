"""The plan as a page: what would change now, with the code behind it, and nothing is written for it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.console.look import Look
from pipeline_builder.console.plan import keeping
from pipeline_builder.console.plan.keeping import keeper_of
from tests.console.consoles import Client, client_of, look_of, looks_of, text_of
from tests.trio import Trio, make_many, make_trio
from tests.workspaces import Workspace

SCRIPT = """\
import os
from pathlib import Path

RATE = 0.2  # <b>new</b>
API_KEY = "hunter2hunter2"
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("churn")
"""
RATE = ("entry_point: train.py\n", "entry_point: train.py\n        hyperparams: {rate: 0.2}\n")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    trio = make_trio(tmp_path_factory.mktemp("plan") / "made")
    assert trio.call("up").code == 0
    return trio


@pytest.fixture
def trio(judged: Trio, tmp_path: Path) -> Trio:
    return Trio(Path(shutil.copytree(judged.root, tmp_path / "trio", symlinks=True)))


Open = Callable[[Workspace], Client]


@pytest.fixture
def opened() -> Iterator[Open]:
    made: list[tuple[Any, Client]] = []

    def open_(workspace: Workspace) -> Client:
        looks = looks_of(workspace)
        made.append((looks, client_of(looks)))
        return made[-1][1]

    yield open_
    for looks, client in made:
        looks.close()
        assert client.bugs == []


def planned(client: Client) -> Any:
    """Return the page's value when it is worked out."""
    deadline = time.monotonic() + 20
    while (found := client.json("/plan.json"))["working"] or found["moved"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.long
def test_what_changes_is_told_in_values_that_can_be_read_with_the_code_behind_it(trio: Trio, opened: Open) -> None:
    commit = trio.change("churn", SCRIPT, RATE)
    assert trio.call("checkout").code == 0
    later = trio.change("segments")
    (trio.root / "remotes" / "price" / "scripts" / "train.py").write_text("# not committed\n")
    client = opened(trio)
    found = planned(client)
    (plan,) = found["pipelines"]
    assert (plan["word"], plan["headline"]) == ("changes", "Beside the deployed version 1: 1 changed.")
    assert plan["counts"] == {"run": 4, "cache": 2}
    by_name = {step["name"]: step for model in plan["models"] for step in model["steps"]}
    train = by_name["churn-Train"]
    assert (train["change"], train["fate"]) == ("changed", "run")
    assert train["fields"] == [{"path": "HyperParameters.rate", "before": None, "after": "0.2"}]
    (file,) = train["code"]["files"]
    assert "+RATE = 0.2  # <b>new</b>" in file["lines"]
    assert "hunter2" not in str(found)
    assert [one["sha"] for one in train["code"]["commits"]] == [commit]
    assert {model["name"]: model["spared"] for model in plan["models"]} == {
        "churn": False, "price": True, "segments": True,
    }  # fmt: skip
    assert {one["repository"]: (one["now"], one["uncommitted"]) for one in found["behind"]} == {
        "price": ("", True), "segments": (later, False),
    }  # fmt: skip
    page = client.page("/plan")
    assert "# &lt;b&gt;new&lt;/b&gt;" in page
    text = unescape(text_of(page))
    assert "Not in this plan: 1 new commit of segments on main" in text
    assert "segments left out by up" in text
    assert "hunter2" not in page


def test_nothing_changes(judged: Trio, opened: Open) -> None:
    found = planned(opened(judged))
    (plan,) = found["pipelines"]
    assert plan["word"] == "unchanged"
    assert plan["unchanged_since"] == judged.record["execution"].rsplit("/", 1)[-1]
    assert "A run would do nothing" in opened(judged).text("/plan")


@pytest.mark.long
def test_a_broken_conf_is_told_with_its_place_and_the_line(trio: Trio, opened: Open) -> None:
    trio.change("churn", "", ("entry_point: train.py", "entry_pint: <script>train.py"))
    assert trio.call("checkout").code == 0
    client = opened(trio)
    (plan,) = planned(client)["pipelines"]
    assert plan["word"] == "no plan"
    assert {problem["place"]["file"].split(":")[-1] for problem in plan["problems"]} == {"conf/conf.yaml"}
    page = client.page("/plan")
    assert "entry_pint: &lt;script&gt;train.py" in page
    assert "did you mean" in page


def test_before_the_first_checkout_and_without_a_manifest(tmp_path: Path, opened: Open) -> None:
    fresh = make_trio(tmp_path / "fresh")
    shutil.rmtree(fresh.root / ".pipeline_builder")
    (plan,) = planned(opened(fresh))["pipelines"]
    assert [problem["id"] for problem in plan["problems"]] == ["PB111"]
    assert not (fresh.root / ".pipeline_builder").exists()
    (fresh.root / "model_repos.yaml").unlink()
    found = planned(opened(fresh))
    assert [problem["id"] for problem in found["problems"]] == ["PB100"]


def files(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return what is below a folder, but for the memory's own files, which hold digests of data."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not path.name.startswith("state.db"):
            stat = path.lstat()
            found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


@pytest.mark.long
def test_looking_writes_nothing_and_fetches_nothing(trio: Trio, opened: Open) -> None:
    trio.change("churn", SCRIPT, RATE)
    assert trio.call("checkout").code == 0
    before = files(trio.root)
    planned(client := opened(trio))
    client.page("/plan")
    now = files(trio.root)
    # The list of runs, which the console keeps for its start; and who looks at files asks the disk first what time it is.
    kept = {name for name in now if "/runs-local.json" in name}
    kept |= {str(trio.root / ".pipeline_builder"), str(trio.root / ".pipeline_builder" / "git")}
    assert {name for name in now if now[name] != before.get(name)} - kept == set()
    assert now.keys() - kept <= before.keys()
    assert before.keys() <= now.keys()


@pytest.mark.long
def test_it_is_worked_out_again_only_where_something_has_changed(trio: Trio, opened: Open) -> None:
    client = opened(trio)
    first = planned(client)
    assert planned(client)["when"] == first["when"]
    trio.change("churn", SCRIPT, RATE)
    assert trio.call("checkout").code == 0
    assert planned(client)["pipelines"][0]["word"] == "changes"


@pytest.mark.long
def test_while_it_is_worked_out_the_last_one_stands_and_says_so(trio: Trio, opened: Open) -> None:
    client = opened(trio)
    planned(client)
    trio.change("churn", SCRIPT, RATE)
    assert trio.call("checkout").code == 0
    keeper_of(look_of(trio)).patience = 0.0
    text = client.text("/plan")
    assert "Something has changed: the plan is worked out anew" in text
    assert "unchanged" in text
    assert planned(client)["pipelines"][0]["word"] == "changes"


def test_a_plan_that_nobody_expected_to_fail_is_a_bug_once_and_worked_out_again(
    trio: Trio, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, real, calls = opened(trio), keeping.made_of, []

    def broken(look: Look) -> Any:
        calls.append(look)
        return real(look) if len(calls) != 2 else 1 / 0  # the second look is that after the plan

    monkeypatch.setattr(keeping, "made_of", broken)
    keeper_of(look_of(trio)).patience = 20.0
    assert client.get("/plan").status_code == 500
    assert "ZeroDivisionError" in client.bugs.pop()
    assert planned(client)["pipelines"][0]["word"] == "unchanged"


@pytest.mark.long
def test_five_hundred_models_are_answered_at_once_when_nothing_has_changed(tmp_path: Path, opened: Open) -> None:
    many = make_many(tmp_path / "many", 500)  # a thousand steps
    assert many.call("checkout").code == 0
    client = opened(many)
    planned(client)
    began = time.thread_time()
    page = client.page("/plan")
    assert len(page) < 1_000_000
    assert time.thread_time() - began < 1.0  # it is a tenth of a second; others' work isn't counted
