"""The state machine that waits for a run: it looks at the execution of SageMaker, and answers CodePipeline's Wait.

`stage start` starts it with `cause` (the execution of CodePipeline), `execution` (SageMaker's), `limit` in seconds, and
`own` (whether the execution is this service's to stop). The rule on the action gives `cause` alone: where Wait is asked
again without a new Start, the rest is what the first one of the cause was given.
"""

from __future__ import annotations

from pipeline_builder.descriptions import JSON
from pipeline_builder.service.cloudformation.access.waiting import (
    JUDGE,
    NO_EXECUTION,
    START,
    TOO_LONG,
    WAIT,
    machine_name,
    run_stage,
)
from pipeline_builder.service.cloudformation.description.states import choice, passing, task

# The pause grows by this many seconds up to five minutes; from the third day on it is an hour, 2 % of what has gone by:
# a history takes 25,000 events, and with five minutes it would be full in eight days.
SHORT, STEADY, LONG, LATE_AFTER = 30, 300, 3600, 2 * 24 * 3600
# How often is looked whether Wait is asked, every half a minute: Start has to end before it is. The rule's machine is
# begun by that question: where it isn't open any more, somebody has answered it.
_MOST_ASKED, _ASKED_AGAIN = 60, 1
_STAGE_INDEX, _ACTION_INDEX, _JUDGE_INDEX = 2, 1, 2
_STAGE = f"$.service.StageStates[{_STAGE_INDEX}]"
_CAUSE = f"{_STAGE}.LatestExecution.PipelineExecutionId"
_ACTION = f"{_STAGE}.ActionStates[{_ACTION_INDEX}]"
# A person has answered, the execution was stopped, or a deployment has changed the pipeline.
_NOT_OPEN = tuple(
    f"CodePipeline.{name}Exception"
    for name in (
        "ActionNotFound", "ApprovalAlreadyCompleted", "InvalidApprovalToken", "PipelineNotFound", "StageNotFound",
    )
)  # fmt: skip
_GONE = ("SageMaker.ResourceNotFoundException",)


def wait_definition(service: str, stage: str) -> JSON:
    """Return the machine in the States Language; it stands in Fn::Sub. `stage` is that whose Wait it answers."""
    return {
        "Comment": "Waits for an execution of SageMaker, stops it when its time is up, and answers CodePipeline's Wait",
        "QueryLanguage": "JSONPath",
        "StartAt": "Given",
        "States": {
            **_begin(service),
            **_find_wait(service, stage),
            **_watch(),
            **_stop(service, stage),
            **_end(service, stage),
        },
    }


def _begin(service: str) -> dict[str, JSON]:
    """Take what Start has given; the rule's machine finds the last one of its cause, and leaves a running one to it."""
    executions = (
        f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:execution:{machine_name(service)}"
    )
    find = task(
        "sfn:describeExecution",
        {"ExecutionArn.$": f"States.Format('{executions}:{{}}{{}}', $.cause, $.tried.suffix)"},
        "FindNext",
        result="$.found",
        selector={"status.$": "$.Status", "given.$": "States.StringToJson($.Input)"},
        catch={("Sfn.ExecutionDoesNotExistException",): "ServedOtherwise"},
    )
    following = "States.MathAdd($.tried.number, 1)"
    named: JSON = {"number.$": following, "suffix.$": f"States.Format('-{{}}', {following})"}
    running: dict[str, JSON] = {"Variable": "$.found.status", "StringEquals": "RUNNING"}
    found: dict[str, JSON] = {"Variable": "$.found", "IsPresent": True}
    looked: dict[str, JSON] = {"Variable": "$.sure", "IsPresent": True}
    taken: dict[str, JSON] = {
        "cause.$": "$.cause",
        **{f"{key}.$": f"$.found.given.{key}" for key in ("execution", "limit", "own")},
        "again": True,
    }
    return {
        "Given": choice("FindFirst", ({"Variable": "$.execution", "IsPresent": True}, "Begin")),
        "FindFirst": passing("Find", {"number": 1, "suffix": ""}, result="$.tried"),
        "Find": find,
        "FindNext": passing("Find", named, result="$.tried"),
        "ServedOtherwise": choice(
            "MakeSure",
            ({"And": [found, {"Not": running}]}, "Take"),
            ({"And": [found, looked]}, "Done"),
            (looked, "Unknown"),
        ),
        # What DescribeExecution says may be some seconds old, and a machine that runs may be about to end.
        "MakeSure": passing("LookOnce", {"seconds": SHORT}, result="$.sure"),
        "LookOnce": {"Type": "Wait", "Seconds": SHORT, "Next": "FindFirst"},
        "Take": passing("Begin", taken),
        "Begin": passing("LookForWait", {"asked": 0}, result="$.time"),
    }


