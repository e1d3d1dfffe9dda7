"""What starts the pipeline when a repository changes: the manifest's triggers as the services on AWS take them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline_builder.definition.names import ARTIFACT_NAME, PROJECT_NAME, RULE_NAME, logical_id, plain_name
from pipeline_builder.errors import Problem
from pipeline_builder.manifest.addresses import Address, parse_address, parse_codecommit
from pipeline_builder.manifest.manifest import Repo
from pipeline_builder.manifest.quotas import MOST_ACTIONS, MOST_TRIGGERS
from pipeline_builder.manifest.service import ServiceSection
from pipeline_builder.manifest.surroundings import reached_by_builds_alone
from pipeline_builder.manifest.tags import tag_pattern
from pipeline_builder.manifest.texts import inert
from pipeline_builder.regions.hosts import codecommit_url
from pipeline_builder.service.cloudformation.description.contents import content_problems
from pipeline_builder.service.cloudformation.description.hosts import (
    PROVIDERS,
    branch_of,
    path_expression,
    ref_expression,
    stands_still,
)

_REPOSITORY = re.compile(r"^[A-Za-z0-9_][\w.-]*(/[\w.-]+){1,20}$", re.ASCII)

_OWN = "OnSource"
"""The rule on this repository's own events, in the template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTrigger:
    """A source action with a trigger of its own; `artifact` is what the action puts out, which nothing reads."""

    repo: str
    action: str
    artifact: str
    connection: str
    repository: str
    branch: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTrigger:
    """A small CodeBuild project with a webhook; patterns are regular expressions, empty where there are none."""

    repo: str
    id: str
    project: str
    provider: str
    location: str
    connection: str
    ref: str
    include: str
    exclude: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """A rule on the events of a CodeCommit repository."""

    repo: str
    id: str
    rule: str
    repository: str
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """All triggers of the model repositories; `polled` are the names of those that are looked at, `unlooked` of those
    among them that only a build with git can ask.
    """

    connections: tuple[ConnectionTrigger, ...] = ()
    webhooks: tuple[WebhookTrigger, ...] = ()
    events: tuple[EventTrigger, ...] = ()
    polled: tuple[str, ...] = ()
    unlooked: tuple[str, ...] = ()

    @property
    def looks(self) -> bool:
        """Whether a small function looks at the polled repositories first, and a build only where it has to."""
        return bool(self.polled) and not self.unlooked


def build_triggers(
    repos: Iterable[Repo], service: ServiceSection, *, region: str
) -> tuple[Triggers, tuple[Problem, ...]]:
    """Return what starts the pipeline for each repository, and every problem (PB601 to PB609) with its place.

    A repository inside this one (a relative url) is served by the trigger of the source action; one that stands at a
    commit can't move, so nothing starts for it.
    """
    problems: list[Problem] = []
    alone = reached_by_builds_alone(service.environment)
    connections, webhooks, events, polled, unlooked = [], [], [], [], []
    for repo in repos:
        address = parse_address(repo.url)
        problems += [*_credential_problems(repo, address), *content_problems(repo)]
        if repo.trigger.kind == "none" or address.relative or _stands_still(repo, problems):
            continue
        found = list(_problems(repo, address, service, region))
        problems += found
        if found:
            continue
        match repo.trigger.kind:
            case "connection":
                connections.append(_connection(repo, address, service))
            case "webhook":
                webhooks.append(_webhook(repo, address, service))
            case "codecommit":
                events.append(_event(repo, address, service))
            case "poll":
                polled.append(repo.name)
                unlooked += [repo.name] if alone or not _can_be_looked_at(repo, address) else []
    problems += _too_many(repos, len(connections))
    return Triggers(
        connections=tuple(connections),
        webhooks=tuple(webhooks),
        events=tuple(events),
        polled=tuple(polled),
        unlooked=tuple(unlooked),
    ), tuple(problems)


def _can_be_looked_at(repo: Repo, address: Address) -> bool:
    """Tell whether the first look's function can ask it: `aws/inside/look.py` speaks https with a token."""
    if repo.credentials:
        return address.scheme == "https" and repo.credentials.kind == "secretsmanager"
    return address.scheme == "https" and parse_codecommit(repo.url) is None  # which wants signatures


def _stands_still(repo: Repo, problems: list[Problem]) -> bool:
    """Tell whether nothing can start for the revision; whoever asks for a trigger all the same is told."""
    still = stands_still(repo.revision, repo.trigger.kind)
    if still and repo.trigger.kind != "poll":
        message = (
            f"the repository '{repo.name}' stands at '{repo.revision}', which doesn't move, so its trigger "
            f"'{repo.trigger.kind}' is left out"
        )
        hint = "name a branch as 'revision', or say 'trigger: none'; a tag that is moved is seen by 'trigger: poll'"
        problems.append(Problem(id="PB602", message=message, place=repo.trigger_place, hint=hint, warning=True))
    return still


