"""Batch inference in a job's environment: calls the handlers of the user's program for every record of every file.

Run as `python transform.py spec.json`. Only the standard library is used here; numpy is imported where a default
decoder or encoder needs it, as in AWS's inference toolkit. The spec (paths as inside the container, all keys but the
first four have defaults):

    {"model_dir": "/opt/ml/model",          the unpacked archive
     "code_dir": "/opt/ml/code",            where the program is; "/opt/ml/model/code" is looked at next
     "program": "inference.py",
     "files": [["/opt/ml/processing/in/a.csv", "/opt/ml/output/a.csv.out"], ...],
     "content_type": "text/csv",            null: handlers get None
     "accept": "text/csv",                  null: SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, else application/json
     "compression": "None" | "Gzip",
     "split": "None" | "Line",
     "strategy": "MultiRecord" | "SingleRecord",
     "max_payload_mb": 6,                   0 is no limit, with "split": "None" only
     "assemble": "None" | "Line"}

A program for TensorFlow Serving's image (`input_handler` and `output_handler`, or `handler`) is called by `serving.py`.
As on SageMaker, a file with a failing record gets no output, the other files do, and the exit code is 1 at the end.
"""

from __future__ import annotations

import gzip
import importlib.util
import inspect
import io
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

OPT_ML = "/opt/ml"
JSON_TYPE, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"
MEGABYTE = 1024 * 1024
DEFAULTS: dict[str, Any] = {
    "content_type": None, "accept": None, "compression": "None", "split": "None", "strategy": "MultiRecord",
    "max_payload_mb": 6, "assemble": "None",
}  # fmt: skip

Spec = Mapping[str, Any]
Respond = Callable[[bytes], bytes]


