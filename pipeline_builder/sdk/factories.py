"""Factories: each is run once for all that decides about its steps, and what it says is looked at like any conf."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_builder.conf.conf import ModelConf, StepSection
from pipeline_builder.conf.scripts import find_source_directory
from pipeline_builder.conf.sdk import MadeSteps, SdkSection
from pipeline_builder.definition.bundle import Bundle, Bundler
from pipeline_builder.definition.factories import Factories, factory_place, refusals
from pipeline_builder.definition.roles import role_of
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.machine.code import fingerprint_package
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.resolving import Resolving
from pipeline_builder.machine.streams import write_file
from pipeline_builder.sdk.answers import Failure, WrongAnswerError, read_answer
from pipeline_builder.sdk.environment import SdkEnvironment
from pipeline_builder.sdk.failures import failed, wrong
from pipeline_builder.sdk.room import ROLE, Left, Room
from pipeline_builder.sdk.uploads import Uploads

_KIND, _FOLDER = "factory", "factories"
_AT_ONCE = 4
# The type of a step in the definition, where its class has another name.
_TYPES = {"Metrics": "Processing", "CreateModel": "Model", "NotebookJob": "Training"}
# SageMaker's names of Regions are those that the SDK knows; the local target's definitions name the images of this one.
_LOCAL_REGION = "us-east-1"
Found = tuple[Mapping[str, MadeSteps], list[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """One factory: its section, its code, what it is given, and the role of its repository, which it never sees."""

    model: str
    conf: ModelConf
    section: SdkSection
    code: Bundle
    given: Mapping[str, Any]
    base: str
    role: str

    @property
    def key(self) -> str:
        """All that decides about its steps, besides the SDK's lock and our own code."""
        return json.dumps({"code": self.code.sha256, "base": self.base, **self.given}, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Has steps made: in the `room`, by the SDK's environment among `environments`.

    What was made is `kept`, and handed on in a folder of the build, so that its later stages run no factory again; both
    only within one version of our `code`.
    """

    room: Room
    environments: Path
    kept: Kept
    handed: Path
    say: Callable[[str], None]
    code: str = field(default_factory=fingerprint_package)

    def __call__(self, asking: Factories) -> Found:
        """Return the steps of each model, and every problem; where one can't be made, all others are.

        Raises:
            OutsideFailure: PB915 where the SDK isn't to be had, PB924 where this machine can't keep factories apart.
        """
        problems = [*refusals(asking)]
        if problems:
            return {}, problems
        factories = list(_factories(asking, problems))
        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            try:
                done = [*pool.map(partial(self._made, stop=stop), factories)]
            except BaseException:
                stop.set()  # interrupted: what runs keeps nobody
                raise
        made = {}
        for factory, found in zip(factories, done, strict=True):
            if isinstance(found, MadeSteps):
                steps = tuple(_with_role(step, factory.role) for step in found.steps)
                made[factory.model] = replace(found, steps=steps)
            else:
                problems.extend(found)
        return made, problems

    def _made(self, factory: Factory, stop: threading.Event) -> MadeSteps | tuple[Problem, ...]:
        environment = SdkEnvironment(factory.section.version, self.environments, self.say)
        key = f"{environment.digest} {factory.key}"
        if known := _read(self.kept.get(_KIND, key)) or self._handed(key):
            self._hand(key, known)
            return known
        try:
            made = self._run(factory, environment, stop)
        except InputProblems as error:
            return error.problems
        except OutsideFailure as error:
            return tuple(at_factory(factory, problem) for problem in error.problems)
        self.kept.put(_KIND, key, _written(made))
        self._hand(key, made)
        return made

    def _run(self, factory: Factory, environment: SdkEnvironment, stop: threading.Event) -> MadeSteps:
        python = environment.python(alone=True, stop=stop)
        self.say(f"the steps of the model '{factory.model}' are made with the SageMaker SDK {environment.release}")
        with self.room.run(factory.model, python, factory.code, factory.given, stop=stop) as left:
            return _steps(factory, left)

    def _handed(self, key: str) -> MadeSteps | None:
        try:
            return _read(json.loads(self._file(key).read_bytes()))
        except (OSError, ValueError):
            return None

    def _hand(self, key: str, made: MadeSteps) -> None:
        write_file(self._file(key), json.dumps(_written(made)).encode())

    def _file(self, key: str) -> Path:
        return self.handed / _FOLDER / f"{hashlib.sha256(f'{self.code} {key}'.encode()).hexdigest()}.json"


def at_factory(factory: Factory, problem: Problem) -> Problem:
    """Return a failure outside at the place of the factory that it is about."""
    return Problem(
        id=problem.id, message=problem.message, hint=problem.hint, place=factory_place(factory.conf, factory.model)
    )


def _steps(factory: Factory, left: Left) -> MadeSteps:
    if left.ended:
        raise InputProblems(wrong(factory.conf, factory.model, "PB922", left.ended, left.said))
    try:
        answer = read_answer(left.answer)
    except WrongAnswerError as error:
        raise InputProblems(wrong(factory.conf, factory.model, "PB923", str(error), left.said)) from error
    if isinstance(answer, Failure):
        raise InputProblems(failed(factory.conf, factory.model, factory.section, factory.code, answer))
    uploads = Uploads(bucket=factory.given["bucket"], base=factory.base, objects=left.objects)
    try:
        steps = tuple(uploads.rewritten(step) for step in answer)
    except InputProblems as error:
        raise InputProblems(*(at_factory(factory, problem) for problem in error.problems)) from error
    return MadeSteps(steps=steps, files=uploads.files)


def _with_role(value: Any, role: str) -> Any:
    """Return a value with the repository's own role where the one stands that a factory is given for it."""
    if isinstance(value, str):
        return value.replace(ROLE, role)
    if isinstance(value, dict):
        return {key: _with_role(item, role) for key, item in value.items()}
    return [_with_role(item, role) for item in value] if isinstance(value, list) else value


def _factories(asking: Factories, problems: list[Problem]) -> Iterator[Factory]:
    """Yield the factories that can be run; whose folder isn't there is said where the graph is made."""
    for model, conf in asking:
        section = conf.section.models[model].sdk
        assert section is not None
        asked = conf.section.models[model].source_directory or asking.source
        folder = find_source_directory(model, asked, conf, Resolving(asking.training_dir), [])
        if folder is None:
            continue
        code = Bundler().bundle(folder, entry_point=section.entry_point)
        if section.entry_point not in code.files:
            problems.append(_without_file(conf, model, section, code))
            continue
        base = asking.settings.base(asking.pipeline.name) if asking.pipeline else ""
        found = len(problems)
        given = _given(asking, model, conf, section, problems)
        role = role_of(asking.settings, conf.repo)
        if len(problems) == found:  # what is wrong with it is said without a run
            yield Factory(model=model, conf=conf, section=section, code=code, given=given, base=base, role=role)


def _without_file(conf: ModelConf, model: str, section: SdkSection, code: Bundle) -> Problem:
    message = f"the file '{section.entry_point}' of the factory is not in the source directory, or left out of its code"
    place = factory_place(conf, model, "entry_point")
    return Problem(id="PB918", message=message, place=place, hint=did_you_mean(section.entry_point, code.files))


def _given(
    asking: Factories, model: str, conf: ModelConf, section: SdkSection, problems: list[Problem]
) -> dict[str, Any]:
    pipeline, settings = asking.pipeline, asking.settings
    assert pipeline is not None
    return {
        "version": section.version,
        "entry_point": section.entry_point,
        "function": section.function,
        "pipeline": pipeline.name,
        "region": _LOCAL_REGION if settings.region == "local" else settings.region,
        "bucket": settings.bucket,
        "prefix": f"{settings.prefix}{pipeline.name}/{conf.repo}",
        "role": ROLE,
        "python": sys.version_info[:2],
        "parameters": [one.model_dump(include={"name", "type", "default"}) for one in pipeline.parameters],
        "steps": [*_handles(asking, model, conf, section, problems)],
    }


def _handles(
    asking: Factories, model: str, conf: ModelConf, section: SdkSection, problems: list[Problem]
) -> Iterator[dict[str, Any]]:
    assert asking.pipeline is not None
    models = {name: one.section.models[name] for one in asking.confs for name in one.section.models}
    listed = {step.step_name: (name, step) for name, steps in asking.pipeline.models.items() for step in steps.steps}
    for name in section.chained:
        if name not in listed:
            place = factory_place(conf, model, "chain_input_source_step")
            hint = did_you_mean(name, listed)
            problems.append(Problem(id="PB313", message=f"there is no step '{name}'", place=place, hint=hint))
    for name, (owner, step) in listed.items():
        if owner == model or name in section.chained:
            metrics = models[owner].evaluate if owner in models and step.step_class == "Metrics" else None
            files = [[metrics.output_name, metrics.output_name, metrics.file]] if metrics else []
            yield {"name": name, "type": _type_of(step), "files": files}


def _type_of(step: StepSection) -> str:
    return step.step_type if step.step_class == "Raw" else _TYPES.get(step.step_class, step.step_class)


def _written(made: MadeSteps) -> dict[str, Any]:
    files = {uri: base64.b64encode(content).decode() for uri, content in made.files.items()}
    return {"steps": list(made.steps), "files": files}


def _read(found: Any) -> MadeSteps | None:
    """Return what was kept, or handed on; None where it isn't what was written."""
    try:
        files = {str(uri): base64.b64decode(content, validate=True) for uri, content in found["files"].items()}
        steps = read_answer(json.dumps({"steps": found["steps"]}).encode())
    except (TypeError, KeyError, AttributeError, ValueError):
        return None
    return MadeSteps(steps=tuple(steps), files=files) if isinstance(steps, list) else None
