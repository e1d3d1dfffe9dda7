"""The code of the steps: each step's bundle, and where it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_builder.conf.calls import LambdaSection
from pipeline_builder.conf.containers import containers_of
from pipeline_builder.conf.graph import Graph, Step
from pipeline_builder.conf.units import Unit
from pipeline_builder.definition.bundle import ARCHIVE, Bundle, Bundler
from pipeline_builder.definition.handing import launcher_files
from pipeline_builder.definition.lists import inclusions
from pipeline_builder.documents.source import Source
from pipeline_builder.documents.values import Settings
from pipeline_builder.errors import Problem
from pipeline_builder.inert import inert_line, is_unicode
from pipeline_builder.monitoring.shipped import job_files

_SETUP = "setup.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The s3:// address of the code of each step that has some, the bundle that goes to each address, and the step's
    own: the same may lie in several folders.
    """

    addresses: Mapping[str, str] = field(default_factory=dict)
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
    own: Mapping[str, Bundle] = field(default_factory=dict)

    @property
    def requirements(self) -> frozenset[str]:
        """The steps whose bundle has a requirements.txt."""
        return frozenset(step for step, uri in self.addresses.items() if self.bundles[uri].has_requirements)

    @property
    def packages(self) -> frozenset[str]:
        """The steps whose bundle has a setup.py, by which a toolkit installs it as a package."""
        return frozenset(step for step, uri in self.addresses.items() if _SETUP in self.bundles[uri].files)


def bundle_code(graph: Graph, settings: Settings) -> Code:
    """Bundle the code of every step; the address of a bundle is that of its content."""
    addresses: dict[str, str] = {}
    bundles: dict[str, Bundle] = {}
    own: dict[str, Bundle] = {}
    bundler = Bundler()
    for step in graph.steps:
        bundle = _bundle(step, bundler)
        if bundle is None:
            continue
        uri = f"{settings.base(graph.pipeline)}/code/{bundle.sha256}/{ARCHIVE}"
        addresses[step.name] = uri
        bundles[uri] = own[step.name] = bundle
    return Code(addresses=addresses, bundles=bundles, own=own)


def _bundle(step: Step, bundler: Bundler) -> Bundle | None:
    """Return the code of the step's script; for the model steps that is the inference code."""
    section, call = step.unit.section, step.call
    if isinstance(call, LambdaSection):
        return _handler(step, call, bundler)
    job = step.job if step.step_class != "Transform" else None
    if step.step_class in ("CreateModel", "RegisterModel"):
        job = None if step.unit.infers else section.transform  # the package has its own
    scripts = [one.entry_point for one in containers_of(step) if one.entry_point]
    if scripts:
        own = [job.entry_point] if job and job.entry_point else []
        return _of_containers(step, [*own, *scripts], bundler, job.include if job else ())
    if job is None or not job.entry_point:
        return None
    if job.brings_code:
        from pipeline_builder.conf.monitoring import WatchSection

        assert isinstance(job, WatchSection)
        return bundler.of_files(step.unit.source_directory, job_files(job.settings))
    added = launcher_files(job) if step.job is job else {}
    others = _entry_points(step.unit)
    return bundler.bundle(
        step.unit.source_directory, entry_point=job.entry_point, others=others, include=job.include, added=added
    )


def _handler(step: Step, call: LambdaSection, bundler: Bundler) -> Bundle | None:
    """Return the code of a function's handler, without the scripts of the model's jobs that it doesn't mention."""
    if call.entry_point is None:
        return None
    unit = step.unit
    return bundler.bundle(
        unit.source_directory, entry_point=call.entry_point, others=_entry_points(unit), include=call.include
    )


def _entry_points(unit: Unit) -> list[str]:
    handlers = [call.entry_point for call in unit.calls.values() if isinstance(call, LambdaSection)]
    factory = unit.section.sdk.entry_point if unit.section.sdk else None
    return [name for name in (*(job.entry_point for job in unit.jobs.values()), *handlers, factory) if name]


def _of_containers(step: Step, scripts: list[str], bundler: Bundler, include: tuple[str, ...]) -> Bundle:
    """Return the code of a model of several containers: what each of their scripts needs."""
    jobs = step.unit.jobs.values()
    others = [str(other.entry_point) for other in jobs if other.entry_point and other.entry_point not in scripts]
    kept = (*include, *scripts) if include else ()
    return bundler.bundle(step.unit.source_directory, entry_point=scripts[0], others=others, include=kept)


def missing_lists(graph: Graph, code: Code) -> Iterator[Problem]:
    """Yield every list of requirements that another includes and that isn't in the bundle: pip would not find it."""
    said: set[tuple[str, str, int]] = set()
    for step in graph.steps:
        bundle = code.bundles.get(code.addresses.get(step.name, ""))
        for name, number, inner in inclusions(bundle.folder) if bundle and bundle.has_requirements else ():
            key = (str(bundle.folder) if bundle else "", name, number)
            if bundle is None or inner in bundle.files or name not in bundle.files or key in said:
                continue
            said.add(key)
            label = f"{folder_label(step, bundle)}/{name}".replace(":/", ":")
            text = (bundle.folder / name).read_text("utf-8", "replace")
            message = f"'{name}' includes '{inner}', which is not in the code of step '{step.name}'"
            hint = "lists lie in the source directory, where neither .smpignore nor what is always left out names them"
            yield Problem(id="PB250", message=message, place=Source(label, text).place(number, 1), hint=hint)


def unreadable_names(graph: Graph, code: Code) -> Iterator[Problem]:
    """Yield every file of the code whose name can't be written down, and so not be unpacked everywhere."""
    said: set[tuple[str, str]] = set()
    for step in graph.steps:
        bundle = code.own.get(step.name)
        for name in bundle.files if bundle else ():
            if bundle is None or is_unicode(name) or (key := (str(bundle.folder), name)) in said:
                continue
            said.add(key)
            message = f"step '{step.name}': its code has the file '{inert_line(name)}', whose name is not UTF-8"
            hint = f"give it another name in '{folder_label(step, bundle)}', or leave it out by '.smpignore'"
            yield Problem(id="PB193", message=message, place=step.place, hint=hint)


def folder_label(step: Step, bundle: Bundle) -> str:
    """Return the bundle's folder as people know it, with the repository and its commit."""
    inside, base = bundle.folder.resolve(), step.unit.conf.folder.resolve()
    path = inside.relative_to(base).as_posix() if inside.is_relative_to(base) else inside.name
    repo = step.unit.conf.document.source.label.partition(":")[0]
    return f"{repo}:{path}" if path != "." else f"{repo}:"
