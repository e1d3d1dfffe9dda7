"""The parts of the fuzz test: what each is fed with, and what may come of it: a value, or problems with ids."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from hypothesis import strategies as st
from werkzeug.test import Client

from pipeline_builder.cli.output import problems_json
from pipeline_builder.definition.check.check import check_definition
from pipeline_builder.definition.compose import compose
from pipeline_builder.documents.source import load_yaml
from pipeline_builder.documents.values import LOCAL_DEFAULTS
from pipeline_builder.engine.document.document import load_definition
from pipeline_builder.engine.document.parameters import parameter_values
from pipeline_builder.engine.jobs.archives import read_member, unpack
from pipeline_builder.engine.local import open_engine, open_local_target
from pipeline_builder.engine.settings import LocalSettings
from pipeline_builder.engine.state import catalogue, package_details
from pipeline_builder.engine.state.state import State
from pipeline_builder.errors import PipelineBuilderError
from pipeline_builder.inert import inert_json, inert_text
from pipeline_builder.machine.folders import remove_folder
from pipeline_builder.manifest.lock import Lock, LockedRepo, load_lock, render_lock
from pipeline_builder.manifest.manifest import build_manifest
from pipeline_builder.release.approval import approval_text
from pipeline_builder.release.junit import render_junit, render_junit_problems
from pipeline_builder.release.metrics import (
    compare_metrics,
    find_confusion,
    find_curves,
    metric_at,
    parse_metrics,
)
from pipeline_builder.release.plan_files import load_plans
from pipeline_builder.release.record import RunRecord, load_record
from pipeline_builder.serve.application import Application
from pipeline_builder.serve.background import Background
from pipeline_builder.serve.operations import OPERATIONS
from pipeline_builder.views.report import render_report
from pipeline_builder.views.summary import failure_problems, render_result
from tests.places import ROOT
from tests.release.records import METRICS, run_record
from tests.security.hostile import NAMES, changed, damaged, text_of, values
from tests.tiny import CONF, write_model

TINY = ROOT / "tests" / "golden" / "gate.json"
MOST_SECONDS = 10.0
"""Of this process alone: others on the machine are none of an input's doing."""
MOST_SAID = 4_000_000
"""Characters of all that is said of one input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What goes in, and what is done with it; `check` raises where what comes out is no answer."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Path, Any], object]


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Expect a result or problems with ids, soon, and in words that are inert."""
    begun = time.process_time()
    try:
        yield
    except PipelineBuilderError as error:
        said = str(error)
        assert inert_text(said) == said
        assert len(said) < MOST_SAID
        assert error.problems
        assert inert_json(problems_json(error.problems))
        assert render_junit_problems("fuzz", error.problems).encode()
    assert time.process_time() - begun < MOST_SECONDS


# --- files that people and other stages write

MANIFEST = {
    "version": 1,
    "training_dir": "aws-train",
    "defaults": {"revision": "main"},
    "repos": [{"name": "churn", "url": "https://example.com/ml/churn.git", "revision": "main", "path": "a/b",
               "config": "conf/conf.yaml", "groups": ["nightly"], "credentials": "env:GIT_TOKEN"},
              {"url": "remotes/other", "enabled": False}],
    "schedules": [{"name": "nightly", "cron": "0 2 * * ? *", "timezone": "Europe/Berlin", "groups": ["nightly"]}],
    "local": {"s3": {"my-bucket": "data"}, "images": [{"match": "*x*", "requirements": ["lightgbm==4.7.0"]}]},
}  # fmt: skip
LOCK = Lock(
    manifest_commit="1" * 40,
    repos=(
        LockedRepo(name="churn", url="x", revision="main", commit="1" * 40, tree="2" * 40,
                   committed="2026-01-01T00:00:00Z", subject="s", author="a"),
    ),
)  # fmt: skip
PLAN = {
    "format": 1,
    "pipeline": "tiny",
    "base_sha256": "a" * 64,
    "base_version": 1,
    "new_sha256": "b" * 64,
    "unsafe": [],
}


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _manifest(folder: Path, content: bytes) -> None:
    with answered():
        build_manifest(load_yaml(_file(folder, "model_repos.yaml", content), "model_repos.yaml", "PB100"))


def _lock(folder: Path, content: bytes) -> None:
    with answered():
        load_lock(_file(folder, "lock.yaml", content))


