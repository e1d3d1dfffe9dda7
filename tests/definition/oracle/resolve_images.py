"""Resolves the images of a conf.yaml inside an SDK environment: `python -m tests.definition.oracle.resolve_images FILE OUTPUT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.definition.oracle.aws import cut_the_network

cut_the_network()

from pipeline_builder.conf.conf import load_conf  # noqa: E402 - the network is cut before the SDK is there
from pipeline_builder.conf.graph import build_graph  # noqa: E402
from pipeline_builder.definition.images import resolve_images  # noqa: E402
from pipeline_builder.documents.values import LOCAL_DEFAULTS, build_settings  # noqa: E402
from pipeline_builder.errors import InputProblems  # noqa: E402

if __name__ == "__main__":
    path, output, region = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    values = {**LOCAL_DEFAULTS, "SMP_REGION": region}
    folder = path.parent.parent
    conf = load_conf(path, label="churn:conf/conf.yaml", repo="churn", folder=folder, values=values)
    graph = build_graph([conf], training_dir=folder.parent)
    try:
        found, _ = resolve_images(graph, build_settings(values), {})
        answer = {section: address for (_, section), address in found.items()}
    except InputProblems as error:
        answer = {problem.id: problem.message for problem in error.problems}
    output.write_text(json.dumps(answer))
