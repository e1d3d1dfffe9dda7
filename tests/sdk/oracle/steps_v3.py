"""A factory with version 3 of the SDK."""

from typing import Any

from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.train.model_trainer import ModelTrainer


def build(parameters: Any, steps: Any, session: Any, role: Any, bucket: Any) -> Any:
    processor = ScriptProcessor(
        image_uri="example.com/tiny:1", command=["python3"], role=role, instance_count=1,
        instance_type=parameters["Instance"], sagemaker_session=session,
    )  # fmt: skip
    model = steps["churn-Train"].properties.ModelArtifacts.S3ModelArtifacts
    place = "/opt/ml/processing"
    given = ProcessingS3Input(
        s3_uri=model, local_path=f"{place}/input/model", s3_data_type="S3Prefix", s3_input_mode="File"
    )
    left = ProcessingS3Output(
        s3_uri=f"s3://{bucket}/tiny/churn/profile", local_path=f"{place}/output/profile", s3_upload_mode="EndOfJob"
    )
    profile = ProcessingStep(
        name="churn-Profile",
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        step_args=processor.run(
            code="profile_model.py",
            arguments=["--bins", "3"],
            inputs=[ProcessingInput(input_name="model", s3_input=given)],
            outputs=[ProcessingOutput(output_name="profile", s3_output=left)],
        ),
    )
    trainer = ModelTrainer(
        training_image="example.com/tiny:1", role=role, sagemaker_session=session, hyperparameters={"a": 1},
        source_code=SourceCode(source_dir=".", entry_script="profile_model.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
    )  # fmt: skip
    data = profile.properties.ProcessingOutputConfig.Outputs["profile"].S3Output.S3Uri
    again = TrainingStep(
        name="churn-Again",
        step_args=trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)]),
        depends_on=[steps["churn-Metrics"]],
    )
    return [profile, again]
