"""Factories as people write them, with both versions of the SDK, in the environment that is made for them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline_builder.sdk.room
from pipeline_builder.definition.compose import compose
from pipeline_builder.definition.composed import Composed
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.engine.jobs.environments import environment_key
from pipeline_builder.engine.jobs.requirements import clean_layers
from pipeline_builder.errors import InputProblems, PipelineBuilderError
from pipeline_builder.machine.folders import sweep_folder
from pipeline_builder.machine.kept import Kept
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.sdk.environment import SdkEnvironment
from pipeline_builder.sdk.factories import Maker
from pipeline_builder.sdk.room import QUIET, Room
from tests.definition.oracle.environment import FOLDER, run_in_sdk
from tests.engine.environments import share_environment
from tests.places import ROOT
from tests.sdk import oracle
from tests.security.policing import read_manifest
from tests.tiny import CONF, write_model
from tests.workspaces import MANIFEST, make_workspace

CODE = {number: (Path(oracle.__file__).with_name(f"steps_v{number}.py")).read_text() for number in (2, 3)}
PROFILE = Path(oracle.__file__).with_name("profile_model.py").read_text()


def conf(version: Any = 2, **section: Any) -> str:
    tree = yaml.safe_load(CONF)
    tree["conf"]["models"]["churn"]["sdk"] = {"entry_point": "steps.py", "version": version, **section}
    tree["conf"]["sagemakerPipeline"]["parameters"] = [{"name": "Instance", "default": "ml.m5.large"}]
    return yaml.safe_dump(tree, sort_keys=False)


def composed(
    root: Path,
    text: str,
    files: Mapping[str, str],
    said: list[str] | None = None,
    *,
    seconds: float = 300.0,
    environments: Path = FOLDER,
    program: Path | None = None,
    code: str = "ours",
) -> Composed:
    """Compose a model repository; what was made before is kept in the root."""
    if not (root / "aws-train").exists():
        write_model(root / "aws-train" / "churn", text)
    for name, content in files.items():
        (root / "aws-train" / "churn" / "scripts" / name).write_text(content)
    room = Room(folder=root / "state" / "factories", hidden=(root,), seconds=seconds, report=pytest.fail)
    room = replace(room, program=program) if program else room
    said = [] if said is None else said
    maker = Maker(
        room=room,
        environments=environments,
        kept=Kept(folder=root / "kept"),
        handed=root / "build",
        say=said.append,
        code=code,
    )
    manifest = read_manifest("policy: {factories: true}\n", "[{url: churn}]")
    return compose(manifest, Lock(manifest_commit="", repos=()), root=root, values=LOCAL_DEFAULTS, build=maker)


def made(found: Composed) -> list[dict[str, Any]]:
    names = [step.name for step in found.graph.steps if step.made]
    steps = {step["Name"]: step for step in json.loads(found.definition.content)["Steps"]}
    return [steps[name] for name in names]


@pytest.mark.long
@pytest.mark.parametrize("version", [2, 3])
def test_the_steps_are_those_of_the_sdk_whenever_and_wherever_they_are_made(tmp_path: Path, version: int) -> None:
    found = composed(tmp_path, conf(version), {"steps.py": CODE[version], "profile_model.py": PROFILE})
    golden = ROOT / "tests" / "golden" / "made" / f"v{version}.json"
    text = json.dumps(made(found), indent=1, sort_keys=True) + "\n"
    if not golden.exists():
        golden.write_text(text)
        pytest.fail(f"{golden} was written; read it")
    assert text == golden.read_text()
    named = set(re.findall(r"s3://local/tiny/code/[^\"\\]*", text))
    assert all(any(uri == name or uri.startswith(f"{name}/") for uri in found.definition.files) for name in named)
    assert PROFILE.encode() in found.definition.files.values()
    # The oracle: the same function, called by the SDK alone.
    (tmp_path / "home").mkdir()
    output = tmp_path / "home" / "steps.json"
    (tmp_path / "config.yaml").write_bytes(QUIET)
    quiet = {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "config.yaml")}
    scripts = tmp_path / "aws-train" / "churn" / "scripts"
    run_in_sdk(
        f"v{version}",
        "tests.sdk.oracle.alone",
        str(version),
        str(scripts),
        str(output),
        home=tmp_path / "home",
        variables=quiet,
    )
    theirs = {step["Name"]: step for step in json.loads(output.read_text())}
    for step in made(found):
        assert plain(step) == plain(theirs[step["Name"]])


def plain(step: Any) -> Any:
    """Return a step without what is the repository's (its role, a variable for the cache) and where its code lies."""
    request = {key: value for key, value in step["Arguments"].items() if key != "RoleArn"}
    if request.get("Environment", {}).keys() == {"SMP_CACHE_GENERATION"}:
        del request["Environment"]
    text = json.dumps({**step, "Arguments": request}, sort_keys=True)
    return json.loads(re.sub(r"s3://local/[^\"\\]*", "s3://local/…", text))


