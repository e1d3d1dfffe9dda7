"""Experiments by boto3: an execution that asks for one has a trial in it, with a component for each of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.definitions import definition, script
from tests.serve.serving import Served, refused, serving

OWN = {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": {"Get": "Execution.PipelineExecutionId"}}
NAMED = {
    "ExperimentName": {"Get": "Parameters.Experiment"},
    "TrialName": {"Std:Join": {"On": "-", "Values": ["trial", {"Get": "Execution.PipelineExecutionId"}]}},
}
SAME = {"ExperimentName": "same", "TrialName": "always"}
PARAMETERS = [{"Name": "Experiment", "Type": "String", "DefaultValue": "all-of-it"}]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as found:
        yield found


@pytest.mark.long
def test_each_execution_has_a_trial_in_its_experiment(served: Served) -> None:
    step = script("Say", "echo hello")
    served.create("own", definition(step, PipelineExperimentConfig=OWN))
    served.create("named", definition(step, PipelineExperimentConfig=NAMED, Parameters=PARAMETERS))
    served.create("none", definition(step))
    arns = {name: served.start(name) for name in ("own", "named", "none")}
    for arn in arns.values():
        assert served.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    ids = {name: arn.rpartition("/")[2] for name, arn in arns.items()}
    trial = served.sagemaker.describe_trial(TrialName=ids["own"])
    assert (trial["ExperimentName"], trial["Source"]["SourceArn"]) == ("own", arns["own"])
    trial = served.sagemaker.describe_trial(TrialName=f"trial-{ids['named']}")
    assert trial["ExperimentName"] == "all-of-it"
    (component,) = served.sagemaker.list_trial_components(TrialName=ids["own"])["TrialComponentSummaries"]
    job = served.steps(arns["own"])["Say"]["Metadata"]["ProcessingJob"]["Arn"]
    assert (component["TrialComponentSource"]["SourceArn"], component["Status"]["PrimaryStatus"]) == (job, "Completed")
    of_job = served.sagemaker.list_trial_components(SourceArn=job)["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in of_job] == [component["TrialComponentName"]]
    experiments = served.sagemaker.list_experiments(SortBy="Name", SortOrder="Ascending")["ExperimentSummaries"]
    assert [one["ExperimentName"] for one in experiments] == ["all-of-it", "own"]
    trials = served.sagemaker.list_trials(ExperimentName="own")["TrialSummaries"]
    assert [one["TrialName"] for one in trials] == [ids["own"]]
    assert served.sagemaker.describe_experiment(ExperimentName="own")["ExperimentArn"].endswith(":experiment/own")
    of_component = served.sagemaker.list_trials(TrialComponentName=component["TrialComponentName"])["TrialSummaries"]
    assert [one["TrialName"] for one in of_component] == [ids["own"]]
    with refused("ResourceNotFound", "Trial 'other' does not exist"):
        served.sagemaker.describe_trial(TrialName="other")


def test_executions_that_say_the_same_name_share_a_trial(served: Served) -> None:
    served.create("same", definition(script("Say", "echo hello"), PipelineExperimentConfig=SAME))
    arns = [served.start("same") for _ in range(2)]
    for arn in arns:
        served.end(arn)
    (trial,) = served.sagemaker.list_trials()["TrialSummaries"]
    assert (trial["TrialName"], trial["TrialSource"]["SourceArn"]) == ("always", arns[0])
    assert len(served.sagemaker.list_trial_components(TrialName="always")["TrialComponentSummaries"]) == 2
    with served.engine.state.transaction() as db:  # as another version of this program could have left it
        db.execute("UPDATE versions SET content = replace(content, '2020-12-01', '1999-01-01')")
    assert served.sagemaker.list_trials()["TrialSummaries"] == []
