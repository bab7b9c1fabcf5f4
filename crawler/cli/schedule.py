"""`crawl schedule`: spiders on a schedule, and putting it into cron or systemd."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from crawler.cli import exits, options
from crawler.cli.text import columns, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.schedule.book import Made
    from crawler.schedule.plan import Entry
    from crawler.spider import Spider


class WithNames(TyperGroup):
    """A first word that is not a command is a spider's name: `crawl schedule NAME` prints its line."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            args = ["line", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=WithNames,
    no_args_is_help=True,
    help="Run spiders on a schedule: with cron, with systemd, or without either.",
    rich_markup_mode=None,
)


class Overlap(StrEnum):
    """What a start does while the last run is still going."""

    skip = "skip"
    wait = "wait"


Id = Annotated[str, typer.Argument(metavar="ID", help="An entry, as `crawl schedule list` names it.")]
When = Annotated[str, typer.Argument(metavar="CRON", help="When: five cron fields in quotes, or @daily and the like.")]
Systemd = Annotated[bool, typer.Option("--systemd", help="Use systemd timers of this user instead of cron.")]
_SAME_RUN_S = 600.0  #: between the start of a run and its note, by two clocks
_CREDENTIALS = "crawl: such a job has none of your environment variables: put the credentials into the file of accounts"


def _remind_of_credentials(spider: type[Spider]) -> None:
    """Say where they belong, unless the file of accounts has some for the site or for the first session."""
    if not spider.has_login_step():
        return
    from crawler.sessions.accounts_file import account_place, accounts_path, read_accounts, tables_of_site

    setting = options.settings_of(spider, {}).accounts
    file = accounts_path(os.environ, Path(setting) if setting else None)
    tables = (read_accounts(file) if file is not None else None) or {}
    sites = {account_place(url) for url in spider.start_urls}
    if not any(tables_of_site(tables, each) for each in sites) and not set(tables) - {"sites"}:
        tell(_CREDENTIALS)


def _tell_of_lost_variables() -> None:
    from crawler.schedule.crontab import lost_variables
    from crawler.settings import field_names

    lost = lost_variables(os.environ, field_names())
    if settings := [name for name in lost if name != "CRAWL_KEY"]:
        tell(
            f"crawl: such a job does not get {', '.join(settings)}: write settings into [tool.crawl] of pyproject.toml,"
            " or give them with -s"
        )
    if "CRAWL_KEY" in lost:
        tell(
            "crawl: such a job does not get CRAWL_KEY, and cannot read sessions that are encrypted with it: it logs in"
            " again, with a key from its file; use that here, too, or give the variable to the job"
        )


def local_zone() -> tzinfo:
    """The zone of the machine, with its clock changes if its name is known."""
    from zoneinfo import ZoneInfo

    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        target = os.path.realpath("/etc/localtime")
        if "/zoneinfo/" in target:
            return ZoneInfo(target.rpartition("/zoneinfo/")[2])
    except (KeyError, ValueError, OSError):
        pass
    return datetime.now().astimezone().tzinfo or UTC


@app.command()
def add(
    name: options.SpiderName,
    when: When,
    tz: Annotated[
        str, typer.Option("--tz", metavar="ZONE", help="Time zone of the schedule, such as Europe/Dublin.")
    ] = "",
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    overlap: Annotated[
        Overlap, typer.Option("--overlap", help="While the last run is still going: do nothing, or wait for it.")
    ] = Overlap.skip,
    jitter: Annotated[
        float, typer.Option("--jitter", metavar="SECONDS", min=0, help="Start up to this many seconds late.")
    ] = 0.0,
    no_catch_up: Annotated[bool, typer.Option("--no-catch-up", help="Do not make up for a missed start.")] = False,
) -> None:
    """Put a spider on the schedule of this project (schedule.toml). Shows the next five runs."""
    from crawler.schedule import book, plan

    spider = options.find(name)
    options.settings_of(spider, options.pairs(set_, "-s"))
    project = Path.cwd()
    with book.seen(project) as seen:
        entries = book.read(project)
        entry = plan.checked(
            plan.Entry(
                book.new_id(name, entries),
                name,
                when,
                tz,
                options.pairs(argument, "-a"),
                tuple(word for text in set_ or () for word in ("-s", text)),
                overlap.value,
                jitter,
                not no_catch_up,
            )
        )
        plan.next_runs(entry, datetime.now(UTC), local_zone())
        book.write(project, [*entries, entry])
        seen[entry.id] = datetime.now(UTC)
    _show_next(entry)
    _tell_of_lost_variables()
    _remind_of_credentials(spider)
    tell("crawl: `crawl schedule install` puts it into cron, or into systemd with --systemd")