# What is found before the SDK is imported, in whatever environment.
EARLY: dict[str, tuple[str, str, str, str]] = {
    "import": ("import pandas_of_mine\n", "PB919", "steps.py:1:1", "No module named 'pandas_of_mine'"),
    "raises": ("import os\nraise OSError('no')\n", "PB919", "steps.py:2:1", "OSError: no"),
    "syntax": ("def build(:\n", "PB919", "steps.py:1:1", "SyntaxError"),
    "function": ("def biuld():\n    pass\n", "PB919", "conf.yaml", "there is no function 'build'"),
    "no function": ("build = 7\n", "PB919", "conf.yaml", "there is no function 'build'"),
    "wants": ("\ndef build(steps, colour):\n    pass\n", "PB919", "steps.py:2:1", "wants 'colour'"),
    "lies": ("import json, os\njson.dump({'steps': [{'Name': 'a', 'Type': 'Fail', 'Arguments': {'Colour': 1}}]}, open('/opt/ml/output/steps.json', 'w'))\nos._exit(0)\n", "PB4", "conf.yaml", "Colour"),
    "never": ("import time\ntime.sleep(1000)\n", "PB922", "conf.yaml", "has not ended"),
    "nonsense": ("import os\nopen('/opt/ml/output/steps.json', 'w').write('[')\nos._exit(0)\n", "PB923", "conf.yaml", "no JSON"),
}  # fmt: skip
# What the classes of any SDK do for.
WITH_STEPS: dict[str, tuple[str, str, str, str]] = {
    "raised": ("def build(steps):\n    return steps['nobody']\n", "PB920", "steps.py:2:5", "KeyError: 'nobody'"),
    "exit": ("def build():\n    raise SystemExit(3)\n", "PB920", "steps.py:2:5", "SystemExit: 3"),
    "thing": ("def build():\n    return ['a']\n", "PB921", "steps.py:1:1", "builtins.str at place 0"),
    "nothing": ("def build():\n    pass\n", "PB921", "steps.py:1:1", "has returned nothing"),
    "handle": ("def build(steps):\n    return [*steps.values()]\n", "PB921", "steps.py:1:1", "the step 'churn-Preprocess'"),
    "refused": ("def build(steps):\n    import smp_v2\n    return smp_v2.Step('a b')\n", "PB920", "conf.yaml", "no name"),
}  # fmt: skip
REACHING = """
import boto3, urllib.request

def tried(work):
    try:
        return work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def build(session, bucket):
    raise ValueError([
        tried(lambda: urllib.request.urlopen("https://pypi.org", timeout=5)),
        tried(lambda: boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="a")),
        tried(lambda: boto3.client("s3").put_object(Bucket=bucket, Key="tiny/price/a", Body=b"")),
        tried(lambda: boto3.client("s3").get_object(Bucket=bucket, Key="churn/numbers.csv")),
        session.account_id(),
    ])
"""
UNDEFINED = """
from sagemaker.workflow.fail_step import FailStep

def build():
    return FailStep(name="a", depends_on=["churn-Nobody"])
"""


