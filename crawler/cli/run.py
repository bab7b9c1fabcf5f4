"""`crawl run`, `crawl login`, `crawl retry`: the commands that crawl."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, export, loading, options, progress
from crawler.cli.logs import LogFile, set_up_logging
from crawler.cli.summary import show_summary
from crawler.cli.text import safe, say, tell, tell_recording
from crawler.errors import SessionError, UsageError
from crawler.events import Event, PageDone, RunStarted
from crawler.identity import Identity

if TYPE_CHECKING:
    from crawler.events import Summary
    from crawler.spider import Spider


class IfRunning(StrEnum):
    """What to do when another process runs the spider."""

    fail = "fail"
    wait = "wait"
    skip = "skip"


Workers = Annotated[int | None, typer.Option("--workers", "-w", help="Worker threads of one process.")]
Processes = Annotated[int | None, typer.Option("--processes", help="Processes that share the work.")]
LimitPages = Annotated[int | None, typer.Option("--limit-pages", help="Stop after this many pages.")]
MaxTime = Annotated[float | None, typer.Option("--max-time", metavar="SECONDS", help="Stop after this many seconds.")]
MinItems = Annotated[int | None, typer.Option("--min-items", help="Least number of items that the crawl must store.")]
MaxErrorRate = Annotated[
    float | None, typer.Option("--max-error-rate", metavar="SHARE", help="Share of requests that may fail, 0 to 1.")
]
LogInto = Annotated[
    str | None,
    typer.Option("--log-file", metavar="FILE", help="File that gets all log lines; setting `log_file`."),
]
HarInto = Annotated[
    str | None,
    typer.Option(
        "--har", metavar="FILE", help="Record each request and its answer there, secrets masked; setting `har`."
    ),
]
Unmasked = Annotated[
    bool,
    typer.Option("--unmasked", help="With --har: also cookies and credentials. Whoever reads the file can use them."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", metavar="NAME=SHARE", help="Share of the items in which a field must be filled; may be repeated."
    ),
]
Accept = Annotated[
    bool, typer.Option("--accept", help="What this run brings is right: later runs are compared with it.")
]
Causes = Annotated[
    list[str] | None,
    typer.Option(
        "--cause", metavar="WORDS", help="Only what failed because of this: 503, TimedOut, ...; may be repeated."
    ),
]
WhenRunning = Annotated[
    IfRunning,
    typer.Option("--if-running", help="When another process runs the spider: give up, wait, or do nothing."),
]


ForEntry = Annotated[
    str,
    typer.Option("--entry", metavar="ID", help="The entry of the schedule that starts it, for `schedule list`."),
]

Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="TARGET",
        help="Write the items there at the end, as `crawl export` does; may be repeated.",
    ),
]
Replacing = Annotated[
    list[str] | None,
    typer.Option(
        "--replace", "-O", metavar="TARGET", help="The same, but replace what is there, however the crawl ended."
    ),
]


def run(
    spider: options.SpiderName,
    fresh: Annotated[bool, typer.Option("--fresh", help="Leave an unfinished run behind and start over.")] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    workers: Workers = None,
    processes: Processes = None,
    limit_pages: LimitPages = None,
    max_time: MaxTime = None,
    min_items: MinItems = None,
    max_error_rate: MaxErrorRate = None,
    field: Fields = None,
    accept: Accept = False,
    log_file: LogInto = None,
    har: HarInto = None,
    unmasked: Unmasked = False,
    full: Annotated[
        bool, typer.Option("--full", help="Fetch all pages in full, whatever earlier crawls know of them.")
    ] = False,
    output: Outputs = None,
    replace: Replacing = None,
    store: options.StorePath = None,
    if_running: WhenRunning = IfRunning.fail,
    entry: ForEntry = "",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Crawl, going on where the last run stopped. Ends when nothing is waiting any more.

    With -o or -O the items are written at the end, even those of a run that was stopped: the store has them, and
    nothing is lost if a file cannot be written. A good file is not replaced with less, see `crawl export`.
    """
    if unmasked and har is None:
        raise UsageError("--unmasked goes with --har")
    targets = export.targets_of(output, replace)
    typed = options.typed_settings(
        set_,
        workers=workers,
        processes=processes,
        max_pages=limit_pages,
        max_time=max_time,
        min_items=min_items,
        max_error_rate=max_error_rate,
        fields=options.pairs(field, "--field") if field else None,
        accept=accept or None,
        log_file=log_file,
        har=har,
        har_unmasked=unmasked or None,
        store=store,
        full=full or None,
    )
    found = options.find(spider)
    arguments = options.pairs(argument, "-a")
    noting = [_RunNote(entry)] if entry else []
    how = {"arguments": arguments, "fresh": fresh, "observers": noting}
    summary = _crawl(found, typed, quiet, as_json, if_running, **how)
    if summary is not None:
        written = export.export_all(typed, found.name, targets, quiet=quiet or as_json)
        raise typer.Exit(summary.exit_code or written)


