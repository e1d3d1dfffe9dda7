"""What processing containers run: arguments, programs of any kind, reports of any name, lists that include others."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.definition import build_definition
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings
from pipeline_builder.errors import InputProblems
from tests.definition.cases import CASES
from tests.definition.composing import compose_definition, load_graph
from tests.tiny import CONF, variant

PREPROCESS = "        entry_point: preprocess.py\n"
EVALUATE = "        entry_point: evaluate.py\n"
GATE = ("      registry:\n", "      gate: [{metric: a.b, min: 0.5}]\n      registry:\n")
SETUP = "cd /opt/ml/processing/input/code && tar -xzf sourcedir.tar.gz && "


def steps(tmp_path: Path, conf: str, **more: Any) -> dict[str, Any]:
    document = json.loads(compose_definition(tmp_path, conf, **more).content)
    return {step["Name"].removeprefix("churn-"): step for step in document["Steps"]}


def application(tmp_path: Path, step: str, *replacements: tuple[str, str], **more: Any) -> tuple[list[str], list[Any]]:
    found = steps(tmp_path, variant(*replacements), **more)[step]["Arguments"]["AppSpecification"]
    return found["ContainerEntrypoint"], found.get("ContainerArguments", [])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[--ratio, 0.2, --flag, true]", ["--ratio", "0.2", "--flag", "true"]),
        ("--ratio 0.2 --name 'two words'", ["--ratio", "0.2", "--name", "two words"]),
        ("{ratio: 0.2, all: null, b: x}", ["--all", "--b", "x", "--ratio", "0.2"]),
        ("{-v: 1, --ratio: 0.2}", ["--ratio", "0.2", "-v", "1"]),
        ("[--n, $params.N]", ["--n", {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}}]),
    ],
)
def test_arguments_of_a_script(tmp_path: Path, written: str, expected: list[Any]) -> None:
    line = f"        args: {written}\n"
    parameter = (
        "    pipelineName: tiny\n",
        "    pipelineName: tiny\n    parameters: [{name: N, type: Integer, default: 1}]\n",
    )
    for section, step, script in ((PREPROCESS, "Preprocess", "preprocess"), (EVALUATE, "Metrics", "evaluate")):
        entry, arguments = application(tmp_path / step, step, (section, section + line), parameter)
        assert arguments == expected
        assert entry[2:4] == [f'{SETUP}exec "$@"', "bash"]
        assert entry[-3:] == ["python", "-m", script]


@pytest.mark.parametrize("written", ["{'': 1}", "{--: 1}", "{a b: 1}"])
def test_names_that_no_argument_has(tmp_path: Path, written: str) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, CONF.replace(PREPROCESS, f"{PREPROCESS}        args: {written}\n"))
    (problem,) = caught.value.problems
    assert (problem.id, "'args' has the name" in problem.message) == ("PB204", True)


def test_arguments_that_are_merged_reach_the_script(tmp_path: Path) -> None:
    over = "        arguments: {AppSpecification: {ContainerArguments: [--n, '1']}}\n"
    entry, arguments = application(tmp_path, "Preprocess", (PREPROCESS, PREPROCESS + over))
    assert entry == ["/bin/bash", "-c", f'{SETUP}exec "$@"', "bash", "python", "-m", "preprocess"]
    assert arguments == ["--n", "1"]
    step = "            step_type: preprocess\n"
    own = f"{step}            arguments: {{AppSpecification: {{ContainerArguments: ['2']}}}}\n"
    entry, arguments = application(tmp_path / "step", "Preprocess", (step, own))
    assert (entry[-1], arguments) == ("preprocess", ["2"])


def test_without_arguments_nothing_is_composed_anew(tmp_path: Path) -> None:
    assert application(tmp_path, "Preprocess") == (["/bin/bash", "-c", f"{SETUP}exec python -m preprocess"], [])


@pytest.mark.parametrize("script", ["run.sh", "bin/fit"])
def test_a_program_of_any_kind(tmp_path: Path, script: str) -> None:
    changed = (PREPROCESS, f"        entry_point: {script}\n")
    entry, arguments = application(tmp_path, "Preprocess", changed, files={script: "#!/bin/sh\n"})
    assert entry[2] == f'{SETUP}chmod +x {script} && exec "$@"'
    assert (entry[-1], arguments) == (f"./{script}", [])


@pytest.mark.parametrize(
    ("script", "fault", "hint"),
    [
        ("prepare.v2.py", "'prepare.v2' has a '.' in it", "give it another name"),
        ("v1.0/prepare.py", "'v1.0' has a '.' in it", "give it another name"),
        (
            "code/prepare.py",
            "'code' is in Python's standard library",
            "give it another name; with an '__init__.py' in 'code' it would be found, in place of Python's, by all that imports that",
        ),
        (
            "json/deep/prepare.py",
            "'json' is in Python's standard library",
            "give it another name; with an '__init__.py' in 'json' it would be found, in place of Python's, by all that imports that",
        ),
        ("site.py", "'site' is a module that Python has loaded before", "give it another name"),
        ("types.py", "'types' is a module that Python has loaded before", "give it another name"),
        ("time/prepare.py", "'time' is a module that Python has loaded before", "give it another name"),
    ],
)
def test_a_script_that_python_would_not_find(tmp_path: Path, script: str, fault: str, hint: str) -> None:
    conf = variant((PREPROCESS, f"        entry_point: {script}\n"))
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, conf, files={script: ""})
    (problem,) = caught.value.problems
    assert (problem.id, problem.hint, problem.place and problem.place.line) == ("PB276", hint, 7)
    assert problem.message == f"step 'churn-Preprocess': the entry point '{script}' can't run as a module: {fault}"


def test_nobody_looks_up_where_things_are_in_a_conf_that_nothing_is_wrong_with(tmp_path: Path) -> None:
    compose_definition(tmp_path)
    graph = load_graph(tmp_path, "churn")
    build_definition(graph, build_settings(LOCAL_DEFAULTS), {"churn": "churn"})
    assert not [step for step in graph.steps if "_positions" in vars(step.conf.document)]


@pytest.mark.parametrize(
    "script", ["select.py", "compression/a.py", "statistics.py", "my-script.py", "lib/a.py", "code/a.py", "v1.0/a.sh"]
)
def test_scripts_that_are_found(tmp_path: Path, script: str) -> None:
    replacement = (PREPROCESS, f"        entry_point: {script}\n")
    application(tmp_path, "Preprocess", replacement, files={script: "", "code/__init__.py": ""})


def test_files_of_a_manifest_and_arguments(tmp_path: Path) -> None:
    conf = CASES["more-inputs-than-a-job-takes"].conf.replace(PREPROCESS, f"{PREPROCESS}        args: [--n, 1]\n")
    found = steps(tmp_path, conf)["Preprocess"]["Arguments"]["AppSpecification"]
    entry = found["ContainerEntrypoint"]
    assert found["ContainerArguments"] == ["--n", "1"]
    assert entry[4] == "local/0.csv=input/part0"
    assert entry[-4:] == ["--", "python", "-m", "preprocess"]
    conf = conf.replace("args: [--n, 1]", "arguments: {AppSpecification: {ContainerEntrypoint: [own]}}")
    with pytest.raises(InputProblems, match="PB251 step 'churn-Preprocess' has an entry point of its own"):
        compose_definition(tmp_path, conf_written(tmp_path, conf))


def conf_written(tmp_path: Path, conf: str) -> str:
    (tmp_path / "churn" / "conf" / "conf.yaml").write_text(conf)
    return conf


def test_an_entry_point_of_its_own_gets_the_arguments(tmp_path: Path) -> None:
    own = "        args: [a]\n        arguments: {AppSpecification: {ContainerEntrypoint: [fit, --all]}}\n"
    assert application(tmp_path, "Preprocess", (PREPROCESS, PREPROCESS + own)) == (["fit", "--all"], ["a"])


@pytest.mark.parametrize(
    ("section", "member", "words", "warned"),
    [
        (PREPROCESS, "AppSpecification", "[python3, /opt/ml/processing/input/code/preprocess.py]", True),
        (PREPROCESS, "AppSpecification", "[fit, --all]", False),
        (
            PREPROCESS,
            "AppSpecification",
            "[sh, -c, 'cd /opt/ml/processing/input/code/; tar xzf sourcedir.tar.gz']",
            False,
        ),
        ("        hyperparams: {scale: 2}\n", "AlgorithmSpecification", "[/opt/ml/code/train, train]", True),
        ("        hyperparams: {scale: 2}\n", "AlgorithmSpecification", "[train]", False),
    ],
)
def test_a_program_that_will_not_find_its_code_is_said(
    tmp_path: Path, section: str, member: str, words: str, warned: bool
) -> None:
    own = f"{section}        arguments: {{{member}: {{ContainerEntrypoint: {words}}}}}\n"
    found = [problem.id for problem in compose_definition(tmp_path, variant((section, own))).warnings]
    assert found == (["PB253"] if warned else [])


# --- the report of a Metrics step ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "folder", "name", "file"),
    [
        ("file: evaluation.json", "output", "model_evaluation_metrics", "evaluation.json"),
        ("file: evaluation.json, output: evaluation", "evaluation", "evaluation", "evaluation.json"),
        ("output: /opt/ml/processing/deep/scores/", "deep/scores", "scores", "model_evaluation_metrics.json"),
        ("file: a/b.json, output: output", "output", "model_evaluation_metrics", "a/b.json"),
    ],
)
def test_everything_follows_the_report(tmp_path: Path, written: str, folder: str, name: str, file: str) -> None:
    keys = "".join(f"        {key}\n" for key in written.split(", "))
    card = "          - {step_name: churn-Card, step_class: Processing, chain_input_source_step: churn-Metrics}\n"
    last = "          - step_name: churn-Register\n            step_class: RegisterModel\n"
    found = steps(tmp_path, variant((EVALUATE, EVALUATE + keys), GATE, (last, last + card)))
    metrics, gate = found["Metrics"], found["Register-Gate"]["Arguments"]
    (output,) = metrics["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert (output["OutputName"], output["S3Output"]["LocalPath"]) == (name, f"/opt/ml/processing/{folder}")
    assert metrics["PropertyFiles"] == [{"PropertyFileName": name, "OutputName": name, "FilePath": file}]
    assert f"/opt/ml/processing/{folder}/{file}" in metrics["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    left = gate["Conditions"][0]["LeftValue"]["Std:JsonGet"]["PropertyFile"]
    assert left == {"Get": f"Steps.churn-Metrics.PropertyFiles.{name}"}
    uri = {"Get": f"Steps.churn-Metrics.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}
    statistics = gate["IfSteps"][0]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"] == {"Std:Join": {"On": "/", "Values": [uri, file]}}
    chained = found["Card"]["Arguments"]["ProcessingInputs"][1]["S3Input"]
    assert chained["LocalPath"] == f"/opt/ml/processing/input/churn-Metrics-input-{name}"


def test_an_output_that_arguments_move_is_looked_into(tmp_path: Path) -> None:
    over = (
        "        arguments:\n          ProcessingOutputConfig:\n            Outputs:\n"
        "              - {OutputName: model_evaluation_metrics, S3Output: {LocalPath: /opt/ml/processing/mine}}\n"
    )
    entry, _ = application(tmp_path, "Metrics", (EVALUATE, EVALUATE + over))
    assert "/opt/ml/processing/mine/model_evaluation_metrics.json" in entry


@pytest.mark.parametrize("output", ["/opt/ml/model", "input", "/opt/ml/processing/input/x", "../x", "''", "a b"])
def test_outputs_that_can_not_be(tmp_path: Path, output: str) -> None:
    with pytest.raises(InputProblems, match="PB204 'output' is"):
        compose_definition(tmp_path, variant((EVALUATE, f"{EVALUATE}        output: {output}\n")))


def test_the_name_of_what_looks_for_the_report_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputProblems, match="PB252 step 'churn-Metrics': its code has a file 'smp_metrics.sh'"):
        compose_definition(tmp_path, files={"smp_metrics.sh": ""})


# --- lists of requirements -----------------------------------------------------------------------------------------


def test_a_list_that_includes_what_is_not_in_the_code(tmp_path: Path) -> None:
    lists = {"requirements.txt": "six\n\n-r deps/base.txt\n-c ../out.txt\n", "deps/base.txt": "--constraint=b.txt\n"}
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, files=lists)
    found = [(str(p.place).rpartition("scripts/")[2], p.id, p.message[:60]) for p in caught.value.problems]
    assert sorted(found) == [
        ("deps/base.txt:1:1", "PB250", "'deps/base.txt' includes 'deps/b.txt', which is not in the c"),
        ("requirements.txt:4:1", "PB250", "'requirements.txt' includes '../out.txt', which is not in th"),
    ]


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, files={os.fsdecode(b"caf\xe9.csv"): "", os.fsdecode(b"\xff/a"): ""})
    assert [(problem.id, problem.message) for problem in caught.value.problems] == [
        ("PB193", f"step 'churn-Preprocess': its code has the file '{name}', whose name is not UTF-8")
        for name in ("\\udcff/a", "caf\\udce9.csv")
    ]
    assert "scripts', or leave it out" in str(caught.value.problems[0].hint)


def test_lists_stay_with_what_is_included(tmp_path: Path) -> None:
    conf = variant((EVALUATE, f"{EVALUATE}        include: [evaluate.py]\n"))
    lists = {"requirements.txt": "-r deps/base.txt\n", "deps/base.txt": "-c bounds.txt\n", "deps/bounds.txt": "six<2\n"}
    definition = compose_definition(tmp_path, conf, files=lists)
    bundle = definition.bundles[definition.code["churn-Metrics"]]
    assert bundle.files == ("deps/base.txt", "deps/bounds.txt", "evaluate.py", "requirements.txt")


@pytest.mark.parametrize("args", ["[--password, hunter2-canary]", "--api-key=canary-canary", "{token: canary-canary}"])
def test_arguments_that_look_like_secrets(tmp_path: Path, args: str) -> None:
    with pytest.raises(InputProblems) as caught:
        compose_definition(tmp_path, CONF.replace(PREPROCESS, f"{PREPROCESS}        args: {args}\n"))
    (problem,) = caught.value.problems
    assert (problem.id, "in 'args' looks like a secret" in problem.message) == ("PB328", True)
    assert "canary" not in str(caught.value)
