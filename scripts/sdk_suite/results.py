"""What pytest has said of each test, and why one that failed can't pass here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

PASSED, STUBBED, FAILED, NOT_HERE, SKIPPED = "passed", "stubbed", "failed", "not here", "skipped"
# What a failure says where the test asks for something that this machine, or the checkout, doesn't have.
_WHY: Mapping[str, str] = {
    r"PB501 step '[^']*': the local engine can't run a '(\w+)' step": "a {0} step is SageMaker's own (--stub)",
    r"PB513 .*no 'ContainerEntrypoint'": "the program is inside of AWS's image (--stub)",
    r"PB513 .*names no script": "an algorithm inside of AWS's image (--stub)",
    r"No such file or directory: '.*/tests/data/([\w./-]+)'": "the checkout lacks tests/data/{0}",
    r"No such file or directory: '.*/\.\./data/([\w./-]+)'": "the checkout lacks tests/data/{0}",
    r"'(\w+)' is not served by the local engine": "{0} isn't served",
    r"'TrentService\.\w+' is not served": "KMS isn't served",
    r"calling the (\w+) operation: '([\w-]+)' is not served": "{1} isn't served",
    r"Default image is supported only for Python versions": "the SDK's own image is for Python 3.8 and 3.10",
    r"No module named '(torch|tensorflow)'": "it trains with {0}, which 'images.yaml' leaves out (--stub)",
    r"sdk-suite: no connection to ([^\s'\"]+)": "it asks {0}",
}
_TORCH = "it trains with PyTorch, which images.yaml leaves out (--images, or --stub)"
_HOME = "the notebook's driver writes into /home, which is read-only here (--stub)"
# Where the failure doesn't say it, as the test looks at the step's status alone.
_BY_TEST: Mapping[str, str] = {
    "test_decorator_with_conda_env": "its image has conda, and this machine hasn't",
    "test_two_processing_job_depends_on": "Spark's program is inside of AWS's image (--stub)",
    "test_happycase_minimum_input": _HOME,
    "test_notebook_job_dependencies_and_outputs": _HOME,
    "test_notebook_job_depend_on_function_step": _HOME,
    "test_pytorch_training_model_registration_and_creation_without_custom_inference": _TORCH,
    "test_pytorch_training_model_registration_and_creation_with_custom_inference": _TORCH,
    "test_model_registration_with_tuning_model": _TORCH,
    "test_training_job_with_debugger_and_profiler": _TORCH,
    "test_tuning_single_algo": _TORCH,
    "test_tuning_multi_algos": _TORCH,
}


@dataclass(frozen=True)
class Result:
    """A test's outcome."""

    file: str
    node: str
    outcome: str
    seconds: float
    why: str = ""

    def as_stubbed(self) -> Result:
        """Return it as one that has passed with stubs."""
        return replace(self, outcome=STUBBED, why="")


def read_results(junit: Path, file: str, log: Path) -> list[Result]:
    """Return the results of a file's tests; where pytest itself has ended, one that says so."""
    try:
        cases = [*ET.parse(junit).iter("testcase")]
    except (OSError, ET.ParseError):
        return [Result(file, "(the file)", FAILED, 0.0, f"pytest has said nothing: {log}")]
    return [_result(case, file) for case in cases]


def _result(case: ET.Element, file: str) -> Result:
    name, seconds = case.get("name", ""), float(case.get("time", "0"))
    for child in case:
        if child.tag == "skipped":
            return Result(file, name, SKIPPED, seconds, _line(child.get("message", "")))
        if child.tag in ("failure", "error"):
            return _failed(Result(file, name, FAILED, seconds), child.text or child.get("message", ""))
    return Result(file, name, PASSED, seconds)


def _failed(result: Result, text: str) -> Result:
    for pattern, words in _WHY.items():
        if found := re.search(pattern, text):
            return replace(result, outcome=NOT_HERE, why=words.format(*found.groups()))
    if why := _BY_TEST.get(result.node.partition("[")[0]):
        return replace(result, outcome=NOT_HERE, why=why)
    said = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return replace(result, why=_line(said[0] if said else text))


def _line(text: str) -> str:
    return " ".join(text.split())[:160]
