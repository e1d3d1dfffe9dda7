"""Stand-ins for `tensorflow` and `requests` in a job: as much of them as serving a model touches, quick to import."""

from __future__ import annotations

import json
from pathlib import Path

TENSORFLOW = """
import json
from pathlib import Path

class Shape(tuple):
    def is_compatible_with(self, other):
        return len(self) == len(other) and all(a in (None, b) for a, b in zip(self, other))

class DType:
    name = "float32"

class Tensor:
    def __init__(self, value):
        self.value = value
        self.shape = Shape((len(value), len(value[0])) if isinstance(value[0], list) else (len(value),))
    def numpy(self):
        return self
    def tolist(self):
        return self.value

def constant(value, dtype):
    return Tensor([[float(item) for item in row] for row in value])

class Spec:
    dtype = DType()
    shape = Shape((None, 2))

class Signature:
    structured_input_signature = ((), {"features": Spec()})
    def __init__(self, predict):
        self.predict = predict
    def __call__(self, features):
        return self.predict([sum(row) for row in features.value])

class Model:
    def __init__(self, factor):
        self.signatures = {
            "serving_default": Signature(lambda sums: {"price": Tensor([[total * factor] for total in sums])}),
            "both": Signature(lambda sums: {
                "sum": Tensor(sums), "note_bytes": Tensor([b"hi" for _ in sums]), "word": Tensor([b"hi" for _ in sums]),
            }),
        }

class saved_model:
    @staticmethod
    def load(folder):
        return Model(json.loads(Path(folder, "saved_model.pb").read_text())["factor"])
"""

REQUESTS = """
import json
import urllib.error
import urllib.request

class Response:
    def __init__(self, status, content):
        self.status_code, self.content = status, content
    def json(self):
        return json.loads(self.content)

def post(url, data=None):
    body = data.encode() if isinstance(data, str) else data
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")) as answer:
            return Response(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Response(error.code, error.read())
"""


def write_saved_model(folder: Path, *, factor: float) -> None:
    """Write what the stand-in loads as a model that sums up a row and multiplies."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(json.dumps({"factor": factor}))
