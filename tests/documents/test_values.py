"""Placeholders, the env file and the settings."""

from __future__ import annotations

import pytest

from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.documents.values import build_settings, parse_env_file, substitute
from pipeline_builder.errors import InputProblems

VALUES = {"SMP_REGION": "eu-central-1", "SMP_S3BUCKETNAME": "b", "SMP_ACCOUNTID": "1", "HOME": "/root", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SMP_REGION", "eu-central-1"),
        ("s3://SMP_S3BUCKETNAME/x", "s3://b/x"),
        ("SMP_ACCOUNTID.dkr.ecr.SMP_REGION.amazonaws.com/img:1", "1.dkr.ecr.eu-central-1.amazonaws.com/img:1"),
        ("SMP_REGION-x", "eu-central-1-x"),
        ("arn:aws:iam::SMP_ACCOUNTID:role/r", "arn:aws:iam::1:role/r"),
        ("HOME", "HOME"),
        ("x.HOME.y", "x.HOME.y"),
        ("MY_SMP_REGION", "MY_SMP_REGION"),
        ("SMP_REGIONAL", None),
        ("${HOME}/x", "/root/x"),
        ("${NOPE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${NOPE:-}", ""),
        ("${NOPE}", None),
        ("${NOPE:-${HOME}}", None),
        ("$HOME", "$HOME"),
        ("$${HOME} $${NOPE:-d}", "${HOME} ${NOPE:-d}"),
    ],
)
def test_substitution(text: str, expected: str | None) -> None:
    document = parse_yaml(Source("c.yaml", f"a: ['{text}']\n"), "PB201")
    data, problems = substitute(document, VALUES)
    if expected is None:
        assert [p.id for p in problems] == ["PB210"]
        assert str(problems[0].place) == "c.yaml:1:5"
    else:
        assert (data, problems) == ({"a": [expected]}, ())


def test_a_value_is_not_searched_again() -> None:
    document = parse_yaml(Source("c.yaml", "a: SMP_REGION\n"), "PB201")
    assert substitute(document, {"SMP_REGION": "SMP_ROLE ${HOME}"})[0] == {"a": "SMP_ROLE ${HOME}"}


def test_env_file() -> None:
    text = "# comment\n\nA=1\nexport B=\"two words\"\nC='x # y' # comment\nD=\n"
    assert parse_env_file(Source(".env", text)) == {"A": "1", "B": "two words", "C": "x # y", "D": ""}


def test_env_file_problems() -> None:
    with pytest.raises(InputProblems) as caught:
        parse_env_file(Source(".env", 'A=\u201cx\u201d\nB = "y" z\nnonsense\n'))
    assert str(caught.value) == (
        ".env:1:3: PB213 a curly quote would become part of the value\n"
        '  hint: use straight quotes: KEY="value"\n'
        '.env:2:1: PB213 expected KEY="value", KEY=value or a comment\n'
        '.env:3:1: PB213 expected KEY="value", KEY=value or a comment'
    )


def test_settings() -> None:
    needed = {"SMP_ACCOUNTID": "1", "SMP_REGION": "r", "SMP_S3BUCKETNAME": "b", "SMP_ROLE": "role"}
    found = build_settings({**needed, "SMP_SUBNETS": "a, b ,", "SMP_SECURITYGROUPS": "c"})
    assert (found.subnets, found.security_groups) == (("a", "b"), ("c",))
    with pytest.raises(InputProblems, match="PB212 'SMP_SUBNETS' is set and 'SMP_SECURITYGROUPS' is not"):
        build_settings({**needed, "SMP_SUBNETS": "a"})
    with pytest.raises(InputProblems) as caught:
        build_settings({"SMP_ACCOUNTID": "1"})
    assert [p.message for p in caught.value.problems] == [
        "'SMP_REGION' has no value",
        "'SMP_ROLE' has no value",
        "'SMP_S3BUCKETNAME' has no value",
    ]
    # That credentials were refused is not to look like a variable that everybody has to set.
    region, role, _ = (str(p.hint) for p in caught.value.problems)
    assert region.endswith("in .env; unset, it is that of the credentials' profile")
    assert role.endswith("; unset, it is the role that the credentials are of, if they are a role's and AWS takes them")