def _find_wait(service: str, stage: str) -> dict[str, JSON]:
    held = {f"{key}.$": f"$.{key}" for key in ("cause", "execution", "limit", "own")}
    bound: JSON = {**held, "token.$": f"{_ACTION}.LatestExecution.Token", "time": {"pause": 0, "waited": 0}}
    return {
        "LookForWait": _ask_pipeline(service, "IsAsked"),
        "IsAsked": choice(
            "NotYet",
            (_is_asked(stage), "Bind"),
            (_is_over(stage), "Done"),
            (_is_judged(stage), "Done"),
            ({"And": [{"Variable": "$.again", "IsPresent": True}, _asked_for(_ASKED_AGAIN)]}, "Done"),
            ({"And": [_asked_for(_MOST_ASKED), _is_passed(stage)]}, "Done"),
            (_asked_for(_MOST_ASKED), "NeverAsked"),
        ),
        "NotYet": passing("SoonAgain", {"asked.$": "States.MathAdd($.time.asked, 1)"}, result="$.time"),
        "SoonAgain": {"Type": "Wait", "Seconds": SHORT, "Next": "LookForWait"},
        **_bind(service, stage, bound),
    }


def _bind(service: str, stage: str, bound: JSON) -> dict[str, JSON]:
    """Keep the question that is to be answered; where it was too early for scores, nothing else is to be done."""
    if stage != run_stage("inference"):
        return {"Bind": passing("Look", bound)}
    none: dict[str, JSON] = {"Variable": "$.execution", "StringEquals": NO_EXECUTION}
    words = "States.Format('Nothing was started for {}: the action Start says why.', $.cause)"
    return {
        "Bind": passing("IsAny", bound),
        "IsAny": choice("Look", (none, "AnswerNothing")),
        "AnswerNothing": _answer(service, stage, "Approved", words),
    }


def _watch() -> dict[str, JSON]:
    look = task(
        "sagemaker:describePipelineExecution",
        {"PipelineExecutionArn.$": "$.execution"},
        "HasEnded",
        result="$.seen",
        selector={"status.$": "$.PipelineExecutionStatus"},
        catch={_GONE: "Gone"},
    )
    ended: dict[str, JSON] = {"Or": [_has_come_to(word) for word in ("Succeeded", "Failed", "Stopped")]}
    return {
        "Look": look,
        "HasEnded": choice(
            "Steady",
            ({"And": [{"Variable": "$.stopped", "IsPresent": True}, _has_come_to("Stopped")]}, "AnswerLate"),
            (ended, "Answer"),
            ({"Variable": "$.time.waited", "NumericGreaterThanEqualsPath": "$.limit"}, "LookBeforeStop"),
            ({"Variable": "$.time.pause", "NumericLessThan": STEADY}, "Early"),
            ({"Variable": "$.time.waited", "NumericGreaterThanEquals": LATE_AFTER}, "Late"),
        ),
        "Early": _pause(f"States.MathAdd($.time.pause, {SHORT})"),
        "Steady": _pause(STEADY),
        "Late": _pause(LONG),
        "Pause": {"Type": "Wait", "SecondsPath": "$.time.pause", "Next": "Look"},
        "Gone": passing("Answer", {"status": "deleted"}, result="$.seen"),
    }


def _stop(service: str, stage: str) -> dict[str, JSON]:
    """Stop at the limit, as long as Wait is asked; one that is asked again has a limit of its own."""
    stop = task(
        "sagemaker:stopPipelineExecution",
        {"PipelineExecutionArn.$": "$.execution", "ClientRequestToken.$": "States.UUID()"},
        "Anew",
        result="$.stopped",
        catch={("States.ALL",): "Steady"},  # the next look says whether it has ended; if not, it is stopped again
    )
    return {
        "LookBeforeStop": _ask_pipeline(service, "IsStillAsked"),
        "IsStillAsked": choice("Done", (_is_bound(), "IsOurs"), (_is_asked(stage), "Bind")),
        "IsOurs": choice("Refuse", ({"Variable": "$.own", "BooleanEquals": True}, "Stop")),
        "Stop": stop,
        "Anew": passing("Early", {"pause": 0, "waited": 0}, result="$.time"),
    }


