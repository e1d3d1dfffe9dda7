"""Returns the steps that the SageMaker SDK makes: a profile of the districts that the model is trained on."""

from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.steps import CacheConfig, ProcessingStep

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def build(steps, session, role):
    """Return the step: it reads what pca-Preprocess writes."""
    districts = steps["pca-Preprocess"].properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        role=role,
        instance_count=1,
        instance_type="ml.m5.large",
        volume_size_in_gb=10,
        max_runtime_in_seconds=1800,
        sagemaker_session=session,
    )
    return ProcessingStep(
        name="pca-Profile",
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        step_args=processor.run(
            code="profile_districts.py",
            inputs=[ProcessingInput(source=districts, destination="/opt/ml/processing/input/train")],
            outputs=[ProcessingOutput(output_name="profile", source="/opt/ml/processing/output/profile")],
        ),
    )
