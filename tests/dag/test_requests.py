"""What an execution has read and written is told by its definition's bytes, its parameters and its name."""

from __future__ import annotations

import json

from pipeline_builder.dag.requests import Ran, inputs_of, outputs_of, read_ran, request_of

OUTPUT = {"Std:Join": {"On": "/", "Values": ["s3://b/p", {"Get": "Execution.PipelineExecutionId"}, "First/out"]}}
STEPS = [
    {
        "Name": "First",
        "Type": "Processing",
        "Arguments": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": OUTPUT}}]}},
    },
    {
        "Name": "Second",
        "Type": "Transform",
        "Arguments": {
            "ModelName": {"Get": "Steps.Model.ModelName"},
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": {"Get": "Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"},
                    }
                }
            },
            "TransformOutput": {
                "S3OutputPath": {"Std:Join": {"On": "", "Values": ["s3://b/", {"Get": "Parameters.Day"}, "/x"]}}
            },
        },
    },
]
DEFINITION = json.dumps(
    {"Parameters": [{"Name": "Day", "Type": "String", "DefaultValue": "d"}], "Steps": STEPS}
).encode()


def test_requests_of_steps_that_this_and_another_execution_have_run() -> None:
    own = read_ran(DEFINITION, {"Day": "2026-11-29"}, "arn:x/execution/own")
    source = read_ran(DEFINITION, {}, "arn:x/execution/source")

    def ran(step: str) -> Ran:
        return source if step == "First" else own

    assert outputs_of("First", ran) == {"out": "s3://b/p/source/First/out"}
    assert outputs_of("Second", ran) == {"": "s3://b/2026-11-29/x"}
    assert outputs_of("Second", lambda _: source) == {"": "s3://b/d/x"}
    assert [*inputs_of("Second", ran)] == [("", "s3://b/p/source/First/out", "S3Prefix")]
    request = request_of("Second", ran)
    assert isinstance(request, dict)
    assert request["ModelName"] is None  # which only the step's result tells
    assert outputs_of("None", ran) == {}
