"""Attacks by functions of handlers, and by those that call what another repository has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from tests.security.policing import compose_all, read_manifest, refusals, renamed
from tests.tiny import CONF, SCRIPTS, variant

LAST = "            step_class: RegisterModel\n"
STEP = "          - {step_name: churn-Ask, step_class: Lambda}\n"
SECTION = "      lambda:\n        entry_point: preprocess.py\n"
TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table"
assert "preprocess.py" in SCRIPTS  # any script will do: nothing is run here


def conf(section: str = "", step: str = STEP) -> str:
    return variant(("  sagemakerPipeline:\n", f"{SECTION}{section}  sagemakerPipeline:\n"), (LAST, LAST + step))


def statements(actions: str, resources: str) -> str:
    return f"        policies: [{{actions: [{actions}], resources: ['{resources}']}}]\n"


def test_its_own_function_and_queue_need_no_word_of_the_policy(tmp_path: Path) -> None:
    both = conf("      callback:\n        outputs: [by]\n", STEP + "          - {step_name: W, step_class: Callback}\n")
    assert not refusals(tmp_path, both, "policy: {read: [], write: []}\n")


@pytest.mark.parametrize(
    ("actions", "resource", "allowed", "refused"),
    [
        ("dynamodb:PutItem", f"{TABLE}/seen", "", True),
        ("dynamodb:PutItem", f"{TABLE}/seen", f"dynamodb:PutItem {TABLE}/seen", False),
        ("dynamodb:PutItem", f"{TABLE}/seen", f"dynamodb:PutItem {TABLE}/*", False),
        ("dynamodb:GetItem", f"{TABLE}/seen", f"dynamodb:PutItem {TABLE}/seen", True),
        ("dynamodb:PutItem", f"{TABLE}/*", f"dynamodb:PutItem {TABLE}/seen", True),
        ("dynamodb:PutItem", f"{TABLE}/see*", f"dynamodb:PutItem {TABLE}/see?", True),
        ("dynamodb:PutItem", f"{TABLE}/seen/more", f"dynamodb:PutItem {TABLE}/seen", True),
    ],
)
def test_a_function_has_what_the_policy_lets_it_have(
    tmp_path: Path, actions: str, resource: str, allowed: str, *, refused: bool
) -> None:
    policy = f"policy: {{statements: ['{allowed}']}}\n" if allowed else ""
    found = refusals(tmp_path, conf(statements(actions, resource)), policy)
    assert {one.id for one in found} == ({"PB872"} if refused else set())


def test_a_function_is_not_isolated(tmp_path: Path) -> None:
    found = refusals(tmp_path, conf(), "policy: {network: isolated}\n")
    assert "PB873" in {one.id for one in found}


@pytest.mark.parametrize(
    "section",
    [
        "        inputs: {smp_code: s3://elsewhere/code.tar.gz}\n",
        "        handler: os.system\n",
        statements("dynamodb:*", f"{TABLE}/seen"),
        statements("dynamodb:PutItem", "*"),
        statements("dynamodb:PutItem", f"{TABLE}/{{{{resolve:secretsmanager:db}}}}"),
        "        function: other\n",
    ],
)
def test_what_no_conf_may_say(tmp_path: Path, section: str) -> None:
    assert {one.id for one in refusals(tmp_path, conf(section), "")} == {"PB204"}


def test_another_repositorys_function_and_queue_are_not_its_own(tmp_path: Path) -> None:
    name = plain_function("churn")
    theirs = f"arn:aws:lambda:local:000000000000:function:{name}"
    price = "          - {step_name: price-Ask, step_class: Lambda, arguments: {FunctionArn: 'THEIRS', smp_code: x}}\n"
    both = conf(step=STEP) + "      price:\n        steps:\n" + price.replace("THEIRS", theirs)
    manifest = read_manifest("policy: {read: []}\n")
    with pytest.raises(InputProblems, match=f"PB231 step 'price-Ask': .* read '{theirs[:60]}"):
        compose_all(tmp_path, {"churn": both, "price": renamed(CONF)}, manifest)
    own = both.replace("price-Ask, step_class", "other-Ask, step_class").replace("      price:\n        steps:\n", "")
    assert not refusals(tmp_path / "own", own, "policy: {read: []}\n")


def plain_function(model: str) -> str:
    """Return the name of the function of a model's section `lambda`, for the pipeline-builder service."""
    whose = hashlib.sha256(f"{model}\0lambda".encode()).hexdigest()[:8]
    return f"pipeline-builder-fn-{model}-lambda-{whose}"
