"""Data that is in no bucket: file systems and what queries give, each from a folder that stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_builder.engine.state.listing import files_below
from pipeline_builder.errors import InputProblems, Problem

if TYPE_CHECKING:
    from pipeline_builder.engine.state.inputs import Found

_SCHEMES = ("filesystem://", "athena://", "redshift://")
_HINT = "'local.sources' in the manifest maps such an address, or its beginning, to a folder with its data"


def is_elsewhere(address: object) -> bool:
    """Tell whether an address is one of data that are in no bucket."""
    return isinstance(address, str) and address.startswith(_SCHEMES)


class Elsewhere:
    """The folders of addresses that aren't S3's, `filesystem://fs-1/data` or `athena://catalog/database/input`.

    `folders` maps addresses, or what they begin with, to folders; what an address goes on with is a path below.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        # The longest beginning wins.
        self._folders = sorted(((name.rstrip("/"), path) for name, path in folders.items()), key=lambda f: -len(f[0]))

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that stands for an address."""
        return tuple(folder for _, folder in self._folders)

    def folder(self, address: str) -> tuple[Path, str]:
        """Return the folder that an address's data are below, and the path there.

        Raises:
            InputProblems: PB562 where nothing stands for the address, or it isn't there.
        """
        for name, folder in self._folders:
            if address == name or address.startswith(f"{name}/"):
                below = address[len(name) :].strip("/")
                if {".", "..", ""} & set(below.split("/")) and below:
                    raise _refused(address, "it has an empty part, '.' or '..' in its path")
                if not (folder / below).is_dir():
                    raise _refused(address, f"there is no folder '{folder / below}'")
                return folder, below
        raise _refused(address, "no folder stands for it")

    def objects(self, address: str, left_out: list[str]) -> list[Found]:
        """Return the files of an address as an input's objects; none leads out of the folder."""
        folder, below = self.folder(address)
        prefix = f"{below}/" if below else ""
        found = files_below(folder, prefix, folder, left_out)
        names = [(name[len(prefix) :], path) for name, path in found]
        return [(f"{address.rstrip('/')}/{name}", name, path) for name, path in names]


def _refused(address: str, why: str) -> InputProblems:
    message = f"the data of '{address}' can't be had on this machine: {why}"
    return InputProblems(Problem(id="PB562", message=message, hint=_HINT))
