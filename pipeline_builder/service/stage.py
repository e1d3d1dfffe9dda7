"""The stages of the service's pipeline: what each CodeBuild project runs, and the variables that it hands on.

    build    checkout, validate, look at the account (preflight), build, plan, apply
    train    run (limited to what the trigger is about), gate, report
    start    the first half of train: begins the run, and what waits for it
    judge    its second half: gate, report
    promote  promote exactly what was approved, in the approver's name
    reject   reject it, where a person did
    watch    one look at the repositories that are polled

A stage reads no environment and no clock: what decides is in its `Setting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.errors import InputProblems, PlanRefused, Problem, RunFailed
from pipeline_builder.machine.streams import write_file
from pipeline_builder.regions.partitions import console
from pipeline_builder.release.answers import read_answer
from pipeline_builder.release.approval import MOST_TEXT, approval_text, inert_text, verdict_word
from pipeline_builder.release.past.keeping import run_folder
from pipeline_builder.release.plan import Plan
from pipeline_builder.release.promote import Decided, Decision, is_decidable
from pipeline_builder.release.proof import approval_of
from pipeline_builder.release.record import RunRecord
from pipeline_builder.service.setting import Service, Setting
from pipeline_builder.service.site import write_site
from pipeline_builder.service.startable import find_unstartable
from pipeline_builder.session import Session
from pipeline_builder.target import Media
from pipeline_builder.workspace import PLAN, REPORT, RUN


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What a stage came to: the variables that it hands on, and the record of the run where it is about one."""

    exports: Mapping[str, str]
    record: RunRecord | None = None


def run_build(session: Session, setting: Setting) -> Staged:
    """Check out, check everything, and deploy; the plan is kept for whoever looks at the artifact."""
    import json

    from pipeline_builder.release.plan import plan_json

    done = session.checkout(locked=False, earlier=True)
    commits = {repo.name: repo.commit for repo in done.lock.repos}
    if setting.repository:
        session.say(f"          {_about_push(setting, commits)}")
    session.validate()
    if unstartable := find_unstartable(session.composed):
        raise InputProblems(*unstartable)
    session.preflight()
    session.build()
    plan = _plan(session)
    write_file(session.workspace.build / PLAN, (json.dumps(plan_json(plan), indent=2) + "\n").encode())
    applied = session.apply(plan)
    version = str(applied.pipeline.version)
    return Staged(exports={"DEFINITION_SHA256": session.composed.definition.sha256, "PIPELINE_VERSION": version})


def _plan(session: Session) -> Plan:
    """Return the plan; models and data of what scores may come later, as nothing of them is in what is deployed."""
    try:
        return session.plan(whole=True)
    except InputProblems as error:
        from pipeline_builder.release.scoring.readiness import is_early

        if session.composed.definition.kind == "training" or not is_early(error.problems):
            raise
    return session.plan_alone()


def _about_push(setting: Setting, commits: Mapping[str, str]) -> str:
    """Say whether what was pushed is what is built: a branch may have moved on, a manifest may know it no more."""
    # Of very many the variable has some, and "+7" for the others.
    names = [name for part in setting.repository.split(",") if (name := part.strip()) and not name.startswith("+")]
    if not names:
        return f"started by {setting.words}"
    if unknown := [name for name in names if name not in commits]:
        return f"started by {setting.words}; the manifest has no repository '{unknown[0]}'"
    built = commits[names[0]]
    moved = f"; it has moved on to {built[:7]}" if setting.commit and built != setting.commit else ""
    return f"started by {setting.words}{moved}"


def publish(session: Session, setting: Setting, record: RunRecord) -> Staged:
    """Write the report, keep it and the record where the approver can open them, and say all of it in variables."""
    link = _keep(session, setting, record)
    gates = {name: [gate.metric for gate in unit.section.gate] for name, unit in session.composed.graph.units.items()}
    exports = {
        "EXECUTION_ARN": record.execution,
        "VERDICT": verdict_word(record),
        "SUMMARY": approval_text(record, gates),
        "REPORT_URL": link,
        "APPROVAL": approval_of(record),
    }
    return Staged(exports=exports, record=record)


def _keep(session: Session, setting: Setting, record: RunRecord) -> str:
    """Write the report, put it and the record where they outlive the build, and return the report's address."""
    path = session.report(record)
    if not setting.artifacts:
        return path.resolve().as_uri()
    # Under the service's execution, which the events about it name.
    prefix = f"{session.target.prefix}runs/{setting.execution or record.execution.rsplit('/', 1)[-1]}"
    for name, media in ((RUN, Media.JSON), (REPORT, Media.HTML)):
        session.target.store.put(f"s3://{setting.artifacts}/{prefix}/{name}", session.workspace.build / name, media)
    uri = f"{run_folder(session.target, record.pipeline, record.execution)}{REPORT}"
    session.target.store.put(uri, session.workspace.build / REPORT, Media.HTML)
    write_site(session, record)
    if session.workspace.target == "local":
        return (session.workspace.store / setting.artifacts / prefix / REPORT).resolve().as_uri()
    return console_link(setting.artifacts, f"{prefix}/{REPORT}", session.workspace.region)


