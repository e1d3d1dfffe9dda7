"""Tags: what a pattern fits, and which version is the newest."""

from __future__ import annotations

import itertools
import random

import pytest

from pipeline_builder.manifest.tags import find_newest, tag_pattern


@pytest.mark.parametrize(
    ("pattern", "oldest_first"),
    [
        ("v*", ["v0.9", "v1", "v1.0.1", "v1.2", "v1.10", "v2.0.0", "v10.0"]),
        ("*", ["0.1", "v0.2", "release-1.0", "1.1"]),
        # As in the specification of Semantic Versioning, and as people count candidates.
        (
            "v*",
            ["v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta", "v1.0.0-beta", "v1.0.0-beta.2", "v1.0.0-beta.11",
             "v1.0.0-rc.1", "v1.0.0-rc2", "v1.0.0-rc10", "v1.0.0"],
        ),
        ("v*", ["v2.0.0-rc1", "v3.0a1", "v1.0", "v1.1"]),
        ("v*-rc*", ["v1.0-rc1", "v1.0-rc2", "v1.1-rc1"]),
        ("v*", ["v1.0.0", "v1.0.0.post1", "v1.0.1"]),
        ("v*", ["v1.0.0-1", "v1.0.0"]),
        ("v*", ["v1.0.0+a", "v1.0.0+b", "v1.0.1+a"]),
        ("model2-v*", ["model2-v1.9", "model2-v1.10"]),
        ("churn/v1.*", ["churn/v1.9", "churn/v1.10.1"]),
        ("release-*", ["release-2025-12-31", "release-2026-01-02", "release-2026-01-10"]),
        ("build_????", ["build_0009", "build_0010"]),
        ("v*", ["v1.0", "v1.0.0"]),
        ("v*", ["v9", "v" + "9" * 200]),
    ],
)  # fmt: skip
def test_the_newest_is_taken_in_any_order(pattern: str, oldest_first: list[str]) -> None:
    for end in range(1, len(oldest_first) + 1):
        some = oldest_first[:end]
        orders = [some, some[::-1], random.Random(end).sample(some, len(some))]
        assert {find_newest(order, pattern) for order in orders} == {some[-1]}, some


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("v*", "w1"), ("v*", "v"), ("v*", "vnext"), ("v*", "v1/2"), ("*", "a/1"), ("v?", "v10"), ("v1.*", "v1x2"),
     ("(v|w)*", "v1"), ("v*", "v" + "1" * 5000), ("v*", "v\u0663")],
)  # fmt: skip
def test_what_does_not_fit_or_has_no_version(pattern: str, name: str) -> None:
    assert find_newest([name], pattern) == ""


def test_nothing_that_a_server_says_breaks_it() -> None:
    for parts in itertools.product(["", "1", ".", "-", "_", "+", "rc", "post", "\u0663", "\n"], repeat=3):
        find_newest(["v" + "".join(parts), "v1"], "v*")


def test_only_a_ref_with_a_star_is_a_pattern() -> None:
    assert [tag_pattern(text) for text in ("refs/tags/v*", "refs/tags/v1", "main", "refs/tags/v?")] == [
        "v*",
        "",
        "",
        "v?",
    ]
