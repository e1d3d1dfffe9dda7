"""Rehearsals of a tiny service, played by the command with real builds: stages, approval, failure, going on."""

from __future__ import annotations

import json
import os
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminals import answer
from tests.forking import Process
from tests.service.rehearsal.rehearsals import Tiny, head, make_tiny, statuses


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return make_tiny(tmp_path)


def record(tiny: Tiny) -> Any:
    """Return the record of the newest rehearsal."""
    found = (tiny.root / "repo" / ".pipeline_builder" / "rehearsals").glob("*/state.json")
    return max((json.loads(path.read_bytes()) for path in found), key=lambda state: str(state["started"]))


def read(result: Any, artifact: str, name: str) -> str:
    """Return a file of an artifact."""
    with zipfile.ZipFile(Path(result["folder"], "artifacts", f"{artifact}.zip")) as archive:
        return archive.read(name).decode()


@pytest.mark.long
def test_an_approved_rehearsal_is_played_to_its_end(tiny: Tiny) -> None:
    ended = tiny.rehearse("--approve", "--comment", "looks right", "--json", SMP_APPROVER="grace")
    assert (ended.code, ended.json["status"]) == (0, "Succeeded"), ended.err
    assert set(statuses(ended.json).values()) == {"Succeeded"}
    # The last stage asked CodePipeline who has approved, through boto3's own client and its pages.
    who = tiny.root / "repo" / ".pipeline_builder" / "rehearsals" / "target.who"
    assert who.read_text() == "Succeeded grace looks right\n"
    approve = ended.json["stages"][2]["actions"][0]
    assert approve["configuration"] == {
        "CustomData": "mae 0.5, better",
        "ExternalEntityLink": "https://example.com/pass",
    }
    assert "Build/Build" not in ended.err
    assert "only starts the pipeline; nothing is fetched" in ended.err


