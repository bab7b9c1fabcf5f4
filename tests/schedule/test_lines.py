"""Cron lines and systemd units work as they are."""

from __future__ import annotations

import shlex
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.schedule import calendar_events, crawl_command, cron_line, parse_schedule, systemd_units


@pytest.mark.parametrize(
    ("text", "events"),
    [
        pytest.param("0 3 * * *", ["*-*-* 03:00:00"], id="every night"),
        pytest.param("*/15 * * * *", ["*-*-* *:00,15,30,45:00"], id="every quarter of an hour"),
        pytest.param("30 6 * * mon-fri", ["Mon,Tue,Wed,Thu,Fri *-*-* 06:30:00"], id="on workdays"),
        pytest.param("0 0 1 * 7", ["*-*-1 00:00:00", "Sun *-*-* 00:00:00"], id="on the first or on Sunday"),
        pytest.param("0 9-17/4 */10 1,jul *", ["*-1,7-1,11,21,31 09,13,17:00:00"], id="ranges, steps, names"),
        pytest.param("0 0 */2 * 1", ["Mon *-*-1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 00:00:00"], id="star and"),
        pytest.param("5/20 1 * * *", ["*-*-* 01:05,25,45:00"], id="from five in steps of twenty"),
        pytest.param("@weekly", ["Sun *-*-* 00:00:00"], id="nickname"),
    ],
)
def test_a_cron_schedule_says_the_same_to_systemd(text: str, events: list[str]) -> None:
    assert calendar_events(parse_schedule(text)) == events


def _matches_cron(text: str, moment: datetime) -> bool:
    """crontab(5), written down a second time and slowly."""
    when = parse_schedule(text)
    day, weekday = moment.day in when.days, moment.isoweekday() % 7 in when.weekdays
    either = day and weekday if when.any_day or when.any_weekday else day or weekday
    return moment.minute in when.minutes and moment.hour in when.hours and moment.month in when.months and either


def _matches_event(event: str, moment: datetime) -> bool:
    weekdays, _, rest = f" {event}".partition(" *-")
    month_and_day, clock = rest.split(" ")
    month, day = month_and_day.split("-")
    hour, minute, _ = clock.split(":")
    numbers = ((month, moment.month), (day, moment.day), (hour, moment.hour), (minute, moment.minute))
    fits = all(text == "*" or number in {int(part) for part in text.split(",")} for text, number in numbers)
    return fits and (not weekdays or moment.strftime("%a") in weekdays.strip().split(","))


fields = st.tuples(
    *(
        st.sampled_from(["*", f"*/{step}", f"{least}", f"{least}-{least + step}", f"{least},{least + 3}"])
        for least, step in ((0, 7), (2, 5), (1, 9), (1, 4), (0, 2))
    )
)


@given(parts=fields, minutes=st.integers(0, 600_000))
def test_cron_and_systemd_start_at_the_same_moments(parts: tuple[str, ...], minutes: int) -> None:
    text, moment = " ".join(parts), datetime(2026, 1, 1) + timedelta(minutes=minutes)

    events = calendar_events(parse_schedule(text))

    assert any(_matches_event(event, moment) for event in events) == _matches_cron(text, moment)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("0 3 * *", "five fields"),
        ("", "five fields"),
        ("60 3 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * foo *", "month"),
        ("0 0 * * 8", "day of the week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("0 0 * * $(id)", "day of the week"),
        ("@reboot", "five fields"),
    ],
)
def test_an_invalid_schedule_is_refused_and_the_field_is_named(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        parse_schedule(text)


def test_the_line_names_the_program_with_its_whole_path_and_is_silent_on_success(tmp_path: Path) -> None:
    line = cron_line(tmp_path, "orders", "0  3 * *  *", ["-a", "day=mon 5%"])

    assert line.startswith(f"0 3 * * * cd {tmp_path} && ")
    command = line.partition(" && ")[2].replace("\\%", "%")
    assert shlex.split(command) == [*crawl_command("orders", ["-a", "day=mon 5%"], quiet=True)]
    assert Path(shlex.split(command)[0]).is_absolute()
    assert "--quiet" in command


def test_P7_the_line_runs_under_a_bare_shell_as_cron_gives_it(tmp_path: Path) -> None:
    folder = tmp_path / "my project's"
    folder.mkdir()
    command = cron_line(folder, "orders", "0 3 * * *").split(" ", 5)[5]
    probe = command.replace("run orders --quiet --if-running skip", "--version")
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C", "SHELL": "/bin/sh", "PYTHONPATH": str(Path.cwd())}

    done = subprocess.run(["/bin/sh", "-c", probe], env=environment, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("crawl")


def test_a_percent_sign_is_escaped_for_cron_which_takes_it_for_a_line_end(tmp_path: Path) -> None:
    folder = tmp_path / "50% off"

    assert "50\\% off" in cron_line(folder, "orders", "0 3 * * *")


@pytest.mark.parametrize("make", [cron_line, systemd_units])
def test_a_line_end_in_a_word_is_refused(tmp_path: Path, make: object) -> None:
    with pytest.raises(UsageError, match="line end"):
        make(tmp_path, "orders", "0 3 * * *", ["-a", "x=1\n* * * * * evil"])  # type: ignore[operator]


def test_the_units_enter_the_project_and_make_up_for_a_missed_start(tmp_path: Path) -> None:
    units = systemd_units(tmp_path / "50% off", "orders", "0 3 * * *", ["-a", 'x="$HOME" y'])

    service, timer = units["crawl-orders.service"], units["crawl-orders.timer"]
    assert f"WorkingDirectory={tmp_path}/50%% off\n" in service
    assert f"ExecStart={crawl_command('orders', quiet=False)[0]}" in service
    assert service.splitlines()[-2].endswith('--if-running skip -a "x=\\"$$HOME\\" y"')
    assert "OnCalendar=*-*-* 03:00:00\nPersistent=true\n" in timer


def test_without_an_installed_script_the_interpreter_runs_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/bin/python")

    assert crawl_command("orders", quiet=True)[:3] == ["/nowhere/bin/python", "-m", "crawler.cli"]
