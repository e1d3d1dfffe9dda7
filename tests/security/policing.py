"""Composes model repositories below a manifest with a policy, as the stages do it, without git and without a target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline_builder.definition.compose import compose
from pipeline_builder.definition.composed import Composed
from pipeline_builder.documents.source import Source, parse_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.errors import InputProblems, Problem
from pipeline_builder.manifest.lock import Lock, LockedRepo
from pipeline_builder.manifest.manifest import Manifest, build_manifest
from tests.tiny import variant, write_model

TRAIN = "        hyperparams: {scale: 2}\n"
EVALUATE = "        entry_point: evaluate.py\n"
TRANSFORM = "        split_type: Line\n"
REGISTRY = '        ModelRepack: "False"\n'
NAME = "    pipelineName: tiny\n"
ROLE = "arn:aws:iam::123456789012:role/admin"
COMMIT = "1f3c9ab" + "0" * 33


def train(*lines: str) -> str:
    """Return the tiny conf with more lines in its train section."""
    return variant((TRAIN, TRAIN + "".join(f"        {line}\n" for line in lines)))


def arguments(text: str, section: str = TRAIN) -> str:
    """Return the tiny conf with `arguments` in a section."""
    return variant((section, f"{section}        arguments: {text}\n"))


def parameter(default: str, use: str) -> str:
    """Return the tiny conf with a pipeline parameter, `$params.p`, and a line of its train section that uses it."""
    return variant((TRAIN, f"{TRAIN}        {use}\n"), (NAME, f"{NAME}    parameters: [{{name: p{default}}}]\n"))


def renamed(conf: str) -> str:
    """Return the conf of a second repository: the model `price`, without a pipeline of its own."""
    head, _ = conf.split("  sagemakerPipeline:")
    return head.replace("    churn:\n", "    price:\n").replace("/churn/", "/price/")


def with_price(conf: str) -> str:
    """Return the tiny conf whose pipeline trains and registers the model `price` too."""
    steps = "".join(
        f"          - step_name: price-{name}\n            step_class: {kind}\n            enable_cache: false\n"
        for name, kind in (("Train", "Training"), ("Metrics", "Metrics"), ("Register", "RegisterModel"))
    )
    return f"{conf}      price:\n        steps:\n{steps}"


def read_manifest(policy: str = "", repos: str = "[{url: churn}, {url: price}]") -> Manifest:
    """Return a manifest with a policy, written from line 3 on."""
    return build_manifest(parse_yaml(Source("model_repos.yaml", f"version: 1\nrepos: {repos}\n{policy}"), "PB100"))


def compose_all(
    root: Path,
    confs: Mapping[str, str],
    manifest: Manifest,
    files: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
) -> Composed:
    """Write the repositories, where they aren't there yet, and compose them; `files` are those of the first."""
    for name, conf in confs.items():
        if not (root / "aws-train" / name).exists():
            write_model(root / "aws-train" / name, conf)
    for name, text in (files or {}).items():
        (root / "aws-train" / next(iter(confs)) / "scripts" / name).write_text(text)
    locked = (LockedRepo(name=name, url=name, revision="main", commit=COMMIT, tree="", committed="") for name in confs)
    lock = Lock(manifest_commit="", repos=tuple(locked))
    return compose(manifest, lock, root=root, values={**LOCAL_DEFAULTS, **(values or {})})


def refusals(
    root: Path,
    conf: str,
    policy: str = "",
    *,
    files: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """Return what is said of one repository's conf."""
    manifest = read_manifest(policy, "[{url: churn, credentials: 'env:GIT_TOKEN'}]")
    try:
        compose_all(root, {"churn": conf}, manifest, files, values)
    except InputProblems as error:
        return error.problems
    return ()


def refusals_of_two(root: Path, churn: str, price: str, policy: str = "") -> tuple[Problem, ...]:
    """Return what is said of two repositories' confs, of which the first has the pipeline."""
    try:
        compose_all(root, {"churn": with_price(churn), "price": renamed(price)}, read_manifest(policy))
    except InputProblems as error:
        return error.problems
    return ()
