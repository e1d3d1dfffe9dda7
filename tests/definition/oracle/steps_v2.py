"""The DAGs of `step_cases.py` with version 2 of the SDK; `build_v2.py` has them among its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.definition.oracle.aws import BUCKET, ROLE

from tests.definition.oracle.unit_v2 import SESSION, Unit, closed  # isort: skip # it cuts the network

from sagemaker.automl.automl import AutoML, AutoMLInput
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig, SHAPConfig
from sagemaker.drift_check_baselines import DriftCheckBaselines
from sagemaker.estimator import Estimator
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.model_monitor import DatasetFormat
from sagemaker.model_monitor.clarify_model_monitoring import ClarifyModelMonitor
from sagemaker.pipeline import PipelineModel
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.workflow import clarify_check_step
from sagemaker.workflow.automl_step import AutoMLStep
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import (
    ClarifyCheckStep,
    DataBiasCheckConfig,
    ModelBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterString
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, ModelQualityCheckConfig, QualityCheckStep
from sagemaker.workflow.steps import CacheConfig, TrainingStep


class Several(Unit):
    """A unit whose model is a pipeline of three containers."""

    def steps(self) -> list[Any]:
        scale = Estimator(
            image_uri=self.image,
            role=ROLE,
            instance_count=1,
            instance_type=self.instance,
            volume_size=32,
            max_run=3000,
            output_path=self.own("churn-Scale"),
            entry_point="scale.py",
            source_dir=self.source,
            sagemaker_session=SESSION,
        )
        self.scale_step = TrainingStep(name="churn-Scale", step_args=scale.fit())
        return [self.scale_step, *super().steps()]

    def _model_step(self) -> Any:
        return ModelStep(name="churn-CreateModel", step_args=self._model().create(self.instance))

    def _model(self) -> Any:
        common = {"role": ROLE, "framework_version": "1.2-1", "sagemaker_session": SESSION}
        scaler = SKLearnModel(
            image_uri="example.com/scaler:1",
            model_data=self.scale_step.properties.ModelArtifacts.S3ModelArtifacts,
            entry_point="scaler.py",
            source_dir=self.source,
            env={"LEVEL": "2"},
            **common,
        )
        last = Model(
            image_uri=self.image,
            model_data=f"s3://{BUCKET}/models/last.tar.gz",
            env={"LAST": "1"},
            role=ROLE,
            sagemaker_session=SESSION,
        )
        return PipelineModel(models=[scaler, super()._model(), last], role=ROLE, sagemaker_session=SESSION)


def condition(source: str) -> tuple[Unit, list[Any], list[Any]]:
    """Return the unit, its steps and the parameters of the case `condition`."""
    bound, mode = ParameterFloat(name="bound", default_value=2.5), ParameterString(name="mode", default_value="full")
    unit = Unit(name="churn", pipeline="tiny", source=source)
    *before, register = unit.steps()

    def value(path: str) -> Any:
        return JsonGet(step_name="churn-Metrics", property_file=unit.report, json_path=path)

    mae = value("regression_metrics.mae.value")
    said = ["mae is ", mae, ", mode ", mode, " of ", ExecutionVariables.PIPELINE_NAME]
    decide = ConditionStep(
        name="churn-Decide",
        conditions=[
            ConditionGreaterThanOrEqualTo(left=mae, right=0.1),
            ConditionLessThan(left=mae, right=bound),
            ConditionLessThanOrEqualTo(left=value("a.b"), right=bound),
            ConditionIn(value=mode, in_values=["full", "fast"]),
            ConditionNot(ConditionEquals(left=mode, right="none")),
            ConditionOr(
                [
                    ConditionEquals(left=ExecutionVariables.PIPELINE_NAME, right="tiny"),
                    ConditionEquals(left=before[0].properties.ProcessingJobStatus, right="Completed"),
                ]
            ),
            ConditionGreaterThan(left=bound, right=1),
        ],
        if_steps=[register],
        else_steps=[FailStep(name="churn-Blocked", error_message=Join(on="", values=said))],
    )
    return unit, [*before, decide], [bound, mode]


def _uploaded(*_: Any, **__: Any) -> str:
    """An analysis goes up while its step is made; where to is made equal by `comparison.py`."""
    return "s3://b/x/analysis_config.json"


clarify_check_step._upload_analysis_config = _uploaded
ClarifyModelMonitor._upload_analysis_config = _uploaded
_JOB = {"role": ROLE, "sagemaker_session": SESSION, "max_runtime_in_seconds": 3600}


class Checked(Unit):
    """A unit whose data and model are checked, with what they found in its registration."""

    def steps(self) -> list[Any]:
        before = super().steps()
        *others, _ = before
        self.checks = self._quality() + self._clarify()
        return [*others, *self.checks, self._register()]

    def _quality(self) -> list[Any]:
        job, csv = CheckJobConfig(**_JOB), DatasetFormat.csv(header=True)
        data = DataQualityCheckConfig(
            baseline_dataset=closed(self.output("train")), dataset_format=csv, output_s3_uri=self.own("churn-Data")
        )
        answers = ModelQualityCheckConfig(
            baseline_dataset=f"s3://{BUCKET}/scored/",
            dataset_format=csv,
            output_s3_uri=self.own("churn-Answers"),
            problem_type="Regression",
            inference_attribute="_c0",
            ground_truth_attribute="_c1",
        )
        return [
            QualityCheckStep(
                name="churn-Data",
                quality_check_config=data,
                check_job_config=job,
                register_new_baseline=True,
                model_package_group_name="tiny-churn",
                cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
            ),
            QualityCheckStep(
                name="churn-Answers",
                quality_check_config=answers,
                check_job_config=job,
                model_package_group_name="tiny-churn",
                supplied_baseline_statistics=f"s3://{BUCKET}/before/statistics.json",
                supplied_baseline_constraints=f"s3://{BUCKET}/before/constraints.json",
            ),
        ]

    def _clarify(self) -> list[Any]:
        bias = BiasConfig(label_values_or_threshold=[1], facet_name="a", facet_values_or_threshold=[0.5])
        model = ModelConfig(
            model_name=self.model_step.properties.ModelName,
            instance_type="ml.m5.xlarge",
            instance_count=1,
            content_type="text/csv",
            accept_type="text/csv",
        )

        def check(name: str, config: Any, **kept: Any) -> Any:
            data = DataConfig(
                s3_data_input_path=f"s3://{BUCKET}/train/",
                s3_output_path=self.own(name),
                s3_analysis_config_output_path="s3://b/x",
                label="y",
                headers=["y", "a", "b"],
                dataset_type="text/csv",
            )
            return ClarifyCheckStep(
                name=name,
                clarify_check_config=config(data_config=data),
                check_job_config=CheckJobConfig(**_JOB),
                model_package_group_name="tiny-churn",
                **kept,
            )

        self.first = ParameterBoolean(name="first", default_value=False)
        of_model = partial(
            ModelBiasCheckConfig,
            data_bias_config=bias,
            model_config=model,
            model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.8),
        )
        shap = SHAPConfig(baseline=[[1, 2]], num_samples=5, agg_method="mean_abs")
        return [
            check("churn-Bias", partial(DataBiasCheckConfig, data_bias_config=bias), skip_check=self.first),
            check("churn-ModelBias", of_model),
            check(
                "churn-Shap",
                partial(ModelExplainabilityCheckConfig, model_config=model, explainability_config=shap),
            ),
        ]

    def metrics_of(self, report: Any) -> dict[str, Any]:
        if not hasattr(self, "checks"):
            return super().metrics_of(report)
        data, answers, bias, model_bias, shap = (check.properties for check in self.checks)

        def source(uri: Any) -> Any:
            return MetricsSource(content_type="application/json", s3_uri=uri)

        return {
            "model_metrics": ModelMetrics(
                model_statistics=report,
                model_constraints=source(answers.CalculatedBaselineConstraints),
                model_data_statistics=source(data.CalculatedBaselineStatistics),
                model_data_constraints=source(data.CalculatedBaselineConstraints),
                bias_pre_training=source(bias.CalculatedBaselineConstraints),
                bias_post_training=source(model_bias.CalculatedBaselineConstraints),
                explainability=source(shap.CalculatedBaselineConstraints),
            ),
            "drift_check_baselines": DriftCheckBaselines(
                model_statistics=source(answers.BaselineUsedForDriftCheckStatistics),
                model_constraints=source(answers.BaselineUsedForDriftCheckConstraints),
                model_data_statistics=source(data.BaselineUsedForDriftCheckStatistics),
                model_data_constraints=source(data.BaselineUsedForDriftCheckConstraints),
                bias_pre_training_constraints=source(bias.BaselineUsedForDriftCheckConstraints),
                bias_post_training_constraints=source(model_bias.BaselineUsedForDriftCheckConstraints),
                explainability_constraints=source(shap.BaselineUsedForDriftCheckConstraints),
            ),
        }


def checks(source: str) -> tuple[Unit, list[Any], list[Any]]:
    """Return the unit, its steps and the parameters of the case `checks`."""
    unit = Checked(name="churn", pipeline="tiny", source=source)
    steps = unit.steps()
    return unit, steps, [unit.first]


def analytics(source: str) -> tuple[Unit, list[Any], list[Any]]:
    """Return the unit, its steps and the parameters of the case `analytics`; the SDK has no step of EMR Serverless."""
    unit = Unit(name="churn", pipeline="tiny", source=source)
    steps = unit.steps()
    group = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    crunch = EMRStepConfig(
        jar="command-runner.jar",
        args=["spark-submit", f"s3://{BUCKET}/job.py"],
        properties=[{"Key": "a", "Value": "1"}],
    )
    own = {
        "ReleaseLabel": "emr-6.15.0",
        "Instances": {"InstanceGroups": [group]},
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
    }
    auto = AutoML(
        role=ROLE,
        target_attribute_name="y",
        problem_type="BinaryClassification",
        job_objective={"MetricName": "F1"},
        max_candidates=5,
        mode="ENSEMBLING",
        output_path=unit.own("churn-Auto"),
        sagemaker_session=SESSION,
    )
    data = AutoMLInput(inputs=closed(unit.output("train")), target_attribute_name="y", channel_type="training")
    made = [
        EMRStep("churn-Crunch", None, None, cluster_id="j-1ABC", step_config=crunch, depends_on=[steps[0]]),
        EMRStep(
            "churn-Cluster",
            None,
            None,
            cluster_id=None,
            step_config=EMRStepConfig(jar=f"s3://{BUCKET}/job.jar", main_class="Main"),
            cluster_config=own,
            cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        ),
        AutoMLStep("churn-Auto", step_args=auto.fit(inputs=[data])),
    ]
    return unit, [*steps, *made], [ParameterString(name="day", default_value="2026-01-01")]
