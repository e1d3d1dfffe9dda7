"""The code of the steps: each step's bundle, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.definition.bundle import ARCHIVE, Bundle, Bundler
from pipeline_builder.definition.handing import launcher_files
from pipeline_builder.documents.values import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The s3:// address of the code of each step that has some, and the bundle that goes to each address."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    bundles: Mapping[str, Bundle] = field(default_factory=dict)

    @property
    def requirements(self) -> frozenset[str]:
        """The steps whose bundle has a requirements.txt."""
        return frozenset(step for step, uri in self.addresses.items() if self.bundles[uri].has_requirements)


def bundle_code(graph: Graph, settings: Settings) -> Code:
    """Bundle the code of every step; the address of a bundle is that of its content."""
    addresses: dict[str, str] = {}
    bundles: dict[str, Bundle] = {}
    bundler = Bundler()
    for step in graph.steps:
        bundle = _bundle(step, bundler)
        if bundle is None:
            continue
        uri = f"s3://{settings.bucket}/{graph.pipeline}/code/{bundle.sha256}/{ARCHIVE}"
        addresses[step.name] = uri
        bundles[uri] = bundle
    return Code(addresses=addresses, bundles=bundles)


def _bundle(step: Step, bundler: Bundler) -> Bundle | None:
    """Return the code of the step's script; for the model steps that is the inference code."""
    section = step.unit.section
    job = step.job if step.step_class != "Transform" else None
    if step.step_class in ("CreateModel", "RegisterModel"):
        job = section.transform
    if job is None or not job.entry_point:
        return None
    added = launcher_files(job) if step.job is job else {}
    others = [other.entry_point for other in step.unit.jobs.values() if other.entry_point]
    return bundler.bundle(
        step.unit.source_directory, entry_point=job.entry_point, others=others, include=job.include, added=added
    )
