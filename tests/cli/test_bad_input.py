"""Bad input through the command line: exit code, exact text, nothing written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.checkout.repositories import commit, git
from tests.tiny import CONF, variant
from tests.workspaces import MANIFEST, Ended, Workspace, make_workspace

_TRAIN_SECTION = "      train:\n        image_uri: example.com/tiny:1\n        entry_point: train.py\n        hyperparams: {scale: 2}\n"
REPO = "  - url: remotes/churn\n"


def manifest(old: str, new: str) -> str:
    assert old in MANIFEST
    return MANIFEST.replace(old, new, 1)


def problems_of(ended: Ended) -> str:
    """What was said of problems: without the stages before, and without the last line, which names `explain`."""
    *lines, last = [line for line in ended.err.splitlines(keepends=True) if not line.startswith("checkout ")]
    assert last.endswith("says more\n"), ended.err
    return "".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "version: 1\nrepos:\n\t- url: x\n",
            "model_repos.yaml:3:1: PB100 a tab indents this line, and YAML allows only spaces there\n"
            "     - url: x\n    ^\n  hint: replace the tab with spaces\n",
        ),
        (
            "version: 1\nrepos: [\n",
            "model_repos.yaml:3:1: PB100 not YAML: did not find expected node content (while parsing a flow node)\n",
        ),
        (
            manifest(REPO, REPO + REPO),
            "model_repos.yaml:4:10: PB105 two repositories have the name 'churn', which is their folder\n"
            "      - url: remotes/churn\n             ^\n  also: model_repos.yaml:3:10\n      - url: remotes/churn\n"
            "             ^\n  hint: give one of them another 'name'\n",
        ),
        (
            manifest("url: remotes", "urll: remotes"),
            "model_repos.yaml:3:5: PB102 the key 'urll' is not known here\n      - urll: remotes/churn\n        ^\n"
            "  hint: did you mean 'url'\n"
            "model_repos.yaml:3:5: PB103 the key 'url' is missing\n      - urll: remotes/churn\n        ^\n",
        ),
        (
            manifest("url: remotes/churn", "{name: a, url: 'ext::sh -c id'}").replace("- {", "- {"),
            "model_repos.yaml:3:20: PB104 the url 'ext::sh -c id' is refused, expected https, ssh, file, or a relative path\n"
            "      - {name: a, url: 'ext::sh -c id'}\n                       ^\n",
        ),
        (
            manifest(REPO, REPO + "    revision: --upload-pack=id\n"),
            "model_repos.yaml:4:15: PB104 the revision '--upload-pack=id' is refused, expected a branch, a tag or a full "
            "commit id\n        revision: --upload-pack=id\n                  ^\n",
        ),
        (
            manifest(REPO, REPO + "    name: ../x\n"),
            "model_repos.yaml:4:11: PB104 the name '../x' cannot be used: a name is the repository's folder and has "
            "lower-case letters, digits, '.', '_' and '-', at most 64, the first a letter or digit, no '..'\n"
            "        name: ../x\n              ^\n",
        ),
        (
            manifest(REPO, REPO + "    enabled: false\n"),
            "model_repos.yaml:2:1: PB106 no repository is enabled, so there is nothing to build\n    repos:\n    ^\n",
        ),
    ],
)
def test_manifests(tmp_path: Path, text: str, expected: str) -> None:
    workspace = make_workspace(tmp_path, manifest=text, state=False)
    before = workspace.files()
    ended = workspace.call("up")
    assert (ended.code, ended.out, problems_of(ended)) == (1, "", expected)
    assert workspace.files() == before
    assert not (tmp_path / ".pipeline_builder").exists()


def test_no_manifest(tmp_path: Path) -> None:
    ended = Workspace(tmp_path).run("up")
    assert (ended.code, problems_of(ended)) == (
        1,
        "PB100 the manifest 'model_repos.yaml' is not there\n"
        "  hint: go to the folder of model_repos.yaml, or name the file with --manifest\n",
    )
    assert not list(tmp_path.iterdir())


def place(workspace: Workspace) -> str:
    return f"churn@{git(workspace.remote, 'rev-parse', 'HEAD')[:7]}:conf/conf.yaml"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        (
            CONF.replace("    churn:\n", "\tchurn:\n", 1),
            "{}:3:1: PB201 a tab indents this line, and YAML allows only spaces there\n     churn:\n    ^\n"
            "  hint: replace the tab with spaces\n",
        ),
        (
            variant(("hyperparams:", "hyperparms:")),
            "{}:17:9: PB202 the key 'hyperparms' is not known here\n            hyperparms: {{scale: 2}}\n            ^\n"
            "  hint: did you mean 'hyperparams'\n",
        ),
        (
            variant(("step_class: Metrics", "step_class: Metric")),
            "{}:52:25: PB204 'step_class' is 'Metric', expected 'Processing', 'Training', 'CreateModel', 'Transform', "
            "'Metrics', 'RegisterModel' and 28 more\n                step_class: Metric\n                            ^\n"
            "  hint: did you mean 'Metrics'\n",
        ),
        (
            variant(("source_directory: scripts", "source_directory: skripts")),
            "{}:4:25: PB305 the source directory 'skripts' of the model 'churn' is not there\n"
            "          source_directory: skripts\n                            ^\n"
            "  hint: it was looked for below 'aws-train' and in the repository 'churn'\n",
        ),
        (
            variant(("entry_point: evaluate.py", "entry_point: evaluation.py")),
            "{}:25:22: PB307 the entry point 'evaluation.py' is not in the source directory\n"
            "            entry_point: evaluation.py\n                         ^\n  hint: did you mean 'evaluate.py'\n",
        ),
        (
            variant(("entry_point: evaluate.py", "entry_point: ../../../../etc/passwd")),
            "{}:25:22: PB204 the path '../../../../etc/passwd' is refused, expected a relative path without '..'\n"
            "            entry_point: ../../../../etc/passwd\n                         ^\n",
        ),
        (
            CONF.split("  sagemakerPipeline:", maxsplit=1)[0],
            "{}:1:1: PB303 no file has a 'sagemakerPipeline' section, expected it in exactly one\n    conf:\n    ^\n",
        ),
        (
            variant(
                ("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [churn-Register >> churn-Preprocess]\n")
            ),
            "{}:33:20: PB315 the steps depend on each other in a cycle: churn-Preprocess >> churn-Train >> churn-Register "
            ">> churn-Preprocess\n        dependencies: [churn-Register >> churn-Preprocess]\n                       ^\n"
            "  hint: take one of these arrows out\n",
        ),
        (
            variant(("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [churn-Train >> churn-Regster]\n")),
            "{}:33:20: PB313 there is no step 'churn-Regster'\n        dependencies: [churn-Train >> churn-Regster]\n"
            "                       ^\n  hint: did you mean 'churn-Register'\n",
        ),
        (
            variant(("step_name: churn-Metrics", "step_name: churn-Train")),
            "{}:51:24: PB309 two steps have the name 'churn-Train', expected it once in the pipeline\n"
            "              - step_name: churn-Train\n                           ^\n  also: {}:40:24\n"
            "              - step_name: churn-Train\n                           ^\n",
        ),
        (
            variant(("image_uri: example.com/tiny:1", "image_uri: SMP_IMAGE")),
            "{}:6:20: PB210 the placeholder 'SMP_IMAGE' has no value\n            image_uri: SMP_IMAGE\n"
            "                       ^\n  hint: set SMP_IMAGE in the environment or in .env\n",
        ),
        (
            variant(
                (
                    "        hyperparams: {scale: 2}",
                    "        hyperparams: {scale: 2}\n        instance_type: ml.m5.2xlage",
                )
            ),
            "{}:18:24: PB404 step 'churn-Train': 'ResourceConfig.InstanceType' is 'ml.m5.2xlage', expected one of the ",
        ),
        (
            variant(("fileName: s3://SMP_S3BUCKETNAME/churn", "fileName: s3://SMP_S3BUCKETNAME/churn/../../etc")),
            "{}:12:27: PB330 the address 's3://local/churn/../../etc/numbers.csv' of channel 'train' can't be used: a key "
            "has no '.' or '..' between its slashes\n                    fileName: s3://SMP_S3BUCKETNAME/churn/../../etc/"
            "numbers.csv\n                              ^\n",
        ),
        (
            variant(("fileName: s3://SMP_S3BUCKETNAME/churn", "fileName: s3://My Bucket/churn")),
            "{}:12:27: PB330 the address 's3://My Bucket/churn/numbers.csv' of channel 'train' can't be used: a bucket's name "
            "has lower-case letters, digits, '.' and '-'",
        ),
        (
            variant(("sourceName: raw_data", "sourceName: ../../raw_data")),
            "{}:11:29: PB204 the path '../../raw_data' is refused, expected a relative path without '..'",
        ),
        (
            variant(("additional_prefix: test.csv", "additional_prefix: ../test.csv")),
            "{}:50:44: PB204 the path '../test.csv' is refused, expected a path without '..'",
        ),
        (
            variant(("        hyperparams: {scale: 2}", f"        instance_count: {'9' * 30}")),
            "{}:17:25: PB406 step 'churn-Train': 'ResourceConfig.InstanceCount' is 999999999999999999999999999999, expected "
            "at most 2147483647",
        ),
        (
            variant(("pipelineName: tiny", "pipelineName: tiny_pipeline")),
            "{}:32:19: PB325 the pipeline name 'tiny_pipeline'",
        ),
    ],
)
def test_confs(tmp_path: Path, conf: str, expected: str) -> None:
    workspace = make_workspace(tmp_path, conf=conf)
    workspace.call("checkout")
    before = workspace.files()
    ended = workspace.call("up")
    errors = problems_of(ended)
    wanted = expected.format(place(workspace), place(workspace))
    assert (ended.code, ended.out) == (1, "")
    assert errors == wanted or (not wanted.endswith("\n") and errors.startswith(wanted)), errors
    assert workspace.files() == before


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    conf = variant(("entry_point: train.py", "entrypoint: train.py"), ("step_class: Metrics", "step_class: Metric"))
    workspace = make_workspace(tmp_path, conf=conf)
    workspace.call("checkout")
    ended = workspace.call("validate", "--json")
    assert (ended.code, [p["id"] for p in ended.json["problems"]]) == (1, ["PB203", "PB202", "PB204"])
    assert ended.err.endswith("3 problems; 'pipeline-builder explain PB203' says more\n")


@pytest.mark.parametrize(
    ("replacements", "expected"),
    [
        # A key that is unknown, one that is missing, and a value that is wrong hide nothing that is wrong besides.
        (
            [("hyperparams: {scale: 2}", "instance_tpye: ml.m5.large"), ("[churn-Preprocess]", "[churn-Preproces]"),
             ("entry_point: evaluate.py", "entry_point: evalaute.py")],
            ["PB202 the key 'instance_tpye'", "PB307 the entry point 'evalaute.py'", "PB313 there is no step 'churn-Preproces'"],
        ),
        (
            [("entry_point: train.py", "entrypoint: train.py"), ("enable_cache: true", "enable_cache: perhaps"),
             ("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [lone, churn-Metrics >> churn-Train]\n")],
            ["PB203 the key 'entry_point'", "PB202 the key 'entrypoint'", "PB312 the dependency 'lone'", "PB204 'enable_cache'"],
        ),
        # Nor does a wrong link hide a wrong value, a secret, a clash or a cycle.
        (
            [("[churn-Preprocess]", "[churn-Preproces]"), ("hyperparams: {scale: 2}", "instance_type: ml.m5.2xlage"),
             ("split_type: Line", "env: {DB_PASSWORD: hunter2hunter2}"), ("fileName: s3://SMP_S3BUCKETNAME/", "fileName: ")],
            ["PB322 the file 'churn/numbers.csv'", "PB404 step 'churn-Train'", "PB328 step 'churn-Transform'", "PB313 there is no step"],
        ),
        (
            [("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [churn-Metrics >> churn-Train, x >> churn-Train]\n"),
             ("hyperparams: {scale: 2}", "instance_type: ml.m5.2xlage")],
            ["PB315 the steps depend on each other", "PB313 there is no step 'x'"],
        ),
        (
            [("            chain_input_source_step: [churn-Preprocess]\n            chain_input_additional_prefix: test.csv\n", ""),
             ("hyperparams: {scale: 2}", "instance_type: ml.m5.2xlage")],
            ["PB404 step 'churn-Train'", "PB320 step 'churn-Transform'"],
        ),
        # What only follows from a mistake isn't said: the section that wasn't read is no missing section.
        ([("      evaluate:\n        image_uri: example.com/tiny:1\n", "      evaluate:\n")], ["PB203 the key 'image_uri'"]),
        ([(_TRAIN_SECTION, "      train: 3\n")], ["PB204 'train' is 3"]),
        ([("step_name: churn-Train\n", "step_nam: churn-Train\n")], ["PB202 the key 'step_nam'", "PB203 the key 'step_name'"]),
        ([("step_class: Training", "step_class: Trainign"), ("[churn-Preprocess]", "[x]")], ["PB204 'step_class'"]),
        ([("SMP_S3BUCKETNAME", "SMP_BUCKET"), ("entry_point: train.py", "entry_point: trian.py")],
         ["PB210 the placeholder 'SMP_BUCKET'", "PB307 the entry point 'trian.py'"]),
        ([("entry_point: train.py", "entry_point: SMP_SCRIPT")], ["PB210 the placeholder 'SMP_SCRIPT'"]),
    ],
)  # fmt: skip
def test_files_and_graph_are_judged_in_one_go(
    tmp_path: Path, replacements: list[tuple[str, str]], expected: list[str]
) -> None:
    workspace = make_workspace(tmp_path, conf=variant(*replacements))
    workspace.call("checkout")
    ended = workspace.call("validate", "--json")
    found = [f"{problem['id']} {problem['message']}" for problem in ended.json["problems"]]
    assert len(found) == len(expected), found
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True)), found


def test_settings_and_files_are_judged_in_one_go(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, conf=variant(("entry_point: train.py", "entry_point: trian.py")))
    workspace.call("checkout")
    ended = workspace.call("validate", "--json", SMP_SUBNETS="subnet-1")
    assert [problem["id"] for problem in ended.json["problems"]] == ["PB212", "PB307"]


def test_two_pipelines(tmp_path: Path) -> None:
    workspace = make_workspace(
        tmp_path, manifest=MANIFEST.replace(REPO, REPO + "  - {name: other, url: remotes/churn}\n")
    )
    ended = workspace.call("up")
    assert ended.code == 1
    assert "PB304 two 'sagemakerPipeline' sections, expected it in exactly one of all files" in ended.err
    assert "PB301 the model 'churn' is defined twice" in ended.err


def test_git_failures_name_the_repository_and_touch_nothing(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert workspace.call("checkout").code == 0
    before = workspace.files()
    lines = REPO + "    revision: gone\n  - {name: other, url: remotes/nowhere}\n"
    (tmp_path / "model_repos.yaml").write_text(MANIFEST.replace(REPO, lines))
    ended = workspace.call("up")
    assert ended.code == 4
    assert "model_repos.yaml:4:15: PB152 the repository 'churn' has no revision 'gone'" in ended.err
    assert "model_repos.yaml:5:24: PB151 the repository 'other' cannot be reached: '" in ended.err
    assert {**workspace.files(), "model_repos.yaml": b""} == {**before, "model_repos.yaml": b""}


def test_a_secret_in_a_url_is_not_shown(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, manifest=MANIFEST.replace("remotes/churn", "https://me:hunter2@example.com/x"))
    ended = workspace.call("up", "--json")
    assert ended.code == 1
    assert "hunter2" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["up", "--jobs", "0"], "0 is not in the range 1<=x<=256"),
        (["graph", "--format", "png"], "'png' is not one of"),
        (["rehearse", "--pace", "nan"], "'nan' is no number"),
        (["up", "--reject", "--approve"], "--reject and --approve don't go together"),
        (["gc", "--runs", "99999999999"], "99999999999 is not in the range"),
        (["up", "--target", "moon"], "'moon' is not one of 'local', 'aws'."),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], expected: str) -> None:
    ended = Workspace(tmp_path).run(*arguments)
    assert (ended.code, expected in ended.err) == (2, True), ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["promote", "--run", ""], ["promote", "churn", "--run="], ["run", "--changed-since", ""], ["run", "--resume", ""],
        ["up", "--pipeline", ""], ["up", "--date", ""], ["up", "--state", ""], ["up", "--build-dir", ""], ["stop", ""],
        ["console", "--export", ""], ["serve", "--state", ""], ["backfill", "--from", "2026-01-01", "--to", ""],
    ],
)  # fmt: skip
def test_an_empty_value_is_not_taken_for_none(tmp_path: Path, arguments: list[str]) -> None:
    """A script's variable that has nothing in it: the newest run would be promoted, and every pipeline would run."""
    workspace = Workspace(tmp_path)
    ended = workspace.call(*arguments)
    assert (ended.code, "it is empty" in ended.err, workspace.files()) == (2, True, {}), ended.err


