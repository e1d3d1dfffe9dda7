"""Start-up: whole processes of `--help` and `validate` on the shipped example."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from table import COMMAND, ROOT, run, seconds, show

RUNS = 15
HEAVY = ("boto3", "sagemaker", "rich", "botocore", "git", "jinja2", "sqlite3", "isal", "ssl", "http.client")


def main() -> None:
    """Print the table, and which heavy modules `validate` imports."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], Path(folder))
        run([*COMMAND, "checkout"], clone)
        rows = []
        for name, arguments, target in (("--help", ["--help"], "0.3 s"), ("validate", ["validate"], "0.5 s")):
            run([*COMMAND, *arguments], clone)
            values = [seconds(lambda a=arguments: run([*COMMAND, *a], clone)) for _ in range(RUNS)]
            rows.append((name, values, target))
        show("start-up", rows)
        trace = run([sys.executable, "-X", "importtime", *COMMAND[1:], "validate"], clone).stderr
        modules = {line.rsplit("|", 1)[-1].strip() for line in trace.splitlines() if line.startswith("import time:")}
        print("  heavy modules imported by validate:", sorted(modules & set(HEAVY)) or "none")


main()
