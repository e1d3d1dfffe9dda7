"""Runs probes under AWS's inference toolkits and under ours, in an environment that has both; prints what came of each.

Run as `python probing.py <folder of engine/inside> <probes.json> <folder>`: a list of probes in, of pairs of results out.
Each side of each probe is a process of its own, forked after the imports that take long.
"""

# mypy: disable-error-code="import-not-found,unused-ignore"
from __future__ import annotations

import collections
import collections.abc
import contextlib
import json
import os
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

Probe = dict[str, Any]
Result = dict[str, Any]
OCTETS = "application/octet-stream"
# Before a program: what it gets is written where both sides find it.
PREAMBLE = """
import os as _os
def seen(*values):
    with open(_os.environ["PROBE_SEEN"], "a") as file:
        file.write(repr(values) + "\\n")
"""


def main(inside: str, probes: str, folder: str) -> int:
    """Print the results of all probes as JSON."""
    sys.path.insert(0, inside)
    import transform

    with transform._own_names():
        from pipeline_builder.engine.inside import answers, handlers
    sys.path.remove(inside)
    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined] # sagemaker_containers is of its time
    import numpy as np  # noqa: F401
    import sagemaker_inference.transformer  # noqa: F401

    with contextlib.suppress(ImportError):
        import sagemaker_containers.beta.framework  # noqa: F401
    results = []
    for number, probe in enumerate(json.loads(Path(probes).read_text("utf-8"))):
        sides = {
            "theirs": THEIRS[probe.get("toolkit", "inference")],
            "ours": lambda probe, place: ours(transform, (answers, handlers), probe, place),
        }
        results.append({name: _forked(Path(folder, f"{number}-{name}"), side, probe) for name, side in sides.items()})
    sys.stdout.write(json.dumps(results))
    return 0


def _forked(folder: Path, side: Any, probe: Probe) -> Result:
    for part in ("model/code", "none"):
        (folder / part).mkdir(parents=True)
    (folder / "model/code/inference.py").write_text(PREAMBLE + probe["program"], encoding="utf-8")
    for name, text in probe.get("files", {}).items():
        (folder / "model" / name).write_text(text, encoding="utf-8")
    child = os.fork()
    if child == 0:
        os.environ.update({"PROBE_SEEN": str(folder / "seen.txt"), **probe.get("environment", {})})
        with (folder / "log.txt").open("w") as log:
            os.dup2(log.fileno(), 2)
            try:
                content = json.dumps(side(probe, folder))
            except BaseException as error:  # noqa: BLE001 - whatever a program raises while it is loaded
                traceback.print_exc()
                content = json.dumps({"load": type(error).__name__})
        (folder / "result.json").write_text(content)
        os._exit(0)
    os.waitpid(child, 0)
    result: Result = json.loads((folder / "result.json").read_text())
    seen = folder / "seen.txt"
    result["seen"] = seen.read_text().replace(str(folder), "").splitlines() if seen.exists() else []
    return result


def _requests(probe: Probe) -> list[tuple[bytes, str | None, str | None]]:
    return [(body.encode("latin-1"), kind, accept) for body, kind, accept in probe["requests"]]


def ours(transform: Any, modules: tuple[Any, Any], probe: Probe, folder: Path) -> Result:
    """Open the program as a container and ask it."""
    answers, handlers = modules
    container = handlers.open_container(
        {"model_dir": str(folder / "model"), "code_dir": str(folder / "none"), "program": "inference.py",
         "image": probe.get("image", "")}, transform._own_names,
    )  # fmt: skip
    found = []
    for body, kind, accept in _requests(probe):
        try:
            answered = container.answer(answers.Asked(body, kind, accept))
        except Exception as error:  # noqa: BLE001, PERF203 - whatever comes of a program
            traceback.print_exc()
            found.append([getattr(error, "status", 500), None, None])
        else:
            found.append([200, answered.content_type.partition(";")[0], answered.body.decode("latin-1")])
    return {"answers": found}