def retry(
    spider: options.SpiderName,
    cause: Causes = None,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    workers: Workers = None,
    output: Outputs = None,
    replace: Replacing = None,
    store: options.StorePath = None,
    if_running: WhenRunning = IfRunning.fail,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Try the failed requests of the last run again. Then it goes on like `crawl run`.

    With --cause only those that failed because of it: a status, the name of an error, or some words of it, as `crawl
    failures NAME` lists them. With -o or -O the items of the whole crawl are written at the end, as after `crawl run`.
    """
    targets = export.targets_of(output, replace)
    typed = options.typed_settings(set_, workers=workers, store=store)
    found = options.find(spider)
    arguments = options.pairs(argument, "-a")
    summary = _crawl(found, typed, quiet, as_json, if_running, arguments=arguments, retry=tuple(cause or ()) or True)
    if summary is not None:
        written = export.export_all(typed, found.name, targets, quiet=quiet or as_json)
        raise typer.Exit(summary.exit_code or written)


def _crawl(
    spider: type[Spider], typed: dict[str, Any], quiet: bool, as_json: bool, if_running: IfRunning, **how: Any
) -> Summary | None:
    """Crawl and print the summary; None when another process does so already."""
    more = how.pop("observers", ())
    settings = options.settings_of(spider, typed)
    file = LogFile(Path(settings.log_file), settings.log_size, settings.log_keep) if settings.log_file else None
    set_up_logging(settings.log_level, quiet, traces=exits.show_tracebacks, log_format=settings.log_format, file=file)
    with loading():
        from crawler.engine import application
    if not (quiet or settings.proxy or any(each.proxy or each.proxies for each in _identities(spider))):
        _tell_unused_proxies()

    with progress.watching(spider.name, quiet=quiet, logs=file is not None) as view:
        summary: Summary = application.run(
            spider,
            settings=typed,
            if_running=if_running.value,
            observers=[*view.observers, *more],
            signals=True,
            ask=view.ask,
            **how,
        )
    if summary.ending == "skipped":
        if not quiet:
            tell(f"crawl: {spider.name} is already running; nothing to do")
        return None
    show_summary(summary, as_json=as_json, quiet=quiet)
    if settings.har and not quiet:
        tell_recording(settings.har, unmasked=settings.har_unmasked)
    return summary


class _RunNote:
    """Records, when a run begins, that the schedule started it: `crawl schedule list` shows how it went."""

    ignores = frozenset((PageDone,))

    def __init__(self, entry: str) -> None:
        self._entry, self._project = entry, Path.cwd()

    def __call__(self, event: Event) -> None:
        from crawler.schedule import book

        if isinstance(event, RunStarted):
            try:
                book.note_run(self._project, self._entry, book.Made(event.run, event.at))
            except OSError as error:
                tell(f"crawl: `crawl schedule list` will not know of this run: {safe(error)}")


_PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def _identities(spider: type[Spider]) -> list[Identity]:
    """What the class says of its sessions."""
    given = spider.sessions if isinstance(spider.sessions, list | tuple) else ()
    return [each for each in given if isinstance(each, Identity)]


def _tell_unused_proxies() -> None:
    """Other programs obey these variables; a crawl that ignores them without a word may show who is asking."""
    names = [name for name in _PROXY_VARIABLES if os.environ.get(name)]
    if names:
        tell(
            f"crawl: {', '.join(names)} {'is' if len(names) == 1 else 'are'} not used: a proxy is given by"
            f" `-s proxy=URL`, or the variable CRAWL_PROXY (here: CRAWL_PROXY=${names[0]})"
        )


_HOW = {
    "restored": "the stored session is good, no login was needed",
    "ready": "the stored session is good, no login was needed",
    "adopted": "another process has just logged in, its session was taken",
    "login": "logged in",
    "renewed": "renewed by a page of the app, no login was needed",
    "browser": "logged in with a browser",
    "still good": "the site takes its credentials",
    "unproved": "nothing was refused, but everybody gets the page that was requested: name another in `probe_url`",
}


def login(
    spider: options.SpiderName,
    session: Annotated[
        str | None, typer.Option("--session", help="Only this session; every session that logs in otherwise.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Log in with a browser (extra `browser`).")] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="With --browser: no window; the spider's `login_browser` drives it.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="With --browser: keep a picture of the last page.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Log in again even if the stored session is good.")] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Log in the sessions of a spider and store them. Asks at the terminal for what is missing."""
    if (headless or picture is not None) and not browser:
        raise UsageError("--headless and --picture go with --browser")
    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    settings = options.settings_of(found, typed)
    set_up_logging(settings.log_level, log_format=settings.log_format)
    from crawler.engine import application

    arguments = options.pairs(argument, "-a")
    with application.visitor(found, arguments=arguments, settings=typed, ask=progress.terminal_ask()) as visitor:
        names = [identity.name for identity in visitor.spider.identities() if identity.login]
        if session is not None and session not in names:
            raise UsageError(
                f"{spider} has no session {session!r} that logs in; there are: {', '.join(names) or 'none'}"
            )
        chosen = [session] if session is not None else names
        if not (found.has_login_step() or browser or all(map(visitor.only_sends_credentials, chosen))):
            raise UsageError(
                f"{spider} has no login step: write a method `login(self, session)`, or log in with"
                f" `crawl login {spider} --browser`"
            )
        failures = []
        for name in chosen:
            try:
                if browser:
                    own = picture.with_stem(f"{picture.stem}-{name}") if picture and len(names) > 1 else picture
                    offers, how = visitor.browser_login(name, headless=headless, picture=own, force=force), "browser"
                else:
                    offers, how = [], visitor.login(name, force=force)
            except SessionError as error:
                failures.append(error)
                continue
            say(f"session {name!r}: {_HOW.get(how, how)}")
            for line in offers:
                tell(f"crawl: {safe(line)}")
    for each in failures[1:]:
        tell(f"crawl: {exits.line_for(each)}")
    if failures:
        raise failures[0]


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(run)
    app.command()(login)
    app.command()(retry)