def test_a_build_gets_variables_by_their_precedence_and_no_secrets(tiny: Tiny) -> None:
    ended = tiny.rehearse(
        "--variable", "REPOSITORY=churn", "--env", "EXTRA=given", "--json",
        MY_SECRET="x", AWS_PROFILE="prod", AWS_SECRET_ACCESS_KEY="y", GIT_TOKEN="z", HTTPS_PROXY="http://127.0.0.1:9",
    )  # fmt: skip
    lines = read(ended.json, "Build", "build/environment").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    expected = {
        "ABOVE": "start", "OWN": "project", "LOW": "buildspec", "EXTRA": "given", "STAGE": "build",
        "SMP_TARGET": "local", "SMP_S3BUCKETNAME": "local", "SMP_REPOSITORY": "churn", "COMMIT": head(tiny),
        "SMP_ARTIFACTS": "tiny-111122223333-us-east-1", "HTTPS_PROXY": "http://127.0.0.1:9",
        "AWS_SECRET_ACCESS_KEY": "rehearsal", "AWS_REGION": "us-east-1",
        "CODEBUILD_BUILD_NUMBER": "1", "CODEBUILD_INITIATOR": "codepipeline/tiny",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": head(tiny), "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_BUILD_IMAGE": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert not {"MY_SECRET", "AWS_PROFILE", "GIT_TOKEN", "PYTHONPATH"} & found.keys()
    build = ended.json["stages"][1]["actions"][0]["build"]
    assert found["CODEBUILD_BUILD_ID"] == f"tiny-build:{build['id']}"
    assert found["CODEBUILD_BUILD_ARN"].startswith("arn:aws:codebuild:us-east-1:111122223333:build/tiny-build:")
    assert found["CODEBUILD_SRC_DIR"].endswith("/src")
    assert not Path(found["CODEBUILD_SRC_DIR"]).exists()  # builds that succeed leave no folder


def test_credentials_that_are_named_are_handed_on(tiny: Tiny) -> None:
    ended = tiny.rehearse("--env", "AWS_PROFILE", "--json", AWS_PROFILE="prod")
    text = read(ended.json, "Build", "build/environment")
    assert "AWS_PROFILE=prod" in text
    assert "AWS_SECRET_ACCESS_KEY" not in text


@pytest.mark.long
def test_code_zip_has_neither_git_nor_permissions_and_a_clone_has_both(tiny: Tiny) -> None:
    tiny.write("build.sh", (tiny.root / "repo" / "build.sh").read_text() + "ls -l install.sh | cut -c 4 >build/mode\n")
    flat = tiny.rehearse("--json").json
    assert read(flat, "Build", "build/mode") == "-\n"
    assert "not a git repository" in read(flat, "Build", "build/git")
    tiny.rendered("CODE_ZIP", "CODEBUILD_CLONE_REF")
    clone = tiny.rehearse("--json").json
    assert (read(clone, "Build", "build/mode"), read(clone, "Build", "build/git")) == ("x\n", ".git\n")


@pytest.mark.long
def test_only_what_is_committed_is_built(tiny: Tiny) -> None:
    (tiny.root / "repo" / "build.sh").write_text("exit 9\n")
    ended = tiny.rehearse("--approve")
    assert ended.code == 0
    assert "warning PB654" in ended.err


@pytest.mark.long
def test_without_an_answer_it_waits_and_goes_on_later(tiny: Tiny) -> None:
    ended = tiny.rehearse()
    assert ended.code == 0
    assert "an approval waits for an answer: 'pipeline-builder rehearse --resume --approve'" in ended.out
    assert statuses(record(tiny)) == {
        "Source": "Succeeded", "Build": "Succeeded", "Approve": "Pending", "Promote": "Waiting",
    }  # fmt: skip
    ended = tiny.rehearse("--resume", "--approve")
    assert ended.code == 0
    assert statuses(record(tiny))["Promote"] == "Succeeded"
    assert "tiny-build" not in ended.err
    again = tiny.rehearse("--resume")
    assert (again.code, "PB664" in again.err) == (1, True)


@pytest.mark.long
def test_a_rejection_fails_the_rehearsal_and_starts_the_rule_on_it(tiny: Tiny) -> None:
    ended = tiny.rehearse("--reject", "--comment", "recall is too low", "--json")
    assert ended.code == 5
    assert "PB659 the action 'Approve' of the stage 'Approve' failed: rejected by ada: recall is too low" in ended.err
    state = json.loads(ended.out)
    assert (statuses(state)["Promote"], state["status"]) == ("Waiting", "Failed")
    assert [(event["rule"], event["status"]) for event in state["events"]] == [("tiny-rejected", "Succeeded")]
    who = tiny.root / "repo" / ".pipeline_builder" / "rehearsals" / "target.who"
    assert who.read_text() == "Failed ada recall is too low\n"
    again = tiny.rehearse("--resume", "--approve")
    assert again.code == 0


def test_a_stage_whose_condition_is_not_met_is_skipped(tiny: Tiny) -> None:
    tiny.write("build.sh", "mkdir build; echo 'export VERDICT=nothing SUMMARY=x' >build/stage.env\n")
    ended = tiny.rehearse("--json")
    assert ended.code == 0
    assert statuses(ended.json) == {
        "Source": "Succeeded", "Build": "Succeeded", "Approve": "Skipped", "Promote": "Skipped",
    }  # fmt: skip
    assert "the rule 'Passed' wants #{Build.VERDICT} EQ pass, and it is 'nothing'" in ended.err


def test_a_condition_can_fail_the_stage(tiny: Tiny) -> None:
    tiny.rendered("Result: SKIP", "Result: FAIL")
    tiny.write("build.sh", "mkdir build; echo 'export VERDICT=blocked SUMMARY=x' >build/stage.env\n")
    ended = tiny.rehearse()
    assert ended.code == 5
    assert "PB662 a condition of the stage 'Approve' is not met" in ended.err


@pytest.mark.long
def test_a_failed_phase_shows_command_exit_code_and_log(tiny: Tiny) -> None:
    tiny.write("build.sh", "echo the reason\nfalse\nexit 3\n")
    ended = tiny.rehearse()
    assert ended.code == 5
    expected = (
        "PB656 the action 'Build' of the stage 'Build' failed: its phase build failed: '. \"./$STAGE.sh\"' ended with "
        "exit code 3\n"
    )
    assert expected in ended.err
    assert "\n    the reason\n  hint: the whole log: " in ended.err
    folder = Path(record(tiny)["stages"][1]["actions"][0]["build"]["folder"])
    assert next(folder.glob("src*/src/build.sh")).is_file()
    # What is committed meanwhile is not what this rehearsal builds: its source stays.
    tiny.write("build.sh", "exit 4\n")
    ended = tiny.rehearse("--resume")
    assert "exit code 3" in ended.err
    assert record(tiny)["stages"][1]["actions"][0]["attempt"] == 2
    assert not folder.exists()


SECOND = """\
            - Name: Second
              RunOrder: 2
              ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: "1"}
              Configuration:
                ProjectName: !Ref PromoteProject
                EnvironmentVariables: '[{"name": "STAGE", "value": "second"}]'
              InputArtifacts: [{Name: Source}]
"""


@pytest.mark.long
def test_of_a_failed_stage_only_what_failed_runs_again(tiny: Tiny) -> None:
    first = "            - Name: Build\n              Namespace: Build\n"
    tiny.rendered(first, SECOND + first)  # it comes first in the file and runs second
    tiny.write("second.sh", '[ -e "$SMP_STATE.mended" ] || exit 6\n')
    ended = tiny.rehearse("--approve", "--json")
    assert (ended.code, statuses(ended.json)["Build"]) == (5, "Failed")
    (tiny.root / "repo" / ".pipeline_builder" / "rehearsals" / "target.mended").touch()
    ended = tiny.rehearse("--resume", "--approve", "--json")
    assert ended.code == 0, ended.err
    assert [(one["name"], one["attempt"]) for one in ended.json["stages"][1]["actions"]] == [
        ("Build", 1),
        ("Second", 2),
    ]


def test_a_value_that_breaks_the_json_of_an_action_fails_it(tiny: Tiny) -> None:
    ended = tiny.rehearse("--variable", 'REPOSITORY=a"b')
    assert ended.code == 5
    assert "PB655" in ended.err
    assert "EnvironmentVariables is no JSON list of names and values" in ended.err


@pytest.mark.long
def test_a_variable_that_nobody_exports_fails_the_action(tiny: Tiny) -> None:
    tiny.rendered("#{Build.SUMMARY}", "#{Build.SUMARY}")
    ended = tiny.rehearse("--approve")
    assert ended.code == 5
    assert "'#{Build.SUMARY}': 'Build' has no variable 'SUMARY' (it has: SUMMARY, VERDICT)" in ended.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--variable", "REPOSITRY=x"), "PB655 the pipeline has no variable 'REPOSITRY'"),
        (("--variable", "REPOSITORY="), "PB655 the variable 'REPOSITORY' has 0 characters, expected 1 to 1000"),
        (("--resume",), "PB660 there is no rehearsal to go on with"),
        (("--resume", "nope"), "PB660 there is no rehearsal 'nope'"),
        (("--rendered", "nowhere"), "PB650 the rendered template 'nowhere/storage.yaml' can't be read"),
    ],
)
def test_what_is_wrong_at_the_start(tiny: Tiny, arguments: tuple[str, ...], problem: str) -> None:
    ended = tiny.rehearse(*arguments)
    assert ended.code == 1
    assert problem in ended.err


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Provider: Manual", "Provider: Lambda", "PB652 the action 'Approve' of the stage 'Approve' is of the kind"),
        ("ProjectName: !Ref BuildProject", "ProjectName: gone", "runs the project 'gone', which is not in the template"),
        ("Type: AWS::CodePipeline::Pipeline", "Type: AWS::SNS::Topic", "PB651 the template has 0 pipelines"),
        ("Name: tiny-build\n      TimeoutInMinutes: !Ref Minutes", "Name: tiny-build\n      TimeoutInMinutes: soon",
         "PB651 the resource 'BuildProject' (AWS::CodeBuild::Project) can't be played: 'TimeoutInMinutes'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_template(tiny: Tiny, old: str, new: str, problem: str) -> None:
    tiny.rendered(old, new)
    ended = tiny.rehearse()
    assert ended.code == 1
    assert problem in ended.err
    assert not list((tiny.root / "repo" / ".pipeline_builder").glob("rehearsals/*/state.json"))


def test_templates_that_break_rules_are_not_played(tiny: Tiny) -> None:
    rest = [argument for argument in tiny.arguments() if argument != "--unchecked"]
    ended = tiny.workspace.run(*rest)
    assert ended.code == 1
    assert "service.yaml:69:3: PB634 the project 'tiny-build' has no role of the templates ('ServiceRole')" in ended.err
    assert not list((tiny.root / "repo" / ".pipeline_builder").glob("rehearsals/*/state.json"))


def test_a_wrong_buildspec_is_shown_with_its_place(tiny: Tiny) -> None:
    tiny.write("buildspec.yml", "version: 0.2\nphases:\n  build:\n    comands: [x]\n")
    ended = tiny.rehearse()
    assert ended.code == 1
    assert "buildspec.yml:4:5: PB622" in ended.err
    assert record(tiny)["status"] == "Failed"


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[1]", '{"Minutes": "5"}', '[{"ParameterKey": "Minutes"}]',
             '[{"ParameterKey": "Minutes", "ParameterValue": 5}]'],
)  # fmt: skip
def test_parameters_that_are_none_are_a_problem(tiny: Tiny, text: str) -> None:
    (tiny.root / "rendered" / "parameters.json").write_text(text)
    ended = tiny.rehearse()
    assert ended.code == 1
    assert "parameters.json' is no JSON list of parameters" in ended.err