def console_link(bucket: str, key: str, region: str) -> str:
    """Return S3's page about an object in the console: whoever may read it opens it from there, also a week later.

    Where no console is known it is the object's own address.
    """
    from urllib.parse import quote

    address = console(region)
    found = f"{address}/s3/object/{quote(bucket)}?region={region}&prefix={quote(key, safe='')}"
    return found if address else f"s3://{bucket}/{key}"


def run_promote(session: Session, setting: Setting, service: Service) -> Staged:
    """Promote the packages that were approved, in the name of who approved them.

    Raises:
        PlanRefused: PB447 where what was approved is not what this run registered, PB454 where it was rejected since.
        RunFailed: PB431 where the gate blocks all that waits, judged from the evidence.
        InputProblems: PB448 where nobody has approved, PB483 where the answer's comment can't be read.
    """
    record = session.decisions.check_record(session.runs.record(handed_on=True), setting.approval)
    waits = verdict_word(record) != "nothing" or (record.packages and setting.approval == approval_of(record))
    # Also where nothing waits: a record of something else was put in the place of what was approved.
    if setting.approval != approval_of(record) and (setting.approval or waits):
        given = setting.approval[:12] or "without SMP_APPROVAL"
        message = f"the approval {given} is not for the packages of execution '{record.execution}'"
        hint = "let the pipeline run again, and look at its own approval"
        raise PlanRefused(Problem(id="PB447", message=message, hint=hint))
    if not waits:
        session.say("          no model waits for a decision")
        return Staged(exports={}, record=record)
    approval = service.find_approval(setting.pipeline, setting.execution)
    if approval is None or not approval.approved:
        message = f"nobody has approved the execution '{setting.execution}' of the pipeline '{setting.pipeline}'"
        raise InputProblems(Problem(id="PB448", message=message, hint="approve it in CodePipeline"))
    stubs = session.workspace.environment.get("SMP_ACCEPT_STUBS") == "1"
    decision = Decision(status=ApprovalStatus.APPROVED, by=approval.by, comment=approval.comment, stubs=stubs)
    answered = read_answer(approval.comment, record)
    may = {package.arn for package in record.packages if is_decidable(record, package)}
    arns = answered.arns if answered.named else tuple(arn for arn in answered.arns if arn in may)
    if not may:
        reasons = "; ".join(record.verdict.reasons) if record.verdict else "it was not judged"
        raise RunFailed(Problem(id="PB431", message=f"the gate blocks every model that waits: {reasons}"))
    if arns:
        record = _done(session.decide(record, decision, arns, named=answered.named, approval=setting.approval))
    return publish(session, setting, record)


def _done(decided: Decided) -> RunRecord:
    """Return the record, or raise what could not be done."""
    if decided.failure:
        raise decided.failure
    return decided.record


def run_reject(session: Session, setting: Setting, service: Service) -> Staged:
    """Reject what a person has rejected; an approval whose time ran out leaves the models as they are."""
    approval = service.find_approval(setting.pipeline, setting.execution)
    if approval is None or approval.approved:
        session.say("          nobody has rejected anything: the models stay as they are")
        return Staged(exports={})
    uri = f"s3://{setting.artifacts}/{session.target.prefix}runs/{setting.execution}/{RUN}"
    try:
        session.target.store.fetch(uri, session.workspace.build / RUN)
    except KeyError as error:
        message = f"there is no record of the run in '{uri}'"
        raise InputProblems(Problem(id="PB449", message=message)) from error
    decision = Decision(status=ApprovalStatus.REJECTED, by=approval.by, comment=approval.comment)
    record = session.decisions.check_record(session.runs.record(handed_on=True))
    answered = read_answer(approval.comment, record)
    record = _done(session.decide(record, decision, answered.arns, named=answered.named)) if answered.arns else record
    _keep(session, setting, record)
    return Staged(exports={}, record=record)


def render_exports(exports: Mapping[str, str]) -> str:
    """Return the variables as lines for a shell, each no longer than CodePipeline takes.

    Values are quoted: commits' subjects, and what goes wrong, are other people's words.
    """
    import shlex

    values = {name: inert_text(value)[:MOST_TEXT] for name, value in exports.items()}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