def plain_environments(folder: Path) -> Path:
    """Return a folder of environments in which one without packages stands for the SDK's."""
    share_environment(folder / "plain")
    (found,) = (path for path in (folder / "plain" / "envs").iterdir() if path.is_dir())
    lock = SdkEnvironment(2, folder, pytest.fail).lock
    (folder / "envs").mkdir()
    (folder / "envs" / environment_key(clean_layers((tuple(lock.splitlines()),)))).symlink_to(found)
    return folder / "envs"


def with_a_tiny_sdk(folder: Path) -> Path:
    """Return the program that calls factories, beside classes that do for a step or two."""
    (folder / "inside").mkdir()
    (folder / "inside" / "smp_v2.py").write_text(TINY_SDK)
    return Path(
        shutil.copy(Path(pipeline_builder.sdk.room.__file__).parent / "inside" / "factory.py", folder / "inside")
    )


TINY_SDK = """
import types

class Step:
    def __init__(self, name, **arguments):
        self.name, self.arguments = name, arguments

class Handle(Step):
    pass

def request(steps):
    if any(" " in step.name for step in steps):
        raise ValueError("no name")
    return [{"Name": step.name, "Type": "Fail", "Arguments": step.arguments} for step in steps]

def open_sdk(asked):
    steps = {one["name"]: Handle(one["name"]) for one in asked["steps"]}
    values = {"parameters": {}, "steps": steps, "session": None}
    return types.SimpleNamespace(values=values, kinds=(Step,), handle=Handle, request=request)
"""


def check(folder: Path, cases: Mapping[str, tuple[str, str, str, str]], **given: Any) -> None:
    for case, (code, problem_id, place, words) in cases.items():
        with pytest.raises(PipelineBuilderError) as caught:
            composed(folder / case, conf(), {"steps.py": code}, **given)
        problem = next((one for one in caught.value.problems if one.id.startswith(problem_id)), None)
        assert problem is not None, f"{case}: {caught.value}"
        assert (words in problem.message, place in str(problem.place)) == (True, True), f"{case}: {problem}"
        assert problem.hint, case


@pytest.mark.long
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path) -> None:
    environments = plain_environments(tmp_path)
    check(tmp_path, EARLY, environments=environments, seconds=2.0)
    check(tmp_path, WITH_STEPS, environments=environments, program=with_a_tiny_sdk(tmp_path))


@pytest.mark.long
def test_a_factory_runs_once_for_its_content(tmp_path: Path) -> None:
    given: Any = {"environments": plain_environments(tmp_path), "program": with_a_tiny_sdk(tmp_path)}
    said: list[str] = []
    code = "def build():\n    import smp_v2\n    return smp_v2.Step('end', ErrorMessage='{}')\n"
    root = tmp_path / "root"
    found = composed(root, conf(), {"steps.py": code.format("a")}, said, **given)
    assert (made(found)[0]["Arguments"], len(said)) == ({"ErrorMessage": "a"}, 1)
    for gone in ("build", "kept"):  # what is kept, or handed on by an earlier stage, is taken
        sweep_folder(root / gone)
        assert composed(root, conf(), {}, said, **given).definition.content == found.definition.content
        assert len(said) == 1
    sweep_folder(root / "kept")
    composed(root, conf(), {}, said, code="another", **given)  # what another version of ours has made is none of its
    assert len(said) == 2
    for file in (root / "build" / "factories").iterdir():  # what isn't whole is none
        file.write_text(file.read_text()[:-9])
    sweep_folder(root / "kept")
    assert composed(root, conf(), {}, said, **given).definition.content == found.definition.content
    assert len(said) == 3
    assert made(composed(root, conf(), {"steps.py": code.format("b")}, said, **given))[0]["Arguments"] == {
        "ErrorMessage": "b"
    }
    assert len(said) == 4


