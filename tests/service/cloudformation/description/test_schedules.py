"""Schedules: what EventBridge Scheduler would refuse is found before, and when one fires next is told."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_builder.manifest.cron import cron_faults, next_firing
from pipeline_builder.service.cloudformation.description.schedules import build_schedules
from tests.service.services import parse_manifest, read_service

GOOD = (
    "0 2 * * ? *",
    "15 10 ? * 6L 2022-2026",
    "0/15 * * * ? *",
    "*/10 8-17 ? * MON-FRI *",
    "0 9 ? * 2#1 *",
    "0 9 ? * mon#3 *",
    "0 9 L * ? *",
    "0 9 LW * ? *",
    "0 9 15W * ? *",
    "0 0,12 1,15 JAN,jul ? 2026/2",
    "0 18 ? * L *",
    "59 23 31 12 ? 2199",
)
BAD = (
    ("cron(0 2 * * ? *)", "write the six fields alone, without 'cron(' and ')'"),
    ("0 2 * * *", "5 fields, expected 6 with one space between them"),
    ("0  2 * * ? *", "6 fields, expected 6 with one space between them"),
    ("0 2 * * ? *\n", "6 fields, expected 6 with one space between them"),
    ("0 2 * * * *", "exactly one of day-of-month and day-of-week must be '?'"),
    ("0 2 ? * ? *", "exactly one of day-of-month and day-of-week must be '?'"),
    ("60 2 * * ? *", "'60' is no minute: expected 0 to 59"),
    ("0 24 * * ? *", "'24' is no hour: expected 0 to 23"),
    ("0 2 0 * ? *", "'0' is no day of month: expected 1 to 31"),
    ("0 2 32W * ? *", "'32W' is no day of month: expected 1 to 31"),
    ("0 2 * 13 ? *", "'13' is no month: expected 1 to 12, or JAN to DEC"),
    ("0 2 * FOO ? *", "'FOO' is no month: expected 1 to 12, or JAN to DEC"),
    ("0 2 ? * 0 *", "'0' is no day of week: expected 1 to 7, or SUN to SAT"),
    ("0 2 ? * 3#6 *", "'3#6' is no day of week: expected 1 to 7, or SUN to SAT"),
    ("0 2 ? * 8L *", "'8L' is no day of week: expected 1 to 7, or SUN to SAT"),
    ("0 2 * * ? 1969", "'1969' is no year: expected 1970 to 2199"),
    ("0 2 * * ? 20266", "'20266' is no year: expected 1970 to 2199"),
    ("10-5 2 * * ? *", "'10-5' is no minute: the range '10-5' runs backwards"),
    ("*/0 2 * * ? *", "'*/0' is no minute: the step after '/' is none, expected 1 to 59"),
    ("0/x 2 * * ? *", "'0/x' is no minute: the step after '/' is none, expected 1 to 59"),
    ("? 2 * * ? *", "'?' is no minute: expected 0 to 59"),
    ("L 2 * * ? *", "'L' is no minute: expected 0 to 59"),
    ("1,*,3 2 * * ? *", "'1,*,3' is no minute: '*' stands alone"),
    ("1, 2 * * ? *", "'1,' is no minute: expected 0 to 59"),
    ("@daily", "1 fields, expected 6 with one space between them"),
    ("0 2 * * ? *) or rate(1 minute", "9 fields, expected 6 with one space between them"),
    ("${x} 2 * * ? *", "'${x}' is no minute: expected 0 to 59"),
    ("٣ 2 * * ? *", "'٣' is no minute: expected 0 to 59"),
)


@pytest.mark.parametrize("text", GOOD)
def test_a_cron_expression_of_eventbridge_is_taken(text: str) -> None:
    assert cron_faults(text) == ()


@pytest.mark.parametrize(("text", "fault"), BAD)
def test_what_is_wrong_in_a_cron_expression_is_said(text: str, fault: str) -> None:
    assert cron_faults(text) == (fault,)


@given(st.text(alphabet="0123456789*?/,-LW# JANMONSU\n${}", max_size=30))
def test_a_cron_expression_that_is_taken_has_nothing_else_in_it(text: str) -> None:
    if not cron_faults(text):
        assert set(text) <= set("0123456789*?/,-LW# ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        next_firing(text, timezone.utc, datetime(2026, 1, 1, tzinfo=timezone.utc))  # what is taken can be worked out


def faults(**schedule: object) -> list[str]:
    manifest = parse_manifest(
        {"repos": [{"url": "a/b", "groups": ["nightly"]}], "schedules": [{"name": "s", **schedule}]}
    )
    _, problems = build_schedules(manifest.schedules, manifest.pipelines)
    assert all(problem.place for problem in problems)
    return [f"{problem.id} {problem.message} | {problem.hint}" for problem in problems]


@pytest.mark.parametrize("rate", ["1 minute", "2 minutes", "1 hour", "12 hours", "1 day", "365 days"])
def test_a_rate_is_taken(rate: str) -> None:
    assert faults(rate=rate) == []


@pytest.mark.parametrize(
    ("rate", "fault"),
    [
        ("1 hours", "1 goes with 'hour'"),
        ("2 hour", "2 goes with 'hours'"),
        ("0 days", "expected a whole number from 1 on, and minutes, hours or days"),
        ("1.5 hours", "expected a whole number from 1 on, and minutes, hours or days"),
        ("2 weeks", "expected a whole number from 1 on, and minutes, hours or days"),
        ("rate(2 hours)", "write it without 'rate(' and ')'"),
        ("2 hours\n", "expected a whole number from 1 on, and minutes, hours or days"),
    ],
)
def test_a_wrong_rate_is_said(rate: str, fault: str) -> None:
    (found,) = faults(rate=rate)
    assert found == f"PB611 the schedule 's' has the rate '{rate}': {fault} | write it as '1 hour' or '12 hours'"


def test_a_timezone_is_of_the_list() -> None:
    assert faults(cron="0 2 * * ? *", timezone="America/Argentina/Buenos_Aires") == []
    assert faults(cron="0 2 * * ? *", timezone="Europe/Berln") == [
        "PB612 the schedule 's' names the timezone 'Europe/Berln', which doesn't exist | did you mean 'Europe/Berlin'"
    ]
    for bad in ("/etc/passwd", "../UTC", "posix/UTC", "europe/berlin", "", "UTC\n", "localtime", "Factory"):
        assert [text[:5] for text in faults(cron="0 2 * * ? *", timezone=bad)] == ["PB612"]


def test_a_machine_without_timezones_says_so() -> None:
    kept = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    try:
        known = zoneinfo.available_timezones()
        found = faults(cron="0 2 * * ? *", timezone="Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath(to=kept)
    if known:
        pytest.skip("the Python package tzdata is here")
    assert found == [
        "PB612 this machine has no list of timezones, so 'Europe/Berlin' of 's' is not checked | install the system's tzdata"
    ]


def test_groups_fit_into_what_an_action_hands_on() -> None:
    groups = [f"g{index:062}" for index in range(7)]
    data = {
        "repos": [{"url": "a/b", "groups": groups}],
        "schedules": [{"name": "s", "rate": "1 day", "groups": groups}],
    }
    manifest = parse_manifest(data)
    (problem,) = build_schedules(manifest.schedules, manifest.pipelines)[1]
    assert problem.message == "the groups of the schedule 's' have together more than 400 characters"


BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("cron", "after", "wanted"),
    [
        ("0 2 * * ? *", datetime(2026, 11, 25, 17, tzinfo=BERLIN), datetime(2026, 11, 26, 2, tzinfo=BERLIN)),
        ("0 2 * * ? *", datetime(2026, 11, 26, 2, tzinfo=BERLIN), datetime(2026, 11, 27, 2, tzinfo=BERLIN)),
        # 2:30 isn't there on the day that summer time begins, and is there twice where it ends
        ("30 2 * * ? *", datetime(2026, 3, 28, 12, tzinfo=BERLIN), datetime(2026, 3, 30, 2, 30, tzinfo=BERLIN)),
        ("30 2 * * ? *", datetime(2026, 10, 24, 12, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)),
        ("30 1 * * ? *", datetime(2026, 11, 1, 0, tzinfo=NEW_YORK), datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)),
        ("0 9 L * ? *", datetime(2028, 2, 1, tzinfo=BERLIN), datetime(2028, 2, 29, 9, tzinfo=BERLIN)),
        ("0 9 LW * ? *", datetime(2026, 2, 1, tzinfo=BERLIN), datetime(2026, 2, 27, 9, tzinfo=BERLIN)),
        ("0 9 1W * ? *", datetime(2026, 8, 1, tzinfo=BERLIN), datetime(2026, 8, 3, 9, tzinfo=BERLIN)),
        ("0 9 31W * ? *", datetime(2026, 5, 1, tzinfo=BERLIN), datetime(2026, 5, 29, 9, tzinfo=BERLIN)),
        ("0 9 15W * ? *", datetime(2026, 11, 1, tzinfo=BERLIN), datetime(2026, 11, 16, 9, tzinfo=BERLIN)),
        ("0 9 ? * 6L *", datetime(2026, 11, 1, tzinfo=BERLIN), datetime(2026, 11, 27, 9, tzinfo=BERLIN)),
        ("0 9 ? * TUE#2 *", datetime(2026, 11, 1, tzinfo=BERLIN), datetime(2026, 11, 10, 9, tzinfo=BERLIN)),
        ("0 9 ? * 1 *", datetime(2026, 11, 25, tzinfo=BERLIN), datetime(2026, 11, 29, 9, tzinfo=BERLIN)),
        ("0 9 ? * L *", datetime(2026, 11, 25, tzinfo=BERLIN), datetime(2026, 11, 28, 9, tzinfo=BERLIN)),
        ("5/20 9 1 1 ? 2027", datetime(2027, 1, 1, 9, 25, tzinfo=BERLIN), datetime(2027, 1, 1, 9, 45, tzinfo=BERLIN)),
        ("0 0 29 2 ? *", datetime(2096, 3, 1, tzinfo=BERLIN), datetime(2104, 2, 29, tzinfo=BERLIN)),
        ("0 0 31 2 ? *", datetime(2026, 1, 1, tzinfo=BERLIN), None),
        ("0 0 1 1 ? 2020", datetime(2026, 1, 1, tzinfo=BERLIN), None),
    ],
)
def test_when_a_schedule_fires_next(cron: str, after: datetime, wanted: datetime | None) -> None:
    zone = after.tzinfo
    assert zone is not None
    assert next_firing(cron, zone, after) == wanted


@pytest.mark.long
@settings(max_examples=60)
@given(
    minute=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hour=st.sets(st.integers(0, 23), min_size=1, max_size=3),
    day=st.sets(st.integers(1, 7), min_size=1, max_size=3),
    after=st.integers(0, 525_600 * 60).map(
        lambda second: datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=second)
    ),
)
def test_no_minute_before_the_next_firing_fits(
    minute: set[int], hour: set[int], day: set[int], after: datetime
) -> None:
    cron = f"{','.join(map(str, minute))} {','.join(map(str, hour))} ? * {','.join(map(str, day))} *"
    step = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while not (step.minute in minute and step.hour in hour and step.isoweekday() % 7 + 1 in day):
        step += timedelta(minutes=1)
    assert next_firing(cron, timezone.utc, after) == step


def test_a_problem_is_shown_where_the_value_stands() -> None:
    schedule = {"name": "s", "cron": "0 2 * * *", "timezone": "Mars"}
    manifest = parse_manifest({"repos": [{"url": "https://git.example.com/a.git"}], "schedules": [schedule]})
    _, problems = build_schedules(manifest.schedules, manifest.pipelines)
    texts = [problem.place.text.strip() for problem in problems if problem.place]
    assert texts == ['"cron": "0 2 * * *",', '"timezone": "Mars"']


def test_a_service_without_schedules_may_be_called_default() -> None:
    _, problems = read_service(
        ({"url": "https://github.com/acme/churn.git", "trigger": "webhook"},), (), name="default"
    )
    assert [str(problem) for problem in problems if not problem.warning] == []
