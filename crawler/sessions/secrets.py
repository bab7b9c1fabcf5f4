"""Secrets in memory: texts that do not show themselves, and the filter that keeps them out of logs.

Two nets, for neither is enough: the values of known secrets (this module remembers them, in the spellings in which they
travel, and `sessions.cookie_secrets` those of cookies), and places where secrets stand (`crawler.redaction`). Control
characters become visible on the way, so that a page cannot forge a line of the log.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import traceback
from typing import Any, Final, NoReturn
from urllib.parse import quote, quote_plus

from crawler.sessions.cookie_secrets import COOKIES
from crawler.urls import HIDDEN, printable, redact

_LEAST: Final = 4  # characters; hiding shorter texts would garble every line and protect nothing
_WHOLE_WORDS_BELOW: Final = 12  # a password "order" must not hide a part of "reordered"


class Secret(str):
    """A text that is itself to whoever uses it, and ``***`` in every repr. Never pickled.

    A plain ``str`` to requests, forms, JSON and f-strings, so that logins get the real value; containers, debuggers and
    tracebacks, which show the repr, do not. Making one puts its value under the care of `hide`.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Secret:
        if type(value) is cls:
            return value
        self = super().__new__(cls, value)
        remember_secret(value)
        return self

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


_lock = threading.Lock()  # guards the two below
_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def remember_secret(value: str) -> None:
    """From now on `hide` replaces *value* wherever it stands, even percent-escaped or in JSON; 4 characters or more."""
    global _pattern
    if len(value) < _LEAST or value in _known:
        return
    text = str.__str__(value)
    with _lock:
        _known.add(text)
        _pattern = _compiled(_known)


def _compiled(values: set[str]) -> re.Pattern[str]:
    spellings: dict[str, str] = {}
    for value in values:
        for text in (
            value,
            quote(value, safe="", errors="replace"),
            quote_plus(value, errors="replace"),
            json.dumps(value)[1:-1],
            repr(value)[1:-1],
        ):
            exact = re.escape(text)
            spellings[text] = rf"(?<!\w){exact}(?!\w)" if len(text) < _WHOLE_WORDS_BELOW else exact
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(spellings[text] for text in longest_first))


def hide(text: str) -> str:
    """*text* without known secrets and without what looks like one. Line ends and controls stay as they are."""
    pattern = _pattern
    return redact(COOKIES.hidden(pattern.sub(HIDDEN, text) if pattern is not None else text))


def hide_after(name: str, line: str) -> str:
    """As `hide`, for a line of ours that begins with the *name* of a spider: what follows its colon is no value.

    A spider may be called ``cookie`` or ``m-secret``. Only for lines that we compose: in any other text such a word
    stands before a secret.
    """
    head = f"{name}: "
    return f"{hide(name)}: {hide(line.removeprefix(head))}" if line.startswith(head) else hide(line)


def hide_in_page(text: str) -> str:
    """As `hide`, for a text as long as a page: cookies are hidden only where one may be in it."""
    pattern = _pattern
    text = pattern.sub(HIDDEN, text) if pattern is not None else text
    return redact(COOKIES.hidden(text) if COOKIES.may_be_in(text) else text)


class SecretFilter(logging.Filter):
    """Hides secrets in records and keeps each on one line. Put it on handlers, where records of all loggers pass.

    Message, arguments, traceback and stack are replaced by what may be shown, so no later handler shows more. Each line
    of a traceback begins with ``  | ``: what a page wrote into an exception cannot pass for a line of the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "secrets_hidden", False):
            return True
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - an argument's __str__ may raise anything; logging would print it
            message = f"{record.msg!s} (its arguments cannot be shown: {type(error).__name__})"
        record.msg, record.args = printable(hide(message)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info))
        if record.exc_text:
            record.exc_text = _block(record.exc_text)
        if record.stack_info:
            record.stack_info = _block(record.stack_info)
        record.exc_info = None
        record.secrets_hidden = True
        return True


def _block(text: str) -> str:
    return "\n".join(f"  | {printable(line)}" for line in hide(text).rstrip("\n").split("\n"))
