"""`crawl new`: a first spider, from nothing, from a page, or from what a browser has recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options, templates
from crawler.cli.logs import set_up_logging
from crawler.cli.progress import terminal_ask
from crawler.cli.project_commands import SPIDERS, write_new
from crawler.cli.text import safe, say, tell
from crawler.errors import FetchError, SessionError, SpiderError, StatusError, UsageError

if TYPE_CHECKING:
    from crawler.authoring.exploring import Explored
    from crawler.authoring.from_recording import Recording
    from crawler.settings import Settings


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new spider.")],
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="The page that it starts with.")] = None,
    blank: Annotated[bool, typer.Option("--blank", help="Send no request: write a spider for you to fill in.")] = False,
    curl: Annotated[
        str | None,
        typer.Option(
            "--from-curl",
            metavar="COMMAND",
            help="A request that a browser copied as curl; - reads it from standard input.",
        ),
    ] = None,
    har: Annotated[
        Path | None, typer.Option("--from-har", metavar="FILE", help="A recording of a browser's network panel.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Overwrite a spider that exists, the old file is kept beside it; and what the file of accounts says.",
        ),
    ] = False,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Look at the page at URL and write a spider for it. With its login form, what repeats on it, and the next page.

    A few requests are sent, as robots.txt allows. If a user name and password are found, the page behind the login is
    looked at, too. Without URL, the spider is left for you to fill in. With --from-curl and --from-har it logs in and
    sends requests as the browser did; passwords, tokens and cookies go into the file of accounts.
    """
    from crawler.urls import of_spider

    if sum(each is not None for each in (url, curl, har)) > 1:
        raise UsageError("give only one of URL, --from-curl and --from-har")
    path = _free_path(name, replace)
    exits.spider = name
    start = of_spider(url or "https://shop.example/orders")
    typed = options.typed_settings(set_, store=store)
    settings = options.settings_of(None, typed)
    set_up_logging("WARNING" if settings.log_level == "INFO" else settings.log_level)
    if curl is not None or har is not None:
        _from_recording(path, _recorded(name, curl, har, settings), settings, typed, replace=replace)
        return
    if url is None or blank:
        write_new(path, templates.spider_source(name, start), replace=replace)
        say(f"made {path}")
        say(f"next: write its login and parse methods, then: crawl login {name}, crawl run {name}")
        return
    from crawler.authoring.exploring import explore

    try:
        explored = explore(name, start, settings=typed, ask=terminal_ask())
    except StatusError as error:
        login = error.status in (401, 403)
        recorded = "; `--from-har FILE` takes its login as a browser has recorded it" if login else ""
        tell(f"crawl: {exits.line_for(error)}: no spider was made{recorded}; with --blank one is made anyway")
        raise typer.Exit(exits.code_for(error)) from None
    _written(path, name, explored, replace=replace)
    if explored.page is not None and explored.spider.reading.guessed:
        _try_guess(path, explored, typed)
    _what_is_next(name, explored)


def _recorded(name: str, curl: str | None, har: Path | None, settings: Settings) -> Recording:
    from crawler.authoring.account_table import fields_of
    from crawler.authoring.from_recording import from_recording
    from crawler.authoring.recorded_requests import from_curl, from_har

    known = partial(fields_of, file=_accounts(settings))
    if curl is not None:
        sent, left_out = from_curl(sys.stdin.read() if curl == "-" else curl)
        return from_recording(name, [sent], left_out, known=known)
    assert har is not None
    try:
        data = json.loads(har.read_bytes())
    except OSError as error:
        raise UsageError(f"{har}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{har} is not JSON, as a HAR file must be") from None
    return from_recording(name, *from_har(data), known=known)


def _accounts(settings: Settings) -> Path | None:
    return Path(settings.accounts) if settings.accounts else None


