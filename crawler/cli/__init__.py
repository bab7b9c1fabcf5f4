"""The command `crawl`: words in, one call, exit code out.

Each group of commands has a file; this one puts them together. Engine, store and requests are imported by the command
that needs them, so that `crawl --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from crawler.cli.text import drain, prepare_streams

__all__ = ["main"]


_CRAWLING = frozenset({"run", "login", "retry"})  #: the commands of `crawler.cli.run`


def _application(words: Sequence[str]) -> Callable[..., None]:
    """All commands; for one that crawls only those of its file."""
    if words and words[0] in _CRAWLING:
        from crawler.cli.commands import with_run

        return with_run()
    from crawler.cli.application import app

    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code.

    Args:
        arguments: The words after ``crawl``; None takes them from the command line.
    Raises:
        SystemExit: Always, with a code of `exits.TABLE`.
    """
    prepare_streams()
    try:
        app = _application(sys.argv[1:] if arguments is None else arguments)
    except (MemoryError, ImportError) as error:  # a library that does not fit is no library that is missing
        if isinstance(error, ImportError) and "failed to map" not in str(error):
            raise
        sys.stderr.write("crawl: out of memory while it was loaded; see `ulimit -v`\n")
        raise SystemExit(2) from None
    try:
        app(args=None if arguments is None else list(arguments), prog_name="crawl")
    finally:
        drain(sys.stderr)  # log lines that cannot be written must not change the exit code
