"""`plan` after an edit: what is not checked out, which files changed, what each model's steps would do; and selections
of all commands that take them, over three models.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.checkout.repositories import commit
from tests.trio import MANIFEST, TRAIN, Trio, make_trio

GROUPED = MANIFEST.replace("  - url: remotes/price\n", "  - url: remotes/price\n    groups: [nightly]\n")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Three models that wait; every test leaves its checkouts behind or ahead as it likes."""
    trio = make_trio(tmp_path_factory.mktemp("planning") / "trio", GROUPED)
    assert trio.call("checkout").code == 0
    first = trio.call("plan").out  # before anything was uploaded, or has run
    assert "  churn\n    run    churn-Train        has not run before\n" in first
    assert trio.call("up").code == 0
    return trio


@pytest.mark.long
def test_a_plan_says_what_is_not_checked_out_and_refreshes(ran: Trio) -> None:
    assert ran.call("plan").out.startswith("pipeline 'trio' is unchanged")
    new = ran.change("churn")
    script = ran.root / "remotes" / "price" / "scripts" / "train.py"
    script.write_text(f"{script.read_text()}# not committed\n")
    said = ran.call("plan")
    old = ran.call("plan", "--json").json["behind"][0]["has"]
    assert said.out.splitlines()[:5] == [
        f"not in this plan: 1 new commit of 'churn' on main; it is checked out at {old[:7]}, and main is at {new[:7]}",
        f"    {new[:7]} change churn",
        "not in this plan: changes of 'price' that are not committed; a run is made of commits only",
        "  'pipeline-builder plan --refresh' checks out what is new, and plans with it",
        "",
    ]
    behind = ran.call("plan", "--format", "json").json["behind"]
    assert [(one["repository"], one["count"], one["uncommitted"]) for one in behind] == [
        ("churn", 1, False), ("price", 0, True),
    ]  # fmt: skip
    refreshed = ran.call("plan", "--refresh").out
    script.write_text(TRAIN.replace("THIS", "price"))
    assert "not in this plan" not in refreshed
    changed = "  ~ step churn-Train\n      ~ churn: scripts/train.py  (+1 -0 lines)\n"
    assert f"{changed}        in {new[:7]} change churn\n" in refreshed
    assert "bundles/" not in refreshed  # the files say it, no digests
    assert "    run    churn-Train     changed: code\n" in refreshed.replace("churn-Train        ", "churn-Train     ")
    assert (
        "  price: left out by 'up', as it hasn't changed since it was registered; 'run' registers it anew\n"
        in refreshed
    )
    (code,) = ran.call("plan", "--json").json["code"]
    assert (code["folder"], code["files"][0]["path"]) == ("scripts", "train.py")
    markdown = ran.call("plan", "--format", "markdown").out
    assert "\n!       churn: scripts/train.py" in markdown
    chosen = ran.call("plan", "--select", "price").out
    assert "  shown are 2 of 6 steps, as selected\n" in chosen
    assert "churn-Train" not in chosen
    assert "will change from version 1: none of these steps (" in chosen
    assert "  price: left out by 'up'" in chosen
    assert "from version 1: of these steps 1 changed (" in ran.call("plan", "--select", "churn").out
    assert "--out writes the whole plan" in ran.call("plan", "--select", "price", "--out", "p.json").err


@pytest.mark.long
def test_a_commit_that_changes_nothing_of_a_folder_is_none_that_it_lacks(tmp_path: Path) -> None:
    trio = make_trio(tmp_path / "trio")
    assert trio.call("checkout").code == 0
    commit(trio.root / "remotes" / "churn", "an empty one")
    assert "not in this plan" not in trio.call("plan").out


