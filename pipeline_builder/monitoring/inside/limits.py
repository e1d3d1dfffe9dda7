"""A bound on what is read for one part of a file: a field or row without end is refused before it fills the memory."""

from __future__ import annotations

import io
from typing import IO, Any

from .failure import UnusableError

MOST = 256 << 20


class Limited(io.RawIOBase):
    """A file of bytes, of which at most so many are read until somebody sets `seen` back."""

    def __init__(self, file: IO[bytes], most: int = MOST) -> None:
        self._file = file
        self._most = most
        self.seen = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes.

        Raises:
            UnusableError: they are more than a part's.
        """
        found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        self.seen += len(found)
        if self.seen > self._most:
            raise UnusableError(f"has a row, or a part of some thousands, of more than {self._most >> 20} MB")
        return len(found)

    def close(self) -> None:
        """Close the file as well."""
        self._file.close()
        super().close()
