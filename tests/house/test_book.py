"""The book has everything: each page a place, each thing that people can set a page; as a site it asks nobody."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
import typing
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline_builder.cli import main
from pipeline_builder.conf.conf import ConfFile
from pipeline_builder.conf.inference import InferenceFile
from pipeline_builder.console.pages import all_pages
from pipeline_builder.documents.schema import Section, spellings
from pipeline_builder.explanations import load_explanations
from pipeline_builder.manifest.sections import ManifestSection
from tests.browsing import open_browser, open_page
from tests.house.fences import pages, prose
from tests.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = ROOT / "docs"
SITE = tomllib.loads((DOCS / "site" / "zensical.toml").read_text("utf-8"))["project"]


def named(nav: object) -> Iterator[str]:
    """The pages of a navigation, in its order."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list):
        for item in nav:
            yield from named(item)
    elif isinstance(nav, dict):
        for item in nav.values():
            yield from named(item)


def test_every_page_has_one_place_in_the_navigation() -> None:
    found = Counter(named(SITE["nav"]))
    assert [page for page, times in found.items() if times > 1] == []
    assert {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} <= set(found)
    beside = {page for page in found if not (DOCS / page).exists()}
    there = {path.relative_to(ROOT).as_posix().replace("/README.md", ".md") for path in pages()}
    assert beside <= there


def test_headings_have_no_brackets() -> None:
    # A git host makes another anchor of them than the site does.
    assert [line for page in DOCS.rglob("*.md") for line in re.findall(r"^#+ .*<.*$", prose(page), re.MULTILINE)] == []


def test_every_page_has_a_title_of_its_own() -> None:
    titles = {page: re.findall(r"^# (.+)$", prose(page), re.MULTILINE) for page in DOCS.rglob("*.md")}
    assert [page for page, found in titles.items() if len(found) != 1] == []
    times = Counter(found[0] for found in titles.values())
    assert [title for title, count in times.items() if count > 1] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_lists_are_lists_wherever_the_page_is_read(page: Path) -> None:
    # Without a blank line before it a list is a paragraph to Python's Markdown; to a git host it isn't.
    before = ""
    for line in prose(page).splitlines():
        if re.match(r"(?:[-*]|\d+\.) ", line) and before.strip():
            assert re.match(r" +|(?:[-*]|\d+\.) ", before), f"{page}: {before!r} / {line!r}"
        before = line


def test_every_command_and_every_problem_has_its_heading() -> None:
    options = (DOCS / "reference" / "options.md").read_text("utf-8")
    assert re.findall(r"^### (.+)$", options, re.MULTILINE) == main.list_commands(None)  # type: ignore[arg-type]
    problems = (DOCS / "reference" / "problems.md").read_text("utf-8")
    assert sorted(re.findall(r"^### (PB\d+)$", problems, re.MULTILINE)) == sorted(load_explanations())


def sections(model: type[Section], found: set[type[Section]]) -> set[type[Section]]:
    """A section and all that its keys lead to."""
    if model not in found:
        found.add(model)
        for info in model.model_fields.values():
            for inner in inside(info.annotation):
                sections(inner, found)
    return found


