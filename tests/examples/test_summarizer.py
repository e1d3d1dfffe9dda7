"""The example `summarizer`: its data, its scripts, its definition, and both outcomes in a fresh clone."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.documents.source import load_yaml
from pipeline_builder.manifest.manifest import build_manifest
from tests.checkout.repositories import ENVIRONMENT
from tests.engine.environments import equip, no_cheap_torch, share_environments
from tests.examples.definitions import EXAMPLES, check_golden, check_scripts
from tests.places import ROOT, with_uv

EXAMPLE = EXAMPLES / "summarizer"
MANIFEST = "examples/summarizer/model_repos.yaml"
DATA = ROOT / "examples" / "data" / "summarizer" / "dialogues.jsonl"


def test_the_data_is_what_the_generator_makes() -> None:
    assert runpy.run_path(str(EXAMPLE / "data" / "generate.py"))["lines"]() == DATA.read_text()


def test_the_data_has_the_shape_of_samsum() -> None:
    records = [json.loads(line) for line in DATA.read_text().splitlines()]
    assert {tuple(record) for record in records} == {("id", "dialogue", "summary")}
    assert (len(records), len({record["id"] for record in records})) == (200, 200)
    assert all(record["id"].startswith("synthetic-") for record in records)
    assert all("{" not in line for line in DATA.read_text().replace('{"id"', "").splitlines())
    for record in records:
        speakers = {turn.partition(": ")[0] for turn in record["dialogue"].split("\r\n")}
        assert len(speakers) == 2
        assert record["summary"].split()[0] in speakers


def test_the_scripts_are_fit_for_the_containers() -> None:
    check_scripts(EXAMPLE)


def test_the_manifest_has_data_and_packages_for_all_that_the_conf_names() -> None:
    manifest = build_manifest(load_yaml(ROOT / MANIFEST, MANIFEST, "PB100"))
    folder = EXAMPLE / manifest.local.s3["local/summarizer"]
    assert (folder / "dialogues.jsonl").resolve() == DATA
    assert all(
        "huggingface-pytorch-" in uri
        for uri in re.findall(r"(\S+amazonaws\S+)", (EXAMPLE / "conf/conf.yaml").read_text())
    )


def test_golden() -> None:
    check_golden("summarizer", EXAMPLES, "summarizer")


@pytest.mark.parametrize(
    ("summary", "reference", "rouge"),
    [
        ("Anna will buy bread.", "anna will buy bread", (1.0, 1.0, 1.0)),
        ("", "Anna will buy bread", (0.0, 0.0, 0.0)),
        # The sentences of Lin 2004, figured out by hand.
        ("police kill the gunman", "police killed the gunman", (0.75, 1 / 3, 0.75)),
        ("the gunman kill police", "police killed the gunman", (0.75, 1 / 3, 0.5)),
        ("the the the", "the cat", (0.4, 0.0, 0.4)),
    ],
)
def test_rouge(summary: str, reference: str, rouge: tuple[float, float, float]) -> None:
    report = runpy.run_path(str(EXAMPLE / "scripts" / "evaluate.py"))["evaluate"]([summary], [reference])
    assert [report[name]["value"] for name in ("rouge1", "rouge2", "rougeL")] == pytest.approx(rouge, abs=1e-6)


def test_a_long_dialogue_keeps_the_words_around_it() -> None:
    prompt = runpy.run_path(str(EXAMPLE / "scripts" / "prompt.py"))
    encode: Callable[..., list[str]] = prompt["encode"]

    def letters(text: str, *, add_special_tokens: bool) -> dict[str, list[str]]:
        assert not add_special_tokens
        return {"input_ids": list(text)}

    whole = "".join(encode(letters, "A: a\r\nB: b", 1000))
    assert whole == prompt["BEFORE"] + "A: a\nB: b" + prompt["AFTER"]
    for length in (len(whole) - 4, len(whole) - 9):
        short = "".join(encode(letters, "A: a\r\nB: b", length))
        assert len(short) == length
        assert short.startswith(prompt["BEFORE"])
        assert short.endswith(prompt["AFTER"])


NO_TORCH = no_cheap_torch((ROOT / MANIFEST).read_text())


@pytest.mark.long
@pytest.mark.skipif(bool(NO_TORCH), reason=NO_TORCH)
def test_both_outcomes_in_a_fresh_clone(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], env=ENVIRONMENT, check=True)
    share_environments(clone / "examples" / "summarizer" / ".pipeline_builder", tmp_path_factory)
    equip(ROOT / MANIFEST, tmp_path_factory, EXAMPLE)
    own = {"PATH": with_uv(os.environ["PATH"]), "UV_LINK_MODE": "hardlink", "GIT_CONFIG_GLOBAL": os.devnull}
    environment = {**os.environ, **own}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(clone / "scripts" / "run"), "--manifest", MANIFEST, "--approve", *arguments],
            cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def record() -> Any:
        return json.loads((clone / "examples" / "summarizer" / "build" / "run.json").read_text())

    stopped = run("--parameter", "MaxEvalLoss=0.01", "--parameter", "Epochs=1")  # nothing comes of more of them
    assert stopped.returncode == 5, stopped.stderr
    said = next(line for line in stopped.stderr.splitlines() if line.startswith("PB500"))
    assert re.fullmatch(
        r"PB500 step 'summarizer-Train' failed: the evaluation loss \d\.\d{4} is above max_eval_loss 0\.01: the model is not kept",
        said,
    )
    assert record()["packages"] == []
    registered = run("--parameter", "GradientCheckpointing=true", "--parameter", "Epochs=4")  # half of them do as well
    assert registered.returncode == 0, registered.stderr
    (package,) = record()["packages"]
    metrics = {name: number["value"] for name, number in package["metrics"].items()}
    assert metrics["loss"] < 2.5 < metrics["untuned_loss"]
    assert metrics["rouge1"] > metrics["rouge2"] > 0.2
    assert package["status"] == "Approved"
