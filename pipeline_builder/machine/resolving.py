"""Resolving of many paths that share their folders: each folder on the way is looked at once."""

from __future__ import annotations

import os
from pathlib import Path


class Resolving:
    """Resolves paths as `os.path.realpath` does, for as long as nobody changes the folders: for one stage of a command.

    A thousand checkouts lie in one folder, the `base`, whose own way there would be looked at a thousand times.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self._known: dict[str, str] = {}

    def resolve(self, path: str | os.PathLike[str]) -> str:
        """Return the path without links in it; what isn't there stays as it is."""
        found = os.fspath(path)
        if ".." in found:  # behind a link that leads elsewhere than its text says
            return os.path.realpath(found)
        return self._resolve(os.path.abspath(found))  # noqa: PTH100 - which only makes it whole

    def is_inside(self, path: str) -> bool:
        """Tell whether a resolved path is the base, or something in it."""
        return is_below(path, self.resolve(self.base))

    def _resolve(self, path: str) -> str:
        above, name = os.path.split(path)
        if not name:
            return path
        if path not in self._known:
            inside = os.path.join(self._resolve(above), name)  # noqa: PTH118 - a thousand of them in a command
            self._known[path] = os.path.realpath(inside) if os.path.islink(inside) else inside  # noqa: PTH114
        return self._known[path]


def is_below(path: str, folder: str) -> bool:
    """Tell whether a resolved path is the folder, which is resolved too, or something in it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else f"{folder}{os.sep}")
