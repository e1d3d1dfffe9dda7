"""Pipelines and their executions on SageMaker."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline_builder.aws import jobs, logs, prediction
from pipeline_builder.aws.client import Aws, NotFoundError
from pipeline_builder.aws.executions import read_execution, read_summary
from pipeline_builder.aws.facts import Facts, read_facts, token
from pipeline_builder.aws.polling import Changes, Clock, Pace
from pipeline_builder.aws.settings import PipelineSettings, beyond_tags, is_tag, parallelism, unsettled
from pipeline_builder.aws.steps import is_going_on, read_steps
from pipeline_builder.aws.store import S3Store, split
from pipeline_builder.canonical import canonical
from pipeline_builder.dag.caching import COMPARED, PARAMETER, without_cache
from pipeline_builder.dag.outline import decisive_parameters, outline
from pipeline_builder.descriptions import (
    CachePrediction,
    DeployedPipeline,
    Execution,
    ExecutionStatus,
    JobDescription,
    LogPart,
    Selection,
    StepState,
    StepStatus,
    WaitingStep,
)
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.target import LOG_PART, Media, Observer

INLINE = 1_048_576
"""Characters of a definition that the service takes in a request; a longer one goes by S3."""
_NEWEST = 100
_OWN = 16
"""Characters of a request's token that name what the execution makes anew."""


