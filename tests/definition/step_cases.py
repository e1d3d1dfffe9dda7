"""Cases of the golden definitions for the step classes that run no script of the model's."""

from __future__ import annotations

from tests.tiny import variant

REGISTER = "          - step_name: churn-Register\n            step_class: RegisterModel\n"
CONTAINERS = variant(
    (
        "      registry:\n",
        """\
      scale:
        image_uri: example.com/tiny:1
        entry_point: scale.py
      registry:
        containers:
          - {step: churn-Scale, image_uri: "example.com/scaler:1", entry_point: scaler.py, env: {LEVEL: 2}}
          - {}
          - {model_data_uri: s3://SMP_S3BUCKETNAME/models/last.tar.gz, arguments: {Environment: {LAST: "1"}}}
""",
    ),
    (
        "          - step_name: churn-CreateModel\n",
        "          - {step_name: churn-Scale, step_class: Training, step_type: scale}\n"
        "          - step_name: churn-CreateModel\n",
    ),
)
CONDITION = variant(
    (
        REGISTER,
        REGISTER
        + """\
          - step_name: churn-Decide
            step_class: Condition
            conditions:
              - {metric: regression_metrics.mae.value, at_least: 0.1, less_than: $params.bound}
              - {metric: a.b, of: churn-Metrics, file: model_evaluation_metrics, at_most: {parameter: bound}}
              - {parameter: mode, in: [full, fast]}
              - not: {value: $params.mode, is: none}
              - any:
                  - {variable: PipelineName, is: tiny}
                  - {property: ProcessingJobStatus, of: churn-Preprocess, is: Completed}
              - {value: {Get: Parameters.bound}, more_than: 1}
            if: [churn-Register]
            else: churn-Blocked
          - step_name: churn-Blocked
            step_class: Fail
            message: ["mae is ", {metric: regression_metrics.mae.value}, ", mode $params.mode of ", {variable: PipelineName}]
    parameters:
      - {name: bound, type: Float, default: 2.5}
      - {name: mode, default: full}
""",
    )
)
