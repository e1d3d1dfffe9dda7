"""From a conf to a promoted model whose container is a server program, or TensorFlow Serving without a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.inside.tensorflow_stub import TENSORFLOW
from tests.tiny import EVALUATE, TRAIN, variant
from tests.workspaces import MANIFEST, Workspace, make_workspace

SERVING = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-inference:2.11-cpu"
# As AWS's example of a container with the multi-model server has it, written anew.
ENTRY = """\
import shlex
import subprocess
import sys

from sagemaker_inference import model_server


def main():
    if sys.argv[1] == "serve":
        model_server.start_model_server(handler_service="/home/model-server/model_handler.py:handle")
    else:
        subprocess.check_call(shlex.split(" ".join(sys.argv[1:])))


main()
"""
HANDLER = """\
from pathlib import Path


class ModelHandler:
    def __init__(self):
        self.mean = None

    def initialize(self, context):
        self.mean = float(Path(context.system_properties.get("model_dir"), "mean.txt").read_text())

    def handle(self, data, context):
        return ["\\n".join(str(float(row) - self.mean) for row in data[0]["body"].decode().split())]


_service = ModelHandler()


def handle(data, context):
    if _service.mean is None:
        _service.initialize(context)
    return _service.handle(data, context) if data is not None else None
"""
SAVED = f"""
for name, text in {{"stub/tensorflow.py": {TENSORFLOW!r}, "price/1/saved_model.pb": '{{"factor": 2}}'}}.items():
    path = Path(os.environ["SM_MODEL_DIR"], name)
    path.parent.mkdir(parents=True)
    path.write_text(text)
"""
PREDICTIONS = EVALUATE.replace(
    '[float(row) for row in (base / "input/churn-Transform-predictions/test.csv.out").read_text().split()]',
    '[row[0] for row in json.loads((base / "input/churn-Transform-predictions/test.csv.out").read_text())["predictions"]]',
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path, manifest=MANIFEST)


@pytest.mark.long
@pytest.mark.parametrize("repack", ["True", "False"])
def test_a_server_program(workspace: Workspace, repack: str) -> None:
    """It is in the model's archive, or outside of it: an image of one's own takes it from where it is named."""
    workspace.push("scripts/model_handler.py", HANDLER)
    workspace.push("scripts/entry.py", ENTRY)
    given = 'ModelRepack: "False"', f'ModelRepack: "{repack}"'
    conf = variant(("entry_point: inference.py", "entry_point: entry.py"), given)
    workspace.push("conf/conf.yaml", conf)
    ended = workspace.call("up", "--approve")
    assert (ended.code, "tiny-churn version 1 (Approved" in ended.out) == (0, True), ended.err


@pytest.mark.long
def test_tensorflow_serving_without_a_program(workspace: Workspace) -> None:
    """The entry point stays outside of the archive, where the image doesn't look: it answers by itself."""
    assert PREDICTIONS != EVALUATE
    workspace.push("scripts/inference.py", "raise SystemExit('never imported')\n")
    workspace.push("scripts/train.py", TRAIN + SAVED)
    workspace.push("scripts/evaluate.py", PREDICTIONS)
    (workspace.root / "data" / "numbers.csv").write_text("1\n2\n3\n4,1\n5,1\n6,1\n")
    changes = (
        ("      registry:\n        ModelRepack: \"False\"\n        InferenceSpecification:\n          image_uri: example.com/tiny:1",
         f"      registry:\n        ModelRepack: \"False\"\n        InferenceSpecification:\n          image_uri: {SERVING}"),
        ("channels: test\n        split_type: Line\n        assemble_with: Line",
         "channels: test\n        accept: application/json\n        env: {PYTHONPATH: /opt/ml/model/stub}"),
    )  # fmt: skip
    workspace.push("conf/conf.yaml", variant(*changes))
    ended = workspace.call("up", "--approve")
    assert (ended.code, "tiny-churn version 1 (Approved" in ended.out) == (0, True), ended.err
    (log,) = workspace.root.glob(".pipeline_builder/jobs/*/churn-Transform/log.txt")
    assert "it answers without 'inference.py'" in log.read_text()


def test_a_program_where_the_image_does_not_look_is_said_before_anything_runs(workspace: Workspace) -> None:
    images = (
        "          image_uri: example.com/tiny:1\n  sagemakerPipeline",
        f"          image_uri: {SERVING}\n  sagemakerPipeline",
    )
    workspace.push("conf/conf.yaml", variant(images))
    assert workspace.call("checkout").code == 0
    ended = workspace.call("validate")
    assert ended.code == 0, ended.err
    assert (
        "warning PB585 the image for TensorFlow Serving looks for its program in the model's archive only" in ended.err
    )
