"""Archives of code as a job fetches them."""

from __future__ import annotations

import io
import tarfile


def archive(**files: str) -> bytes:
    """Return a tar.gz with files of these names and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
