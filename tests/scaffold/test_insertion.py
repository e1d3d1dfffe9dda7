"""Text that is put into a YAML file: what stood there stays as it was, and what is read is what was to be added."""

from __future__ import annotations

import itertools

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.errors import InputProblems
from pipeline_builder.scaffold.insertion import Additions, insert, merged

NEW: Additions = {
    "repos": [{"name": "churn", "url": "./a: b"}],
    "local": {
        "s3": {"local/churn": "churn/data"},
        "images": [{"match": "*/image:*", "requirements": ["numpy==2.2.6"]}],
    },
}


def read(text: str) -> object:
    return parse_yaml(Source("m.yaml", text), "PB100").data


def test_a_manifest_as_people_write_it() -> None:
    before = """\
# Ours.
version: 1
repos: # all of them
  # The first.
  - url: https://example.com/a.git   # main
    groups: [nightly]

  - {url: b, enabled: false}
  # - url: c, once it is ready

# Only here.
local:
    images:
    -   match: "*"   # everything
        requirements: []
    s3: {x: y, }  # one

schedules: []
# The end."""
    after = """\
# Ours.
version: 1
repos: # all of them
  # The first.
  - url: https://example.com/a.git   # main
    groups: [nightly]

  - {url: b, enabled: false}
  # - url: c, once it is ready
  - name: churn
    url: "./a: b"

# Only here.
local:
    images:
    -   match: "*"   # everything
        requirements: []
    - match: "*/image:*"
      requirements: [numpy==2.2.6]
    s3: {x: y, local/churn: churn/data }  # one

schedules: []
# The end.
"""
    assert insert(before, NEW, label="m.yaml") == after


def test_a_new_section_comes_last() -> None:
    after = insert("version: 1\nrepos:\n- url: a\n# the end\n", NEW, label="m.yaml")
    assert after == (
        'version: 1\nrepos:\n- url: a\n- name: churn\n  url: "./a: b"\n# the end\n'
        "\nlocal: # only for the local target: conf files stay as they are for AWS\n  s3:\n    local/churn: churn/data\n"
        '  images:\n    - match: "*/image:*"\n      requirements: [numpy==2.2.6]\n'
    )


REPOS = (
    "repos: []", "repos:", "repos: # none yet", "repos: [{url: a}]", "repos: [\n  {url: a},\n]", "repos:\n- url: a",
    "repos:\n  - url: a\n    name: >-\n      folded\n      text\n", "repos:\n  - url: a\n\n\n", "repos:\n  - url:\n",
    "repos:\n  # why\n  - url: 'it''s'  # so\n    # revision: old",
)  # fmt: skip
LOCALS = (
    "", "local:", "local: {}", "local: {s3: {}}", "local: {s3: {a: b}, images: []}", "local:\n  s3:", "local:\n  s3: {a: b}",
    "local:\n  s3:\n    a: b # x\n    c: d\n  images:\n    - match: x\n", "local:\n  images:\n  - {match: x}\n  s3:\n    a: b",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("end", ["", "\n", "\n# a comment\n", "\n\n\n"], ids=["bare", "newline", "comment", "blank"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_every_form(newline: str, end: str) -> None:
    for repos, local in itertools.product(REPOS, LOCALS):
        for parts in (("version: 1", repos, local), ("version: 1", local, repos), (local, "", repos, "version: 1")):
            before = ("\n".join(parts).replace("\n\n\n", "\n\n") + end).replace("\n", newline)
            after = insert(before, NEW, label="m.yaml")
            assert read(after) == merged(read(before), NEW), after  # type: ignore[arg-type] # YAML is JSON here
            kept = iter(after)
            assert all(character in kept for character in before), after
            assert after.count("\r\n") == (after.count("\n") if newline == "\r\n" else 0)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nrepos: &all\n  - url: a\nlocal: *all\n",
        "{version: 1, repos: [{url: a}]}\n",
        "version: 1\nrepos: [ # why\n  {url: a} # so\n]\n",
        "version: 1\nrepos: ~\n",
        "version: 1\nrepos: text\n",
        "version: 1\nrepos:\n  - url: a\n...\n",
        "version: 1\nrepos:\n  - url: a\nlocal: []\n",
        "- a list\n",
        "",
        "version: 1\nrepos:\n  - url: a\nlocal:\n  s3: {local/churn: other}\n",
    ],
)
def test_where_the_place_is_not_certain_nothing_is_done(text: str) -> None:
    with pytest.raises(InputProblems) as caught:
        insert(text, NEW, label="m.yaml")
    (problem,) = caught.value.problems
    assert str(problem) == (
        "m.yaml: PB695 'm.yaml' is written in a way that leaves no certain place for the new lines\n"
        "  hint: without --add the lines are printed, to be put in by hand"
    )
