"""Parameters with values to choose from: what a conf may say of them, and what somebody may give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.overview import parameters_of
from pipeline_builder.release.parameters import check_given
from pipeline_builder.views.parameters import render_parameters
from tests.definition.composing import compose_graph
from tests.security.policing import compose_all, read_manifest
from tests.tiny import variant

NAME = "    pipelineName: tiny\n"
TIER = "{name: Tier, default: small, values: [small, large], description: how much is trained}"
WRONG = {
    "{name: Tier, values: [small, large], default: smal}": (24, "the default of 'Tier' is 'smal', expected one of 'small', 'large'"),
    "{name: Tier, values: [a, b, a]}": (8, "the values of 'Tier' have 'a' twice"),
    "{name: N, type: Integer, values: ['1', '2']}": (8, "'N' is of the type Integer, and only a String can have"),
    "{name: Tier, values: []}": (8, "'values' is"),
    "{name: Tier, values: [1, 2]}": (8, "'values' is 1, expected a text"),
}  # fmt: skip


def with_parameter(text: str) -> str:
    return variant((NAME, f"{NAME}    parameters:\n      - {text}\n"))


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_has_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_graph(tmp_path, with_parameter(text))
    found = caught.value.problems[0]
    assert found.place
    assert found.place.line == with_parameter(text).splitlines().index(f"      - {text}") + 1
    assert found.message.startswith(WRONG[text][1]), found.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{name: V, default: 1.10}", "put it in quotes"),
        ("{name: F, type: Float, default: 1e-3}", "write 1.0e-3: without a point and the exponent's sign YAML reads a text"),
        ("{name: F, type: Float, default: '1.0e-3'}", "write 1.0e-3 without quotes"),
        ("{name: F, type: Float, default: -.5E7}", "write -0.5e+7: without a point and the exponent's sign YAML reads a text"),
        ("{name: I, type: Integer, default: '5'}", "write 5 without quotes"),
        ("{name: I, type: Integer, default: five}", None),
    ],
)  # fmt: skip
def test_how_a_default_is_meant(tmp_path: Path, text: str, hint: str | None) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_graph(tmp_path, with_parameter(text))
    assert (caught.value.problems[0].id, caught.value.problems[0].hint) == ("PB318", hint)


def test_a_default_beyond_a_limit_has_its_name_and_place(tmp_path: Path) -> None:
    text = "{name: A}\n      - {name: N, type: Integer, default: 3000000000}"
    with pytest.raises(InputProblems) as caught:
        compose_all(tmp_path, {"churn": with_parameter(text)}, read_manifest(repos="[{url: churn}]"))
    assert str(caught.value).splitlines()[0].partition(":")[2] == (
        "conf/conf.yaml:35:43: PB414 parameter 'N': 'DefaultValue' is 3000000000, expected at most 2147483647"
    )


def test_a_value_that_isnt_listed_is_refused_before_any_target_is_asked(tmp_path: Path) -> None:
    composed = compose_all(tmp_path, {"churn": with_parameter(TIER)}, read_manifest(repos="[{url: churn}]"))
    check_given({"Tier": "large"}, (), lambda: composed.policed)
    with pytest.raises(InputProblems) as caught:
        check_given({"Tier": "xl"}, (), lambda: composed.policed)
    (found,) = caught.value.problems
    assert (found.id, found.message) == ("PB505", "the parameter 'Tier' is 'xl', expected one of 'small', 'large'")
    assert found.hint == "how much is trained"


def test_they_are_shown(tmp_path: Path) -> None:
    conf = with_parameter(f"{TIER}\n      - {{name: N, type: Integer}}")
    (tier, number) = parameters_of(compose_all(tmp_path, {"churn": conf}, read_manifest(repos="[{url: churn}]")))
    assert render_parameters((replace(tier, description="how\x1bmuch"), number)).splitlines() == [
        "",
        "",
        "  parameters (--parameter NAME=VALUE)",
        "  Tier  one of 'small', 'large', default 'small': how\\x1bmuch",
        "  N     Integer, needed",
    ]
    assert render_parameters(()) == ""
