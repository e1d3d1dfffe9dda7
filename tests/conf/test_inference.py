"""What an inference conf may say, and what belongs to the other kind of pipeline: each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from tests.definition.composing import compose_graph
from tests.definition.scoring import MOUNTED, TRANSFORMED, load_scoring
from tests.tiny import CONF

SECTION = '      model: {group: churn, env: {LEVEL: "2"}, retry: 2}\n'
STEP = "          - {step_name: churn-CreateModel, step_class: CreateModel}\n"


def section(text: str) -> tuple[str, str]:
    return SECTION, SECTION + text


def model(text: str) -> tuple[str, str]:
    return SECTION, f"      model: {text}\n"


def step(text: str) -> tuple[str, str]:
    return STEP, f"{STEP}          - {text}\n"


WRONG = {
    "train": (section("      train: {image_uri: a, entry_point: score.py}\n"), "7:7: PB960 the section 'train' of the model 'churn'"),
    "registry": (section("      registry: {InferenceSpecification: {image_uri: a}}\n"), "7:7: PB960 the section 'registry'"),
    "training": (step("{step_name: T, step_class: Training, arguments: {a: b}}"), "PB960 step 'T' (Training) makes a model"),
    "raw": (step("{step_name: T, step_class: Raw, step_type: AutoML, arguments: {a: b}}"), "PB960 step 'T' (Raw)"),
    "nested": (
        step("{step_name: T, step_class: Condition, arguments: {IfSteps: [{Name: x, Type: RegisterModel}], ElseSteps: [], "
             "Conditions: []}}"),
        "PB960 step 'T' (Condition) makes a model",
    ),
    "no model": ((SECTION, ""), "3:5: PB962 step 'churn-CreateModel' (CreateModel) uses a model package, and 'churn' names none"),
    "both": (model("{group: churn, version: 3, stage: production}"), "PB204 both 'version' and 'stage' are given"),
    "version": (model("{group: churn, version: newest}"), "PB204 'version' is 'newest', expected champion, or the number of a version"),
    "zero": (model("{group: churn, version: 0}"), "PB204 'version' is 0, expected champion"),
    "group": (model("{group: a b}"), "PB204 'group' is 'a b'"),
    "no group": (model("{version: 3}"), "PB203 the key 'group' is missing"),
    "no stage": (model('{group: churn, stage: ""}'), "PB204 'stage' is empty"),
    "slashes": (section("      publish: {to: s3://b/a//c/}\n"), "PB204 'to' is 's3://b/a//c/', expected no empty name"),
    "share": (section("      publish: {to: s3://b/c/, min_rows_share: yes}\n"), "'min_rows_share' is true, expected a number"),
    "no end": (("dt=${date}", "dt=${date"), "PB931 the address has a '${' that begins no placeholder, expected ${date}"),
    "format": (("dt=${date}", "dt=${date:%Y}"), "PB931 the address"),
    "other key": (model("{group: churn, versions: 3}"), "PB202 the key 'versions' is not known here"),
    "publish": (section("      publish: {to: /scores}\n"), "PB204 'to' is '/scores', expected an s3:// address"),
    "taken": (("pipelineName: churn-scoring", "pipelineName: churn-scoring\n    parameters: [{name: LogicalDate}, {name: ModelPackage-churn}]"),
              "PB318 the parameter name 'LogicalDate' is taken"),
    "variable": (("dt=${date}", "dt=${datum}"), "PB236 the policy of 'churn' doesn't let its confs name the variable 'datum'"),
    "upper case": (("dt=${date}", "dt=${DATE}"), "hint: did you mean '${date}', of the logical date"),
    "in a name": (("step_name: churn-Score,", 'step_name: "churn-${day}",'), "PB204 'step_name' is an expression"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, name: str) -> None:
    (old, new), said = WRONG[name]
    assert old in TRANSFORMED
    with pytest.raises(InputProblems) as caught:
        load_scoring(tmp_path, TRANSFORMED.replace(old, new, 1))
    assert said in "\n".join(map(str, caught.value.problems))


def test_a_name_that_is_almost_the_dates_and_a_word_that_is_no_action_are_one_problem_each(tmp_path: Path) -> None:
    wrong = TRANSFORMED.replace("dt=${date}", "dt=${dat}").replace(
        SECTION, SECTION + "      gate: [{metric: drift.max_psi, max: 1, then: bloc}]\n"
    )
    with pytest.raises(InputProblems) as caught:
        load_scoring(tmp_path, wrong)
    action, variable = sorted(caught.value.problems, key=lambda one: one.id)
    assert "'then' is 'bloc', expected 'warn', 'block', 'retrain'" in str(action)
    assert (variable.hint or "").startswith("did you mean '${date}', of the logical date? Else: who owns the manifest")


def test_the_model_of_a_mounted_channel_is_needed_too(tmp_path: Path) -> None:
    with pytest.raises(InputProblems, match=r"3:5: PB962 step 'churn-Score' \(Processing\) uses a model package"):
        load_scoring(tmp_path, MOUNTED.replace("      model: {group: churn, stage: production}\n", ""))


IN_TRAINING = {
    "model": (("      source_directory: scripts\n", "      source_directory: scripts\n      model: {group: churn}\n"),
              "PB961 the section 'model' of the model 'churn' is about using a model"),
    "publish": (("      source_directory: scripts\n", "      source_directory: scripts\n      publish: {to: s3://b}\n"),
                "PB961 the section 'publish'"),
    "mounted": (("entry_point: preprocess.py\n", "entry_point: preprocess.py\n        model_channel: model\n"),
                "PB961 'model_channel' of 'preprocess' mounts a model package"),
    "date": (("fileName: ", "fileName: s3://b/${date}/"), "PB961 the placeholder '${date}' is the logical date"),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_TRAINING)
def test_what_is_of_an_inference_conf_is_none_of_a_training(tmp_path: Path, name: str) -> None:
    (old, new), said = IN_TRAINING[name]
    assert old in CONF
    with pytest.raises(InputProblems) as caught:
        compose_graph(tmp_path, CONF.replace(old, new, 1))
    assert said in "\n".join(map(str, caught.value.problems))


def test_sections_of_such_names_that_a_training_had_before_stay_jobs(tmp_path: Path) -> None:
    conf = CONF.replace("      preprocess:\n", "      publish:\n").replace(
        "step_type: preprocess", "step_type: publish"
    )
    assert "publish" in compose_graph(tmp_path, conf).units["churn"].jobs


def test_a_version_may_stand_in_quotes_and_a_group_be_an_arn(tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/churn"
    graph = load_scoring(tmp_path, TRANSFORMED.replace(SECTION, f'      model: {{group: "{arn}", version: "3"}}\n'))
    used = graph.units["churn"].section.used
    assert used is not None
    assert (used.group, used.number) == (arn, 3)
