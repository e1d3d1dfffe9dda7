"""The local engine runs everything that the composer writes: each case of the language, as one execution."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.definition.composed import Definition
from pipeline_builder.descriptions import StepStatus
from pipeline_builder.target import Target
from tests.definition.cases import CASES
from tests.definition.composing import archive_of, compose_definition
from tests.engine.definitions import definition, run, script, target

# Scripts that look at nothing in particular, so that they do in every case; the code's own folder isn't data.
_FILES = (
    "print('files:', *sorted(str(p) for p in Path('/opt/ml').rglob('*') if p.is_file() and 'code' not in p.parts))\n"
)
_WRITE = "folder.mkdir(parents=True, exist_ok=True)\n    (folder / 'test.csv').write_text('1\\n2\\n')\n"
_REPORT = '{"regression_metrics": {"mae": {"value": 1}, "r2": {"value": 0.9}}}'
SCRIPTS = {
    "preprocess.py": "import json\nfrom pathlib import Path\n"
    + _FILES
    + "job = json.loads(Path('/opt/ml/config/processingjobconfig.json').read_text())\n"
    "for output in job['ProcessingOutputConfig']['Outputs']:\n"
    f"    folder = Path(output['S3Output']['LocalPath'])\n    {_WRITE}",
    "train.py": "import os\nfrom pathlib import Path\n"
    + _FILES
    + "Path(os.environ['SM_MODEL_DIR'], 'm').write_text('1')\n",
    "inference.py": "def model_fn(folder): return 0\ndef transform_fn(model, body, kind, accept): return body, accept\n",
    "evaluate.py": "from pathlib import Path\n"
    + _FILES
    + f"Path('/opt/ml/processing/output/model_evaluation_metrics.json').write_text('{_REPORT}')\n",
}
# Its filters are for rows of a list, and these are numbers.
FAILS = {"transform-keys": ("churn-Transform", "InputFilter: a range is asked for, and the value is of type 'int'")}
# A Metrics step without a report fails.
OWN = {"entry-point-in-a-folder": {"jobs/deep/evaluate.py": "import shared\n" + SCRIPTS["evaluate.py"]}}

# They need a function that is on AWS alone, stubs, a tuning of before, models or reports of their own, or programs and
# clusters that this machine hasn't; each runs where its class is tested.
ELSEWHERE = {
    "lambda-and-callback", "condition", "checks", "analytics", "containers", "tuning", "second-best-of-a-tuning",
    "spot-and-mpi", "warm-pool-and-torchrun", "data-parallel", "instance-groups",
}  # fmt: skip


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return target(tmp_path_factory.mktemp("engine"))


def inputs(value: Any) -> Iterator[str]:
    """Yield the addresses that steps read from; a parameter in one has its default value."""
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from inputs(item)
    if isinstance(value, dict) and "S3Uri" in value:
        uri = value["S3Uri"]
        if isinstance(uri, str):
            yield uri
        elif str(uri.get("Std:Join", {"Values": [""]})["Values"][0]).startswith("s3://local/churn/"):
            yield "s3://local/churn/2026-01-01/numbers.csv"


def deploy(local: Target, definition: Definition) -> None:
    """Upload what the definition names, and some data behind every other address."""
    for uri, bundle in definition.bundles.items():
        local.store.put(uri, archive_of(bundle))
    for uri, content in definition.manifests.items():
        local.store.put(uri, content)
        first, *names = json.loads(content)
        for name in names:
            local.store.put(first["prefix"] + name, name.encode())
    read = ("ProcessingInputs", "InputDataConfig", "TransformInput")
    for step in json.loads(definition.content)["Steps"]:
        for uri in inputs([step["Arguments"].get(member) for member in read]):
            if local.store.missing([uri]):
                local.store.put(f"{uri}x" if uri.endswith("/") else uri, b"1\n2\n")


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in CASES if name not in ELSEWHERE])
def test_a_case_runs(tmp_path: Path, local: Target, name: str) -> None:
    case = CASES[name]
    files = {**SCRIPTS, **case.files, **OWN.get(name, {})}
    definition = compose_definition(tmp_path, case.conf, files=files, tags=case.tags, **case.values)
    deploy(local, definition)
    local.pipelines.predict_cache("p", definition.content, {})
    _, _, steps = run(local, definition.content)
    failed = {s.name: s.failure_reason for s in steps.values() if s.status is StepStatus.FAILED}
    if name in FAILS:
        step, why = FAILS[name]
        assert failed.keys() == {step}
        assert why in failed[step]
        return
    assert failed == {}
    waiting = [s.name for s in steps.values() if s.status not in (StepStatus.SUCCEEDED, StepStatus.SKIPPED)]
    assert waiting == []


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_is_read_of_a_case_is_told_before_it_runs(tmp_path: Path, local: Target, name: str) -> None:
    """Of types that this machine doesn't run as well: a plan asks for all of them."""
    case = CASES[name]
    definition = compose_definition(tmp_path, case.conf, files=case.files, tags=case.tags, **case.values)
    declared = json.loads(definition.content)["Parameters"]
    given = {item["Name"]: "x" for item in declared if "DefaultValue" not in item}
    assert local.pipelines.fingerprint(definition.content, given)
    assert local.pipelines.predict_cache("p", definition.content, given)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        (
            "more-inputs-than-a-job-takes",
            "churn-Preprocess",
            [f"/opt/ml/processing/input/part{n}/{n}.csv" for n in range(12)],
        ),
        (
            "several-files-in-a-channel",
            "churn-Train",
            [f"/opt/ml/input/data/train/{year}/train.csv" for year in (2025, 2026)],
        ),
    ],
)
def test_where_files_of_manifests_arrive(
    tmp_path: Path, local: Target, name: str, step: str, expected: list[str]
) -> None:
    definition = compose_definition(tmp_path, CASES[name].conf, files=SCRIPTS)
    deploy(local, definition)
    _, ended, _ = run(local, definition.content, rerun=True)
    line = next(text for text in local.pipelines.read_log(ended.arn, step).splitlines() if text.startswith("files:"))
    assert [path for path in line.split() if path in expected] == sorted(expected)
    assert "/opt/ml/processing/files/" not in line


def test_a_script_alone_is_code_too(tmp_path: Path) -> None:
    """As the SDK's ScriptProcessor has it: one object, downloaded to where the command finds it."""
    local = target(tmp_path)
    local.store.put("s3://local/code/hello.py", b"print('hello')")
    step = script("A", "python3 /opt/ml/processing/input/code/hello.py", inputs={"code": "s3://local/code/hello.py"})
    _, ended, _ = run(local, definition(step))
    assert ended.status.value == "Succeeded"
    assert "hello" in local.pipelines.read_log(ended.arn, "A")
