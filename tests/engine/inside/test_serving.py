"""Batch inference with the handlers of TensorFlow Serving's image: what they get, and what the model behind answers."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.errors import OutsideFailure
from tests.engine.environments import shared_environment
from tests.engine.inside.tensorflow_stub import REQUESTS, TENSORFLOW, write_saved_model

# Sends what the caller sends on, and answers with what came back and with what it knows of the request.
ECHO = """
def input_handler(data, context):
    return data.read()
def output_handler(response, context):
    return f"{response.status_code} {response.json()}", context.accept_header
"""


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    folder = tmp_path / "job" / "ml"
    for name in ("model/code", "in"):
        (folder / name).mkdir(parents=True)
    (folder / "model" / "code" / "tensorflow.py").write_text(TENSORFLOW)
    (folder / "model" / "code" / "requests.py").write_text(REQUESTS)
    write_saved_model(folder / "model" / "price" / "1", factor=2)
    return folder


def run(
    ml: Path,
    body: str,
    program: str = ECHO,
    *,
    name: str = "inference.py",
    env: dict[str, str] | None = None,
    **spec: Any,
) -> tuple[int, str]:
    """Run the program from the model's archive, as the engine does; return the exit code and the log."""
    (ml / "model" / "code" / name).write_text(textwrap.dedent(program))
    (ml / "in" / "a").write_text(body)
    content = {
        "model_dir": "/opt/ml/model", "code_dir": "/opt/ml/code", "program": name,
        "files": [["/opt/ml/in/a", "/opt/ml/out/a.out"]], "content_type": "text/csv", "accept": "text/csv", **spec,
    }  # fmt: skip
    (ml / "spec.json").write_text(json.dumps(content))
    job = Job(
        name="job", folder=ml.parent, command=("python", transform.__file__, "/opt/ml/spec.json"), environment=env or {},
        python=Path(sys.executable), workdir="/opt/ml", timeout=60,
    )  # fmt: skip
    result = run_job(job, stop=threading.Event(), private=False)
    return result.exit_code, job.log.read_text()


def answer(ml: Path, body: Any, **options: Any) -> str:
    """Return what the model answers to a request."""
    code, log = run(ml, json.dumps(body), **options)
    assert code == 0, log
    return (ml / "out" / "a.out").read_text()


@pytest.mark.long
def test_handlers_and_their_context(ml: Path) -> None:
    program = """
        import json
        def input_handler(data, context):
            assert context._fields == (
                "model_name", "model_version", "method", "rest_uri", "grpc_port", "channel", "custom_attributes",
                "request_content_type", "accept_header", "content_length",
            )
            assert context.rest_uri.endswith("/v1/models/price:predict"), context.rest_uri
            assert (context.request_content_type, context.content_length) == ("text/csv", 8)
            return json.dumps({"instances": [[float(x) for x in row.split(b",")] for row in data.read().split()]})
        def output_handler(response, context):
            rows = response.json()["predictions"]
            return "\\n".join(str(row[0]) for row in rows) + "\\n", context.accept_header
    """
    assert run(ml, "1,2\n3,4\n", program, split="Line", assemble="Line") == (0, "")
    assert (ml / "out" / "a.out").read_text() == "6.0\n14.0\n"


@pytest.mark.long
def test_one_handler_that_talks_to_the_model_itself(ml: Path) -> None:
    program = """
        import requests
        def handler(data, context):
            return requests.post(context.rest_uri, data=data.read()).content, "application/json"
    """
    assert json.loads(answer(ml, {"instances": [[1, 2]]}, program=program)) == {"predictions": [[6.0]]}


