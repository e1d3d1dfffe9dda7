"""A step's finished request as its repository asks for it, and where in the conf each member of it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_builder.conf.containers import containers_of
from pipeline_builder.conf.edges import nested_names
from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, TrainSection, TransformSection
from pipeline_builder.definition.policy.known import Known
from pipeline_builder.definition.steps.data import file_uri
from pipeline_builder.definition.steps.keys import place_of
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import at, member_at
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import Refused, refuse

# The structure of a request that says whether the job has a network, where that isn't the request itself.
_NETWORKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Processing", "QualityCheck", "ClarifyCheck"), ("NetworkConfig",)),
    "Tuning": ("TrainingJobDefinition",),
}
_NAMES = ("OutputName", "InputName", "ChannelName")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The composed step `name` with its type and request; `step` is the conf's that it was composed for."""

    name: str
    type: str
    request: JSON
    step: Step
    rules: Rules
    known: Known

    @property
    def own(self) -> bool:
        """Whether the conf lists it, by itself or within a condition, and it isn't one that was made for another."""
        return self.name == self.step.name or self.name in nested_names(self.step)

    @property
    def is_isolated(self) -> bool:
        """Whether the request has network isolation, wherever one of its type says so."""
        path = _NETWORKS.get(self.type, ())
        value = member_at(self.request, (*path, "EnableNetworkIsolation"))
        return self.known.meaning(value).text == "true"

    def refuse(self, problem_id: str, key: str, value: Any, message: str, path: DataPath) -> Refused:
        """Return the problem with a member at the path, which the policy's key would allow."""
        return refuse(self.rules, key, value, problem_id=problem_id, message=self.said(message), place=self.place(path))

    def said(self, message: str) -> str:
        """Return a message that begins with the step."""
        return f"step '{self.name}': {message}"

    def forbid(self, problem_id: str, message: str, path: DataPath, hint: str, *related: Place) -> Refused:
        """Return the problem with a member at the path that nothing allows."""
        return Refused(id=problem_id, message=self.said(message), place=self.place(path), hint=hint, related=related)

    def place(self, path: DataPath) -> Place:
        """Return where in the conf a member of the request comes from: `arguments`, a data file, a key, the step."""
        return self._argument(path) or self._file(path) or self._section(path) or place_of(self.step, path)

    def _argument(self, path: DataPath) -> Place | None:
        step, unit = self.step, self.step.unit
        if not self.own:
            return None
        section = "registry" if step.step_class == "RegisterModel" else step.tune_name or step.section_name
        job = unit.section.registry if section == "registry" else step.own or step.call
        below = _match(step.asked.arguments, self.request, path)
        if below:
            return step.conf.document.place((*step.path, "arguments", *below))
        below = _match(job.arguments if job else {}, self.request, path)
        if below:
            return unit.conf.document.place((*unit.path, section, "arguments", *below))
        below = _match(step.job.arguments, at(self.request, path[:1]), path[1:]) if step.tune_name and step.job else ()
        return step.section_place("arguments", *below) if below else None

    def _file(self, path: DataPath) -> Place | None:
        """A data file whose address it is."""
        uri = at(self.request, path)
        for name, channel in self.step.job.channels.items() if self.own and self.step.job else ():
            for index, file in enumerate(channel.data_files):
                if file_uri(channel, file) == uri:
                    return self.step.section_place("channels", name, "dataFiles", index, "fileName")
        start = isinstance(self.step.job, TrainSection) and self.own and uri and self.step.job.model_data_uri == uri
        return self.step.section_place("model_data_uri") if start else None

    def _section(self, path: DataPath) -> Place | None:
        """The prefix that a channel gives to what the step writes; the image that the registry's section has."""
        job = self.step.job
        if path[-1] == "Image" and self.step.section_name == "registry" and not containers_of(self.step):
            return self.step.section_place("InferenceSpecification", "image_uri")
        if not self.own or not {"S3OutputPath", "S3Output"} & set(path):
            return None
        for name, channel in job.channels.items() if isinstance(job, TransformSection) else ():
            if channel.bucket:
                return self.step.section_place("channels", name)
        for name, measured in job.channels.items() if isinstance(job, EvaluateSection) else ():
            if measured.output_prefix:
                return self.step.section_place("channels", name, "bucket_prefix")
        return None


def _match(arguments: Any, request: JSON, path: DataPath) -> DataPath:
    """Return the path below `arguments` that a member of the request comes from; empty where it isn't from there.

    Lists of named entries are merged by their names, so that the positions differ.
    """
    found: list[str | int] = []
    for part in path:
        request = at(request, (part,))
        if isinstance(arguments, dict) and part in arguments:
            found.append(part)
        elif isinstance(arguments, list) and (index := _index(arguments, request, part)) is not None:
            found.append(index)
        else:
            return ()
        arguments = arguments[found[-1]]
    return tuple(found)


def _index(arguments: list[Any], item: JSON, part: str | int) -> int | None:
    names = {key: value for key in _NAMES if (value := member_at(item, (key,))) is not None}
    for index, argument in enumerate(arguments):
        if argument == item or any(isinstance(argument, Mapping) and argument.get(k) == v for k, v in names.items()):
            return index
    return part if isinstance(part, int) and part < len(arguments) and not names else None
