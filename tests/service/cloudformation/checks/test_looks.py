"""The schedule of the first look: told anything else than where the worker notes, it would find nothing, and cost."""

from __future__ import annotations

import pytest

from pipeline_builder.service.cloudformation.checks import check_service
from pipeline_builder.service.cloudformation.evaluation.document import load_template
from pipeline_builder.service.cloudformation.rendering.rendering import parameter_values, render_templates
from tests.service.cloudformation.checks.test_checks import buildspec
from tests.service.services import REPOS, read_service

TOLD = r"{\"bucket\": \"${ArtifactBucket}\", \"prefix\": \"team/watch/\", \"project\": \"${WorkerProject}\"}"


def check(old: str, new: str) -> list[str]:
    model, _ = read_service((REPOS[3],), schedules=(), place={"prefix": "team/"})
    files = render_templates(model)
    assert old in files["service.yaml"]
    texts = {name: files[name].replace(old, new) for name in ("storage.yaml", "service.yaml")}
    parameters = {key: value for key, value in parameter_values(model).items() if value}
    found = check_service({name: load_template(text, name) for name, text in texts.items()}, buildspec(), parameters)
    return [problem.message for problem in found if problem.id == "PB629"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (TOLD, TOLD, []),
        ("${WorkerProject}", "other", ["'Input' names the project 'other', which no template makes"]),
        (r"\"prefix\": \"team/watch/\", ", "", ["'Input' has bucket, project, expected bucket, prefix, project"]),
        (TOLD, "[]", ["'Input' is a list, expected a mapping"]),
        (
            "team/watch/",
            "watch/",
            [
                "'Input' says that heads are noted in 'model-service-123456789012-eu-central-1' below 'watch/', and the "
                "project notes them in 'model-service-123456789012-eu-central-1' below 'team/watch/'"
            ],
        ),
    ],
)
def test_what_the_function_is_told_is_where_the_worker_notes(old: str, new: str, said: list[str]) -> None:
    assert check(old, new) == said
