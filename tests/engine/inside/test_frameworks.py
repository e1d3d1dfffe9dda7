"""What AWS's images do where the program doesn't: with frameworks of the real kind, and with small ones in their place."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import handlers, transform
from pipeline_builder.engine.inside.answers import AnswerError, Asked, Container
from pipeline_builder.errors import OutsideFailure
from tests.engine.environments import shared_environment

JSON, CSV = "application/json", "text/csv"
ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
HF = f"{ECR}/huggingface-pytorch-inference:2.1-transformers4.37-cpu-py310-ubuntu22.04"


def opened(folder: Path, image: str, monkeypatch: pytest.MonkeyPatch, **modules: types.ModuleType) -> Container:
    """Open a container without a program, with these modules as what is installed in it."""
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("path", "argv", "meta_path"):  # what a job has for itself
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    spec = {"model_dir": str(folder), "code_dir": str(folder / "none"), "program": "", "image": image}
    return handlers.open_container(spec)


def body_of(container: Container, body: str, kind: str = JSON, accept: str = JSON) -> Any:
    return container.answer(Asked(body.encode(), kind, accept)).body.decode()


def transformers() -> types.ModuleType:
    """A `transformers` whose pipeline says what it is asked."""
    module = types.ModuleType("transformers")

    def pipeline(**made: Any) -> Any:
        kinds = sorted(made.keys() - {"task", "model", "device"})
        return lambda inputs, **parameters: [{"task": made["task"], "by": kinds[0], "in": inputs, **parameters}]

    vars(module)["pipeline"] = pipeline
    return module


def test_huggingface_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertForSequenceClassification"]}))
    monkeypatch.setenv("HF_TASK", "")
    container = opened(tmp_path, HF, monkeypatch, transformers=transformers())
    asked = json.dumps({"inputs": "ü", "parameters": {"top_k": 2}})
    assert body_of(container, asked) == '[{"task":"text-classification","by":"tokenizer","in":"ü","top_k":2}]'
    said = body_of(container, "inputs,id\nx,1\ny,2\n", CSV, CSV)
    assert said == "task,by,in\r\ntext-classification,tokenizer,\"['x', 'y']\"\r\n"


@pytest.mark.parametrize(
    ("body", "kind", "accept", "message"),
    [
        ("x", JSON, JSON, "JSONDecodeError"), ("a,b\n1,2", CSV, JSON, "names of its columns"),
        ("x", "text/plain", JSON, "content type 'text/plain'"), ('{"inputs": 1}', JSON, "text/plain", "define 'output_fn'"),
        ("[1]", JSON, JSON, "TypeError|AttributeError"),
    ],
)  # fmt: skip
def test_huggingface_failures_are_400(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, kind: str, accept: str, message: str
) -> None:
    monkeypatch.setenv("HF_TASK", "text-classification")
    container = opened(tmp_path, HF, monkeypatch, transformers=transformers())
    with pytest.raises(AnswerError, match=message) as refused:
        body_of(container, body, kind, accept)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "set 'HF_TASK'"), ('{"architectures": ["Mine"]}', "'Mine' is not known: set 'HF_TASK'")],
)
def test_huggingface_without_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, message: str
) -> None:
    monkeypatch.setenv("HF_TASK", "")
    if content:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        opened(tmp_path, HF, monkeypatch, transformers=transformers())


TORCH = """
from pathlib import Path
class Tensor(list):
    def to(self, device): return self
    def detach(self): return self
    def cpu(self): return self
    def numpy(self): return self
    def tolist(self): return list(self)
FloatTensor = Tensor
class device(str): pass
class cuda:
    @staticmethod
    def is_available(): return False
class no_grad:
    def __enter__(self): pass
    def __exit__(self, *_): pass
class Model:
    def to(self, device): return self
    def eval(self): self.evaluated = True
    def __call__(self, data): return Tensor([[sum(row)] for row in data] if self.evaluated else [])
class jit:
    @staticmethod
    def load(path, map_location):
        if Path(path).read_text() != "torchscript": raise RuntimeError("not TorchScript")
        return Model()
