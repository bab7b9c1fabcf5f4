"""Secrets in logs: known values and telling patterns are hidden, and no page can forge a line."""

from __future__ import annotations

import io
import logging
import sys
from urllib.parse import quote, quote_plus

import pytest

from crawler.sessions.secrets import Secret, SecretFilter, hide, remember_secret

PASSWORD = 'k0nigsberg"é+&/7'


class Log:
    """A logger with one handler, and what it has written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.handler.addFilter(SecretFilter())
        self.logger = logging.Logger("test")
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.mark.parametrize(
    "spelling",
    [PASSWORD, quote(PASSWORD, safe=""), quote_plus(PASSWORD), repr(PASSWORD), 'k0nigsberg\\"\\u00e9+&/7'],
    ids=["plain", "percent", "form", "repr", "json"],
)
def test_X9_a_known_secret_is_hidden_in_every_spelling(log: Log, spelling: str) -> None:
    Secret(PASSWORD)
    log.logger.debug("sent <%s>", spelling)

    assert "k0nigsberg" not in log.text
    assert "***" in log.text


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("GET https://anna:k9w8x7@shop.example/", ()),
        ("%s", ("https://shop.example/?token=k9w8x7&page=2",)),
        ("body %r", ({"password": "k9w8x7"},)),
        ("headers %s", ({"Set-Cookie": "sid=k9w8x7; Path=/"},)),
        ("Authorization: Bearer k9w8x7k9w8x7", ()),
        ("%(url)s", ({"url": "https://shop.example/?sid=k9w8x7"},)),
        (b"Cookie: a=k9w8x7", ()),
        (ValueError("?api_key=k9w8x7"), ()),
    ],
    ids=["userinfo", "argument", "form", "set-cookie", "bearer", "mapping", "bytes", "exception"],
)
def test_X9_what_looks_like_a_secret_is_hidden(log: Log, message: object, args: tuple[object, ...]) -> None:
    log.logger.warning(message, *args)

    assert "k9w8x7" not in log.text
    assert log.text.startswith("WARNING ")


def test_X9_tracebacks_hide_secrets_with_their_causes(log: Log) -> None:
    remember_secret("s3same-open")
    try:
        try:
            raise KeyError("password s3same-open")
        except KeyError as error:
            raise ConnectionError("https://shop.example/?token=abc123def") from error
    except ConnectionError:
        log.logger.exception("it failed")

    assert "s3same-open" not in log.text
    assert "abc123def" not in log.text
    assert "ConnectionError" in log.text
    assert "KeyError" in log.text


def test_X12_one_event_is_one_line_and_controls_are_shown(log: Log) -> None:
    log.logger.info("title %s", "\x1b]0;owned\x07\nERROR forged line\u202e\r\n")

    assert log.text.count("\n") == 1
    assert "\\x1b]0;owned\\x07\\x0aERROR forged line\\u202e" in log.text


def test_X12_an_exception_cannot_forge_a_line_either(log: Log) -> None:
    try:
        raise ValueError("boom\nERROR forged line\x1b[2J")
    except ValueError:
        log.logger.exception("it failed")

    lines = log.text.splitlines()
    assert lines[0] == "ERROR it failed"
    assert all(line.startswith("  | ") for line in lines[1:])
    assert "\x1b" not in log.text


def test_a_second_handler_without_the_filter_sees_hidden_records_too(log: Log) -> None:
    late = io.StringIO()
    log.logger.addHandler(logging.StreamHandler(late))
    address = "?token=" + "k9w8x7"
    try:
        raise ValueError(address)
    except ValueError:
        log.logger.error(address, exc_info=sys.exc_info(), stack_info=True)

    assert "k9w8x7" not in late.getvalue()
    assert late.getvalue().count("?token=***") == 2
    assert "test_a_second_handler" in late.getvalue()


def test_arguments_that_do_not_fit_are_not_printed_raw(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    remember_secret("s3same-open")
    log.logger.info("%d pages", "s3same-open")

    assert "s3same-open" not in log.text + capsys.readouterr().err
    assert "%d pages" in log.text


def test_a_short_secret_hides_whole_words_only() -> None:
    Secret("order1")

    assert hide("reorder12 order1 order1!") == "reorder12 *** ***!"


def test_texts_too_short_to_be_secrets_are_left_alone() -> None:
    Secret("ab")

    assert hide("ab abc") == "ab abc"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    Secret("tower-of-london")
    Secret("tower-of-london-bridge")

    assert hide("<tower-of-london-bridge>") == "<***>"
