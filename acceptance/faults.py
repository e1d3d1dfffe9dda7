"""What can go wrong with AWS on the way, and leaves the rest of an acceptance to be done."""

from __future__ import annotations

from acceptance.ground import NotSeen, Otherwise
from pipeline_builder.errors import PipelineBuilderError

FAULTS = (PipelineBuilderError, Otherwise, NotSeen)
