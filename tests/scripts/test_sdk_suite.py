"""What `scripts/sdk-suite` makes of what pytest has said; the suite itself is somebody else's, and isn't here."""

from __future__ import annotations

from pathlib import Path

import yaml

from scripts.sdk_suite.results import FAILED, NOT_HERE, PASSED, SKIPPED, read_results
from tests.places import ROOT

JUNIT = """\
<testsuites><testsuite>
<testcase name="test_a" time="1.5"/>
<testcase name="test_b[1]" time="0"><skipped message="not  today"/></testcase>
<testcase name="test_c" time="2"><failure message="x">E   ValueError: no
E   more</failure></testcase>
<testcase name="test_d" time="2"><error message="x">E   ValidationException: PB501 step 'Check': the local engine can't run a 'ClarifyCheck' step, only: …</error></testcase>
<testcase name="test_e" time="2"><failure message="x">E   FileNotFoundError: [Errno 2] No such file or directory: '/c/tests/integ/../data/mnist/training'</failure></testcase>
<testcase name="test_decorator_with_conda_env" time="2"><failure message="x">E   AssertionError</failure></testcase>
</testsuite></testsuites>
"""


def test_outcomes_and_why(tmp_path: Path) -> None:
    file = tmp_path / "found.xml"
    file.write_text(JUNIT)
    found = read_results(file, "test_x.py", tmp_path / "log")
    assert [(one.node, one.outcome, one.why) for one in found] == [
        ("test_a", PASSED, ""),
        ("test_b[1]", SKIPPED, "not today"),
        ("test_c", FAILED, "ValueError: no"),
        ("test_d", NOT_HERE, "a ClarifyCheck step is SageMaker's own (--stub)"),
        ("test_e", NOT_HERE, "the checkout lacks tests/data/mnist/training"),
        ("test_decorator_with_conda_env", NOT_HERE, "its image has conda, and this machine hasn't"),
    ]
    (nothing,) = read_results(tmp_path / "absent.xml", "test_x.py", tmp_path / "log")
    assert (nothing.outcome, "pytest has said nothing" in nothing.why) == (FAILED, True)


def test_stubs_and_images_are_what_serve_takes() -> None:
    folder = ROOT / "scripts" / "sdk_suite"
    stubs = yaml.safe_load((folder / "stubs.yaml").read_text())
    assert all(isinstance(stub, dict) for stub in stubs["steps"].values())
    assert all(address.startswith("s3://") for address in stubs["objects"])
    images = yaml.safe_load((folder / "images.yaml").read_text().replace("SDK_VERSION", "2.0"))
    assert images["version"] == 1
