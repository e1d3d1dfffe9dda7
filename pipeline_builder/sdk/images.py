"""AWS's own images by framework and version: version 2 of the SDK says their addresses, whichever conf asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline_builder.engine.jobs.answering import answering
from pipeline_builder.errors import OutsideFailure, Problem
from pipeline_builder.machine.kept import Kept
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.sdk.environment import SdkEnvironment, plain_variables

VERSION = 2
_INSIDE = Path(__file__).parent / "inside" / "images.py"
_KIND = "images"
_PATIENCE = 300.0
_END = 1500


def image_asker(environments: Path, kept: Kept, say: Callable[[str], None]) -> Callable[[Sequence[str]], list[Any]]:
    """Return what tells addresses by the facts that decide them (JSON), or why there is none; nothing is done yet.

    The environment is made, among others in the folder, when something is asked that wasn't asked before.
    """

    def ask(keys: Sequence[str]) -> list[Any]:
        environment = SdkEnvironment(VERSION, environments, say)
        known = {key: kept.get(_KIND, f"{environment.digest} {key}") for key in keys}
        if missing := [key for key, answer in known.items() if answer is None]:
            for key, answer in zip(missing, _answers(environment, missing), strict=True):
                known[key] = answer
                kept.put(_KIND, f"{environment.digest} {key}", answer)
        return [known[key] for key in keys]

    return ask


def _answers(environment: SdkEnvironment, keys: Sequence[str]) -> list[Any]:
    question = {"images": [json.loads(key) for key in keys]}
    python = environment.python()
    with temporary_folder() as home:
        log = home / "said.txt"
        with (
            log.open("wb") as said,
            answering((str(python), "-I", str(_INSIDE)), plain_variables(home), said) as process,
        ):
            found = process.ask(question, _PATIENCE)
            status = process.status() if found is None else 0
        if found is None or len(found["answers"]) != len(keys):
            raise _silent(environment, status, log.read_text("utf-8", "replace"))
    return list(found["answers"])


def _silent(environment: SdkEnvironment, status: int, said: str) -> OutsideFailure:
    message = f"the SageMaker SDK {environment.release} tells no addresses of images (exit code {status})"
    lines = "".join(f"\n    {line}" for line in said.strip()[-_END:].splitlines())
    hint = f"take '{environment.folder}' away, from which it is made anew, or write addresses as image_uri"
    return OutsideFailure(Problem(id="PB916", message=message + lines, hint=hint))
