"""Decisions on AWS where a service waits for the word: page and command answer CodePipeline, and its stages decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.console.look import utc
from pipeline_builder.descriptions import Approval
from pipeline_builder.service.setting import Setting
from pipeline_builder.service.stage import run_promote, run_reject
from pipeline_builder.session import Session
from tests.aws.asking import ANSWERED, Asking, asking
from tests.console.consoles import Client, client_of, looks_of, session_of
from tests.console.test_decide import decide, form_of, sent, told
from tests.serve.serving import Served, serving
from tests.service.test_stage import Service
from tests.trio import MANIFEST, Trio, make_trio

pytestmark = pytest.mark.long


@dataclass
class Account:
    """A workspace whose target is AWS: SageMaker, S3 and STS as `serve` plays them, and a question of CodePipeline."""

    trio: Trio
    served: Served
    asking: Asking
    client: Client
    path: str
    seconds: list[float]

    def wait(self) -> None:
        """Let what the console remembers of AWS be old."""
        self.seconds.append(20)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.served.environment, "AWS_ENDPOINT_URL_CODEPIPELINE": self.asking.url}

    def session(self) -> Session:
        return session_of(self.trio, target="aws", **self.environment)

    def stage(self, answer: Approval) -> None:
        """Do what the service's stage does after an answer."""
        setting = Setting(approval=self.asking.approval, artifacts="local", execution="e1", pipeline="models")
        run = run_promote if answer.approved else run_reject
        session = self.session()
        if not answer.approved:
            session.target.store.put(
                "s3://local/runs/e1/run.json", (self.trio.root / "build" / "run.json").read_bytes()
            )
        run(session, setting, Service(answer))

    def statuses(self) -> dict[str, str]:
        registry = self.session().target.registry
        return {name: registry.list_packages(f"trio-{name}")[0].status.value for name in ("churn", "price", "segments")}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    trio = make_trio(tmp_path / "trio", MANIFEST)
    with serving(tmp_path, local=trio.root / "data") as served:
        ended = trio.call("up", **served.environment)
        assert ended.code == 0, ended.err
        record = trio.record
        with asking(Asking(run=record["execution"], approval=record["evidence"], pipeline="pipeline-builder")) as asked:
            for name, value in {**served.environment, "AWS_ENDPOINT_URL_CODEPIPELINE": asked.url}.items():
                monkeypatch.setenv(name, value)
            seconds: list[float] = []
            given: dict[str, Any] = {"target": "aws", **served.environment}
            looks = looks_of(trio, now=lambda: utc() + timedelta(seconds=sum(seconds)), **given)
            client = client_of(looks)
            path = f"/decide/trio/{record['execution'].rsplit('/', 1)[-1]}"
            yield Account(trio, served, asked, client, path, seconds)
            looks.close()
            assert client.bugs == []


def test_a_service_is_answered_by_page_and_command_and_its_stages_decide_the_same(account: Account) -> None:
    """One after the other, as a run on AWS takes its time."""
    client, path, asked = account.client, account.path, account.asking
    page = unescape(client.text(path))
    assert "The service's pipeline pipeline-builder waits for this answer since 2026-11-29 13:05" in page

    # Somebody answers in CodePipeline while the page is open.
    form = form_of(client.page(path), churn="approve: fine", price="approve: fine", segments="approve: fine")
    asked.before_answer = lambda: asked.answer("Rejected", "too low")
    page = told(sent(client, path, form))
    assert page.startswith(
        "Not all of it was done refused trio-churn version 1: the question of the service's pipeline"
    )
    assert "was rejected meanwhile by ada (Approvers): too low PB020" in page
    assert set(account.statuses().values()) == {"PendingManualApproval"}

    # One word is CodePipeline's, the other goes into the registry before; what is left open keeps waiting.
    asked.before_answer = lambda: None
    asked.answers.clear()
    asked.ask_anew()
    client.page(path)
    page = told(decide(client, path, churn="approve: looks right", price="reject: too slow"))
    assert "rejected trio-price version 1: rejected by local: too slow" in page
    assert "answered trio-churn version 1: the service's pipeline 'pipeline-builder' is answered, and writes it" in page
    assert "asks once: what it wasn't answered for keeps waiting here" in page
    assert asked.answers == [("Approved", "only churn: looks right")]
    waits = "PendingManualApproval"
    assert account.statuses() == {"churn": waits, "price": "Rejected", "segments": waits}

    # Until its stage has run nobody writes what the service was answered, neither again nor otherwise.
    asked.answered = utc()
    account.wait()
    assert "The service's pipeline 'pipeline-builder' was answered, approved by ada (Approvers): only churn:" in (
        unescape(client.text(path))
    )
    page = told(decide(client, path, churn="approve: looks right"))
    assert "was so already trio-churn version 1: it was answered so already, by ada (Approvers)" in page
    page = told(decide(client, path, churn="reject: after all"))
    assert (
        "refused trio-churn version 1: churn: the service's pipeline 'pipeline-builder' was answered, approved" in page
    )
    ended = account.trio.call("promote", "churn", "--comment", "again", **account.environment)
    assert (ended.code, "it was answered so already" in ended.out) == (0, True), ended.err
    ended = account.trio.call("reject", "churn", "--comment", "no", **account.environment)
    assert (ended.code, "PB020" in ended.err) == (3, True)
    assert account.statuses() == {"churn": waits, "price": "Rejected", "segments": waits}
    assert len(asked.answers) == 1
    asked.answered = ANSWERED
    account.stage(Approval(approved=True, by="ada", comment=asked.answers[-1][1]))
    assert account.statuses() == {"churn": "Approved", "price": "Rejected", "segments": waits}

    # The command answers it as well, and says what it can't do yet.
    asked.ask_anew()
    ended = account.trio.call("reject", "segments", "--comment", "not good", **account.environment)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(
        "the service's pipeline 'pipeline-builder' is answered, and writes it into the registry"
    )
    assert asked.answers[-1] == ("Rejected", "only segments: not good")
    assert account.statuses()["segments"] == waits
    asked.answers.clear()
    asked.ask_anew()
    arguments = ("segments", "--comment", "good", "--stage", "production")
    ended = account.trio.call("promote", *arguments, **account.environment)
    assert "PB023 --stage and --to-account are for models that are approved, which the service's stage does first" in (
        ended.err
    )
    assert asked.answers == [("Approved", "good")]  # nothing else waits
    account.stage(Approval(approved=True, by="ada", comment=asked.answers[-1][1]))
    assert account.statuses()["segments"] == "Approved"

    # What is decided is taken back in the registry: no question is open about it.
    account.wait()
    page = told(decide(client, path, segments="reject again: wrong after all"))
    assert "rejected again by local: wrong after all" in page
    assert len(asked.answers) == 1
    assert account.statuses()["segments"] == "Rejected"

    # A question about other evidence is told, and isn't answered, whoever asks.
    asked.approval = "0" * 64
    asked.ask_anew()
    account.wait()
    assert "asks about other evidence than this" in client.text(path)
    ended = account.trio.call(
        "promote", "--run", asked.run, "price", "--again", "--comment", "why", **account.environment
    )
    assert ended.code == 0, ended.err  # taken back: that is no answer to a question
    assert account.statuses()["price"] == "Approved"
    assert len(asked.answers) == 1

    # Who may not look at CodePipeline decides in the registry, and is told why.
    asked.denied = True
    account.wait()
    page = told(decide(client, path, price="reject again: after all"))
    assert "rejected again by local: after all" in page
    assert "whether a service waits for an answer can't be told: AWS refused get_pipeline_state" in page
    assert account.statuses()["price"] == "Rejected"