def spec_of(request: Mapping[str, Any], *, program: str, files: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the spec for a CreateTransformJob request; `files` are (input, output) paths inside the container."""
    source, result = request["TransformInput"], request["TransformOutput"]
    limit = request.get("MaxPayloadInMB")
    return {
        "model_dir": f"{OPT_ML}/model", "code_dir": f"{OPT_ML}/code", "program": program,
        "files": [list(pair) for pair in files],
        "content_type": source.get("ContentType"), "accept": result.get("Accept"),
        "compression": source.get("CompressionType") or "None", "split": source.get("SplitType") or "None",
        "strategy": request.get("BatchStrategy") or "MultiRecord", "assemble": result.get("AssembleWith") or "None",
        "max_payload_mb": 6 if limit is None else limit,
    }  # fmt: skip


def environment_of(request: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of the model's container in a transform job; its own `Environment` comes last."""
    limit = request.get("MaxPayloadInMB")
    single = request.get("BatchStrategy") == "SingleRecord"
    service = {
        "SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(6 if limit is None else limit),
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if single else "MULTI_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(request.get("MaxConcurrentTransforms") or 1),
    }  # fmt: skip
    given = {**(container.get("Environment") or {}), **(request.get("Environment") or {})}
    return {**service, **{str(name): str(value) for name, value in given.items()}}


def unsupported(request: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each thing a CreateTransformJob request asks for that this runner can't do."""
    source = request.get("TransformInput") or {}
    data = request.get("DataProcessing") or {}
    split = source.get("SplitType") or "None"
    found = []
    if split not in ("None", "Line"):
        found.append(f"SplitType '{split}' is not supported here, only 'None' and 'Line'")
    if (data.get("JoinSource") or "None") != "None":
        found.append(f"DataProcessing JoinSource '{data['JoinSource']}' is not supported here, only 'None'")
    found += [
        f"DataProcessing {name} '{data[name]}' is not supported here, only '$', which takes everything"
        for name in ("InputFilter", "OutputFilter")
        if data.get(name, "$") not in ("$", "")
    ]
    if request.get("MaxPayloadInMB") == 0 and split != "None":
        found.append("MaxPayloadInMB 0 means no limit, which goes with SplitType 'None' only")
    return found


def main(arguments: list[str]) -> int:
    """Run the spec in the file `arguments[0]`; return the exit code."""
    spec = {**DEFAULTS, **json.loads(Path(arguments[0]).read_text(encoding="utf-8"))}
    try:
        respond = load_handlers(spec)
    except Exception:  # noqa: BLE001 - user code may raise anything; the log gets all of it
        traceback.print_exc()
        _tell(f"the model could not be loaded from '{spec['model_dir']}' by '{spec['program']}'")
        return 1
    failed = [source for source, target in spec["files"] if not _transform(source, target, spec, respond)]
    if failed:
        _tell(f"{len(failed)} of {len(spec['files'])} files failed: {', '.join(failed[:10])}")
    return 1 if failed else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is the job's log


def _here(path: str) -> Path:
    """Return where a path of the container is: below SAGEMAKER_BASE_DIR where /opt/ml isn't private."""
    base = os.environ.get("SAGEMAKER_BASE_DIR")
    return Path(base + path[len(OPT_ML) :]) if base and (path + "/").startswith(OPT_ML + "/") else Path(path)


# --- files, requests, records --------------------------------------------------------------------------------------


def _transform(source: str, target: str, spec: Spec, respond: Respond) -> bool:
    """Write the responses for one file; the output appears whole or not at all. Return whether it did."""
    output = _here(target)
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(output.name + ".part")
    first = 1
    try:
        with _opened(_here(source), spec) as stream, part.open("wb") as result:
            for body, count in requests(stream, spec):
                response = respond(body)
                result.write(response)
                if spec["assemble"] == "Line" and not response.endswith(b"\n"):
                    result.write(b"\n")
                first += count
    except Exception:  # noqa: BLE001 - user code may raise anything; the log gets all of it
        traceback.print_exc()
        where = f"at record {first}" if spec["split"] == "Line" else "as a whole"
        _tell(f"the transform of '{source}' failed {where}")
        part.unlink(missing_ok=True)
        return False
    part.replace(output)
    return True


def _opened(path: Path, spec: Spec) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if spec["compression"] == "Gzip" else path.open("rb")


def requests(stream: IO[bytes] | gzip.GzipFile, spec: Spec) -> Iterator[tuple[bytes, int]]:
    """Yield each request's body and how many records are in it; a record keeps its end of line.

    MultiRecord puts as many records into a request as its limit allows. ValueError where one record alone is larger.
    """
    limit = spec["max_payload_mb"] * MEGABYTE or sys.maxsize
    part = limit + 1 if spec["max_payload_mb"] else -1  # of a record that is too large no more is read
    read = stream.readline if spec["split"] == "Line" else stream.read
    most = float("inf") if spec["strategy"] == "MultiRecord" else 1
    batch: list[bytes] = []
    size = 0
    while record := read(part):
        if len(record) > limit:
            raise ValueError(f"a record is larger than MaxPayloadInMB, {spec['max_payload_mb']} MB")
        if batch and (len(batch) >= most or size + len(record) > limit):
            yield b"".join(batch), len(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch), len(batch)


# --- handlers ------------------------------------------------------------------------------------------------------


def load_handlers(spec: Spec) -> Respond:
    """Import the program, load the model once and return what answers a request."""
    module = _import_program(spec)
    model_dir = str(_here(spec["model_dir"]))
    context = types.SimpleNamespace(system_properties={"model_dir": model_dir, "gpu_id": None})
    serving = _load_serving()
    if serving.has_handlers(module):
        answer = serving.open_handlers(module, Path(model_dir), spec["content_type"], spec["accept"])
        return lambda body: _as_bytes(answer(body))
    parts = [name for name in ("input_fn", "predict_fn", "output_fn") if hasattr(module, name)]
    if hasattr(module, "transform_fn") and parts:
        raise ValueError(f"the program defines 'transform_fn' and also {', '.join(parts)}: one or the other")
    call = _caller(context)
    if hasattr(module, "pre_model_fn"):
        call(module.pre_model_fn, model_dir)
    model = call(getattr(module, "model_fn", default_model_fn), model_dir)
    if hasattr(module, "model_warmup_fn"):
        call(module.model_warmup_fn, model_dir, model)
    return _responder(module, model, call, spec)


def _import_program(spec: Spec) -> types.ModuleType:
    folders = [str(_here(spec["code_dir"])), str(_here(spec["model_dir"]) / "code")]
    # In place of this program's own folder, so that none of the names beside it hides one of the user's.
    sys.path[0:1] = [folder for folder in folders if Path(folder).is_dir()]
    name = spec["program"].removesuffix(".py").replace("/", ".")
    return importlib.import_module(name)


def _load_serving() -> types.ModuleType:
    """Load the module beside this one by its path: by its name it would hide one of the user's."""
    path = Path(__file__).with_name("serving.py")
    spec = importlib.util.spec_from_file_location("_pipeline_builder_serving", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _responder(module: types.ModuleType, model: Any, call: Callable[..., Any], spec: Spec) -> Respond:
    content_type = spec["content_type"]
    accept = spec["accept"]
    if not accept or accept == "*/*":
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON_TYPE)
    decode = getattr(module, "input_fn", default_input_fn)
    predict = getattr(module, "predict_fn", default_predict_fn)
    encode = getattr(module, "output_fn", default_output_fn)

    def respond(body: bytes) -> bytes:
        text = body.decode("utf-8") if content_type in (JSON_TYPE, CSV) else body
        if hasattr(module, "transform_fn"):
            return _as_bytes(call(module.transform_fn, model, text, content_type, accept))
        prediction = call(predict, call(decode, text, content_type), model)
        return _as_bytes(call(encode, prediction, accept))

    return respond


def _caller(context: object) -> Callable[..., Any]:
    """Return a function that calls a handler, with the context where the handler takes one argument more."""

    def call(handler: Callable[..., Any], *arguments: Any) -> Any:
        if len(inspect.signature(handler).parameters) == len(arguments) + 1:
            return handler(*arguments, context)
        return handler(*arguments)

    return call


def _as_bytes(response: Any) -> bytes:
    if isinstance(response, tuple):  # (body, content type)
        response = response[0]
    if isinstance(response, str):
        return response.encode("utf-8")
    if isinstance(response, (bytes, bytearray, memoryview)):
        return bytes(response)
    raise TypeError(f"a response must be text or bytes, this one is of type '{type(response).__name__}'")


def default_model_fn(_model_dir: str) -> Any:
    """Tell that the program must load its model itself."""
    raise NotImplementedError("the program has no 'model_fn', which is needed to load the model")


def default_predict_fn(data: Any, model: Any) -> Any:
    """Return the model's own prediction, which is what AWS's images for scikit-learn and XGBoost do."""
    if not hasattr(model, "predict"):
        raise NotImplementedError("the program has no 'predict_fn', and the model has no method 'predict'")
    return model.predict(data)


def default_input_fn(body: Any, content_type: str | None) -> Any:
    """Return the body as an array: text/csv, application/json, application/x-npy or application/x-npz."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore] # only in the job's environment

    if content_type == JSON_TYPE:
        return np.array(json.loads(body))
    if content_type == CSV:
        return np.genfromtxt(io.StringIO(body), dtype=None, delimiter=",")
    if content_type == NPY:
        return np.load(io.BytesIO(body), allow_pickle=True)
    if content_type == NPZ:
        return importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))
    raise ValueError(f"content type '{content_type}' has no default decoder: define 'input_fn'")


def default_output_fn(prediction: Any, accept: str) -> tuple[Any, str]:
    """Return the prediction in the first of the accepted types that has an encoder, and that type."""
    for kind in accept.replace(" ", "").split(","):
        if kind == JSON_TYPE:
            return json.dumps(prediction, default=lambda value: value.tolist()), kind
        if kind in (CSV, NPY):
            import numpy as np

            text, data = io.StringIO(), io.BytesIO()
            if kind == CSV:
                np.savetxt(text, prediction, delimiter=",", fmt="%s")
            else:
                np.save(data, prediction)
            return (text.getvalue() if kind == CSV else data.getvalue()), kind
    raise ValueError(f"accept '{accept}' has no default encoder: define 'output_fn'")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
