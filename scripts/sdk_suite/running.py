"""The SDK's integration tests of pipelines against `serve`, from a checkout that the caller has, and what passes.

Nothing of the checkout is copied or changed. One file after the other runs in an environment of its own, with the
plugin `adapting.py`. With `--stub` the tests that didn't pass run once more, with results given for the steps that only
SageMaker has, and are counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

import yaml  # noqa: E402 - found from here on

from scripts.sdk_suite.results import FAILED, NOT_HERE, PASSED, SKIPPED, STUBBED, Result, read_results  # noqa: E402
from tests.definition.oracle.environment import sdk_python  # noqa: E402

HERE = Path(__file__).resolve().parent
TESTS = "tests/integ/sagemaker/workflow"
STATE = ROOT / ".pipeline_builder" / "sdk-suite"
_WORDS = {
    PASSED: "pass",
    STUBBED: "pass, stubbed",
    FAILED: "fail",
    NOT_HERE: "not applicable",
    SKIPPED: "skipped by itself",
}


def main() -> int:
    """Run the tests and print the table; the exit code is 0 where none of those that apply has failed."""
    asked = _arguments().parse_args()
    checkout = asked.checkout.resolve()
    if not (checkout / TESTS).is_dir():
        print(
            f"'{asked.checkout}' has no {TESTS}: give a checkout of aws/sagemaker-python-sdk, version 2",
            file=sys.stderr,
        )
        return 2
    files = [path for path in sorted((checkout / TESTS).glob("test_*.py")) if _is_asked(path, asked.only)]
    results: list[Result] = []
    with serving(asked, checkout, {}) as at:
        for path in files:
            results += _run(at, path)
    if asked.stub:
        results = _again(results, asked, checkout)
    if asked.json:
        print(json.dumps([vars(result) for result in results], indent=1))
    else:
        print_table(results)
    return 1 if any(result.outcome == FAILED for result in results) else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/sdk-suite", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a checkout of aws/sagemaker-python-sdk, version 2")
    parser.add_argument("--stub", action="store_true", help="run those that didn't pass once more, with stubs")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="files with this word in their names"
    )
    parser.add_argument("-k", default="", metavar="EXPRESSION", help="tests that fit, as pytest has it")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="of each test (default: 600)")
    parser.add_argument(
        "--state", type=Path, default=STATE, metavar="DIR", help="serve's state and what is left to read"
    )
    parser.add_argument(
        "--images", type=Path, default=HERE / "images.yaml", metavar="FILE", help="a manifest of images"
    )
    parser.add_argument("--json", action="store_true", help="the results as JSON")
    return parser


def _is_asked(path: Path, words: Sequence[str]) -> bool:
    return not words or any(word in path.stem for word in words)


def _again(results: list[Result], asked: argparse.Namespace, checkout: Path) -> list[Result]:
    """Run what didn't pass once more, with stubs."""
    left = [result for result in results if result.outcome in (FAILED, NOT_HERE)]
    passed: set[str] = set()
    given = yaml.safe_load((HERE / "stubs.yaml").read_text())
    with serving(asked, checkout, given["steps"]) as at:
        _bring(at, given["objects"])
        for name in sorted({result.file for result in left}):
            names = [result.node for result in left if result.file == name]
            again = _run(at, checkout / TESTS / name, names)
            passed |= {f"{name}::{result.node}" for result in again if result.outcome == PASSED}
    return [
        result.as_stubbed() if result in left and f"{result.file}::{result.node}" in passed else result
        for result in results
    ]


def _bring(at: At, objects: Mapping[str, str]) -> None:
    """Put files of the checkout into the object store, where stubs say that they are."""
    import boto3

    keys = {"aws_access_key_id": at.server["AWS_ACCESS_KEY_ID"], "region_name": "us-west-2"}
    secret = at.server["AWS_SECRET_ACCESS_KEY"]
    client = boto3.client("s3", endpoint_url=at.server["AWS_ENDPOINT_URL"], aws_secret_access_key=secret, **keys)
    for address, file in objects.items():
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if (at.checkout / file).exists():
            client.put_object(Bucket=bucket, Key=key, Body=(at.checkout / file).read_bytes())


# --- serve, and pytest


