"""Detours around the policy: an address, a key, a model or an image that is only what it is when all is put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.definition.policy.addresses import Written, check_nesting
from pipeline_builder.errors import InputProblems, Place
from tests.security.policing import (
    NAME,
    TRAIN,
    TRANSFORM,
    arguments,
    compose_all,
    parameter,
    read_manifest,
    refusals,
    renamed,
    with_price,
)
from tests.tiny import CONF, variant

_PREPROCESS = "        entry_point: preprocess.py\n"
_METRICS = "            chain_input_source_step: [churn-Transform, churn-Preprocess]\n"


def get(path: str) -> str:
    return f'{{"Get": "{path}"}}'


def join(*parts: str, on: str = "") -> str:
    return f'{{"Std:Join": {{"On": "{on}", "Values": [{", ".join(parts)}]}}}}'


def written_to(address: str) -> str:
    """Return the tiny conf whose training job writes its model to an address."""
    return arguments(f"{{OutputDataConfig: {{S3OutputPath: {address}}}}}")


def ids(conf: str, folder: Path, policy: str = "") -> set[str]:
    return {problem.id for problem in refusals(folder, conf, policy)}


@pytest.mark.parametrize(
    "address",
    [
        join("'s3://local'", get("Execution.PipelineName"), "price/x", on="/"),
        join("'s3://local'", get("Execution.PipelineName"), on="/"),
        join("'s3://local'", get("Execution.PipelineName"), "code", on="/"),
        join("'s3://local/ru'", "'ns/x'"),
        join("'s3://local/t'", join("'iny'", "'price'", on="/")),
        "'https://s3.amazonaws.com/local/tiny%2Fprice/x'",
        "'https://local.s3.eu-west-1.amazonaws.com/%74iny/code'",
        "'s3://local/run\u017f/x'",
        "'s3://local/evidence//x'",
    ],
)
def test_no_address_that_is_anothers_only_when_it_is_put_together(tmp_path: Path, address: str) -> None:
    assert ids(written_to(address), tmp_path, "policy: {write: ['s3://local/']}\n") == {"PB233"}


def test_no_address_out_of_two_parameters(tmp_path: Path) -> None:
    conf = variant(
        (
            TRAIN,
            TRAIN + f"        arguments: {{OutputDataConfig: {{S3OutputPath: {join('$params.a', '$params.b')}}}}}\n",
        ),
        (NAME, NAME + "    parameters: [{name: a, default: 's3://local/ti'}, {name: b, default: ny/price}]\n"),
    )
    assert ids(conf, tmp_path) == {"PB233"}


@pytest.mark.parametrize(
    "address",
    [
        join("'s3://local'", get("Execution.PipelineName"), "churn", "x", on="/"),
        join("'s3://local/mine'", get("Execution.StartDateTime"), on="/"),
        "'https://s3.amazonaws.com/local/mine%20too/x'",
    ],
)
def test_an_address_that_is_nobodys_or_its_own_when_it_is_put_together(tmp_path: Path, address: str) -> None:
    assert ids(written_to(address), tmp_path) == set()


@pytest.mark.parametrize(
    ("rest", "allowed"), [("-payroll/m", False), ("2", False), ("/m", True), ("", True), ("/", True)]
)
def test_what_is_beside_another_steps_output_isnt_that_output(tmp_path: Path, rest: str, allowed: bool) -> None:
    """The policy lets it write to a folder of another bucket: that is no word about the folder's neighbours."""
    output = get("Steps.churn-Preprocess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")
    source = f"S3Uri: {join(output, repr(rest))}, LocalPath: /opt/ml/processing/q, S3DataType: S3Prefix"
    given = f"{{ProcessingInputs: [{{InputName: q, S3Input: {{{source}, S3InputMode: File}}}}]}}"
    conf = variant(
        (_METRICS, f"{_METRICS}            arguments: {given}\n"),
        (
            _PREPROCESS,
            f"{_PREPROCESS}        arguments: {{ProcessingOutputConfig: {{Outputs: [{{OutputName: train, "
            "S3Output: {S3Uri: 's3://elsewhere/team'}}]}}\n",
        ),
    )
    found = ids(conf, tmp_path, "policy: {write: ['s3://elsewhere/team']}\n")
    assert found == (set() if allowed else {"PB231"})