def _show_next(entry: Entry) -> None:
    from crawler.schedule import plan

    say(f"{entry.id}: {entry.cron}{f' ({entry.tz})' if entry.tz else ''}; next runs, in local time:")
    for moment in plan.next_runs(entry, datetime.now(UTC), local_zone()):
        late = f", up to {entry.jitter_s:g} s later" if entry.jitter_s else ""
        say(f"  {moment:%a %Y-%m-%d %H:%M %Z}{late}")


@app.command("list")
def list_(store: options.StorePath = None, as_json: options.AsJson = False) -> None:
    """List the schedule. When each entry was last started by it, how that run ended, and when it runs next.

    Runs that were started by hand are not among them: `crawl runs` lists all.
    """
    from crawler.schedule import book, plan

    entries, zone, made = book.read(Path.cwd()), local_zone(), book.runs_made(Path.cwd())
    rows = []
    for entry in entries:
        following = plan.next_runs(entry, datetime.now(UTC), zone, 1)[0]
        last = _last_run(entry, made.get(entry.id), store)
        if as_json:
            facts = {"id": entry.id, "spider": entry.spider, "cron": entry.cron, "tz": entry.tz, **last}
            say(json.dumps({**facts, "next": following.isoformat()}))
        started = local_time(last["last_start"]) if last["last_start"] else "-"
        zone_name = entry.tz or "local"
        rows.append((entry.id, entry.cron, zone_name, started, last["verdict"], f"{following:%Y-%m-%d %H:%M}"))
    if as_json:
        return
    heading = ("entry", "schedule", "zone", "last run", "verdict", "next run")
    for each in columns(rows, heading) if rows else ():
        say(safe(each))
    if not rows:
        tell("crawl: nothing is on the schedule; `crawl schedule add NAME '0 3 * * *'` puts a spider there")


def _last_run(entry: Entry, made: Made | None, store: str | None) -> dict[str, Any]:
    """How the last run started for the entry went; one that was started by hand does not count."""
    from crawler.cli.status_commands import stored
    from crawler.output.history import past_run

    nothing: dict[str, Any] = {"last_start": None, "verdict": "never ran", "exit_code": None, "run": None}
    if made is None:
        return nothing
    try:
        with stored(options.typed_settings(None, store=store or _store_of(entry))) as source:
            run = source.runs.get(made.run)
            if run.spider != entry.spider or abs(run.started_at - made.at) > _SAME_RUN_S:
                return nothing  # of another store
            past = past_run(source, run)
            ended = {"verdict": past.ending, "exit_code": past.exit_code}
            return {"last_start": run.started_at, **ended, "run": run.id}
    except UsageError:
        return nothing


def _store_of(entry: Entry) -> str | None:
    """The store that is named in the words of an entry."""
    for before, word in zip(entry.words, entry.words[1:], strict=False):
        if before == "--store" or (before in ("-s", "--set") and word.startswith("store=")):
            return word.removeprefix("store=")
    return None


@app.command()
def remove(entry_id: Id) -> None:
    """Take an entry off the schedule. `crawl schedule install` then takes it out of cron or systemd."""
    from crawler.schedule import book

    entries = book.read(Path.cwd())
    _entry(entries, entry_id)
    book.write(Path.cwd(), [entry for entry in entries if entry.id != entry_id])
    book.note_run(Path.cwd(), entry_id, None)
    with book.seen(Path.cwd()) as seen:
        seen.pop(entry_id, None)
    tell(f"crawl: {safe(entry_id)} is off the schedule; `crawl schedule install` takes it out of cron or systemd, too")


@app.command()
def show(entry_id: Id, systemd: Systemd = False) -> None:
    """Show an entry. Its next five runs, and the lines for cron or systemd."""
    from crawler.schedule import book, crontab

    entries = book.read(Path.cwd())
    entry = _entry(entries, entry_id)
    _show_next(entry)
    if systemd:
        for file, text in _units(entry, entries).items():
            say(f"# ~/.config/systemd/user/{file}")
            say(text)
        return
    for each in crontab.block(Path.cwd(), [entry], os.environ, entries):
        say(each)


def _entry(entries: list[Entry], entry_id: str) -> Entry:
    found = next((entry for entry in entries if entry.id == entry_id), None)
    if found is None:
        known = ", ".join(entry.id for entry in entries) or "nothing"
        raise UsageError(f"{entry_id} is not on the schedule; there is: {known}")
    return found


def _units(entry: Entry, entries: list[Entry]) -> dict[str, str]:
    from crawler.schedule import crontab, lines, plan

    kept = crontab.variables_of(os.environ)
    overlap = plan.overlap_of(entry, entries)
    timing = lines.Timing(entry.id, entry.tz, overlap, entry.jitter_s, entry.catch_up, kept)
    return lines.systemd_units(Path.cwd(), entry.spider, entry.cron, entry.extra(), timing)


