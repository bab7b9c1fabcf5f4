"""`crawl fetch`: one page, logged in where the spider logs in, to look at."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.logs import set_up_logging
from crawler.cli.progress import terminal_ask
from crawler.cli.text import safe, say, tell, tell_recording
from crawler.errors import UsageError
from crawler.request import Request

if TYPE_CHECKING:
    from crawler.engine.application import Visitor
    from crawler.response import Response

Url = Annotated[str, typer.Argument(metavar="URL", help="An http or https URL.")]
SpiderOption = Annotated[str | None, typer.Option("--spider", metavar="NAME", help="Log in as this spider does.")]
SessionOption = Annotated[str | None, typer.Option("--session", help="Session of the spider; its first otherwise.")]


def fetch(
    url: Url,
    spider: SpiderOption = None,
    session: SessionOption = None,
    headers: Annotated[bool, typer.Option("--headers", help="Print status and headers instead of the body.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch it even if that may log the session out, or delete something.")
    ] = False,
    render: Annotated[
        bool,
        typer.Option("--render", help="Render it in a browser, and say which plain requests would do instead."),
    ] = False,
    wait_for: Annotated[
        str, typer.Option("--wait-for", metavar="CSS", help="Wait until this is on the rendered page.")
    ] = "",
    har: Annotated[
        Path | None,
        typer.Option("--har", metavar="FILE", help="Write it with its redirects as a HAR file, secrets masked."),
    ] = None,
    unmasked: Annotated[
        bool,
        typer.Option(
            "--unmasked", help="With --har: also cookies and credentials. Whoever reads the file can use them."
        ),
    ] = False,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Fetch one page and print it. The body as it came; on a terminal as text that is safe to show."""
    if wait_for and not render:
        raise UsageError("--wait-for goes with --render")
    if render:
        from crawler.rendering.launched import require_browser

        require_browser()
    if unmasked and har is None:
        raise UsageError("--unmasked goes with --har")
    with visiting(url, spider, session, options.typed_settings(set_, store=store)) as (visitor, _):
        rule = "" if force else visitor.refusal(url, session=session)
        if rule:
            raise UsageError(
                f"not fetched, the logout guard refuses it: {rule}; --force fetches it anyway, and so does"
                " `-s guard_allow=PATH`"
            )
        response = visitor.fetch(Request(url, render=False), session=session)
        if render and response.ok:
            response = rendered(visitor, response, wait_for)
    if har is not None:
        write_har(har, response, secrets=unmasked)
    if headers:
        for line in header_lines(response):
            say(line)
    else:
        print_body(response)
    if response.status_code >= 400:
        tell(f"crawl: {response.status_code} from {safe(response.url)}")
        raise typer.Exit(exits.FAILURES)


def rendered(visitor: Visitor, document: Response, wait_for: str) -> Response:
    """The page after its scripts have run. Also prints where what they show has come from."""
    from crawler.authoring.plain_requests import PlainRequest, lines_for, sources
    from crawler.render import Render

    page = visitor.rendered(document, Render(wait_for))

    def same(request: PlainRequest) -> bool | None:
        asked = request.answer.asked
        if asked is None or asked.method != "GET" or request.signed:
            return None
        again = visitor.fetch(asked.replace(render=False), session=document.session_name)
        return again.ok and again.body == request.answer.body

    for line in lines_for(sources(document, page), same):
        tell(safe(line))
    for warning in page.warnings:
        tell(safe(warning))
    return page


def write_har(target: Path, response: Response, *, secrets: bool) -> None:
    """Write a page with its redirects as a recording that only its owner can read."""
    from crawler.clock import unix_now
    from crawler.output.export.places import whole_file
    from crawler.sessions.formats.har_writing import har_of

    text = json.dumps(har_of(response, ended=unix_now(), secrets=secrets), indent=2, ensure_ascii=False)
    try:
        with whole_file(target) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    tell_recording(target, unmasked=secrets)


@contextmanager
def visiting(
    url: str | None, spider: str | None, session: str | None, typed: dict[str, Any]
) -> Iterator[tuple[Visitor, str | None]]:
    """A visitor, and the checked URL. Typing mistakes are found before anything is opened."""
    from crawler.urls import of_spider

    target = of_spider(url) if url is not None else None
    if session is not None and spider is None:
        raise UsageError("--session goes with a spider: name it")
    found = options.find(spider) if spider is not None else None
    level = options.settings_of(found, typed).log_level
    set_up_logging("WARNING" if level == "INFO" else level)
    from crawler.authoring.guests import guest
    from crawler.engine import application

    with ExitStack() as stack:
        if found is None:
            visitor = stack.enter_context(guest(target, settings=typed, ask=terminal_ask()))
        else:
            visitor = stack.enter_context(application.visitor(found, settings=typed, ask=terminal_ask()))
        names = [identity.name for identity in visitor.spider.identities()]
        if session is not None and session not in names:
            raise UsageError(f"{spider} has no session {session!r}, only: {', '.join(names)}")
        yield visitor, target


def header_lines(response: Response) -> list[str]:
    """The status line and the headers, secrets hidden, one per line."""
    lines = [f"{response.status_code} {response.reason or ''}".rstrip(), f"url: {response.url}"]
    lines += [f"{name.lower()}: {value}" for name, value in response.headers.items()]
    return [safe(line) for line in lines]


def print_body(response: Response) -> None:
    """A body as it came; on a terminal as text that is safe to show."""
    if sys.stdout.isatty():
        for line in response.text.splitlines():  # a terminal obeys control characters: show them instead
            say(_shown(line))
        return
    target = getattr(sys.stdout, "buffer", None)
    if target is None:  # a text stream in its place
        sys.stdout.write(response.text)
        return
    target.write(response.content)
    target.flush()


def _shown(line: str) -> str:
    from crawler.urls import printable

    return printable(line.expandtabs(4))


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(fetch)