@pytest.mark.long
def test_the_role_is_the_repositorys_wherever_it_stands(tmp_path: Path) -> None:
    given: Any = {"environments": plain_environments(tmp_path), "program": with_a_tiny_sdk(tmp_path)}
    code = "def build(role):\n    import smp_v2\n    return smp_v2.Step('end', ErrorMessage='as ' + role)\n"
    for _ in range(2):  # made, and found
        found = made(composed(tmp_path / "root", conf(), {"steps.py": code}, **given))
        assert found[0]["Arguments"] == {"ErrorMessage": "as arn:aws:iam::000000000000:role/local"}
    kept = "".join(path.read_text() for path in (tmp_path / "root" / "build" / "factories").iterdir())
    assert "role/local" not in kept


class Interrupting(list[str]):
    """Where a factory says that it runs, somebody presses Ctrl-C soon."""

    def append(self, line: str) -> None:
        super().append(line)
        press = (threading.main_thread().ident, signal.SIGINT)
        threading.Timer(0.3, signal.pthread_kill, press).start()


@pytest.mark.long
def test_an_interrupted_factory_keeps_nobody(tmp_path: Path) -> None:
    seconds, begun = 20.0, time.monotonic()
    environments = plain_environments(tmp_path)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            composed(
                tmp_path / "root",
                conf(),
                {"steps.py": "import time\ntime.sleep(1000)\n"},
                Interrupting(),
                environments=environments,
                seconds=seconds,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < seconds  # it has not come to the end of its own time


@pytest.mark.long
def test_a_factory_reaches_nobody_and_the_sdk_holds_steps_against_each_other(tmp_path: Path) -> None:
    check(tmp_path, {"undefined": (UNDEFINED, "PB920", "conf.yaml", "churn-Nobody")})
    with pytest.raises(PipelineBuilderError) as caught:
        composed(tmp_path / "reaching", conf(), {"steps.py": REACHING})
    text = str(caught.value)
    assert [
        word
        for word in ("URLError", "CreateModelPackageGroup", "s3:PutObject", "s3:GetObject", "000000000000")
        if word not in text
    ] == []


def test_what_needs_no_run_is_said_without_one(tmp_path: Path) -> None:
    for case, section, problem_id, words in (
        ("file", {"entry_point": "stesp.py"}, "PB918", "did you mean 'steps.py'"),
        ("outside", {"entry_point": "../../x.py"}, "PB204", "'../../x.py'"),
        ("step", {"chain_input_source_step": "churn-Tarin"}, "PB313", "did you mean 'churn-Train'"),
        ("version", {"version": 4}, "PB204", "4"),
        ("name", {"function": "a b"}, "PB204", "a b"),
    ):
        said: list[str] = []
        with pytest.raises(InputProblems) as caught:
            composed(tmp_path / case, conf(**{"version": 2, **section}), {"steps.py": ""}, said, environments=tmp_path)
        assert any(one.id == problem_id and words in str(one) for one in caught.value.problems), str(caught.value)
        assert not said


@pytest.mark.long
def test_a_factory_is_a_part_of_the_whole(tmp_path: Path) -> None:
    manifest = f"{MANIFEST}policy: {{factories: true}}\n"
    workspace = make_workspace(tmp_path, conf=conf(), manifest=manifest, state=False)
    (tmp_path / ".pipeline_builder").mkdir()
    (tmp_path / ".pipeline_builder" / "envs").symlink_to(FOLDER)
    workspace.push("scripts/steps.py", CODE[2])
    workspace.push("scripts/profile_model.py", PROFILE)
    ended = workspace.run("up", "--approve")
    assert ended.code == 0, ended.err
    steps = workspace.call("status", "--json").json["steps"]
    assert {step["name"]: step["status"] for step in steps}["churn-Again"] == "Succeeded"
    assert "churn-Profile" in workspace.call("graph", "--format", "text").out
    assert "churn-Profile" in (tmp_path / "build" / "report.html").read_text()
    ended = workspace.run("up", "--approve")
    assert (ended.code, "are made with" in ended.err) == (0, False)
    # Repositories of others aren't allowed by it.
    (tmp_path / "model_repos.yaml").write_text(MANIFEST)
    ended = workspace.call("validate")
    assert (ended.code, "PB917" in ended.err) == (1, True)
