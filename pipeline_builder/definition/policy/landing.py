"""Where runs of several pipelines write: not to what one watches for data, where each run would start the next, and
not to where another one publishes, where readers would take it for predictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline_builder.definition.policy.territory import is_inside, plain
from pipeline_builder.definition.policy.uses import day_folder_of, may_come_into
from pipeline_builder.documents.dates import may_meet
from pipeline_builder.errors import Place, Problem
from pipeline_builder.manifest.pipelines import PipelineEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An address that runs of a pipeline write to, as far as it is known before, and where the conf says so; `to` is
    that of `publish` as it is written, of what is published.
    """

    address: str
    what: str
    place: Place | None
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What runs of a pipeline write to."""

    entry: PipelineEntry
    outputs: Sequence[Output]


def find_loops(pipelines: Iterable[Written]) -> Iterator[Problem]:
    """Yield each output of a pipeline that starts it again, by itself or through other pipelines that it starts."""
    found = {one.entry.name: one for one in pipelines}
    starts = {name: _started(one, found.values()) for name, one in found.items()}
    for name, one in found.items():
        said: set[tuple[str, str, str]] = set()
        for output, prefix, started in starts[name]:
            about = (output.what, prefix, started)  # of the folders that a pipeline has for itself one is enough
            if about not in said and (way := _way_back(started, name, starts)):
                said.add(about)
                yield _loop(one.entry, output, prefix, found[started].entry, way)


def find_crossings(pipelines: Iterable[Written]) -> Iterator[Problem]:
    """Yield each output of a pipeline that would come to where another one publishes, once for each that publishes."""
    found = tuple(pipelines)
    at: defaultdict[str, list[tuple[Written, Output]]] = defaultdict(list)
    for one in found:
        for output in one.outputs:
            at[_beginning(output)].append((one, output))
    for one in found:
        for published in (output for output in one.outputs if output.to):
            # Those that begin otherwise can't meet, and a thousand models publish beside a thousand's outputs.
            near = (at[_beginning(published)], at[""]) if _beginning(published) else at.values()
            others = ((other, output) for items in near for other, output in items if other is not one)
            crossing = (item for item in others if _comes_into(item[1], published.to))
            if first := next(crossing, None):
                yield _crossing(one.entry, published, first[0].entry, first[1])


def _beginning(output: Output) -> str:
    """Return bucket and first folder of an address, as far as dates leave them known; empty where they don't."""
    known = (output.to or output.address).partition("${")[0].split("/", 4)
    return "/".join(known[:4]).casefold() if len(known) > 4 else ""  # 's3:', '', bucket, folder, rest


def _comes_into(output: Output, to: str) -> bool:
    return may_meet(day_folder_of(output.to), day_folder_of(to)) if output.to else may_come_into(output.address, to)


def _crossing(entry: PipelineEntry, published: Output, other: PipelineEntry, output: Output) -> Problem:
    message = (
        f"{published.what} of the pipeline '{entry.name}' goes to '{published.to}', and {output.what} of "
        f"'{other.name}' to '{output.to or output.address}'"
    )
    return Problem(
        id="PB896",
        message=message,
        place=published.place,
        related=(output.place,) if output.place else (),
        hint="publish to a folder in which nothing else is written",
    )


def _started(one: Written, others: Iterable[Written]) -> list[tuple[Output, str, str]]:
    """Return each output of a pipeline that starts one, with the prefix that is watched for it."""
    return [
        (output, prefix, other.entry.name)
        for other in others
        for prefix in other.entry.trigger.data
        for output in one.outputs
        if _meet(plain(output.address), prefix)
    ]


def _meet(address: str, watched: str) -> bool:
    """Tell whether something written there can begin with the watched prefix, which is one of names, not of folders."""
    return address.startswith(watched) or f"{address}/".startswith(watched) or is_inside(watched, address)


def _way_back(start: str, end: str, starts: dict[str, list[tuple[Output, str, str]]]) -> tuple[str, ...]:
    """Return the pipelines on a way from one that was started to another; empty where none leads there."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way
        new = dict.fromkeys(name for _, _, name in starts[way[-1]] if name not in seen)
        seen.update(new)
        ways += [(*way, name) for name in new]
    return ()


def _loop(entry: PipelineEntry, output: Output, prefix: str, started: PipelineEntry, way: Sequence[str]) -> Problem:
    through = f", that '{way[1]}'" if len(way) > 2 else ""
    back = "" if entry.name == started.name else f" starts '{started.name}'{through} and so '{entry.name}' itself"
    again = f"which{back}: each run would start the next" if back else "each run would start the next"
    message = (
        f"{output.what} of the pipeline '{entry.name}' goes to '{output.address}', and "
        f"'{prefix}' is watched for data: {again}"
    )
    watched = started.at("trigger")
    return Problem(
        id="PB987",
        message=message,
        place=output.place or watched,
        related=(watched,) if output.place and watched else (),
        hint="let it write elsewhere, or watch a prefix that only others write to",
    )