def theirs_inference(probe: Probe, folder: Path) -> Result:
    """Load and ask the program as `sagemaker_inference` under the multi-model server does."""
    from mms.service import Service
    from sagemaker_inference.default_handler_service import DefaultHandlerService

    sys.path.insert(0, str(folder / "model" / "code"))
    os.environ["SAGEMAKER_PROGRAM"] = "inference.py"
    handler = DefaultHandlerService()
    service = Service("model", str(folder / "model"), None, handler.handle, None, 1)
    handler.initialize(service.context)
    return {"answers": [_asked(service, *request) for request in _requests(probe)]}


def theirs_service(probe: Probe, folder: Path) -> Result:
    """Load and ask the module as the multi-model server does."""
    from mms.model_loader import MmsModelLoader

    sys.path.insert(0, str(folder / "model" / "code"))
    service = MmsModelLoader().load("model", str(folder / "model"), "inference.py:handle", None, 1)
    return {"answers": [_asked(service, *request) for request in _requests(probe)]}


def _asked(service: Any, body: bytes, kind: str | None, accept: str | None) -> list[Any]:
    headers = [("Content-Type", kind), ("Accept", accept)]
    given = [{"name": name.encode(), "value": value.encode()} for name, value in headers if value]
    parameter = {"name": "body", "value": bytearray(body), "contentType": kind}
    message = bytes(service.predict([{"requestId": b"1", "parameters": [parameter], "headers": given}]))
    return _decoded(message, accept)


def _decoded(message: bytes, accept: str | None) -> list[Any]:
    """Read one answer of the message that a worker sends to the multi-model server."""
    at = 0

    def number() -> int:
        nonlocal at
        (value,) = struct.unpack_from("!i", message, at)
        at += 4
        return int(value)

    def text() -> bytes:
        nonlocal at
        length = number()
        at += length
        return message[at - length : at]

    code = number()
    text(), text()
    kind, status = text().decode(), number()
    text()
    for _ in range(number()):
        text(), text()
    body = text()
    status = status if code == 200 else code
    return [status, kind or accept or OCTETS, body.decode("latin-1")] if status < 400 else [status, None, None]


def theirs_containers(probe: Probe, folder: Path) -> Result:
    """Load and ask the program as scikit-learn's image does, by `sagemaker_containers` and its web application."""
    import numpy as np
    from sagemaker_containers.beta.framework import encoders, transformer, worker

    sys.path.insert(0, str(folder / "model" / "code"))
    os.environ["SAGEMAKER_BASE_DIR"] = str(folder)
    import sagemaker_containers._env as env

    env.model_dir = str(folder / "model")
    import inference  # type: ignore[import-not-found,unused-ignore] # the probe's

    def decode(body: Any, kind: str) -> Any:
        array = encoders.decode(body, kind)
        return array.astype(np.float32) if kind in ("application/json", "text/csv") else array

    defaults = {
        "input_fn": decode, "predict_fn": lambda data, model: model.predict(data),
        "output_fn": lambda value, accept: worker.Response(encoders.encode(value, accept), accept, mimetype=accept),
    }  # fmt: skip
    whole = getattr(inference, "transform_fn", None)
    parts = {name: getattr(inference, name, None) for name in defaults}
    if whole and any(parts.values()):
        raise ValueError("both")
    functions = {"transform_fn": whole} if whole else {name: parts[name] or defaults[name] for name in parts}
    made = transformer.Transformer(model_fn=getattr(inference, "model_fn", transformer.default_model_fn), **functions)
    made.initialize()
    client = worker.Worker(transform_fn=made.transform, module_name="inference").test_client()
    found: list[list[Any]] = []
    for body, kind, accept in _requests(probe):
        headers = {name: value for name, value in (("Content-Type", kind), ("Accept", accept)) if value}
        answer = client.post("/invocations", data=body, headers=headers)
        text = answer.get_data().decode("latin-1")
        said = answer.headers["Content-Type"].partition(";")[0]
        found.append([answer.status_code, said, text] if answer.status_code < 400 else [answer.status_code, None, None])
    return {"answers": found}


THEIRS = {"inference": theirs_inference, "service": theirs_service, "containers": theirs_containers}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
