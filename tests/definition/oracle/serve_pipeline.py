"""What a script of either version of the SDK does with its pipeline against `serve`; imports nothing of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/pipeline"
WRITE = """\
import sys
from pathlib import Path

Path("/opt/ml/processing/output/word.txt").write_text(sys.argv[1])
print("the word is", sys.argv[1])
"""
READ = """\
from pathlib import Path

print(Path("/opt/ml/processing/input/word.txt").read_text())
"""


def write_scripts(folder: Path) -> None:
    """Write the scripts of the two steps."""
    (folder / "write.py").write_text(WRITE)
    (folder / "read.py").write_text(READ)


def use(pipeline: Any, folder: Path) -> None:
    """Make the pipeline, change it, run it, look at it, delete it; write folder/done.json."""
    created = pipeline.upsert(role_arn=ROLE, tags=[{"Key": "team", "Value": "ml"}])
    updated = pipeline.upsert(role_arn=ROLE, description="again")
    execution = pipeline.start(parameters={"Word": "bonjour"}, execution_display_name="first")
    execution.wait(delay=1, max_attempts=120)
    done: dict[str, Any] = {
        "created": created["PipelineArn"],
        "updated": updated["PipelineArn"],
        "description": pipeline.describe()["PipelineDescription"],
        "status": execution.describe()["PipelineExecutionStatus"],
        "steps": {step["StepName"]: step["StepStatus"] for step in execution.list_steps()},
        "parameters": execution.list_parameters()["PipelineParameters"],
        "executions": len(pipeline.list_executions()["PipelineExecutionSummaries"]),
    }
    (folder / "done.json").write_text(json.dumps(done))
    pipeline.delete()
