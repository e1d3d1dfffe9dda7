"""What requests read and write, held against what their repository may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline_builder.definition.policy.asking import Asking
from pipeline_builder.definition.policy.elsewhere import ADDRESS
from pipeline_builder.definition.policy.known import DATE, EXECUTION
from pipeline_builder.definition.policy.member import Member
from pipeline_builder.definition.policy.requests import UNKNOWABLE
from pipeline_builder.definition.policy.territory import Territory, climbs, is_inside, plain
from pipeline_builder.definition.steps.data import files_of
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import DataPath
from pipeline_builder.errors import Place
from pipeline_builder.manifest.patterns import covers_any
from pipeline_builder.manifest.refusal import Refused, refuse

_S3 = "s3://"
# Members of requests to other services that code is fetched by.
_CODE = ("Jar", "Path", "entryPoint", "initQueryFile", "query")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An address that a conf names for what one of its repository's steps writes."""

    address: str
    repo: str
    step: str
    place: Place


def check_addresses(asking: Asking, members: Iterable[Member], territory: Territory) -> Iterator[Refused]:
    """Yield what a step's request reads and writes that it may not."""
    for member in members:
        meaning = asking.known.meaning(member.value)
        writes = member.kind == "write"
        if member.kind == "other" and not (meaning.text or "").startswith("arn:"):
            continue  # a name in this account, or nothing that names something
        if member.kind == "text" and (meaning.text is not None or member.path[-1] not in _CODE):
            yield from _texts(asking, member, territory)
            continue  # of what only a run knows of a text the role decides, unless code is fetched from there
        if meaning.text is None:
            if not meaning.waits:
                problem_id, what = ("PB232", "where it writes") if writes else ("PB231", "what it reads")
                yield asking.forbid(problem_id, f"{what} is known only when the pipeline runs", member.path, UNKNOWABLE)
            continue
        text = member.named(_unquoted(meaning.text))
        if "://" not in text and not text.startswith("arn:"):
            continue  # a folder in the container, where code could be fetched from elsewhere too
        address = plain(text)
        yield from (
            _writes(asking, member, address, territory)
            if writes
            else _reads(asking, member.path, address, territory, chained=meaning.output)
        )


def _texts(asking: Asking, member: Member, territory: Territory) -> Iterator[Refused]:
    """Yield what the addresses in a text may not be; what fetches code takes the whole text as one."""
    path, meaning = member.path, asking.known.beginning(member.value)
    text = meaning.text or ""
    begins = ADDRESS.match(text)
    found = [text] if begins and path[-1] in _CODE else ADDRESS.findall(text)
    for index, one in enumerate(found):
        address = plain(f"{_S3}{one.partition('://')[2]}")
        yield from _reads(asking, path, address, territory, chained=meaning.output if begins and not index else "")


def check_files(asking: Asking, territory: Territory) -> Iterator[Refused]:
    """Yield the data files of a step's section that it may not read; a request may have them in a list only."""
    step = asking.step
    for name, channel in step.job.channels.items() if asking.own and step.job else ():
        for index, (_, _, uri) in enumerate(files_of({name: channel})):
            address = asking.known.meaning(uri).text
            if address is not None and not climbs(address) and not _may_read(asking, plain(address), territory):
                place = step.section_place("channels", name, "dataFiles", index, "fileName")
                message = f"step '{asking.name}': {_unreadable(asking, address)}"
                yield refuse(asking.rules, "read", address, problem_id="PB231", message=message, place=place)


def _reads(asking: Asking, path: DataPath, address: str, territory: Territory, *, chained: str) -> Iterator[Refused]:
    # Another step's output may be read wherever that one may write it; below it nothing leads out again.
    if climbs(address):
        yield _climbing(asking, "PB231", address, path)
    elif not chained and not _may_read(asking, address, territory):
        yield asking.refuse("PB231", "read", _known_part(address), _unreadable(asking, address), path)


def _climbing(asking: Asking, problem_id: str, address: str, path: DataPath) -> Refused:
    message = f"the address {describe(address)} leads elsewhere"
    return asking.forbid(
        problem_id, message, path, "a key has no '.' or '..' between its slashes, and no control characters"
    )


def _known_part(address: str) -> str:
    return address.partition(EXECUTION)[0].partition(DATE)[0]


def _unreadable(asking: Asking, address: str) -> str:
    return f"the policy of '{asking.rules.repo}' doesn't let it read {describe(address)}"


def _may_read(asking: Asking, address: str, territory: Territory) -> bool:
    inside = territory.key(address) is not None and address.startswith(_S3)
    return inside or covers_any(asking.rules.read, address) or covers_any(asking.rules.write, address)


def _writes(asking: Asking, member: Member, address: str, territory: Territory) -> Iterator[Refused]:
    rules, path = asking.rules, member.path
    if climbs(address):
        yield _climbing(asking, "PB232", address, path)
        return
    if territory.is_own(address, rules.repo, frozenset((asking.name,))):
        return
    if protected := territory.protected(address):
        message = f"it would write to {describe(address)}, which is {protected}"
        own = territory.own(rules.repo)
        hint = f"write below another prefix of the bucket, or leave the address out: '{own}' is its own"
        yield asking.forbid("PB233", message, path, hint)
    elif territory.key(address) is None and not covers_any(rules.write, address):
        message = f"the policy of '{rules.repo}' doesn't let it write to {describe(address)}"
        yield asking.refuse("PB232", "write", _known_part(address), message, path)


def written_by(asking: Asking, members: Iterable[Member], territory: Territory) -> Iterator[Written]:
    """Yield where the conf lets a step write, besides the repository's own folder."""
    repo = asking.rules.repo
    for member in members:
        text = asking.known.meaning(member.value).text if member.kind == "write" else ""
        address = plain(member.named(text)) if text else ""
        if address and not territory.is_own(address, repo, frozenset((asking.name,))):
            yield Written(address=address, repo=repo, step=asking.name, place=asking.place(member.path))


def check_nesting(written: Iterable[Written]) -> Iterator[Refused]:
    """Yield every step that writes into what another repository's step writes to, once each: pairs are too many."""
    found = sorted(written, key=lambda w: (w.address.rstrip("/").split("/"), w.repo, w.step))
    around: list[Written] = []  # what the address is in, or at: two repositories of each are enough to know
    for one in found:
        around = [other for other in around if is_inside(one.address, other.address)]
        if other := next((other for other in around if other.repo != one.repo), None):
            yield _nested(one, other)
        here = {other.repo for other in around if is_inside(other.address, one.address)}
        if len(here) < 2 and one.repo not in here:
            around.append(one)


def _nested(one: Written, other: Written) -> Refused:
    message = (
        f"step '{one.step}' of '{one.repo}' would write to '{one.address}', and step '{other.step}' of '{other.repo}' "
        f"to '{other.address}': one is in the other"
    )
    hint = "give each repository a prefix of its own: each could replace what the other has written"
    return Refused(id="PB234", message=message, place=one.place, related=(other.place,), hint=hint)


def _unquoted(text: str) -> str:
    """A hyperparameter is JSON: its text stands in quotes."""
    return text[1:-1] if text.startswith('"') and text.endswith('"') else text