@app.command()
def install(
    systemd: Systemd = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")] = False,
) -> None:
    """Put the schedule into cron or systemd. In the crontab, only lines between our own marks are changed."""
    from crawler.schedule import book, crontab

    project, entries = Path.cwd(), book.read(Path.cwd())
    if systemd:
        _install_units({file: text for entry in entries for file, text in _units(entry, entries).items()}, dry_run)
        return
    lines = crontab.block(project, entries, os.environ)
    before = crontab.read_crontab()
    after = crontab.changed(before, project, lines)
    if dry_run:
        for each in after.splitlines():
            say(each)
        return
    if after != before:
        crontab.write_crontab(after)
    count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    tell(f"crawl: {count} of {project} installed in cron, which mails what goes wrong")


def _install_units(units: dict[str, str], dry_run: bool) -> None:
    """Write the units of this project, remove those that are no longer on the schedule, and enable the timers."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    if dry_run:
        for file, text in units.items():
            say(f"# {folder / file}")
            say(text)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in _units_of_project(folder):
        if path.name not in units:
            timer = path.with_suffix(".timer")
            _systemctl("disable", "--now", timer.name)
            path.unlink()
            timer.unlink(missing_ok=True)
    for file, text in units.items():
        (folder / file).write_text(text, encoding="utf-8")
    timers = [file for file in units if file.endswith(".timer")]
    if _systemctl("daemon-reload") and (not timers or _systemctl("enable", "--now", *timers)):
        tell(f"crawl: systemd knows {len(timers)} timers; `systemctl --user list-timers` shows them")
        return
    tell(
        f"crawl: {len(units)} units are in {folder}, but this user's systemd does not answer; once it does: systemctl"
        f" --user daemon-reload && systemctl --user enable --now {' '.join(timers)}"
    )


def _units_of_project(folder: Path) -> list[Path]:
    """The services in *folder* that were written for this project."""
    ours = f"WorkingDirectory={str(Path.cwd().absolute()).replace('%', '%%')}\n"
    found = folder.glob("crawl-*.service")
    return [path for path in found if ours in path.read_text(encoding="utf-8", errors="replace")]


def _systemctl(*words: str) -> bool:
    try:
        return subprocess.run(["systemctl", "--user", *words], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@app.command("run-due")
def run_due(
    ours: Annotated[
        bool, typer.Option("--ours", help="Only entries that cron cannot handle: those with a zone or jitter.")
    ] = False,
) -> None:
    """Run what is due now. For machines without cron and systemd: call it every few minutes.

    What was missed since the last call runs once, unless the entry says otherwise. The exit code is the highest of
    those of the runs.
    """
    from crawler.schedule import book, lines, plan

    project, zone, now = Path.cwd(), local_zone(), datetime.now(UTC)
    schedule = book.read(project)
    entries = [entry for entry in schedule if entry.needs_us or not ours]
    started = []
    with book.seen(project) as seen:
        for entry in entries:
            tick = plan.due(entry, seen.setdefault(entry.id, now), now, zone)  # one written by hand: from now on
            if tick is None:
                continue
            seen[entry.id] = tick
            words = lines.crawl_command(entry.spider, entry.extra(), quiet=True)
            words[words.index("--if-running") + 1] = plan.overlap_of(entry, schedule)
            started.append(words)
    codes = [process.wait() for process in [subprocess.Popen(words) for words in started]]
    raise typer.Exit(max((code if code >= 0 else 128 - code for code in codes), default=exits.DONE))


@app.command()
def line(
    name: options.SpiderName,
    cron: Annotated[
        str, typer.Option("--cron", metavar="'M H D M W'", help="When, as five cron fields or @daily.")
    ] = "0 3 * * *",
    systemd: Annotated[bool, typer.Option("--systemd", help="Print a systemd service and timer instead.")] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
) -> None:
    """Print the crontab line that runs a spider. `crawl schedule NAME` does the same; nothing is written.

    Full paths, silent on success, no second start while one is running.
    """
    from crawler import schedule as schedules
    from crawler.schedule import crontab, lines

    spider = options.find(name)
    options.settings_of(spider, options.pairs(set_, "-s"))
    extra = [word for text in argument or () for word in ("-a", text)]
    extra += [word for text in set_ or () for word in ("-s", text)]
    options.pairs(argument, "-a")
    given = crontab.places_of(os.environ)
    if not systemd:
        say(schedules.cron_line(Path.cwd(), name, cron, extra, given))
        tell("crawl: add it with `crontab -e`; cron mails what is printed, and only a failure prints something")
    else:
        timing = lines.Timing(variables=given)
        for file, text in schedules.systemd_units(Path.cwd(), name, cron, extra, timing).items():
            say(f"# ~/.config/systemd/user/{file}")
            say(text)
        tell(f"crawl: then: systemctl --user enable --now crawl-{name}.timer")
    _tell_of_lost_variables()
    _remind_of_credentials(spider)