BYTES = os.fsdecode(b"q\xff")


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", BYTES], ["retry", BYTES], ["stop", BYTES], ["promote", BYTES], ["verify", BYTES], ["report", BYTES],
        ["reject", "churn", "--comment", BYTES], ["callback", "x", "--success", f"a={BYTES}"], ["explain", BYTES],
        ["up", "--parameter", f"p={BYTES}"], ["run", "--parameter", f"{BYTES}=p"], ["up", "--state", f"../{BYTES}/s"],
    ],
)  # fmt: skip
def test_arguments_that_are_no_text(tmp_path: Path, arguments: list[str]) -> None:
    ended = Workspace(tmp_path).call(*arguments)
    assert (ended.code, re.search(r"'[^']*q\\udcff[^']*' is not UTF-8 text", ended.err) is not None) == (2, True)


@pytest.mark.parametrize("command", ["up", "status", "new"])
def test_a_folder_whose_name_is_no_text(tmp_path: Path, command: str) -> None:
    (tmp_path / BYTES).mkdir()
    workspace = Workspace(tmp_path / BYTES)
    ended = workspace.call(*([command, "churn", "--yes"] if command == "new" else [command]))
    assert (ended.code, workspace.files()) == (4, {})
    assert f"PB001 cannot use '{tmp_path}/q\\udcff/model_repos.yaml': the path is not UTF-8 text" in ended.err


