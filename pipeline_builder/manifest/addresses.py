"""Addresses of repositories: what may be written as `url`, and the host, path and name that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pipeline_builder.documents.schema import describe
from pipeline_builder.regions.hosts import codecommit_region, codecommit_url
from pipeline_builder.regions.hosts import host as host_of

_SCHEMES = ("https", "ssh", "file")
# user@host:path, as git and its hosts write ssh addresses.
_SCP_LIKE = re.compile(r"^[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:(?!//)[^\s:]+$")
_SCP_PARTS = re.compile(r"^(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>.+)$")
# As git-remote-codecommit has them: the profile and the Region may be left out.
_CODECOMMIT = re.compile(
    r"^codecommit(?:::(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+))?://(?:(?P<profile>[^\s/@:]{1,128})@)?(?P<name>[\w.-]{1,100})$",
    re.ASCII,
)
_CODECOMMIT_PATH = re.compile(r"^v1/repos/(?P<name>[\w.-]{1,100})$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a repository is: `host` is empty for a file or a path relative to the manifest."""

    scheme: str
    host: str
    path: str
    port: int | None = None

    @property
    def relative(self) -> bool:
        return not self.scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCommit:
    """A repository of AWS CodeCommit; `region` is empty for the one at hand, `host` where the address names none."""

    region: str
    name: str
    profile: str = ""
    host: str = ""

    def url(self, region: str) -> str:
        """Return where git finds it; `region` is the one at hand."""
        region = self.region or region
        return f"https://{self.host}/v1/repos/{self.name}" if self.host else codecommit_url(self.name, region)


def check_url(value: str) -> str:
    """Only what git transports safely: `ext::` and its kind run programs, a leading '-' would be an option.

    Raises:
        ValueError: it is anything else, or has a password in it.
    """
    if value.startswith("codecommit:"):
        if not _CODECOMMIT.match(value):
            expected = "codecommit::REGION://NAME or codecommit://PROFILE@NAME"
            raise ValueError(f"the url {describe(value)} is no address of CodeCommit, expected {expected}")
        return value
    if value.startswith("-") or "::" in value or any(ord(c) < 32 or c == "\x7f" for c in value):
        raise ValueError(f"the url {describe(value)} is refused, expected https, ssh, file, or a relative path")
    if _SCP_LIKE.match(value):
        return value
    parts, scheme = urlsplit(value), value.partition("://")[0]
    if parts.scheme and "://" in value and scheme not in _SCHEMES:  # git doesn't know HTTPS
        raise ValueError(f"the url scheme '{scheme}' is refused, expected https, ssh, file, or a relative path")
    if "://" in value and (parts.password or (parts.username and parts.scheme == "https")):
        raise ValueError("the url has credentials in it: take them out and name them with 'credentials: env:NAME'")
    if parts.scheme in ("https", "ssh") and "://" in value and not parts.hostname:
        raise ValueError(f"the url {describe(value)} has no host")
    if "://" in value and not _has_port(parts):
        raise ValueError(f"the url {describe(value)} has no port of 1 to 65535 behind the host's ':'")
    return value


def _has_port(parts: SplitResult) -> bool:
    """Tell whether the port is one, or there is none."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def parse_address(url: str) -> Address:
    """Take a repository's url apart; the manifest has checked that git takes it.

    That of CodeCommit without a Region has no host.
    """
    if found := _CODECOMMIT.match(url):
        region = found["region"] or ""
        host = host_of("git-codecommit", region) if region else ""
        return Address(scheme="codecommit", host=host, path=f"v1/repos/{found['name']}")
    if match := _SCP_PARTS.match(url) if "://" not in url else None:
        return Address(scheme="ssh", host=match["host"].lower(), path=_bare(match["path"]))
    if "://" not in url:
        return Address(scheme="", host="", path=url)
    parts = urlsplit(url)
    return Address(scheme=parts.scheme, host=(parts.hostname or "").lower(), path=_bare(parts.path), port=_port(url))


def parse_codecommit(url: str) -> CodeCommit | None:
    """Return the repository of CodeCommit that an address is of, in either spelling; None for any other."""
    if found := _CODECOMMIT.match(url):
        return CodeCommit(region=found["region"] or "", name=found["name"], profile=found["profile"] or "")
    address = parse_address(url)
    region, path = codecommit_region(address.host), _CODECOMMIT_PATH.match(address.path)
    if address.scheme != "https" or not region or not path:
        return None
    return CodeCommit(region=region, name=path["name"], host=address.host)


def default_name(url: str) -> str:
    """Return the last part of the url without `.git`, in lower case."""
    last = re.split(r"[/:]", url.rstrip("/"))[-1]
    if url.startswith("codecommit:"):
        last = last.rpartition("@")[2]
    return last.removesuffix(".git").lower()


def is_local(url: str) -> bool:
    """Tell whether the address is a folder of this machine; `user@host:path` is none."""
    scp = ":" in url.split("/", maxsplit=1)[0] and "://" not in url
    return url.startswith("file://") or ("://" not in url and not scp)


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _bare(path: str) -> str:
    return path.strip("/").removesuffix(".git")
