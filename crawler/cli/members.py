"""`crawl workers`, `crawl pause`, `crawl resume`, `crawl drain`: who works on a crawl, and what they are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import options
from crawler.cli.launch import WorkerWords, launched, left_on_dask, local, on_dask
from crawler.cli.status_commands import checked, state_of, stored
from crawler.cli.text import columns, counted, duration, local_time, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.runs.orders import MemberView, What

What_ = Annotated[
    str | None,
    typer.Argument(metavar="[NAME|start]", help="Name of a spider in spiders/; or `start`, to start workers."),
]
Engine = Annotated[
    str, typer.Option("--engine", metavar="ENGINE", help="With `start`: local, or dask://HOST:PORT of a scheduler.")
]
Worker = Annotated[
    str | None,
    typer.Option("--worker", metavar="ID", help="Only this one: its number or name, as `crawl workers` shows it."),
]


def workers(
    what: What_ = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="With `start`: name of a spider.")] = None,
    engine: Engine = "local",
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=10_000, help="With `start`: how many.")] = 1,
    wait: Annotated[bool, typer.Option("--wait", help="With `start`: as for `crawl worker`.")] = False,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="With `start`: as for `crawl worker`.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="With `start` on Dask: submit them and return; `crawl drain` ends them.")
    ] = False,
    folder: Annotated[
        str,
        typer.Option("--folder", metavar="FOLDER", help="With `start` on Dask: the project's folder on its machines."),
    ] = "",
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List who works on running crawls: machine, since when, pages per second, age of the lease, state.

    A member that is not heard from before its lease runs out is dead: others do what it had begun.

    `crawl workers start NAME -n 8` starts workers, here or on a Dask cluster, and keeps them running: one that is
    killed is started again. Ctrl-C lets them finish their pages and leave.
    """
    if what == "start" and name is not None:
        given = WorkerWords(name, wait, until_empty, tuple(argument or ()), tuple(set_ or ()), store)
        raise typer.Exit(_start(given, engine, number, detach=detach, folder=folder))
    if name is not None:
        raise UsageError(f"crawl workers {what} {name}: write `crawl workers start {name}`")
    if what == "start":
        raise UsageError("crawl workers start: workers for which spider? Write `crawl workers start NAME`")
    _list(checked(what), store, as_json)


def _start(given: WorkerWords, engine: str, number: int, *, detach: bool, folder: str) -> int:
    """Start workers and keep them running. Returns the exit code."""
    from crawler.stores import is_shared

    kind, _, address = engine.partition("://")
    if kind not in ("local", "dask") or (kind == "dask") != bool(address):
        raise UsageError(f"--engine {engine!r}: write local, or dask://HOST:PORT of a scheduler")
    found = options.find(given.spider)
    settings = options.settings_of(found, options.typed_settings(given.settings, store=given.store))
    if not is_shared(settings.store):
        raise UsageError(f"{settings.store}: workers share a database (--store postgresql://...)")
    if kind == "local":
        if detach:
            raise UsageError("--detach is for --engine dask://...; on one machine systemd keeps workers (deploy/)")
        return launched(local(given, settings, "worker", number))
    names = [f"dask-{each}" for each in range(1, number + 1)]
    if detach:
        left_on_dask(given, address, folder, names)
        tell(f"crawl: {counted(number, 'worker')} submitted; `crawl drain {given.spider}` ends them")
        return 0
    return launched(on_dask(given, address, folder, names))


def _list(wanted: str | None, store: str | None, as_json: bool) -> None:
    from crawler.runs.orders import members_of, open_runs

    with stored(options.typed_settings(None, store=store), reading=False) as source:
        found = [each for run in open_runs(source, wanted) for each in members_of(source, run)]
    if as_json:
        for each in found:
            say(json.dumps(each.as_dict()))
        return
    if not found:
        say("nobody is working on a crawl" if wanted is None else f"nobody is working on a crawl of {wanted}")
    for line in columns([_cells(each) for each in found], _HEADING) if found else ():
        say(line)


_HEADING = ("worker", "spider", "host", "since", "pages", "rate", "under way", "lease age", "state")


def _cells(each: MemberView) -> tuple[object, ...]:
    word = each.word
    named = f"{word.number} {word.name}".rstrip()
    state = state_of(word) if each.state == word.state else each.state
    state = f"{state}, leads" if word.leads else state
    return (
        named,
        each.spider,
        f"{word.host}, {word.process.partition(' on ')[0]}",
        local_time(word.began_at),
        f"{word.pages:,}",
        f"{word.rate:,.1f}/s",
        word.under_way,
        _lease(each),
        state,
    )


def _lease(each: MemberView) -> str:
    age = duration(each.lease_age_s)
    return age if each.lease_left_s is None else f"{age}, {duration(each.lease_left_s)} left"


def pause(spider: options.SpiderName, worker: Worker = None, store: options.StorePath = None) -> None:
    """Pause a running crawl until `crawl resume`: it sends nothing new, finishes pages under way, and does not end.

    This holds for the current run; members that join later wait, too.
    """
    _tell(spider, "pause", worker, store)


def resume(spider: options.SpiderName, worker: Worker = None, store: options.StorePath = None) -> None:
    """Let a crawl that `crawl pause` has stopped go on."""
    _tell(spider, "resume", worker, store)


def drain(spider: options.SpiderName, worker: Worker = None, store: options.StorePath = None) -> None:
    """Let the members of a crawl finish their pages, give the others back and leave, as SIGTERM does.

    The last one records that the run was interrupted; `crawl run` continues it. Others may join in the meantime.
    """
    _tell(spider, "drain", worker, store)


def _tell(spider: str, what: What, worker: str | None, store: str | None) -> None:
    from crawler.runs.orders import tell_members

    found = options.find(spider).name
    with stored(options.typed_settings(None, store=store), reading=False) as source:
        run, told = tell_members(source, found, what, worker)
    their = "its" if len(told) == 1 else "their"
    words = {
        "pause": f"send nothing new until `crawl resume {found}`",
        "resume": "go on",
        "drain": f"finish {their} pages and leave",
    }
    who = counted(len(told), "member")
    tell(f"crawl: {who} of run {run.id} of {found} will {words[what]} within a few seconds")


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (workers, pause, resume, drain):
        app.command()(command)
