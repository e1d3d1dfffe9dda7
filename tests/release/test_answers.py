"""What an approver's comment limits an answer to: each way to write it, and each that isn't one."""

from __future__ import annotations

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.answers import read_answer
from tests.release.records import run_record, steps

RUN = run_record("churn", "price", "housing-pca")
FAILED = RUN.model_copy(update={"steps": (*RUN.steps, *steps("segments", status="Failed"))})
ALL = {"churn", "price", "housing-pca"}


def asked(comment: str) -> tuple[set[str], bool]:
    answered = read_answer(comment, FAILED)
    return {package.model for package in FAILED.packages if package.arn in answered.arns}, answered.named


@pytest.mark.parametrize(
    "comment",
    [
        "", "looks right", "Approved by arn:aws:iam::1:user/ada", "on the whole good", "nothing to add", "no objections",
        "churn looks better than before", "approve churn", "onlyness", "note: churn is better", "It's only churn that moved",
    ],
)  # fmt: skip
def test_a_comment_that_begins_otherwise_is_for_all(comment: str) -> None:
    assert asked(comment) == (ALL, False)


@pytest.mark.parametrize(
    ("comment", "models", "named"),
    [
        ("only churn price", {"churn", "price"}, True),
        ("  Only churn, price: better on the new data", {"churn", "price"}, True),
        ("only churn and housing-pca", {"churn", "housing-pca"}, True),
        ("ONLY housing-pca - the rest is worse", {"housing-pca"}, True),
        ("only churn.", {"churn"}, True),
        ("only 'churn'\nnot sure about the others", {"churn"}, True),
        ("only churn (not the others)", {"churn"}, True),
        ("only price/2", {"price"}, True),
        ("\uff4f\uff4e\uff4c\uff59\u3000churn\uff0cprice\uff1athe rest is worse", {"churn", "price"}, True),
        ("not price", {"churn", "housing-pca"}, False),
        ("Not churn & price \u2014 worse", {"housing-pca"}, False),
        ("not segments", ALL, False),  # which has failed, and doesn't wait
        ("not churn price housing-pca", set(), False),
    ],
)
def test_a_limit(comment: str, models: set[str], named: bool) -> None:
    assert asked(comment) == (models, named)


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("only", "'only' names no model"),
        ("not: sure", "'not' names no model"),
        ("only chrun", "'chrun' is no model that this run has registered"),
        ("only chu", "'chu' is no model"),
        ("only churn looks good", "'looks', 'good' are no models"),
        ("only churn, Price", "'Price' is no model"),
        ("not bad at all", "'bad', 'at', 'all' are no models"),
        ("only segments", "'segments' is no model that this run has registered"),
        ("only churn not price", "'only' and 'not' in one answer"),
        ("not price only churn", "'not' and 'only' in one answer"),
        ("onl churn", "'onl churn' is neither 'only' nor 'not' and a model"),
        ("no price", "'no price' is neither"),
        ("onyl churn price", "'onyl churn' is neither"),
        ("onl segments", "'onl segments' is neither"),
    ],
)
def test_what_cannot_be_read_is_no_answer(comment: str, why: str) -> None:
    with pytest.raises(InputProblems) as caught:
        read_answer(comment, FAILED)
    assert {problem.id for problem in caught.value.problems} == {"PB483"}
    assert why in caught.value.problems[0].message


def test_of_one_model_too_much_is_asked_by_a_name_that_is_none() -> None:
    with pytest.raises(InputProblems, match="did you mean 'churn'"):
        read_answer("only chrun", run_record("churn"))
