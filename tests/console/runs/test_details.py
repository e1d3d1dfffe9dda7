"""What a request says, whatever its type."""

from __future__ import annotations

from typing import Any

from pipeline_builder.console.runs.details import details_of

PROCESSING: dict[str, Any] = {
    "AppSpecification": {
        "ImageUri": "example.com/tiny:1",
        "ContainerEntrypoint": ["python3", "run.py"],
        "ContainerArguments": ["--data", "s3://given/by-hand"],
    },
    "Environment": {"ROWS": "5"},
    "ProcessingInputs": [
        {"InputName": "raw", "S3Input": {"S3Uri": "s3://b/raw", "LocalPath": "/opt/ml/processing/input/raw"}}
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train", "LocalPath": "/opt/ml/processing/output"}}
        ]
    },
}
TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "example.com/train:1"},
    "HyperParameters": {"depth": "3", "sagemaker_submit_directory": '"s3://b/code.tar.gz"'},
    "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}}],
    "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
    "CheckpointConfig": {"S3Uri": "s3://b/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
}
PACKAGE: dict[str, Any] = {
    "InferenceSpecification": {"Containers": [{"Image": "i1", "ModelDataUrl": "s3://b/model.tar.gz"}, {"Image": "i2"}]},
    "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://b/evaluation.json", "ContentType": "a/json"}}},
}


def said(request: Any, result: Any = None) -> list[tuple[str, str, str]]:
    found = details_of(request, result)
    return [("reads", one.name, one.uri) for one in found.reads] + [
        ("writes", one.name, one.uri) for one in found.writes
    ]


def test_a_processing_job() -> None:
    found = details_of(PROCESSING)
    assert found.images == ("example.com/tiny:1",)
    assert found.command == ("python3", "run.py", "--data", "s3://given/by-hand")
    assert found.variables == (("Environment", "ROWS", "5"),)
    assert said(PROCESSING) == [
        ("reads", "AppSpecification.ContainerArguments", "s3://given/by-hand"),
        ("reads", "raw", "s3://b/raw"),
        ("writes", "train", "s3://b/train"),
    ]
    assert [one.path for one in found.reads] == ["", "/opt/ml/processing/input/raw"]


def test_a_training_and_what_it_made() -> None:
    made = {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/models/job/output/model.tar.gz"}}
    assert said(TRAINING, made) == [
        ("reads", "HyperParameters.sagemaker_submit_directory", "s3://b/code.tar.gz"),
        ("reads", "train", "s3://b/train"),
        ("writes", "OutputDataConfig", "s3://b/models"),
        ("writes", "CheckpointConfig", "s3://b/checkpoints"),
        ("writes", "ModelArtifacts", "s3://b/models/job/output/model.tar.gz"),
    ]
    assert details_of(TRAINING).reads[1].path == "/opt/ml/input/data/train"


def test_a_package() -> None:
    assert details_of(PACKAGE).images == ("i1", "i2")
    assert said(PACKAGE) == [
        ("reads", "Containers.ModelDataUrl", "s3://b/model.tar.gz"),
        ("reads", "ModelQuality.Statistics", "s3://b/evaluation.json"),
    ]


def test_what_the_definition_has_before_it_is_resolved() -> None:
    written = {
        "ProcessingInputs": [{"InputName": "x", "S3Input": {"S3Uri": {"Get": "Steps.A.Out"}, "LocalPath": "/p"}}],
        "AppSpecification": {"ImageUri": {"Get": "Parameters.Image"}},
    }
    assert said(written) == []
    assert said(None) == said([]) == said("s3") == []
