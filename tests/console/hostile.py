"""A workspace in which everything that others may write is hostile: subjects, authors, metrics, comments, logs, files."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from tests.checkout.repositories import git
from tests.console.consoles import Client
from tests.tiny import variant
from tests.workspaces import Workspace, make_workspace

MARK = "h0st1le"
HOSTILE = f"""{MARK}<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{{{ 7*7 }}}}${{x}}\u202e</title></textarea><a href="javascript:alert(3)">"""
"""Text that would run, close, evaluate, turn or lead somewhere where it isn't kept as text."""
_EVALUATE = f"""\
import json
from pathlib import Path

name = {HOSTILE!r}
report = {{"regression_metrics": {{"mae": {{"value": 1}}, name: {{"value": 2}}}}, name: 3,
          "confusion_matrix": {{name: {{name: 1, "b": 2}}, "b": {{name: 0, "b": 4}}}}}}
Path("/opt/ml/processing/output/model_evaluation_metrics.json").write_text(json.dumps(report))
print(name)
"""
_FAILING = f"""\
import sys
print({HOSTILE!r})
sys.exit({HOSTILE!r})
"""
_CONF = variant(
    ("hyperparams: {scale: 2}", f"hyperparams: {{scale: 2, note: {json.dumps(HOSTILE.replace('${x}', ''))}}}")
)
_TRAIN = (
    'parser.add_argument("--scale", type=float)',
    'parser.add_argument("--scale", type=float)\nparser.add_argument("--note")',
)


def make_hostile(root: Path) -> Workspace:
    """Make it: a champion, a version that waits, and a run that failed."""
    workspace = make_workspace(root, conf=_CONF)
    train = workspace.remote / "scripts" / "train.py"
    train.write_text(train.read_text().replace(*_TRAIN))
    _push(workspace, "scripts/evaluate.py", _EVALUATE)
    assert workspace.call("up", "--approve", "--comment", HOSTILE).code == 0
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n4\n6\n7\n9\n")
    _push(workspace, f"scripts/{MARK}&<b>'.txt", "")
    assert workspace.call("up").code == 0
    _push(workspace, "scripts/train.py", _FAILING)
    assert workspace.call("up").code == 5
    return workspace


def _push(workspace: Workspace, name: str, text: str) -> None:
    (workspace.remote / name).write_text(text)
    git(workspace.remote, "add", "-A")
    named = ("-c", f"user.name={HOSTILE}")
    git(workspace.remote, *named, "commit", "-qm", HOSTILE, f"--author={re.sub('[<>]', '', HOSTILE)} <a@example.com>")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


_OWN_SCRIPTS = frozenset(["/static/console.js", "/static/dag.js"])


def check_inert(html: str) -> None:
    """Nothing in a page runs, looks elsewhere or leads to where nobody should go, and nothing turns what is read."""
    tags = _Tags()
    tags.feed(html)
    for tag, attributes in tags.found:
        assert tag not in ("iframe", "object", "embed", "base", "img", "style"), tag
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")], attributes
        assert tag != "script" or attributes.get("src") in _OWN_SCRIPTS, attributes
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            address = (attributes.get(name) or "").strip().lower()
            assert not re.match(r"(?:javascript|data|vbscript):", address), address
    assert "\u202e" not in html
    assert "49" not in re.findall(rf"{MARK}.{{0,200}}", html)


def check_page_is_inert(client: Client, path: str, *, shows: bool = True) -> None:
    """Check a page, and its JSON; `shows` says that something hostile is on it, so that there is something to check."""
    html = client.page(path)
    check_inert(html)
    assert (MARK in html) is shows, path
