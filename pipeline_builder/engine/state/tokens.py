"""Client tokens: the same request sent again is answered as the first time, and does nothing twice."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from pipeline_builder.engine.state.state import now
from pipeline_builder.errors import InputProblems, Problem


def once(db: sqlite3.Connection, operation: str, request: Mapping[str, Any], do: Callable[[], str]) -> str:
    """Return what `do` gives for the request, or gave when a request with its ClientRequestToken came first.

    Raises:
        InputProblems: PB540 where the token came with another request.
    """
    token = request.get("ClientRequestToken")
    if not token:
        return do()
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    row = db.execute("SELECT * FROM tokens WHERE operation = ? AND token = ?", (operation, token)).fetchone()
    if row is None:
        result = do()
        values = (operation, token, digest, result, now().isoformat())
        db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", values)
        return result
    if row["request"] != digest:
        message = f"the ClientRequestToken '{token}' was used with another {operation} request"
        raise InputProblems(Problem(id="PB540", message=message, hint="make a new token for a new request"))
    return str(row["result"])
