"""A factory with version 2 of the SDK."""

from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep


def build(parameters: Any, steps: Any, session: Any, role: Any) -> Any:
    common = {"role": role, "instance_count": 1, "image_uri": "example.com/tiny:1", "sagemaker_session": session}
    processor = ScriptProcessor(command=["python3"], instance_type=parameters["Instance"], **common)
    model = steps["churn-Train"].properties.ModelArtifacts.S3ModelArtifacts
    profile = ProcessingStep(
        name="churn-Profile",
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        step_args=processor.run(
            code="profile_model.py",
            arguments=["--bins", "3"],
            inputs=[ProcessingInput(source=model, destination="/opt/ml/processing/input/model")],
            outputs=[ProcessingOutput(output_name="profile", source="/opt/ml/processing/output/profile")],
        ),
    )
    estimator = Estimator(
        instance_type="ml.m5.large", entry_point="profile_model.py", source_dir=".", hyperparameters={"a": 1}, **common
    )
    data = profile.properties.ProcessingOutputConfig.Outputs["profile"].S3Output.S3Uri
    again = TrainingStep(
        name="churn-Again", step_args=estimator.fit({"train": TrainingInput(data)}), depends_on=[steps["churn-Metrics"]]
    )
    return [profile, again]
