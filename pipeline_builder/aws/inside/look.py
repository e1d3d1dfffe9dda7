"""The first look at the repositories that a service polls: cheap, and where anything isn't as it was, its worker looks.

A Lambda function runs this file alone. It reads, starts the worker's build, and decides nothing else: a doubt is a
start. What it can't ask and the worker couldn't either is left alone for an hour, so that it costs, and mails, little.
Once a day the worker looks whatever is seen here.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline_builder.manifest.tags import AmbiguousError, find_commit, tag_pattern

_ANSWER = 60.0
_SILENCE = 15.0
_MOST_BYTES = 64 * 1024**2
_AGAIN = 3600.0
_DAILY = 86_400.0
_AT_ONCE = 16


class Unasked(Exception):
    """A repository that can't be asked from here, and why."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """A token is for the address that it is named with, so no other one is asked."""

    def redirect_request(self, *_: Any) -> None:
        return None


def handler(event: dict[str, str], _: object) -> dict[str, Any]:
    """Look once. The event names the `bucket`, the `prefix` of what is noted in it, and the worker's `project`."""
    import boto3

    s3, secrets, builds = (boto3.client(name) for name in ("s3", "secretsmanager", "codebuild"))
    read = make_reader(s3, event["bucket"], event["prefix"])
    asked, heads, failing = (read(name) for name in ("repositories.json", "heads.json", "failing.json"))
    age = time.time() - failing[1] if failing else _DAILY
    names = set(failing[0].get("names", ())) if failing and age < _AGAIN else set()
    reasons = find_reasons(asked and asked[0], heads and heads[0], names, make_asker(secrets))
    if age >= _DAILY:
        reasons.append("the worker has not looked for a day")
    for reason in reasons:
        print(reason)  # noqa: T201 - the function's log
    if not reasons:
        return {"started": "", "reasons": []}
    # Two looks at the same, while the build of the first goes on, are one build.
    token = hashlib.sha256(json.dumps([event["project"], reasons]).encode()).hexdigest()
    started = builds.start_build(projectName=event["project"], idempotencyToken=token)
    return {"started": started["build"]["id"], "reasons": reasons}


def make_reader(s3: Any, bucket: str, prefix: str) -> Callable[[str], tuple[dict[str, Any], float] | None]:
    """Return what reads an object as JSON, with when it was written; None where it isn't there or isn't JSON."""

    def read(name: str) -> tuple[dict[str, Any], float] | None:
        try:
            found = s3.get_object(Bucket=bucket, Key=prefix + name)
        except s3.exceptions.NoSuchKey:
            return None
        try:
            data = json.loads(found["Body"].read())
        except ValueError:
            return None
        return (data, found["LastModified"].timestamp()) if isinstance(data, dict) else None

    return read


def find_reasons(
    asked: dict[str, Any] | None, noted: dict[str, Any] | None, failing: set[str], ask: Callable[[Any], dict[str, str]]
) -> list[str]:
    """Return why the worker has to look, in words; nothing where everything is as it was noted."""
    repos, known = _asked(asked), _known(noted)
    if repos is None:
        return ["nothing is noted yet"]

    def look(repo: dict[str, str]) -> str:
        url, revision, commit = known.get(repo["name"], ("", "", ""))
        if (url, revision, commit) == (repo["url"], repo["revision"], repo["revision"]):
            return ""  # it stands at a commit
        try:
            found = commit_of(ask(repo), repo["revision"])
        except Unasked as error:
            return "" if repo["name"] in failing else f"can't be asked from here: {error}"
        if (url, revision) != (repo["url"], repo["revision"]):
            return "is new, or has another address or revision"
        return "" if commit == found else f"{revision} has moved"

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        words = pool.map(look, repos)
    return [f"{repo['name']}: {said}" for repo, said in zip(repos, words, strict=True) if said]


def _asked(data: Any) -> list[dict[str, str]] | None:
    keys = ("name", "url", "revision", "credentials")
    try:
        return [{key: str(repo[key]) for key in keys} for repo in data["repositories"]]
    except (KeyError, TypeError):
        return None


def _known(data: Any) -> dict[str, tuple[str, str, str]]:
    """Return what was seen last; what can't be read was never seen."""
    try:
        heads = data["inputs"]["heads"].items()
        return {name: (head["url"], head["revision"], head["commit"]) for name, head in heads}
    except (KeyError, TypeError, AttributeError):
        return {}


def commit_of(refs: dict[str, str], revision: str) -> str:
    """Return the commit that a revision names among a remote's refs, as checkout has it."""
    try:
        found = find_commit(refs, revision)
    except AmbiguousError as error:
        raise Unasked(str(error)) from None
    if not found:
        raise Unasked(f"there is no branch or tag '{tag_pattern(revision) or revision}'")
    return found


def make_asker(secrets: Any) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return what asks a repository of https for its refs, with its token."""

    def ask(repo: dict[str, str]) -> dict[str, str]:
        kind, _, name = repo["credentials"].partition(":")
        if not repo["url"].startswith("https://") or kind not in ("", "secretsmanager"):
            raise Unasked("it is no https address with a token of Secrets Manager")
        return fetch_refs(repo["url"], _token(secrets, name) if kind else "")

    return ask


def _token(secrets: Any, name: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    secret, _, key = name.partition("#")
    try:
        text = str(secrets.get_secret_value(SecretId=secret)["SecretString"]).strip()
        found = json.loads(text)[key] if key else text
    except ClientError as error:
        raise Unasked(f"its secret: {error.response['Error']['Code']}") from None
    except (BotoCoreError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unasked(f"its secret: {type(error).__name__}") from None
    if not isinstance(found, str) or not found.strip():
        raise Unasked("its secret is no text")
    return found.strip()


def fetch_refs(url: str, token: str) -> dict[str, str]:
    """Return a remote's refs by name, as git's smart protocol over HTTP says them."""
    headers = {"User-Agent": "git/2.40 (pipeline-builder)", "Accept": "*/*"}
    if token:
        login = token if ":" in token else f"x-access-token:{token}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    request = urllib.request.Request(url.rstrip("/") + "/info/refs?service=git-upload-pack", headers=headers)  # noqa: S310 - https
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=_SILENCE) as answer:
            return parse_refs(_read(answer))
    except (
        OSError,
        ValueError,
        http.client.HTTPException,
    ) as error:  # HTTPError, URLError, and what is broken in the middle
        raise Unasked(f"{type(error).__name__} {getattr(error, 'code', '')}".strip()) from None


def _read(answer: Any) -> bytes:
    until, content = time.monotonic() + _ANSWER, bytearray()
    while piece := answer.read1(65536):
        content += piece
        if len(content) > _MOST_BYTES or time.monotonic() > until:
            raise ValueError
    return bytes(content)


def parse_refs(content: bytes) -> dict[str, str]:
    """Read the advertisement: lines with their lengths before them, '0000' between the parts.

    Raises:
        ValueError: for anything else, and for what ends in the middle.
    """
    lines, at, ends = [], 0, 0
    while at < len(content):
        size = int(content[at : at + 4], 16)
        if size == 0:
            at, ends = at + 4, ends + 1
            continue
        if size < 4 or at + size > len(content):
            raise ValueError
        lines.append(content[at + 4 : at + size])
        at += size
    if not lines or lines[0].strip() != b"# service=git-upload-pack" or ends != 2:
        raise ValueError
    refs = {}
    for line in lines[1:]:
        commit, _, name = line.partition(b"\0")[0].strip().decode("utf-8", "replace").partition(" ")
        refs[name] = commit
    return refs