@pytest.mark.long
def test_requests_of_this_machine_pass_no_proxy(ml: Path) -> None:
    assert answer(ml, {"instances": [[1, 2]]}, env={"HTTP_PROXY": "http://192.0.2.1:9", "NO_PROXY": "x"}).startswith(
        "200 "
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"instances": [[1, 2], [3, 4]]}, "200 {'predictions': [[6.0], [14.0]]}"),
        ({"instances": [{"features": [1, 2]}]}, "200 {'predictions': [[6.0]]}"),
        ({"inputs": [[1, 2]]}, "200 {'outputs': [[6.0]]}"),
        ({"inputs": {"features": [[1, 2]]}}, "200 {'outputs': [[6.0]]}"),
        (
            {"instances": [[1, 2]], "signature_name": "both"},
            "200 {'predictions': [{'sum': 3.0, 'note_bytes': {'b64': 'aGk='}, 'word': 'hi'}]}",
        ),
        ({"instances": [[1, 2]], "signature_name": "x"}, "400 {'error': \"the model has no signature 'x', it has: "),
        ({"instances": []}, "400 {'error': \"'instances' must be a list with at least one row\"}"),
        ({"instances": [{"feature": [1, 2]}]}, "400 {'error': \"each row must have the model's inputs: features\"}"),
        ({"inputs": {"a": 1}}, "400 {'error': 'the inputs must be given by name: features'}"),
        (
            {"instances": [[1, 2, 3]]},
            "400 {'error': \"the input 'features' has the shape (1, 3), expected (None, 2)\"}",
        ),
        ({"instances": [["a", 2]]}, "400 {'error': \"the input 'features' can't be read as float32: "),
        ([[1, 2]], "400 {'error': \"the request must be a mapping with either 'instances' or 'inputs'\"}"),
    ],
)
def test_requests_and_answers(ml: Path, request_: Any, expected: str) -> None:
    assert answer(ml, request_).startswith(expected)


@pytest.mark.long
def test_the_newest_version_answers_unless_another_is_asked_for(ml: Path) -> None:
    write_saved_model(ml / "model" / "price" / "10", factor=3)
    assert answer(ml, {"instances": [[1, 2]]}) == "200 {'predictions': [[9.0]]}"
    program = """
        import requests
        def handler(data, context):
            body = data.read()
            base = context.rest_uri.rsplit(":", 1)[0]
            found = [requests.post(f"{base}{rest}", data=body) for rest in ("/versions/1:predict", "/versions/2:predict", ":x")]
            return str([(each.status_code, each.json()) for each in found]), "text/plain"
    """
    assert answer(ml, {"instances": [[1, 2]]}, program=program) == str(
        [
            (200, {"predictions": [[6.0]]}),
            (404, {"error": "Servable not found for request: price version 2"}),
            (404, {"error": "'/v1/models/price:x' is not known here: only ':predict' of a model is"}),
        ]
    )


@pytest.mark.long
def test_the_default_model_can_be_named(ml: Path) -> None:
    write_saved_model(ml / "model" / "a" / "1", factor=5)
    assert answer(ml, {"instances": [[1, 2]]}) == "200 {'predictions': [[15.0]]}"
    named = answer(ml, {"instances": [[1, 2]]}, env={"SAGEMAKER_TFS_DEFAULT_MODEL_NAME": "price"})
    assert named == "200 {'predictions': [[6.0]]}"


@pytest.mark.parametrize(
    ("program", "name", "message"),
    [
        (
            "def input_handler(d, c): pass",
            "inference.py",
            "needs both 'input_handler' and 'output_handler', or 'handler'",
        ),
        (ECHO, "serve.py", "takes handlers from 'code/inference.py' in the model's archive only: set 'ModelRepack"),
    ],
)
def test_programs_that_the_image_would_not_run(ml: Path, program: str, name: str, message: str) -> None:
    code, log = run(ml, "x", program, name=name)
    assert (code, message in log) == (1, True), log


def test_an_archive_without_a_saved_model(ml: Path) -> None:
    (ml / "model" / "price" / "1").rename(ml / "model" / "price" / "newest")
    code, log = run(ml, "x")
    assert code == 1
    assert "there is no '<model>/<version>/saved_model.pb' in the model's archive" in log
    assert "the model could not be loaded from '/opt/ml/model'" in log


