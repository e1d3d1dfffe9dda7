"""Where the pipeline keeps what in its own bucket: the folder that stands for an address, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pipeline_builder.definition.steps.context import OWN_FOLDERS, execution_base
from pipeline_builder.service.cloudformation.access.addresses import Location

# Below the pipeline's name: code by its hash, lists of files by theirs. Every repository's jobs may read them.
_SHARED = ("code", "manifests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The pipeline's bucket, and the folders in it where names are made anew with each build or run.

    `repositories` are those with steps. With `mine` only that one's own results are a folder of its; without, all are.
    """

    bucket: str
    pipeline: str
    prefix: str = ""
    repositories: tuple[str, ...] = ()
    mine: str = ""

    @property
    def base(self) -> str:
        """What the keys of everything of the pipeline begin with."""
        return f"{self.prefix}{self.pipeline}"

    def of(self, repository: str) -> Places:
        """Return the places as one repository has them."""
        return replace(self, mine=repository)

    def read(self, found: Iterable[Location | None]) -> tuple[Location, ...]:
        """Return what is to be read, with what the step cache may answer with out of the time before repositories had
        folders of their own.
        """
        named = self.named(found)
        return _sorted([*map(self._folder, named), *self._before(named)])

    def written(self, found: Iterable[Location | None]) -> tuple[Location, ...]:
        """Return what is to be written."""
        return _sorted(map(self._folder, self.named(found)))

    def named(self, found: Iterable[Location | None]) -> tuple[Location, ...]:
        """Return the locations as they are, without those that aren't known; the pipeline's own bucket has no name."""
        return _sorted(
            Location("" if place.bucket == self.bucket else place.bucket, place.pieces) for place in found if place
        )

    def kept(self) -> tuple[str, ...]:
        """Return the prefixes that a repository's jobs never write to: the pipeline's folders, and those of others."""
        others = [name for name in self.repositories if name != self.mine]
        return tuple(f"{self.base}/{name}/" for name in (*OWN_FOLDERS, *others))

    def _folder(self, place: Location) -> Location:
        """What stands in one of the folders today is another's name tomorrow: the folder stands for it."""
        found = next((base for base in self._folders() if _is_below(place, base)), "")
        return Location("", (found, "")) if found else place

    def _folders(self) -> Iterator[str]:
        yield from (f"{self.base}/{name}/" for name in (*_SHARED, *(() if self.mine else ("executions",))))
        for name in (self.mine,) if self.mine else self.repositories:
            yield f"{execution_base(self.base, name)}/"

    def _before(self, named: Iterable[Location]) -> Iterator[Location]:
        """Yield where the same results lay before: the folder for all, or of one repository exactly its steps'."""
        before = f"{execution_base(self.base, '')}/"
        for place in named:
            base = next((one for one in self._results() if _is_below(place, one)), "")
            if base and not self.mine:
                yield Location("", (before, ""))
            elif base and len(place.pieces) > 1:
                yield Location("", (before + place.pieces[0].removeprefix(base), *place.pieces[1:]))

    def _results(self) -> Iterator[str]:
        yield from (f"{execution_base(self.base, name)}/" for name in self.repositories)


def _is_below(place: Location, base: str) -> bool:
    return not place.bucket and place.pieces[0].startswith(base)


def may_be_below(place: Location, prefix: str) -> bool:
    """Tell whether anything that a location stands for can begin with a prefix of the pipeline's own bucket."""
    first, *others = place.pieces
    return not place.bucket and (first.startswith(prefix) or bool(others and prefix.startswith(first)))


def _sorted(places: Iterable[Location]) -> tuple[Location, ...]:
    return tuple(sorted(set(places)))
