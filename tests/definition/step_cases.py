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
CHECKS = variant(
    (
        "      registry:\n",
        """\
      quality_check: {image_uri: "example.com/monitor:1", register_new_baseline: true, channel: train}
      answers:
        image_uri: example.com/monitor:1
        check: model_quality
        dataset: s3://SMP_S3BUCKETNAME/scored/
        problem_type: Regression
        inference_attribute: _c0
        ground_truth_attribute: _c1
        supplied_baseline_statistics: s3://SMP_S3BUCKETNAME/before/statistics.json
        supplied_baseline_constraints: s3://SMP_S3BUCKETNAME/before/constraints.json
      clarify_check: &bias
        image_uri: example.com/clarify:1
        dataset: s3://SMP_S3BUCKETNAME/train/
        label: y
        headers: [y, a, b]
        label_values: [1]
        facets: [{name: a, values: [0.5]}]
        skip_check: $params.first
      model_bias: {<<: *bias, check: model_bias, skip_check: false, predictor: {accept_type: text/csv, content_type: text/csv}, probability_threshold: 0.8}
      shap:
        image_uri: example.com/clarify:1
        check: explainability
        dataset: s3://SMP_S3BUCKETNAME/train/
        label: y
        headers: [y, a, b]
        shap: {baseline: [[1, 2]], num_samples: 5, agg_method: mean_abs}
        predictor: {accept_type: text/csv, content_type: text/csv}
      registry:
""",
    ),
    (
        REGISTER,
        REGISTER
        + """\
          - {step_name: churn-Data, step_class: QualityCheck, chain_input_source_step: churn-Preprocess, enable_cache: true}
          - {step_name: churn-Answers, step_class: QualityCheck, step_type: answers}
          - {step_name: churn-Bias, step_class: ClarifyCheck}
          - {step_name: churn-ModelBias, step_class: ClarifyCheck, step_type: model_bias}
          - {step_name: churn-Shap, step_class: ClarifyCheck, step_type: shap}
    parameters: [{name: first, type: Boolean, default: false}]
""",
    ),
)
ANALYTICS = variant(
    (
        "      registry:\n",
        """\
      emr: {cluster_id: j-1ABC, jar: command-runner.jar, args: [spark-submit, "s3://SMP_S3BUCKETNAME/job.py"], properties: {a: 1}}
      cluster:
        cluster:
          ReleaseLabel: emr-6.15.0
          Instances: {InstanceGroups: [{InstanceRole: MASTER, InstanceType: m5.xlarge, InstanceCount: 1}]}
          JobFlowRole: EMR_EC2_DefaultRole
          ServiceRole: EMR_DefaultRole
        jar: s3://SMP_S3BUCKETNAME/job.jar
        main_class: Main
      emr_serverless: {application_id: 00abc, entry_point: "s3://SMP_S3BUCKETNAME/job.py", args: {day: $params.day}, max_runtime_minutes: 30}
      automl: {target: y, problem_type: BinaryClassification, objective: F1, channel: train, max_candidates: 5}
      notebook: {image_uri: "example.com/studio:1", notebook: report.ipynb, folder: "s3://SMP_S3BUCKETNAME/notebooks", parameters: {day: $params.day}, retry: 2}
      registry:
""",
    ),
    (
        REGISTER,
        REGISTER
        + """\
          - {step_name: churn-Crunch, step_class: EMR, depends_on: churn-Preprocess}
          - {step_name: churn-Cluster, step_class: EMR, step_type: cluster, enable_cache: true}
          - {step_name: churn-Spark, step_class: EMRServerless}
          - {step_name: churn-Auto, step_class: AutoML, chain_input_source_step: churn-Preprocess}
          - {step_name: churn-Report, step_class: NotebookJob}
    parameters: [{name: day, default: "2026-01-01"}]
""",
    ),
)
