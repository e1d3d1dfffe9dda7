"""Batch inference: how files are cut into requests, what handlers get, and what becomes of failures."""

from __future__ import annotations

import ast
import gzip
import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.sandbox import run_job
from tests.engine.environments import shared_environment

PROGRAM = """
import json, os
def model_fn(model_dir):
    with open(os.path.join(model_dir, "calls"), "a") as file:
        file.write("loaded ")
    return {"factor": 2}
def input_fn(body, content_type):
    return body, content_type
def predict_fn(data, model):
    if "bad" in data[0]:
        raise ValueError("bad record")
    return [repr(data[0]), data[1], model["factor"]]
def output_fn(prediction, accept):
    return json.dumps([*prediction, accept])
"""


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    folder = tmp_path / "job" / "ml"
    for name in ("model", "code", "in"):
        (folder / name).mkdir(parents=True)
    return folder


def run(
    ml: Path, files: list[str], program: str = PROGRAM, python: str = sys.executable, **spec: Any
) -> tuple[int, str]:
    """Run the program as the engine does, without namespaces; return the exit code and the log."""
    (ml / "code" / "inference.py").write_text(textwrap.dedent(program))
    content = {
        "model_dir": "/opt/ml/model", "code_dir": "/opt/ml/code", "program": "inference.py",
        "files": [[f"/opt/ml/in/{name}", f"/opt/ml/out/{name}.out"] for name in files],
        "content_type": "text/csv", "accept": "text/csv", **spec,
    }  # fmt: skip
    (ml / "spec.json").write_text(json.dumps(content))
    job = Job(
        name="job", folder=ml.parent, command=("python", transform.__file__, "/opt/ml/spec.json"), environment={},
        python=Path(python), workdir="/opt/ml", timeout=60,
    )  # fmt: skip
    result = run_job(job, stop=threading.Event(), private=False)
    return result.exit_code, job.log.read_text()


def out(ml: Path, name: str) -> bytes:
    return (ml / "out" / f"{name}.out").read_bytes()


def bodies(ml: Path, name: str) -> list[str]:
    """Return what each call of the handlers got, from an output assembled by lines."""
    return [ast.literal_eval(json.loads(line)[0]) for line in out(ml, name).decode().splitlines()]


def test_whole_file_is_one_request(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"1,2\n3,4\n")
    assert run(ml, ["a.csv"]) == (0, "")
    assert json.loads(out(ml, "a.csv")) == [repr("1,2\n3,4\n"), "text/csv", 2, "text/csv"]


def test_single_records(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"1\n2\r\n3")
    run(ml, ["a.csv"], split="Line", strategy="SingleRecord", assemble="Line")
    assert bodies(ml, "a.csv") == ["1\n", "2\r\n", "3"]


@pytest.mark.long
def test_many_records_up_to_the_limit(ml: Path) -> None:
    lines = [bytes([97 + i]) * 400_000 + b"\n" for i in range(6)]
    (ml / "in" / "a.csv").write_bytes(b"".join(lines))
    run(ml, ["a.csv"], split="Line", strategy="MultiRecord", assemble="Line", max_payload_mb=1)
    assert [len(body) for body in bodies(ml, "a.csv")] == [800_002, 800_002, 800_002]


def test_a_record_larger_than_the_limit_fails_its_file_only(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"1\n" + b"x" * 1_100_000)
    (ml / "in" / "b.csv").write_bytes(b"1\n")
    code, log = run(ml, ["a.csv", "b.csv"], split="Line", strategy="SingleRecord", max_payload_mb=1)
    assert code == 1
    assert "a record is larger than MaxPayloadInMB, 1 MB" in log
    assert [path.name for path in (ml / "out").iterdir()] == ["b.csv.out"]


@pytest.mark.long
def test_no_limit(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"x" * 7_000_000)
    assert run(ml, ["a.csv"], max_payload_mb=0)[0] == 0
    assert run(ml, ["a.csv"])[0] == 1


