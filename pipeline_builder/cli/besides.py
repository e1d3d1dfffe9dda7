"""What a watch runs besides what was pushed: a pipeline for which data, an approval or a request has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pipeline_builder.cli.boundary import show_failure
from pipeline_builder.cli.output import problems_json, say, show, show_line
from pipeline_builder.cli.pipelines import declared_by
from pipeline_builder.errors import ExitCode, InputProblems, PipelineBuilderError, Problem, render_problem
from pipeline_builder.machine.collector import collect_all
from pipeline_builder.machine.deadline import TimeIsUpError

if TYPE_CHECKING:
    from pipeline_builder.checkout.heads import Inputs
    from pipeline_builder.gitops.due import Due, Known
    from pipeline_builder.gitops.surroundings import Around, Loaded, Ran
    from pipeline_builder.session import Session
    from pipeline_builder.target import Target


class Done(NamedTuple):
    """What the whole job of a pipeline came to: its exit code, and what is said of it as JSON and as text."""

    code: int
    result: Mapping[str, object]
    text: str


Job = Callable[["Session"], Done]


def make_around(job: Job, given: Mapping[str, str], *, as_json: bool) -> Around:
    """Return what a watch needs for what starts pipelines besides pushes; `job` does the whole job of one."""
    from pipeline_builder.gitops.surroundings import Around

    open_: list[tuple[Loaded, Target]] = []

    def target(loaded: Loaded) -> Target:
        if not open_ or open_[0][0] is not loaded:
            open_[:] = [(loaded, _session(loaded).target)]
        return open_[0][1]

    def start(loaded: Loaded, inputs: Inputs, due: Due) -> Ran:
        return _start(loaded, inputs, due, job, given, as_json=as_json)

    return Around(target=target, known=_known, start=start)


def _session(loaded: Loaded) -> Session:
    from pipeline_builder.session import Session

    return Session(
        loaded.workspace, say=say, warn=lambda problem: say(render_problem(problem)), manifest=loaded.manifest
    )


def _known(loaded: Loaded) -> tuple[Known, ...]:
    """Return what the confs say of each pipeline; of one that can't be composed that it is so."""
    from pipeline_builder.gitops.confs import known_of
    from pipeline_builder.gitops.due import Known

    session = _session(loaded)
    session.warn = _unsaid
    found = []
    for entry in (one for one in loaded.manifest.pipelines if loaded.only in ("", one.name)):
        name = session.names.get(entry.name, "")
        if entry.is_inference:
            try:
                found.append(known_of(entry, session.of(entry.name).composed))
                continue
            except InputProblems:
                pass  # which its run says
        if name:
            found.append(Known(entry=entry, name=name, broken=entry.is_inference))
    return tuple(found)


def _unsaid(problem: Problem) -> None:
    """Leave out a warning that each run says."""
    del problem


def _start(loaded: Loaded, inputs: Inputs, due: Due, job: Job, given: Mapping[str, str], *, as_json: bool) -> Ran:
    """Run a pipeline that is due, for each of its dates; what fails for one doesn't keep the others."""
    from pipeline_builder.gitops.surroundings import Ran

    done = [(date, _one(session, job)) for date, session in _sessions(loaded, inputs, due, given)]
    code = next((one.code for _, one in done if one.code), ExitCode.OK)
    runs = [{**({"date": date} if date else {}), "code": int(one.code), **one.result} for date, one in done]
    said = {"code": int(code), "pipeline": due.pipeline, "cause": due.cause, "runs": runs}
    text = "\n".join(one.text for _, one in done if one.text)
    return Ran(code=code, tell=lambda: show_line(said) if as_json else show({}, as_json=False, text=text))


def _sessions(
    loaded: Loaded, inputs: Inputs, due: Due, given: Mapping[str, str]
) -> Iterator[tuple[str, Callable[[], Session]]]:
    """Yield each date, with what opens its session at the commits of the last run."""
    for date in (*due.dates, *due.labels) or ("",):

        def opened(date: str = date) -> Session:
            from pipeline_builder.checkout.heads import lock_of

            session = _session(loaded)
            session.date = date
            session.checkout(locked=False, at=lock_of(inputs))
            one = session.of(due.pipeline)
            one.given = _own(given, one)
            if date in due.labels:
                one.held = scored_with(one, date)
            return one

        yield date, opened


def _own(given: Mapping[str, str], session: Session) -> Mapping[str, str]:
    """Return the values of parameters that a pipeline has; another of the manifest may have the others."""
    names = declared_by(session) if given else ()
    return {name: value for name, value in given.items() if name in names}


def scored_with(session: Session, date: str) -> Mapping[str, int]:
    """Return the versions that a date was scored with, which its labels are about."""
    from pipeline_builder.release.scoring.ledger import read_day

    pipeline = session.composed.definition.pipeline
    days = (read_day(session.target, pipeline, model, date) for model in session.composed.graph.units)
    return {day.package.group: day.package.version for day in days if day and day.package.version}


def _one(opened: Callable[[], Session], job: Job) -> Done:
    try:
        return job(opened())
    except InputProblems as error:
        from pipeline_builder.release.scoring.inputs import MISSING

        if any(problem.id != MISSING for problem in error.problems):
            return Done(show_failure(error, wants_json=False), problems_json(error.problems), "")
        words = "; ".join(problem.message for problem in error.problems)
        say(f"{'watch':<9} left out: {words}")
        return Done(ExitCode.OK, {"left_out": words}, "")
    except (Exception, TimeIsUpError) as error:  # noqa: BLE001 - each run is a command of its own
        problems = error.problems if isinstance(error, PipelineBuilderError) else ()
        return Done(show_failure(error, wants_json=False), problems_json(problems), "")
    finally:
        collect_all()
