"""What is free without files: other names of them, and links, count as they are."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline_builder.machine.holdings import weigh


def test_a_file_with_another_name_elsewhere_frees_nothing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    (one / "file").write_bytes(b"x" * 100_000)
    os.link(one / "file", other / "file")
    (one / "link").symlink_to(other)
    assert weigh([one]) < 5_000
    assert 100_000 <= weigh([one, other]) < 110_000
    assert weigh([tmp_path / "gone"]) == 0