def _credential_problems(repo: Repo, address: Address) -> Iterator[Problem]:
    """What is on one machine only: variables, files, profiles; and ssh without what a build would need for it."""
    found = parse_codecommit(repo.url)
    named = f"the credentials '{repo.credentials}'"
    if found and found.profile:
        named, here = f"the profile '{found.profile}' in the url", True
    else:
        profile = repo.credentials and repo.credentials.kind == "codecommit" and repo.credentials.name
        here = bool(repo.credentials and (repo.credentials.variable or repo.credentials.kind == "ssh" or profile))
    if here and not address.relative:
        message = f"{named} of the repository '{repo.name}' are in an environment that builds on AWS don't have"
        if found and found.profile:
            message = message.replace(" are in", " is in")
        hint = "put the token into Secrets Manager and write 'credentials: secretsmanager:ID'"
        if found:
            hint = "leave the profile out: the build's role signs, and may read the repository"
        elif address.scheme == "ssh":
            hint = "put the private key into Secrets Manager and write 'credentials: secretsmanager:ID'"
        yield Problem(id="PB601", message=message, place=repo.place, hint=hint)
    elif address.scheme == "ssh" and not repo.by_connection:
        yield from _ssh_problems(repo)


def _ssh_problems(repo: Repo) -> Iterator[Problem]:
    if repo.credentials is None:
        message = f"the repository '{repo.name}' is reached by ssh, and names no key: builds on AWS have none"
        hint = "write 'credentials: secretsmanager:ID' of a deploy key, or use an https url"
        yield Problem(id="PB125", message=message, place=repo.place, hint=hint, warning=True)
    if not repo.known_hosts:
        message = f"the repository '{repo.name}' is reached by ssh, without 'known_hosts': builds on AWS know no host"
        hint = "write the keys that the host publishes as 'known_hosts' of the repository, or of 'defaults'"
        yield Problem(id="PB126", message=message, place=repo.place, hint=hint, warning=True)


def _problems(repo: Repo, address: Address, service: ServiceSection, region: str) -> Iterator[Problem]:
    if address.scheme == "file":
        message = f"the repository '{repo.name}' is a file of one machine, where builds on AWS can't fetch it"
        hint = "give it an https or ssh url for AWS, or 'enabled: false'"
        yield Problem(id="PB603", message=message, place=repo.place, hint=hint)
        return
    if repo.trigger.kind == "poll":
        yield from _path_problems(repo)
        return
    yield from _tag_problems(repo) if tag_pattern(repo.revision) else _branch_problems(repo)
    match repo.trigger.kind:
        case "connection":
            yield from _connection_problems(repo, address, service)
        case "webhook":
            yield from _webhook_problems(repo, address)
        case "codecommit":
            yield from _codecommit_problems(repo, region)


def is_pattern(branch: str) -> bool:
    """Tell whether a trigger would read the name of a branch as more than the name."""
    return not _is_inert(branch) or bool(set(branch) & set("{}!,'\""))


def _branch_problems(repo: Repo) -> Iterator[Problem]:
    branch = branch_of(repo.revision)
    if branch is None:
        message = f"the trigger of the repository '{repo.name}' needs a branch, and 'revision' is '{repo.revision}'"
        hint = "name the branch, or use 'trigger: poll'"
        yield Problem(id="PB604", message=message, place=repo.revision_place, hint=hint)
    elif is_pattern(branch):
        message = f"the branch '{branch}' of the repository '{repo.name}' would be read as a pattern by its trigger"
        hint = "use another branch, or 'trigger: poll'"
        yield Problem(id="PB604", message=message, place=repo.revision_place, hint=hint)


def _tag_problems(repo: Repo) -> Iterator[Problem]:
    """Only webhooks and looks tell of tags: source actions fetch a branch, rules on events know no '?'."""
    kind, tag = repo.trigger.kind, tag_pattern(repo.revision)
    if kind != "webhook":
        message = (
            f"the trigger '{kind}' of the repository '{repo.name}' needs a branch, and it is taken at 'tag: {tag}'"
        )
        hint = "use 'trigger: webhook' (GitHub, GitLab, Bitbucket) or 'trigger: poll'"
        yield Problem(id="PB604", message=message, place=repo.revision_place, hint=hint)
    elif not _is_inert(tag.replace("*", "").replace("?", "")):
        message = f"the tag '{tag}' of the repository '{repo.name}' cannot be written into a filter of its trigger"
        yield Problem(id="PB604", message=message, place=repo.revision_place, hint="use 'trigger: poll'")
    elif repo.trigger.include or repo.trigger.exclude:
        message = f"a new tag has no changed paths, so 'include' and 'exclude' of '{repo.name}' cannot be kept"
        yield Problem(id="PB608", message=message, place=repo.trigger_place, hint="leave them out")


def _is_inert(text: str) -> bool:
    try:
        inert(text)
    except ValueError:
        return False
    return True


