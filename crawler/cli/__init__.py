"""The `crawl` command: words in, one call, exit code out.

Each group of commands has a file; this one puts them together. Engine, store and requests are imported by the command
that needs them, so that `crawl --help` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from crawler.cli.text import drain, prepare_streams

__all__ = ["command", "main"]


_CRAWLING = frozenset({"run", "login", "retry"})  #: the commands of `crawler.cli.run`


_is_program = False  #: this process was started for one command


@contextmanager
def loading() -> Iterator[None]:
    """No garbage collection while modules load: nothing is garbage yet, and looking for it took a tenth of the time.

    In a process that runs one command, what is loaded stays: it is not scanned again, and forked processes share it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _is_program:
            gc.freeze()
        if was_on:
            gc.enable()


def _application(words: Sequence[str]) -> Callable[..., None]:
    """The application with all commands; for a command that crawls, only with those of its file."""
    if words and words[0] in _CRAWLING:
        from crawler.cli.commands import with_run

        return with_run()
    from crawler.cli.command_tree import app

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
        with loading():
            app = _application(sys.argv[1:] if arguments is None else arguments)
    except (MemoryError, ImportError) as error:  # one that does not fit into memory is not a missing one
        if isinstance(error, ImportError) and "failed to map" not in str(error):
            raise
        sys.stderr.write("crawl: out of memory while loading; see `ulimit -v`\n")
        raise SystemExit(2) from None
    try:
        app(args=None if arguments is None else list(arguments), prog_name="crawl")
    finally:
        drain(sys.stderr)  # log lines that cannot be written must not change the exit code


def command() -> None:
    """The command as a program: runs `main`, then ends the process at once.

    By then everything is closed and written. Taking the rest apart object by object would take as long as a fifth of a
    run with one page.
    """
    global _is_program
    _is_program = True
    try:
        main()
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
        if not isinstance(code, int) or any(not each.daemon for each in threading.enumerate()[1:]):
            raise
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the code is known: one that comes now would end in a traceback
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            raise ended from None  # Python reports it, with an exit code of its own
        os._exit(code & 0xFF)
