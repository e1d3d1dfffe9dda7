"""Stand-ins for packages of AWS's images: what XGBoost's container has for training scripts, and what is said else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_builder.engine.jobs.standins import STANDINS, explain_absent, put_standins
from tests.places import ROOT

# Stands for numpy, scipy and xgboost, as far as matrices are made with them.
FAKES = {
    "numpy.py": """
        import builtins
        class Table(list):
            def __getitem__(self, at):
                if isinstance(at, tuple):
                    rows, columns = at
                    return Table(row[columns] for row in list.__getitem__(self, rows))
                return list.__getitem__(self, at)
            def astype(self, kind): return Table([kind(value) for value in row] for row in self)
        array = Table
        def genfromtxt(file, delimiter):
            return Table([builtins.float(word) for word in line.split(delimiter)] for line in open(file))
        def atleast_2d(table): return table
        def asarray(values, dtype): return Table(map(dtype, values))
        def concatenate(parts): return Table(row for part in parts for row in part)
        """,
    "scipy/__init__.py": "",
    "scipy/sparse.py": "def csr_matrix(content, shape): return [*map(list, (content[0], *content[1])), list(shape)]",
    "xgboost.py": """
        def DMatrix(data, label=None, weight=None): return {"data": data, "label": label, "weight": weight}
        """,
}
TRAIN = """
import json, sys
from sagemaker_xgboost_container.data_utils import get_content_type, get_dmatrix
from sagemaker_xgboost_container import distributed
print(json.dumps(get_dmatrix(sys.argv[1], *json.loads(sys.argv[2]))))
distributed.rabit_run(exec_fun=lambda **given: print(json.dumps(given)), args={"depth": 3}, include_in_training=True,
                      hosts=["algo-1"], current_host="algo-1", update_rabit_args=True)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import textwrap

    folder = tmp_path_factory.mktemp("environment")
    put_standins(folder)
    for name, text in FAKES.items():
        path = folder / STANDINS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder / STANDINS


@pytest.mark.parametrize(
    ("files", "asked", "expected"),
    [
        (
            {"a.csv": "1,2,3\n0,4,5\n", "deep/b.csv": "1,6,7\n"},
            ["csv"],
            {"data": [[2, 3], [4, 5], [6, 7]], "label": [1, 0, 1], "weight": None},
        ),
        (
            {"a.csv": "1,0.5,3\n0,0.1,5\n"},
            ["text/csv; charset=utf-8", 1],
            {"data": [[3], [5]], "label": [1, 0], "weight": [0.5, 0.1]},
        ),
        (
            {"a.libsvm": "1 1:2 3:4  # a comment\n0 2:5\n\n"},
            ["libsvm"],
            {"data": [[2, 4, 5], [0, 0, 1], [1, 3, 2], [2, 4]], "label": [1, 0], "weight": None},
        ),
    ],
)
def test_matrices_and_one_machine(
    tmp_path: Path, packages: Path, files: dict[str, str], asked: list[object], expected: dict[str, object]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-c", TRAIN, str(tmp_path), json.dumps(asked)]
    ended = subprocess.run(command, env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True)
    matrix, called = map(json.loads, ended.stdout.splitlines())
    assert matrix == expected
    assert called == {"depth": 3, "is_master": True}


def test_a_folder_without_files_has_no_matrix(tmp_path: Path, packages: Path) -> None:
    command = [sys.executable, "-c", TRAIN, str(tmp_path), '["csv"]']
    ended = subprocess.run(command, env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[0] == "null"


ENCODE = """
import json, sys
if "offered" in sys.argv:
    from pipeline_builder.engine.inside.serving import packages
    packages.offer()
import sagemaker_xgboost_container.encoder as xgb_encoders
from sagemaker_xgboost_container.constants import xgb_content_types
print(xgb_encoders.json_to_jsonlines({"predictions": [{"score": 1}, 2]}).decode(), end="")
print(json.dumps(xgb_encoders.decode("1,2\\n3,\\n".strip("\\n"), "text/csv; charset=utf-8")))
xgb_encoders.decode(b"x", xgb_content_types.X_PARQUET)
"""


def test_handlers_decode_with_the_encoder_of_xgboost_s_image(packages: Path) -> None:
    command = [sys.executable, "-c", ENCODE, "offered"]
    path = {"PYTHONPATH": f"{packages}:{ROOT}"}
    ended = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
    entry, number, matrix = ended.stdout.splitlines()
    assert (entry, number) == ('{"score": 1}', "2")
    assert json.loads(matrix.replace("NaN", "0"))["data"] == [[1, 2], [3, 0]]
    assert "UnsupportedFormatError" in ended.stderr.splitlines()[-1]


def test_a_training_script_may_import_the_encoder(packages: Path) -> None:
    command, path = [sys.executable, "-S", "-c", ENCODE], {"PYTHONPATH": str(packages)}
    ended = subprocess.run(command, cwd=packages, env=path, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == ['{"score": 1}', "2"]
    assert "in a model's container only" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("ModuleNotFoundError: No module named 'smdebug'", "add 'smdebug' to the requirements"),
        ("x\nModuleNotFoundError: No module named 'smdistributed.modelparallel'\n", "'smdistributed.modelparallel'"),
        ("ModuleNotFoundError: No module named 'sagemaker_tensorflow'", "runs on AWS only"),
        ("ModuleNotFoundError: No module named 'pandas'", ""),
        ("it said: No module named 'smdebug'", ""),
        ("/usr/bin/env: \u2018python3.9\u2019: No such file or directory\n", 'python: "3.9"'),
        ("/usr/bin/env: 'python3.12': No such file or directory", 'python: "3.12"'),
        ("sh: 1: python3.8: not found", 'python: "3.8"'),
        ("bash: line 1: python3.10: command not found", 'python: "3.10"'),
        ("/usr/bin/env: 'Rscript': No such file or directory", ""),
        ("I looked for python3.9 and it is not found", ""),
    ],
)
def test_what_is_said_of_a_package_that_is_missing(said: str, part: str) -> None:
    found = explain_absent(said)
    assert part in found
    assert bool(part) == bool(found)
