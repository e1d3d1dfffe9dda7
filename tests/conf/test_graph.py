"""conf.yaml and the graph: defaults, spellings, and each of their problems with its exact text."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.errors import InputProblems
from tests.definition.composing import compose_graph, load_graph
from tests.tiny import CONF, variant, write_model


def problem(tmp_path: Path, conf: str) -> str:
    with pytest.raises(InputProblems) as caught:
        compose_graph(tmp_path, conf)
    return str(caught.value)


def first_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("churn@")]


def test_the_graph_of_six_steps(tmp_path: Path) -> None:
    graph = compose_graph(tmp_path)
    assert {step.name: step.depends_on for step in graph.steps} == {
        "churn-Preprocess": (),
        "churn-Train": ("churn-Preprocess",),
        "churn-CreateModel": ("churn-Train",),
        "churn-Transform": ("churn-Preprocess", "churn-CreateModel"),
        "churn-Metrics": ("churn-Transform", "churn-Preprocess"),
        "churn-Register": ("churn-Train", "churn-Metrics"),
    }


def test_steps_may_be_listed_in_any_order(tmp_path: Path) -> None:
    head, steps = CONF.split("        steps:\n")
    blocks = ["          - step_name" + block for block in steps.split("          - step_name")[1:]]
    graph = compose_graph(tmp_path, head + "        steps:\n" + "".join(reversed(blocks)))
    names = [step.name for step in graph.steps]
    assert names == [f"churn-{n}" for n in ("Preprocess", "Train", "CreateModel", "Transform", "Metrics", "Register")]


def test_defaults_and_spellings(tmp_path: Path) -> None:
    conf = variant(
        ("        hyperparams: {scale: 2}", "        hyperparameters: {scale: 2}\n        max_runtime_in_seconds: 7"),
        ('ModelRepack: "False"', "ModelRepack: false"),
    )
    section = compose_graph(tmp_path, conf).units["churn"].section
    assert section.train
    assert section.preprocess
    assert section.transform
    assert section.evaluate
    assert section.registry
    assert (section.train.hyperparameters, section.train.max_runtime, section.train.volume_size) == (
        {"scale": 2},
        7,
        32,
    )
    assert (section.preprocess.max_runtime, section.preprocess.volume_size) == (3000, 32)
    assert (section.evaluate.max_runtime, section.evaluate.volume_size, section.evaluate.instance_count) == (
        3600,
        50,
        1,
    )
    assert section.transform.instance_type == "ml.m5.2xlarge"
    assert section.registry.approval == "PendingManualApproval"
    assert section.registry.inference.content_types == ("application/json",)


@pytest.mark.parametrize("written", ["a>>b", "a >> b", "a  >>b", "a >>\\tb"])
def test_dependencies_take_any_white_space(tmp_path: Path, written: str) -> None:
    text = written.replace("a", "churn-Register", 1) if written == "a" else written
    pair = text.replace("b", "@").replace("a", "churn-Train").replace("@", "churn-Other")
    other = "          - {step_name: churn-Other, step_class: Processing}\n"
    conf = CONF + other + f'    dependencies: ["{pair}"]\n'
    assert compose_graph(tmp_path, conf).by_name["churn-Other"].depends_on == ("churn-Train",)


def test_the_last_training_step_along_the_dag_counts(tmp_path: Path) -> None:
    conf = CONF + (
        "          - {step_name: churn-Tune, step_class: Training, chain_input_source_step: [churn-Train]}\n"
    )
    graph = compose_graph(tmp_path, conf)
    assert "churn-Tune" in graph.by_name["churn-CreateModel"].depends_on
    assert "churn-Tune" in graph.by_name["churn-Register"].depends_on


def test_two_repositories_in_one_graph(tmp_path: Path) -> None:
    write_model(tmp_path / "churn")
    models_only = CONF.split("  sagemakerPipeline:")[0].replace("churn:", "price:", 1)
    write_model(tmp_path / "price", models_only)
    graph_conf = CONF + "      price:\n        steps:\n          - {step_name: p, step_class: Processing}\n"
    (tmp_path / "churn" / "conf" / "conf.yaml").write_text(graph_conf)
    graph = load_graph(tmp_path, "churn", "price")
    assert graph.by_name["p"].unit.conf.repo == "price"
    assert graph.by_name["p"].unit.source_directory == tmp_path / "price" / "scripts"


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        (
            ("entry_point: train.py", "entrypoint: train.py"),
            [
                "churn@1f3c9ab:conf/conf.yaml:14:7: PB203 the key 'entry_point' is missing",
                "churn@1f3c9ab:conf/conf.yaml:16:9: PB202 the key 'entrypoint' is not known here",
            ],
        ),
        (
            ("step_class: Training", "step_class: Trainning"),
            [
                "churn@1f3c9ab:conf/conf.yaml:41:25: PB204 'step_class' is 'Trainning', expected 'Processing', 'Training', "
                "'CreateModel', 'Transform', 'Metrics', 'RegisterModel' and 28 more"
            ],
        ),
        (
            ("source_directory: scripts", "source_directory: script"),
            [
                "churn@1f3c9ab:conf/conf.yaml:4:25: PB305 the source directory 'script' of the model 'churn' is not there"
            ],
        ),
        (
            ("source_directory: scripts", "source_directory: ../../etc"),
            [
                "churn@1f3c9ab:conf/conf.yaml:4:25: PB204 the path '../../etc' is refused, expected a relative path without '..'"
            ],
        ),
        (
            ("source_directory: scripts", "source_directory: /etc"),
            [
                "churn@1f3c9ab:conf/conf.yaml:4:25: PB204 the path '/etc' is refused, expected a relative path without '..'"
            ],
        ),
        (
            ("entry_point: train.py", "entry_point: trian.py"),
            ["churn@1f3c9ab:conf/conf.yaml:16:22: PB307 the entry point 'trian.py' is not in the source directory"],
        ),
        (
            ("entry_point: train.py", "entry_point: ../train.py"),
            [
                "churn@1f3c9ab:conf/conf.yaml:16:22: PB204 the path '../train.py' is refused, expected a relative path without '..'"
            ],
        ),
        (
            ("step_name: churn-Train", "step_name: churn-Preprocess"),
            [
                "churn@1f3c9ab:conf/conf.yaml:40:24: PB309 two steps have the name 'churn-Preprocess', expected it once in the pipeline"
            ],
        ),
        (
            ("chain_input_source_step: [churn-Preprocess]", "chain_input_source_step: [churn-Preproces]"),
            ["churn@1f3c9ab:conf/conf.yaml:43:38: PB313 there is no step 'churn-Preproces'"],
        ),
        (
            (
                "pipelineName: tiny\n",
                "pipelineName: tiny\n    dependencies: [churn-Metrics >> churn-Train, a >> churn-Train, lone]\n",
            ),
            [
                "churn@1f3c9ab:conf/conf.yaml:33:20: PB315 the steps depend on each other in a cycle: churn-Train >> "
                "churn-CreateModel >> churn-Transform >> churn-Metrics >> churn-Train",
                "churn@1f3c9ab:conf/conf.yaml:33:50: PB313 there is no step 'a'",
                "churn@1f3c9ab:conf/conf.yaml:33:68: PB312 the dependency 'lone' has no 'a >> b' in it",
            ],
        ),
        (
            ("pipelineName: tiny\n", "pipelineName: tiny\n    dependencies: [churn-Metrics >> churn-Train]\n"),
            [
                "churn@1f3c9ab:conf/conf.yaml:33:20: PB315 the steps depend on each other in a cycle: churn-Train >> "
                "churn-CreateModel >> churn-Transform >> churn-Metrics >> churn-Train"
            ],
        ),
        (
            ("s3://SMP_S3BUCKETNAME/", "s3://SMP_S3BUCKET/"),
            ["churn@1f3c9ab:conf/conf.yaml:12:27: PB210 the placeholder 'SMP_S3BUCKET' has no value"],
        ),
        (
            ("enable_cache: true", "enable_cache: perhaps"),
            ["churn@1f3c9ab:conf/conf.yaml:39:27: PB204 'enable_cache' is 'perhaps', expected true or false"],
        ),
        (
            ("    churn:\n      source", "    'ch urn':\n      source"),
            [
                "churn@1f3c9ab:conf/conf.yaml:3:5: PB302 the model name 'ch urn' cannot be used, expected letters, digits, "
                "'.', '_' and '-'",
                "churn@1f3c9ab:conf/conf.yaml:34:7: PB308 the model 'churn' is not defined in any file",
            ],
        ),
        (
            ("      evaluate:\n", "      evaluation:\n"),
            ["churn@1f3c9ab:conf/conf.yaml:23:7: PB202 the key 'evaluation' is not known here"],
        ),
    ],
)
def test_single_problems(tmp_path: Path, replacement: tuple[str, str], expected: list[str]) -> None:
    assert first_lines(problem(tmp_path, variant(replacement))) == expected


def test_a_missing_section_names_the_step_and_the_model(tmp_path: Path) -> None:
    head, tail = CONF.split("      evaluate:\n")
    conf = head + "      registry:\n" + tail.split("      registry:\n")[1]
    assert first_lines(problem(tmp_path, conf)) == [
        "churn@1f3c9ab:conf/conf.yaml:3:5: PB311 step 'churn-Metrics' (Metrics) needs the section 'evaluate' of the model 'churn'"
    ]


def test_no_pipeline_section(tmp_path: Path) -> None:
    assert first_lines(problem(tmp_path, CONF.split("  sagemakerPipeline:")[0])) == [
        "churn@1f3c9ab:conf/conf.yaml:1:1: PB303 no file has a 'sagemakerPipeline' section, expected it in exactly one"
    ]


def test_two_files_clash_with_both_places(tmp_path: Path) -> None:
    write_model(tmp_path / "churn")
    write_model(tmp_path / "other")
    with pytest.raises(InputProblems) as caught:
        load_graph(tmp_path, "churn", "other")
    text = str(caught.value)
    assert "other@1f3c9ab:conf/conf.yaml:3:5: PB301 the model 'churn' is defined twice" in text
    assert "also: churn@1f3c9ab:conf/conf.yaml:3:5" in text
    assert "other@1f3c9ab:conf/conf.yaml:31:3: PB304 two 'sagemakerPipeline' sections" in text
    assert "also: churn@1f3c9ab:conf/conf.yaml:31:3" in text


def test_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "train" / "churn")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "train.py").write_text("")
    scripts = tmp_path / "train" / "churn" / "scripts"
    (scripts / "train.py").unlink()
    (scripts / "train.py").symlink_to(tmp_path / "outside" / "train.py")
    with pytest.raises(InputProblems, match="PB306 the entry point 'train.py' leaves the source directory"):
        load_graph(tmp_path / "train", "churn")
    (tmp_path / "train" / "churn" / "s2").symlink_to(tmp_path / "outside")
    (tmp_path / "train" / "churn" / "conf" / "conf.yaml").write_text(variant(("scripts\n", "s2\n")))
    with pytest.raises(InputProblems, match="PB306 the source directory 's2' leaves the training directory"):
        load_graph(tmp_path / "train", "churn")


def test_what_would_steer_a_terminal_is_shown_as_an_escape(tmp_path: Path) -> None:
    text = problem(tmp_path, variant(("entry_point: train.py", 'entry_point: "\\e]0;x\\a\u202etrain.py"')))
    assert "PB307 the entry point '\\x1b]0;x\\x07\\u202etrain.py' is not in the source directory" in text
    assert "\u202e" not in text
    assert '        entry_point: "\\e]0;x\\a\ufffdtrain.py"\n                         ^' in text


def test_a_hint_names_the_nearest_word(tmp_path: Path) -> None:
    text = problem(tmp_path, variant(("chain_input_source_step: [churn-Prep", "chain_input_source_step: [churn-Perp")))
    assert "hint: did you mean 'churn-Preprocess'" in text
