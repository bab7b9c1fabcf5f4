"""Arguments and options that several commands take, and what they become."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits
from crawler.errors import UsageError
from crawler.redaction import HIDDEN
from crawler.url_users import NOT_IN_ARGUMENT, has_user

if TYPE_CHECKING:
    from crawler.settings import Settings
    from crawler.spider import Spider

SpiderName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a spider in spiders/.")]
MaybeSpiderName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of a spider in spiders/.")]
Arguments = Annotated[
    list[str] | None,
    typer.Option("--argument", "-a", metavar="NAME=VALUE", help="Argument of the spider; may be repeated."),
]
SettingsTyped = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting (`crawl settings` lists them); may be repeated."),
]
StorePath = Annotated[str | None, typer.Option("--store", metavar="FILE", help="The database; setting `store`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on one line instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing unless something went wrong.")]


_STANDS_FOR = f"{HIDDEN} stands for a secret in messages; type the secret itself, or give it in a variable"

project = ""  #: what ``-C`` was given


def here(command: str) -> str:
    """A proposed command, as it has to be typed where this one was typed."""
    import shlex

    return command.replace("crawl ", f"crawl -C {shlex.quote(project)} ", 1) if project else command


def pairs(texts: Iterable[str] | None, option: str) -> dict[str, str]:
    """``["a=1", "b=x=y"]`` as ``{"a": "1", "b": "x=y"}``.

    Raises:
        UsageError: A text has no "=" or nothing before it, or is not to be stored and shown.
    """
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {text!r}: write it as NAME=VALUE")
        if value == HIDDEN or (HIDDEN in value and option == "-s"):
            raise UsageError(f"{option} {name.strip()}: {_STANDS_FOR}")
        if option == "-a" and has_user(value):
            raise UsageError(f"-a {name.strip()}: {NOT_IN_ARGUMENT}")
        found[name.strip()] = value
    return found


def typed_settings(texts: Iterable[str] | None, **options: Any) -> dict[str, Any]:
    """The settings from the command line: those of ``-s``, and those with an option of their own that was given."""
    if HIDDEN in str(options.get("store") or ""):
        raise UsageError(f"--store: {_STANDS_FOR}")
    return {**pairs(texts, "-s"), **{key: value for key, value in options.items() if value is not None}}


def find(name: str) -> type[Spider]:
    """The spider of that name. Raises SpiderError."""
    from crawler.loading import find_spider

    found = find_spider(name)
    exits.spider = name
    return found


def settings_of(spider: type[Spider] | None, typed: dict[str, Any]) -> Settings:
    """The merged settings. Raises SettingsError."""
    from crawler.settings import load

    return load(spider=spider.custom_settings if spider is not None else None, command_line=typed)


def store_file(settings: Settings) -> Path | None:
    """The file of the database; None where the store is an address of a server."""
    return None if "://" in settings.store else Path(settings.store)