@pytest.mark.long
def test_a_repository_that_is_gone_stops_no_plan(tmp_path: Path) -> None:
    trio = make_trio(tmp_path / "trio")
    assert trio.call("checkout").code == 0
    (trio.root / "remotes" / "price").rename(tmp_path / "elsewhere")
    planned = trio.call("plan")
    assert (planned.code, planned.out.splitlines()[0][:53]) == (
        0,
        "not known: whether 'price' has anything new: the repo",
    )


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        (("--select", "churn+"), ["churn-Train", "churn-Register"]),
        (("--select", "+price-Register,type:Training"), ["price-Train"]),
        (("--select", "tag:nightly segments-Train"), ["price-Train", "segments-Train", "price-Register"]),
        (("--exclude", "churn", "--exclude", "*-Register"), ["price-Train", "segments-Train"]),
    ],
)
def test_a_graph_of_some_steps(ran: Trio, arguments: tuple[str, ...], steps: list[str]) -> None:
    shown = ran.call("graph", *arguments, "--json").json
    assert [node["name"] for node in shown] == steps
    assert {name for node in shown for name in node["depends_on"]} <= set(steps)


@pytest.mark.long
def test_a_run_of_some_steps(ran: Trio) -> None:
    ended = ran.call("run", "--rerun", "--select", "nightly-not-there")
    assert (ended.code, "PB442 the pipeline has no step and no model 'nightly-not-there'" in ended.err) == (1, True)
    ended = ran.call("run", "--rerun", "--select", "price", "--exclude", "price-Register", "--json")
    assert [(step["name"], step["status"]) for step in ended.json["steps"] if step["status"] != "Waiting"] == [
        ("price-Train", "Succeeded")
    ]
    assert "select    1 step (as asked); left out: churn-Train" in ended.err
    assert ran.call("run", "--select", "price", "--group", "nightly").code == 2
    assert "--resume follows what is running already" in ran.call("run", "--resume", "--select", "price").err
    elsewhere = ran.call("up", "--select", "price")
    assert (elsewhere.code, "'run', 'graph' and 'plan' have it" in elsewhere.err) == (2, True)
    assert "--reject" not in elsewhere.err


@pytest.mark.long
def test_that_nothing_is_selected_is_said(tmp_path: Path) -> None:
    trio = make_trio(tmp_path / "trio")
    assert trio.call("up").code == 0
    seen = trio.call("graph", "--select", "state:modified")
    assert (seen.code, seen.out, seen.err.splitlines()[-1][:43]) == (
        0, "", "no step is selected: none of them has chang"
    )  # fmt: skip
    planned = trio.call("plan", "--select", "price").out
    assert "a run would do nothing" in planned
    assert "of 6 steps" not in planned  # none of which would run
    ended = trio.call("graph", "--exclude", "*")
    assert "hint: --exclude takes away all that is selected" in ended.err


def test_a_selection_that_is_none_is_refused_before_anything_is_checked_out(ran: Trio) -> None:
    ended = ran.call("plan", "--refresh", "--select", "churn,,price")
    assert (ended.code, "checkout" in ended.err) == (1, False)
    assert ended.err.startswith("--select:1:7: PB025 nothing stands before or after this comma")


def test_logs_by_less_than_a_name(ran: Trio) -> None:
    ended = ran.call("logs", "Train")
    assert (ended.code, "PB028 'Train' may be 3 steps: 'churn-Train', 'price-Train'" in ended.err) == (1, True)
    ended = ran.call("logs", "price-T", "--json")
    assert (ended.json["step"], "of step price-Train" in ended.err) == ("price-Train", True)
    several = ran.call("logs", "segments+", "--json").json["logs"]
    assert [one["step"] for one in several] == ["segments-Train", "segments-Register"]
    assert "==> segments-Train <==\n" in ran.call("logs", "segments").out
    for text, problem in (
        ("", "PB025 STEPS is empty"),
        ("type:Tuning", "STEPS:1:1: PB442 there is no type 'Tuning'\n    type:Tuning\n    ^\n  hint: did you mean 'Training'"),
        ("state:modified", "STEPS:1:1: PB026 'state:' says what has changed"),
    ):  # fmt: skip
        ended = ran.call("logs", text)
        assert (ended.code, problem in ended.err) == (1, True), ended.err