@dataclass(frozen=True)
class At:
    """Where tests are run: with which Python, against whom, and where what they say is kept."""

    asked: argparse.Namespace
    checkout: Path
    python: Path
    server: Mapping[str, str]
    kept: Path


@contextmanager
def serving(asked: argparse.Namespace, checkout: Path, stubs: Mapping[str, Any]) -> Iterator[At]:
    """Run `serve` with the images of the manifest."""
    state = asked.state.resolve() / ("stubbed" if stubs else "run")
    state.mkdir(parents=True, exist_ok=True)
    (state / "athena").mkdir(exist_ok=True)
    (state / "athena" / "rows.csv").write_text("1,2\n")
    version = (checkout / "VERSION").read_text().strip()
    manifest = state / "images.yaml"
    manifest.write_text(asked.images.read_text().replace("SDK_VERSION", version))
    command = [ROOT / ".venv/bin/pipeline-builder", "serve", "--port", "0", "--json", "--state", state / "state"]
    command += ["--manifest", manifest]
    for name, stub in stubs.items():
        file = state / f"stub-{name}.json"
        file.write_text(json.dumps(stub))
        command += ["--stub", f"{name}={file}"]
    with (state / "serve.log").open("a") as log:
        process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield At(asked, checkout, sdk_python("suite"), json.loads(_first_object(process)), state)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _first_object(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            return text
    raise SystemExit("serve has ended: its log is beside its state")


def _run(at: At, path: Path, names: Sequence[str] = ()) -> list[Result]:
    """Run one file's tests; what pytest says is kept beside the state."""
    junit, log = at.kept / f"{path.stem}.xml", at.kept / f"{path.stem}.log"
    junit.unlink(missing_ok=True)
    print(path.stem, end=" ", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="sdk-suite-", ignore_cleanup_errors=True) as home, log.open("w") as written:
        wanted = [f"{TESTS}/{path.name}::{name}" for name in names] or [f"{TESTS}/{path.name}"]
        command = [at.python, "-m", "pytest", "-p", "adapting", "-p", "no:cacheprovider", "-q", "-W", "ignore"]
        command += ["-o", "addopts=", "-o", "junit_family=xunit2", f"--basetemp={home}/pytest", "--tb=short"]
        command += [f"--timeout={at.asked.timeout}", f"--junit-xml={junit}"]
        command += [*(["-k", at.asked.k] if at.asked.k else []), *wanted]
        environment = _environment(at, home)
        subprocess.run(
            [*map(str, command)], cwd=at.checkout, env=environment, stdout=written, stderr=written, check=False
        )
    found = read_results(junit, path.name, log)
    print(f"{sum(one.outcome == PASSED for one in found)} of {len(found)}", file=sys.stderr)
    return found


def _environment(at: At, home: str) -> dict[str, str]:
    """Nothing of the caller's: no keys, no profile, no configuration."""
    return {
        **at.server,
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": os.environ["PATH"],
        "HOME": home,
        "TMPDIR": home,
        "PYTHONPATH": f"{HERE}{os.pathsep}{at.checkout / 'src'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }


# --- the table


def print_table(results: Sequence[Result]) -> None:
    """Print a line for each test, and the counts."""
    width = max((len(result.node) for result in results), default=0)
    for name in sorted({result.file for result in results}):
        print(f"\n{name}")
        for result in results:
            if result.file == name:
                why = f"  {result.why}" if result.why else ""
                print(f"  {_WORDS[result.outcome]:<17} {result.seconds:>4.0f} s  {result.node:<{width}}{why}".rstrip())
    counts = Counter(result.outcome for result in results)
    really = counts[PASSED]
    print(f"\n{len(results)} tests, {len(results) - counts[SKIPPED]} without those that skip themselves:")
    print(
        f"  {really} pass"
        + (f", {counts[STUBBED]} more with stubs: {really + counts[STUBBED]}" if counts[STUBBED] else "")
    )
    print(f"  {counts[FAILED]} fail, {counts[NOT_HERE]} are not applicable")
    for why, count in Counter(result.why for result in results if result.outcome == NOT_HERE).most_common():
        print(f"    {count:>3}  {why}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # what a test has started, and `serve`, are ended by then
        sys.exit(130)
