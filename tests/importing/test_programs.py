"""Programs that build a pipeline with the SDK: run apart from this machine, up to where they would make it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.importing.importing import import_definition
from pipeline_builder.importing.programs import Asked, Built, run_program, with_own_role
from tests.definition.oracle.environment import FOLDER
from tests.importing.definitions import composed_from

pytestmark = pytest.mark.long
BUILD = """\
import os
import sagemaker
from sagemaker.processing import ScriptProcessor
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import ProcessingStep

def build(name, role):
    session, word = PipelineSession(), ParameterString(name="Word", default_value="hello")
    processor = ScriptProcessor(
        image_uri="image:1", command=["python3"], role=role, instance_count=1, instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "say.py")
    step = ProcessingStep(name="Say", step_args=processor.run(code=script, arguments=[word]))
    return Pipeline(name=name, parameters=[word], steps=[step], sagemaker_session=session)

"""
TOP = """\
role = sagemaker.get_execution_role()
pipeline = build("at-the-top", role)
if __name__ == "__main__":
    pipeline.upsert(role_arn=role)
    raise SystemExit("it was made")
"""
FUNCTION = """\
def get_pipeline(region, role, default_bucket, pipeline_name="of-a-function"):
    assert (region, default_bucket) == ("eu-west-1", "mine")
    return build(pipeline_name, role)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state whose environments outlive the test."""
    folder = tmp_path / "state"
    folder.mkdir()
    FOLDER.mkdir(exist_ok=True)
    (folder / "envs").symlink_to(FOLDER)
    return folder


def run(state: Path, program: str, function: str = "") -> Built:
    folder = state.parent / "program"
    folder.mkdir(exist_ok=True)
    (folder / "say.py").write_text("import sys\n\nprint(sys.argv)\n")
    (folder / "pipeline.py").write_text(program)
    asked = Asked(
        path=folder / "pipeline.py", function=function, version=2, pipeline="", region="eu-west-1", bucket="mine"
    )
    return run_program(asked, state, say=lambda _: None)


def test_a_pipeline_at_the_top_of_a_program(state: Path, tmp_path: Path) -> None:
    built = run(state, BUILD + TOP)
    assert built.given.name == "at-the-top"
    ((address, content),) = built.uploads.items()
    assert address.startswith("s3://mine/uploads/")
    assert content == b"import sys\n\nprint(sys.argv)\n"
    done = with_own_role(import_definition(built.given, name="", model=""))
    assert (done.problems, done.text.count("RoleArn: SMP_ROLE")) == ((), 1)
    (step,) = composed_from(tmp_path / "out", done)["Steps"]
    assert step["Arguments"]["RoleArn"] == "arn:aws:iam::000000000000:role/local"
    assert json.dumps(step).count(address) == 1


def test_a_pipeline_of_a_function(state: Path) -> None:
    assert run(state, BUILD + FUNCTION).given.name == "of-a-function"


WRONG = {
    "several": (BUILD + 'a, b = build("a", "r"), build("b", "r")\n', "", "builds several pipelines: 'a', 'b'"),
    "the network": ("import socket\nsocket.create_connection(('192.0.2.1', 80), 5)\n", "", "unreachable"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_comes_to_no_pipeline(state: Path, name: str) -> None:
    program, function, words = WRONG[name]
    with pytest.raises(InputProblems) as refused:
        run(state, program, function)
    assert [problem.id for problem in refused.value.problems] == ["PB940"]
    assert words in refused.value.problems[0].message
