"""The probes: programs with what they are asked, and the differences from AWS's toolkits that stay, with the reason."""

from __future__ import annotations

from typing import Any

JSON, CSV, NPY, ANY = "application/json", "text/csv", "application/x-npy", "*/*"
MODEL = "def model_fn(model_dir):\n    seen(model_dir)\n    return {'factor': 2}\n"
ECHO = """
def input_fn(body, content_type):
    seen(type(body).__name__, body, content_type)
    return body
def predict_fn(data, model):
    seen(data, model)
    return [1, 2.5]
"""
ARRAY = "import numpy as np\n"
CONTEXT = """
def model_fn(model_dir, context):
    seen(model_dir, context.system_properties["model_dir"], context.system_properties.get("gpu_id"))
    return 1
def input_fn(body, content_type, context):
    seen(context.get_request_header(0, "Content-Type"), context.get_request_header(0, "Accept"), context.get_request_id(0) is not None)
    return body
def predict_fn(data, model, context):
    return data
def output_fn(prediction, accept, context):
    seen(sorted(context.get_all_request_header(0)))
    context.set_response_content_type(0, "x/y")
    return "ok"
"""
ALL_TYPES = [["1,2\n3,4\n", CSV, CSV], ["[[1, 2], [3, 4]]", JSON, JSON], ["abc\xff", "application/octet-stream", JSON],
             ["1,2", CSV, None], ["1,2", CSV, ANY], ["x", None, JSON], ["1,2", "text/csv; charset=utf-8", CSV]]  # fmt: skip


def probe(name: str, program: str, requests: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "program": program, "requests": requests, **more}


def returned(value: str, accept: str | None = JSON) -> dict[str, Any]:
    program = f"{ARRAY}def model_fn(d): return 1\ndef transform_fn(model, body, kind, accept):\n    return {value}\n"
    return probe(f"returns {value}", program, [["x", CSV, accept]])


RETURNS = ("'text'", "b'bytes'", "bytearray(b'b')", "{'a': 1}", "[1, 2]", "[[1.5, 'x']]", "3", "2.5", "True", "None", "('body', 'a/b')",
           "(b'body', 'a/b')", "({'a': 1}, 'a/b')", "np.array([1, 2])", "np.float64(1.5)", "np.float32(1.5)", "np.int64(3)",
           "{1, 2}", "[np.float64(2)]", "object()", "''", "memoryview(b'x')", "('only',)", "'\\u00fc'")  # fmt: skip
RAISES = {
    "ValueError": "raise ValueError('no')", "KeyError": "raise KeyError('no')",
    "a status": "from sagemaker_inference.errors import BaseInferenceToolkitError as E; raise E(418, 'teapot', 'phrase')",
    "a generic status": "from sagemaker_inference.errors import GenericInferenceToolkitError as E; raise E(400, 'bad')",
    "MemoryError": "raise MemoryError()",
}  # fmt: skip
ARITIES = {
    "model_fn()": "def model_fn(): return 1",
    "model_fn(a, b, c)": "def model_fn(a, b, c): return 1",
    "model_fn(*arguments)": "def model_fn(*arguments): return 1",
    "input_fn(body)": "def model_fn(d): return 1\ndef input_fn(body): return 1\ndef predict_fn(d, m): return [1]",
    "output_fn(prediction)": "def model_fn(d): return 1\ndef predict_fn(d, m): return [1]\ndef output_fn(p): return 'x'",
    "predict_fn with a default": "def model_fn(d): return 1\ndef predict_fn(d, m, extra=3): seen(type(extra).__name__); return [1]",
    "transform_fn(a, b, c)": "def model_fn(d): return 1\ndef transform_fn(a, b, c): return 'x'",
    "transform_fn with the context": "def model_fn(d): return 1\ndef transform_fn(m, b, k, a, c): return c.get_request_header(0, 'Accept')",
}
ENCODED = ("[1, 2.5]", "np.array([[1.5, 2], [3, 4]])", "np.array([1, 2])", "3", "'x'", "[['a', 1]]", "{'a': np.float32(1)}",
           "np.array(['a', 'b'])", "np.float64(0.1)", "[]")  # fmt: skip
