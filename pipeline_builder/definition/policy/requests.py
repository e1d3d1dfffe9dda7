"""What a request asks for besides data: roles, images, instances, time, network, keys, tags, an approval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.known import Meaning
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.definition.policy.members import Holder, find_holders
from pipeline_builder.definition.shapes.kinds import STEP_TYPES
from pipeline_builder.definition.steps.volumes import KEY as VOLUME_KEY
from pipeline_builder.definition.steps.volumes import has_local_storage
from pipeline_builder.descriptions import JSON
from pipeline_builder.documents.members import member_at
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import DataPath
from pipeline_builder.manifest.patterns import fits_any
from pipeline_builder.manifest.refusal import Refused, shown_span

ANYTHING = "*"
_NAMED_ROLES = ("AutoScalingRole", "JobFlowRole", "ServiceRole")
PROCESSING = ("Processing", "QualityCheck", "ClarifyCheck")
UNKNOWABLE = (
    "write the value itself, or a pipeline parameter: what a job writes decides of nothing that a policy is for"
)
# What the service takes where a request doesn't say it [CreateTrainingJob, CreateProcessingJob].
_DEFAULT_RUNTIME = 86_400
_DEFAULT_RUNTIMES = {"EMRServerless": 43_200}
# By type: what says how long a job may run, and the structure that says whether it has a network.
_JOBS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Training", *PROCESSING), ("StoppingCondition", "MaxRuntimeInSeconds")),
    "Tuning": ("TrainingJobDefinition", "StoppingCondition", "MaxRuntimeInSeconds"),
    "AutoML": ("AutoMLJobConfig", "CompletionCriteria", "MaxAutoMLJobRuntimeInSeconds"),
    "EMRServerless": ("JobConfig", "executionTimeoutMinutes"),
}
_PER_TRAINING = "MaxRuntimePerTrainingJobInSeconds"
_ISOLATED: Mapping[str, tuple[str, ...]] = {
    "Training": (), "Tuning": ("TrainingJobDefinition",), "Model": (), **dict.fromkeys(PROCESSING, ("NetworkConfig",)),
}  # fmt: skip
# Of the jobs behind these no request says that they have no network.
_CONNECTED = ("AutoML", "EMR", "EMRServerless", "Job")
# By the kind of a member: the problem's id, the policy's key, what it is.
_LISTS = {
    "role": ("PB235", "roles", "the role"),
    "status": ("PB238", "statuses", "the approval"),
    "image": ("PB239", "images", "the image"),
    "algorithm": ("PB239", "images", "the algorithm or package, whose image isn't seen,"),
    "type": ("PB240", "types", "the instance type"),
}
# Kinds that are looked at elsewhere.
_ADDRESSES = ("read", "write", "text")
# Names in the account behind which there is an image.
_WITH_IMAGE = ("AlgorithmName", "ModelPackageName")
# Stands for the address of an image that couldn't be told, which is a problem of its own.
UNRESOLVED = "unknown"
# Below which a group of a cluster says how far it grows by itself.
_GROWS = "AutoScalingPolicy"
_PARALLEL = ("HyperParameterTuningJobConfig", "ResourceLimits", "MaxParallelTrainingJobs")
# Where a request has its tags: of SageMaker's own at the top.
_TAGGED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Training", "Transform", "Model", "Tuning", "AutoML", "EndpointConfig", "Endpoint", "Job"), ()),
    **dict.fromkeys((*PROCESSING, "InferenceComponent"), ()),
    "EMR": ("ClusterConfig",),
    "EMRServerless": ("JobConfig",),
}


def check_request(asking: Asking, members: list[Member], own_role: str) -> Iterator[Refused]:
    """Yield what the policy doesn't allow in a step's request; its addresses and groups are looked at elsewhere."""
    for member in members:
        if member.kind not in _ADDRESSES:  # no call for most of them
            yield from _check_member(asking, member, own_role)
    yield from _check_count(asking, members)
    yield from _check_default_runtime(asking, members)
    yield from _check_network(asking)
    yield from _check_keys(asking)
    yield from _check_tags(asking)


def _check_member(asking: Asking, member: Member, own_role: str) -> Iterator[Refused]:
    rules = asking.rules
    match member.kind:
        case "role":
            yield from _listed(asking, _by_arn(member, own_role), (own_role, *rules.roles), _LISTS["role"])
        case "status":
            yield from _listed(asking, member, rules.statuses, _LISTS["status"])
        case "other" if member.path[-1] in _WITH_IMAGE and ANYTHING not in rules.images:
            if not (asking.known.meaning(member.value).text or "").startswith("arn:"):  # one of those is in 'read'
                yield from _listed(asking, member, rules.images, _LISTS["algorithm"])
        case "image" if ANYTHING not in rules.images and member.value != UNRESOLVED:
            yield from _listed(asking, member, rules.images, _LISTS["image"])
        case "type" if asking.own and ANYTHING not in rules.types:
            yield from _listed(asking, member, rules.types, _LISTS["type"])
        case "runtime" | "minutes" | "pool":
            yield from _check_runtime(asking, member)


def _check_runtime(asking: Asking, member: Member) -> Iterator[Refused]:
    rules, path, meaning = asking.rules, member.path, asking.known.meaning(member.value)
    # Instances that wait in a warm pool are paid for as those of a job are.
    what = "warm pool" if member.kind == "pool" else "run time"
    found = _whole(meaning)
    seconds = found * 60 if found and member.kind == "minutes" else found
    if found == 0 and member.kind == "minutes":
        yield asking.forbid("PB241", "a run time of 0 minutes is one without an end", path, "give it one")
    elif seconds is not None and seconds > rules.max_runtime:
        said = f"{seconds} s" if seconds < 60 or seconds % 60 else f"{shown_span(seconds)} ({seconds} s)"
        message = f"a {what} of {said} is more than the {shown_span(rules.max_runtime)} of the policy"
        yield asking.refuse("PB241", "max_runtime", seconds, message, path)
    elif seconds is None and not meaning.waits:
        yield _unknowable(asking, path, "PB241", f"the {what}")


def _by_arn(member: Member, own_role: str) -> Member:
    """Return a role that a cluster of EMR names without its ARN with that, as a policy has it: of this account."""
    account, role, _ = own_role.partition(":role/")
    named = member.path[-1] in _NAMED_ROLES and isinstance(member.value, str) and ":" not in member.value
    return member._replace(value=f"{account}{role}{member.value}") if named and role else member


def _listed(asking: Asking, member: Member, allowed: tuple[str, ...], of: tuple[str, str, str]) -> Iterator[Refused]:
    problem_id, key, what = of
    meaning = asking.known.meaning(member.value)
    if meaning.text is None:
        if not meaning.waits:
            yield _unknowable(asking, member.path, problem_id, what)
    elif not fits_any(allowed, meaning.text):
        message = f"{what} {describe(meaning.text)} is none that the policy of '{asking.rules.repo}' allows"
        yield asking.refuse(problem_id, key, meaning.text, message, member.path)


def _unknowable(asking: Asking, path: DataPath, problem_id: str, what: str) -> Refused:
    return asking.forbid(problem_id, f"{what} is known only when the pipeline runs", path, UNKNOWABLE)


def _whole(meaning: Meaning) -> int | None:
    text = meaning.text or ""
    whole, _, part = text.partition(".")
    return int(whole) if whole.isdecimal() and not part.strip("0") else None


def _check_count(asking: Asking, members: list[Member]) -> Iterator[Refused]:
    """All instances of a job count, those of groups together, each as far as it may grow."""
    counts = [member for member in members if member.kind in ("count", "most")]
    groups: dict[DataPath, int] = {}
    most = 0
    for member in counts:
        meaning = asking.known.meaning(member.value)
        count = _whole(meaning) or 0
        if _whole(meaning) is None and not meaning.waits:
            yield _unknowable(asking, member.path, "PB240", "the number of instances")
        if member.kind == "count":
            groups[member.path[:-1]] = groups.get(member.path[:-1], 0) + count
        elif _GROWS in member.path:
            group = member.path[: member.path.index(_GROWS)]
            groups[group] = max(groups.get(group, 0), count)
        else:
            most = max(most, count)
    total = max(sum(groups.values()), most)
    side_by_side = asking.known.meaning(_parallel(asking))
    parallel = _whole(side_by_side) or 1
    if side_by_side.text is None and not side_by_side.waits:
        yield _unknowable(asking, _PARALLEL, "PB240", "the number of trainings at once")
    if parallel > 1 and total * parallel > asking.rules.count:
        message = (
            f"{parallel} trainings at once of {total} instances are more than the {asking.rules.count} of the policy"
        )
        yield asking.refuse("PB240", "count", total * parallel, message, _PARALLEL)
    elif total > asking.rules.count:
        message = f"{total} instances are more than the {asking.rules.count} of the policy"
        yield asking.refuse("PB240", "count", total, message, counts[0].path)


def _parallel(asking: Asking) -> JSON:
    """Return how many jobs of a tuning run at once, 1 for any other step."""
    value = member_at(asking.request, _PARALLEL) if asking.type == "Tuning" else None
    return 1 if value is None else value


def _check_default_runtime(asking: Asking, members: list[Member]) -> Iterator[Refused]:
    """A request that says no time gets the service's own, which can be more than the policy has.

    The time of a whole tuning says nothing about each of its trainings.
    """
    said = (m.path for m in members if m.kind in ("runtime", "minutes"))
    path, default = _JOBS.get(asking.type, ()), _DEFAULT_RUNTIMES.get(asking.type, _DEFAULT_RUNTIME)
    of_all = any(p[-1] != _PER_TRAINING and "ResourceLimits" not in p for p in said)
    if path and not of_all and asking.rules.max_runtime < default:
        allowed, taken = shown_span(asking.rules.max_runtime), shown_span(default)
        message = f"without '{path[-1]}' the job may run for {taken}, more than the {allowed} of the policy"
        yield asking.refuse("PB241", "max_runtime", default, message, path[:-1])


def _check_network(asking: Asking) -> Iterator[Refused]:
    if asking.rules.network != "isolated":
        return
    if asking.type in _CONNECTED or asking.type not in STEP_TYPES:
        message = f"the policy wants network isolation, which no {asking.type} step can have"
        yield asking.refuse("PB242", "network", "any", message, ("EnableNetworkIsolation",))
    if asking.type not in _ISOLATED:
        return
    path = (*_ISOLATED[asking.type], "EnableNetworkIsolation")
    if not asking.is_isolated:
        where = "".join(f"{part}: {{" for part in path[:-1]) + "EnableNetworkIsolation: true" + "}" * (len(path) - 1)
        message = f"the policy wants network isolation, which the job doesn't have ('arguments: {{{where}}}')"
        yield asking.refuse("PB242", "network", "any", message, path)


def _check_keys(asking: Asking) -> Iterator[Refused]:
    """Every volume and output of the request has a key."""
    if asking.rules.encryption != "required" or asking.type == "RegisterModel":
        return
    for holder in find_holders(asking.type, asking.request):
        for key in (VOLUME_KEY, "KmsKeyId"):
            if key == VOLUME_KEY and _takes_no_key(asking, holder):
                continue
            if key in holder.members and not _has_key(asking, holder.value.get(key)):
                path = (*holder.path, key)
                message = f"the policy wants a key on every volume and output, and '{_dotted(path)}' has none"
                yield asking.refuse("PB243", "encryption", "any", f"{message} (SMP_KMSKEY gives all one)", path)


def _takes_no_key(asking: Asking, holder: Holder) -> bool:
    """Local storage is encrypted by its hardware, and SageMaker refuses a key for it."""
    return has_local_storage(holder.value, asking.known.parameters)


def _has_key(asking: Asking, value: JSON) -> bool:
    """Tell whether a key is named: a parameter may be empty, and what a job writes is no name."""
    meaning = asking.known.meaning(value)
    return meaning.waits or bool((meaning.text or "").strip())


def _check_tags(asking: Asking) -> Iterator[Refused]:
    holder = member_at(asking.request, _TAGGED.get(asking.type, ()))
    if asking.type not in _TAGGED or not isinstance(holder, dict):
        return
    tags = holder.get("Tags", holder.get("tags"))
    there = {_key(tag) for tag in tags} if isinstance(tags, list) else {*tags} if isinstance(tags, dict) else set()
    missing = [key for key in asking.rules.tags if key not in there]
    if missing:
        shown = ", ".join(f"'{key}'" for key in missing)
        message = f"the policy wants tags that it doesn't have: {shown} (in the section's 'tags', or in framework.yaml)"
        rest = [key for key in asking.rules.tags if key not in missing]
        yield asking.refuse("PB244", "tags", rest, message, ("Tags",))


def _key(tag: JSON) -> JSON:
    return tag.get("Key") if isinstance(tag, Mapping) and isinstance(tag.get("Key"), str) else None


def _dotted(path: DataPath) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))
