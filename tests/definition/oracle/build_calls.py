"""Lambda and Callback steps by version 2 of the SDK; `build_v2.py` writes what they become."""

from __future__ import annotations

from tests.definition.oracle.aws import ACCOUNT, REGION, cut_the_network

cut_the_network()

from sagemaker.lambda_helper import Lambda  # noqa: E402 - the network is cut before the SDK is there
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep  # noqa: E402
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep  # noqa: E402
from sagemaker.workflow.parameters import ParameterString  # noqa: E402
from sagemaker.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.workflow.steps import CacheConfig  # noqa: E402

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/answers"


def build() -> str:
    """Return the definition of the case `calls` of test_calls."""
    day = ParameterString("Day", default_value="monday")
    ask = LambdaStep(
        name="churn-Ask",
        lambda_func=Lambda(function_arn=f"{ARN}:ask"),
        inputs={"day": day, "number": 3, "deep": {"a": [1.5, True]}},
        outputs=[
            LambdaOutput("fresh", LambdaOutputTypeEnum.Boolean),
            LambdaOutput("rows", LambdaOutputTypeEnum.Integer),
            LambdaOutput("share", LambdaOutputTypeEnum.Float),
        ],
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
    )
    wait = CallbackStep(
        name="churn-Wait",
        sqs_queue_url=QUEUE,
        inputs={"model": "churn", "fresh": ask.properties.Outputs["fresh"]},
        outputs=[CallbackOutput("by", CallbackOutputTypeEnum.String)],
    )
    tell = LambdaStep(
        name="churn-Tell",
        lambda_func=Lambda(function_arn=f"{ARN}:tell"),
        inputs={"by": wait.properties.Outputs["by"]},
        depends_on=[ask],
    )
    return str(Pipeline(name="tiny", parameters=[day], steps=[ask, wait, tell]).definition())
