"""What an execution starts with: commits, data, which models it uses and which day it is about, each looked up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline_builder.errors import InputProblems, OutsideFailure, PlanRefused, Problem
from pipeline_builder.release.parameters import check_given, data_fingerprints, start_parameters

if TYPE_CHECKING:
    from pipeline_builder.definition.composed import Composed, Definition
    from pipeline_builder.descriptions import Execution
    from pipeline_builder.manifest.lock import Lock
    from pipeline_builder.release.resolving import Used
    from pipeline_builder.target import Target

_DENIED = "PB704"


@dataclass(kw_only=True)
class Starting:
    """`given` are values of pipeline parameters, `date` is the logical date of an inference run, now where it is empty;
    `held` are the versions of groups that are used instead of champions, `say` gets a line about each model that is
    used.
    """

    composed: Composed
    target: Target
    lock: Lock
    given: Mapping[str, str]
    date: str
    say: Callable[[str], None]
    held: Mapping[str, int] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, str]:
        """What an execution starts with.

        Raises:
            InputProblems: PB505, PB231 to PB245 for a given one that mustn't be given, PB963 to PB966 for a model that
                isn't there to be used.
        """
        definition = self.composed.definition
        check_given(self.given, definition.own_parameters, lambda: self.composed.policed)
        self.uses  # noqa: B018 - says them, before anything is done with them
        used = {name: used.value for name, used in self.models.items()}
        own = start_parameters(definition, self.lock, self.fingerprints)
        return own | dict(self._labels) | used | self._dates | dict(self.given)

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Those of the data."""
        return data_fingerprints(self.composed.definition, self.target.store, {**self._dates, **self.given})

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        """Where a Monitor step finds labels that come later."""
        if self.composed.definition.kind != "inference":
            return {}
        from pipeline_builder.release.scoring.labels import find_labels

        return find_labels(self.composed.definition, self.target, {**self._dates, **self.given})

    def check_inputs(self) -> None:
        """Look whether what an inference run reads is there, before it starts: what is deployed needs none yet.

        Raises:
            InputProblems: PB974, PB979 for data of the logical date that isn't there.
        """
        if self.composed.definition.kind != "inference":
            return
        from pipeline_builder.release.scoring.inputs import check_inputs

        values = {**self._dates, **self.given}
        check_inputs(self.composed, self.target.store, values, self.logical_date)

    @cached_property
    def models(self) -> Mapping[str, Used]:
        """The model packages that an inference run uses, by parameter."""
        if not (definition := self.composed.definition).models:
            return {}
        from pipeline_builder.release.resolving import resolve_models

        try:
            return resolve_models(definition, self.target, self.held)
        except InputProblems as error:
            raise InputProblems(*find_misdated(definition, self.date), *error.problems) from error

    def find_unusable(self) -> tuple[Problem, ...]:
        """Return why the models that a run would use can't be; a warning where they may only have to be made first."""
        from pipeline_builder.release.resolving import NOT_READY

        try:
            self.models  # noqa: B018 - for what is wrong with them
        except (InputProblems, PlanRefused, OutsideFailure) as error:
            may = {*NOT_READY, _DENIED}
            return tuple(replace(problem, warning=problem.id in may) for problem in error.problems)
        return ()

    @property
    def images(self) -> frozenset[str]:
        """The images of the model packages that a run would make models of."""
        made = (one for name, one in self.models.items() if one.use.what == "package" and self._names(name))
        return frozenset(image for one in made for image in one.images if not one.use.is_foreign)

    def _names(self, parameter: str) -> bool:
        """Tell whether a step takes a parameter."""
        return f'"Parameters.{parameter}"'.encode() in self.composed.definition.content

    def use_again(self, execution: Execution) -> None:
        """Refuse to go on with an execution whose model packages aren't approved any more, or aren't what was approved.

        Raises:
            InputProblems: PB965.
            PlanRefused: PB461, PB462.
        """
        if self.composed.definition.models:
            from pipeline_builder.release.resolving import check_started

            known = self.target.pipelines.describe_execution(execution.arn) or execution  # a listing tells less
            check_started(self.composed.definition, known.parameters, self.target)

    @cached_property
    def uses(self) -> tuple[str, ...]:
        """What an inference run takes from its start, in words, which are said as soon as it is known."""
        found: tuple[str, ...] = ()
        if self.models:
            from pipeline_builder.release.resolving import describe_used

            found = tuple(describe_used(self.models.values()))
        if self.composed.definition.dates:
            found = (*found, f"the logical date {self.logical_date}")
        for words in found:
            self.say(f"uses      {words}")
        return found

    @cached_property
    def logical_date(self) -> str:
        """The day, or the hour, that an inference run is about: what was asked for, or else now."""
        return read_date(self.composed.definition, self.date)

    @property
    def asked_date(self) -> str:
        """The logical date of an inference run, empty of another."""
        return self.logical_date if self.composed.definition.kind == "inference" else ""

    @property
    def _dates(self) -> dict[str, str]:
        if not (definition := self.composed.definition).dates:
            return {}
        from pipeline_builder.release.resolving import date_parameters

        return dict(date_parameters(definition, self.logical_date))


def read_date(definition: Definition, text: str) -> str:
    """Return the logical date of a run that was asked for by this text, now where it is empty.

    Raises:
        InputProblems: PB891 for what is no date of this pipeline.
    """
    from pipeline_builder.release.scoring.dates import logical_date

    return logical_date(text, hourly="hour" in definition.dates.values(), now=datetime.now(timezone.utc))


def find_misdated(definition: Definition, text: str) -> tuple[Problem, ...]:
    """Return what is wrong with the logical date that an inference run was asked for."""
    try:
        if definition.kind == "inference":
            read_date(definition, text)
    except InputProblems as error:
        return error.problems
    return ()
