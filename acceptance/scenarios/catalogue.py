"""Every scenario, in the order in which they are played."""

from __future__ import annotations

from acceptance.prices import Cost
from acceptance.scenarios import asides, asking, failing, jobs, service, transforms, waiting
from acceptance.scenarios.scenario import Scenario

_RUN = Cost(builds=10, actions=1, jobs=(("ml.m5.large", 2),))
"""A run of the service: Build, Train and Promote or Reject."""


def _runs(count: float) -> Cost:
    ((kind, minutes),) = _RUN.jobs
    return Cost(builds=_RUN.builds * count, actions=_RUN.actions * count, jobs=((kind, minutes * count),))


CATALOGUE = (
    Scenario(name="letter-case", title="a SageMaker pipeline with capital letters", play=asides.letter_case),
    Scenario(
        name="jobs", title="tiny pipelines of processing and training jobs", play=jobs.jobs, minutes=25,
        cost=Cost(jobs=(("ml.t3.medium", 14), ("ml.m5.large", 9))),
    ),
    Scenario(
        name="transforms", title="tiny batch transforms", play=transforms.transforms, minutes=15,
        cost=Cost(jobs=(("ml.m5.large", 24),)),
    ),
    Scenario(name="asks", title="a pipeline that only asks is made", play=asking.make, cost=Cost(actions=1), minutes=2),
    Scenario(
        name="answers", title="approved and rejected, with a comment and without", play=asking.answers, needs=("asks",),
        cost=Cost(actions=3), minutes=5,
    ),
    Scenario(
        name="long-text", title="an approval's text of more than 1,000 characters", play=asking.long_text,
        needs=("asks",), cost=Cost(actions=1), minutes=3,
    ),
    Scenario(
        name="event-variables", title="a rule of EventBridge starts it with variables", play=asking.event_variables,
        needs=("asks",), cost=Cost(actions=1), minutes=3,
    ),
    Scenario(
        name="expiry", title="an approval whose time runs out", play=asking.expiry, needs=("asks",),
        cost=Cost(actions=1), minutes=7,
    ),
    Scenario(name="deploy", title="the service is deployed", play=service.deploy, cost=Cost(other=0.02), minutes=10),
    Scenario(name="roles", title="IAM simulates the roles' calls", play=asides.simulate, needs=("deploy",), minutes=2),
    Scenario(
        name="first-start", title="the first run, approved", play=service.first_start, needs=("deploy",), cost=_RUN,
        minutes=25,
    ),
    Scenario(
        name="waiting", title="what the state machine has done", play=waiting.waiting, needs=("first-start",),
    ),
    Scenario(
        name="wait-errors", title="errors in a state machine", play=waiting.error_names, needs=("deploy",),
    ),
    Scenario(
        name="push", title="a push, rejected", play=service.push, needs=("first-start",), cost=_RUN, minutes=25,
    ),
    Scenario(
        name="retries", title="a training that fails, retried in both ways", play=failing.retries,
        needs=("first-start",), cost=_runs(2.5), minutes=60,
    ),
    Scenario(
        name="schedule", title="a schedule starts it", play=failing.schedule, needs=("first-start",), cost=_RUN,
        minutes=20,
    ),
    Scenario(
        name="timeout", title="a run whose time is over", play=failing.run_timeout, needs=("schedule",),
        cost=Cost(builds=8, jobs=(("ml.m5.large", 8),)), minutes=25,
    ),
    Scenario(
        name="webhook", title="a webhook of a git host", play=asides.webhook, needs=("deploy",), cost=_RUN, minutes=35,
        asked=asides.no_connection,
    ),
    Scenario(
        name="long", title="a build of more than 8 hours", play=asides.long_build, cost=Cost(builds=495), minutes=500,
        asked=asides.not_long,
    ),
)  # fmt: skip
SCENARIOS = {scenario.name: scenario for scenario in CATALOGUE}
REMOVAL = "removal"
"""What is always done at the end, and answers `destroy-leaves-nothing`."""
