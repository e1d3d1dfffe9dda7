"""The step cache: what SageMaker compares, with the content in place of every address it is read from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline_builder.dag.caching import COMPARED, compared
from pipeline_builder.durations import duration
from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.arrivals import addresses_elsewhere
from pipeline_builder.engine.jobs.trials import as_training
from pipeline_builder.engine.state.state import State, now
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.engine.state.supply import AUGMENTED, MANIFEST, PLACE, PREFIX

# SageMaker never gets to a hit of a Transform, whose ModelName is new each time. Here it is the model's content that is
# looked at, and besides what decides how records are cut.
_COMPARED = {
    **COMPARED,
    # SageMaker doesn't look at the variables of a tuning's trainings.
    "Tuning": (*COMPARED["Tuning"], "CheckpointConfig", "Environment"),
    "Transform": (
        *(member for member in COMPARED["Transform"] if member != "ModelName"),
        "BatchStrategy",
        "MaxPayloadInMB",
    ),
}
_ANSWERS = ("Accept", "AssembleWith")
_KEPT = ("CheckpointConfig", "DebugHookConfig")


CALLS = ("Lambda", "Callback")
CACHED = ("Processing", "Training", "Transform", "Tuning", *CALLS)
"""The types of steps that the cache may answer for; of calls all that they hand over is compared."""
# A run of a cache generation of its own is not the one to compare with, where one before it is nearer.
_LAST_RUNS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A step's cache key; `parts` has a digest for each thing in it, so that a miss can say what changed."""

    sha256: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An entry that answers: the execution that made it, and the step's result and metadata then."""

    execution: str
    created: datetime
    result: Mapping[str, Any]
    metadata: Mapping[str, str]


def build_key(step: Step, request: Mapping[str, Any], packages: object, store: LocalStore) -> Key:
    """Return the key of a step with its resolved request; `packages` are what its Python environment is made of.

    The request's `Model`, where there is one, has the resolved model of a transform job.
    """
    parts = {"packages": _sha256(packages)}
    if step.type in CALLS:  # the names of its inputs are anybody's, and may be those of members that other types have
        parts |= {f"input '{name}'": _sha256(value) for name, value in request.items()}
        parts |= {name: _sha256(value) for name, value in step.beside.items()}
        return Key(sha256=_sha256(parts), parts=parts)
    for member, value in compared(step.type, request, _COMPARED).items():
        if isinstance(value, list):
            for item in value:
                name = item.get("InputName") or item.get("ChannelName") or item.get("ChannelType")
                parts[f"input '{name}'"] = _sha256(by_content(item, store))
        elif value:
            # What a job keeps there itself, and finds again, would let it never be the same.
            parts[member] = _sha256(value if member in _KEPT else by_content(value, store))
    answers = {member: (request.get("TransformOutput") or {}).get(member) for member in _ANSWERS}
    if any(answers.values()):
        parts["answers"] = _sha256(answers)
    if outputs := _outputs(request):
        parts["outputs"] = _sha256(outputs)
    for address in addresses_elsewhere(step.type, as_training(step, request)[1]):
        parts[f"data of '{address}'"] = store.digest(address)
    if "Model" in request:
        parts["model"] = _sha256(by_content(request["Model"], store))
    return Key(sha256=_sha256(parts), parts=parts)


def _outputs(request: Mapping[str, Any]) -> dict[str, str]:
    """Return names and folders of a processing job's outputs.

    SageMaker doesn't compare them, so that a step which refers to a new output of a cached one fails there.
    """
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return {str(item["OutputName"]): str(item["S3Output"]["LocalPath"]) for item in outputs}


def by_content(value: Any, store: LocalStore) -> Any:
    """Put the content's digest in the place of every s3:// address; one that holds nothing stays as it is."""
    if isinstance(value, Mapping):
        uri, kind = value.get("S3Uri"), value.get("S3DataType")
        if isinstance(uri, str) and kind in (PREFIX, MANIFEST, AUGMENTED) and (digest := store.digest(uri, kind=kind)):
            return {**by_content({k: v for k, v in value.items() if k != "S3Uri"}, store), "S3Uri": f"sha256:{digest}"}
        return {key: by_content(item, store) for key, item in value.items()}
    if isinstance(value, list):
        return [by_content(item, store) for item in value]
    if isinstance(value, str):
        plain = value[1:-1] if value[:6] == '"s3://' else value
        return f"sha256:{digest}" if plain[:5] == "s3://" and (digest := store.digest(plain, kind=PLACE)) else value
    return value


def find_hit(state: State, store: LocalStore, pipeline: str, step: Step, key: Key) -> Hit | None:
    """Return the step's newest entry with this key that is young enough and whose outputs are still there.

    An entry of another step, or of another pipeline's, is none of it, however equal: what refers to this step's outputs
    finds them below its own name.
    """
    sql = "SELECT * FROM cache WHERE pipeline = ? AND step = ? AND key = ? ORDER BY number DESC"
    for row in state.query(sql, pipeline, step.name, key.sha256):
        created = row.time("created")
        expired = step.expire_after and created + duration(step.expire_after) < now()
        if not expired and _still_there(row.json("outputs"), store):
            return Hit(
                execution=row["execution"],
                created=created,
                result=row.json("result"),
                metadata=row.json("metadata"),
            )
    return None


def remember(
    state: State, pipeline: str, step: Step, key: Key, *, execution: str, outputs: Mapping[str, str], done: Any
) -> None:
    """Add an entry; `outputs` maps the addresses that the step wrote to the digests of what is there."""
    with state.transaction() as db:
        db.execute(
            "INSERT INTO cache (pipeline, step, key, parts, outputs, execution, result, metadata, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (pipeline, step.name, key.sha256, json.dumps(dict(key.parts)), json.dumps(dict(outputs)), execution,
             json.dumps(done.result), json.dumps(dict(done.metadata)), now().isoformat()),
        )  # fmt: skip


def has_run(state: State, pipeline: str, step: Step) -> bool:
    """Tell whether the cache has had any result of a step."""
    return bool(state.query("SELECT 1 FROM cache WHERE pipeline = ? AND step = ? LIMIT 1", pipeline, step.name))


def why_missed(state: State, pipeline: str, step: Step, key: Key) -> str:
    """Say what is different from that of the step's last runs which is the most like this."""
    rows = state.query(
        "SELECT parts FROM cache WHERE pipeline = ? AND step = ? ORDER BY number DESC LIMIT ?",
        *(pipeline, step.name, _LAST_RUNS),
    )
    if not rows:
        return "has not run before"
    changed = min((_changed(row.json("parts"), key.parts) for row in rows), key=len)
    if not changed:
        return "the cached result has expired, or its files are gone"
    return "changed: " + ", ".join(_word(name) for name in changed)


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _word(part: str) -> str:
    words = {
        "AppSpecification": "image or command",
        "AlgorithmSpecification": "image",
        "HyperParameters": "hyperparameters or code",
        "StaticHyperParameters": "hyperparameters or code",
        "HyperParameterTuningJobConfig": "ranges, objective or limits",
        "Environment": "environment variables",
        "input 'code'": "code",
        "packages": "Python packages",
        "TransformInput": "input",
        "answers": "how answers are asked for and put together",
    }
    return words.get(part, part)


def _still_there(outputs: Mapping[str, str], store: LocalStore) -> bool:
    return all(store.digest(uri, kind=PLACE) == digest for uri, digest in outputs.items())


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