@pytest.mark.long
def test_responses_are_joined(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"1\n2\n")
    program = "def model_fn(d): return 0\ndef transform_fn(m, body, kind, accept): return body.strip() * 2, accept\n"
    run(ml, ["a.csv"], program, split="Line", strategy="SingleRecord")
    assert out(ml, "a.csv") == b"1122"
    run(ml, ["a.csv"], program, split="Line", strategy="SingleRecord", assemble="Line")
    assert out(ml, "a.csv") == b"11\n22\n"
    run(ml, ["a.csv"], program.replace(".strip()", ""), split="Line", strategy="SingleRecord", assemble="Line")
    assert out(ml, "a.csv") == b"1\n1\n2\n2\n"


def test_the_model_is_loaded_once(ml: Path) -> None:
    for name in ("a", "b"):
        (ml / "in" / name).write_bytes(b"1\n2\n")
    run(ml, ["a", "b"], split="Line", strategy="SingleRecord")
    assert (ml / "model" / "calls").read_text() == "loaded "


def test_a_failing_record_is_named(ml: Path) -> None:
    (ml / "in" / "a.csv").write_bytes(b"1\n2\nbad\n4\n")
    (ml / "in" / "b.csv").write_bytes(b"5\n")
    code, log = run(ml, ["a.csv", "b.csv"], split="Line", strategy="SingleRecord")
    assert code == 1
    assert "ValueError: bad record\nthe transform of '/opt/ml/in/a.csv' failed at record 3\n" in log
    assert log.endswith("1 of 2 files failed: /opt/ml/in/a.csv\n")
    assert [path.name for path in (ml / "out").iterdir()] == ["b.csv.out"]


def test_a_failing_model(ml: Path) -> None:
    code, log = run(ml, ["a.csv"], "def model_fn(d): raise OSError('no file')")
    assert code == 1
    assert "OSError: no file\nthe model could not be loaded from '/opt/ml/model' by 'inference.py'" in log


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("x = 1", "has ended with exit code 0 before it answered GET /ping: it defines no handlers"),
        ("def predict_fn(*a): pass", "the program has no 'model_fn'"),
        ("def model_fn(d): return 1", "the program has no 'predict_fn', and the model has no method 'predict'"),
        (
            "def model_fn(d): pass\ndef transform_fn(*a): pass\ndef input_fn(*a): pass",
            "also input_fn: one or the other",
        ),
        (
            "def model_fn(d): return 1\ndef transform_fn(m, b, c, a): return {1, 2}",
            "Unsupported model output data type",
        ),
    ],
)
def test_programs_that_do_not_fit(ml: Path, program: str, message: str) -> None:
    (ml / "in" / "a").write_bytes(b"1\n")
    if "predict" in message:
        program += "\ndef input_fn(body, kind): return body"
    code, log = run(ml, ["a"], program)
    assert code == 1
    assert message in log


def test_handlers_may_take_a_context(ml: Path) -> None:
    (ml / "in" / "a").write_bytes(b"1")
    program = """
        def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
        def transform_fn(model, body, content_type, accept, context):
            return f"{model} {context.system_properties['gpu_id']}"
    """
    assert run(ml, ["a"], program) == (0, "")
    assert out(ml, "a") == b"True None"


def test_the_users_modules_are_not_hidden(ml: Path) -> None:
    for name in ("launch", "transform", "namespaces"):
        (ml / "code" / f"{name}.py").write_text("mine = True\n")
    (ml / "in" / "a").write_bytes(b"1")
    program = """
        import launch, namespaces, transform
        assert launch.mine and namespaces.mine and transform.mine
        def model_fn(d): return 1
        def transform_fn(m, body, kind, accept): return body
    """
    assert run(ml, ["a"], program) == (0, "")


def test_program_inside_the_archive(ml: Path) -> None:
    (ml / "model" / "code" / "deep").mkdir(parents=True)
    (ml / "model" / "code" / "deep" / "serve.py").write_text(PROGRAM)
    (ml / "in" / "a").write_bytes(b"1")
    assert _run_spec(ml, "deep/serve.py") == (0, "")
    assert json.loads(out(ml, "a"))[0] == repr("1")


