"""Templates that are compiled once, and kept where Python keeps what it has compiled of this module.

To compile those of the console takes half a second. What was compiled of the same source by the same code is taken: a
filter's word on a constant is in it. Where nothing can be kept there, or Python is told not to, all is as without it.
"""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from pipeline_builder.machine.kept import Kept

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

_KIND = "template"
_BOUND = 16 << 20


class Compiled(jinja2.BytecodeCache):
    """What an environment has compiled, by name and source; `label` says which environment, as each does it its way."""

    def __init__(self, label: str, folder: Path | None = None) -> None:
        beside = Path(cache_from_source(__file__)).parent
        self._label = label
        self._kept = Kept(folder=folder or beside / "templates", bound=_BOUND)

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the key of a template, which is the same wherever its file lies."""
        del filename
        return f"{self._label}\0{name}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled, if it was."""
        content = self._kept.get_bytes(_KIND, f"{bucket.key}\0{bucket.checksum}")
        if content is not None:
            bucket.bytecode_from_string(content)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        if not sys.dont_write_bytecode:
            self._kept.put_bytes(_KIND, f"{bucket.key}\0{bucket.checksum}", bucket.bytecode_to_string())
