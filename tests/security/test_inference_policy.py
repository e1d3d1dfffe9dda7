"""Attacks by inference confs: data and predictions of others, by the date or around it, models that aren't theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from tests.definition.scoring import TRANSFORMED
from tests.security.policing import compose_all, read_manifest

PIPELINES = "pipelines: [{name: scoring, kind: inference, config: '*/conf/conf.yaml'}]\n"
INPUT = "s3://SMP_S3BUCKETNAME/landing/dt=${date}/"
SECTION = "      quality_check:\n"


def said(root: Path, *replacements: tuple[str, str], policy: str = "") -> list[str]:
    """Return what is said of the conf, by id."""
    conf = TRANSFORMED
    for old, new in replacements:
        assert old in conf
        conf = conf.replace(old, new, 1)
    try:
        compose_all(root, {"churn": conf}, read_manifest(PIPELINES + policy, "[{url: churn}]"))
    except InputProblems as error:
        return [f"{problem.id} {problem.message}" for problem in error.problems]
    return []


def publish(to: str) -> tuple[str, str]:
    return SECTION, f"      publish: {{to: '{to}'}}\n{SECTION}"


READS = {
    "elsewhere": ("s3://elsewhere/dt=${date}/", "", True),
    "allowed": ("s3://elsewhere/in/dt=${date}/", "policy: {read: ['s3://elsewhere/in/*']}\n", False),
    "another prefix": ("s3://elsewhere/dt=${date}/", "policy: {read: ['s3://elsewhere/in/*']}\n", True),
    "only one day": ("s3://elsewhere/in/dt=${date}/", "policy: {read: ['s3://elsewhere/in/dt=2026-11-29/*']}\n", True),
    "the bucket by the date": ("s3://else${year}/x/", "policy: {read: ['s3://elsewhere/*']}\n", True),
    "our bucket": ("s3://local/any/${year}/${month}/", "", False),
}


@pytest.mark.parametrize("name", READS)
def test_an_address_with_a_date_is_held_against_the_policy(tmp_path: Path, name: str) -> None:
    address, policy, refused = READS[name]
    found = said(tmp_path, (INPUT, address), policy=policy)
    assert [text for text in found if not text.startswith("PB231 ")] == []
    assert bool(found) == refused, found


TARGETS = {
    "s3://local/scores/": "",
    "s3://local/churn-scoring/churn/published/": "",
    "s3://local/scores/${year}/": "",
    "s3://local/churn-scoring/code/": "PB233",
    "s3://local/churn-scoring/price/": "PB233",
    "s3://local/tiny/evidence/${date}/": "PB233",
    "s3://local/runs/": "PB233",
    "s3://local/": "PB233",
    "s3://elsewhere/scores/": "PB232",
    "s3://local/scores/../runs/": "PB232",
    "s3://local/landing/": "PB944",
    "s3://local/landing/dt=${date}/": "PB944",
    "s3://local/landing/dt=${date}/scores/": "PB944",
    "s3://local/landing/scores/": "",
    "s3://local/landing/dt=${year}-${month}-${day}/scores/": "PB944",
    "s3://local/landing/dt=2026-11-30/": "PB944",
    "s3://local/landing/dt=${year}/": "",
    "s3://local/churn-training/retraining/": "PB233",
    "s3://local/other/ledger/churn/": "PB233",
    "s3://local/pipeline-builder/": "PB233",
}


@pytest.mark.parametrize("to", TARGETS)
def test_predictions_are_published_where_nobody_else_is(tmp_path: Path, to: str) -> None:
    found = said(tmp_path, publish(to))
    assert [text[:5] for text in found] == ([TARGETS[to]] if TARGETS[to] else []), found


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("s3://local/scores/", True),  # where a file of the job may have any name: dt=2026-11-29/_current.json
        ("s3://local/scores/dt=2026-11-29", True),
        ("s3://local/scores/dt=${date}/run=1/", True),
        ("s3://local/scores/dt=${year}-${month}-01/", True),
        ("https://local.s3.amazonaws.com/scores/dt=2026-11-29", True),
        ("s3://local/scores-raw/", False),
        ("s3://local/scores/raw/", False),
    ],
)
def test_no_step_writes_what_readers_take_for_published(tmp_path: Path, address: str, refused: bool) -> None:
    output = f"arguments: {{TransformOutput: {{S3OutputPath: '{address}'}}}}"
    found = said(tmp_path, ("split_type: Line", f"split_type: Line\n        {output}"), publish("s3://local/scores/"))
    words = "PB896 'churn' would publish into 's3://local/scores/', where step 'churn-Score' writes: 's3://local/scores"
    assert [text for text in found if text.startswith("PB896")] == [text for text in found if text.startswith(words)]
    assert any(text.startswith(words) for text in found) == refused, found


def test_what_is_published_is_of_one_date(tmp_path: Path) -> None:
    for address, refused in (("s3://local/raw/", True), ("s3://local/raw/${year}-${month}-${day}/", False)):
        output = f"split_type: Line\n        arguments: {{TransformOutput: {{S3OutputPath: '{address}'}}}}"
        found = said(tmp_path / str(refused), ("split_type: Line", output), publish("s3://local/scores/"))
        words = "PB976 step 'churn-Score' writes what is published to 's3://local/raw/', on every date"
        assert found == [words] * refused


def test_a_bucket_of_the_policy_may_be_published_to(tmp_path: Path) -> None:
    to = publish("s3://elsewhere/scores/")
    assert said(tmp_path, to, policy="policy: {write: ['s3://elsewhere/scores/*']}\n") == []
    assert said(tmp_path / "other", to, policy="policy: {write: ['s3://elsewhere/mine/*']}\n") != []


def test_the_whole_of_what_is_read_is_no_place_to_publish_to(tmp_path: Path) -> None:
    found = said(tmp_path, (INPUT, "s3://local/landing/"), publish("s3://local/landing/scores/"))
    assert found == [
        "PB944 'churn' would publish into 's3://local/landing/scores/', and what lies there is read: 's3://local/landing/'"
    ]
    (dated,) = said(tmp_path / "dated", publish("s3://local/landing/"))
    assert dated.endswith("read: 's3://local/landing/dt=${date}/'")  # as the conf has it


def test_what_the_stages_of_any_pipeline_hand_on_is_no_place_to_publish_to(tmp_path: Path) -> None:
    """Whoever writes there runs what he likes with the role of the next stage."""
    training = "{name: training, config: '*/conf/training.yaml'}"
    several = PIPELINES.replace("[{", f"[{training}, {{")
    manifest = read_manifest(several, "[{url: churn}]").narrowed("scoring")
    for folder in ("pipeline-builder", "Pipeline-Builder-Sco/Build"):
        conf = TRANSFORMED.replace(*publish(f"s3://local/{folder}/"), 1)
        with pytest.raises(InputProblems, match="PB233 'churn' would publish to .* where the service keeps"):
            compose_all(tmp_path / folder, {"churn": conf}, manifest)


def test_no_job_writes_a_ledger_or_asks_for_a_training(tmp_path: Path) -> None:
    """What is noted there starts a training, or keeps a day from being scored."""
    for number, folder in enumerate(("tiny/retraining", "tiny/ledger/churn", "churn-scoring/ledger")):
        found = said(tmp_path / str(number), ("s3://SMP_S3BUCKETNAME/watched/${year}", f"s3://local/{folder}"))
        assert [text[:5] for text in found] == ["PB233"], found
    manifest = read_manifest(PIPELINES, "[{url: ledger}]")
    with pytest.raises(InputProblems, match="PB644 the repository 'ledger' has the name of a folder"):
        compose_all(tmp_path / "named", {"ledger": TRANSFORMED}, manifest)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{Containers: [{ModelPackageName: 'arn:aws:sagemaker:eu-west-1:111122223333:model-package/x/1'}]}", "PB231"),
        ("{Containers: [{ModelPackageName: $params.ModelPackage-price}]}", "PB317"),
        ("{PrimaryContainer: {Image: 'x:1', ModelDataUrl: 's3://elsewhere/m.tar.gz'}, Containers: null}", "PB231"),
    ],
)
def test_a_model_step_takes_no_other_package(tmp_path: Path, given: str, expected: str) -> None:
    step = "{step_name: churn-CreateModel, step_class: CreateModel}"
    found = said(tmp_path, (step, f"{step[:-1]}, arguments: {given}}}"))
    assert expected in {text[:5] for text in found}, found


def test_a_section_that_is_named_publish_makes_no_publication_of_a_training(tmp_path: Path) -> None:
    manifest = read_manifest("pipelines: [{name: training, trigger: {data: 's3://local/new/'}}]\n", "[{url: churn}]")
    conf = TRANSFORMED.replace(*publish("s3://local/new/"), 1)
    with pytest.raises(InputProblems, match="PB961 the section 'publish'"):
        compose_all(tmp_path, {"churn": conf}, manifest)
