"""Kills the process that starts with this on its path: at once after the KILL_AFTER-th answer from AWS that counts.

The server has done what it was asked for, and the client never learns of it: the worst moment. Every answer counts
after which something else is there than before; of those that only tell, the first of three, for a repeated command
finds the same after each. CALLS names a file that gets a letter for each answer that counts.
"""

import os
import re
import signal
from typing import Any

import botocore.httpsession

_TELLS = re.compile(r"(Batch)?(Get|Head|List|Describe|Search)|GET|HEAD")
_send = botocore.httpsession.URLLib3Session.send
_answers = {"counted": 0, "told": 0}


def _action(request: Any) -> str:
    """Return what is asked for: by JSON, by a form, or by HTTP's method alone."""
    target = request.headers.get("X-Amz-Target", "")
    text = target if isinstance(target, str) else target.decode()
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    form = re.search(rb"(?:^|&)Action=(\w+)", body[:1000]) if not text else None
    return form[1].decode() if form else text.rpartition(".")[2] or request.method


def _counts(request: Any) -> bool:
    if not _TELLS.match(_action(request)):
        return True
    _answers["told"] += 1
    return _answers["told"] % 3 == 1


def _counted(session: Any, request: Any) -> Any:
    answer = _send(session, request)
    if "KILL_AFTER" not in os.environ or not _counts(request):  # a fork has variables of its own
        return answer
    _answers["counted"] += 1
    with open(os.environ["CALLS"], "a", encoding="utf-8") as file:  # noqa: PTH123 - start-up is before pathlib is wanted
        file.write(".")
    if _answers["counted"] == int(os.environ["KILL_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


botocore.httpsession.URLLib3Session.send = _counted
