"""`crawl record`, `crawl check`: pages as test cases of a spider."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.logs import set_up_logging
from crawler.cli.progress import terminal_ask
from crawler.cli.status_commands import stored
from crawler.cli.text import counted, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.authoring.checking import Checked
    from crawler.authoring.recorded import RecordedPage
    from crawler.authoring.recording import HowAsked
    from crawler.spider import Spider

Folder = Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Folder of the recorded pages.")]
PAGES = Path("tests/pages")  #: `authoring.recorded.FOLDER`; here, so that `crawl --help` loads nothing


def record(
    spider: options.SpiderName,
    urls: Annotated[list[str] | None, typer.Argument(metavar="[URL]...", help="Pages to fetch and record.")] = None,
    failure: Annotated[
        list[int] | None,
        typer.Option("--failure", metavar="N", min=1, help="Record page N of `crawl failures NAME`; nothing is sent."),
    ] = None,
    kept: Annotated[
        bool, typer.Option("--kept", help="Take them from the pages that the last crawl kept; nothing is sent.")
    ] = False,
    callback: Annotated[str, typer.Option("--callback", metavar="METHOD", help="Method that reads them.")] = "parse",
    cb_kwargs: Annotated[str, typer.Option("--cb-kwargs", metavar="JSON", help="Its keyword arguments.")] = "{}",
    meta: Annotated[str, typer.Option("--meta", metavar="JSON", help="The request's meta.")] = "{}",
    session: Annotated[
        str | None, typer.Option("--session", help="Session of the spider; its first otherwise.")
    ] = None,
    folder: Folder = PAGES,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Record pages as test cases of NAME. `crawl check NAME` and pytest run the spider over them, offline.

    Each page is two files in tests/pages/NAME/: the body, and what the callback gives for it. Secrets are masked.
    """
    if not urls and not failure:
        raise UsageError("give the URL of a page, or --failure N for a page of `crawl failures NAME`")
    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    level = options.settings_of(found, typed).log_level
    set_up_logging("WARNING" if level == "INFO" else level)
    from crawler.authoring.recording import HowAsked, record_kept, record_pages

    asked = HowAsked(
        callback=callback,
        session=session,
        arguments=options.pairs(argument, "-a"),
        cb_kwargs=_json_of("--cb-kwargs", cb_kwargs),
        meta=_json_of("--meta", meta),
        settings=typed,
        ask=terminal_ask(),
    )
    _check_callback(found, callback)
    for number in failure or ():
        _tell(_failure(found, number, asked, folder, store))
    if kept and urls:
        with stored(typed) as opened:
            _tell_all(record_kept(found, urls, asked, folder, opened))
    elif urls:
        _tell_all(record_pages(found, urls, asked, folder))


def _json_of(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UsageError(f"{option} {text[:80]!r}: write it as JSON, such as '{{\"page\": 2}}'")
    return value


def _check_callback(spider: type[Spider], callback: str) -> None:
    if callback.startswith("_") or not callable(getattr(spider, callback, None)):
        raise UsageError(f"{spider.__name__} has no method {callback!r}")


def _failure(spider: type[Spider], number: int, asked: HowAsked, folder: Path, store: str | None) -> RecordedPage:
    from crawler.authoring.recording import record_failure
    from crawler.cli.failures import failed_and_good

    with stored(options.typed_settings(None, store=store)) as source:
        bad, good, args = failed_and_good(source, number)
    if bad.spider != spider.name:
        raise UsageError(f"page {number} is one of {bad.spider}, not of {spider.name}")
    return record_failure(spider, bad, good, asked.with_arguments(args), folder)


def _tell_all(cases: Iterable[RecordedPage]) -> None:
    for case in cases:
        _tell(case)


def _tell(case: RecordedPage) -> None:
    from crawler.authoring.recorded import StillWanted
    from crawler.cli.failures import cut_of

    if cut := cut_of(case.page):
        tell(f"crawl: of {safe(case.url)} only {cut} were kept: what comes after them is not in the test case")
    expected = case.expected
    if isinstance(expected, StillWanted):
        say(f"recorded {case.file}: {safe(expected.cause)}")
        tell(f"crawl: `{options.here(f'crawl check {case.spider}')}` is red until {case.callback} can read that page")
        return
    items, requests = counted(len(expected.items), "item"), counted(len(expected.requests), "request")
    aside = f", {len(expected.kept_aside)} kept aside" if expected.kept_aside else ""
    say(f"recorded {case.file}: {case.callback} gives {items}, {requests}{aside}")


def check(
    spider: options.MaybeSpiderName = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="What the spider gives now is right: save it, unless something fails.")
    ] = False,
    folder: Folder = PAGES,
    set_: options.SettingsTyped = None,
    as_json: options.AsJson = False,
) -> None:
    """Run the spider over its recorded pages and compare. Nothing is sent. Exit code 1 if something differs.

    Without NAME: the pages of all spiders.
    """
    from crawler.authoring.checking import check_pages
    from crawler.authoring.recorded import files_of, read

    typed = options.typed_settings(set_)
    if spider is not None:
        options.find(spider)
    files = list(files_of(spider, folder))
    if not files:
        whose = f"page of {spider}" if spider is not None else "page"
        raise UsageError(f"no {whose} is recorded in {folder}/; `crawl record {spider or 'NAME'} URL` records one")
    by_spider: dict[str, list[Path]] = {}
    for file in files:
        by_spider.setdefault(spider or read(file).spider, []).append(file)
    checked = [
        each
        for name, own in by_spider.items()
        for each in check_pages(options.find(name), own, settings=typed, accept=accept)
    ]
    if as_json:
        say(json.dumps([_as_dict(each) for each in checked], default=str))
    else:
        for line in _lines(checked):
            say(line)
        if not accept and any(not each.is_right or each.is_mended for each in checked):
            again = options.here(f"crawl check {spider + ' ' if spider else ''}--accept")
            tell(f"crawl: if what it gives now is right, `{again}` saves it")
    if not all(each.is_right for each in checked):
        raise typer.Exit(exits.FAILURES)


def _lines(checked: list[Checked]) -> Iterable[str]:
    from crawler.authoring.telling_differences import checked_lines

    for each in checked:
        gives = f"{counted(len(each.given.items), 'item')}, {counted(len(each.given.requests), 'request')}"
        if each.accepted:
            yield f"accepted   {each.case.file}: {gives}"
        elif each.is_mended:
            yield f"mended     {each.case.file}: {gives}"
        elif each.is_right:
            yield f"as before  {each.case.file}: {gives}"
        else:
            yield f"differs    {each.case.file}: {gives}"
            yield from (f"  {line}" for line in checked_lines(each))
    red = sum(not each.is_right for each in checked)
    verdict = f"{red:,} not as expected" if red else "all as expected"
    yield f"{counted(len(checked), 'recorded page')}, no request: {verdict}"


def _as_dict(checked: Checked) -> dict[str, Any]:
    from crawler.authoring.recorded import given_as_json

    return {
        "file": str(checked.case.file),
        "url": checked.case.url,
        "right": checked.is_right,
        "mended": checked.is_mended,
        "accepted": checked.accepted,
        "error": checked.given.error,
        "lacks": checked.lacks,
        "gives": given_as_json(checked.given),
    }


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(record)
    app.command()(check)
