"""Two versions side by side."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.checkout.git import Git
from pipeline_builder.console.models.code import compare_code, compare_confs, read_required
from pipeline_builder.console.models.comparing import compare_facts, software_difference
from pipeline_builder.console.models.differing import Difference
from pipeline_builder.console.models.facts import Facts
from pipeline_builder.console.models.installed import find_installed
from pipeline_builder.console.models.made import MadeStep
from pipeline_builder.definition.bundle import Bundler
from pipeline_builder.descriptions import ApprovalStatus, ModelPackage
from pipeline_builder.engine.state.state import State
from pipeline_builder.engine.state.store import LocalStore
from pipeline_builder.release.evidence import CommitEvidence, ContainerEvidence, DataEvidence, Evidence, PackageEvidence
from tests.console.consoles import Client, look_of
from tests.workspaces import Workspace


def test_metrics_with_their_difference_and_which_way_is_better(models: Client) -> None:
    found = models.json("/models/tiny-churn/compare/1/2.json")
    mae, hostile, rows = found["metrics"]
    assert (mae["name"], mae["better"], mae["gated"]) == ("mae", "lower", "at most 100")
    assert (mae["before"], mae["after"], mae["verdict"]) == (1.0, 5.0, "worse")
    assert (rows["name"], rows["verdict"], rows["better"]) == ("rows", "same", "")
    assert hostile["verdict"] == "same"
    assert [plot["name"] for plot in found["curves"]] == ["ROC curve"]
    assert [one["name"] for one in found["confusions"]] == ["version 1", "version 2"]


def test_hyperparameters_conf_code_and_commits(models: Client) -> None:
    found = models.json("/models/tiny-churn/compare/1/2.json")
    assert {one["name"]: (one["before"], one["after"]) for one in found["hyperparameters"]} == {
        "scale": ("2", "5"), "depth": (None, "4"),
    }  # fmt: skip
    (conf,) = found["confs"]
    (file,) = conf["files"]
    assert (file["path"], file["kind"], conf["unknown"]) == ("conf/conf.yaml", "changed", "")
    assert [line for line in file["lines"] if line[0] in "+-"] == [
        "-        hyperparams: {scale: 2}", "+        hyperparams: {scale: 5, depth: 4}",
    ]  # fmt: skip
    changed = [pair for pair in found["code"] if pair["before"] != pair["after"]]
    assert [file["path"] for pair in changed for file in pair["files"]].count("train.py") >= 1
    (between,) = found["commits"]
    assert [commit["subject"] for commit in between["commits"]] == ["Bigger <script>alert(1)</script>"]
    assert found["notes"] == []


def test_the_same_commit_says_so_and_older_and_newer_may_be_named_in_any_order(models: Client) -> None:
    found = models.json("/models/tiny-churn/compare/2/3.json")
    assert found["commits"] == []
    assert "Both are of the same commits." in models.text("/models/tiny-churn/compare/2/3")
    assert "All 2 are the same." in models.text("/models/tiny-churn/compare/2/3")
    assert "Metrics Metric Version 1 Version 3" in models.text("/models/tiny-churn/compare?a=3&b=1")


def test_the_newer_version_may_be_the_first(models: Client) -> None:
    found = models.json("/models/tiny-churn/compare/3/1.json")
    assert (found["before"]["number"], found["after"]["number"]) == (3, 1)
    assert {one["name"]: (one["before"], one["after"]) for one in found["hyperparameters"]} == {
        "scale": ("5", "2"), "depth": ("4", None),
    }  # fmt: skip


def version(number: int, *steps: MadeStep, **more: Any) -> Facts:
    package = ModelPackage(arn=f"arn/{number}", group="churn", version=number, status=ApprovalStatus.PENDING)
    return Facts(package=package, made=steps, **more)


def put(store: LocalStore, folder: Path, **files: str) -> str:
    """Put a bundle of such files into the store under its name; return its address."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_dot_", ".")).write_text(text)
    bundle, packed = Bundler().bundle(folder, entry_point="train.py"), io.BytesIO()
    bundle.write(packed)
    uri = f"s3://local/code/{bundle.sha256}/sourcedir.tar.gz"
    store.put(uri, packed.getvalue())
    return uri


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", {}, State(tmp_path / "state.db"))


def train(*code: str, **more: Any) -> MadeStep:
    return MadeStep(name="churn-Train", type="Training", step_class="Training", model="churn", code=code, **more)


def test_code_and_what_it_requires_are_read_out_of_its_bundles(tmp_path: Path, store: LocalStore) -> None:
    one = put(store, tmp_path / "a", train_dot_py="one", requirements_dot_txt="# only\nnumpy==1 # why\n\n-r more.txt\n")
    two = put(store, tmp_path / "b", train_dot_py="two", requirements_dot_txt="numpy==2\npandas\n")
    before, after = version(1, train(one)), version(2, train(two))
    (pair,) = compare_code(before, after, store)
    assert ([(file.path, file.kind) for file in pair.files], pair.unknown) == (
        [("requirements.txt", "changed"), ("train.py", "changed")], "",
    )  # fmt: skip
    required = [read_required(facts, store) for facts in (before, after)]
    assert required[0][0].lines == ("numpy==1", "-r more.txt")
    assert software_difference(*({"": one[0].lines} for one in required)) == (
        Difference(name="numpy", before="numpy==1", after="numpy==2"),
        Difference(name="pandas", before=None, after="pandas"),
        Difference(name="-r more.txt", before="-r more.txt", after=None),
    )