def _from_recording(
    path: Path, recording: Recording, settings: Settings, typed: Mapping[str, Any], *, replace: bool
) -> None:
    from crawler.authoring.account_table import add_account
    from crawler.authoring.from_recording import source_of

    told, name = list(recording.told), recording.spider.name
    if recording.secrets:
        file = add_account(
            recording.site,
            recording.secrets,
            file=_accounts(settings),
            replace=replace,
        )
        told.append(f"stored in {file}, for spiders of {recording.site}: {', '.join(recording.secrets)}")
    write_new(path, source_of(recording), replace=replace)
    say(f"made {path}")
    for line in told:
        say(f"  {exits.named(safe(line))}")
    if recording.spider.reading.is_guess and recording.begins is not None:
        _read_better(path, recording, recording.begins, typed)
    say(f"next: look at it, then: {options.here(f'crawl run {name}')}")


def _read_better(path: Path, recording: Recording, place: int, typed: Mapping[str, Any]) -> None:
    """The recording does not hold the answer: the spider's request at *place* is sent once, as a run will send it."""
    from crawler.authoring.exploring import look_as
    from crawler.authoring.first_spider import reading_of
    from crawler.authoring.from_recording import source_of

    spider = options.find(recording.spider.name)
    try:
        recording.spider.reading = reading_of(look_as(spider, place, settings=typed, ask=terminal_ask()))
    except (FetchError, SessionError) as error:
        tell(f"crawl: the page was not looked at: {exits.line_for(error)}")
        raise typer.Exit(exits.code_for(error)) from None
    path.write_text(source_of(recording), encoding="utf-8")
    for line in recording.spider.reading.found:
        say(f"  {exits.named(safe(line))}")


def _written(path: Path, name: str, found: Explored, *, replace: bool) -> None:
    """Write it, and say what it is made from."""
    write_new(path, found.spider.source(), replace=replace)
    say(f"made {path}")
    for line in found.told:
        say(f"  {exits.named(safe(line))}")
    if found.error is not None:
        tell(f"crawl: the page behind the login was not looked at: {exits.line_for(found.error)}")
        raise typer.Exit(exits.code_for(found.error))
    if found.is_unseen:
        tell(
            "crawl: with credentials (CRAWL_DEFAULT_USERNAME, CRAWL_DEFAULT_PASSWORD) the page behind the login is"
            " looked at, too"
        )


def _try_guess(path: Path, explored: Explored, typed: Mapping[str, Any]) -> None:
    """The next page is asked for as the spider guesses; what turns out to be wrong does not stay in it."""
    from crawler.authoring.next_tried import try_next

    assert explored.page is not None
    tried = try_next(options.find(explored.spider.name), explored.page, settings=typed)
    if tried.said:
        say(f"  {exits.named(safe(tried.said))}")
    if tried.is_wrong:
        reading = explored.spider.reading
        reading.lines = reading.without_guess("how the next page is asked for was not seen, and a guess was wrong")
        path.write_text(explored.spider.source(), encoding="utf-8")


def _what_is_next(name: str, found: Explored) -> None:
    login = f"{options.here(f'crawl login {name}')}, " if found.spider.login else ""
    say(f"next: look at it, then: {login}{options.here(f'crawl run {name}')}")


def _free_path(name: str, replace: bool) -> Path:
    """The file of the new spider. Whatever is wrong with the name is found before anything is fetched."""
    from crawler.loading import load_spiders
    from crawler.spider_names import valid_name

    stem = templates.file_stem(valid_name(name))
    if not stem:
        raise SpiderError(f"spider name {name!r}: use at least one letter or digit")
    path, known = SPIDERS / f"{stem}.py", load_spiders()[0]
    own = name not in known or known[name].__module__ == f"{SPIDERS}.{stem}"
    if not own:
        raise SpiderError(f"there is already a spider {name!r}, in another file of {SPIDERS}/; choose another name")
    here = {each for each, kind in known.items() if kind.__module__ == f"{SPIDERS}.{stem}"}
    if others := sorted(here - {name}):
        raise SpiderError(f"{path} holds other spiders, too ({', '.join(others)}) and is left as it is")
    if path.exists() and not replace:
        what = f"there is already a spider {name!r} in {SPIDERS}/" if name in known else f"{path} already exists"
        raise SpiderError(f"{what}; --replace overwrites it, and keeps the old file beside it; or choose another name")
    return path


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(new)
