"""The export: the console's pages as a static site, for whoever has no console: in a bucket, or an artifact of a CI.

Links are relative, so that it may lie anywhere, and leads to pages that it has only. What needs somebody who answers
isn't in it. Pages of runs and versions are drawn again only where what they are made of has changed (`made.py`), others
are drawn each time and written where they look otherwise.
"""

from __future__ import annotations

import functools
import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline_builder.console.aged import Aged, aged
from pipeline_builder.console.look import Answers
from pipeline_builder.console.made import Made
from pipeline_builder.console.pages import Page, Query, all_pages
from pipeline_builder.console.rendering import make_shell, render_alone, render_page
from pipeline_builder.console.site import NOTE, Site, parse_note, write_note
from pipeline_builder.console.static import static_files
from pipeline_builder.console.urls import Url, file_of
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.layout import TEMPLATES
from pipeline_builder.machine.code import fingerprint_code
from pipeline_builder.release.past.query import RunQuery

if TYPE_CHECKING:
    from pipeline_builder.console.look import Look

MOST = 200
"""Runs whose pages are written where nobody says how many."""
_MOST_PAGES = 100
_WHEN = "1970-01-01 00:00 UTC"
"""Stands for the time in a page until it is known that it is another than the one that is there."""
_PAGED = frozenset(["runs", "models", "model"])
"""Pages that show a part of a long list, by `?page=`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export came to: how many files were written, and how many were as they are; `index` is the first page."""

    written: int
    same: int
    failed: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return self.written + self.same


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """A page of the site: its file, and what its address has."""

    page: Page
    file: str
    parts: Mapping[str, object] = field(default_factory=dict)
    number: int = 1


def export_site(look: Look, site: Site, *, most: int = MOST, names: Sequence[str] | None = None) -> Written:
    """Write the pages about what there is now; of runs the newest. `names` are the pages that are wanted, else all.

    Each file is whole, and the note of what they are made of is the last. Before the first that is another it says that
    nothing is known of them: killed and repeated, it writes them all, and a page of a state in between doesn't stay.
    """
    with look.index.held():
        # Thousands of pages ask for the same lists.
        target = look.target if isinstance(look.target.registry, Aged) else aged(look.target, Answers())
        return _Export(replace(look, target=target, may_decide=False, patient=True), site, most, names).run()


