"""The command line of `scripts/acceptance`: what is asked for, agreed to, done, and taken away again.

Exit codes: 0 every point is confirmed or was skipped; 1 one is otherwise or failed; 2 the command can't be read; 3 it
wasn't agreed to; 4 no credentials or no AWS; 6 something could not be taken away; 130 and 143 it was interrupted.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from types import FrameType
from typing import NoReturn

from acceptance.answers import Report, Verdict, render_table
from acceptance.arguments import parse
from acceptance.ground import Ground, Options
from acceptance.permissions import render_policy
from acceptance.points import Point, choose, load_points
from acceptance.removal import remove
from acceptance.reporting import make_report, write_report
from acceptance.run import CutOff, choose_scenarios, estimate, make_answer, play
from acceptance.scenarios.catalogue import REMOVAL
from acceptance.scenarios.scenario import Scenario
from acceptance.state import Book, State, find_states, now
from pipeline_builder.aws.client import Aws
from pipeline_builder.errors import PipelineBuilderError

DONE, OTHERWISE, USAGE, REFUSED, OUTSIDE, LEFT = 0, 1, 2, 3, 4, 6


class Ended(Exception):
    """The command ends with this code, and says why."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Interrupted(BaseException):
    """Ctrl-C, or a signal that asks the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def say(text: str) -> None:
    """Tell people what is going on."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    asked = parse(arguments)
    try:
        return _run(asked)
    except Ended as error:
        say(str(error))
        return error.code
    except PipelineBuilderError as error:
        say(str(error))
        return OUTSIDE
    except Interrupted as error:
        say("interrupted")
        return error.code


def _run(asked: argparse.Namespace) -> int:
    options = Options(long=asked.long, connection=asked.connection, repository=asked.repository, image=asked.image)
    if bool(options.connection) != bool(options.repository):
        raise Ended(USAGE, "--connection and --repository go together: a connection, and where you push to")
    try:
        points = choose(load_points(), asked.only)
    except ValueError as error:
        raise Ended(USAGE, str(error)) from error
    if asked.list:
        print(_listed(points, choose_scenarios(points, options)), end="")
        return DONE
    _catch_signals()
    aws = Aws(asked.region)
    who = str(aws.call("sts", "get_caller_identity")["Arn"])
    _, partition, _, _, account, _ = who.split(":", 5)
    if asked.policy:
        print(render_policy(partition=partition, account=account, connection=options.connection), end="")
        return DONE
    book = _book(asked, account, aws)
    if asked.resume or asked.destroy:
        options = Options(**book.state.options["options"])
        points = choose(load_points(), book.state.options["only"])
    ground = Ground(
        aws=Aws(book.state.region), book=book, home=book.path.parent / book.state.suffix, partition=partition,
        options=options, say=say,
    )  # fmt: skip
    _hold(asked, ground, choose_scenarios(points, options))
    return _through(asked, ground, points, who=who)


def _hold(asked: argparse.Namespace, ground: Ground, scenarios: Sequence[Scenario]) -> None:
    """Take hold of the acceptance; a new one only where it is agreed to."""
    book = ground.book
    try:
        book.hold()
    except ValueError as error:
        raise Ended(REFUSED, str(error)) from error
    if asked.resume or asked.destroy:
        return
    try:
        _agree(asked, ground, scenarios)
    except (Ended, Interrupted):
        book.forget()
        raise
    book.state.options = {"options": asdict(ground.options), "only": list(asked.only)}
    book.save()


def _through(asked: argparse.Namespace, ground: Ground, points: Sequence[Point], *, who: str) -> int:
    """Play and take away; interrupted, take away at once."""
    code, scenarios = DONE, choose_scenarios(points, ground.options)
    try:
        if not asked.destroy:
            play(ground, points, scenarios)
    except CutOff as error:
        again = f"'scripts/acceptance --resume --state {ground.book.path}' goes on, --destroy takes everything away"
        raise Ended(OUTSIDE, f"{error}\n{again}") from error
    except Interrupted as error:
        code = error.code
        say("interrupted: everything is taken away now; once more leaves it, and says how it is removed")
    if not asked.keep or code or asked.destroy:
        _take_away(ground, points)
    report = make_report(ground, points, estimate(scenarios), who=who)
    target = asked.json or ground.book.path.with_name(f"report-{ground.book.state.suffix}.json")
    write_report(target, report)
    print(render_table(report.answers), end="")
    say(f"report: {target}; it names neither account nor people, and can be sent in")
    _finish(asked, ground, report)
    if code:
        return code
    if report.left:
        return LEFT
    bad = any(answer.verdict in (Verdict.OTHERWISE, Verdict.FAILED) for answer in report.answers)
    return OTHERWISE if bad and not asked.destroy else DONE


