"""What factories say and upload, which nobody trusts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.sdk import uploads as module
from pipeline_builder.sdk.answers import MOST, Failure, WrongAnswerError, read_answer
from pipeline_builder.sdk.uploads import Uploads

BASE = "s3://local/tiny"


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


WRONG: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "another thing": b"[]",
    "a number": b"7",
    "steps and failure": b'{"failed": {"kind": "raised"}}',
    "an unknown kind": b'{"failed": {"kind": "x", "text": "", "file": "", "line": 0}}',
    "steps that are none": b'{"steps": "all"}',
    "a step that is none": b'{"steps": [1]}',
    "no name": b'{"steps": [{"Type": "Processing"}]}',
    "a name that is none": b'{"steps": [{"Type": "Processing", "Name": 1}]}',
    "arguments that are none": b'{"steps": [{"Type": "Fail", "Name": "a", "Arguments": []}]}',
    "a dependency that is none": b'{"steps": [{"Type": "Fail", "Name": "a", "DependsOn": [1]}]}',
    "a trigger that is none": b'{"steps": [{"Type": "Fail", "Name": "a", "DependsOn": [{"Step": "b", "Trigger": "x"}]}]}',
    "dependencies that are none": b'{"steps": [{"Type": "Fail", "Name": "a", "DependsOn": "b"}]}',
    "no number": b'{"steps": [{"Type": "Fail", "Name": "a", "Arguments": {"a": NaN}}]}',
    "half a character": b'{"steps": [{"Type": "Fail", "Name": "\\ud800"}]}',
    "too deep": json.dumps({"steps": [{"Type": "Fail", "Name": "a", "Arguments": {"a": deep(80)}}]}).encode(),
    "deeper": b'{"steps": [{"Type": "Fail", "Name": "a", "Arguments": {"a": ' + b"[" * 700 + b"]" * 700 + b"}}]}",
    "a number that is too large": b'{"steps": [{"Type": "Fail", "Name": "a", "Arguments": {"a": 1e999}}]}',
    "far too deep": b"[" * 100_000,
    "too large": b" " * (MOST + 1),
    "too many": json.dumps({"steps": [{"Type": "Fail", "Name": "a"}] * 1001}).encode(),
    "a long number": b'{"steps": [' + b"9" * 10_000 + b"]}",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_answers(case: str) -> None:
    with pytest.raises(WrongAnswerError):
        read_answer(WRONG[case])


def test_right_answers() -> None:
    step = {"Type": "Fail", "Name": "a", "DependsOn": ["b", {"Step": "c", "Trigger": "Failed"}]}
    assert read_answer(json.dumps({"steps": [step]}).encode()) == [{**step, "Arguments": {}}]
    failure = {"kind": "raised", "text": "x" * 9999, "file": "a.py", "line": 3}
    assert read_answer(json.dumps({"failed": failure}).encode()) == Failure("raised", "x" * 4000, "a.py", 3)


def archive(time: int, *names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid = 1, time, time
            file.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


def uploaded(folder: Path, **objects: bytes) -> Uploads:
    found = {}
    for number, (name, content) in enumerate(objects.items()):
        key = f"tiny/churn/{name.replace('__', '/').replace('_', '.')}"
        found[key] = folder / f"{number}-{key.rsplit('/', 1)[-1]}"
        found[key].write_bytes(content)
    return Uploads(bucket="local", base=BASE, objects=found)


def test_uploads_are_named_by_their_content(tmp_path: Path) -> None:
    uploads = uploaded(tmp_path, a__run_py=b"print()", job__src__b_py=b"b", job__src__c_py=b"c", left_py=b"")
    digest = hashlib.sha256(b"print()").hexdigest()
    step = {
        "Code": "s3://local/tiny/churn/a/run.py",
        "HyperParameters": {"where": '"s3://local/tiny/churn/a/run.py"'},
        "Inputs": ["s3://local/tiny/churn/job/src", "s3://local/tiny/churn/job/src/", "s3://local/tiny/churn/other", "s3://others/a"],
        "OutputDataConfig": {"S3OutputPath": "s3://local/tiny/churn/job"},
    }  # fmt: skip
    found = uploads.rewritten(step)
    address = f"{BASE}/code/{digest}/run.py"
    assert (found["Code"], found["HyperParameters"]["where"]) == (address, f'"{address}"')
    folder = found["Inputs"][0]
    assert folder.startswith(f"{BASE}/code/folder-")
    assert found["Inputs"][1:] == [f"{folder}/", "s3://local/tiny/churn/other", "s3://others/a"]
    assert found["OutputDataConfig"] == step["OutputDataConfig"]
    assert uploads.files == {address: b"print()", f"{folder}/b.py": b"b", f"{folder}/c.py": b"c"}


def test_archives_are_the_same_whenever_they_were_packed(tmp_path: Path) -> None:
    found = []
    for number, content in enumerate((archive(1, "b", "a"), archive(2, "a", "b"))):
        (tmp_path / str(number)).mkdir()
        uploads = uploaded(tmp_path / str(number), x__sourcedir_tar_gz=content)
        found.append((uploads.rewritten("s3://local/tiny/churn/x/sourcedir.tar.gz"), uploads.files))
    assert found[0] == found[1]
    ((uri, content),) = found[0][1].items()
    assert uri == found[0][0] == f"{BASE}/code/{hashlib.sha256(gzip.decompress(content)).hexdigest()}/sourcedir.tar.gz"


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    for content in (b"no archive", gzip.compress(b"no tar"), archive(1, "a")[:30]):
        with pytest.raises(InputProblems) as caught:
            uploaded(tmp_path, x_tar_gz=content).rewritten("s3://local/tiny/churn/x.tar.gz")
        assert [problem.id for problem in caught.value.problems] == ["PB925"]


def test_zeros_that_an_archive_only_says_it_has_are_counted(tmp_path: Path) -> None:
    out, sparse = io.BytesIO(), tarfile.TarInfo("a")
    sparse.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(module.MOST + 1)}
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as file:
        file.addfile(sparse)
    assert len(out.getvalue()) < 1000
    with pytest.raises(InputProblems, match="more than 64 MB"):
        uploaded(tmp_path, x_tar_gz=out.getvalue()).rewritten("s3://local/tiny/churn/x.tar.gz")
    torn = tarfile.TarInfo("a")
    torn.pax_headers = {"GNU.sparse.map": "a,b"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as file:
        file.addfile(torn)
    with pytest.raises(InputProblems, match="is no archive"):
        uploaded(tmp_path, x_tar_gz=out.getvalue()).rewritten("s3://local/tiny/churn/x.tar.gz")


def test_too_much_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    for name, content in {"a.bin": bytes(2000), "b.tar.gz": gzip.compress(bytes(2000))}.items():
        uploads = uploaded(tmp_path, **{name.replace(".", "_"): content})
        with pytest.raises(InputProblems) as caught:
            uploads.rewritten(f"s3://local/tiny/churn/{name}")
        assert [problem.id for problem in caught.value.problems] == ["PB925"]
