"""Log lines on standard error: one event, one line, no secrets, no control characters."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_NOISY = ("asyncio", "charset_normalizer", "playwright", "urllib3")  # their DEBUG lines say nothing to a user


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: a live progress display replaces it for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line and nothing else: a full disk or a closed terminal must not end the crawl."""


def set_up_logging(level: str = "INFO", quiet: bool = False, traces: bool = False) -> None:
    """Send the log lines of the crawler, of spiders and of libraries to standard error. May be called again.

    Args:
        level: Least level of the crawler's and the spiders' lines, a name such as ``"INFO"``; libraries have WARNING.
        traces: Show whole tracebacks of spiders' errors, as ``--traceback`` asks for.
        quiet: Show errors only, so that a cron job that succeeds sends no mail.
    """
    from crawler.sessions.secrets import SecretFilter

    handler = StandardErrorHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(SecretFilter())
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, StandardErrorHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.getLogger("crawler").setLevel(logging.ERROR if quiet else level)
    logging.getLogger("crawler.trace").setLevel(logging.DEBUG if traces else logging.ERROR)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.captureWarnings(True)
