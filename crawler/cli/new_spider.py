"""`crawl new`: a first spider, from nothing, from a page, or from what a browser has recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import exits, options, templates
from crawler.cli.logs import set_up_logging
from crawler.cli.progress import terminal_ask
from crawler.cli.project import SPIDERS, write_new
from crawler.cli.text import safe, say, tell
from crawler.errors import SpiderError

if TYPE_CHECKING:
    from crawler.authoring.exploring import Explored


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new spider.")],
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="The page that it begins with.")] = None,
    blank: Annotated[bool, typer.Option("--blank", help="Ask the site for nothing: a spider to be filled in.")] = False,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Look at the page at URL and write a spider for it. With its login form, what repeats on it, and the next page.

    A few requests are sent, as robots.txt allows. Where user name and password are found, the page behind the login is
    looked at, too. Without URL a spider is written that is to be filled in.
    """
    from crawler.urls import absolute

    path = _free_path(name)
    start = absolute("", url or "https://shop.example/orders")
    if url is None or blank:
        write_new(path, templates.spider_source(name, start))
        say(f"made {path}")
        say(f"next: write its login and parse methods, then: crawl login {name}, crawl run {name}")
        return
    typed = options.typed_settings(set_, store=store)
    level = options.settings_of(None, typed).log_level
    set_up_logging("WARNING" if level == "INFO" else level)
    from crawler.authoring.exploring import explore

    found = explore(name, start, settings=typed, ask=terminal_ask())
    _written(path, name, found)


def _written(path: Path, name: str, found: Explored) -> None:
    """Write it, and say what it is made from."""
    write_new(path, found.spider.source())
    say(f"made {path}")
    for line in found.told:
        say(f"  {safe(line)}")
    if found.error is not None:
        tell(f"crawl: the page behind the login was not looked at: {exits.line_for(found.error)}")
        raise typer.Exit(exits.code_for(found.error))
    login = f"{options.here(f'crawl login {name}')}, " if found.spider.login else ""
    if found.spider.login and found.spider.reading.is_guess:
        tell("crawl: with its credentials (CRAWL_DEFAULT_USERNAME, CRAWL_DEFAULT_PASSWORD) the page is looked at, too")
    say(f"next: look at it, then: {login}{options.here(f'crawl run {name}')}")


def _free_path(name: str) -> Path:
    """Where the spider will stand. Whatever is wrong with the name is found before anything is asked for."""
    from crawler.loading import load_spiders
    from crawler.spider_names import valid_name

    stem = templates.file_stem(valid_name(name))
    if not stem:
        raise SpiderError(f"spider name {name!r}: use at least one letter or digit")
    if name in load_spiders()[0]:
        raise SpiderError(f"there is already a spider {name!r} in {SPIDERS}/")
    path = SPIDERS / f"{stem}.py"
    if path.exists():
        raise SpiderError(f"{path} is there already and is left as it is; choose another name")
    return path


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(new)
