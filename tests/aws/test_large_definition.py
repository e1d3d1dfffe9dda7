"""A definition over the inline limit goes to SageMaker by S3, under an address of its content."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

import pytest

from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.pipelines import INLINE, SageMakerPipelines
from pipeline_builder.aws.settings import PipelineSettings
from pipeline_builder.aws.store import S3Store
from pipeline_builder.canonical import canonical


class Account:
    """An account with room for one pipeline: what the calls of `put_pipeline` need, and a record of them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: list[dict[str, Any]] = []

    def call(self, _service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        match operation:
            case "describe_pipeline" if not self.written:
                raise NotFoundError
            case "describe_pipeline":
                written = self.written[-1]
                named = {key: written[key] for key in ("RoleArn", "PipelineDescription")}
                return {**self._definition(written), **named, "PipelineArn": "arn:p"}
            case "create_pipeline" | "update_pipeline":
                self._definition(arguments)
                self.written.append(arguments)
            case "put_object":
                self.objects[f"{arguments['Bucket']}/{arguments['Key']}"] = arguments["Body"]
        return {}

    def _definition(self, arguments: dict[str, Any]) -> dict[str, str]:
        """Return what was written, read at once from where it was said to be: it has to be there before."""
        place = arguments.get("PipelineDefinitionS3Location")
        text = (
            self.objects[f"{place['Bucket']}/{place['ObjectKey']}"].decode()
            if place
            else arguments["PipelineDefinition"]
        )
        return {"PipelineDefinition": text}


def definition_of(length: int) -> bytes:
    empty = canonical({"Steps": [], "Text": ""})
    return canonical({"Steps": [], "Text": "x" * (length - len(empty))})


@pytest.mark.parametrize(("length", "by_s3"), [(INLINE, False), (INLINE + 1, True)])
def test_the_limit_decides(length: int, by_s3: bool) -> None:
    account, content = Account(), definition_of(length)
    assert len(content) == length
    aws = cast("Aws", account)
    pipelines = SageMakerPipelines(aws, S3Store(aws), PipelineSettings(role="arn:role", bucket="bucket"))
    deployed = pipelines.put_pipeline("many", content)
    assert json.loads(deployed.definition) == json.loads(content)
    (written,) = account.written
    digest = hashlib.sha256(content).hexdigest()
    place = {"Bucket": "bucket", "ObjectKey": f"many/definitions/{digest}.json"}
    assert written.get("PipelineDefinitionS3Location") == (place if by_s3 else None)
    assert ("PipelineDefinition" in written) != by_s3
    assert list(account.objects) == [f"bucket/many/definitions/{digest}.json"]  # drift is compared with it
    pipelines.put_pipeline("many", content)
    assert len(account.written) == 1
