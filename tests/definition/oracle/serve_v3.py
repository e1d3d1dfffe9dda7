"""Version 3 of the SDK against `serve`: `python -m tests.definition.oracle.serve_v3 URL FOLDER`; writes FOLDER/done.json.

Runs inside the SDK's environment. Whatever is asked elsewhere than on this machine ends the script.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.definition.oracle.aws import BUCKET, REGION, ROLE, believe_the_configuration, only_this_machine
from tests.definition.oracle.serve_pipeline import use, write_scripts

only_this_machine(sys.argv[1])
believe_the_configuration()

import boto3  # noqa: E402 - the network is cut before
from sagemaker.core.processing import ScriptProcessor  # noqa: E402
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output  # noqa: E402
from sagemaker.core.workflow.parameters import ParameterString  # noqa: E402
from sagemaker.core.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.mlops.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.mlops.workflow.steps import ProcessingStep  # noqa: E402

sys.excepthook = sys.__excepthook__


def make_pipeline(folder: Path) -> Pipeline:
    """Two steps, the second reads what the first has written."""
    session = PipelineSession(boto_session=boto3.Session(region_name=REGION), default_bucket=BUCKET)
    word = ParameterString(name="Word", default_value="hello")
    write_scripts(folder)
    processor = ScriptProcessor(
        image_uri="image:1",
        command=["python3"],
        role=ROLE,
        instance_count=1,
        instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    write = ProcessingStep(
        name="Write",
        step_args=processor.run(
            code=str(folder / "write.py"),
            arguments=[word],
            outputs=[
                ProcessingOutput(
                    output_name="out",
                    s3_output=ProcessingS3Output(
                        s3_uri=f"s3://{BUCKET}/by-the-sdk/out",
                        local_path="/opt/ml/processing/output",
                        s3_upload_mode="EndOfJob",
                    ),
                )
            ],
        ),
    )
    source = write.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri
    read = ProcessingStep(
        name="Read",
        step_args=processor.run(
            code=str(folder / "read.py"),
            inputs=[
                ProcessingInput(
                    input_name="word",
                    s3_input=ProcessingS3Input(
                        s3_uri=source, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix"
                    ),
                )
            ],
        ),
    )
    return Pipeline(name="by-the-sdk", parameters=[word], steps=[write, read], sagemaker_session=session)


if __name__ == "__main__":
    use(make_pipeline(Path(sys.argv[2])), Path(sys.argv[2]))
