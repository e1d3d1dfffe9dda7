"""What a step's environment is made of: its image's packages, and the requirements beside its code."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.document.document import Step
from pipeline_builder.engine.jobs.packages import layers_of
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.errors import InputProblems
from tests.engine.archives import archive

IMAGES = (("image:*", ("six==1.17.0",)),)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))


def transform(directory: str) -> tuple[Step, dict[str, Any]]:
    environment = {"SAGEMAKER_SUBMIT_DIRECTORY": directory}
    container = {"Image": "image:1", "ModelDataUrl": "s3://b/model.tar.gz", "Environment": environment}
    step = Step(name="t", type="Transform", arguments={}, before=())
    return step, {"Model": {"PrimaryContainer": container}}


@pytest.mark.parametrize("name", ["code/requirements.txt", "./code/requirements.txt"])
def test_a_repacked_model_brings_its_requirements(store: LocalStore, name: str) -> None:
    store.put("s3://b/model.tar.gz", archive(**{name: "idna\n", "requirements.txt": "not these\n"}))
    assert layers_of(*transform("/opt/ml/model/code"), IMAGES, store) == (("six==1.17.0",), ("idna",))


def test_code_outside_of_the_model(store: LocalStore) -> None:
    store.put("s3://b/model.tar.gz", archive(**{"code/requirements.txt": "not these\n"}))
    store.put("s3://b/code/sourcedir.tar.gz", archive(**{"requirements.txt": "idna\n"}))
    assert layers_of(*transform("s3://b/code/sourcedir.tar.gz"), IMAGES, store)[1] == ("idna",)


@pytest.mark.parametrize(
    ("image", "directory"),
    [("image:1", ""), ("1.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1", "s3://b/code/sourcedir.tar.gz")],
)
def test_images_that_look_in_the_archive(store: LocalStore, image: str, directory: str) -> None:
    """Toolkits install what is beside the program of the archive, whatever the variables say."""
    store.put("s3://b/model.tar.gz", archive(**{"code/requirements.txt": "idna\n"}))
    store.put("s3://b/code/sourcedir.tar.gz", archive(**{"requirements.txt": "not these\n"}))
    step, request = transform(directory)
    request["Model"]["PrimaryContainer"]["Image"] = image
    assert layers_of(step, request, (), store) == (("idna",),)


def test_what_is_not_there(store: LocalStore) -> None:
    with pytest.raises(InputProblems, match="PB523"):
        layers_of(*transform("/opt/ml/model/code"), IMAGES, store)
    with pytest.raises(InputProblems, match="PB522"):
        layers_of(*transform("s3://b/code"), IMAGES, store)


def test_requirements_as_editors_on_other_systems_write_them(store: LocalStore) -> None:
    store.put("s3://b/code/sourcedir.tar.gz", archive(**{"requirements.txt": "\ufeffpandas\r\nnumpy\n"}))
    assert layers_of(*transform("s3://b/code"), IMAGES, store)[1] == ("pandas", "numpy")
    store.put("s3://b/code/sourcedir.tar.gz", archive(other=""))
    assert layers_of(*transform("s3://b/code"), IMAGES, store) == (("six==1.17.0",),)


def test_requirements_that_are_a_link_are_refused(store: LocalStore) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("requirements.txt")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    store.put("s3://b/code/sourcedir.tar.gz", buffer.getvalue())
    with pytest.raises(InputProblems, match="PB525"):
        layers_of(*transform("s3://b/code"), IMAGES, store)