class SageMakerPipelines:
    """Pipelines and executions of one account and Region."""

    can_skip_cache = False

    def __init__(self, aws: Aws, store: S3Store, settings: PipelineSettings, *, clock: Clock | None = None) -> None:
        self._aws = aws
        self._store = store
        self._settings = settings
        self._clock = clock or Clock()

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.call("sagemaker", operation, **arguments)

    # --- pipelines

    def describe_pipeline(self, name: str) -> DeployedPipeline | None:
        """Return what is deployed, its definition in canonical form; None where there is no such pipeline."""
        try:
            found = self._call("describe_pipeline", PipelineName=name)
        except NotFoundError:
            return None
        definition = canonical(json.loads(found["PipelineDefinition"]))
        applied = read_facts(found.get("PipelineDescription", "")).definition
        drifted = bool(applied) and applied != hashlib.sha256(definition).hexdigest()
        return DeployedPipeline(
            name=name,
            arn=found["PipelineArn"],
            definition=definition,
            version=self._newest_version(name),
            drifted=drifted,
            applied=self._kept(name, applied) if drifted else b"",
            settings=tuple(unsettled(self._aws, self._settings, found)),
        )

    def _kept(self, name: str, digest: str) -> bytes:
        """Return the definition that was applied last, to compare with; empty where it is no longer there."""
        try:
            return self._store.get(self._place_of(name, digest))
        except (KeyError, OutsideFailure):
            return b""

    def _place_of(self, name: str, digest: str) -> str:
        return f"s3://{self._settings.bucket}/{self._settings.prefix}{name}/definitions/{digest}.json"

    def _newest_version(self, name: str) -> int:
        listed = self._call("list_pipeline_versions", PipelineName=name, SortOrder="Descending", MaxResults=1)
        newest = listed.get("PipelineVersionSummaries") or [{}]
        return int(newest[0].get("PipelineVersionId") or 0)

    def put_pipeline(self, name: str, definition: bytes) -> DeployedPipeline:
        """Create the pipeline, or update it; a repeated creation finds the first one's by its token."""
        digest = hashlib.sha256(definition).hexdigest()
        deployed = self.describe_pipeline(name)
        if deployed and deployed.definition == definition and deployed.settled:
            return deployed
        # Kept by its content: what a later change by other means is compared with, and too long a definition's place.
        self._store.put(self._place_of(name, digest), definition, Media.JSON)
        arguments: dict[str, Any] = {
            "PipelineName": name,
            "RoleArn": self._settings.role,
            "PipelineDescription": str(Facts(definition=digest)),
            **self._place(name, definition, digest),
            **parallelism(self._settings.parallel),
        }
        if deployed is None:
            return self._create({**arguments, **self._tagged}, name, digest)
        self._tag(deployed)
        if deployed.definition != definition or deployed.drifted or beyond_tags(deployed):
            self._call("update_pipeline", **arguments)
        if written := self.describe_pipeline(name):
            return written
        raise OutsideFailure(_unknown(f"the pipeline '{name}'"))  # deleted in this moment

    def _create(self, arguments: Mapping[str, Any], name: str, digest: str) -> DeployedPipeline:
        """Create the pipeline; where the answer is about one that was deleted since, whose creation had the same token,
        with a token that nobody has had.
        """
        for request in (token("create", name, digest), token("create", name, digest, uuid.uuid4().hex)):
            self._call("create_pipeline", **arguments, ClientRequestToken=request)
            if written := self.describe_pipeline(name):
                return written
        raise OutsideFailure(_unknown(f"the pipeline '{name}'"))

    @property
    def _tagged(self) -> dict[str, Any]:
        return {"Tags": self._tags(self._settings.tags)} if self._settings.tags else {}

    def _tag(self, deployed: DeployedPipeline) -> None:
        new = {key: value for key, value in self._settings.tags.items() if is_tag(deployed, key)}
        if new:
            self._call("add_tags", ResourceArn=deployed.arn, Tags=self._tags(new))

    @staticmethod
    def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]

    def _place(self, name: str, definition: bytes, digest: str) -> dict[str, Any]:
        """Return the definition as the request takes it: inline, or where it is too long by its address."""
        text = definition.decode()
        if len(text) <= INLINE:
            return {"PipelineDefinition": text}
        bucket, key = split(self._place_of(name, digest))
        return {"PipelineDefinitionS3Location": {"Bucket": bucket, "ObjectKey": key}}

    def fingerprint(self, definition: bytes, parameters: Mapping[str, str]) -> str:
        """Return the sha256 of the definition and the parameters that decide; data behind addresses isn't looked at."""
        decisive = decisive_parameters(definition)
        facts = {
            "definition": hashlib.sha256(definition).hexdigest(),
            "parameters": {name: value for name, value in parameters.items() if name in decisive},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def predict_cache(
        self, pipeline: str, definition: bytes, parameters: Mapping[str, str]
    ) -> tuple[CachePrediction, ...]:
        """Compare with the newest execution of the same cache generation, as SageMaker's step cache does.

        One that succeeded goes before others, whose steps that did not are left out.
        """
        earlier = self._earlier(self.list_executions(pipeline), parameters.get(PARAMETER))
        return prediction.predict(definition, parameters, earlier)

    def _earlier(self, listed: Sequence[Execution], generation: str | None) -> prediction.Earlier | None:
        """Return the one of the executions, newest first, whose results the cache would be asked for."""
        succeeded = [e for e in listed if e.status is ExecutionStatus.SUCCEEDED]
        alike = [e for e in (*succeeded, *listed) if e.parameters.get(PARAMETER) == generation]
        newest = next(iter((*alike, *succeeded)), None)
        if newest is None:
            return None
        content, values = self.definition_of(newest.arn), self._parameters(newest.arn)
        states = self.list_steps(newest.arn) if newest.status is not ExecutionStatus.SUCCEEDED else ()
        undone = frozenset(state.name for state in states if state.status is not StepStatus.SUCCEEDED)
        return prediction.Earlier(newest, content, values, undone)

    # --- executions

    def list_executions(self, pipeline: str | None = None) -> tuple[Execution, ...]:
        """Return the newest hundred, newest first."""
        if pipeline is None:
            return ()
        try:
            listed = self._call(
                "list_pipeline_executions", PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending",
                MaxResults=_NEWEST,
            )  # fmt: skip
        except NotFoundError:
            return ()
        return tuple(read_summary(item, pipeline) for item in listed.get("PipelineExecutionSummaries", ()))

    def describe_execution(self, arn_or_id: str) -> Execution | None:
        """Return the execution with this ARN; an id alone says nothing about its pipeline."""
        if not arn_or_id.startswith("arn:"):
            return None
        try:
            found = self._call("describe_pipeline_execution", PipelineExecutionArn=arn_or_id)
        except NotFoundError:
            return None
        return read_execution(found, parameters=self._parameters(arn_or_id))

    def find_caused(self, pipeline: str, cause: str) -> Execution | None:
        """Look for the cause in descriptions, which last; a token doesn't. The newest thousand are looked at."""
        pages = self._aws.pages(
            "sagemaker", "list_pipeline_executions", PipelineName=pipeline, SortBy="CreationTime",
            SortOrder="Descending", PaginationConfig={"PageSize": _NEWEST, "MaxItems": 10 * _NEWEST},
        )  # fmt: skip
        try:
            listed = (read_summary(item, pipeline) for page in pages for item in page["PipelineExecutionSummaries"])
            found = next((e for e in listed if e.cause == cause), None)
        except NotFoundError:
            return None
        return self.describe_execution(found.arn) if found else None

    def start_execution(
        self,
        pipeline: str,
        version: int,
        parameters: Mapping[str, str],
        *,
        fingerprint: str,
        use_cache: bool = True,
        selection: Selection | None = None,
        cause: str = "",
    ) -> Execution:
        """Start a version of a pipeline. The same call again, by whomever, finds the same execution.

        A `cause` has one token, whatever else the request says, so that it starts one execution at most. A new one
        starts where all of the fingerprint have ended otherwise.
        """
        same = [e for e in self.list_executions(pipeline) if e.fingerprint == fingerprint and e.status.ended]
        before = next((e.arn for e in same if e.status is not ExecutionStatus.SUCCEEDED or not use_cache), "")
        how = "cached" if use_cache else "anew"
        parts = ("cause", cause) if cause else (str(version), fingerprint, before, how)
        request = token("start", pipeline, *parts)
        if not use_cache:
            parameters = without_cache(parameters, request[:_OWN], limited=selection is not None)
        commit, generation = parameters.get("ManifestCommit", ""), parameters.get(PARAMETER, "")
        facts = Facts(fingerprint=fingerprint, commit=commit, generation=generation, cause=cause)
        bound: dict[str, Any] = {"PipelineVersionId": version} if version else {}
        if selection:
            # Steps that need nobody's results have no source, and the service refuses an empty one.
            source = {"SourcePipelineExecutionArn": selection.source} if selection.source else {}
            steps = [{"StepName": name} for name in selection.steps]
            bound["SelectiveExecutionConfig"] = {"SelectedSteps": steps, **source}
        bound |= {
            "PipelineName": pipeline,
            "PipelineParameters": [{"Name": name, "Value": value} for name, value in sorted(parameters.items())],
            "PipelineExecutionDescription": str(facts),
        }
        started = self._call("start_pipeline_execution", **bound, ClientRequestToken=request)["PipelineExecutionArn"]
        found = self._look_for(started)
        if found is None and not cause:  # of a pipeline that was deleted since, whose execution had the same token
            again = self._call("start_pipeline_execution", **bound, ClientRequestToken=token(request, started))
            found = self._look_for(again["PipelineExecutionArn"])
        if found is None:
            raise OutsideFailure(_unknown(f"the execution '{started}'"))
        return found

    def _look_for(self, arn: str) -> Execution | None:
        """Look for an execution that was started; one that isn't known at once may be a moment later."""
        if found := self.describe_execution(arn):
            return found
        Pace(clock=self._clock).wait(changed=True)
        return self.describe_execution(arn)

    def follow_execution(self, arn: str, observe: Observer) -> Execution:
        """Look until the execution has ended; an interruption leaves it going on."""
        steps = outline(self.definition_of(arn))
        changes, pace = Changes(observe), Pace(clock=self._clock)
        while True:
            states = read_steps(self._listed(arn), steps)
            changed = changes.tell(states)
            if pace.is_time_to_describe(going_on=is_going_on(states)):
                found = self._call("describe_pipeline_execution", PipelineExecutionArn=arn)
                if ExecutionStatus(found["PipelineExecutionStatus"]).ended:
                    changes.tell(read_steps(self._listed(arn), steps))
                    return read_execution(found, parameters=self._parameters(arn))
            pace.wait(changed=changed)

    def stop_execution(self, arn: str) -> None:
        """Ask the service to stop an execution that goes on; it ends its jobs and then says Stopped.

        The token is of this stop alone: after a retry the same execution may have to be stopped again.
        """
        before = self._call("describe_pipeline_execution", PipelineExecutionArn=arn)
        if before["PipelineExecutionStatus"] == ExecutionStatus.EXECUTING.value:
            changed = str(before.get("LastModifiedTime", ""))
            self._call(
                "stop_pipeline_execution", PipelineExecutionArn=arn, ClientRequestToken=token("stop", arn, changed)
            )

    def retry_execution(self, arn: str) -> Execution:
        """Go on with a failed or stopped execution where it was; the same call again finds that going on."""
        before = self._call("describe_pipeline_execution", PipelineExecutionArn=arn)
        if ExecutionStatus(before["PipelineExecutionStatus"]).ended:
            ended = str(before.get("LastModifiedTime", ""))
            self._call(
                "retry_pipeline_execution", PipelineExecutionArn=arn, ClientRequestToken=token("retry", arn, ended)
            )
        found = self.describe_execution(arn)
        assert found is not None
        return found

    def list_steps(self, arn: str) -> tuple[StepState, ...]:
        """Every step of the execution's definition, also those that have not started."""
        return read_steps(self._listed(arn), outline(self.definition_of(arn)))

    def _listed(self, arn: str) -> Iterable[Mapping[str, Any]]:
        pages = self._aws.pages("sagemaker", "list_pipeline_execution_steps", PipelineExecutionArn=arn)
        return [item for page in pages for item in page["PipelineExecutionSteps"]]

    def _parameters(self, arn: str) -> dict[str, str]:
        pages = self._aws.pages("sagemaker", "list_pipeline_parameters_for_execution", PipelineExecutionArn=arn)
        return {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}

    def answer_step(self, token: str, *, outputs: Mapping[str, str] | None, reason: str = "") -> str:
        """Answer a step that waits, by the token in the message of its queue."""
        try:
            if outputs is None:
                found = self._call("send_pipeline_execution_step_failure", CallbackToken=token, FailureReason=reason)
            else:
                listed = [{"Name": name, "Value": value} for name, value in outputs.items()]
                found = self._call("send_pipeline_execution_step_success", CallbackToken=token, OutputParameters=listed)
        except NotFoundError:
            message = f"no step waits with the token '{token}'"
            raise InputProblems(Problem(id="PB870", message=message)) from None
        return str(found["PipelineExecutionArn"])

    def list_waiting(self) -> tuple[WaitingStep, ...]:
        """Return nothing: who waits with which token is said by the messages in the queues."""
        return ()

    def definition_of(self, arn: str) -> bytes:
        """Return what really runs, in canonical form."""
        found = self._call("describe_pipeline_definition_for_execution", PipelineExecutionArn=arn)
        return canonical(json.loads(found["PipelineDefinition"]))

    def read_log(self, arn: str, step: str, *, whole: bool = False) -> str:
        """Return the end of the CloudWatch log of a step's job, all of its streams; `whole` says if there is more."""
        state = self._step(arn, step)
        return logs.read(self._aws, state.log, mark=whole) if state and state.log else ""

    def read_log_part(self, arn: str, step: str, *, mark: str = "", most: int = LOG_PART) -> LogPart:
        """Return a part of the CloudWatch log of a step's job, all of its streams."""
        state = self._step(arn, step)
        if state is None or not state.log:
            return LogPart(text="", mark=mark)
        return logs.read_part(self._aws, state.log, mark=mark, most=most)

    def describe_job(self, arn: str, step: str) -> JobDescription | None:
        """Return what the service tells of a step's job, model or model package."""
        state = self._step(arn, step)
        found = jobs.describe(self._aws, state, arn) if state else None
        if found is None or found.execution != arn:
            return found
        return replace(found, missed=self.why_ran(arn).get(step, ""))

    def _step(self, arn: str, name: str) -> StepState | None:
        return next((state for state in self.list_steps(arn) if state.name == name), None)

    def is_at_work(self, arn: str) -> bool:
        """Tell that the service works on it, as long as it goes on."""
        del arn
        return True

    def why_ran(self, arn: str) -> Mapping[str, str]:
        """Say why the step cache didn't answer, by the comparison that a plan makes, with the execution before."""
        own = self.describe_execution(arn)
        if own is None:
            return {}
        before = [e for e in self.list_executions(own.pipeline) if e.started < own.started]
        earlier = self._earlier(before, own.parameters.get(PARAMETER))
        definition = self.definition_of(arn)
        told = prediction.predict(definition, own.parameters, earlier, now=own.started)
        cached = {step.name for step in outline(definition) if step.type in COMPARED}
        return {each.step: each.reason for each in told if not each.hit and each.step in cached}


def _unknown(what: str) -> Problem:
    """Return what to say where SageMaker has made something, and knows nothing of it right after."""
    message = f"SageMaker says that {what} was made, and knows nothing of it"
    return Problem(id="PB703", message=message, hint="somebody may have deleted it in this moment: repeat the command")