def _plan(folder: Path, content: bytes) -> None:
    with answered():
        load_plans(_file(folder, "plan.json", content))


def _conf(folder: Path, content: bytes) -> None:
    model = folder / "aws-train" / "churn"
    if not model.exists():
        write_model(model)
    (model / "conf" / "conf.yaml").write_bytes(content)
    plain = {"version": 1, "repos": [{"name": "churn", "url": "churn"}]}
    manifest = build_manifest(load_yaml(_file(folder, "m.yaml", text_of(plain)), "m.yaml", "PB100"))
    with answered():
        composed = compose(manifest, LOCK, root=folder, values=LOCAL_DEFAULTS)
        assert composed.definition.content


# --- what jobs and stages hand on


def _show(record: RunRecord) -> None:
    """Write everything that is written about a run."""
    page = render_report(record)
    assert len(page) < 20_000_000
    text = approval_text(record)
    assert len(text) <= 1000
    assert "\n" not in text
    shown = render_result(record, "build/report.html")
    for words in (page, render_junit(record), text, inert_text(shown), record.model_dump_json()):
        assert words.encode()
    for problem in failure_problems(record):
        assert inert_text(str(problem)) == str(problem)


def _metrics(folder: Path, content: bytes) -> None:
    try:
        with answered():
            found = parse_metrics(content, "s3://b/metrics.json")
            for other in (found, METRICS, None):
                compare_metrics(found, other)
            find_confusion(found)
            find_curves(found)
            metric_at(found, "binary_classification_metrics.auc.value")
            record = run_record("churn")
            package = record.packages[0].model_copy(update={"metrics": found, "champion_metrics": METRICS})
            _show(record.model_copy(update={"packages": (package,)}))
    except ValueError as error:
        assert not isinstance(error, UnicodeEncodeError), error  # no JSON at all, which the reader knows


def _record(folder: Path, content: bytes) -> None:
    with answered():
        record = load_record(_file(folder, "run.json", content))
        if record is not None:
            _show(record)


def _archive(folder: Path, content: bytes) -> None:
    target = folder / "deep" / "unpacked"
    path = _file(folder, "model.tar.gz", content)
    before = sorted(item.name for item in folder.iterdir())
    with answered():
        read_member(path, ("model.txt", "requirements.txt"))
    with answered():
        unpack(path, target)
    assert sorted(item.name for item in folder.iterdir() if item.name != "deep") == [n for n in before if n != "deep"]
    assert not [item for item in folder.rglob("*") if item.is_symlink()]
    remove_folder(folder / "deep")


