"""A source distribution, fetched with the caller's passwords and held against its digest; nothing of it is run."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import netrc
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline_builder.engine.jobs.installer import OutageError, index_settings
from pipeline_builder.engine.jobs.locating import Source
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.streams import BLOCK, replacing

_LARGEST = 2 << 30
_SECONDS = 60.0
Credentials = tuple[str, str]


def fetch(source: Source, target: Path) -> str:
    """Write the file of a source distribution, and return its sha256 (hex).

    Raises:
        OutsideFailure: PB510 where it can't be had, or is another than it should be.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(source.url) as content, replacing(target) as file:
            while block := content.read(BLOCK):
                size += len(block)
                if size > _LARGEST:
                    raise _failure(source, f"it has more than {_LARGEST >> 30} GB")
                digest.update(block)
                file.write(block)
            if source.sha256 and digest.hexdigest() != source.sha256:
                raise _failure(source, f"its sha256 is {digest.hexdigest()}, expected {source.sha256}")
    except urllib.error.HTTPError as error:
        raise _failure(source, f"the index answers {error.code} {error.reason}") from error
    except OSError as error:
        raise OutageError(_failure(source, str(getattr(error, "reason", error))).problems[0]) from error
    return digest.hexdigest()


def _failure(source: Source, why: str) -> OutsideFailure:
    parts = urlsplit(source.url)
    message = f"the source distribution '{source.file}' could not be had from {parts.hostname or 'this machine'}: {why}"
    return OutsideFailure(Problem(id="PB510", message=message, hint="look at the index, and at its user and password"))


def _opened(url: str) -> Any:
    if urlsplit(url).scheme == "file":
        return _own_file(url).open("rb")
    return urllib.request.build_opener(_Redirects).open(_request(url), timeout=_SECONDS)


def _own_file(url: str) -> Path:
    """Return a file of a folder that the user's own settings name; an index has no say about files of this machine."""
    path = Path(unquote(urlsplit(url).path)).resolve()
    folders = re.split(r"[\s,]+", index_settings().get("UV_FIND_LINKS", ""))
    if not any(folder and path.is_relative_to(Path(folder.removeprefix("file://")).resolve()) for folder in folders):
        raise PermissionError("it is no file of UV_FIND_LINKS")
    return path


def _request(url: str) -> urllib.request.Request:
    request = urllib.request.Request(url, headers={"User-Agent": "pipeline-builder"})  # noqa: S310
    if found := credentials_for(url, index_settings()):
        token = base64.b64encode(":".join(found).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Takes no password along to another host, and goes nowhere but to http addresses."""

    def redirect_request(self, *arguments: Any) -> Any:
        return super().redirect_request(*arguments) and _request(arguments[-1])


def credentials_for(url: str, settings: Mapping[str, str]) -> Credentials | None:
    """Return user and password for an address, from where uv has them: indexes, their variables, netrc, keyring."""
    host = _host(url)
    for name, address in _indexes(settings):
        if _host(address) != host:
            continue
        parts = urlsplit(address)
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        user = settings.get(f"UV_INDEX_{variable}_USERNAME") if name else None
        word = settings.get(f"UV_INDEX_{variable}_PASSWORD") if name else None
        user, word = user or unquote(parts.username or ""), word or unquote(parts.password or "")
        if user and not word and settings.get("UV_KEYRING_PROVIDER") == "subprocess":
            word = _keyring(address, user)
        if user or word:
            return user, word
    return _netrc(urlsplit(url).hostname or "", settings)


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _indexes(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name, where it has one, and address of each index."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        for word in re.split(r"[\s,]+", settings.get(variable, "")):
            name, cut, address = word.partition("=")
            named = bool(cut) and "://" not in name
            if "://" in word:
                yield (name, address) if named else ("", word)


def _netrc(host: str, settings: Mapping[str, str]) -> Credentials | None:
    with contextlib.suppress(OSError, netrc.NetrcParseError, RuntimeError):
        file = settings.get("NETRC") or str(Path("~/.netrc").expanduser())
        if found := netrc.netrc(file).authenticators(host):
            return found[0] or "", found[2] or ""
    return None


def _keyring(address: str, user: str) -> str:
    program = shutil.which("keyring", path=os.environ.get("PATH"))
    if not program:
        return ""
    plain = re.sub(r"//[^/@]*@", "//", address)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([program, "get", plain, user], capture_output=True, text=True, check=False, timeout=30)
        return done.stdout.strip() if not done.returncode else ""
    return ""
