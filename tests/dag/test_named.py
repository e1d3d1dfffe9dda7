"""Files that are named by their content: found in a definition, and looked at."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from pipeline_builder.dag.named import content_sha256, named_files, names_in
from tests.places import ROOT

GOLDEN = ROOT / "tests" / "golden"
TAR = b"not really a tar"
CODE = f"s3://b/p/code/{hashlib.sha256(TAR).hexdigest()}/sourcedir.tar.gz"


def test_every_bundle_of_a_definition_is_found_with_its_steps() -> None:
    found = named_files((GOLDEN / "tiny.json").read_bytes())
    assert {file.uri.split("/")[-3:][0] for file in found} == {"code"}
    steps = {step for file in found for step in file.steps}
    assert steps == {"churn-Preprocess", "churn-Train", "churn-CreateModel", "churn-Metrics", "churn-Register"}
    assert all(len(file.sha256) == 64 for file in found)


def test_lists_of_files_are_named_so_too_also_within_conditions() -> None:
    several = named_files((GOLDEN / "several-files-in-a-channel.json").read_bytes())
    assert any("/manifests/" in file.uri for file in several)
    gated = named_files((GOLDEN / "gate.json").read_bytes())
    assert "churn-Register" in {step for file in gated for step in file.steps}


@pytest.mark.parametrize("text", ["s3://b/p/code/short/sourcedir.tar.gz", f"s3://b/{'a' * 64}/model.tar.gz", "code"])
def test_other_addresses_are_none(text: str) -> None:
    assert names_in(json.dumps({"S3Uri": text})) == ()


def test_an_address_within_a_text_of_json() -> None:
    assert names_in(json.dumps({"sagemaker_submit_directory": json.dumps(CODE)})) == (CODE,)


@pytest.mark.parametrize("level", [1, 6, 9])
def test_the_name_is_of_what_is_packed(level: int, tmp_path: Path) -> None:
    path = tmp_path / "sourcedir.tar.gz"
    path.write_bytes(gzip.compress(TAR, level))
    assert content_sha256(path, CODE) == CODE.split("/")[-2]


@pytest.mark.parametrize(
    "content",
    [b"", b"plain", gzip.compress(TAR, mtime=0)[:-9], gzip.compress(TAR, mtime=0)[:-1] + b"x"],
    ids=["empty", "plain", "cut", "damaged"],
)
def test_what_cant_be_unpacked_is_nobodys_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sourcedir.tar.gz"
    path.write_bytes(content)
    assert content_sha256(path, CODE) in ("", hashlib.sha256(b"").hexdigest())
