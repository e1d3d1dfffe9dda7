"""What a service costs: counted in its template, computed from one table of prices, and told in deploy.md."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.service.bill import month_json, render_month
from pipeline_builder.service.cloudformation.rendering.rendering import render_templates
from pipeline_builder.service.costs import GROUPS, Month, Parts, Use, month_of, transitions
from pipeline_builder.service.parts import parts_of
from pipeline_builder.service.prices import HOME, load_prices
from pipeline_builder.service.render import Rendered, dear_polling
from tests.places import ROOT
from tests.service.services import CONNECTION, MADE, REPOS, parse_manifest, read_service

FIFTY = Use(runs=50, hours=1, minutes=2, pushed=50)
BEFORE = Parts(
    repositories=10, sources=1, builds=3, machine=False, polled=10, poll_minutes=10, key=True, secrets=1, alarms=1
)
NOW = replace(BEFORE, builds=4, machine=True, looks=True)
OTHERS = {
    "all polled": NOW,
    "webhooks": replace(NOW, polled=0, poll_minutes=0, looks=False, webhooks=10),
    "connections": replace(NOW, polled=0, poll_minutes=0, looks=False, sources=11),
}


def month(parts: Parts, use: Use = FIFTY) -> Month:
    return month_of(parts, use, load_prices(HOME))


def test_fifty_runs_of_an_hour_cost_less_than_five() -> None:
    for parts in OTHERS.values():
        assert month(parts).of("runs") < 5
        assert month(parts).of("polling") < 2
    assert month(BEFORE).of("runs") == pytest.approx(23.2)
    assert month(BEFORE).of("polling") == pytest.approx(21.9, abs=0.01)


def test_a_build_that_waits_is_paid_by_both_services() -> None:
    """0.002 for CodePipeline and 0.005 for CodeBuild, each minute that is begun."""
    hour = month(BEFORE).of("runs") - month(BEFORE, replace(FIFTY, hours=0)).of("runs")
    assert hour == pytest.approx(50 * 60 * 0.007)
    begun = month(BEFORE, replace(FIFTY, hours=0.51)).of("runs") - month(BEFORE, replace(FIFTY, hours=0.5)).of("runs")
    assert begun == pytest.approx(50 * 0.007)


def test_the_transitions_of_a_wait() -> None:
    assert [transitions(hours) for hours in (0, 1, 8, 168)] == [42, 110, 446, 2846]
    assert transitions(8) * load_prices(HOME).usd["transition"] < 0.02


def test_a_region_s_own_prices_and_those_that_are_given() -> None:
    parts = OTHERS["webhooks"]
    there = month_of(parts, FIFTY, load_prices("sa-east-1", {"build-small": 0.01}))
    assert there.prices.usd["transition"] == pytest.approx(0.0000375)
    assert there.of("runs") > month(parts).of("runs")
    found = month_json(there)
    assert isinstance(prices := found["prices"], dict)
    assert prices["build-small"]["source"] == "given"
    assert (prices["key"]["region"], prices["transition"]["region"]) == (HOME, "sa-east-1")
    assert "that of sa-east-1 wasn't found" in render_month(there)
    assert "wasn't found" not in render_month(month(parts))
    with pytest.raises(InputProblems, match="PB638 there is no price 'build-smal'"):
        load_prices(HOME, {"build-smal": 1.0})


def test_every_price_has_a_page_of_aws_and_a_use() -> None:
    prices = load_prices(HOME)
    used = {
        line.price
        for parts in (*OTHERS.values(), BEFORE, replace(BEFORE, scheduled=30), replace(NOW, queues=1, landings=1))
        for compute in ("small", "medium", "large")
        for line in month(replace(parts, compute=compute)).lines
    }
    assert used == prices.usd.keys() == prices.sources.keys()
    assert all(re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9-]+/pricing/", page) for page in prices.sources.values())
    assert all(price > 0 for price in prices.usd.values())


def test_docs_have_the_bill_before_and_now() -> None:
    text = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
    rows = [
        f"| {name} | {month(BEFORE).of(group):.2f} | "
        + " | ".join(f"{month(p).of(group):.2f}" for p in OTHERS.values())
        for group, name in zip(
            GROUPS, ("CodePipeline, CodeBuild and waiting", "polling", "key and a secret", "the rest"), strict=True
        )
    ]
    assert [row for row in rows if f"{row} |" not in text] == []


def test_json_is_what_the_table_is() -> None:
    found = json.loads(json.dumps(month_json(month(NOW))))
    assert found["usd"] == pytest.approx(month(NOW).of(), abs=0.001)
    assert f"{found['usd']:.2f}" in render_month(month(NOW)).split("\n\n")[0].splitlines()[-1]
    assert sum(line["usd"] for line in found["lines"]) == pytest.approx(found["usd"], abs=0.01)
    assert set(found["groups"]) == set(GROUPS)


@pytest.mark.parametrize(
    ("repo", "looks"),
    [
        ({"url": "https://git.example.com/a/b.git"}, True),
        ({"url": "https://git.example.com/a/b.git", "credentials": "secretsmanager:git/token#key"}, True),
        ({"url": "ssh://git@git.example.com/a/b.git"}, False),
        ({"url": "git@git.example.com:a/b.git"}, False),
        ({"url": "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/b"}, False),
        ({"url": "https://github.com/a/b.git", "credentials": f"connection:{CONNECTION}"}, False),
    ],
)
def test_what_a_function_cannot_ask_a_build_does_and_that_is_said_with_its_price(
    repo: dict[str, str], looks: bool
) -> None:
    model, problems = read_service((repo,), schedules=(), poll_minutes=5)
    assert [problem for problem in problems if not problem.warning] == []
    assert model.triggers.looks is looks
    if not looks:
        said = str(dear_polling(model, parse_manifest({"repos": [repo]})))
        assert "PB619 the repository 'b' is polled, and only a build can ask it: one every 5 minutes, 43.81 USD" in said


@pytest.mark.parametrize(("compute", "usd"), [("SMALL", "21.90"), ("MEDIUM", "43.80"), ("LARGE", "87.60")])
def test_builds_that_look_are_told_at_the_price_of_the_service_s_own_machines(compute: str, usd: str) -> None:
    polled = ({"url": "ssh://git@git.example.com/a/b.git"},)
    model, _ = read_service(polled, schedules=(), poll_minutes=10, compute=f"BUILD_GENERAL1_{compute}")
    assert f"one every 10 minutes, {usd} USD a month (us-east-1)" in str(
        dear_polling(model, parse_manifest({"repos": polled}))
    )


def test_functions_and_queues_that_are_rendered_are_counted() -> None:
    model, _ = read_service(schedules=(), made=MADE)
    rendered = Rendered(model=model, files=render_templates(model), parameters={}, firings={})
    parts = parts_of(rendered, parse_manifest({"repos": REPOS}))
    assert (parts.handlers, parts.handler_seconds, parts.queues) == (1, 60 * 0.25, 1)
    units = {line.part: line.units for line in month(parts).lines}
    assert units["Lambda: handlers"] == 50
    assert units["Lambda: handlers, seconds with a GB at most"] == 50 * 15
    assert units["SQS: tokens of Callback steps"] == 150


def test_secrets_of_the_builds_cost_too_each_once() -> None:
    environment = {"A": "secretsmanager:x#k", "B": "secretsmanager:x#j", "C": "secretsmanager:y", "D": "plain"}
    polled = ({"url": "https://git.example.com/a/b.git"},)
    model, _ = read_service(polled, schedules=(), environment=environment)
    rendered = Rendered(model=model, files=render_templates(model), parameters={}, firings={})
    assert parts_of(rendered, parse_manifest({"repos": polled})).secrets == 2
