"""Stands for the toolkit's `files`, which scripts import with the rest, and use nothing of."""

from __future__ import annotations

from .missing import refuser

__getattr__ = refuser(__name__)
