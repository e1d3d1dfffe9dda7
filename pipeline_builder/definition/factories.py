"""What is asked for the steps of factories: a stage before composing, which is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_builder.conf.conf import ModelConf, PipelineSection
from pipeline_builder.conf.sdk import KEY, MadeSteps
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import refuse


@dataclass(frozen=True, slots=True)
class Factories:
    """The confs, and all else that decides what their factories are given."""

    confs: list[ModelConf]
    settings: Settings = field(kw_only=True)
    rules: Mapping[str, Rules] = field(kw_only=True)
    training_dir: Path = field(kw_only=True)
    source: str = field(default="", kw_only=True)

    @property
    def pipeline(self) -> PipelineSection | None:
        """The pipeline, where there is one: whether there is exactly one is looked at with the graph."""
        return next((conf.section.pipeline for conf in self.confs if conf.section.pipeline), None)

    def __iter__(self) -> Iterator[tuple[str, ModelConf]]:
        """Yield each model that has a factory and is in the pipeline, with its conf."""
        listed = self.pipeline.models if self.pipeline else {}
        for conf in self.confs:
            for name, model in conf.section.models.items():
                if model.sdk and name in listed:
                    yield name, conf


FactoryBuilder = Callable[[Factories], tuple[Mapping[str, MadeSteps], list[Problem]]]
"""Returns what each model's factory has made, and every problem with them; the SDK's is in `sdk/`."""


def factory_place(conf: ModelConf, model: str, *keys: str) -> Place:
    """Return the place of a factory, or of a key of its section."""
    return conf.document.place(("conf", "models", model, KEY, *keys), key=not keys)


def refusals(asking: Factories) -> Iterator[Problem]:
    """Yield a problem for every factory whose repository's policy doesn't allow any."""
    for name, conf in asking:
        rules = asking.rules[conf.repo]
        if not rules.factories:
            message = f"the model '{name}' has its steps made by a function, which runs when they are composed"
            place = factory_place(conf, name)
            yield refuse(rules, "factories", True, problem_id="PB917", message=message, place=place)


def build_nothing(asking: Factories) -> tuple[Mapping[str, MadeSteps], list[Problem]]:
    """Run no factory: where steps would be made, nothing is composed."""
    message = "the steps of the model '{}' are made by a function, and none is run here"
    return {}, [
        Problem(id="PB917", message=message.format(name), place=factory_place(conf, name)) for name, conf in asking
    ]


def build_none_allowed(asking: Factories) -> tuple[Mapping[str, MadeSteps], list[Problem]]:
    """Run no factory, and say only which aren't allowed: nobody's code runs because somebody asks for a policy."""
    return {}, [*refusals(asking)]