def _connection_problems(repo: Repo, address: Address, service: ServiceSection) -> Iterator[Problem]:
    if not (repo.trigger.connection or service.connection):
        message = f"the trigger of the repository '{repo.name}' is a connection, and none is named"
        hint = "write its ARN as 'connection' of the trigger or of 'service'"
        yield Problem(id="PB605", message=message, place=repo.trigger_place, hint=hint)
    yield from _repository_problems(repo, address)


def _webhook_problems(repo: Repo, address: Address) -> Iterator[Problem]:
    if address.host not in PROVIDERS:
        message = (
            f"the host '{address.host}' of the repository '{repo.name}' has no webhooks for CodeBuild, which knows "
            + ", ".join(sorted(PROVIDERS))
        )
        hint = "use 'trigger: {kind: connection}' with a connection to this host, or 'trigger: poll'"
        yield Problem(id="PB606", message=message, place=repo.trigger_place, hint=hint)
    yield from _repository_problems(repo, address)


def _repository_problems(repo: Repo, address: Address) -> Iterator[Problem]:
    name = repo.trigger.repository or address.path
    if not _REPOSITORY.match(name):
        message = f"'{name}' cannot be the full name of the repository '{repo.name}' at its host"
        hint = "write it as 'repository' of the trigger, such as 'team/churn'"
        yield Problem(id="PB607", message=message, place=repo.trigger_place or repo.place, hint=hint)


def _codecommit_problems(repo: Repo, region: str) -> Iterator[Problem]:
    found = parse_codecommit(repo.url)
    if found is None:
        message = f"the url of the repository '{repo.name}' is no address of CodeCommit"
        hint = f"expected {codecommit_url('NAME', region)}; other hosts have other triggers"
        yield Problem(id="PB608", message=message, place=repo.place, hint=hint)
    elif found.region not in ("", region):
        message = f"the repository '{repo.name}' is in {found.region}, whose events don't reach the service in {region}"
        yield Problem(id="PB608", message=message, place=repo.place, hint="use 'trigger: poll'")
    yield from _path_problems(repo)


def _path_problems(repo: Repo) -> Iterator[Problem]:
    """What only says that a branch has moved knows no paths."""
    if repo.trigger.include or repo.trigger.exclude:
        who = "events of CodeCommit name" if repo.trigger.kind == "codecommit" else "a look at the branches tells"
        message = f"{who} no paths, so 'include' and 'exclude' of '{repo.name}' cannot be kept"
        yield Problem(id="PB608", message=message, place=repo.trigger_place, hint="leave them out")


def _too_many(repos: Iterable[Repo], count: int) -> Iterator[Problem]:
    # One source action each beside that of this repository, and with a connection as many triggers.
    most = min(MOST_TRIGGERS, MOST_ACTIONS)
    if count + 1 <= most:
        return
    message = (
        f"{count} repositories have the trigger 'connection', and this repository is a source action as well, which "
        f"are {count + 1} in the first stage: CodePipeline takes {most}"
    )
    hint = f"use 'webhook' or 'poll' for {count + 1 - most} of them; these have no limit"
    place = next(repo.trigger_place for repo in repos if repo.trigger.kind == "connection")
    yield Problem(id="PB609", message=message, place=place, hint=hint)


def _connection(repo: Repo, address: Address, service: ServiceSection) -> ConnectionTrigger:
    return ConnectionTrigger(
        repo=repo.name,
        action=repo.name,
        artifact=plain_name(repo.name, ARTIFACT_NAME),
        connection=repo.trigger.connection or service.connection or "",
        repository=repo.trigger.repository or address.path,
        branch=branch_of(repo.revision) or "",
        include=repo.trigger.include,
        exclude=repo.trigger.exclude,
    )


def _id(name: str, service: ServiceSection) -> str:
    """Return what a trigger is called in the template, where a source that is no connection has a rule of its own."""
    plain = logical_id("On", name)
    return logical_id("On", f"{name}-") if plain == _OWN and service.source.kind != "connection" else plain


def _webhook(repo: Repo, address: Address, service: ServiceSection) -> WebhookTrigger:
    return WebhookTrigger(
        repo=repo.name,
        id=_id(repo.name, service),
        project=plain_name(f"{service.name}-on-{repo.name}", PROJECT_NAME),
        provider=PROVIDERS[address.host],
        location=f"https://{address.host}/{repo.trigger.repository or address.path}.git",
        connection=repo.trigger.connection or service.connection or "",
        ref=ref_expression(repo.revision),
        include=path_expression(repo.trigger.include),
        exclude=path_expression(repo.trigger.exclude),
    )


def _event(repo: Repo, address: Address, service: ServiceSection) -> EventTrigger:
    return EventTrigger(
        repo=repo.name,
        id=_id(repo.name, service),
        rule=plain_name(f"{service.name}-on-{repo.name}", RULE_NAME),
        repository=address.path.removeprefix("v1/repos/"),
        branch=branch_of(repo.revision) or "",
    )
