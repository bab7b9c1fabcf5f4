"""`crawl shell`: a Python prompt with a page, its session, and functions that fetch and show others."""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.fetch_command import SessionOption, visiting
from crawler.cli.text import tell
from crawler.errors import FetchError, UsageError

if TYPE_CHECKING:
    from crawler.authoring.prompt import Prompt

_MOST_LINES = 2_000  #: of the history
_HELP = "fetch(url) fetches, view() shows the page in a browser; also session, spider, Request"

First = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A spider: log in as it does. May be left out.")]
Second = Annotated[
    str | None, typer.Argument(metavar="[URL]", help="The page to start with; the spider's first start URL otherwise.")
]


def shell(
    first: First = None,
    second: Second = None,
    session: SessionOption = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Open a Python prompt on a page. With `response`, `session`, `spider`, `fetch(url)` and `view()`.

    Logged in where the spider logs in. Tab completes, and the lines typed are kept for the next time, secrets masked.
    """
    spider, url = (None, first) if first is not None and "://" in first else (first, second)
    if second is not None and spider is None:
        raise UsageError(f"crawl shell [NAME] [URL]: {first} is a URL, and nothing comes after it, not {second}")
    with (
        visiting(url, spider, session, options.typed_settings(set_, store=store)) as (visitor, target),
        tempfile.TemporaryDirectory(prefix="crawl-shell-") as folder,
    ):
        from crawler.authoring.prompt import Prompt

        prompt = Prompt(visitor, Path(folder), tell)
        prompt.use(session)
        target = target or next(iter(visitor.spider.start_urls), None)
        if target is not None:
            try:
                prompt.fetch(target)
            except FetchError as error:  # the prompt is where one finds out why
                tell(f"crawl: {exits.line_for(error)}")
        _interact(prompt)


def _interact(prompt: Prompt) -> None:
    try:
        start_ipython = import_module("IPython").start_ipython
    except ImportError:
        start_ipython = None
    if start_ipython is not None:
        tell(_HELP)
        start_ipython(argv=["--no-banner"], user_ns=prompt.names)
        return
    import code

    with _line_editing(prompt.names):  # not inside the `except`: every error at the prompt would mention IPython
        code.interact(banner=f"{_HELP}\nCtrl-D ends it", local=prompt.names, exitmsg="")


@contextmanager
def _line_editing(names: dict[str, Any]) -> Iterator[None]:
    """Completion, and a history that outlives the prompt."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        yield
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    file = history_file() if sys.stdin.isatty() else None
    if file is None:
        yield
        return
    try:
        readline.read_history_file(file)
    except OSError:
        pass  # there is none yet
    before = readline.get_current_history_length()
    atexit.unregister(readline.write_history_file)  # Python's own history is not for this
    try:
        yield
    finally:
        length = readline.get_current_history_length()
        typed = [readline.get_history_item(number) for number in range(before + 1, length + 1)]
        _keep(file, [line for line in typed if line])


def history_file() -> Path | None:
    """Where the lines are kept: ``$XDG_STATE_HOME/crawl/shell_history``; None for a user without a home."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    try:
        folder = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return folder / "crawl" / "shell_history"


def _keep(file: Path, typed: list[str]) -> None:
    """Add lines to the history, secrets masked; a failure to write it does not end the prompt."""
    from crawler.cli.text import safe
    from crawler.sessions.private_files import write_private

    try:
        before = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
        lines = [*before, *map(safe, typed)][-_MOST_LINES:]
        write_private(file, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        tell(f"crawl: the lines were not kept: {file}: {error.strerror}")


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(shell)