@pytest.mark.parametrize("checked", [True, False])
def test_a_buildspec_that_is_no_text_is_a_problem(tiny: Tiny, checked: bool) -> None:
    (tiny.root / "repo" / "buildspec.yml").write_bytes(b"version: 0.2\n# Gr\xfc\n")
    tiny.write("install.sh", "# something else to commit\n")
    ended = tiny.workspace.run(*(argument for argument in tiny.arguments() if argument != "--unchecked" or not checked))
    assert ended.code == 1
    assert "' is not UTF-8 text: byte 17 is 0xfc" in ended.err


def test_without_git_it_is_said(tiny: Tiny) -> None:
    ended = tiny.rehearse(PATH="/nowhere")
    assert (ended.code, ended.err.splitlines()) == (4, ["PB150 the program 'git' is not there", "  hint: install git"])


def test_what_did_not_run_after_a_failure_does_not_wait(tiny: Tiny) -> None:
    tiny.write("install.sh", "exit 3\n")
    lines = tiny.rehearse().out.splitlines()
    assert [line.split() for line in lines if line.startswith(("Approve", "Promote"))] == [
        ["Approve", "not", "run"],
        ["Promote", "not", "run"],
    ]


def test_a_folder_without_a_repository(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").rename(tmp_path / "gone")
    ended = tiny.rehearse()
    assert (ended.code, "PB653" in ended.err) == (1, True)


def wait_for(path: Path, process: Process) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    assert path.exists()


def is_alive(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().split()[2] != "Z"
    except OSError:
        return False


SLOW = """\
if [ ! -e "$SMP_STATE.once" ]; then
  sleep 300 & echo $! >"$SMP_STATE.pid.new"; mv "$SMP_STATE.pid.new" "$SMP_STATE.once"; wait
fi
mkdir build; echo "export VERDICT=pass SUMMARY=x" >build/stage.env
"""


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_rehearsal_leaves_nothing_and_goes_on(tiny: Tiny, how: signal.Signals) -> None:
    tiny.write("build.sh", SLOW)
    process = tiny.workspace.start(*tiny.arguments("--approve"))
    once = tiny.root / "repo" / ".pipeline_builder" / "rehearsals" / "target.once"
    wait_for(once, process)
    os.kill(process.pid, how)
    _, said = process.communicate(timeout=30)
    assert ("'pipeline-builder rehearse --resume' goes on" in said) is (how is signal.SIGINT)
    deadline = time.monotonic() + 10
    while is_alive(once.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(once.read_text().strip())
    cut_off = record(tiny)
    assert (cut_off["status"], statuses(cut_off)["Build"]) == ("InProgress", "InProgress")
    ended = tiny.rehearse("--resume", cut_off["id"][:8], "--approve", "--json")
    assert (ended.code, ended.json["id"]) == (0, cut_off["id"]), ended.err
    assert ended.json["stages"][1]["actions"][0]["attempt"] == 2
    assert ended.json["stages"][0]["actions"][0]["attempt"] == 1
    assert not Path(cut_off["stages"][1]["actions"][0]["build"]["folder"]).exists()


@pytest.mark.long
def test_a_second_rehearsal_waits_for_the_first(tiny: Tiny) -> None:
    slow = SLOW.replace("sleep 300 &", "sleep 1 &")
    tiny.write("build.sh", slow)
    first = tiny.workspace.start(*tiny.arguments("--approve"))
    wait_for(tiny.root / "repo" / ".pipeline_builder" / "rehearsals" / "target.once", first)
    second = tiny.rehearse("--approve")
    assert (first.wait(30), second.code) == (0, 0)
    first.communicate()
    assert "queued: another rehearsal is being played" in second.err
    assert record(tiny)["stages"][1]["actions"][0]["build"]["number"] == 2
    found = (tiny.root / "repo" / ".pipeline_builder" / "rehearsals").glob("*/state.json")
    before, after = sorted((json.loads(path.read_bytes()) for path in found), key=lambda state: str(state["started"]))
    assert before["ended"] <= after["started"]


@pytest.mark.long
def test_an_approval_that_is_too_late_fails(tiny: Tiny) -> None:
    tiny.rehearse()
    path = next((tiny.root / "repo" / ".pipeline_builder" / "rehearsals").glob("*/state.json"))
    state = json.loads(path.read_bytes())
    state["stages"][2]["actions"][0]["started"] = "2026-01-01T00:00:00Z"
    path.write_text(json.dumps(state))
    ended = tiny.rehearse("--resume", "--approve")
    assert ended.code == 5
    assert "PB659" in ended.err
    assert "nobody has answered within 60 minutes" in ended.err


@pytest.mark.long
def test_a_build_that_takes_too_long(tiny: Tiny) -> None:
    tiny.rendered("Default: 5}", "Default: 0.01}")
    tiny.write("build.sh", "sleep 60\n")
    ended = tiny.rehearse()
    assert ended.code == 5
    assert "PB657" in ended.err


@pytest.mark.long
@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [("yes", 0, "approved by grace: fine"), ("no", 5, "rejected by grace: fine"), ("later", 0, "waits for an answer")],
)
def test_a_person_is_asked_on_a_terminal(tiny: Tiny, reply: str, code: int, said: str) -> None:
    environment = {**tiny.workspace.environment(SMP_APPROVER="grace")}
    answers = [("Approve? yes / no / later", reply), *([("Comment", "fine")] if reply != "later" else [])]
    ended, seen = answer(tiny.workspace.command(*tiny.arguments()), tiny.workspace.root, environment, *answers)
    assert (ended, said in seen) == (code, True), seen
    assert "https://example.com/pass" in seen


@pytest.mark.long
def test_the_environment_of_builds_is_played_without_an_account(tiny: Tiny) -> None:
    variables = """- {Name: HTTPS_PROXY, Value: "http://proxy.intern:3128"}
          - {Name: SMP_CODEARTIFACT, Value: ml/123456789012/pypi/eu-central-1}
          - {Name: UV_INDEX, Type: SECRETS_MANAGER, Value: "ml/index:url"}
          - {Name: OWN, Value: project}"""
    tiny.rendered("- {Name: OWN, Value: project}", variables)
    refused = tiny.rehearse("--approve")
    assert "PB661 the build of 'tiny-build' takes 'UV_INDEX' from Secrets Manager" in refused.err
    ended = tiny.rehearse("--approve", "--json", "--env", "UV_INDEX=http://127.0.0.1:1/simple")
    assert ended.code == 0, ended.err
    assert "CodeArtifact ('ml/123456789012/pypi/eu-central-1') is not asked" in ended.err
    found = read(ended.json, "Build", "build/environment")
    assert "HTTPS_PROXY=http://proxy.intern:3128" in found
    assert "UV_INDEX=http://127.0.0.1:1/simple" in found
    assert "SMP_CODEARTIFACT" not in found
