"""Gates of inference confs that can't be judged are said before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_builder.definition.gates import NUMBERS
from pipeline_builder.release.scoring.findings import KINDS
from tests.scoring import INFERENCE, make_scoring

WATCH = """\
          - step_name: churn-Watch
            step_class: Processing
            step_type: postprocess
            enable_cache: true
            chain_input_source_step: [churn-Score]
"""
MONITOR = "          - {step_name: churn-Watch, step_class: Monitor, chain_input_source_step: [churn-Score]}\n"
QUALITY = "      gate:\n        - {metric: quality.auc.value, min: 0.7}\n"


@pytest.mark.long
def test_what_nothing_finds_out_is_warned_of(tmp_path: Path) -> None:
    made = make_scoring(tmp_path)

    def warned(*changes: tuple[str, str]) -> list[str]:
        path = made.remote / "conf" / "inference.yaml"
        path.write_text(INFERENCE)
        made.change(*changes)
        assert made.call("checkout").code == 0
        ended = made.call("validate", "--pipeline", "scoring", "--json")
        assert ended.code == 0, ended.out + ended.err
        problems = ended.json["problems"]
        return [f"{one['place']['line']} {one['message']}" for one in problems if one["id"] == "PB988"]

    none = "of the scores of 'churn' can't be judged: no step monitors them: nothing would ever be published"
    assert warned((WATCH, "")) == [f"{line} the gate on 'drift.max_psi' {none}" for line in (22, 23)]
    plain = ("      gate:\n", QUALITY)
    monitor = "      monitor: {image_uri: example.com/tiny:1}\n"
    assert warned((WATCH, MONITOR), ("      publish:\n", f"{monitor}      publish:\n"), plain) == [
        "23 the gate on 'quality.auc.value' of the scores of 'churn' can't be judged: no labels ever come"
    ]
    typo = (
        "      gate:\n",
        "      gate:\n        - {metric: drift.max_pis, max: 1}\n        - {metric: drfit.share, max: 1}\n",
    )
    assert warned((WATCH, MONITOR), ("      publish:\n", f"{monitor}      publish:\n"), typo) == [
        f"{line} the gate on '{metric}' of the scores of 'churn' can't be judged: a Monitor step finds out no such number"
        for line, metric in ((23, "drift.max_pis"), (24, "drfit.share"))
    ]
    labels = monitor.replace("}", ', labels: "s3://SMP_S3BUCKETNAME/labels/dt=${date}/"}')
    assert warned((WATCH, MONITOR), ("      publish:\n", f"{labels}      publish:\n"), plain) == []
    assert warned(plain) == []


def test_every_kind_of_violation_can_be_counted() -> None:
    assert {*NUMBERS["violations"]} == KINDS | {"all"}