"""
NUMPY = "import json\nclass _Array(list): pass\ndef array(value, dtype=None): return value\n"


def module_of(name: str, text: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(text, vars(module))
    return module


@pytest.mark.parametrize("name", ["model.pt", "other.pth"])
def test_pytorch_loads_torchscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_text("torchscript")
    installed = {"torch": module_of("torch", TORCH), "numpy": module_of("numpy", NUMPY)}
    container = opened(tmp_path, f"{ECR}/pytorch-inference:2.1-cpu-py310", monkeypatch, **installed)
    assert body_of(container, "[[1, 2], [3, 4]]") == "[[3], [7]]"
    with pytest.raises(AnswerError, match="define 'output_fn'") as refused:
        body_of(container, "[[1, 2]]", JSON, "image/png")
    assert refused.value.status == 500


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, r"Exactly one .pth or .pt file"), ({"a.pt": "", "b.pth": ""}, r"\['a.pt', 'b.pth'\]"),
     ({"model.pt": "a pickle"}, "save it with TorchScript, or define 'model_fn'")],
)  # fmt: skip
def test_pytorch_wants_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        opened(tmp_path, f"{ECR}/pytorch-inference:2.1", monkeypatch, torch=module_of("torch", TORCH))


XGBOOST = """
import json, os, struct, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import transform
with transform._own_names():
    from pipeline_builder.engine.inside import handlers
    from pipeline_builder.engine.inside.answers import Asked
sys.path.pop(0)
import numpy as np, xgboost as xgb
folder = Path(sys.argv[2])
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
rows = np.array([[1, 2, 3], [4, 5, 6], [0, 1, 0]], dtype=float)
booster = xgb.train({"objective": "reg:squarederror", "max_depth": 2}, xgb.DMatrix(rows, label=[1, 2, 3]), 3)
(folder / "model").mkdir()
booster.save_model(folder / "model" / "model.json")
(folder / "model" / "model.json").rename(folder / "model" / "xgboost-model")
expected = booster.predict(xgb.DMatrix(rows))
def opened(program):
    return handlers.open_container({"model_dir": str(folder / "model"), "code_dir": str(folder), "program": program, "image": image}, transform._own_names)
def asked(container, body, kind, accept):
    try:
        return container.answer(Asked(body, kind, accept)).body.decode()
    except Exception as error:
        return getattr(error, "status", 500)
csv = "\\n".join(",".join(map(str, row)) for row in rows).encode()
svm = "\\n".join("0 " + " ".join(f"{n}:{x}" for n, x in enumerate(row)) for row in rows).encode()
alone = opened("")
lines = "".join(f"{value}\\n" for value in expected.tolist())
assert json.loads(asked(alone, csv, "text/csv", "application/json"))["predictions"][2]["score"] == expected.tolist()[2]
assert [asked(alone, b"x", "image/png", None), asked(alone, csv, "text/csv", "image/png"), asked(alone, b"a,b", "text/csv", None)] == [415, 406, 415]
os.environ["SAGEMAKER_BATCH"] = "true"
assert asked(alone, csv + b"\\n", "text/csv; label_size=1", None) == lines
assert asked(alone, svm, "text/libsvm", "text/csv") == asked(alone, svm, None, "text/csv") == lines
booster.save_model(folder / "model" / "again.json")
assert asked(opened(""), csv, "text/csv", None) == lines, "of two models the mean"
(folder / "mine.py").write_text("import xgboost\\ndef model_fn(d):\\n    b = xgboost.Booster(); b.load_model(d + '/xgboost-model'); return b\\n")
mine = opened("mine.py")
assert json.loads(asked(mine, csv, "text/csv", "application/json")) == expected.tolist()
got = asked(mine, svm, "text/x-libsvm", "text/csv")
assert got == "".join(str(value) + "\\n" for value in expected), (got, expected)
assert [asked(mine, csv, "text/plain", "text/csv"), asked(mine, csv, "text/csv", "image/png")] == [500, 500]
def columns(tag):
    handlers.matrices.read_as("123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost" + tag)
    return handlers.matrices.decode(b"0 1:1 3:2", "text/libsvm").num_col()
assert [columns(tag) for tag in (":1.7-1", ":3.0-5", ":3.2-1", ":latest", "")] == [4, 4, 3, 3, 3], "as files until 3.2"
print("equal")
"""


@pytest.mark.long
def test_xgboost(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        layers = (("xgboost-cpu==3.0.5", "numpy==2.2.6", "scipy==1.15.3"),)
        python = shared_environment(layers, "import xgboost, scipy.sparse", tmp_path_factory)
    except OutsideFailure as failure:
        pytest.skip(f"XGBoost can't be installed here: {failure}")
    command = [str(python), "-c", XGBOOST, str(Path(transform.__file__).parent), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "equal\n", result.stderr
