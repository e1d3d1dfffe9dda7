"""A Git LFS server for tests: the batch API and basic transfers, with an object store behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Answer = tuple[int, Mapping[str, str], bytes]


def pointer_of(content: bytes) -> str:
    """Return the pointer that stands for a content."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


@dataclass
class LfsServer:
    """Answers at `https://HOST/…/info/lfs`, and gives objects out at the host `store`.

    `guard` is the Authorization that opens it, `given` are the headers of a download. `asked` has the host, the path and
    the Authorization of each request. `faults` are answered first, one to each download; `meddle` changes an answer.
    """

    store: str = ""
    guard: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    batches: int = 0
    faults: list[Answer] = field(default_factory=list)
    batch_faults: list[Answer] = field(default_factory=list)
    meddle: Callable[[dict[str, object]], object] = lambda answer: answer
    redirect: str = ""

    def put(self, content: bytes) -> str:
        """Store an object and return its pointer."""
        self.objects[hashlib.sha256(content).hexdigest()] = content
        return pointer_of(content)

    def __call__(self, url: str, method: str, body: bytes, headers: Mapping[str, str]) -> Answer | None:
        host, _, path = url.removeprefix("https://").partition("/")
        if path.endswith("/objects/batch") and method == "POST":
            return self.batch(host, path, body, headers.get("Authorization") or "")
        if "objects/" in path and method == "GET":
            return self.download(host, path, headers)
        return None

    def batch(self, host: str, path: str, body: bytes, login: str) -> Answer:
        self.batches += 1
        self.asked.append((host, f"/{path}", login))
        if self.batch_faults:
            return self.batch_faults.pop(0)
        if self.guard and login != self.guard:
            return 401, {"LFS-Authenticate": "Basic"}, b'{"message": "Credentials needed"}'
        wanted = json.loads(body)
        assert (wanted["operation"], wanted["transfers"]) == ("download", ["basic"])
        answer: dict[str, object] = {
            "transfer": "basic",
            "objects": [self.entry(host, path, one) for one in wanted["objects"]],
        }
        return 200, {"Content-Type": "application/vnd.git-lfs+json"}, json.dumps(self.meddle(answer)).encode()

    def entry(self, host: str, path: str, one: dict[str, object]) -> dict[str, object]:
        if one["oid"] not in self.objects:
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        base = f"https://{self.store}" if self.store else f"https://{host}/{path.removesuffix('/objects/batch')}"
        return {**one, "actions": {"download": {"href": f"{base}/objects/{one['oid']}", "header": dict(self.given)}}}

    def download(self, host: str, path: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append((host, f"/{path}", headers.get("Authorization") or ""))
        if self.redirect and host != self.redirect:
            return 302, {"Location": f"https://{self.redirect}/{path}"}, b""
        ranged = headers.get("Range") or ""
        self.ranges.append(ranged)
        if self.faults:
            return self.faults.pop(0)
        content = self.objects[path.rpartition("/")[2]]
        if ranged:
            begin = int(ranged.removeprefix("bytes=").removesuffix("-"))
            told = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
            return 206, told, content[begin:]
        return 200, {}, content
