"""Log lines on standard error, and in a file where one is asked for: one event, one line, no secrets.

A line is plain text, or one JSON object (`log_format`). The file gets all lines of `log_level`, even those of a quiet
run, whose standard error is the mail that cron sends; it is rotated when it is large.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_NOISY = ("asyncio", "charset_normalizer", "playwright", "urllib3")  # their DEBUG lines say nothing to a user


@quick_dataclass
class LogFile:
    """Where lines go besides standard error.

    Attributes:
        path: The file; what it already holds stays.
        size_bytes: It is rotated to ``NAME.1`` when it would become larger; 0: it grows.
        keep: How many rotated files are kept.
    """

    path: Path
    size_bytes: int = 10 * 1024 * 1024
    keep: int = 5


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at that moment: a live progress display replaces it for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line and nothing else: a full disk or a closed terminal must not end the crawl."""


class RotatingFile(logging.handlers.RotatingFileHandler):
    """A log file of mode 0600 that is rotated when it is large. Only the process that opened it does that.

    Further processes of a run are forked from it and write to the same file: one that finds it rotated opens the new
    one.
    """

    def __init__(self, file: LogFile) -> None:
        self._owner = os.getpid()
        self._inode = 0
        super().__init__(
            file.path, maxBytes=file.size_bytes, backupCount=file.keep, encoding="utf-8", errors="backslashreplace"
        )

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._inode = os.fstat(descriptor).st_ino
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", errors="backslashreplace")

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        if os.getpid() == self._owner:
            return bool(super().shouldRollover(record))
        try:
            moved = os.stat(self.baseFilename).st_ino != self._inode
        except FileNotFoundError:
            return False  # it is being rotated at this moment
        if moved and self.stream is not None:
            self.stream.close()
            self.stream = self._open()
        return False

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line and nothing else, as on standard error."""


class TerminalLines(logging.Formatter):
    """``03:00:12 run 7 of orders``: for a person at the terminal. No date; a level if it is not INFO.

    Args:
        colours: Show the level in yellow or red.
    """

    _COLOURS = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31"}

    def __init__(self, *, colours: bool) -> None:
        super().__init__("%(asctime)s %(message)s", datefmt="%H:%M:%S")
        self._colours = colours

    def formatMessage(self, record: logging.LogRecord) -> str:
        said = f"{record.levelname.lower()}: " if record.levelno != logging.INFO else ""
        colour = self._COLOURS.get(record.levelname)
        if said and colour and self._colours:
            said = f"\x1b[{colour}m{said}\x1b[0m"
        if record.name.partition(".")[0] != "crawler":  # a library, or a spider's own logger
            said += f"{record.name}: "
        return f"{record.asctime} {said}{record.message}"


class JsonLines(logging.Formatter):
    """``{"time": "2026-11-29T03:00:00.123+01:00", "level": "INFO", "logger": "crawler.run", "message": "..."}``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        return json.dumps({**line, "trace": trace} if trace else line, ensure_ascii=False)


def set_up_logging(
    level: str = "INFO",
    quiet: bool = False,
    traces: bool = False,
    log_format: str = "text",
    file: LogFile | None = None,
) -> None:
    """Send the log lines of the crawler, of spiders and of libraries to standard error. May be called again.

    Args:
        level: Lowest level of the crawler's and the spiders' lines, a name such as ``"INFO"``; libraries have WARNING.
        traces: Show whole tracebacks of spiders' errors, as ``--traceback`` asks for.
        quiet: Show errors only, so that a cron job that succeeds sends no mail.
        log_format: "text" or "json".
        file: Where all lines of *level* go as well.

    Raises:
        UsageError: The file cannot be written.
    """
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, StandardErrorHandler | RotatingFile)]:
        root.removeHandler(old)
        old.close()
    shown = StandardErrorHandler()
    shown.setLevel(logging.ERROR if quiet else logging.NOTSET)
    _add(root, shown, log_format, for_person=sys.stderr.isatty())
    if file is not None:
        _add(root, _opened(file), log_format)
    silent = quiet and file is None
    root.setLevel(logging.ERROR if silent else logging.WARNING)
    logging.getLogger("crawler").setLevel(logging.ERROR if silent else level)
    logging.getLogger("crawler.trace").setLevel(logging.DEBUG if traces else logging.ERROR)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR if silent else logging.WARNING)
    logging.captureWarnings(True)


def _add(root: logging.Logger, handler: logging.Handler, log_format: str, *, for_person: bool = False) -> None:
    from crawler.sessions.secrets import SecretFilter

    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in ("", "dumb")
    lines = TerminalLines(colours=not plain) if for_person else logging.Formatter(FORMAT)
    handler.setFormatter(JsonLines() if log_format == "json" else lines)
    handler.addFilter(SecretFilter())
    root.addHandler(handler)


def _opened(file: LogFile) -> RotatingFile:
    try:
        return RotatingFile(file)
    except OSError as error:
        raise UsageError(f"log file {file.path}: {error.strerror or error}; --log-file names another") from None
