"""Where jobs look for this machine's programs, and what of them counts for what can run here."""

from __future__ import annotations

from pathlib import Path

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def has_mpirun() -> bool:
    """Tell whether jobs find an mpirun; what was found here with one, or without, is found anew when that changes."""
    return any(Path(folder, "mpirun").exists() for folder in STANDARD_PATH.split(":"))
