"""How the toolkit starts scripts; here the engine has started this one."""

from __future__ import annotations

from .missing import refuser


def wait_hostname_resolution() -> None:
    """Wait for the other machines: there is none."""


__getattr__ = refuser(__name__)