def test_who_follows_steps_without_a_log_is_told_why(ran: Trio) -> None:
    ended = ran.call("logs", "segments", "--follow")
    said = [f"segments-{name} has no log" for name in ("Train", "Register")]
    assert [line.partition(":")[0].removesuffix(" here") for line in ended.err.splitlines()[-2:]] == said


def test_a_log_that_was_deleted_is_not_one_that_says_nothing(ran: Trio) -> None:
    newest = ran.call("status", "--json").json["arn"].rsplit("/", 1)[-1]
    log = ran.root / ".pipeline_builder" / "jobs" / newest / "price-Train" / "log.txt"
    log.rename(log.with_name("aside"))
    try:
        ended = ran.call("logs", "price-Train")
        assert f"price-Train has no log any more: nothing is at '{log}'\n" in ended.err
    finally:
        log.with_name("aside").rename(log)
    assert "any more" not in ran.call("logs", "price-Train").err


@pytest.mark.long
def test_logs_are_followed_to_the_end(tmp_path: Path) -> None:
    """Of a run that another command works on; every line comes once."""
    trio = make_trio(tmp_path / "trio")
    slow = "import time\nfor number in range(8):\n    print('line', number, flush=True)\n    time.sleep(0.15)\n"
    trio.change("churn", slow + TRAIN.replace("THIS", "churn"))
    up = trio.start("up")
    log = trio.root / ".pipeline_builder" / "jobs"
    while not [*log.glob("*/churn-Train/log.txt")]:
        assert up.poll() is None
        time.sleep(0.02)
    followed = trio.run("logs", "churn-T", "--follow")
    assert followed.out.splitlines() == [f"line {number}" for number in range(8)]
    up.communicate(timeout=60)
    assert up.wait() == 0
    assert trio.call("logs", "churn-T", "--follow", "--json").code == 2


def test_what_waits_is_listed(ran: Trio) -> None:
    """By `status` and `history`; what is decided isn't any more."""
    assert ran.decide("reject", "segments", "--comment", "too small").code == 0
    waits = ran.call("status", "--json").json["waiting"]
    assert [(one["model"], one["version"]) for one in waits] == [("churn", 1), ("price", 1)]
    assert "\nthe gate passed it\nwaiting for a decision\n" in (shown := ran.call("status").out)
    assert "  price model version 1, since " in shown
    listed = ran.call("history", "--model", "segments").out
    assert ("waiting for a decision" in listed, "segments  model version 1    rejected" in listed) == (False, True)
    runs = ran.call("history", "--json").json["executions"]
    assert [model["waits"] for model in runs[-1]["models"]] == [True, True, False]
    assert len(ran.call("history", "--json", "--last", "1").json["executions"]) == 1
    assert "hint: did you mean 'segments'" in ran.call("history", "--model", "segment").err
    assert ran.call("history", "--audit", "--last", "1").code == 2
    assert ran.call("history", "--audit").out.count("segments") > 0


@pytest.mark.long
def test_what_apply_would_refuse_is_in_the_plan(tmp_path: Path) -> None:
    """A repository that has another name is no owner of its model's group any more."""
    ran = make_trio(tmp_path / "trio")
    assert ran.call("up").code == 0
    manifest = ran.root / "model_repos.yaml"
    manifest.write_text(manifest.read_text().replace("- url: remotes/price", "- {url: remotes/price, name: prices}"))
    refused = "PB247 step 'price-Register': the model package group 'trio-price' is there already and has the tag of"
    planned = ran.call("plan", "--refresh")
    assert (planned.code, f": warning {refused} 'price', not of 'prices'" in planned.err) == (
        0,
        True,
    )
    assert ran.call("plan", "--json").json["changed"] is True
    applied = ran.call("apply")
    assert (applied.code, f": {refused}" in applied.err) == (1, True), applied.err
    manifest.write_text(f"{manifest.read_text()}policy: {{repos: {{prices: {{groups: [trio-price]}}}}}}\n")
    assert "PB247" not in ran.call("plan").err
