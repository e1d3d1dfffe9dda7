"""Programs that build a pipeline with the SageMaker SDK: run apart from this machine, and what they come to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from pipeline_builder.definition.bundle import Bundle, Bundler
from pipeline_builder.errors import InputProblems, Place, Problem
from pipeline_builder.importing.given import Given, read_given
from pipeline_builder.importing.importing import Imported
from pipeline_builder.sdk import room
from pipeline_builder.sdk.answers import WrongAnswerError, load_answer
from pipeline_builder.sdk.environment import SdkEnvironment
from pipeline_builder.sdk.room import ROLE, Left, Room

_PROGRAM = Path(room.__file__).parent / "inside" / "pipeline.py"
_MOST_UPLOADS = 64 << 20
_WORDS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A program, the function that builds its pipeline where it says which, and what the program is to find."""

    path: Path
    function: str
    version: int
    pipeline: str
    region: str
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a program has built; `uploads` are the files that it would have put into the bucket, by their addresses."""

    given: Given
    uploads: Mapping[str, bytes]


def run_program(asked: Asked, state: Path, say: Callable[[str], None]) -> Built:
    """Run a program, with the folder that it is in beside it.

    Raises:
        InputProblems: PB940 for a program that comes to no pipeline.
        OutsideFailure: PB915 where the SDK isn't to be had, PB924 where this machine can't keep a program apart.
    """
    label = os.path.relpath(asked.path)
    if not asked.path.is_file():
        _refuse(f"there is no file '{label}'", label)
    code = Bundler().bundle(asked.path.parent, entry_point=asked.path.name)
    if asked.path.name not in code.files:
        _refuse(f"'{label}' is left out of the code of its folder", label)
    python = SdkEnvironment(asked.version, state / "envs", say).python(alone=True)
    apart = Room(folder=state / "factories", hidden=(state, Path("~").expanduser()), program=_PROGRAM, report=say)
    with apart.run("import", python, code, _given(asked)) as left:
        return _built(asked, left, label, code)


def with_own_role(done: Imported) -> Imported:
    """Return it with the service's role where the program asked for the one that it runs as."""
    text = re.sub(rf"(?<![A-Za-z0-9_$]){re.escape(ROLE)}(?![A-Za-z0-9_])", "SMP_ROLE", done.text)
    return replace(done, text=text, role="")


def _given(asked: Asked) -> dict[str, Any]:
    return {
        "version": asked.version,
        "entry_point": asked.path.name,
        "function": asked.function,
        "pipeline": asked.pipeline,
        "region": asked.region,
        "bucket": asked.bucket,
        "prefix": "uploads",
        "role": ROLE,
    }


def _built(asked: Asked, left: Left, label: str, code: Bundle) -> Built:
    if left.ended:
        _refuse(f"'{label}' was ended: {left.ended}", label, left.said)
    try:
        answer = load_answer(left.answer)
    except WrongAnswerError:
        _refuse(f"'{label}' has come to no pipeline", label, left.said)
    match answer:
        case {"failed": {"kind": str(kind), "text": str(text), "file": str(file), "line": int(line)}}:
            place = (
                Place(os.path.relpath(code.folder / file), line) if file in code.files and line > 0 else Place(label)
            )
            _refuse(_failure(kind, text, label), str(place))
        case {"PipelineName": str(), "PipelineDefinition": str()}:
            given = read_given(json.dumps({**answer, "RoleArn": ROLE}).encode(), label)
        case _:
            _refuse(f"'{label}' has come to no pipeline", label, left.said)
    uploads = {f"s3://{asked.bucket}/{key}": path for key, path in left.objects.items()}
    if sum(path.stat().st_size for path in uploads.values()) > _MOST_UPLOADS:
        _refuse(f"'{label}' uploads more than {_MOST_UPLOADS >> 20} MB: name data by their addresses", label)
    return Built(given=given, uploads={address: path.read_bytes() for address, path in uploads.items()})


def _failure(kind: str, text: str, label: str) -> str:
    lines = "\n    ".join(text[-_WORDS:].splitlines())
    if kind == "function" and " " not in text:
        return f"there is no function '{text}' in '{label}'"
    if kind in ("function", "thing", "wants"):
        return f"'{label}' {lines}"
    return (
        f"the SageMaker SDK makes no definition of it:\n    {lines}" if kind == "refused" else f"it fails:\n    {lines}"
    )


def _refuse(message: str, place: str, said: tuple[str, ...] = ()) -> NoReturn:
    lines = "".join(f"\n    {line}" for line in said)
    file, _, line = place.rpartition(":")
    at = Place(file, int(line)) if file and line.isdigit() else Place(place)
    hint = "it has no network and no credentials; name the function that builds the pipeline with --function"
    raise InputProblems(Problem(id="PB940", message=f"{message}{lines}", place=at, hint=hint))
