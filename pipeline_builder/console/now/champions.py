"""What is in use: the champion of each model, how good it is, since when, by whose word, and made of which commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_builder.console.look import Look
from pipeline_builder.console.models.asking import Asking, champion_of
from pipeline_builder.console.models.history import metric_names
from pipeline_builder.console.pages import Query
from pipeline_builder.console.paging import Pages, page_of
from pipeline_builder.descriptions import ModelPackage
from pipeline_builder.release.past.remaking import commits_of
from pipeline_builder.release.standing import AT, BY, Standing, standing
from pipeline_builder.release.witness import at_once

_MOST, _MOST_ON_AWS = 50, 25
"""Rows of a page: on AWS each takes two calls, once a minute at most."""
_MOST_METRICS = 3
_MOST_COMMITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A commit that a version was made of, with the address of its page at the git host, if that is known."""

    repository: str
    commit: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """A model; `version` is 0 where none is in use. `since` is a time in words, `unsigned` says that nobody's word is
    on it. `metrics` are the ones that a gate bounds, else the first. `pipeline` and `run` tell what has made it.
    """

    group: str
    version: int = 0
    since: str = ""
    by: str = ""
    unsigned: bool = False
    stage: str = ""
    metrics: tuple[tuple[str, float], ...] = ()
    commits: tuple[Made, ...] = ()
    pipeline: str = ""
    run: str = ""
    newest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Champions:
    """Some of the models, and how they were chosen: `all` counts them, `text` is a part of their names."""

    rows: tuple[Champion, ...]
    all: int
    text: str
    pages: Pages


def champions_of(look: Look, query: Query) -> Champions:
    """Return the models of a page, by name."""
    asking, text = Asking(look), query.get("text").strip()
    every = asking.groups()
    chosen = sorted((group for group in every if text.casefold() in group.casefold()), key=str.casefold)
    shown, pages = page_of(chosen, query, most=_MOST if look.target.name == "local" else _MOST_ON_AWS)
    return Champions(
        rows=tuple(at_once(lambda group: _champion(asking, group), shown)), all=len(every), text=text, pages=pages
    )


def _champion(asking: Asking, group: str) -> Champion:
    packages = asking.look.attempt(lambda: asking.packages(group), ())
    number = champion_of(packages)
    if not number:
        return Champion(group=group, newest=packages[0].version if packages else 0)
    package = asking.described(next(one for one in packages if one.version == number))
    ran = asking.ran(group).get(number)
    gated = tuple(asking.gates(package, ran))
    metrics = ran.metrics if ran else {}
    names = [name for name in (metric_names((ran,), gated) if ran else ()) if name in metrics]
    return Champion(
        group=group,
        version=number,
        since=_since(package),
        by=package.metadata.get(BY, ""),
        unsigned=standing(package) is Standing.UNSIGNED,
        stage=package.stage,
        metrics=tuple((name, metrics[name]) for name in _first(names, gated)),
        commits=_commits(asking, package),
        pipeline=ran.pipeline if ran else "",
        run=ran.run if ran else "",
        newest=packages[0].version,
    )


def _first(names: Sequence[str], gated: Sequence[str]) -> Sequence[str]:
    """Return the metrics that count: those with a bound, where there are any."""
    return ([name for name in names if name in gated] or list(names))[:_MOST_METRICS]


def _since(package: ModelPackage) -> str:
    changed = package.modified or package.created
    return package.metadata.get(AT, "") or (changed.isoformat() if changed else "")


def _commits(asking: Asking, package: ModelPackage) -> tuple[Made, ...]:
    made = sorted(commits_of(package.metadata).items())[:_MOST_COMMITS]
    return tuple(Made(repository=name, commit=sha, url=asking.commit_link(name, sha)) for name, sha in made)
