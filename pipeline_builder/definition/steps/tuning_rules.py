"""What has to go together in a tuning's section, and with the training that it varies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import TrainSection
from pipeline_builder.conf.tuning import RangeSection, TuneSection
from pipeline_builder.documents.expressions import Expression
from pipeline_builder.documents.schema import describe, did_you_mean
from pipeline_builder.errors import Problem

# Hyperparameters that say the epochs, as SageMaker looks for them [HyperbandStrategyConfig.MaxResource].
_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
_MOST_RANGES = 30
# Names that the toolkit takes for itself: code would come from a range.
_OWN_PREFIX = "sagemaker_"


def check_tuning(step: Step, tune: TuneSection, job: TrainSection, metrics: Sequence[str]) -> Iterator[Problem]:
    """Yield every problem of a tuning; `metrics` are the names that the log's metrics have."""
    yield from _objective(step, tune, metrics)
    yield from _ranges(step, tune, job)
    yield from _strategy(step, tune, job)
    yield from _limits(step, tune)


def _objective(step: Step, tune: TuneSection, metrics: Sequence[str]) -> Iterator[Problem]:
    name = tune.objective.metric
    if name not in metrics:
        message = f"step '{step.name}': nothing says how the objective '{name}' is found in the training's log"
        hint = did_you_mean(name, metrics) or "give it a 'regex' whose group is the number, such as 'auc: ([0-9.]+)'"
        yield Problem(id="PB851", message=message, place=step.tune_place("objective", "metric"), hint=hint)


def _ranges(step: Step, tune: TuneSection, job: TrainSection) -> Iterator[Problem]:
    for name, given in tune.ranges.items():
        place = step.tune_place("ranges", name)
        if name.startswith(_OWN_PREFIX):
            message = f"step '{step.name}': the hyperparameter '{name}' is the toolkit's own and can't be varied"
            yield Problem(id="PB850", message=message, place=place)
        elif name in job.hyperparameters and (why := _unlike(given, job.hyperparameters[name])):
            message = f"step '{step.name}': the range of '{name}' {why}"
            related = (step.section_place("hyperparams", name),)
            hint = "let both be of one type, or take the hyperparameter out: the range stands for it"
            yield Problem(id="PB850", message=message, place=place, related=related, hint=hint)
    if len(tune.ranges) > _MOST_RANGES:
        message = f"step '{step.name}' varies {len(tune.ranges)} hyperparameters, and SageMaker takes {_MOST_RANGES}"
        yield Problem(id="PB855", message=message, place=step.tune_place("ranges"))


def _unlike(given: RangeSection, value: object) -> str:
    """Return how a range differs from the value that the training by itself has; empty where it doesn't."""
    if isinstance(value, Expression):
        return ""
    match given.kind:
        case "categorical":
            wrong = next((item for item in given.values if _kind(item) not in (_kind(value), "")), None)
            return f"has {describe(wrong)}, and the training has {describe(value)}" if wrong is not None else ""
        case "integer" if not isinstance(value, int) or isinstance(value, bool):
            return f"is of integers, and the training has {describe(value)}"
        case "continuous" if not isinstance(value, int | float) or isinstance(value, bool):
            return f"is of numbers, and the training has {describe(value)}"
        case _:
            return ""


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) and not isinstance(value, Expression) else ""


def _strategy(step: Step, tune: TuneSection, job: TrainSection) -> Iterator[Problem]:
    said = _say(step)
    numbers = [name for name, given in tune.ranges.items() if given.kind != "categorical"]
    for name in numbers if tune.strategy == "grid" else ():
        hint = "list the values that it may have: [16, 32, 64]"
        yield said("PB853", f"the strategy 'grid' takes lists of values, and '{name}' has ends", ("ranges", name), hint)
    if tune.hyperband and tune.strategy != "hyperband":
        yield said("PB853", f"'hyperband' is for that strategy, and this is '{tune.strategy}'", ("hyperband",), None)
    if tune.strategy != "hyperband":
        return
    if tune.early_stopping:
        yield said("PB853", "the strategy 'hyperband' stops trainings by itself", ("early_stopping",), "take it out")
    most = tune.hyperband.max_resource if tune.hyperband else None
    least = tune.hyperband.min_resource if tune.hyperband else None
    if most is None and not any(name in job.hyperparameters for name in _EPOCHS):
        hint = "give 'hyperband: {max_resource: …}', or the training the hyperparameter 'epochs'"
        yield said(
            "PB853", "the strategy 'hyperband' has to know how many epochs there are at most", ("strategy",), hint
        )
    if isinstance(most, int) and isinstance(least, int) and least > most:
        where = ("hyperband", "min_resource")
        yield said("PB853", f"'min_resource' is {least}, and 'max_resource' {most}", where, None)


def _limits(step: Step, tune: TuneSection) -> Iterator[Problem]:
    said, jobs, parallel = _say(step), tune.max_jobs, tune.max_parallel_jobs
    if jobs is None and tune.strategy != "grid":
        hint = "every training costs: give 'max_jobs'"
        yield said(
            "PB855", f"nothing says how many trainings the strategy '{tune.strategy}' may run", ("ranges",), hint
        )
    if isinstance(jobs, int) and isinstance(parallel, int) and parallel > jobs:
        where = ("max_parallel_jobs",)
        yield said("PB855", f"{parallel} trainings at once are more than the {jobs} that there are", where, None)


def _say(step: Step) -> Callable[[str, str, tuple[str, ...], str | None], Problem]:
    def said(problem_id: str, message: str, keys: tuple[str, ...], hint: str | None) -> Problem:
        place = step.tune_place(*keys)
        return Problem(id=problem_id, message=f"step '{step.name}': {message}", place=place, hint=hint)

    return said
