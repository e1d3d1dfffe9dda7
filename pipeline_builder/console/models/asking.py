"""Asking: what pages about models read of the registry, the index of runs and the evidence, and how often on AWS."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.bounds import Bound, bounds_of
from pipeline_builder.console.models.facts import Facts, gather_facts
from pipeline_builder.console.models.history import Ran, Version, versions_of
from pipeline_builder.descriptions import ApprovalChange, ApprovalStatus, ModelPackage
from pipeline_builder.documents.schema import did_you_mean
from pipeline_builder.errors import InputProblems, PipelineBuilderError, Problem
from pipeline_builder.release.archive import find_newest, load_evidence
from pipeline_builder.release.evidence import PIPELINE, PROPERTY
from pipeline_builder.release.past.hosts import host_kind, host_link
from pipeline_builder.release.past.keeping import read_kept
from pipeline_builder.release.witness import at_once

Answer = TypeVar("Answer")
LISTED = 60.0
"""Seconds that a list of a group's versions on AWS stands for what there is."""
_DESCRIBED = 600.0
"""Seconds of a version's description, whose state comes with each list."""
_OWNED = 3600.0


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers of one look; on this machine what there is, on AWS what was asked for a while ago at most."""

    look: Look

    @property
    def _here(self) -> bool:
        return self.look.target.name == "local"

    def groups(self) -> tuple[str, ...]:
        """Return the groups that runs of the manifest's pipelines have registered in, sorted."""
        return self.look.index.groups()

    def packages(self, group: str) -> tuple[ModelPackage, ...]:
        """Return a group's versions, the newest first; of AWS without what only a description has."""
        if self._here:
            return self.look.target.registry.list_packages(group)
        return self.look.known(("packages", group), LISTED, lambda: self.look.target.registry.list_packages(group))

    def described(self, package: ModelPackage) -> ModelPackage:
        """Return a version with all that the registry says of it; as it was listed where that can't be had."""
        if self._here:
            return package
        key = ("package", package.arn, package.status, package.stage, package.stage_status)
        describe = self.look.target.registry.describe_package
        return self.look.attempt(lambda: self.look.known(key, _DESCRIBED, lambda: describe(package.arn)), package)

    def versions(self, group: str, packages: Sequence[ModelPackage], champion: int) -> tuple[Version, ...]:
        """Return some of a group's versions as pages show them, described at once."""
        ran = self.ran(group)
        return versions_of(at_once(self.described, packages), ran, champion)

    def ran(self, group: str) -> Mapping[int, Ran]:
        """Return what the index has of each version's run."""
        return {
            model.version: Ran(
                pipeline=run.pipeline,
                run=run.id,
                execution=run.execution,
                started=run.started,
                status=run.status,
                commits=run.commits,
                metrics=model.metrics,
                passed=model.passed,
                reasons=run.reasons,
            )
            for run, model in self.look.index.of_model(group)
        }

    def approvals(self) -> tuple[ApprovalChange, ...]:
        """Return every decision that the target has kept; SageMaker keeps the present state alone."""
        return self.look.attempt(self.look.target.registry.list_approvals, ())

    def owner(self, group: str) -> str:
        """Return the repository that a group's tag names; empty where it names none, or can't be read."""
        ask = self.look.target.registry.group_owner
        if self._here:
            return self.look.attempt(lambda: ask(group), None) or ""
        return self.look.attempt(lambda: self.look.known(("owner", group), _OWNED, lambda: ask(group) or ""), "")

    def gates(self, package: ModelPackage, ran: Ran | None) -> Mapping[str, Bound]:
        """Return what the gate asks of each metric, by what a version was judged by last."""
        digest = package.metadata.get(PROPERTY, "")
        pipeline = package.metadata.get(PIPELINE, "") or (ran.pipeline if ran else "")
        if not pipeline or not (digest or ran):
            return {}
        target, execution = self.look.target, ran.execution if ran else ""

        def find() -> Mapping[str, Mapping[str, Bound]]:
            try:
                sha = digest or find_newest(target, pipeline, execution)
                found = load_evidence(target, pipeline, sha).packages if sha else ()
            except PipelineBuilderError:
                return {}  # what is wrong with it, the version's own page says
            return {one.arn: bounds_of(one.bounds) for one in found}

        key = ("gates", pipeline, digest or execution)
        return self.look.known(key, None if digest else LISTED, find).get(package.arn, {})

    def versions_listed(self, packages: Sequence[ModelPackage], ran: Mapping[int, Ran]) -> tuple[Version, ...]:
        """Return versions by what a list and the index tell of them alone."""
        return versions_of(packages, ran, champion_of(packages))

    # --- one version

    def find_package(self, group: str, version: int) -> ModelPackage:
        """Return a version as it is described.

        Raises:
            InputProblems: PB037 where there is no such model, PB038 where it has no such version.
        """
        packages = self.packages(group)
        if not packages:
            raise InputProblems(self._unknown(group))
        found = next((package for package in packages if package.version == version), None)
        if found is None:
            known = ", ".join(str(package.version) for package in packages[:10])
            message = f"'{group}' has no version {version}"
            raise InputProblems(Problem(id="PB038", message=message, hint=f"the newest are: {known}"))
        return self.described(found)

    def _unknown(self, group: str) -> Problem:
        groups = self.groups()
        hint = did_you_mean(group, groups) or ("what has been registered stands under Models" if groups else None)
        return Problem(id="PB037", message=f"nothing has been registered as '{group}'", hint=hint)

    def refuse_unknown(self, group: str) -> tuple[ModelPackage, ...]:
        """Return a group's versions.

        Raises:
            InputProblems: PB037 where it has none.
        """
        if packages := self.packages(group):
            return packages
        raise InputProblems(self._unknown(group))

    def facts(self, group: str, version: int) -> Facts:
        """Return all that is known of a version.

        Raises:
            InputProblems: as `find_package`.
        """
        package, target = self.find_package(group, version), self.look.target
        ran = self.ran(group).get(version)
        return gather_facts(
            package,
            target,
            execution=ran.execution if ran else "",
            pipeline=ran.pipeline if ran else "",
            read_run=lambda pipeline, run: read_kept(target, pipeline, run),
        )

    def remember(self, key: Hashable, make: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
        """Return an answer that is given for ever where it `holds`."""
        if known := self.look.answers.find(key, None):
            return cast("Answer", known[1])
        if holds(found := make()):
            self.look.answers.keep(key, found)
        return found

    # --- where commits are looked at

    def commit_link(self, repository: str, commit: str, url: str = "") -> str:
        """Return the page of a commit at its host; empty where nobody knows one."""
        manifest = self.look.manifest
        repo = next((one for one in manifest.repos if one.name == repository), None) if manifest else None
        if repo:
            return host_link(repo.url, commit, kind=host_kind(repo))
        return host_link(url, commit) if url else ""


def champion_of(packages: Sequence[ModelPackage]) -> int:
    """Return the version that is the champion, the newest approved one; 0 where there is none."""
    return next((package.version for package in packages if package.status is ApprovalStatus.APPROVED), 0)
