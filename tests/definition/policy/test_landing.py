"""What a pipeline is started by must not be where runs write: each would start the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.policy.landing import Output, Written, find_crossings, find_loops
from pipeline_builder.manifest.pipelines import PipelineEntry, PipelineTrigger
from tests.scoring import INFERENCE, MANIFEST, make_scoring

SCORING = "{name: scoring, kind: inference"
STEP = "split_type: Line"


def triggered(prefix: str, *, by: str = SCORING) -> str:
    return MANIFEST.replace(by, f'{by}, trigger: {{data: "{prefix}"}}')


def validate(root: Path, manifest: str, inference: str = INFERENCE) -> list[dict[str, Any]]:
    made = make_scoring(root, manifest=manifest, inference=inference)
    assert made.call("checkout").code == 0
    ended = made.call("validate", "--json")
    assert ended.code in (0, 1)
    found: list[dict[str, Any]] = ended.json["problems"] if ended.code else []
    return found


@pytest.mark.parametrize(
    ("prefix", "words", "place"),
    [
        ("s3://local/landing/", "", 0),
        (
            "s3://local/scores/2",
            "what is published of 'churn' of the pipeline 'scoring' goes to 's3://local/scores/', and "
            "'s3://local/scores/2' is watched for data: each run would start the next",
            20,
        ),
        ("s3://local/", "what is kept of the pipeline 'scoring' goes to 's3://local/churn-scoring/", 4),
        (
            "s3://local/churn-scoring/led",
            "what is kept of the pipeline 'scoring' goes to 's3://local/churn-scoring/",
            4,
        ),
        ("s3://local/churn-scoring/churn/", "what is kept of the pipeline 'scoring' goes to", 4),
        ("s3://local/churn-scoring/sessions/", "", 0),  # data of a team whose pipeline has the name of its folder
    ],
)
def test_a_pipeline_that_starts_itself(tmp_path: Path, prefix: str, words: str, place: int) -> None:
    found = validate(tmp_path, triggered(prefix))
    assert bool(found) == bool(words)
    if words:
        assert {problem["id"] for problem in found} == {"PB987"}
        said = next(problem for problem in found if words in problem["message"])
        assert said["place"]["line"] == place


def test_a_step_that_writes_where_data_is_awaited_has_its_place_and_the_triggers(tmp_path: Path) -> None:
    inference = INFERENCE.replace(
        STEP, f'{STEP}\n        arguments: {{TransformOutput: {{S3OutputPath: "s3://local/landing/${{date}}/out"}}}}'
    )
    made = make_scoring(tmp_path, manifest=triggered("s3://local/landing/"), inference=inference)
    assert made.call("checkout").code == 0
    ended = made.call("validate", "--pipeline", "scoring")
    assert ended.code == 1
    assert "PB987 step 'churn-Score' of the pipeline 'scoring' goes to 's3://local/landing/" in ended.err
    assert "also: model_repos.yaml:4:47" in ended.err


def test_a_ring_of_two(tmp_path: Path) -> None:
    manifest = triggered("s3://local/churn-training/", by="{name: training").replace(
        SCORING, f'{SCORING}, trigger: {{data: "s3://local/churn-training/"}}'
    )
    assert {problem["id"] for problem in validate(tmp_path, manifest)} == {"PB987"}


def entry(name: str, *data: str) -> PipelineEntry:
    return PipelineEntry(name=name, config=(), trigger=PipelineTrigger(data=data))


def written(name: str, *data: str, to: str) -> Written:
    return Written(entry=entry(name, *data), outputs=(Output(address=to, what="it", place=None),))


@pytest.mark.parametrize(
    ("pipelines", "loops"),
    [
        ([written("a", "s3://buc/in/", to="s3://buc/out")], 0),
        ([written("a", "s3://buc/in/", to="s3://buc/in")], 1),
        ([written("a", "s3://buc/in/", to="s3://buc/in/x")], 1),
        ([written("a", "s3://buc/in/x/", to="s3://buc/in")], 1),
        ([written("a", "s3://buc/in", to="s3://buc/inner/")], 1),  # a prefix is one of names, as S3's events have it
        ([written("a", "s3://buc/in/", to="s3://buc/inner/")], 0),
        ([written("a", "s3://buc", to="s3://buc/x")], 1),
        ([written("a", "s3://buc/in/", to="s3://buc/mid/"), written("c", "s3://buc/mid/", to="s3://buc/out/")], 0),
        ([written("a", "s3://buc/in/", to="s3://buc/mid/"), written("c", "s3://buc/mid/", to="s3://buc/in/")], 2),
        (
            [
                written("a", "s3://buc/1/", to="s3://buc/2/"),
                written("c", "s3://buc/2/", to="s3://buc/3/"),
                written("d", "s3://buc/3/", to="s3://buc/1/"),
            ],
            3,
        ),
    ],
)
def test_loops(pipelines: list[Written], loops: int) -> None:
    assert len([*find_loops(pipelines)]) == loops


@pytest.mark.long
def test_nothing_of_another_pipeline_comes_to_where_one_publishes(tmp_path: Path) -> None:
    def published(name: str, to: str) -> Written:
        return Written(entry=entry(name), outputs=(Output(address=to.partition("$")[0], what="it", place=None, to=to),))

    scores = published("a", "s3://buc/scores")
    for other, crosses in (
        (published("c", "s3://buc/scores/"), 2),  # each publishes where the other does
        (published("c", "s3://buc/scores/${date}/"), 0),
        (published("c", "s3://buc/others/"), 0),
        (written("c", to="s3://buc/scores/dt=2026-01-01"), 1),
        (written("c", to="s3://buc/scores"), 1),
        (written("c", to="s3://buc/scores/raw"), 0),
    ):
        assert len([*find_crossings([scores, other])]) == crosses, other

    made = make_scoring(tmp_path)
    made.change(("to: s3://SMP_S3BUCKETNAME/scores/", "to: s3://local/churn-training/scores/"))
    assert made.call("checkout").code == 0
    assert made.call("validate").code == 0
    made.change(("to: s3://local/churn-training/scores/", "to: s3://SMP_S3BUCKETNAME/scores/"))
    output = "arguments: {OutputDataConfig: {S3OutputPath: 's3://local/scores/dt=2026-01-01'}}"
    made.change(("entry_point: train.py", f"entry_point: train.py\n        {output}"), conf="conf")
    assert made.call("checkout").code == 0
    ended = made.call("validate")
    assert ended.code == 1
    assert (
        "conf/inference.yaml:20:13: PB896 what is published of 'churn' of the pipeline 'scoring' goes to "
        "'s3://local/scores/', and step 'churn-Train' of 'training' to 's3://local/scores/dt=2026-01-01'"
    ) in ended.err
