"""Models by boto3 over HTTP, and transforms that take them by their names."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.serving import ROLE, Served, refused, serving

PROGRAM = """
def model_fn(model_dir):
    return open(f"{model_dir}/weights").read()
def transform_fn(model, body, content_type, accept):
    return f"{model}:{body}", accept
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("models")) as found:
        found.engine.store.put("s3://local/in/a.csv", b"1\n")
        for name in ("one", "two"):
            found.engine.store.put(f"s3://local/{name}.tar.gz", archive(weights=name, **{"code/inference.py": PROGRAM}))
        yield found


def archive(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def container(name: str, **more: Any) -> dict[str, Any]:
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    return {"Image": "image:1", "ModelDataUrl": f"s3://local/{name}.tar.gz", "Environment": environment, **more}


def transform(model: Any, output: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://local/in/"}}
    request = {
        "ModelName": model,
        "TransformInput": {"DataSource": source, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://local/{output}", "Accept": "text/csv"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    return {"Name": "T", "Type": "Transform", "Arguments": request}


def test_a_model_that_somebody_makes(served: Served) -> None:
    client = served.sagemaker
    tags = [{"Key": "team", "Value": "churn"}]
    arn = client.create_model(ModelName="by-hand", PrimaryContainer=container("one"), ExecutionRoleArn=ROLE, Tags=tags)[
        "ModelArn"
    ]
    found = client.describe_model(ModelName="by-hand")
    assert (found["ModelArn"], found["PrimaryContainer"]["ModelDataUrl"]) == (arn, "s3://local/one.tar.gz")
    assert client.list_tags(ResourceArn=arn)["Tags"] == tags
    assert "by-hand" in [model["ModelName"] for model in client.list_models()["Models"]]
    with refused("ValidationException", f'Cannot create already existing model "{arn}"'):
        client.create_model(ModelName="by-hand", PrimaryContainer=container("two"), ExecutionRoleArn=ROLE)
    client.delete_model(ModelName="by-hand")
    with refused("ValidationException", "Could not find"):
        client.delete_model(ModelName="by-hand")
    with refused("ValidationException", "Could not find the requested model"):
        client.describe_model(ModelName="by-hand")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"PrimaryContainer": container("none")}, "there is no model artifact at 's3://local/none.tar.gz'"),
        ({}, "the model has no container"),
        ({"PrimaryContainer": container("one"), "Containers": [container("two")]}, "both 'PrimaryContainer' and"),
        ({"PrimaryContainer": {"ModelPackageName": "g/1"}}, "there is no model package 'g/1'"),
    ],
)
def test_what_is_no_model(served: Served, request_: dict[str, Any], message: str) -> None:
    with refused("ValidationException", message):
        served.sagemaker.create_model(ModelName="no-model", ExecutionRoleArn=ROLE, **request_)
    assert "no-model" not in [model["ModelName"] for model in served.sagemaker.list_models()["Models"]]


def pipeline(served: Served, name: str, *steps: dict[str, Any], parameters: tuple[str, ...] = ()) -> None:
    declared = [{"Name": parameter, "Type": "String"} for parameter in parameters]
    served.create(name, json.dumps({"Version": "2020-12-01", "Parameters": declared, "Steps": steps}).encode())


@pytest.mark.long
def test_transforms_take_models_by_name(served: Served) -> None:
    served.sagemaker.create_model(
        ModelName="chain", Containers=[container("one"), container("two")], ExecutionRoleArn=ROLE
    )
    made = {"PrimaryContainer": container("two"), "ExecutionRoleArn": ROLE}
    pipeline(served, "Makes", {"Name": "M", "Type": "Model", "Arguments": made})
    served.end(served.start("Makes"))
    [other] = [m["ModelName"] for m in served.sagemaker.list_models(NameContains="pipelines-")["Models"]]
    pipeline(served, "Uses", transform({"Get": "Parameters.Model"}, "out"), parameters=("Model",))
    for model, expected in (("chain", b"two:one:1\n"), (other, b"two:1\n")):
        parameters = [{"Name": "Model", "Value": model}]
        ended = served.end(served.start("Uses", PipelineParameters=parameters))
        assert ended["PipelineExecutionStatus"] == "Succeeded", ended
        assert served.engine.store.get("s3://local/out/a.csv.out") == expected
    with refused("ValidationException", "there is no model 'nobodys'"):
        served.start("Uses", PipelineParameters=[{"Name": "Model", "Value": "nobodys"}])


@pytest.mark.long
def test_a_model_of_a_package_of_before(served: Served) -> None:
    client = served.sagemaker
    client.create_model_package_group(ModelPackageGroupName="churn")
    specification = {
        "Containers": [container("one"), container("two")],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    arn = client.create_model_package(ModelPackageGroupName="churn", InferenceSpecification=specification)[
        "ModelPackageArn"
    ]
    made = {"PrimaryContainer": {"ModelPackageName": {"Get": "Parameters.Package"}}, "ExecutionRoleArn": ROLE}
    model = {"Name": "M", "Type": "Model", "Arguments": made}
    pipeline(served, "OfPackage", model, transform({"Get": "Steps.M.ModelName"}, "of"), parameters=("Package",))
    for name in (arn, "churn/1"):
        ended = served.end(served.start("OfPackage", PipelineParameters=[{"Name": "Package", "Value": name}]))
        assert ended["PipelineExecutionStatus"] == "Succeeded", ended
        assert served.engine.store.get("s3://local/of/a.csv.out") == b"two:one:1\n"
    for name in ("churn/2", "churn", arn.replace("000000000000", "123456789012")):
        with refused("ValidationException", f"there is no model package '{name}'"):
            served.start("OfPackage", PipelineParameters=[{"Name": "Package", "Value": name}])
