"""Ignored: files of a model repository that no definition is made of."""

from __future__ import annotations

IGNORE_FILE = ".smpignore"
# What no script needs at run time; a change there must not run anything again. `.smpignore` in the source directory
# adds patterns of its own, in the same notation.
IGNORED = (
    ".*",
    "__pycache__",
    "*.py[cod]",
    "*.egg-info",
    "conf",
    "tests",
    "test_*.py",
    "docs",
    "*.md",
    "*.rst",
    "*.ipynb",
    "*.png",
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.svg",
    "*.pdf",
    "Dockerfile*",
    "LICENSE*",
    "build",
    "dist",
)
NO_CODE = (*(pattern for pattern in IGNORED if pattern != "conf"), f"!{IGNORE_FILE}")
"""How a new file may be called that nothing of a definition is made of, as git writes such patterns."""