def _archives() -> Iterator[bytes]:
    for mode in ("w:gz", "w", "w:bz2"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            for name in ("model.txt", "code/train.py", "a" * 120):
                entry = tarfile.TarInfo(name)
                entry.size = 600
                archive.addfile(entry, io.BytesIO(b"x" * 600))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "../../x"
            archive.addfile(link)
        yield buffer.getvalue()


# --- definitions, which clients of serve send, and which lie in a state


def _definition(folder: Path, content: bytes) -> None:
    with answered():
        document = load_definition(content)
        findings = check_definition(json.loads(content))
        assert all(inert_text(str(finding.message)) for finding in findings)
        if not findings:
            assert document.steps is not None
            parameter_values(document, {})


# --- serve


class _Served:
    """The application on a state of its own; there is no network between."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        engine = open_engine(folder / "state", LocalSettings())
        background = Background(engine, self.said.append)
        application = Application(engine=engine, background=background, report=self.said.append)
        self.client = Client(application)
        self.ask("PUT", "/bucket")

    def ask(self, method: str, path: str, **more: Any) -> int:
        answer = self.client.open(path, method=method, base_url="http://127.0.0.1/", **more)
        answer.get_data()
        answer.close()
        return answer.status_code


_SERVED: dict[Path, _Served] = {}


def _served(folder: Path) -> _Served:
    if folder not in _SERVED:
        _SERVED[folder] = _Served(folder)
    return _SERVED[folder]


def _asked(folder: Path, method: str, path: str, **more: Any) -> None:
    served, begun = _served(folder), time.process_time()
    try:
        code = served.ask(method, path, **more)
    except (UnicodeEncodeError, ValueError) as error:
        if "header" in str(error).lower() or isinstance(error, UnicodeEncodeError) or "newline" in str(error):
            return  # the client can't send that
        raise
    assert served.said == [], "".join(served.said)
    assert code != 500
    assert time.process_time() - begun < MOST_SECONDS


_DEFINITION = json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": []})
REQUESTS: tuple[Any, ...] = (
    {"PipelineName": "p", "PipelineDefinition": _DEFINITION, "RoleArn": "arn:aws:iam::000000000000:role/local",
     "ClientRequestToken": "t" * 32, "Tags": [{"Key": "a", "Value": "b"}]},
    {"PipelineName": "p", "MaxResults": 5, "NextToken": "x", "SortBy": "Name", "SortOrder": "Ascending", "CreatedAfter": 1.5},
    {"PipelineExecutionArn": "arn:aws:sagemaker:localhost:000000000000:pipeline/p/execution/abcdefghijkl"},
    {"ModelPackageGroupName": "g", "ModelPackageGroupDescription": "d"},
    {"ModelPackageName": "arn:aws:sagemaker:localhost:000000000000:model-package/g/1", "ModelApprovalStatus": "Approved",
     "ModelPackageArn": "arn:aws:sagemaker:localhost:000000000000:model-package/g/1"},
    {"ResourceArn": "arn:aws:sagemaker:localhost:000000000000:pipeline/p", "TagKeys": ["a"], "Tags": [{"Key": "a", "Value": "b"}]},
    {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "x", "limit": 5, "nextToken": "f/1", "startTime": 1},
    {"TrainingJobName": "x", "ProcessingJobName": "x", "TransformJobName": "x", "ModelName": "x"},
)  # fmt: skip
_TARGETS = [*(f"SageMaker.{name}" for name in OPERATIONS), "SageMaker.Wat",
            *(f"Logs_20140328.{name}" for name in ("GetLogEvents", "DescribeLogStreams", "FilterLogEvents"))]  # fmt: skip


def _sagemaker(folder: Path, call: tuple[str, bytes]) -> None:
    headers = {"X-Amz-Target": call[0], "Content-Type": "application/x-amz-json-1.1"}
    _asked(folder, "POST", "/", data=call[1], headers=headers)


_KEYS = st.one_of(st.sampled_from([*(n for n in NAMES if "\ud800" not in n), "x", "k" * 1024, "k" * 1025, "/".join("a" * 400)]), st.text(
    st.characters(exclude_categories=["Cs"]), max_size=30))  # fmt: skip
_QUERY = st.dictionaries(
    st.sampled_from(("list-type", "prefix", "delimiter", "max-keys", "marker", "start-after", "continuation-token",
                     "encoding-type", "uploads", "uploadId", "partNumber", "delete", "location", "wat")),
    _KEYS | st.sampled_from(("2", "url", "1", "0", "10001", "²", "-1", "9" * 5000)), max_size=4)  # fmt: skip
_HEADERS = st.dictionaries(
    st.sampled_from(("Range", "x-amz-copy-source", "x-amz-copy-source-range", "If-Match", "If-None-Match", "Content-MD5",
                     "x-amz-content-sha256", "x-amz-trailer", "x-amz-meta-a", "Content-Type", "x-amz-checksum-crc32",
                     "x-amz-metadata-directive", "x-amz-decoded-content-length", "If-Modified-Since", "Content-Encoding")),
    st.sampled_from(("bytes=0-1", "bytes=5-1", "bytes=-" + "9" * 5000, "bucket/x", "*", "a" * 64, "STREAMING-X", "²", "",
                     "REPLACE", "aws-chunked", "v" * 3000, "-1", "bucket/%00", "x-amz-checksum-crc32", "text/plain")),
    max_size=3)  # fmt: skip
BODIES = (
    b"x", b"<Delete><Object><Key>x</Key></Object></Delete>", b"5\r\nhello\r\n0\r\n\r\n",
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
    "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a [<!ENTITY x 'y'>]><Delete/>".encode("utf-16"),
    b"Action=GetCallerIdentity&Version=2011-06-15",
)  # fmt: skip


def _s3(folder: Path, call: tuple[str, bool, str, dict[str, str], dict[str, str], bytes]) -> None:
    method, in_bucket, key, query, headers, body = call
    path = f"/bucket/{quote(key)}" if in_bucket else f"/{quote(key)}"
    _asked(folder, method, path, query_string=query, headers=headers, data=body)


# --- the state, in which somebody has changed a column


def _state(folder: Path, change: tuple[str, int, Any]) -> None:
    table, column, value = change
    path = folder / "state.db"
    if not path.exists():
        fill_state(path)
    whole = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as db:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        db.execute("PRAGMA foreign_keys = OFF")
        with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
            db.execute(f"UPDATE {table} SET {names[column % len(names)]} = ?", (value,))
        db.commit()
    try:
        _look(folder)
    finally:
        for name in ("state.db-wal", "state.db-shm"):
            (folder / name).unlink(missing_ok=True)
        path.write_bytes(whole)


def _look(folder: Path) -> None:
    for look in (
        lambda t: t.pipelines.list_executions(),
        lambda t: [t.pipelines.list_steps(e.arn) for e in t.pipelines.list_executions()],
        lambda t: t.registry.list_approvals(),
        lambda t: t.registry.list_packages("g"),
        lambda t: t.pipelines.describe_pipeline("p"),
        lambda _: catalogue.list_versions(State(folder / "state.db"), "p"),
        lambda _: package_details.list_packages(State(folder / "state.db")),
    ):
        with answered():
            look(open_local_target(folder, LocalSettings()))


def fill_state(path: Path) -> None:
    """Write a state that has a row of everything."""
    target = open_local_target(path.parent, LocalSettings())
    request = {"ModelPackageGroupName": "g", "InferenceSpecification": {"Containers": [{"Image": "i"}]}}
    definition = {
        **json.loads(_DEFINITION),
        "Steps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}],
    }
    pipeline = target.pipelines.put_pipeline("p", json.dumps(definition).encode())
    begun = target.pipelines.start_execution("p", pipeline.version, {}, fingerprint="f")
    target.pipelines.follow_execution(begun.arn, lambda _: None)
    State(path)
    from pipeline_builder.descriptions import ApprovalStatus
    from pipeline_builder.engine.state.registry import LocalRegistry

    registry = LocalRegistry(State(path))
    package = registry.register(request, execution=begun.arn, step="R")
    registry.set_approval(package.arn, ApprovalStatus.APPROVED, description="d", metadata={}, by="ada")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
_RECORD = run_record("churn", "other", started=_NOW)
_COLUMNS = st.one_of(
    st.sampled_from((None, "", "{", "[]", "{}", '{"a":', "1", 5, 1.5, b"\xff", "nan", "Executing", "2026", "\x00")),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10), values().map(json.dumps),
)  # fmt: skip
_CONF = yaml.safe_load(CONF)

PARTS: Mapping[str, Part] = {
    "manifest": Part(
        inputs=changed(MANIFEST).map(text_of) | damaged(yaml.safe_dump(MANIFEST).encode(), text_of(MANIFEST)), check=_manifest
    ),
    "conf": Part(inputs=changed(_CONF).map(text_of) | damaged(CONF.encode()), check=_conf),
    "lock": Part(inputs=damaged(render_lock(LOCK).encode()) | changed(yaml.safe_load(render_lock(LOCK))).map(text_of), check=_lock),
    "plan": Part(inputs=changed(PLAN).map(text_of) | damaged(text_of(PLAN)), check=_plan),
    "metrics": Part(inputs=changed(METRICS).map(text_of) | damaged(text_of(METRICS)) | values().map(text_of), check=_metrics),
    "record": Part(
        inputs=changed(json.loads(_RECORD.model_dump_json())).map(text_of) | damaged(_RECORD.model_dump_json().encode()),
        check=_record,
    ),
    "sagemaker": Part(
        inputs=st.tuples(st.sampled_from(_TARGETS), changed(*REQUESTS).map(text_of) | damaged(*map(text_of, REQUESTS))),
        check=_sagemaker,
    ),
    "s3": Part(
        inputs=st.tuples(
            st.sampled_from(("GET", "PUT", "HEAD", "DELETE", "POST")), st.booleans(), _KEYS, _QUERY, _HEADERS,
            st.sampled_from(BODIES) | damaged(*BODIES),
        ),
        check=_s3,
    ),
    "definition": Part(inputs=changed(json.loads(TINY.read_bytes())).map(text_of) | damaged(TINY.read_bytes()), check=_definition),
    "archives": Part(inputs=damaged(*_archives()), check=_archive),
    "state": Part(
        inputs=st.tuples(
            st.sampled_from(("executions", "steps", "packages", "approvals", "versions", "pipelines")), st.integers(0, 20), _COLUMNS
        ),
        check=_state,
    ),
}  # fmt: skip