def _end(service: str, stage: str) -> dict[str, JSON]:
    ended = "States.Format('The execution {} of SageMaker is {}.', $.execution, $.seen.status)"
    words = "The execution {} takes longer than this run may. Somebody else has started it: it goes on."
    others = f"States.Format('{words}', $.execution)"
    late = f"States.Format('The execution {{}} of SageMaker is Stopped: {TOO_LONG}.', $.execution)"
    return {
        "Answer": _answer(service, stage, "Approved", ended),
        "AnswerLate": _answer(service, stage, "Approved", late),
        "Refuse": _answer(service, stage, "Rejected", others),
        # Rejected and asked again while this machine ran: the one that the rule starts leaves that to it.
        "LookAgain": _ask_pipeline(service, "IsAskedAgain"),
        "IsAskedAgain": choice("Done", (_is_bound(), "Done"), (_is_asked(stage), "Bind")),
        "Done": {"Type": "Succeed"},
        "NeverAsked": {"Type": "Fail", "Error": "NeverAsked", "Cause": f"The action {WAIT} was not asked in time."},
        "Unknown": {
            "Type": "Fail",
            "Error": "Unknown",
            "Cause": f"No {START} of this execution has said what is waited for: retry all actions of the stage.",
        },
    }


def _is_asked(stage: str) -> dict[str, JSON]:
    """Return the rule that Wait is open for this execution of CodePipeline."""
    latest = f"{_ACTION}.LatestExecution"
    return {
        "And": [
            _is_ours(stage),
            {"Variable": f"{_ACTION}.ActionName", "StringEquals": WAIT},
            {"Variable": f"{latest}.Status", "IsPresent": True},
            {"Variable": f"{latest}.Status", "StringEquals": "InProgress"},
            {"Variable": f"{latest}.Token", "IsPresent": True},
        ]
    }


def _is_ours(stage: str) -> dict[str, JSON]:
    """Return the rule that this execution of CodePipeline is the stage's latest one."""
    return {"And": [*_is_stage(stage), {"Variable": _CAUSE, "StringEqualsPath": "$.cause"}]}


def _is_passed(stage: str) -> dict[str, JSON]:
    """Return the rule that another one is it."""
    return {"And": [*_is_stage(stage), {"Not": {"Variable": _CAUSE, "StringEqualsPath": "$.cause"}}]}


def _is_stage(stage: str) -> tuple[dict[str, JSON], ...]:
    named: dict[str, JSON] = {"Variable": f"{_STAGE}.StageName", "StringEquals": stage}
    return {"Variable": _CAUSE, "IsPresent": True}, named


def _is_over(stage: str) -> dict[str, JSON]:
    """Return the rule that the stage has ended: Start has failed after it started this machine, or was stopped."""
    status = f"{_STAGE}.LatestExecution.Status"
    words = ("Failed", "Stopped", "Cancelled")
    ended: JSON = {"Or": [{"Variable": status, "StringEquals": word} for word in words]}
    return {"And": [_is_ours(stage), {"Variable": status, "IsPresent": True}, ended]}


def _is_judged(stage: str) -> dict[str, JSON]:
    """Return the rule that Judge runs: somebody has answered Wait before this machine has seen it asked."""
    judge = f"{_STAGE}.ActionStates[{_JUDGE_INDEX}]"
    status = f"{judge}.LatestExecution.Status"
    return {
        "And": [
            _is_ours(stage),
            {"Variable": f"{judge}.ActionName", "StringEquals": JUDGE},
            {"Variable": status, "IsPresent": True},
            {"Variable": status, "StringEquals": "InProgress"},
        ]
    }


def _asked_for(times: int) -> dict[str, JSON]:
    return {"Variable": "$.time.asked", "NumericGreaterThanEquals": times}


def _has_come_to(status: str) -> dict[str, JSON]:
    return {"Variable": "$.seen.status", "StringEquals": status}


def _is_bound() -> dict[str, JSON]:
    """Return the rule that Wait is open with the token that this machine answers."""
    token = f"{_ACTION}.LatestExecution.Token"
    return {"And": [{"Variable": token, "IsPresent": True}, {"Variable": token, "StringEqualsPath": "$.token"}]}


def _answer(service: str, stage: str, status: str, summary: str) -> dict[str, JSON]:
    parameters: JSON = {
        "PipelineName": service,
        "StageName": stage,
        "ActionName": WAIT,
        "Token.$": "$.token",
        "Result": {"Status": status, "Summary.$": summary},
    }
    catch = {_NOT_OPEN: "LookAgain"}
    return task("codepipeline:putApprovalResult", parameters, "Done", result="$.answered", catch=catch)


def _ask_pipeline(service: str, following: str) -> dict[str, JSON]:
    gone: dict[tuple[str, ...], str] = {("CodePipeline.PipelineNotFoundException",): "Done"}
    return task("codepipeline:getPipelineState", {"Name": service}, following, result="$.service", catch=gone)


def _pause(seconds: int | str) -> dict[str, JSON]:
    """Return the state that sets the next pause, and counts it."""
    pause: dict[str, JSON] = {"pause": seconds} if isinstance(seconds, int) else {"pause.$": seconds}
    return passing("Pause", {**pause, "waited.$": f"States.MathAdd($.time.waited, {seconds})"}, result="$.time")
