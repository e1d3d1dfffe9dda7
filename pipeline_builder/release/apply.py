"""Apply: bring bundles, model package groups and the pipeline to the target; a second time it writes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.definition.composed import Definition
from pipeline_builder.descriptions import DeployedPipeline
from pipeline_builder.errors import PlanRefused, Problem
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.release.inventory import look_over
from pipeline_builder.release.ownership import Ownership, look_at_groups
from pipeline_builder.release.plan import Plan
from pipeline_builder.target import Media, Target

if TYPE_CHECKING:
    from pipeline_builder.definition.policy.groups import Claim

_UPLOADS = 8
"""Objects that are uploaded at once: small ones, whose time is the network's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The deployed pipeline, and what had to be written for it.

    `replaced` is of `uploaded` what was there and was not what its name says.
    """

    pipeline: DeployedPipeline
    uploaded: tuple[str, ...]
    changed: bool
    ownership: Ownership
    replaced: tuple[Problem, ...] = ()


def apply(
    definition: Definition,
    plan: Plan,
    target: Target,
    *,
    claims: tuple[Claim, ...] = (),
    force: bool = False,
    seen: Path | None = None,
) -> Applied:
    """Upload what the store lacks, then put the definition: code and data lists are there before anything names them.

    What the store has is looked at as well, and brought back where it isn't what its name says; `seen` is the file that
    remembers what was looked at already, and hasn't changed since. `claims` say which repository each model package
    group is to belong to.

    Raises:
        PlanRefused: PB420 where the plan is of another definition, PB421 where another has been deployed since, PB425
            where it is unsafe and not forced.
        InputProblems: PB247 for a group on the target that is another repository's.
    """
    if plan.unsafe and not force:
        hint = "look at the plan; where it is meant, --force applies it"
        raise PlanRefused(
            *(Problem(id="PB425", message=f"the plan is unsafe: {why}", hint=hint) for why in plan.unsafe)
        )
    deployed = target.pipelines.describe_pipeline(definition.pipeline)
    _refuse_stale(definition, plan, deployed)
    ownership = look_at_groups(claims, target.registry)
    found = look_over((*definition.bundles, *definition.manifests, *definition.files), target, seen)
    missing = (*found.missing, *found.others)
    _upload(definition, missing, target)
    for group, description in definition.groups.items():
        target.registry.put_group(group, description, ownership.owners.get(group, ""))
    for group, owner in ownership.adopted.items():
        target.registry.tag_group(group, owner)
    same = deployed is not None and deployed.definition == definition.content and deployed.settled
    pipeline = deployed if same and deployed else target.pipelines.put_pipeline(definition.pipeline, definition.content)
    return Applied(pipeline=pipeline, uploaded=missing, changed=not same, replaced=found.problems, ownership=ownership)


def _upload(definition: Definition, uris: tuple[str, ...], target: Target) -> None:
    """Put several objects at once. Where one fails all others are brought to their end, and it is said."""

    def put(uri: str) -> None:
        bundle = definition.bundles.get(uri)
        if uri in definition.files:
            target.store.put(uri, definition.files[uri])
            return
        if bundle is None:
            target.store.put(uri, definition.manifests[uri], Media.JSON)
            return
        with temporary_folder() as folder:
            path = folder / "bundle"
            with path.open("wb") as file:
                bundle.write(file)
            target.store.put(uri, path)

    with ThreadPoolExecutor(max_workers=_UPLOADS, thread_name_prefix="upload") as pool:
        for done in [pool.submit(put, uri) for uri in uris]:
            done.result()


def _refuse_stale(definition: Definition, plan: Plan, deployed: DeployedPipeline | None) -> None:
    if plan.new_sha256 != definition.sha256:
        found, planned = definition.sha256[:12], plan.new_sha256[:12]
        message = f"the plan is for the definition {planned}, and what is built now is {found}"
        raise PlanRefused(Problem(id="PB420", message=message, hint="plan again"))
    if deployed and deployed.definition == definition.content:
        return  # another process has applied the same meanwhile: there is nothing left that could be overwritten
    if plan.base_version != (deployed.version if deployed else 0):
        now = f"version {deployed.version}" if deployed else "nothing"
        message = f"the plan was made against version {plan.base_version} of the pipeline, and deployed is {now}"
        raise PlanRefused(Problem(id="PB421", message=message, hint="plan again, and look at what changed"))
