"""What the toolkit called volatile, and everybody used."""

from __future__ import annotations

from . import framework

__all__ = ["framework"]