def _run_spec(ml: Path, program: str) -> tuple[int, str]:
    spec = {"model_dir": str(ml / "model"), "code_dir": str(ml / "none"), "program": program,
            "files": [[str(ml / "in" / "a"), str(ml / "out" / "a.out")]], "content_type": "text/csv"}  # fmt: skip
    (ml / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, transform.__file__, str(ml / "spec.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stderr


@pytest.mark.long
def test_accept_and_content_type(ml: Path) -> None:
    (ml / "in" / "a").write_bytes(b"1")
    program = PROGRAM.replace('"bad" in data[0]', "False")
    run(ml, ["a"], program, content_type=None, accept=None)
    assert json.loads(out(ml, "a")) == [repr(bytearray(b"1")), None, 2, "application/json"]
    run(ml, ["a"], program, content_type="application/json", accept="*/*")
    assert json.loads(out(ml, "a")) == [repr("1"), "application/json", 2, "application/json"]


def test_gzip_and_empty_files(ml: Path) -> None:
    (ml / "in" / "a.gz").write_bytes(gzip.compress(b"1\n2\n"))
    (ml / "in" / "b.gz").write_bytes(gzip.compress(b""))
    assert run(ml, ["a.gz", "b.gz"], compression="Gzip", split="Line", assemble="Line")[0] == 0
    assert bodies(ml, "a.gz") == ["1\n2\n"]
    assert out(ml, "b.gz") == b""


def test_what_is_no_gzip_is_said_without_a_place_in_our_code(ml: Path) -> None:
    packed = gzip.compress(b"".join(b"%d\n" % number for number in range(2000)))
    damaged = [b"1\n2\n", packed[:100], packed[:20] + b"\0\xff\0" + packed[23:], b"\x1f\x8b", packed + b"rest"]
    for number, content in enumerate([packed, *damaged]):
        (ml / "in" / f"{number}.gz").write_bytes(content)
    code, log = run(ml, [f"{number}.gz" for number in range(6)], compression="Gzip", split="Line")
    assert code == 1
    assert [path.name for path in (ml / "out").iterdir()] == ["0.gz.out"]
    assert log.count("CompressionType: this is no gzip, or damaged: ") == len(damaged)
    assert "Traceback" not in log


def test_a_users_fault_is_told_from_the_users_own_code_on(ml: Path) -> None:
    (ml / "in" / "a").write_bytes(b"1\n")
    program = "def model_fn(d): return 0\ndef deep(b): raise KeyError(b)\ndef transform_fn(m, b, c, a): deep(b)\n"
    code, log = run(ml, ["a"], program, retries=0)
    told = log[log.index("Traceback") :]
    assert code == 1
    assert told.splitlines()[1].endswith('inference.py", line 3, in transform_fn')
    assert "engine/inside" not in told
    assert "KeyError: b'1\\n'" in told or "KeyError: '1\\n'" in told
    log = run(ml, ["a"], "def model_fn(d) return 0\n")[1]
    assert "SyntaxError" in log
    assert "engine/inside" not in log
    assert "importlib" not in log


@pytest.mark.long
@pytest.mark.skipif(not private_mounts_available(), reason="no unprivileged namespaces")
def test_in_a_private_opt_ml(ml: Path) -> None:
    (ml / "in" / "a").write_bytes(b"1\n")
    run(ml, ["a"])
    (ml / "out" / "a.out").unlink()
    job = Job(
        name="job", folder=ml.parent, command=("python", transform.__file__, "/opt/ml/spec.json"), environment={},
        python=Path(sys.executable), workdir="/opt/ml", timeout=60,
    )  # fmt: skip
    assert run_job(job, stop=threading.Event(), private=True).exit_code == 0
    assert out(ml, "a").startswith(b"[")


@pytest.mark.long
def test_a_real_model(ml: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    layers = (
        (
            "numpy==2.2.6; python_version < '3.14'",
            "numpy==2.3.5; python_version >= '3.14'",
            "pandas==2.3.3",
            "scikit-learn==1.7.2",
        ),
    )
    python = shared_environment(layers, "import pandas, sklearn", tmp_path_factory)
    (ml / "in" / "a.csv").write_bytes(b"1,2\n3,4\n5,6\n")
    program = """
        class Sum:
            def predict(self, data): return data.sum(axis=1)
        def model_fn(model_dir): return Sum()
    """
    code, log = run(ml, ["a.csv"], program, str(python), split="Line", assemble="Line")
    assert (code, log) == (0, "")
    assert out(ml, "a.csv") == b"3\n7\n11\n"
