"""Advertised: the refs of a repository on this machine, by the one process that git itself would ask for them.

`ls-remote` starts a shell, and that the program which answers: three processes instead of one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline_builder.checkout.runner import Remote, Runner
from pipeline_builder.checkout.words import GitError

_REF = re.compile(r"[0-9a-f]{4}([0-9a-f]{40,64}) ([^\0\n]+)")
_FLUSH = "0000"
_NOTHING = "capabilities^{}"


def read_advertised(git: Runner, remote: Remote) -> dict[str, str] | None:
    """Return the commit or tag of each ref of a folder that is a repository, HEAD first; a tag's commit as `name^{}`.

    None where it is no such folder, or git has something to say: then `ls-remote` says it in its own words.

    Raises:
        GitError: kind "stopped" or "timeout".
    """
    folder = Path(remote.url.removeprefix("file://"))
    if not remote.local or not folder.is_dir():
        return None
    arguments = ["upload-pack", "--advertise-refs", str(folder.absolute())]
    try:
        said = git.run(arguments, repository=Path(os.devnull), remote=remote)
    except GitError as error:
        if error.kind in ("stopped", "timeout"):
            raise
        return None
    lines = said.split("\n")
    found = [_REF.match(line) for line in lines[:-1]]
    if lines[-1] != _FLUSH:
        return None
    return {match[2]: match[1] for match in found if match and match[2] != _NOTHING}
