"""Factories: the section that names one, and the steps that it has made, as steps of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pipeline_builder.documents.expressions import Expression, is_expression
from pipeline_builder.documents.fields import Names
from pipeline_builder.documents.schema import Section
from pipeline_builder.manifest.paths import RelativePath

if TYPE_CHECKING:
    from pipeline_builder.conf.conf import StepSection
    from pipeline_builder.documents.source import DataPath

KEY = "sdk"


class SdkSection(Section):
    """Steps that the SageMaker SDK makes: a function in the repository returns them."""

    entry_point: RelativePath = Field(description="the Python file with the function, in the source directory")
    function: str = Field("build", pattern=r"^[A-Za-z_]\w*$", description="name of the function")
    version: Literal[2, 3] = Field(2, description="of the SageMaker SDK")
    chained: Names = Field(
        (),
        alias="chain_input_source_step",
        description="steps of other models that the function gets, besides those of its own",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSteps:
    """What a factory has made: steps as a definition has them, and the content of files that they name."""

    steps: tuple[Mapping[str, Any], ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


def sections_of(made: MadeSteps, path: DataPath) -> Iterator[StepSection]:
    """Yield each step as a conf's list would have it: all of it stands in `arguments`, and at the factory's `path`.

    Whatever is wrong in it is found where those of confs are looked at.
    """
    from pipeline_builder.conf.conf import DependencySection, StepSection

    for step in made.steps:
        kind, name = str(step["Type"]), str(step["Name"])
        body = {key: value for key, value in step.items() if key not in ("Name", "Type", "DependsOn")}
        waits = [
            DependencySection(step=one)
            if isinstance(one, str)
            else DependencySection(step=one["Step"], trigger=one["Trigger"])
            for one in step.get("DependsOn") or ()
        ]
        yield StepSection.model_construct(
            step_name=name,
            step_class="Raw",
            step_type=kind,
            depends_on=tuple(waits),
            arguments={key: _placed(value, path) for key, value in body.items()},
        )


def _placed(value: Any, path: DataPath) -> Any:
    """Return a value whose references stand at the path; texts are what they are."""
    if isinstance(value, list):
        return [_placed(item, path) for item in value]
    if isinstance(value, dict):
        inner = {key: _placed(item, path) for key, item in value.items()}
        return Expression(inner, path) if is_expression(inner) else inner
    return value