class _Export:
    def __init__(self, look: Look, site: Site, most: int, names: Sequence[str] | None) -> None:
        self.look, self.site, self.most = look, site, most
        self.pages = tuple(
            page for page in all_pages() if page.exported and page.template and (names is None or page.name in names)
        )
        self.by_name = {page.name: page for page in self.pages}
        self.when = f"{look.now():%Y-%m-%d %H:%M} UTC"
        self.version = f"{fingerprint_code()} {_templates()}"
        self.written = self.same = 0
        self.failed: list[str] = []
        self.files: dict[str, str] = {}
        self.note: bytes | None = None

    def run(self) -> Written:
        there, self.note = self.site.names(), self.site.read(NOTE)
        noted = parse_note(self.note, self.version)
        self.known = {name: made_of for name, made_of in noted.items() if name in there}
        todo = {one.file: one for one in self._all()}
        self.there = frozenset(todo)
        self.made = Made(self.look, self._has)
        for name, path in static_files().items():
            self._put(f"static/{name}", path.read_bytes())
        for one in todo.values():
            self._write(one)
        if (now := self.site.read(NOTE)) != self.note:  # somebody else has written at the same time
            theirs = parse_note(now, self.version)
            self.files = {name: made_of for name, made_of in self.files.items() if theirs.get(name) == made_of}
        if self.written or self.files != noted or now != self.note:
            write_note(self.site, self.version, self.files)
        return Written(written=self.written, same=self.same, failed=tuple(self.failed))

    # --- which pages there are

    def _all(self) -> Iterator[_One]:
        for page in self.pages:
            match page.name:
                case "model":
                    yield from (self._one(page, group=group) for group in self.look.index.groups())
                case "version" | "compare":
                    yield from self._versions(page)
                case "run":
                    yield from self._runs(page)
                case "scores" | "day":
                    yield from self._scores(page)
                case _ if "<" not in page.path:
                    yield from self._listed(page)

    def _listed(self, page: Page) -> Iterator[_One]:
        yield self._one(page)
        if page.name == "runs":
            _, total = self.look.index.runs(RunQuery(), limit=0)
            last = min(-(-total // _MOST_PAGES), _MOST_PAGES)
            yield from (self._one(page, number=number) for number in range(2, last + 1))

    def _versions(self, page: Page) -> Iterator[_One]:
        for group in self.look.index.groups():
            found = [model for _, model in self.look.index.of_model(group)][-self.most :]
            numbers = {model.version for model in found}
            for model in found:
                if page.name == "version":
                    yield self._one(page, group=group, version=model.version)
                elif model.champion_version in numbers:
                    yield self._one(page, group=group, a=model.champion_version, b=model.version)

    def _runs(self, page: Page) -> Iterator[_One]:
        shown, _ = self.look.index.runs(RunQuery(), limit=self.most)
        yield from (self._one(page, pipeline=run.pipeline, id=run.id) for run in shown)

    def _scores(self, page: Page) -> Iterator[_One]:
        from pipeline_builder.views.reported import noted_days

        for handle, name in self.look.names.items():
            session = self.look.sessions.get(handle)
            if session is None or not session.manifest.entry.is_inference:
                continue
            if page.name == "scores":
                yield self._one(page, pipeline=name)
                continue
            days = self.look.attempt(functools.partial(noted_days, self.look.target, name), ())
            yield from (self._one(page, pipeline=name, date=date) for date in dict.fromkeys(day.date for day in days))

    def _one(self, page: Page, *, number: int = 1, **parts: object) -> _One:
        return _One(page=page, file=_numbered(file_of(page, parts), number), parts=parts, number=number)

    # --- each of them

    def _write(self, one: _One) -> None:
        made_of = self.made.of(one.page.name, one.parts)
        if made_of and self.known.get(one.file) == made_of:
            self.files[one.file] = made_of
            self.same += 1
            return
        drawn, whole = self._drawn(one)
        if not (made_of and whole):  # what couldn't be had is asked for again the next time
            made_of = hashlib.sha256(drawn.encode("utf-8", "replace")).hexdigest()
        self._put(one.file, drawn.replace(_WHEN, self.when).encode("utf-8", "replace"), made_of)

    def _drawn(self, one: _One) -> tuple[str, bool]:
        """Return a page, and whether all is in it that it shows."""
        look = replace(self.look, remarks=list(self.look.remarks), ages=[])
        url, page = self._url(one.file), replace(one.page, live=())
        static = f"{posixpath.relpath('static', posixpath.dirname(one.file) or '.')}/"
        query = Query(pairs=(("page", str(one.number)),) if one.number > 1 else ())
        try:
            view = one.page.view(look, query, **one.parts)
        except PipelineBuilderError as error:
            self.failed.append(f"{one.file}: {error.problems[0].message}")
            place = {"static": static, "home": url("now")}
            return render_alone("console/problem.html.j2", status=409, why="", problems=error.problems, **place), False
        shell = make_shell(page, look, url, self.pages, json="", static=static, written=_WHEN)
        whole = len(look.remarks) == len(self.look.remarks) and not getattr(view, "missing", ())
        return render_page(page, view, shell, url), whole

    def _has(self, name: str, /, **parts: object) -> bool:
        """Tell whether the site has a page."""
        return name in self.by_name and file_of(self.by_name[name], parts) in self.there

    def _url(self, at: str) -> Url:
        """Return `url` for a page: relative, and empty for what the site hasn't got."""

        def url(name: str, /, **parts: object) -> str:
            page = self.by_name.get(name)
            if page is None:
                return ""
            asked = {key: value for key, value in parts.items() if f"<{key}>" not in page.path.replace("<int:", "<")}
            number = asked.pop("page", 1) if name in _PAGED else 1
            if any(value not in ("", None) for value in asked.values()):
                return ""
            file = _numbered(file_of(page, parts), int(str(number or 1)))
            return posixpath.relpath(quote(file), posixpath.dirname(quote(at)) or ".") if file in self.there else ""

        return url

    def _put(self, name: str, content: bytes, made_of: str = "") -> None:
        """Write a file where it differs from the one that is there, as far as is noted of that."""
        made_of = made_of or hashlib.sha256(content).hexdigest()
        self.files[name] = made_of
        if self.known.get(name) == made_of:
            self.same += 1
            return
        if not self.written:
            write_note(self.site, self.version, {})
            self.note = self.site.read(NOTE)
        self.site.write(name, content)
        self.written += 1


def _numbered(file: str, number: int) -> str:
    return file if number < 2 else f"{file.removesuffix('.html')}.page-{number}.html"


def _templates() -> str:
    """Return a digest of the templates, which may lie beside the package."""
    digest = hashlib.sha256()
    for path in sorted(path for path in TEMPLATES.rglob("*") if path.is_file() and "model/" not in str(path)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
