"""This machine as the local target: how it runs jobs, by the manifest, and what of a definition it can't do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_builder.documents.source import load_yaml
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.passed import Passed
from pipeline_builder.manifest.local import LocalSection
from pipeline_builder.manifest.manifest import Manifest, build_local

if TYPE_CHECKING:
    from pipeline_builder.definition.bundle import Bundle
    from pipeline_builder.definition.composed import Composed
    from pipeline_builder.engine.execution.ability import Unable
    from pipeline_builder.engine.settings import LocalSettings

_NOT_HERE, _RUNS = "PB677", "runs"
_IMAGES = re.compile(rb'"(?:Image|ImageUri|TrainingImage)":"([^"]*)"')


def local_settings(root: Path, manifest: Manifest | None, jobs: int) -> LocalSettings:
    """Return how this machine runs jobs; `root` is the folder of the manifest, where there is one."""
    return _settings(root, manifest.local if manifest else None, jobs)


def _settings(root: Path, local: LocalSection | None, jobs: int) -> LocalSettings:
    from pipeline_builder.engine.jobs.limits import JobLimits
    from pipeline_builder.engine.jobs.requirements import image_lines
    from pipeline_builder.engine.settings import LocalSettings

    home = Path("~").expanduser()
    if local is None:
        return LocalSettings(jobs=jobs, hidden=(home,), judge=_refusal_of)
    return LocalSettings(
        jobs=jobs,
        judge=_refusal_of,
        limits=JobLimits(**dict(local.limits)),
        hidden=(home, root.absolute()),
        images=tuple((image.match, image_lines(image.requirements, image.python)) for image in local.images),
        mounts={name: root / folder for name, folder in local.s3.items()},
        interrupts=local.interrupt,
        sources={name: root / folder for name, folder in local.sources.items()},
    )


def _refusal_of(step_type: str, request: Mapping[str, Any]) -> str:
    """Judge as SageMaker does; its service model is read when the first request is judged."""
    from pipeline_builder.definition.check.refusal import refusal_of

    return refusal_of(step_type, request)


def load_local_settings(manifest_path: Path | None, jobs: int) -> LocalSettings:
    """Return how this machine runs jobs, by the manifest's `local` section if any; it needs no repositories.

    Raises:
        InputProblems: PB100 to PB107 for the manifest.
    """
    if manifest_path is None:
        return local_settings(Path(), None, jobs)
    local = build_local(load_yaml(manifest_path, os.path.relpath(manifest_path), "PB100"))
    return _settings(manifest_path.parent, local, jobs)


def look_here(composed: Composed, settings: LocalSettings, passed: Passed) -> Composed:
    """Return the composed with a warning for each thing that has no effect on this machine.

    Parts in which nothing was found before, by `passed`, aren't looked at again, but where something else on this
    machine counts: other Pythons, folders, or an mpirun.

    Raises:
        InputProblems: all that this machine can't do of the definition, with its place.
    """
    from pipeline_builder.definition.check.parts import have_passed, mark_parts
    from pipeline_builder.engine.execution.ability import look_at
    from pipeline_builder.engine.jobs.packages import image_packages
    from pipeline_builder.engine.jobs.processes import MPI
    from pipeline_builder.engine.jobs.requirements import included_lines, pythons_of

    bundles = composed.definition.bundles
    by_digest = {bundle.sha256: bundle for bundle in bundles.values()}

    def lines(bundle: Bundle | None) -> tuple[str, ...]:
        return included_lines("requirements.txt", bundle.text) if bundle else ()

    def look(content: bytes) -> tuple[Unable, ...]:
        return look_at(
            content,
            sources=settings.sources,
            images=settings.images,
            requirements=lambda code: lines(bundles.get(code)),
        )

    content, about = composed.definition.content, f"here {settings.images}"
    pythons = pythons_of(tuple(lines for _, lines in settings.images))
    elsewhere = bool(settings.sources or MPI.encode() in content or pythons)

    def told(digest: str) -> str:
        try:
            return repr(lines(by_digest.get(digest)))
        except InputProblems as error:  # which is said where a job asks for them
            return str(error)

    def packages(part: bytes) -> tuple[tuple[str, ...], ...]:
        """What the images of a part stand for: patterns may tell apart what is alike else."""
        named = _IMAGES.findall(part) if settings.images else ()
        return tuple(image_packages(image.decode(), settings.images) for image in named)

    sizes = tuple(part.size for part in composed.definition.parts)
    if not elsewhere and have_passed(content, look, passed, about, told=told, seen=packages, sizes=sizes):
        return composed
    if not (found := look(content)):
        if not elsewhere:
            mark_parts(content, passed, about, sizes)
        return composed
    place = composed.policed.places()
    problems = [replace(one.problem, place=place(one.step, one.path)) for one in found]
    if refused := [problem for problem in problems if not problem.warning]:
        raise InputProblems(*refused)
    return replace(composed, warnings=(*composed.warnings, *problems))


def looks_elsewhere(manifest: Manifest) -> bool:
    """Tell whether more of this machine than the checkouts counts for what it can do: other Pythons, or folders."""
    return bool(manifest.local.sources) or any(image.python for image in manifest.local.images)


def find_unrunnable_here(
    composed: Composed, stub_files: Mapping[str, Path], kept: Kept | None = None
) -> tuple[Problem, ...]:
    """Return a problem for each step without a stub that this machine can't run, at its place, and for wrong stubs."""
    definition = composed.definition
    known = kept if not stub_files else None
    if known and known.get(_RUNS, definition.sha256):
        return ()
    from pipeline_builder.definition.check.parts import have_passed
    from pipeline_builder.engine.document.document import load_definition
    from pipeline_builder.engine.execution.stubs import find_unrunnable, find_wrong_stubs, load_stubs

    content = composed.renewed if known and known.get(_RUNS, composed.before) else definition.content
    stubs = load_stubs(stub_files)

    def find(content: bytes) -> tuple[Problem, ...]:
        document = load_definition(content)
        return (*find_wrong_stubs(document, stubs), *find_unrunnable(document, stubs))

    sizes = tuple(part.size for part in definition.parts) if content is definition.content else ()
    alike = not stubs and have_passed(content, find, Passed(), _RUNS, sizes=sizes)
    if alike or not (found := find(content)):
        if known:
            known.put(_RUNS, definition.sha256, value=True)
        return ()
    from pipeline_builder.definition.findings import with_places

    return with_places(found, composed.definition, composed.graph)


def refuse_here(warnings: Iterable[Problem]) -> None:
    """Raise InputProblems with those of the warnings about what AWS can and this machine can't."""
    if found := [replace(problem, warning=False) for problem in warnings if problem.id == _NOT_HERE]:
        raise InputProblems(*found)