def test_code_that_is_gone_or_was_never_there_is_said(tmp_path: Path, store: LocalStore) -> None:
    there = put(store, tmp_path / "a", train_dot_py="one")
    gone = f"s3://local/code/{'0' * 64}/sourcedir.tar.gz"
    (pair,) = compare_code(version(1, train(there)), version(2, train(gone)), store)
    assert pair.unknown == "the store doesn't have a bundle any more"
    (required,) = read_required(version(2, train(gone)), store)
    assert required.unknown == "the store doesn't have a bundle any more"
    (only,) = compare_code(version(1), version(2, train(there)), store)
    assert (only.before, only.after, [file.kind for file in only.files]) == ("", there, ["added"])


def test_a_file_by_itself_and_a_list_of_data_are_no_archives(store: LocalStore) -> None:
    one, two = (f"s3://local/code/{digit * 64}/script.py" for digit in "12")
    (pair,) = compare_code(version(1, train(one)), version(2, train(two)), store)
    assert pair.unknown == "it is a file by itself, whose content is another"
    assert read_required(version(1, train(one)), store) == ()


def test_a_stub_another_run_and_missing_metrics_are_said_before() -> None:
    before = version(1, train(stub="5" * 64), fault="it was registered without an evaluation report", pipeline="one")
    after = version(
        2, train(), metrics={"auc": 1}, pipeline="two", execution="arn/pipeline/two/execution/x", missing=("its run",)
    )
    assert compare_facts(before, after).notes == (
        "version 1 has no metrics: it was registered without an evaluation report",
        "version 1: churn-Train did not run, their results are stubs",
        "version 2, not known: its run",
        "they are of different pipelines, 'one' and 'two'",
    )


def test_data_and_images_are_compared_by_what_they_are() -> None:
    def judged(number: int, fingerprint: str, digest: str) -> Facts:
        container = ContainerEvidence(image="example.com/tiny:1", digest=digest)
        data = DataEvidence(parameter="Data", addresses=("s3://b/x/",), fingerprint=fingerprint)
        proof = PackageEvidence(
            arn=f"arn/{number}",
            group="churn",
            version=number,
            model="churn",
            step="churn-Register",
            containers=(container,),
        )
        evidence = Evidence(
            pipeline="p",
            execution="e",
            status="Succeeded",
            definition_sha256="",
            planned_sha256="",
            fingerprint="",
            data=(data,),
            packages=(proof,),
        )
        step = train(images=("example.com/tiny:1",), parameters=frozenset(["Data"]))
        return version(number, step, evidence=evidence, proof=proof)

    found = compare_facts(judged(1, "aa", "sha256:1"), judged(2, "bb", "sha256:2"))
    assert [(one.name, one.change) for one in found.data] == [("s3://b/x/", "changed")]
    assert [(one.name, one.change) for one in found.images] == [
        ("churn-Train", "same"),
        ("the package serves with", "changed"),
    ]


def test_confs_that_cannot_be_compared_say_why(tmp_path: Path) -> None:
    commits = (
        CommitEvidence(name="churn", url="", commit="1" * 40),
        CommitEvidence(name="churn", url="", commit="2" * 40),
    )
    before, after = (version(n, evidence=evidence_of(one)) for n, one in enumerate(commits, 1))
    git = Git(environment={})
    (unknown,) = compare_confs(before, after, git=git, cache=tmp_path, paths={})
    assert unknown.unknown == "the manifest has no repository of this name any more"
    (gone,) = compare_confs(before, after, git=git, cache=tmp_path, paths={"churn": ("", "conf/conf.yaml")})
    assert gone.unknown == "the commit 111111111111 isn't among what checkouts have kept on this machine"


def evidence_of(*commits: CommitEvidence) -> Evidence:
    return Evidence(
        pipeline="p",
        execution="e",
        status="Succeeded",
        definition_sha256="",
        planned_sha256="",
        fingerprint="",
        commits=commits,
    )


def test_what_this_machine_has_installed_for_a_step(tmp_path: Path) -> None:
    manifest = tmp_path / "model_repos.yaml"
    manifest.write_text(
        "version: 1\nrepos: [{url: remotes/churn}]\nlocal:\n  images: [{match: 'example.com/*', requirements: [numpy==1]}]\n"
    )
    envs = tmp_path / ".pipeline_builder" / "envs"
    for name, layers in (("one", [["numpy==1"], ["pandas==2"]]), ("two", [["numpy==1"]]), ("odd", "x")):
        packages = envs / name / "lib" / "python3.11" / "site-packages"
        (packages / f"numpy-1.0.{len(name)}.dist-info").mkdir(parents=True)
        (packages / "Pandas-2.1.dist-info").mkdir()
        (envs / name / "ready").write_text(json.dumps({"layers": layers}))
    (envs / "damaged").mkdir()
    (envs / "damaged" / "ready").write_text("{")
    look = look_of(Workspace(tmp_path))
    assert find_installed(look, "example.com/tiny:1", ["pandas==2 # why"]) == ("numpy==1.0.3", "Pandas==2.1")
    assert find_installed(look, "example.com/tiny:1", ["pandas==3"]) is None
    assert find_installed(look, "elsewhere/tiny:1", ["pandas==2"]) is None
    assert find_installed(look, "example.com/tiny:1", ["-e ."]) is None
    assert (
        find_installed(replace(look, target=replace(look.target, name="aws")), "example.com/tiny:1", ["pandas==2"])
        is None
    )