def test_a_failing_handler_fails_its_file(ml: Path) -> None:
    code, log = run(ml, "1\nx\n", "def handler(data, context): return str(float(data.read())), 'x'",
                    split="Line", strategy="SingleRecord")  # fmt: skip
    assert code == 1
    assert "the transform of '/opt/ml/in/a' failed at record 2" in log


@pytest.mark.long
def test_names_beside_the_engine_are_the_users(ml: Path) -> None:
    (ml / "model" / "code" / "serving.py").write_text("mine = True\n")
    assert answer(ml, {"instances": [[1, 2]]}, program=f"import serving\nassert serving.mine\n{ECHO}").startswith("200")


REAL = """
import json, sys
from pathlib import Path
import tensorflow as tf
sys.path.insert(0, sys.argv[1])
import transform
with transform._own_names():
    from pipeline_builder.engine.inside import handlers
    from pipeline_builder.engine.inside.answers import Asked
    from pipeline_builder.engine.inside.serving import savedmodels as serving
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "a"), tf.TensorSpec([None], tf.string, "b")])
    def two(self, a, b):
        return {"sum": tf.reduce_sum(a, 1), "text": b, "raw_bytes": b}
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "a")])
    def one(self, a):
        return {"sum": tf.reduce_sum(a, 1, keepdims=True)}
model, folder = Model(), Path(sys.argv[2], "m")
tf.saved_model.save(model, str(folder / "1"), signatures={"serving_default": model.one, "two": model.two})
ask = lambda request: json.loads(serving.Servables({"m": folder}).predict("m", None, request))
assert ask({"instances": [[1, 2], [3, 4.5]]}) == {"predictions": [[3.0], [7.5]]}
assert ask({"inputs": [[1, 2]]}) == {"outputs": [[3.0]]}
rows = [{"a": [1, 2], "b": "x"}, {"a": [3, 4], "b": {"b64": "eQ=="}}]
assert ask({"signature_name": "two", "instances": rows}) == {"predictions": [
    {"sum": 3.0, "text": "x", "raw_bytes": {"b64": "eA=="}}, {"sum": 7.0, "text": "y", "raw_bytes": {"b64": "eQ=="}}]}
for wrong in ({"instances": [[1, 2, 3]]}, {"instances": [[1], [1, 2]]}, {"instances": [["x", 1]]}, {"inputs": {"c": 1}}):
    try:
        ask(wrong)
    except serving.RequestError as error:
        assert error.status == 400
    else:
        raise AssertionError(wrong)
import os
os.environ["SAGEMAKER_TFS_DEFAULT_MODEL_NAME"] = "m"
image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-inference:2.11-cpu"
alone = handlers.open_container({"model_dir": sys.argv[2], "code_dir": "/none", "program": "", "image": image}, transform._own_names)
def asked(body, kind, accept):
    return alone.answer(Asked(body.encode(), kind, accept)).body.decode()
assert asked("0.1,0.2\\n1,2\\n", "text/csv", "text/csv") == '{\\n    "predictions": [[0.3], [3.0]\\n    ]\\n}', asked("0.1,0.2\\n1,2\\n", "text/csv", "text/csv")
assert asked("[1, 2]\\n[3, 4]\\n", "application/jsonlines", "application/json") == '{    "predictions": [[3.0], [7.0]    ]}'
assert json.loads(asked('{"inputs": [[1, 2]]}', "application/json", None)) == {"outputs": [[3.0]]}
print("equal")
"""


@pytest.mark.long
def test_a_real_saved_model(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        layers = (("tensorflow-cpu==2.21.0", "numpy==2.2.6", "pandas==2.3.3"),)  # those of examples/housing
        python = shared_environment(layers, "import tensorflow", tmp_path_factory)
    except OutsideFailure as failure:
        pytest.skip(f"TensorFlow can't be installed here: {failure}")
    command = [str(python), "-c", REAL, str(Path(transform.__file__).parent), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "equal\n", result.stderr
