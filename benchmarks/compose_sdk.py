"""Composes a workspace of `compose.py` with the SageMaker SDK, in its environment: FOLDER UNITS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.definition.oracle.unit_v2 import MANIFEST, SESSION, Unit  # isort: skip # it cuts the network

from sagemaker.workflow.pipeline import Pipeline

if __name__ == "__main__":
    folder, names = Path(sys.argv[1]), [f"unit{number:04d}" for number in range(int(sys.argv[2]))]
    units = [Unit(name=name, pipeline="many", source=str(folder / "aws-train" / name / "scripts")) for name in names]
    steps = [step for unit in units for step in unit.steps()]
    parameters = [MANIFEST, *(unit.commit for unit in units)]
    pipeline = Pipeline(name="many", steps=steps, parameters=parameters, sagemaker_session=SESSION)
    definition = pipeline.definition()
    (folder / "definition_of_the_sdk.json").write_text(definition)
    assert len(json.loads(definition)["Steps"]) == 6 * len(names)
