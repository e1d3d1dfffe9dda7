"""Code bundles: what is in them, and that only content counts."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from pipeline_builder.definition.bundle import Bundle, Bundler
from pipeline_builder.definition.tar import write_tar
from tests.definition.composing import archive_of
from tests.workspaces import make_workspace


def files(folder: Path, **contents: str) -> Path:
    for name, text in contents.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt").replace("_md", ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def bundle(
    folder: Path, entry_point: str = "train.py", *, others: tuple[str, ...] = (), include: tuple[str, ...] = ()
) -> Bundle:
    return Bundler().bundle(folder.resolve(), entry_point=entry_point, others=others, include=include)


def test_what_no_step_needs_is_left_out(tmp_path: Path) -> None:
    files(tmp_path, train_py="", lib__a_py="", README_md="", tests__test_a_py="", requirements_txt="")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"x")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    found = bundle(tmp_path)
    assert found.files == ("lib/a.py", "requirements.txt", "train.py")
    assert found.has_requirements


def test_smpignore_adds_patterns(tmp_path: Path) -> None:
    files(tmp_path, train_py="", data__big_txt="", notes_txt="")
    (tmp_path / ".smpignore").write_text("# big things\ndata/\nnotes.*\n")
    assert bundle(tmp_path).files == ("train.py",)


def test_other_entry_points_stay_out_unless_mentioned(tmp_path: Path) -> None:
    files(tmp_path, train_py="import common", common_py="x = 1", evaluate_py="y = 2", preprocess_py="z = 3")
    others = ("evaluate.py", "preprocess.py", "train.py")
    assert bundle(tmp_path, others=others).files == ("common.py", "train.py")
    files(tmp_path, common_py="from preprocess import z")
    assert bundle(tmp_path, others=others).files == ("common.py", "preprocess.py", "train.py")


def test_a_mentioned_entry_point_brings_what_it_mentions(tmp_path: Path) -> None:
    files(tmp_path, train_py="import preprocess", preprocess_py="import evaluate", evaluate_py="")
    found = bundle(tmp_path, others=("evaluate.py", "preprocess.py"))
    assert found.files == ("evaluate.py", "preprocess.py", "train.py")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("import evaluate", True),
        ("from evaluate import x", True),
        ("from . import evaluate", True),
        ("import package.evaluate as e", True),
        ("subprocess.run(['python', '-m', 'evaluate'])", True),
        ("subprocess.run(['python', 'evaluate.py'])", True),
        ("importlib.import_module('evaluate')", True),
        ("from package import (\n    a,\n    evaluate,\n)", True),
        ("if x:\n    import os, evaluate", True),
        ("def evaluate(): ...", False),
        ("folder = 'evaluate'", False),
        ("# evaluate", False),
    ],
)
def test_what_counts_as_a_mention(tmp_path: Path, text: str, *, kept: bool) -> None:
    files(tmp_path, train_py=text, evaluate_py="")
    assert ("evaluate.py" in bundle(tmp_path, others=("evaluate.py",)).files) is kept


def test_include_narrows(tmp_path: Path) -> None:
    files(tmp_path, train_py="", lib__a_py="", lib__b_py="", other_py="")
    assert bundle(tmp_path, include=("lib/*",)).files == ("lib/a.py", "lib/b.py", "train.py")


@pytest.mark.parametrize("at", [0, 90_000, (1 << 20) - 20, (1 << 20) - 4, 1 << 20, 3 << 20])
def test_a_mention_is_found_wherever_it_is_in_a_large_file(tmp_path: Path, at: int) -> None:
    files(tmp_path, train_py="pass", evaluate_py="", preprocess_py="")
    line = b"run('evaluate.py') # preprocess\n"
    (tmp_path / "notes.txt").write_bytes(b"x\n" * (at // 2) + line + b"y\n" * (1 << 20))
    others = ("evaluate.py", "preprocess.py", "train.py")
    assert bundle(tmp_path, others=others).files == ("evaluate.py", "notes.txt", "train.py")


def test_a_line_of_many_words_takes_no_time(tmp_path: Path) -> None:
    files(tmp_path, train_py="x = '" + "a" * 90_000 + "'", evaluate_py="")
    (tmp_path / "weights.txt").write_bytes(b"evaluate" + b"b" * (3 << 20))
    began = time.monotonic()
    assert bundle(tmp_path, others=("evaluate.py",)).files == ("train.py", "weights.txt")
    assert time.monotonic() - began < 20  # it was quadratic: hours


def test_the_address_of_a_large_bundle_is_what_it_was(tmp_path: Path) -> None:
    files(tmp_path, train_py="pass")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 10_000)
    (tmp_path / "data.bin").chmod(0o600)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("data.bin", "train.py"):
            content = (tmp_path / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    found = bundle(tmp_path)
    assert gzip.decompress(archive_of(found)) == buffer.getvalue()
    assert found.sha256 == hashlib.sha256(buffer.getvalue()).hexdigest()


@pytest.mark.long
def test_only_content_counts(tmp_path: Path) -> None:
    one = files(tmp_path / "one", train_py="x", lib__a_py="y")
    two = tmp_path / "somewhere" / "else"
    old = os.umask(0o077)
    try:
        shutil.copytree(one, two, copy_function=shutil.copyfile)
    finally:
        os.umask(old)
    for path in two.rglob("*"):
        os.utime(path, (1, 1))
    (two / "__pycache__").mkdir()
    first, second = bundle(one), bundle(two)
    assert (first.sha256, archive_of(first)) == (second.sha256, archive_of(second))
    time.sleep(1.1)  # gzip writes seconds: a time in it would show now
    assert archive_of(first) == archive_of(second)


def test_content_changes_the_hash(tmp_path: Path) -> None:
    one = bundle(files(tmp_path / "one", train_py="x"))
    two = bundle(files(tmp_path / "two", train_py="y"))
    assert one.sha256 != two.sha256


def test_the_archive_is_a_plain_tar(tmp_path: Path) -> None:
    files(tmp_path, train_py="x", lib__a_py="y")
    (tmp_path / "train.py").chmod(0o700)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive_of(bundle(tmp_path))))) as archive:
        entries = [(e.name, e.mode, e.mtime, e.uid, e.uname) for e in archive.getmembers()]
    assert entries == [("lib/a.py", 0o644, 0, 0, ""), ("train.py", 0o755, 0, 0, "")]


def test_the_tar_is_what_tarfile_writes(tmp_path: Path) -> None:
    sizes = {"a.py": 0, "b.py": 512, "c.sh": 513, "large.bin": 150_001, f"{'long/' * 30}d.py": 7, "\u00e9.py": 3}
    expected, found = io.BytesIO(), io.BytesIO()
    with tarfile.TarFile(fileobj=expected, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, size in sizes.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
            path.chmod(0o755 if name == "c.sh" else 0o600)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = size, 0o755 if name == "c.sh" else 0o644
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
        added = tarfile.TarInfo("added.py")
        added.size = 4
        archive.addfile(added, io.BytesIO(b"pass"))

    def read(path: Path) -> bytes | None:
        return None if path.name == "large.bin" else path.read_bytes()

    write_tar(tmp_path, tuple(sizes), found, read, {"added.py": b"pass"})
    assert found.getvalue() == expected.getvalue()


@pytest.mark.long
def test_a_build_without_changes_writes_nothing(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.run("checkout")
    assert "written, 4 code bundles written" in workspace.run("build").err
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "build").rglob("*")}
    assert "unchanged, 0 code bundles written" in workspace.run("build").err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "build").rglob("*")} == before


def test_copies_are_packed_as_each_by_itself(tmp_path: Path) -> None:
    """One digest stands for folders with the same files; a bit, a letter or a large file makes another."""
    kinds = {"one": "pass\n", "copy": "pass\n", "runs": "pass\n", "other": "pass \n", "large": "#" * 200_000}
    for name, text in kinds.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_text(text)
        (tmp_path / name / "train.py").chmod(0o755 if name == "runs" else 0o644)
    bundler = Bundler()
    together = {name: bundler.bundle(tmp_path / name, entry_point="train.py") for name in kinds}
    alone = {name: Bundler().bundle(tmp_path / name, entry_point="train.py") for name in kinds}
    assert together == alone
    assert len({bundle.sha256 for bundle in together.values()}) == len(kinds) - 1
    assert together["copy"].folder == tmp_path / "copy"
