"""The static site: the same pages with relative links that lead somewhere, written again only where they changed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

import pytest

from pipeline_builder.console import export
from pipeline_builder.console.export import export_site
from pipeline_builder.console.plan.keeping import keeper_of
from pipeline_builder.console.rendering import render_page
from pipeline_builder.console.site import Below, Folder
from pipeline_builder.descriptions import ApprovalStatus
from pipeline_builder.errors import InputProblems, OutsideFailure, Problem
from pipeline_builder.target import Media
from tests.browsing import follow, open_page
from tests.console.consoles import look_of, text_of
from tests.workspaces import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from pipeline_builder.console.pages import Page
    from pipeline_builder.console.rendering import Shell
    from pipeline_builder.console.urls import Url
    from pipeline_builder.descriptions import ModelPackage
    from pipeline_builder.target import ModelRegistry, ObjectStore


class _Addresses(HTMLParser):
    """The addresses in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value or "" for name, value in attrs if name in ("href", "src", "action")]


def addresses(page: Path) -> list[str]:
    parser = _Addresses()
    parser.feed(page.read_text("utf-8"))
    return [one for one in parser.found if urlsplit(one).path]


@pytest.fixture(scope="module")
def site(ran: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = export_site(look_of(ran), Folder(folder))
    assert (done.same, done.failed) == (0, ())
    return folder


def test_every_link_is_relative_and_leads_to_a_page(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert {"index.html", "runs.html", "models.html"} <= {path.name for path in pages}
    assert len(list((site / "runs" / "tiny").glob("*.html"))) == 3
    seen = 0
    for page in pages:
        for one in addresses(page):
            parts = urlsplit(one)
            assert (parts.scheme, parts.netloc, parts.path.startswith("/")) == ("", "", False), (page, one)
            assert (page.parent / unquote(parts.path)).is_file(), (page, one)
            seen += 1
    assert seen > 50


def test_nothing_that_needs_an_answer_is_in_it(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert 'class="fixed"' in text, page
        assert 'name="form"' not in text, page
        assert "data-live" not in text, page
        assert re.search(r"written \d{4}-\d\d-\d\d \d\d:\d\d UTC", text_of(text)), page
        assert "1970-01-01" not in text, page


@pytest.mark.long
def test_again_only_what_has_changed_is_written(ran: Workspace, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    done = export_site(look_of(ran), Folder(folder))
    assert done.written == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    lost = next((folder / "runs" / "tiny").glob("*.html"))
    lost.unlink()
    (folder / "models.html").unlink()
    assert export_site(look_of(ran), Folder(folder)).written == 2
    assert lost.is_file()
    (folder / "site.json").write_text("{torn")
    export_site(look_of(ran), Folder(folder))
    assert (folder / "site.json").read_bytes() == (site / "site.json").read_bytes()


class _Killed(Folder):
    """A folder of which whoever writes is killed after some files."""

    left = 5

    def write(self, name: str, content: bytes) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().write(name, content)


@pytest.mark.long
def test_killed_and_repeated_it_is_whole(ran: Workspace, site: Path, tmp_path: Path) -> None:
    """The first one is no foreign folder by then, and in a later one no page of a state in between stays."""
    folder = tmp_path / "site"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            export_site(look_of(ran), _Killed(folder))
        assert json.loads((folder / "site.json").read_text())["files"] == {}
        export_site(look_of(ran), Folder(folder))
        assert (folder / "site.json").read_bytes() == (site / "site.json").read_bytes()
        for path in (folder / "static").iterdir():  # so that there is something to write again
            path.unlink()


def test_only_the_newest_runs(ran: Workspace, tmp_path: Path) -> None:
    export_site(look_of(ran), Folder(tmp_path / "site"), most=1)
    assert len(list((tmp_path / "site" / "runs" / "tiny").glob("*.html"))) == 1
    for page in (tmp_path / "site").rglob("*.html"):
        assert all((page.parent / unquote(urlsplit(one).path)).is_file() for one in addresses(page)), page


def test_the_plan_is_waited_for(ran: Workspace, tmp_path: Path) -> None:
    """Nobody asks again for a page of a file."""
    keeper_of(look_of(ran)).patience = 0.0
    export_site(look_of(ran), Folder(tmp_path / "site"), names=["plan"])
    text = text_of((tmp_path / "site" / "plan.html").read_text())
    assert "to run" in text
    assert "worked out" not in text
    assert "as of" not in text  # when the site was written is at its end


def test_somebodys_folder_is_left_alone(ran: Workspace, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputProblems) as caught:
        Folder(tmp_path)
    assert (
        str(caught.value)
        .splitlines()[0]
        .endswith(
            f"PB011 the site can't be written to '{tmp_path}': it has files in it, and no 'site.json' by which a site is "
            "known"
        )
    )
    ended = ran.call("console", "--export", str(tmp_path))
    assert (ended.code, "PB011" in ended.err, [path.name for path in tmp_path.iterdir()]) == (1, True, ["thesis.txt"])


def test_the_command(ran: Workspace, tmp_path: Path) -> None:
    ended = ran.call("console", "--export", str(tmp_path / "site"), "--most", "2", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["index"] == str(tmp_path / "site" / "index.html")
    assert ended.json["written"] == ended.json["files"] > 5


class _Bucket:
    """Objects in memory, with what each was put as."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, Media]] = {}

    def entries(self, prefix: str) -> dict[str, str]:
        return {uri: "" for uri in self.objects if uri.startswith(prefix)}

    def read(self, uri: str) -> tuple[bytes, str] | None:
        return (self.objects[uri][0], "") if uri in self.objects else None

    def put(self, uri: str, content: bytes | Path, media: Media = Media.BYTES) -> None:
        assert isinstance(content, bytes)
        self.objects[uri] = (content, media)


def test_in_a_bucket_files_are_what_a_browser_takes_them_for(ran: Workspace) -> None:
    bucket, prefix = _Bucket(), "s3://bucket/tiny/evidence/site/"
    site = Below(cast("ObjectStore", bucket), prefix)
    export_site(look_of(ran), site, most=1)
    media = {uri.rpartition(".")[2]: media for uri, (_, media) in bucket.objects.items()}
    assert media == {
        "html": Media.HTML, "json": Media.JSON, "css": Media.CSS, "js": Media.SCRIPT, "svg": Media.SVG,
    }  # fmt: skip
    assert all(uri.startswith(prefix) for uri in bucket.objects)
    assert export_site(look_of(ran), site, most=1).written == 0


@pytest.mark.long
def test_from_a_file_without_a_server(site: Path, browser: Browser) -> None:
    with open_page(browser, address=site.as_uri()) as (page, _):
        page.goto((site / "runs.html").as_uri())
        assert page.locator("form").is_hidden()
        follow(page.locator("main a").filter(has_text=re.compile("^[0-9a-z]{12}$")).first)
        assert page.locator("h1").inner_text()
        assert page.url.startswith("file://")


def test_what_nothing_has_changed_of_is_not_drawn(ran: Workspace, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def render(page: Page, view: object, shell: Shell, url: Url) -> str:
        drawn.append(page.name)
        return render_page(page, view, shell, url)

    monkeypatch.setattr(export, "render_page", render)
    assert export_site(look_of(ran), Folder(site)).written == 0
    assert "models" in drawn
    assert not {"run", "version", "compare"} & {*drawn}


def test_a_word_in_the_registry_is_on_every_page_about_it(ran: Workspace, site: Path, tmp_path: Path) -> None:
    """Somebody has decided elsewhere: no record of ours says it."""
    folder, look = tmp_path / "site", look_of(ran)
    shutil.copytree(site, folder)
    registry = cast("ModelRegistry", _Decided(look.target.registry))
    export_site(replace(look, target=replace(look.target, registry=registry)), Folder(folder))
    said = {path.relative_to(folder).parts[0] for path in folder.rglob("*.html") if _said(path, "not as they look")}
    assert said == {"models", "runs"}
    compared = [path for path in folder.rglob("compare/*/*.html") if _said(path, "not as they look")]
    assert compared


def _said(path: Path, words: str) -> bool:
    return words in path.read_text("utf-8")


class _Decided:
    """A registry in which each version was rejected."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def list_packages(self, group: str) -> tuple[ModelPackage, ...]:
        return tuple(map(_rejected, self._registry.list_packages(group)))

    def describe_package(self, arn: str) -> ModelPackage:
        return _rejected(self._registry.describe_package(arn))

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)


def _rejected(package: ModelPackage) -> ModelPackage:
    return replace(package, status=ApprovalStatus.REJECTED, approval_description="not as they look")


@pytest.mark.long
def test_what_could_not_be_read_is_tried_again(ran: Workspace, tmp_path: Path) -> None:
    look, folder = look_of(ran), tmp_path / "site"
    store = cast("ObjectStore", _Refusing(look.target.store))
    export_site(replace(look, target=replace(look.target, store=store)), Folder(folder))
    pages = [*(folder / "runs" / "tiny").glob("*.html"), *(folder / "models").glob("*/*.html")]
    refused = [path for path in pages if "slow down" in path.read_text("utf-8")]
    assert refused
    assert any('class="alone"' in path.read_text("utf-8") for path in refused)
    for page in refused:
        assert all((page.parent / unquote(urlsplit(one).path)).is_file() for one in addresses(page)), page
    export_site(look_of(ran), Folder(folder))
    assert not [path for path in pages if "slow down" in path.read_text("utf-8")]


class _Refusing:
    """A store that has no time for records."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def read(self, uri: str) -> tuple[bytes, str] | None:
        if uri.endswith("/run.json"):
            raise OutsideFailure(Problem(id="PB500", message="slow down"))
        return self._store.read(uri)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_of_two_at_once_nobody_vouches_for_the_others_pages(ran: Workspace, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    (folder / "models.html").unlink()
    note = (folder / "site.json").read_text("utf-8")

    class Between(Folder):
        def write(self, name: str, content: bytes) -> None:
            super().write(name, content)
            if name == "models.html":  # somebody else writes theirs, and is the first to end
                (folder / "models.html").write_text("of before")
                (folder / "site.json").write_text(re.sub('"models.html": "[0-9a-f]+"', '"models.html": "0"', note))

    export_site(look_of(ran), Between(folder))
    assert export_site(look_of(ran), Folder(folder)).written == 1
    assert (folder / "models.html").read_text("utf-8") != "of before"
