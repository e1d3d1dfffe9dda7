"""What an entry point is told to be by its text, and which of AWS's images an address is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.engine.inside.serving.images import (
    HUGGINGFACE,
    MXNET,
    OWN,
    PYTORCH,
    SKLEARN,
    TENSORFLOW,
    XGBOOST,
    image_of,
)
from pipeline_builder.engine.inside.serving.programs import (
    APPLICATION,
    HANDLERS,
    SERVER,
    SERVICE,
    application_of,
    kind_of,
)

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "image"),
    [
        ("246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3", SKLEARN),
        (f"{ECR}/sagemaker-xgboost:1.7-1", XGBOOST),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", XGBOOST),
        (f"{ECR}/tensorflow-inference:2.11-cpu", TENSORFLOW),
        (f"{ECR}/tensorflow-inference-graviton:2.9.1-cpu", TENSORFLOW),
        (f"{ECR}/pytorch-inference:2.1-gpu-py310", PYTORCH),
        (f"{ECR}/huggingface-pytorch-inference:2.1-transformers4.37-cpu-py310-ubuntu22.04", HUGGINGFACE),
        (f"{ECR}/mxnet-inference:1.9.0-cpu-py38", MXNET),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference@sha256:" + "0" * 64, PYTORCH),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/my-pytorch-inference:1", OWN),
        ("refer-docs/docker-image", OWN),
        (f"{ECR}/huggingface-pytorch-tgi-inference:2.1", OWN),
        ("", OWN),
    ],
)
def test_images(uri: str, image: str) -> None:
    assert image_of(uri) == image


FLASK = "from flask import Flask\napp = Flask(__name__)\n@app.route('/ping')\ndef ping(): return ''\n"
MMS = "_service = S()\ndef handle(data, context):\n    return []\n"
START = "import sys\nfrom sagemaker_inference import model_server\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("def model_fn(model_dir): pass\n", HANDLERS),
        ("async def transform_fn(m, b, c, a): pass\n", HANDLERS),
        ("from mine import (\n    model_fn,\n    predict_fn,\n)\n", HANDLERS),
        ("from mine import predict_fn as other\n", HANDLERS),
        ("predict_fn = lambda data, model: 1\n", HANDLERS),
        ("def input_handler(d, c): pass\ndef output_handler(r, c): pass\n", HANDLERS),
        ("def model_fn(d): pass\nif __name__ == '__main__':\n    train(argparse)\n", HANDLERS),
        (MMS, SERVICE),
        (
            "class Handler:\n    def initialize(self, context): pass\n\n    def handle(self, data, context): pass\n",
            SERVICE,
        ),
        (MMS + "if __name__ == '__main__':\n    print(handle([], None))\n", SERVICE),
        (MMS + START + "if __name__ == '__main__':\n    model_server.start_model_server('x')\n", SERVER),
        (START + "def main():\n    if sys.argv[1] == 'serve': model_server.start_model_server()\nmain()\n", SERVER),
        ("import logging\nhandler = logging.StreamHandler()\nif __name__ == '__main__':\n    serve()\n", SERVER),
        ('"""Not this:\ndef model_fn(d): pass\n"""\nif __name__ == "__main__":\n    main()\n', SERVER),
        ("# def model_fn(d): pass\nmain()\n", SERVER),
        (FLASK, APPLICATION),
        (FLASK + "if __name__ == '__main__':\n    app.run(port=8080)\n", SERVER),
        (FLASK + "app.run(host='0.0.0.0', port=8080)\n", SERVER),
        ("x = 1\n", SERVER),
        ("", SERVER),
    ],
)
def test_entry_points(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "entry.py"
    path.write_text(text)
    assert kind_of(path) == kind


def test_files_that_are_not_pythons(tmp_path: Path) -> None:
    path = tmp_path / "serve"
    path.write_text("#!/bin/bash\ndef model_fn(d): pass\n")
    assert kind_of(path) == SERVER
    path.write_text("#!/usr/bin/env python\ndef model_fn(d): pass\n")
    assert kind_of(path) == HANDLERS


def test_an_application_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "web.py"
    path.write_text("import fastapi\n\nserver: fastapi.FastAPI = fastapi.FastAPI(title='x')\n")
    assert application_of(path) == ("server", "FastAPI")


def test_a_hostile_text_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "entry.py"
    path.write_text("class A:\n" * 30_000 + "'''" * 30_001 + "\nfrom a import (" * 20_000 + "\n" + "a." * 200_000)
    assert kind_of(path) == SERVER
