"""People: who runs this program, as the machine knows them."""

from __future__ import annotations

import getpass
import os


def login_name() -> str:
    """Return the name of whoever runs this; a container's user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
