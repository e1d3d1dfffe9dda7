"""The state machine that waits for a run: it looks at the execution of SageMaker, and answers CodePipeline's Wait.

`stage start` starts it with `cause` (the execution of CodePipeline), `execution` (SageMaker's), `limit` in seconds, and
`own` (whether the execution is this service's to stop). The rule on the action gives `cause` alone: where Wait is asked
again without a new Start, the rest is what the first one of the cause was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline_builder.descriptions import JSON
from pipeline_builder.service.cloudformation.access.waiting import STAGE, START, WAIT, machine_name

# The pause grows by this many seconds up to five minutes; from the third day on it is an hour, 2 % of what has gone by:
# a history takes 25,000 events, and with five minutes it would be full in eight days.
SHORT, STEADY, LONG, LATE_AFTER = 30, 300, 3600, 2 * 24 * 3600
# How long Wait may be later than the run's limit: a long pause, until SageMaker has stopped, and what looking takes.
MARGIN_MINUTES = 240
# How often is looked whether Wait is asked, every half a minute: Start has to end before it is.
_MOST_ASKED = 60
_STAGE_INDEX, _ACTION_INDEX = 2, 1
_STAGE = f"$.service.StageStates[{_STAGE_INDEX}]"
_ACTION = f"{_STAGE}.ActionStates[{_ACTION_INDEX}]"
# A person has answered, the execution was stopped, or a deployment has changed the pipeline.
_NOT_OPEN = tuple(
    f"CodePipeline.{name}Exception"
    for name in (
        "ActionNotFound", "ApprovalAlreadyCompleted", "InvalidApprovalToken", "PipelineNotFound", "StageNotFound",
    )
)  # fmt: skip
_GONE = ("SageMaker.ResourceNotFoundException",)


def wait_definition(service: str) -> JSON:
    """Return the machine in the States Language; it stands in Fn::Sub."""
    return {
        "Comment": "Waits for an execution of SageMaker, stops it when its time is up, and answers CodePipeline's Wait",
        "QueryLanguage": "JSONPath",
        "StartAt": "Given",
        "States": {**_begin(service), **_find_wait(service), **_watch(), **_stop(service), **_end(service)},
    }


def _begin(service: str) -> dict[str, JSON]:
    executions = (
        f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:execution:{machine_name(service)}"
    )
    find = _task(
        "sfn:describeExecution",
        {"ExecutionArn.$": f"States.Format('{executions}:{{}}', $.cause)"},
        "ServedOtherwise",
        result="$.first",
        selector={"status.$": "$.Status", "given.$": "States.StringToJson($.Input)"},
        catch={("Sfn.ExecutionDoesNotExistException",): "Unknown"},
    )
    taken: dict[str, JSON] = {
        "cause.$": "$.cause",
        **{f"{key}.$": f"$.first.given.{key}" for key in ("execution", "limit", "own")},
    }
    return {
        "Given": _choice("FindFirst", ({"Variable": "$.execution", "IsPresent": True}, "Begin")),
        "FindFirst": find,
        "ServedOtherwise": _choice("Take", ({"Variable": "$.first.status", "StringEquals": "RUNNING"}, "Done")),
        "Take": _pass("Begin", taken),
        "Begin": _pass("LookForWait", {"asked": 0}, result="$.time"),
    }


def _find_wait(service: str) -> dict[str, JSON]:
    held = {f"{key}.$": f"$.{key}" for key in ("cause", "execution", "limit", "own")}
    bound: JSON = {**held, "token.$": f"{_ACTION}.LatestExecution.Token", "time": {"pause": 0, "waited": 0}}
    return {
        "LookForWait": _ask_pipeline(service, "IsAsked"),
        "IsAsked": _choice(
            "NotYet",
            (_is_asked(), "Bind"),
            ({"Variable": "$.time.asked", "NumericGreaterThanEquals": _MOST_ASKED}, "NeverAsked"),
        ),
        "NotYet": _pass("SoonAgain", {"asked.$": "States.MathAdd($.time.asked, 1)"}, result="$.time"),
        "SoonAgain": {"Type": "Wait", "Seconds": SHORT, "Next": "LookForWait"},
        "Bind": _pass("Look", bound),
    }


def _watch() -> dict[str, JSON]:
    look = _task(
        "sagemaker:describePipelineExecution",
        {"PipelineExecutionArn.$": "$.execution"},
        "HasEnded",
        result="$.seen",
        selector={"status.$": "$.PipelineExecutionStatus"},
        catch={_GONE: "Gone"},
    )
    words = ("Succeeded", "Failed", "Stopped")
    ended: dict[str, JSON] = {"Or": [{"Variable": "$.seen.status", "StringEquals": word} for word in words]}
    return {
        "Look": look,
        "HasEnded": _choice(
            "Steady",
            (ended, "Answer"),
            ({"Variable": "$.time.waited", "NumericGreaterThanEqualsPath": "$.limit"}, "LookBeforeStop"),
            ({"Variable": "$.time.pause", "NumericLessThan": STEADY}, "Early"),
            ({"Variable": "$.time.waited", "NumericGreaterThanEquals": LATE_AFTER}, "Late"),
        ),
        "Early": _pause(f"States.MathAdd($.time.pause, {SHORT})"),
        "Steady": _pause(STEADY),
        "Late": _pause(LONG),
        "Pause": {"Type": "Wait", "SecondsPath": "$.time.pause", "Next": "Look"},
        "Gone": _pass("Answer", {"status": "deleted"}, result="$.seen"),
    }


def _stop(service: str) -> dict[str, JSON]:
    """Stop at the limit, as long as Wait is asked; one that is asked again has a limit of its own."""
    stop = _task(
        "sagemaker:stopPipelineExecution",
        {"PipelineExecutionArn.$": "$.execution", "ClientRequestToken.$": "States.UUID()"},
        "Anew",
        result="$.stopped",
        catch={("States.ALL",): "Steady"},  # the next look says whether it has ended; if not, it is stopped again
    )
    return {
        "LookBeforeStop": _ask_pipeline(service, "IsStillAsked"),
        "IsStillAsked": _choice("Done", (_is_bound(), "IsOurs"), (_is_asked(), "Bind")),
        "IsOurs": _choice("Refuse", ({"Variable": "$.own", "BooleanEquals": True}, "Stop")),
        "Stop": stop,
        "Anew": _pass("Early", {"pause": 0, "waited": 0}, result="$.time"),
    }


def _end(service: str) -> dict[str, JSON]:
    ended = "States.Format('The execution {} of SageMaker is {}.', $.execution, $.seen.status)"
    words = "The execution {} takes longer than this run may. Somebody else has started it: it goes on."
    late = f"States.Format('{words}', $.execution)"
    return {
        "Answer": _answer(service, "Approved", ended),
        "Refuse": _answer(service, "Rejected", late),
        # Rejected and asked again while this machine ran: the one that the rule starts leaves that to it.
        "LookAgain": _ask_pipeline(service, "IsAskedAgain"),
        "IsAskedAgain": _choice("Done", (_is_bound(), "Done"), (_is_asked(), "Bind")),
        "Done": {"Type": "Succeed"},
        "NeverAsked": {"Type": "Fail", "Error": "NeverAsked", "Cause": f"The action {WAIT} was not asked in time."},
        "Unknown": {
            "Type": "Fail",
            "Error": "Unknown",
            "Cause": f"No {START} of this execution has said what is waited for: retry all actions of the stage.",
        },
    }


def _is_asked() -> dict[str, JSON]:
    """Return the rule that Wait is open for this execution of CodePipeline."""
    latest = f"{_ACTION}.LatestExecution"
    return {
        "And": [
            {"Variable": f"{_STAGE}.LatestExecution.PipelineExecutionId", "IsPresent": True},
            {"Variable": f"{_STAGE}.LatestExecution.PipelineExecutionId", "StringEqualsPath": "$.cause"},
            {"Variable": f"{_STAGE}.StageName", "StringEquals": STAGE},
            {"Variable": f"{_ACTION}.ActionName", "StringEquals": WAIT},
            {"Variable": f"{latest}.Status", "IsPresent": True},
            {"Variable": f"{latest}.Status", "StringEquals": "InProgress"},
            {"Variable": f"{latest}.Token", "IsPresent": True},
        ]
    }


def _is_bound() -> dict[str, JSON]:
    """Return the rule that Wait is open with the token that this machine answers."""
    token = f"{_ACTION}.LatestExecution.Token"
    return {"And": [{"Variable": token, "IsPresent": True}, {"Variable": token, "StringEqualsPath": "$.token"}]}


def _answer(service: str, status: str, summary: str) -> dict[str, JSON]:
    parameters: JSON = {
        "PipelineName": service,
        "StageName": STAGE,
        "ActionName": WAIT,
        "Token.$": "$.token",
        "Result": {"Status": status, "Summary.$": summary},
    }
    catch = {_NOT_OPEN: "LookAgain"}
    return _task("codepipeline:putApprovalResult", parameters, "Done", result="$.answered", catch=catch)


def _ask_pipeline(service: str, following: str) -> dict[str, JSON]:
    gone: dict[tuple[str, ...], str] = {("CodePipeline.PipelineNotFoundException",): "Done"}
    return _task("codepipeline:getPipelineState", {"Name": service}, following, result="$.service", catch=gone)


def _task(
    call: str,
    parameters: JSON,
    following: str,
    *,
    result: str,
    selector: JSON = None,
    catch: Mapping[tuple[str, ...], str] | None = None,
) -> dict[str, JSON]:
    """Return a call of AWS's SDK. What is caught is tried once, everything else for half an hour."""
    caught = catch or {}
    known = [error for errors in caught for error in errors]
    passing: dict[str, JSON] = {"ErrorEquals": ["States.TaskFailed", "States.Timeout"], "IntervalSeconds": 5}
    passing |= {"BackoffRate": 2, "MaxAttempts": 10, "MaxDelaySeconds": STEADY, "JitterStrategy": "FULL"}
    # `States.ALL` stands alone, and then nothing is left to be tried again.
    retry: list[JSON] = [{"ErrorEquals": [*known], "MaxAttempts": 0}] if known else []
    retry += [] if "States.ALL" in known else [passing]
    catchers: list[JSON] = [
        {"ErrorEquals": [*errors], "ResultPath": "$.error", "Next": state} for errors, state in caught.items()
    ]
    return {
        "Type": "Task",
        "Resource": f"arn:${{AWS::Partition}}:states:::aws-sdk:{call}",
        "Parameters": parameters,
        **({"ResultSelector": selector} if selector else {}),
        "ResultPath": result,
        "TimeoutSeconds": 60,
        "Retry": retry,
        **({"Catch": catchers} if catchers else {}),
        "Next": following,
    }


def _pause(seconds: int | str) -> dict[str, JSON]:
    """Return the state that sets the next pause, and counts it."""
    pause: dict[str, JSON] = {"pause": seconds} if isinstance(seconds, int) else {"pause.$": seconds}
    return _pass("Pause", {**pause, "waited.$": f"States.MathAdd($.time.waited, {seconds})"}, result="$.time")


def _pass(following: str, parameters: JSON, *, result: str = "$") -> dict[str, JSON]:
    return {"Type": "Pass", "Parameters": parameters, "ResultPath": result, "Next": following}


def _choice(default: str, *rules: tuple[dict[str, JSON], str]) -> dict[str, JSON]:
    choices: list[JSON] = [{**rule, "Next": state} for rule, state in rules]
    return {"Type": "Choice", "Choices": choices, "Default": default}