def _take_away(ground: Ground, points: Sequence[Point]) -> None:
    say("everything is taken away")
    ground.deadline = float("inf")
    try:
        left = remove(ground)
    except Interrupted as error:
        name, tag = ground.name, dict(ground.tags)
        words = (
            f"interrupted while it was taken away. What is left has names that begin with '{name}' and the tag {tag};\n"
            f"'scripts/acceptance --destroy --state {ground.book.path}' goes on with it"
        )
        raise Ended(error.code, words) from error
    ground.book.state.left = list(left)
    for point in points:
        if point.scenario == REMOVAL:
            verdict = Verdict.OTHERWISE if left else Verdict.CONFIRMED
            seen = f"{len(left)} left: {'; '.join(left)}" if left else "nothing is left"
            ground.book.answer(make_answer(point, verdict, seen=seen))
    ground.book.save()


def _finish(asked: argparse.Namespace, ground: Ground, report: Report) -> None:
    """Forget what is gone; say what isn't."""
    if (
        asked.keep
        and not asked.destroy
        and REMOVAL not in {answer.scenario for answer in report.answers if answer.seen}
    ):
        say(f"everything is still there: 'scripts/acceptance --destroy --state {ground.book.path}' takes it away")
        return
    if ground.book.state.left:
        say("left:")
        for line in ground.book.state.left:
            say(f"  {line}")
        say(f"'scripts/acceptance --destroy --state {ground.book.path}' tries again")
        return
    shutil.rmtree(ground.home, ignore_errors=True)
    ground.book.forget()


def _book(asked: argparse.Namespace, account: str, aws: Aws) -> Book:
    """Return the state to go on with, or a new one."""
    found = (asked.state,) if asked.state else find_states(asked.folder)
    if not (asked.resume or asked.destroy):
        if found:
            names = ", ".join(str(path) for path in found)
            raise Ended(
                REFUSED, f"an acceptance is still there ({names}): go on with --resume, or take it away with --destroy"
            )
        region = asked.region or str(aws.client("sts").meta.region_name or "")
        if region in ("", "aws-global"):
            raise Ended(USAGE, "the credentials name no Region: say --region")
        suffix = asked.suffix or secrets.token_hex(3)
        state = State(suffix=suffix, account=account, region=region, began=now())
        return Book((asked.folder / f"{suffix}.json").resolve(), state)
    if len(found) != 1:
        what = "several acceptances are" if found else "no acceptance is"
        raise Ended(USAGE, f"{what} in {asked.folder}: name one's file with --state")
    try:
        book = Book.load(found[0].resolve())
    except (OSError, ValueError) as error:
        raise Ended(USAGE, f"{found[0]} can't be read as the state of an acceptance: {error}") from error
    if book.state.account != account:
        raise Ended(REFUSED, "the credentials are of another account than that of the acceptance")
    return book


def _agree(asked: argparse.Namespace, ground: Ground, scenarios: Sequence[Scenario]) -> None:
    """Say what is going to be made and what it costs, and ask."""
    cost, minutes = estimate(scenarios), sum(scenario.minutes for scenario in scenarios)
    say(
        f"{len(scenarios)} scenarios in the account {ground.account}, {ground.region}: about {minutes} minutes and "
        f"{cost:.2f} USD without free tiers. Everything is called {ground.name}…, tagged, and taken away at the end."
    )
    if cost > asked.budget:
        raise Ended(REFUSED, f"that is more than --budget {asked.budget:.2f}: choose points with --only, or raise it")
    if asked.yes:
        return
    if not sys.stdin.isatty():
        raise Ended(REFUSED, "nobody can be asked here: say --yes")
    try:
        answer = input("Go on? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Ended(REFUSED, "it was not agreed to; nothing has been made")


def _listed(points: Sequence[Point], scenarios: Sequence[Scenario]) -> str:
    chosen = {scenario.name for scenario in scenarios} | {REMOVAL}
    lines = [f"{'point':<24} {'scenario':<16} question"]
    for point in points:
        played = point.scenario if point.scenario in chosen else f"({point.scenario})"
        lines.append(f"{point.id:<24} {played:<16} {point.question}")
    lines += ["", f"{'scenario':<16} {'minutes':>7} {'USD':>6}  what is done"]
    for scenario in scenarios:
        lines.append(f"{scenario.name:<16} {scenario.minutes:>7} {scenario.cost.usd:>6.2f}  {scenario.title}")
    lines.append(f"{'all of it':<16} {sum(one.minutes for one in scenarios):>7} {estimate(scenarios):>6.2f}")
    if len(chosen) - 1 < len({point.scenario for point in points} - {REMOVAL}):
        lines.append("(in brackets: not played without --long, or --connection and --repository)")
    return "\n".join(lines) + "\n"


def _catch_signals() -> None:
    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
