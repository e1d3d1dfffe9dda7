"""The service on AWS: rendering and checking its templates, one look of `watch`, a rehearsal with nothing to train."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from table import COMMAND, ROOT, run, seconds, show

sys.path.insert(0, str(ROOT))
RUNS = 7
# Account and Region of nobody: nothing is called.
os.environ |= {"SMP_ACCOUNTID": "123456789012", "SMP_REGION": "eu-central-1"}
_SERVICE = """
service:
  name: bench
  connection: arn:aws:codeconnections:eu-central-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef
  source: {repository: acme/models}
"""


def templates(repositories: int) -> list[float]:
    """Return the seconds of rendering and checking a service with so many repositories, all kinds of triggers."""
    from pipeline_builder.service.cloudformation.checks import check_service
    from pipeline_builder.service.cloudformation.evaluation.buildspec import parse_buildspec
    from pipeline_builder.service.cloudformation.evaluation.document import load_template
    from tests.service.services import render

    buildspec = parse_buildspec((ROOT / "buildspec.yml").read_text(), "buildspec.yml")
    kinds = ("webhook", "poll", "connection")
    repos = [
        {"url": f"https://github.com/acme/model-{number}.git", "trigger": kinds[number % 3], "groups": "nightly"}
        for number in range(repositories)
    ]

    def work() -> None:
        files = render(*repos)
        found = {name: load_template(files[name], name) for name in ("storage.yaml", "service.yaml")}
        check_service(found, buildspec)

    return [seconds(work) for _ in range(RUNS)]


def main() -> None:
    """Print the table."""
    rows = [(f"templates and checks, {count} repositories", templates(count), goal) for count, goal in
            ((3, "0.5 s"), (60, "3 s"))]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], Path(folder))
        run([sys.executable, "scripts/bootstrap.py", "run"], clone)
        manifest = clone / "model_repos.yaml"
        manifest.write_text(manifest.read_text() + _SERVICE)
        run(["git", "-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "--quiet", "-am", "service"], clone)
        for name, arguments, goal in (
            ("render", ["render"], "1 s"),
            ("watch --once, nothing moved", ["watch", "--once"], "0.5 s"),
            ("rehearse, nothing to train", ["rehearse", "--approve"], "60 s"),
        ):
            run([*COMMAND, *(["checkout"] if name == "render" else arguments)], clone)
            count = RUNS if name != "rehearse, nothing to train" else 2
            rows.append((name, [seconds(lambda a=arguments: run([*COMMAND, *a], clone)) for _ in range(count)], goal))
    show("the service", rows)


main()
