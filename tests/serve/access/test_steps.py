"""What a job of the SDK's `@step` may read: the function that it runs, and the results that it is handed."""

from __future__ import annotations

from typing import Any

from pipeline_builder.serve.access.steps import StepKey, step_key
from pipeline_builder.target import Calling

EXECUTION = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p/execution/now1"
ROOT = "s3://bucket/prefix/p"


THEN = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p/execution/then2"


def key_of(output: str, *arguments: str, taken: tuple[str, ...] = ()) -> StepKey:
    request: dict[str, Any] = {
        "AlgorithmSpecification": {"ContainerArguments": ["--s3_base_uri", ROOT, *arguments]},
        "OutputDataConfig": {"S3OutputPath": output},
    }
    job = "arn:aws:sagemaker:us-east-1:000000000000:training-job/pipelines-now1-sum"
    return step_key(Calling(execution=EXECUTION, step="sum-1", job=job, request=request, taken=taken))


def test_the_function_lies_beside_the_results() -> None:
    key = key_of(f"{ROOT}/now1/sum-1/results")
    assert key.may_read("bucket", "prefix/p/sum-1/2026-11-29/function/metadata.json")
    assert key.may_read("bucket", "prefix/p/now1/generator-1/results/payload.pkl")
    assert key.may_write("bucket", "prefix/p/now1/sum-1/exception/payload.pkl")
    assert not key.may_write("bucket", "prefix/p/now1/generator-1/results/payload.pkl")
    assert not key.may_read("bucket", "prefix/p/then2/generator-1/results/payload.pkl")
    assert not key.may_read("bucket", "prefix/other/sum-1/function/metadata.json")


def test_results_that_were_taken_from_another_execution_are_read_where_they_are_handed_over() -> None:
    handed = f"{ROOT}/then2/generator-1/results"
    key = key_of(
        f"{ROOT}/now1/sum-1/results",
        "--then2",
        handed,
        "s3://bucket/prefix/other/then2/generator-1/results",
        taken=(THEN,),
    )
    assert not key_of(f"{ROOT}/now1/sum-1/results", handed).may_read("bucket", f"{handed[12:]}/payload.pkl")
    assert key.may_read("bucket", "prefix/p/then2/generator-1/results/payload.pkl")
    assert not key.may_write("bucket", "prefix/p/then2/generator-1/results/payload.pkl")
    assert not key.may_read("bucket", "prefix/p/then2/other-1/results/payload.pkl")
    assert not key.may_read("bucket", "prefix/other/then2/generator-1/results/payload.pkl")


def test_an_output_of_another_form_opens_nothing_above_it() -> None:
    key = key_of("s3://bucket/now1/sum-1/results")
    assert not key.may_read("bucket", "other/anything")
    key = key_of(f"{ROOT}/then2/sum-1/results")
    assert not key.may_read("bucket", "prefix/p/sum-1/function/metadata.json")


def test_an_address_that_arguments_name_counts_just_above_the_results_only() -> None:
    arguments = {"AlgorithmSpecification": {"ContainerArguments": ["--s3_base_uri", "s3://bucket/prefix"]}}
    request = {**arguments, "OutputDataConfig": {"S3OutputPath": f"{ROOT}/now1/sum-1/results"}}
    key = step_key(Calling(execution=EXECUTION, step="sum-1", job="arn:x:training-job/job", request=request))
    assert key.may_write("bucket", "prefix/p/now1/sum-1/results/payload.pkl")
    assert not key.may_write("bucket", "prefix/now1/sum-1/results/payload.pkl")
    assert not key.may_read("bucket", "prefix/sum-1/2026/function/payload.pkl")


def test_a_job_that_is_no_step_s_has_a_folder_of_its_own_whatever_it_is_called() -> None:
    request = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/models/churn"}}
    key = step_key(Calling(execution="", step="models", job="arn:x:training-job/models", request=request))
    assert key.may_write("bucket", "models/churn/models/output/model.tar.gz")
    assert not key.may_write("bucket", "models/churn/other/output/model.tar.gz")
