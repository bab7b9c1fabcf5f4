"""Starts a spider on a schedule: a line for crontab, or a service and a timer for systemd. Makes text, runs nothing.

The line works as it stands under cron, which gives a job no terminal, a bare PATH and perhaps no HOME: the program is
named with its full path, the project folder is entered first, and nothing is printed after success, so that cron sends
mail only when something went wrong.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Name, least and greatest number, and names for numbers of each field. Source: crontab(5).
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of the week", 0, 7, _DAYS),
)
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@quick_dataclass
class Schedule:
    """When to start, as cron expresses it.

    Attributes:
        text: Five fields with one space between them.
        minutes, hours, days, months, weekdays: The numbers that match; weekdays from 0, Sunday, to 6.
        any_day, any_weekday: The field begins with ``*``: then the other of the two decides alone.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool


def parse_schedule(text: str) -> Schedule:
    """Read five cron fields, or a nickname such as ``@daily``.

    Raises:
        UsageError: It is not a schedule; the message names the field.
    """
    fields = _NICKNAMES.get(text.strip().lower(), text).split()
    if len(fields) != len(_FIELDS):
        raise UsageError(f"schedule {text[:60]!r}: write five fields, such as '0 3 * * *' for 3:00 every night")
    minutes, hours, days, months, weekdays = (
        _numbers(field, *rule) for field, rule in zip(fields, _FIELDS, strict=True)
    )
    return Schedule(
        " ".join(fields),
        minutes,
        hours,
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        any_day=fields[2].startswith("*"),
        any_weekday=fields[4].startswith("*"),
    )


def _numbers(field: str, name: str, least: int, greatest: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        matched = re.fullmatch(r"(?:(\*)|([0-9]+|[A-Za-z]{3})(?:-([0-9]+|[A-Za-z]{3}))?)(?:/([0-9]+))?", part)
        if matched is None:
            raise UsageError(f"schedule: {part[:40]!r} is not a valid {name}")
        everything, first, last, step = matched.groups()
        start = least if everything else _number(first, name, least, greatest, names)
        stop = greatest if everything or (step and not last) else start
        stop = _number(last, name, least, greatest, names) if last else stop
        if stop < start or (step is not None and int(step) < 1):
            raise UsageError(f"schedule: {part[:40]!r} is not a valid {name}")
        found.update(range(start, stop + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, greatest: int, names: tuple[str, ...]) -> int:
    number = int(text) if text.isdecimal() else names.index(text.lower()) if text.lower() in names else -1
    if not least <= number <= greatest:
        raise UsageError(f"schedule: {text[:40]!r} is not a valid {name}: {least} to {greatest}")
    return number


def crawl_command(spider: str, extra: Sequence[str] = (), *, quiet: bool) -> list[str]:
    """The command that runs *spider*, with the program's full path."""
    script = Path(sys.executable).with_name("crawl")  # not resolved: a link may be what makes it a virtual environment
    program = [str(script)] if script.exists() else [sys.executable, "-m", "crawler.cli"]
    return [*program, "run", spider, *(["--quiet"] if quiet else []), "--if-running", "skip", *extra]


def cron_line(
    project: Path,
    spider: str,
    schedule: str,
    extra: Sequence[str] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """One line for ``crontab -e``. A start while the last run is still going does nothing.

    Args:
        project: Folder of the project.
        spider: Name of a spider; checked by the caller.
        schedule: Five cron fields or a nickname.
        extra: Further words for ``crawl run``.
        variables: Variables that the job gets.
    Raises:
        UsageError: The schedule is not valid, or a path or word holds a line end.
    """
    when = parse_schedule(schedule).text
    given = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
    command = (
        f"cd {shlex.quote(str(project.absolute()))} && {'env ' if given else ''}{given}"
        f"{shlex.join(crawl_command(spider, extra, quiet=True))}"
    )
    if any(character in command for character in "\r\n\0"):
        raise UsageError("a crontab line cannot hold a line end; give the option another way")
    return f"{when} {command.replace('%', chr(92) + '%')}"  # a bare % is a line end to cron


@quick_dataclass
class Timing:
    """Options of a systemd timer besides its schedule.

    Attributes:
        name: Of the units, after ``crawl-``; the spider's if left out.
        tz: Zone of the schedule; the machine's if left out.
        overlap: What a start does while the last run is still going: "skip" or "wait".
        jitter_s: Seconds by which a start may be late.
        catch_up: A start that was missed while the machine was off is made up for.
        variables: Variables that the job gets.
    """

    name: str = ""
    tz: str = ""
    overlap: str = "skip"
    jitter_s: float = 0.0
    catch_up: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)


def systemd_units(
    project: Path, spider: str, schedule: str, extra: Sequence[str] = (), timing: Timing | None = None
) -> dict[str, str]:
    """File name to text of the two units that start *spider* on *schedule*.

    Logs go to the journal, a start while the last run is still going does nothing, and a start that was missed while
    the machine was off is made up for.

    Raises:
        UsageError: As `cron_line` does.
    """
    timing = timing or Timing()
    folder = str(project.absolute())
    command = crawl_command(spider, extra, quiet=False)
    command[command.index("--if-running") + 1] = timing.overlap
    if any(character in word for word in (folder, *command) for character in "\r\n\0"):
        raise UsageError("a unit file cannot hold a line end; give the option another way")
    zone = f" {timing.tz}" if timing.tz else ""
    calendar = "".join(f"OnCalendar={moment}{zone}\n" for moment in calendar_events(parse_schedule(schedule)))
    jitter = f"RandomizedDelaySec={timing.jitter_s:g}\n" if timing.jitter_s else ""
    variables = "".join(f"Environment={_unit_word(f'{name}={value}')}\n" for name, value in timing.variables.items())
    name = timing.name or spider
    service = f"""\
[Unit]
Description=crawl run {spider}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder.replace("%", "%%")}
{variables}ExecStart={" ".join(map(_unit_word, command))}
TimeoutStopSec=60
"""
    timer = f"""\
[Unit]
Description=crawl run {spider}, by the clock

[Timer]
{calendar}{jitter}Persistent={str(timing.catch_up).lower()}

[Install]
WantedBy=timers.target
"""
    return {f"crawl-{name}.service": service, f"crawl-{name}.timer": timer}


def calendar_events(schedule: Schedule) -> list[str]:
    """The schedule in systemd's ``OnCalendar`` syntax: one line, or two where cron means "this day *or* that".

    Source: systemd.time(7), "Calendar Events"; crontab(5) on the two day fields.
    """
    clock = f"{_listed(schedule.hours, 24)}:{_listed(schedule.minutes, 60)}:00"
    months, days = _listed(schedule.months, 12, width=1), _listed(schedule.days, 31, width=1)
    names = ",".join(_DAYS[day].capitalize() for day in sorted(schedule.weekdays))
    weekdays = f"{names} " if len(schedule.weekdays) < 7 else ""
    if schedule.any_day or schedule.any_weekday:  # both must match, as in systemd; `*/2` begins with a star, too
        return [f"{weekdays}*-{months}-{days} {clock}"]
    return [f"*-{months}-{days} {clock}", f"{weekdays}*-{months}-* {clock}"]


def _listed(numbers: frozenset[int], how_many: int, width: int = 2) -> str:
    return "*" if len(numbers) == how_many else ",".join(f"{number:0{width}d}" for number in sorted(numbers))


def _unit_word(word: str) -> str:
    """One word of ``ExecStart``. Source: systemd.service(5), "Command lines"."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w@:./=,+%$-]+", escaped) else f'"{escaped}"'
