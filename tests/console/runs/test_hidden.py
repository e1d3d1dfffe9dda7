"""Requests as pages show them: what looks like a secret isn't there, in any of its places."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_builder.console.runs.hidden import HIDDEN, hide_secrets

SECRET = "hunter2hunter2"
TOKEN = "ghp_" + "a1B2" * 9
PLACES: dict[str, Any] = {
    "a variable": {"Environment": {"DB_PASSWORD": SECRET}},
    "by its form alone": {"Environment": {"NOTE": TOKEN}},
    "a hyperparameter, which is JSON": {"HyperParameters": {"api_key": json.dumps(SECRET)}},
    "inside of a hyperparameter": {"HyperParameters": {"config": json.dumps({"db": {"password": SECRET}})}},
    "an argument after its name": {"ContainerArguments": ["--password", SECRET, "--rows", "5"]},
    "an argument with its name": {"ContainerArguments": [f"--db-password={SECRET}"]},
    "a tag": {"Tags": [{"Key": "password", "Value": SECRET}]},
    "an address with a login": {"Source": f"https://ada:{SECRET}@example.com/x.git"},
    "deep down": {"TrainingJobDefinition": [{"Environment": {"X": [{"AccessToken": SECRET}]}}]},
    "a word of a text": {"Description": f"run with password={SECRET} please"},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_not_shown(place: str) -> None:
    shown = json.dumps(hide_secrets(PLACES[place]))
    assert SECRET not in shown
    assert TOKEN not in shown
    assert HIDDEN in shown


def test_all_else_is_shown_as_it_is() -> None:
    request = {
        "Environment": {"TOKENIZERS_PARALLELISM": "false", "MAX_TOKENS": "512", "SMP_SECRET_DB": "secretsmanager:db"},
        "HyperParameters": {"objective": '"binary"', "grid": '{"depth": [3, 5]}', "rate": "0.1"},
        "ContainerArguments": ["--rows", "5", "-v"],
        "InputDataConfig": [{"ChannelName": "train", "S3Uri": "s3://bucket/key"}],
        "VolumeSizeInGB": 30,
        "Wait": None,
        "Large": '{"not": json',
    }
    assert hide_secrets(request) == request  # type: ignore[arg-type]
