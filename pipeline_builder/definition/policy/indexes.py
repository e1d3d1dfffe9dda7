"""Package indexes: what the `requirements.txt` of a bundle would install from."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.conf.graph import Step
from pipeline_builder.conf.sections import EvaluateSection, PreprocessSection, TrainSection
from pipeline_builder.definition.bundle import Bundle
from pipeline_builder.definition.code import folder_label
from pipeline_builder.definition.lists import FILE, included, joined
from pipeline_builder.documents.schema import describe
from pipeline_builder.documents.source import Source
from pipeline_builder.errors import Place
from pipeline_builder.manifest.patterns import covers_any
from pipeline_builder.manifest.policy import Rules
from pipeline_builder.manifest.refusal import Refused, refuse

DEFAULT = "default"
_OWN_INDEX = re.compile(r"^(-i|--index-url|--pypi-url|--no-index)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s;,'\"#]+", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_ENCODED = "${ENCODED}"
_DEEPEST = 8
_URL_LOGIN = re.compile(r"://[^/@\s]+@")
_AS_UTF_8 = (
    "save it as UTF-8, in PowerShell by 'pip freeze | Out-File -Encoding utf8 requirements.txt', and without a "
    "'coding:' that says otherwise"
)
_UNSEEN = "write the url itself, without a login: what a variable of the job holds can't be looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of requirements as pip takes it, and its place."""

    text: str
    place: Place

    @property
    def is_requirement(self) -> bool:
        return not self.text.startswith("-") or self.text.startswith(("-e", "--editable"))


def check_indexes(
    steps: Iterable[tuple[Step, Bundle]], rules: Mapping[str, Rules], indexed: Container[str] = ()
) -> Iterator[Refused]:
    """Yield every line of a bundle's requirements that installs from where the repository's policy doesn't say so.

    `indexed` are the steps whose requests name a repository of CodeArtifact, which is looked at there.
    """
    known: dict[str, tuple[Line, ...]] = {}
    said: set[tuple[str, str, Place]] = set()
    for step, bundle in steps:
        if not bundle.has_requirements:
            continue
        label = folder_label(step, bundle)
        if label not in known:
            known[label] = tuple(_lines(bundle, FILE, label, depth=0))
        for url, place in _named(known[label], step.name in indexed and _own(step)):
            key = (step.repository, url, place)
            if key not in said and not allowed(rules[key[0]], url):
                said.add(key)
                yield refused(rules[key[0]], url, place)


def allowed(rules: Rules, url: str) -> bool:
    """Tell whether a job may install from a url, or from pip's default index."""
    return url in rules.indexes or (url != DEFAULT and "${" not in url and covers_any(rules.indexes, url))


def refused(rules: Rules, url: str, place: Place) -> Refused:
    """Return the problem with a place that installs from a url."""
    if url == _ENCODED:
        message = f"the policy of '{rules.repo}' can't be held against a list that isn't UTF-8 text"
        return Refused(id="PB245", message=message, place=place, hint=_AS_UTF_8)
    what = "pip's default index" if url == DEFAULT else describe(_URL_LOGIN.sub("://***@", url))
    message = f"the policy of '{rules.repo}' doesn't let its jobs install from {what}"
    if "${" in url or "@" in url:
        return Refused(id="PB245", message=message, place=place, hint=_UNSEEN)
    return refuse(rules, "indexes", url, problem_id="PB245", message=message, place=place)


def _own(step: Step) -> bool:
    """Tell whether the section says an index: only then a job installs from that."""
    return isinstance(step.job, TrainSection | PreprocessSection | EvaluateSection) and bool(step.job.codeartifact)


def _named(lines: tuple[Line, ...], elsewhere: bool) -> Iterator[tuple[str, Place]]:
    """Yield every url that is installed from, and `default` where that is nowhere else, nor `elsewhere`."""
    first = next((line for line in lines if line.is_requirement), None)
    if first and not elsewhere and not any(_OWN_INDEX.match(line.text) for line in lines):
        yield DEFAULT, first.place
    for line in lines:
        yield from ((url, line.place) for url in _URL.findall(line.text))
        if _VARIABLE.search(line.text) and not _URL.search(line.text):
            yield _VARIABLE.findall(line.text)[0], line.place


def _lines(bundle: Bundle, name: str, label: str, depth: int) -> Iterator[Line]:
    """Yield the lines of a list, and those of the lists that it includes."""
    path = bundle.folder / name
    if depth > _DEEPEST or not path.is_file():
        return
    content = path.read_bytes()
    source = Source(f"{label}/{name}".replace(":/", ":"), content.decode("utf-8", "replace"))
    if _is_encoded(content):
        yield Line(text=f"-- {_ENCODED}", place=source.place(1, 1))
    for number, text in joined(source.text):
        if not text:
            continue
        yield Line(text=text, place=source.place(number, 1))
        inner = included(name, text)
        if inner and (bundle.folder / inner).resolve().is_relative_to(bundle.folder.resolve()):
            yield from _lines(bundle, inner, label, depth + 1)


def _is_encoded(content: bytes) -> bool:
    """Tell whether pip would read the file in another way than as UTF-8: by a mark at its beginning, or as it says."""
    said = (_CODING.search(line) for line in content.splitlines()[:2] if line.lstrip().startswith(b"#"))
    other = any(found and found[1].lower() not in (b"utf-8", b"utf8", b"ascii") for found in said)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return other or b"\0" in content