@pytest.mark.parametrize("key", ["''", "' '"])
def test_a_key_that_is_empty_is_none(tmp_path: Path, key: str) -> None:
    use = "arguments: {ResourceConfig: {VolumeKmsKeyId: $params.p}}"
    found = refusals(tmp_path, parameter(f", default: {key}", use), "policy: {encryption: required}\n")
    assert "ResourceConfig.VolumeKmsKeyId" in " ".join(p.message for p in found if "churn-Train" in p.message)
    # An empty text is no parameter's value either, and a space is no key.
    assert {problem.id for problem in found} - {"PB405", "PB414"} == {"PB243"}


@pytest.mark.parametrize(
    ("images", "refused"), [("['example.com/*']", True), ("['*']", False), ("['example.com/*', ours]", False)]
)
def test_an_algorithm_by_its_name_has_an_image_as_well(tmp_path: Path, images: str, refused: bool) -> None:
    conf = arguments("{AlgorithmSpecification: {AlgorithmName: ours, TrainingImage: null}}")
    assert ids(conf, tmp_path, f"policy: {{images: {images}}}\n") == ({"PB239"} if refused else set())


def _running(model: str) -> str:
    return variant((TRANSFORM, f"{TRANSFORM}        arguments: {{ModelName: {model}}}\n"))


def test_no_model_that_nobodys_step_has_made(tmp_path: Path) -> None:
    """A transform job runs as the role of its model, whoever starts it."""
    (problem,) = refusals(tmp_path, _running("price-live"))
    assert (problem.id, str(problem.place)) == ("PB231", "churn@1f3c9ab:conf/conf.yaml:22:32")
    assert "read: ['arn:aws:sagemaker:local:000000000000:model/price-live']" in (problem.hint or "")
    policy = "policy: {read: ['arn:aws:sagemaker:*:*:model/price-*']}\n"
    assert refusals(tmp_path, _running("price-live"), policy) == ()
    assert ids(_running(get("Steps.churn-Preprocess.ExitMessage")), tmp_path / "2") == {"PB231"}


def test_no_model_of_another_repositorys_step(tmp_path: Path) -> None:
    made = "          - step_name: price-CreateModel\n            step_class: CreateModel\n"
    first = "          - step_name: price-Register\n"
    conf = with_price(_running(get("Steps.price-CreateModel.ModelName"))).replace(first, made + first)
    manifest = read_manifest()
    with pytest.raises(InputProblems) as caught:
        compose_all(tmp_path, {"churn": conf, "price": renamed(CONF)}, manifest)
    (problem,) = caught.value.problems
    assert (problem.id, problem.message.endswith("of 'price', as that repository's role")) == ("PB231", True)


@pytest.mark.parametrize("rule", ["write: ['s3://b/${TEAM}']", "images: '${REGISTRY}/*'", "groups: ['${TEAM}']"])
def test_a_policy_says_nothing_with_placeholders_that_nothing_fills(rule: str) -> None:
    with pytest.raises(InputProblems) as caught:
        read_manifest(f"policy: {{{rule}}}\n")
    assert caught.value.problems[0].id == "PB104"
    assert "SMP_*" in caught.value.problems[0].message


def _nested(*addresses: tuple[str, str]) -> list[str]:
    place = Place("conf.yaml", 1, 1)
    written = [
        Written(address=one, repo=repo, step=f"{repo}-{at}", place=place) for at, (repo, one) in enumerate(addresses)
    ]
    return [problem.message.split("'")[1] for problem in check_nesting(written)]


def test_prefixes_in_each_other_are_said_for_each_step_and_not_for_each_pair() -> None:
    """Pairs of 3,000 steps would be millions of problems."""
    many = [(f"r{number}", "s3://local/shared" + "/x" * (number % 20)) for number in range(3000)]
    assert len(_nested(*many)) == 2999


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        # Other characters sort before the slash.
        ([("a", "s3://b/x"), ("b", "s3://b/x-y"), ("c", "s3://b/x!"), ("d", "s3://b/x/y")], ["d-3"]),
        ([("a", "s3://b/x"), ("a", "s3://b/x/y"), ("b", "s3://b/x/y/z/")], ["b-2"]),
        ([("a", "s3://b/x/"), ("b", "s3://b/x")], ["b-1"]),
        ([("a", "s3://b/x"), ("a", "s3://b/x"), ("a", "s3://b/x/y")], []),
        ([("a", "s3://b/x"), ("b", "s3://b/x"), ("b", "s3://b/x/y"), ("a", "s3://b/x/z")], ["b-1", "b-2", "a-3"]),
        ([("a", "s3://b/x"), ("b", "s3://b/x2")], []),
    ],
)
def test_which_prefixes_are_in_each_other(addresses: list[tuple[str, str]], said: list[str]) -> None:
    assert _nested(*addresses) == said
