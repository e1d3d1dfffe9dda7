"""What one tool does to check repositories out; a process of its own, of which `checkout.py` takes the figures.

Arguments: the tool, the folder to do it in, the address of the repositories, and their names and commits in a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 8
TUNED = (
    "fetch.unpackLimit=1", "core.fsync=none", "gc.auto=0", "maintenance.auto=false", "protocol.version=2",
    "advice.detachedHead=false",
)  # fmt: skip


def run(*command: str) -> None:
    """Run a command to its end."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def tuned(folder: Path, url: str, name: str, commit: str) -> None:
    """Fetch one commit with git's quickest settings, and check it out: what nothing that uses git is quicker than."""
    where = str(folder / name)
    run("git", "init", "--quiet", "--template=", where)
    git = ["git", "-C", where, *(part for setting in TUNED for part in ("-c", setting))]
    run(*git, "fetch", "--quiet", "--depth=1", "--no-tags", f"{url}/{name}", commit)
    run(*git, "checkout", "--quiet", "--detach", commit)


def clone(folder: Path, url: str, name: str, commit: str) -> None:
    """Clone the newest commit."""
    del commit
    run("git", "clone", "--quiet", "--depth=1", f"{url}/{name}", str(folder / name))


def look(folder: Path, url: str, name: str, commit: str) -> None:
    """Ask where the branch stands."""
    del folder, commit
    run("git", "ls-remote", "--", f"{url}/{name}", "refs/heads/main")


def gitpython(folder: Path, url: str, repos: Iterable[tuple[str, str]]) -> None:
    """Clone one after the other, as GitPython's first page has it."""
    import git

    for name, _ in repos:
        git.Repo.clone_from(f"{url}/{name}", folder / name).close()


EACH: dict[str, Callable[[Path, str, str, str], None]] = {"tuned": tuned, "clone": clone, "look": look}


def main() -> None:
    """Do it."""
    tool, where, url, listed = sys.argv[1:]
    repos = [(name, commit) for name, commit in (line.split() for line in Path(listed).read_text().splitlines())]
    folder = Path(where)
    if tool == "gitpython":
        gitpython(folder, url, repos)
        return
    with ThreadPoolExecutor(int(os.environ.get("JOBS", AT_ONCE))) as pool:
        list(pool.map(lambda repo: EACH[tool](folder, url, *repo), repos))


main()