def inside(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from inside(inner)


@pytest.mark.parametrize("root", [ConfFile, InferenceFile, ManifestSection])
def test_every_key_is_in_the_reference(root: type[Section]) -> None:
    # A section has its table, or each of its keys is spoken of.
    text = "".join(page.read_text("utf-8") for page in sorted((DOCS / "reference").glob("*.md")))
    tables = {name.split(" ")[-1] for name in re.findall(r"<!-- keys: ([\w ]+) -->", text)}
    spoken = set(re.findall(r"\b\w+\b", " ".join(re.findall(r"`[^`\n]+`|^ *\w+:", text, re.MULTILINE))))
    for model in sections(root, set()):
        if model.__name__ not in tables:
            keys = [spellings(name, info) for name, info in model.model_fields.items()]
            assert [names for names in keys if not spoken & set(names)] == [], model


@pytest.mark.long
def test_every_environment_variable_is_on_its_page() -> None:
    text = (DOCS / "reference" / "environment.md").read_text("utf-8")
    read = [*(ROOT / "pipeline_builder").rglob("*.py"), *(ROOT / "templates").rglob("*.j2"), ROOT / "buildspec.yml"]
    used = {word for path in read for word in re.findall(r"\bSMP_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))}
    known = set(re.findall(r"\bSMP_[A-Z_]*[A-Z]\b", text)) | {"SMP_SECRET"}  # the beginning of one for each secret
    assert used - known == set()
    assert known - used - {"SMP_SECRET"} == set(), "nothing reads these"


def test_every_page_of_the_console_is_on_its_page() -> None:
    text = (DOCS / "how-to" / "console.md").read_text("utf-8")
    paths = [re.sub(r"<\w+:(\w+)>", r"<\1>", page.path) for page in all_pages()]
    assert [path for path in paths if f"`{path}`" not in text] == []


# --- the site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.version_info < (3, 11):
        pytest.skip("Zensical needs Python 3.11")
    out = tmp_path_factory.mktemp("book") / "site"
    command = [sys.executable, str(ROOT / "scripts" / "book.py"), "build", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class _Page(html.parser.HTMLParser):
    """What a page links to and loads, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag in ("script", "img", "iframe"):
            self.loads.append(given.get("src", ""))
        elif tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "icon"):
            self.loads.append(given.get("href", ""))


def read_site(site: Path) -> dict[Path, _Page]:
    found = {}
    for path in site.rglob("*.html"):
        found[path] = page = _Page()
        page.feed(path.read_text("utf-8"))
    return found


@pytest.mark.long
def test_the_site_leads_nowhere_that_is_not_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    found = read_site(site)
    made = {path.relative_to(site).as_posix() for path in found}
    assert {page.replace(".md", ".html") for page in named(SITE["nav"])} <= made
    wrong = []
    for path, page in found.items():
        wrong += [f"{path.name} loads {one}" for one in page.loads if urlsplit(one).scheme not in ("", "data")]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                wrong.append(f"{path.relative_to(site)}: {link}")
            elif parts.fragment and target in found and unquote(parts.fragment) not in found[target].anchors:
                wrong.append(f"{path.relative_to(site)}: no anchor {link}")
    assert wrong == []


@pytest.mark.long
def test_pages_are_rendered_whole(site: Path) -> None:
    # Where the two Markdowns differ, a table or a block is a paragraph with its marks in it.
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<p>[^<]*(?:```|\|\s*---|^\s*\| )", text, re.MULTILINE), path
        assert not re.search(r"<p>(?:(?!</p>).)*\n(?:\d+\.|-) ", text, re.DOTALL), f"{path}: a list within a paragraph"
        assert "<!-- keys" not in text, path
        assert "{.run}" not in re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL), path


@pytest.mark.long
def test_the_site_is_searched_from_a_disk_and_asks_nobody(site: Path) -> None:
    with open_browser() as browser:
        for dark, scheme in ((False, "default"), (True, "slate")):
            with open_page(browser, dark=dark, address=site.as_uri()) as (page, seen):
                page.goto((site / "how-to" / "on-call.html").as_uri())
                assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == scheme
                page.get_by_role("button", name="Search").click()
                page.keyboard.insert_text("rollback")
                page.get_by_role("option").filter(has_text="PB432").first.click()
                page.wait_for_url("**/problems.html**")
                assert page.locator("#pb432").is_visible()
                page.locator(".md-code__button:visible").first.wait_for()
                assert page.locator(".md-code__button").count() < 100  # all at once would take seconds
                # Of Chromium's own, where a page is opened at an anchor.
                seen.said[:] = [line for line in seen.said if "Autofocus processing was blocked" not in line]