def test_variables_that_are_no_text_are_said_where_they_are_taken(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert workspace.call("validate", OTHER=BYTES).code == 1, "nothing is checked out yet"
    assert workspace.call("checkout", OTHER=BYTES).code == 0
    ended = workspace.call("validate", SMP_REGION=BYTES)
    said = "PB214 cannot read the variable 'SMP_REGION' of the environment: not UTF-8 text\n"
    assert (ended.code, problems_of(ended)) == (1, said)


@pytest.mark.long
def test_commands_before_their_time(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    for command, expected in {
        "validate": "PB111 the model repositories are not checked out",
        "status": "PB440 nothing has run yet",
        "promote": "PB440 nothing has run yet",
    }.items():
        ended = workspace.run(command)
        assert (ended.code, expected in ended.err) == (1, True), ended.err
    workspace.run("checkout")
    assert "PB422 the pipeline 'tiny' is not deployed" in workspace.run("run").err
    workspace.run("up")
    assert "PB441 there is no execution 'nope'" in workspace.run("status", "nope").err
    assert "hint: did you mean 'churn-Train'" in workspace.run("logs", "churn-Trian").err


def test_the_aws_target_says_what_it_lacks(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.call("checkout")
    values = {"SMP_ACCOUNTID": "123456789012", "SMP_REGION": "eu-central-1", "SMP_S3BUCKETNAME": "bucket"}
    ended = workspace.call("validate", "--target", "aws", **values)
    assert (ended.code, "PB211 'SMP_ROLE' has no value" in ended.err) == (1, True)
    values |= {"SMP_ROLE": "arn:aws:iam::123456789012:role/r", "AWS_EC2_METADATA_DISABLED": "true"}
    ended = workspace.call("plan", "--target", "aws", **values, HOME=str(tmp_path))
    assert (ended.code, "PB701 no credentials for AWS" in ended.err) == (4, True), ended.err


def test_curly_quotes_in_the_env_file(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (tmp_path / ".env").write_text("SMP_ROLE=\u201crole\u201d\nTOKEN='hunter2\n", encoding="utf-8")
    ended = workspace.call("checkout")
    assert (ended.code, "PB213 a curly quote would become part of the value" in ended.err) == (1, True)
    assert "hunter2" not in ended.err


@pytest.mark.parametrize("kept", ["environment", ".env"])
def test_prices_that_are_none_are_said_before_anything_runs(tmp_path: Path, kept: str) -> None:
    workspace = make_workspace(tmp_path)
    given = {"SMP_MACHINE_PRICES": "ml.m5.xlarge=0.23 ml.m5.large:0.115"}
    if kept == ".env":
        (tmp_path / ".env").write_text("".join(f'{name}="{value}"\n' for name, value in given.items()))
        given = {}
    ended = workspace.call("up", **given)
    message = "SMP_MACHINE_PRICES has 'ml.m5.large:0.115', expected types of machines with the USD of an hour"
    hint = "  hint: write it as ml.m5.large=0.115 ml.m5.xlarge=0.23\n"
    assert (ended.code, problems_of(ended)) == (1, f"PB991 {message}\n{hint}")
    assert not (tmp_path / "build").exists()


def test_a_link_instead_of_a_conf(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (workspace.remote / "conf" / "conf.yaml").unlink()
    (workspace.remote / "conf" / "conf.yaml").symlink_to("/etc/passwd")
    commit(workspace.remote, "a link")
    ended = workspace.call("up")
    assert (ended.code, "PB201 the file is '/etc/passwd', expected a mapping with 'conf'" in ended.err) == (1, True)


@pytest.mark.long
def test_a_damaged_record_decides_nothing_and_is_made_again(tmp_path: Path) -> None:
    """What was judged is known by its evidence, with which the record has only to agree."""
    workspace = make_workspace(tmp_path)
    workspace.run("up")
    record = workspace.root / "build" / "run.json"
    record.write_text("{")
    assert '"status": "PendingManualApproval"' in workspace.run("run", "--json").out
    assert '"passed": true' in record.read_text()
    record.write_text("{")
    ended = workspace.run("promote")
    assert (ended.code, "Approved" in ended.out) == (0, True)
    assert "approved by ada" in workspace.run("history").out


def test_a_damaged_state(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (workspace.root / ".pipeline_builder" / "state.db").write_text("garbage")
    ended = workspace.call("status")
    assert (ended.code, "cannot be used: it is damaged (file is not a database)" in ended.err) == (4, True)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    ended = workspace.call("up", "--state", "model_repos.yaml")
    assert (ended.code, ended.err) == (4, "PB001 cannot use 'model_repos.yaml/git': Not a directory\n")


def test_files_where_folders_should_be(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (tmp_path / "file").write_text("")
    for arguments in (["up", "--build-dir", "file"], ["checkout", "--build-dir", "file/x"]):
        ended = workspace.call(*arguments)
        assert (ended.code, ended.err.count("PB001"), ended.err.count("Traceback")) == (4, 1, 0), ended.err


@pytest.mark.parametrize("kind", ["loop", "dangling", "pipe"])
def test_data_that_is_no_file(tmp_path: Path, kind: str) -> None:
    workspace = make_workspace(tmp_path)
    path = tmp_path / "data" / "numbers.csv"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else tmp_path / "nowhere")
    ended = workspace.run("up")
    assert (ended.code, "PB520 there is no data at 's3://local/churn/numbers.csv'" in ended.err) == (5, True), ended.err


@pytest.mark.long
def test_metrics_that_are_nested_too_deep(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    path = "/opt/ml/processing/output/model_evaluation_metrics.json"
    workspace.push("scripts/evaluate.py", f"open({path!r}, 'w').write('[' * 5000 + ']' * 5000)\n")
    ended = workspace.run("up")
    assert (ended.code, ended.err.count("can't be used: it has more than 32 levels")) == (5, 2), ended.err
    assert "PB431 the gate blocks this run: tiny-churn version 1: PB671 the evaluation report" in ended.err
    status = workspace.call("status").out
    assert "\nthe gate blocked it: tiny-churn version 1: PB671 the evaluation report" in status
    found = workspace.call("status", status.split()[2].rstrip(":"), "--json").json
    assert (found["passed"], len(found["reasons"])) == (False, 1)


@pytest.mark.long
def test_metrics_of_more_than_can_be_read_block_their_model(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    path = "/opt/ml/processing/output/model_evaluation_metrics.json"
    workspace.push("scripts/evaluate.py", f"open({path!r}, 'w').write('[\"' + 'x' * (9 << 20) + '\"]')\n")
    ended = workspace.run("up", "--approve")
    said = "PB431 the gate blocks this run: tiny-churn version 1: PB529 's3://local/tiny/churn/executions/"
    assert (ended.code, ended.err.count(said)) == (5, 1), ended.err
    assert (tmp_path / "build" / "report.html").is_file()
    again = workspace.call("promote", "churn")
    assert (again.code, "PB431 the gate blocks churn: tiny-churn version 1: PB529" in again.err) == (5, True), again.err


def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (tmp_path / "model_repos.yaml").chmod(0)
    if os.access(tmp_path / "model_repos.yaml", os.R_OK):
        pytest.skip("root reads everything")
    ended = workspace.call("validate")
    assert (ended.code, ended.err.split(":")[0]) == (1, "model_repos.yaml")


def test_a_colon_in_the_path_of_the_state(tmp_path: Path) -> None:
    ended = make_workspace(tmp_path).call("up", "--state", "a:b")
    assert ended.code == 4
    assert f"PB532 the state '{tmp_path}/a:b' cannot be used: there is a ':' in its path" in ended.err


@pytest.mark.long
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    workspace = make_workspace(tmp_path)
    command = f"{shlex.join(workspace.command('up', '--approve'))} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=workspace.environment(), check=False)
    assert done.returncode == 0
    assert (tmp_path / "build" / "report.html").is_file()


@pytest.mark.long
def test_a_full_disk_under_the_output(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    command = f"{shlex.join(workspace.command('explain', 'PB100'))} > /dev/full"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=workspace.environment(), stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stderr.startswith("PB674 disk full: cannot write a file (No space left on device)\n  hint: make room")


@pytest.mark.long
def test_letters_that_the_output_cannot_print(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    commit(workspace.remote, "A model for 日本")
    ended = workspace.run("up", PYTHONIOENCODING="latin-1")
    assert (ended.code, "A model for \\u65e5\\u672c" in ended.out) == (0, True), ended.err


def test_in_a_folder_that_was_deleted(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone; {shlex.join(workspace.command('validate'))}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "gone",
        env=workspace.environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, "PB001 cannot use the current folder: it was deleted\n")


def test_a_missing_branch_names_those_that_there_are(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, manifest=manifest(REPO, REPO + "    revision: mian\n"))
    ended = workspace.call("checkout")
    assert (ended.code, "hint: did you mean 'main'" in ended.err) == (4, True)


def test_explain(tmp_path: Path) -> None:
    assert "expected a whole number" in Workspace(tmp_path).call("explain", "pb204").out
    assert Workspace(tmp_path).call("explain", "PB999").code == 2
