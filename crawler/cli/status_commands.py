"""`crawl status`, `audit`: what came of a crawl."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.text import columns, counted, local_time, safe, say, size
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.output.held_files import FileAudit
    from crawler.output.history import Status
    from crawler.output.live import LiveSession, ProcessState
    from crawler.settings import Settings
    from crawler.stores.base import Store

MOST_LINES = 10  # of each group in a status
_BY_WORDS = ("guard: destructive", "guard: changes something")  # rules whose words are ordinary ones, too

_OF_MEMBERS = {"": "work", "left": "left", "dead": "killed", "silent": "not heard of any more"}


@contextmanager
def stored(typed: dict[str, Any], *, reading: bool = True) -> Iterator[Store]:
    """The project's store, which is not created if it is missing.

    Args:
        reading: Only to read; this works on a full disk, too.

    Raises:
        UsageError: Nothing is stored yet.
        StoreError: It cannot be opened.
    """
    settings = options.settings_of(None, typed)
    require_store(settings)
    from crawler.stores.project import open_project_store

    store = open_project_store(settings, create=False, reading=reading)
    try:
        yield store
    finally:
        store.close()


def require_store(settings: Settings) -> None:
    """Raise UsageError when the store is a file that does not exist."""
    file = options.store_file(settings)
    if file is not None and not file.exists():
        raise UsageError(
            f"{file} does not exist: nothing is stored yet; `crawl run NAME` creates it, --store names another"
        )


def checked(name: str | None) -> str | None:
    from crawler.spider_names import valid_name

    return valid_name(name) if name is not None else None


def status(
    name: options.MaybeSpiderName = None, store: options.StorePath = None, as_json: options.AsJson = False
) -> None:
    """Show where crawls stand. For each spider, or for NAME: requests by state, hosts, failures, sessions."""
    from crawler.output import history
    from crawler.output.live import session_keys, waiting_logins

    wanted = checked(name)
    with stored(options.typed_settings(None, store=store)) as source:
        names = [wanted] if wanted is not None else sorted({run.spider for run in source.runs.last(limit=1000)})
        found = [each for each in (history.status(source, spider) for spider in names) if each is not None]
        if wanted is not None and not found:
            raise never_ran(source, wanted)
        waits = waiting_logins(source)
        used = {key for each in found for key in session_keys(source, each.spider)}
        sessions = [row for row in source.sessions.all() if row.key in used]
        disk = "" if as_json else _disk(source)
    if as_json:
        for each in found:
            waiting = [asdict(session) for session in waits.get(each.spider, ())]
            say(json.dumps({**each.as_dict(), "waiting_logins": waiting}))
        return
    for number, each in enumerate(found):
        for line in ([""] if number else []) + status_lines(each, store):
            say(line)
        for session in waits.get(each.spider, ()):
            say(f"session {safe(session.name)}: {login_waits(session)}")
    if sessions:
        say()
        for line in columns(
            [(row.name, row.key, row.state, f"{row.cookies:,}", local_time(row.proved_at)) for row in sessions],
            ("session", "key", "state", "cookies", "last proof"),
        ):
            say(line)
    if found:
        say()
        say(disk)


def login_waits(session: LiveSession) -> str:
    """That the login of a session waits, until when and why; "" where it does not."""
    until = local_time(session.waits_until)[11:] if session.waits_until else ""
    return f"login waits until {until}: {safe(session.why)}" if until else ""


def state_of(process: ProcessState) -> str:
    """The state of a process in words: for which login it waits, and until when, where it has nothing else to do."""
    waiting = sorted(process.waits_for(), key=lambda each: each.waits_until)
    if not waiting:
        return process.state
    first, *more = waiting
    named = f"{len(waiting)} logins, the first" if more else f"the login of {safe(first.name)}"
    return f"waits for {named} until {local_time(first.waits_until)[11:]}"


def _disk(source: Store) -> str:
    """The disk space taken: the database, the kept pages in it, and the files."""
    sizes = {each.hash: each.size_bytes for each in source.files.all()}
    kept = source.kept.size()
    parts = [f"{source.path} {size(stored_bytes)}" if (stored_bytes := _bytes_of(source.path)) else source.path]
    if kept:
        parts.append(f"of which kept pages {size(kept)} (`crawl pages prune`)")
    if sizes:
        parts.append(f"{counted(len(sizes), 'file')} {size(sum(sizes.values()))}")
    return "disk  " + ", ".join(parts)


def _bytes_of(path: str) -> int:
    """Of a database that is a file on this machine, and its log; 0 for any other."""
    total = 0
    for each in (path, f"{path}-wal"):
        with suppress(OSError):
            total += os.stat(each).st_size
    return total


def on_store(command: str, ending: str, store: str | None) -> str:
    """A command that continues a run; where a killed run names no store, with the one typed now."""
    from crawler.output.history import KILLED
    from crawler.redaction import redact

    is_missing = store and ending == KILLED and "--store" not in shlex.split(command)
    return f"{command} --store {redact(shlex.quote(store))}" if store and is_missing else command


def status_lines(found: Status, store: str | None = None) -> list[str]:
    """One crawl as lines: the run, the states, then each group, largest numbers first.

    Args:
        store: As it was typed.
    """
    from crawler.output.reasons import kinds, next_step

    run, counts = found.run, found.counts
    ended = f"running: {found.holder}" if found.holder else run.told_ending
    rows = [
        (found.spider, f"run {run.id}, {ended}, started {local_time(run.started_at)}"),
        (
            "requests",
            f"{counts.known:,} known = {counts.done:,} done + {counts.failed:,} failed + {counts.skipped:,} skipped"
            f" + {counts.parked:,} parked + {counts.waiting:,} waiting + {counts.leased:,} in flight",
        ),
        ("stored", f"{counted(counts.pages, 'page')}, {counted(counts.items, 'item')}"),
    ]
    if len(found.members) > 1:
        said = Counter(_OF_MEMBERS[each.gone] for each in found.members)
        rows.append(("members", ", ".join(f"{count:,} {word}" for word, count in said.items())))
    if found.next_due is not None:
        rows.append(("waits", f"until {local_time(found.next_due)}"))
    rows += group("waiting", found.waiting_by)
    failed, examples = kinds(found.failed_by, found.examples)
    rows += group("failed", failed, examples)
    rows += group("skipped", found.skipped_by, found.examples)
    if any(rule.startswith(_BY_WORDS) for rule in found.skipped_by):
        rows.append(
            ("", "if the guard is wrong: `-s guard_allow=PATH` has the next crawl fetch URLs with PATH in them")
        )
    rows += group("dropped", found.dropped_by)
    rows += group("tried again", found.retried_by, found.examples)
    rows += group("warnings", {f"{text}, as on {url}": count for text, (count, url) in found.warned_by.items()})
    rows += [("note" if place == 0 else "", text) for place, text in enumerate(found.notes[:MOST_LINES])]
    if found.next_command and not found.next_command.startswith("crawl status "):  # this is it
        causes = [{"cause": cause} for cause in sorted(failed, key=lambda each: -failed[each])]
        rows.append(("then", options.here(on_store(next_step(found.next_command, causes), run.ending, store))))
    return columns(rows)


def group(
    label: str, counts: Mapping[str, int], examples: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str, str]]:
    """The rows of one group, largest number first, at most `MOST_LINES` of them."""
    largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = []
    for place, (text, count) in enumerate(largest):
        url = examples.get(text, "")
        such = f", such as {url}" if url and url not in text else ""
        rows.append((label if place == 0 else "", f"{count:,} x {text}{such}"))
    if len(rows) > MOST_LINES:
        rows[MOST_LINES:] = [("", f"... and {len(rows) - MOST_LINES:,} more kinds")]
    return rows


def never_ran(source: Store, spider: str) -> UsageError:
    from crawler.output import history

    return history.never_ran(source, spider)


def audit(
    name: options.SpiderName,
    read: Annotated[bool, typer.Option("--read", help="Read all files, and compare their hashes.")] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Prove that the last crawl adds up. Every request is accounted for; states, page log, items and files agree."""
    from crawler.output.audit import audit as audited
    from crawler.output.reasons import kinds
    from crawler.pages.file_folder import folder_of_spider

    spider = checked(name) or ""
    typed = options.typed_settings(None, store=store)
    folder = folder_of_spider(options.settings_of(None, typed), spider or "-")
    with stored(typed) as source:
        found = audited(source, spider, folder, read=read)
        if found is None:
            raise never_ran(source, spider)
    if as_json:
        say(json.dumps(found.as_dict()))
    else:
        named = {"leased": "in flight"}  # as `crawl status` says it
        states = " + ".join(f"{count:,} {named.get(state, state)}" for state, count in found.states.items())
        for line in columns(
            [
                (found.spider, "adds up" if found.ok else f"{len(found.problems):,} problems"),
                ("requests", f"{sum(found.states.values()):,} known = {states}"),
                (
                    "pages",
                    f"{found.pages:,} accepted, {counted(found.items, 'item')},"
                    f" by run {', '.join(map(str, found.runs))}",
                ),
                *([("files", _files(found.files))] if found.files.rows or found.files.on_the_way else []),
                *group("failed", *kinds(found.failed_by)),
                *group("skipped", found.skipped_by),
                *(("problem", problem) for problem in found.problems),
            ]
        ):
            say(line)
    raise typer.Exit(exits.DONE if found.ok else exits.FAILURES)


def _files(found: FileAudit) -> str:
    way = f", {found.on_the_way:,} on the way" if found.on_the_way else ""
    return f"{counted(found.rows, 'version')} held ({size(found.size_bytes)}){way}"


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (status, audit):
        app.command()(command)
