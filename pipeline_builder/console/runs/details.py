"""What a step's request says to a person: its container, its variables, what it reads and what it writes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline_builder.descriptions import JSON

_NAMES = ("InputName", "OutputName", "ChannelName", "FileSystemId")
_WRITTEN = re.compile(r"Output|ModelArtifacts|Checkpoint|TensorBoard|Debug|Profiler")
_IMAGES = ("ImageUri", "TrainingImage", "Image")
_COMMANDS = ("ContainerEntrypoint", "ContainerArguments")
_VARIABLES = ("Environment", "HyperParameters", "StaticHyperParameters")
_CHANNEL = "/opt/ml/input/data/{}"
_MODEL = "/opt/ml/model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of a request: what it is called, where the job finds it, and whether the job writes there.

    `size`, `objects` and `fingerprint` are as the store says it now, None and empty where it doesn't.
    """

    name: str
    uri: str
    path: str = ""
    written: bool = False
    size: int | None = None
    objects: int = 0
    fingerprint: str = ""
    modified: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a request says. `variables` are (member, name, value): environment and hyperparameters."""

    images: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    variables: tuple[tuple[str, str, str], ...] = ()
    reads: tuple[Address, ...] = ()
    writes: tuple[Address, ...] = ()


def details_of(request: JSON, result: JSON = None) -> Details:
    """Return what a request says, whatever its type; `result` is what the service tells beyond it."""
    found: dict[tuple[bool, str, str], Address] = {}
    for address in (*_addresses(request, "", "", written=False), *_addresses(result, "", "", written=False)):
        found.setdefault((address.written, address.uri, address.path), address)
    return Details(
        images=tuple(dict.fromkeys(_texts(request, _IMAGES))),
        command=tuple(_texts(request, _COMMANDS)),
        variables=tuple(_variables(request)),
        reads=tuple(one for one in found.values() if not one.written),
        writes=tuple(one for one in found.values() if one.written),
    )


def _addresses(value: JSON, name: str, path: str, *, written: bool) -> Iterator[Address]:
    """Yield every address, each with the nearest name above it."""
    if isinstance(value, str):
        plain = value[1:-1] if value[:6] == '"s3://' and value.endswith('"') else value
        if plain.startswith("s3://"):
            yield Address(name=name, uri=plain, path=path, written=written)
    elif isinstance(value, list):
        for item in value:
            yield from _addresses(item, name, path, written=written)
    elif isinstance(value, dict):
        own = next((str(value[key]) for key in _NAMES if isinstance(value.get(key), str)), "")
        place = str(value.get("LocalPath") or "") or (_CHANNEL.format(own) if "ChannelName" in value else path)
        for key, item in value.items():
            label = own or (name if name and key.startswith("S3") else _label(name, key))
            yield from _addresses(item, label, place, written=written or bool(_WRITTEN.search(key)))


def _label(name: str, key: str) -> str:
    """Return what an address is called by its members: the last two say it."""
    words = [*name.split("."), key] if name else [key]
    return ".".join(words[-2:])


def _texts(value: JSON, members: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, members)
    elif isinstance(value, dict):
        for key in members:
            item = value.get(key)
            yield from (str(one) for one in item) if isinstance(item, list) else [str(item)] if item else []
        for key, item in value.items():
            if key not in members:
                yield from _texts(item, members)


def _variables(value: JSON) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if key in _VARIABLES and isinstance(item, Mapping):
            yield from ((key, str(name), one if isinstance(one, str) else str(one)) for name, one in item.items())
        else:
            yield from _variables(item)
