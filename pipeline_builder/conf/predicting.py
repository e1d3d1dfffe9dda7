"""Which step of an inference conf's model makes predictions, and which one's output is published."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_builder.conf.belonging import channel_of
from pipeline_builder.conf.units import Step

_SCORING = ("Transform", "Processing")


def predicting(steps: Sequence[Step]) -> Step | None:
    """Return the step of a model, in the order of the graph, whose output is what is published: that of the section
    `postprocess`, else the last one that scores.
    """
    after = [step for step in steps if step.step_class in _SCORING and step.section_name == "postprocess"]
    return after[-1] if after else scored_by(steps)


def scored_by(steps: Sequence[Step]) -> Step | None:
    """Return the step that makes predictions of rows: a Transform, or a Processing job with the model mounted."""
    scoring = [s for s in steps if s.step_class == "Transform" or (s.step_class == "Processing" and channel_of(s))]
    return scoring[-1] if scoring else None
