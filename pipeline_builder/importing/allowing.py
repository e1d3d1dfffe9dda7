"""What a manifest has to say so that a conf may ask for what it asks, and what is wrong with that all the same."""

from __future__ import annotations

import json

from pipeline_builder.conf.conf import conf_of
from pipeline_builder.definition.compose import compose_confs
from pipeline_builder.definition.policy.suggestion import Suggestion, suggest
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.importing.confs import FILE, SCRIPTS, values_with
from pipeline_builder.machine.passed import Passed
from pipeline_builder.machine.temporary import temporary_folder
from pipeline_builder.manifest.lock import Lock
from pipeline_builder.manifest.manifest import Manifest, build_manifest


def allow(text: str, repo: str, role: str) -> Suggestion:
    """Return the policy for a conf that is its manifest's only one."""
    label, name = "model_repos.yaml", json.dumps(repo)  # a name of digits is no number
    manifest = build_manifest(
        parse_yaml(Source(label, f"version: 1\nrepos: [{{name: {name}, url: {name}}}]\n"), "PB100")
    )
    values = values_with(role)
    with temporary_folder() as root:
        folder = root / manifest.training_dir / repo
        (folder / SCRIPTS).mkdir(parents=True)
        conf, problems = conf_of(parse_yaml(Source(FILE, text), "PB201"), repo=repo, folder=folder, values=values)

        def compose(by: Manifest) -> object:
            lock = Lock(manifest_commit="", repos=())
            return compose_confs(
                (conf,), by, lock, root=root, values=values, tags=None, passed=Passed(), before=problems
            )  # fmt: skip

        return suggest(manifest, compose)