DECODED = [["1,2\n3,4.5\n", CSV, JSON], ["1,2", CSV, JSON], ["a,1\nb,2", CSV, JSON], ["", CSV, JSON], ["1,,3", CSV, JSON], ["[[1, 2]]", JSON, JSON],
           ["3", JSON, JSON], ["{\"a\": 1}", JSON, JSON], ["not json", JSON, JSON], ["x", "text/plain", JSON], ["x", NPY, JSON], ["\"1\",2\n", CSV, JSON],
           ["\xff", CSV, JSON], ["x", "application/x-npz", JSON]]  # fmt: skip

INFERENCE = [
    probe("all types", MODEL + ECHO, ALL_TYPES),
    probe("contexts", CONTEXT, [["1", CSV, JSON], ["1", JSON, None]]),
    probe("no model_fn", "x = 1\ndef predict_fn(d, m): return 1", [["1", CSV, JSON]]),
    probe("no predict_fn", MODEL, [["1", CSV, JSON]]),
    probe("no predict_fn, a model with predict", "class M:\n    def predict(self, data): return [7]\ndef model_fn(d): return M()", [["1", CSV, JSON]]),
    probe("a Response", "class Response:\n    status_code, mimetype, content_type = 200, 'a/b', 'a/b'\n    def get_data(self): return b'x'\n"
          "def model_fn(d): return 1\ndef transform_fn(*a): return Response()\ndef transform_fn(m, b, c, a): return Response()", [["1", CSV, JSON]]),
    probe("both", MODEL + "def transform_fn(*a): pass\ndef input_fn(*a): pass", [["1", CSV, JSON]]),
    probe("hooks", MODEL + "def pre_model_fn(d): seen('pre', d)\ndef model_warmup_fn(d, m): seen('warm', d, m)\ndef predict_fn(d, m): return [1]",
          [["1", CSV, JSON]]),
    probe("default accept", MODEL + "def predict_fn(d, m): return [1]", [["1", CSV, None], ["1", CSV, ANY]],
          environment={"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": CSV}),
    probe("accepts", MODEL + "def predict_fn(d, m): return [1]",
          [["1", CSV, "text/plain, text/csv"], ["1", CSV, "text/plain"], ["1", CSV, "application/json;q=1"], ["1", CSV, " application/json , x/y"]]),
    probe("decoders", ARRAY + MODEL + "def predict_fn(d, m):\n    seen(str(d.dtype), d.shape, d.tolist())\n    return [1]", DECODED),
    *(probe(f"encodes {value}", f"{ARRAY}{MODEL}def input_fn(b, c): return b\ndef predict_fn(d, m): return {value}",
            [["1", CSV, JSON], ["1", CSV, CSV], ["1", CSV, NPY]]) for value in ENCODED),
    *(returned(value) for value in RETURNS),
    returned("'text'", None),
    *(probe(f"raises {name}", f"def model_fn(d): return 1\ndef transform_fn(m, b, c, a):\n    {line}", [["1", CSV, JSON]]) for name, line in RAISES.items()),
    *(probe(name, program, [["1", CSV, JSON]]) for name, program in ARITIES.items()),
    probe("model_fn raises", "def model_fn(d): raise OSError('no')\ndef predict_fn(d, m): return 1", [["1", CSV, JSON]]),
    probe("names beside it", MODEL + "import helper\ndef predict_fn(d, m): return [helper.VALUE]", [["1", CSV, JSON]],
          files={"code/helper.py": "VALUE = 7"}),
    probe("a file of the model", "import os\ndef model_fn(d): return open(os.path.join(d, 'weights')).read()\ndef input_fn(b, c): return b\n"
          "def predict_fn(d, m): return m", [["1", CSV, JSON]], files={"weights": "w"}),
]  # fmt: skip
SERVICES = [
    probe("a function", "def handle(data, context):\n    seen(data is None)\n    return None if data is None else [data[0]['body'].decode()]", [["1", CSV, JSON]]),
    probe("a class", "class S:\n    def initialize(self, context): seen(context.system_properties['batch_size'])\n"
          "    def handle(self, data, context):\n        context.set_response_content_type(0, 'a/b')\n        return [{'a': len(data)}]", [["1", CSV, JSON]]),
    probe("a status", "def handle(data, context):\n    if data: context.set_response_status(404, 'none')\n    return ['x']", [["1", CSV, JSON]]),
    probe("no list", "def handle(data, context): return 'x'", [["1", CSV, JSON]]),
    probe("two answers", "def handle(data, context): return ['x', 'y']", [["1", CSV, JSON]]),
    probe("an error", "def handle(data, context):\n    if data: raise ValueError('no')", [["1", CSV, JSON]]),
    probe("PredictionException", "from mms.service import PredictionException\ndef handle(data, context):\n    if data: raise PredictionException('no', 422)",
          [["1", CSV, JSON]]),
    probe("what can't be written", "def handle(data, context): return [object()]", [["1", CSV, JSON]]),
    probe("initialize fails", "class S:\n    def initialize(self, context): raise ValueError('no')\n    def handle(self, data, context): return ['x']", [["1", CSV, JSON]]),
    probe("load fails", "def handle(data, context): raise ValueError('no')", [["1", CSV, JSON]]),
    probe("headers", "def handle(data, context):\n    return [str(sorted(context.get_all_request_header(0).items()))] if data else None", [["1", CSV, JSON]]),
]  # fmt: skip
SKLEARN = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SUMS = """
import numpy as np
class Sums:
    def predict(self, data):
        seen(str(data.dtype), data.shape, data.tolist())
        return data.sum(axis=1)
def model_fn(model_dir): return Sums()
"""
CONTAINERS = [
    probe("defaults", SUMS, [["1,2\n3,4.5\n", CSV, JSON], ["1,2\n3,4\n", CSV, CSV], ["1,2", CSV, JSON], ["[[1, 2], [3, 4]]", JSON, CSV], ["[[1, 2]]", None, JSON],
                             ["a,b\n1,2", CSV, JSON], ["\"1\",2\n3,4", CSV, NPY], ["x", "text/plain", JSON], ["1,2\n3,4", CSV, "text/plain"],
                             ["1,2\n3,4", CSV, None], ["1,2\n3,4", CSV, "application/json, text/csv"]]),
    *(probe(f"returns {value}", f"{ARRAY}def model_fn(d): return 1\ndef transform_fn(m, body, kind, accept):\n    seen(type(body).__name__, body, kind, accept)\n"
            f"    return {value}", [["1", CSV, JSON]])
      for value in ("'text'", "b'bytes'", "{'b': 1, 'a': [1]}", "[1, 2]", "3", "None", "('body', 'a/b')", "(b'body', 'a/b')", "np.array([1])", "np.float64(1)")),
    probe("a Response", "import json\nfrom sagemaker_containers.beta.framework import worker\ndef model_fn(d): return 1\ndef predict_fn(d, m): return [1]\n"
          "def output_fn(p, accept): return worker.Response(json.dumps(p), accept, mimetype=accept)", [["1,2\n3,4", CSV, JSON]]),
    probe("a Response with a status", "from sagemaker_containers.beta.framework import worker\ndef model_fn(d): return 1\n"
          "def transform_fn(m, b, c, a): return worker.Response('no', status=422)", [["1", CSV, JSON]]),
    probe("encoders", "from sagemaker_containers.beta.framework import content_types, encoders\ndef model_fn(d): return 1\ndef predict_fn(d, m): return d\n"
          "def input_fn(b, c): return encoders.decode(b, c)\ndef output_fn(p, a): return encoders.encode(p, content_types.CSV), a", [["1,2\n3,4", CSV, CSV]]),
    probe("both", "def model_fn(d): return 1\ndef transform_fn(*a): pass\ndef input_fn(*a): pass", [["1", CSV, JSON]]),
    probe("an error", "def model_fn(d): return 1\ndef transform_fn(m, b, c, a): raise ValueError('no')", [["1", CSV, JSON]]),
    probe("default accept", "def model_fn(d): return 1\ndef transform_fn(m, b, c, a): return a", [["1", CSV, None], ["1", CSV, ANY]]),
    probe("no model_fn", "def predict_fn(d, m): return 1", [["1", CSV, JSON]]),
]  # fmt: skip
PROBES = [
    *INFERENCE,
    *({**each, "name": f"service: {each['name']}", "toolkit": "service"} for each in SERVICES),
    *(
        {**each, "name": f"containers: {each['name']}", "toolkit": "containers", "image": SKLEARN}
        for each in CONTAINERS
    ),
]

_OWN = "the image isn't AWS's: what calls its handlers isn't known, so what any of AWS's images takes is taken"
DIFFERENT = {
    "no predict_fn, a model with predict: request 0": f"500 by the toolkit itself, the model's prediction here; {_OWN}",
    "a Response: request 0": f"503 by the toolkit's server, the Response's body here; {_OWN}",
    "containers: returns [1, 2]: request 0": "the toolkit on PyPI wants Flask 1.1; the image has Flask 3, which makes JSON of a list",
}
"""Of each difference that stays, its reason: docs/reference/containers.md has them too."""
