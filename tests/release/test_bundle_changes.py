"""What differs in the code behind a changed step: which files, how, and what of them is never shown."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.bundle import Bundle, Bundler
from pipeline_builder.definition.composed import Definition
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.release.bundle_changes import HIDDEN_LINE, MOST_FILES, MOST_LINES, CodeChange, code_changes
from pipeline_builder.release.bundle_reading import SMALL


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))


def bundle(folder: Path, **files: str | bytes) -> Bundle:
    folder.mkdir(parents=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Bundler().bundle(folder, entry_point="train.py")


def address(sha256: str) -> str:
    return f"s3://local/code/{sha256}/sourcedir.tar.gz"


def put(store: LocalStore, one: Bundle) -> str:
    packed = io.BytesIO()
    one.write(packed)
    store.put(address(one.sha256), packed.getvalue())
    return address(one.sha256)


def step(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {"HyperParameters": {"code": json.dumps(code)}, **more}}


def content(*steps: dict[str, Any]) -> bytes:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps)}).encode()


def definition(*steps: dict[str, Any], **bundles: Bundle) -> Definition:
    made = content(*steps)
    return Definition(
        pipeline="p", content=made, sha256=hashlib.sha256(made).hexdigest(), manifests={}, owners={}, groups={},
        bundles={address(one.sha256): one for one in bundles.values()}, commit_parameters={},
        repositories={str(one["Name"]): "churn" for one in steps},
    )  # fmt: skip


def compare(store: LocalStore, old: Bundle, new: Bundle, **more: Any) -> CodeChange:
    before = content(step("a", address(old.sha256)), step("b", address(old.sha256)))
    now = definition(step("a", address(new.sha256)), step("b", address(new.sha256)), new=new)
    (found,) = code_changes(before, now, store, **more)
    return found


def test_the_files_of_a_changed_bundle_are_told_with_their_differences(tmp_path: Path, store: LocalStore) -> None:
    old = bundle(
        tmp_path / "old", train_dot_py="import os\nRATE = 1\nprint(RATE)\n", gone_dot_py="x\n", same_dot_py="s"
    )
    new = bundle(
        tmp_path / "new" / "scripts", train_dot_py="import os\nRATE = 2\nprint(RATE)\n", lib__more_dot_py="y\n",
        same_dot_py="s",
    )  # fmt: skip
    put(store, old)
    found = compare(store, old, new, folders={"churn": str(tmp_path / "new")})
    assert (found.steps, found.repository, found.folder, found.unknown) == (("a", "b"), "churn", "scripts", "")
    assert [(one.path, one.kind, one.before, one.after) for one in found.files] == [
        ("gone.py", "removed", 2, None),
        ("lib/more.py", "added", None, 2),
        ("train.py", "changed", 31, 31),
    ]
    assert found.files[2].lines == ("@@ -1,3 +1,3 @@", " import os", "-RATE = 1", "+RATE = 2", " print(RATE)")
    assert (found.files[2].added, found.files[2].removed) == (1, 1)
    assert found.files[1].lines == ("@@ -0,0 +1 @@", "+y")


def test_what_has_no_text_to_show_says_why(tmp_path: Path, store: LocalStore) -> None:
    old = bundle(
        tmp_path / "old", model_dot_bin=b"\0old", latin_dot_txt=b"\xe9", ends_dot_txt="a\r\nb\r\n", big_dot_txt=""
    )
    new = bundle(tmp_path / "new", model_dot_bin=b"\0new", latin_dot_txt=b"\xe8", ends_dot_txt="a\nb\n",
                 big_dot_txt="x" * (SMALL + 1), long_dot_txt="x\n" * 6000)  # fmt: skip
    put(store, old)
    assert {one.path: (one.why, one.lines) for one in compare(store, old, new).files} == {
        "big.txt": ("it is too large", ()),
        "ends.txt": ("only the ends of its lines differ", ()),
        "latin.txt": ("it is binary", ()),
        "long.txt": ("it has too many lines", ()),
        "model.bin": ("it is binary", ()),
    }


def test_no_secret_is_shown(tmp_path: Path, store: LocalStore) -> None:
    old = bundle(tmp_path / "old", train_dot_py="a = 1\n")
    new = bundle(
        tmp_path / "new",
        train_dot_py='a = 1\nAPI_KEY = "hunter2hunter2"\nurl = "https://me:hunter2@example.com"\n# AKIAABCDEFGHIJKLMNOP\n',
        server_dot_pem="hunter2",
        prod_dot_env="PASSWORD=hunter2",
        notes_dot_txt="-----BEGIN RSA PRIVATE KEY-----\nhunter2\n",
    )
    put(store, old)
    files = {one.path: one for one in compare(store, old, new).files}
    assert files["train.py"].lines[1:] == (" a = 1", *[f"+{HIDDEN_LINE}"] * 3)
    assert files["server.pem"].why == files["prod.env"].why == "its name says that it may hold secrets"
    assert files["notes.txt"].why == "it holds a private key"
    assert "hunter2" not in repr(files)
    assert "AKIA" not in repr(files)


@pytest.mark.long
def test_what_is_shown_is_inert_and_bounded(tmp_path: Path, store: LocalStore) -> None:
    old = bundle(tmp_path / "old", train_dot_py="")
    many = {f"f{number:03}_dot_py": "x\n" for number in range(MOST_FILES + 5)}
    new = bundle(tmp_path / "new", train_dot_py="\x1b[31mred\u202e\n" + "y" * 9000 + "\n" + "z\n" * 1000, **many)
    put(store, old)
    files = compare(store, old, new).files
    assert sum(bool(one.lines) for one in files) == MOST_FILES
    assert files[-1].why == "more files differ than are shown"
    put(store, old := bundle(tmp_path / "old2", train_dot_py="", **many))
    (train,) = compare(store, old, new).files
    assert train.lines[1] == "+\\x1b[31mred\\u202e"
    assert len(train.lines[2]) == 401
    assert (len(train.lines), train.left_out) == (MOST_LINES, 1003 - MOST_LINES)


def test_a_deployed_bundle_that_cant_be_read_is_told_and_nothing_fails(tmp_path: Path, store: LocalStore) -> None:
    old, new = bundle(tmp_path / "old", train_dot_py="a"), bundle(tmp_path / "new", train_dot_py="b")
    assert compare(store, old, new).unknown == "the store doesn't have the deployed bundle any more"
    for wrong in (b"no gzip", gzip.compress(b"no tar")[:-6], gzip.compress(b"no tar" * 200)):
        store.put(address(old.sha256), wrong)
        assert compare(store, old, new).unknown == "the deployed bundle is damaged"
    other = io.BytesIO()
    new.write(other)
    store.put(address(old.sha256), other.getvalue())
    assert compare(store, old, new).unknown == "what lies where the deployed bundle was isn't what its name says"


@pytest.mark.long
def test_a_bundle_that_claims_more_than_it_is_fills_no_memory(tmp_path: Path, store: LocalStore) -> None:
    new = bundle(tmp_path / "new", train_dot_py="b")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for number in range(5_001):
            tar.addfile(tarfile.TarInfo(f"f{number}"))
    uri = address("0" * 64)
    store.put(uri, packed.getvalue())
    (found,) = code_changes(content(step("a", uri)), definition(step("a", address(new.sha256)), new=new), store)
    assert found.unknown == "the deployed bundle is damaged"


def test_a_step_whose_code_is_as_it_was_has_no_difference(tmp_path: Path, store: LocalStore) -> None:
    one = bundle(tmp_path / "one", train_dot_py="a")
    before = content(step("a", address(one.sha256), Image="1"))
    assert code_changes(before, definition(step("a", address(one.sha256), Image="2"), one=one), store) == ()
