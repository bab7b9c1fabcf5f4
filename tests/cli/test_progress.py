"""Progress: log lines for cron, one live line for a terminal, and a way to ask that hides neither."""

from __future__ import annotations

import io
import logging
import re
import signal
import sys
from collections.abc import Iterator

import pytest

from crawler import events
from crawler.cli.logs import set_up_logging
from crawler.cli.progress import LogLines, StopNotice, terminal_ask
from tests.cli.terminal import Terminal, told


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (events.RunStarted(0, 7, "orders", True, 1200), "INFO", "run 7 of orders, going on with 1,200 waiting"),
        (events.RunStarted(0, 1, "orders", False, 1), "INFO", "run 1 of orders"),
        (events.LoginStarted(0, "buyer", "first login"), "INFO", "session buyer logs in: first login"),
        (
            events.LoginStarted(0, "buyer", "its token has ended", True),
            "INFO",
            "session buyer is renewed by a page of the app: its token has ended",
        ),
        (
            events.LoginEnded(0, "buyer", "restored", 1, 300),
            "INFO",
            "session buyer: the stored session is good, no login was needed (0.3 s)",
        ),
        (
            events.LoginEnded(0, "buyer", "refused", 1, 300, "no"),
            "WARNING",
            "session buyer: could not log in (0.3 s): no",
        ),
        (
            events.SessionParked(0, "buyer", "a code", "crawl login orders"),
            "WARNING",
            "session buyer waits for a person: a code; run: crawl login orders",
        ),
        (
            events.SessionParked(
                0, "buyer", "the site refused the user name or password, saying 'no'", "crawl login x"
            ),
            "WARNING",
            "session buyer: the site refused the user name or password, saying 'no'; put them right, then run:"
            " crawl login x",
        ),
        (events.PageFailed(0, "http://a/", "404", 404), "WARNING", "failed: http://a/ (404)"),
        (events.Warned(0, "http://a/", "tree cut"), "WARNING", "http://a/: tree cut"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, events.Event) else "",
)
def test_what_happens_is_one_log_line(
    event: events.Event, level: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("INFO")

    LogLines()(event)

    line = capsys.readouterr().err
    assert line.endswith(f" {level:7} crawler.run: {text}\n")


def test_why_a_session_waits_is_not_repeated_right_after_its_login(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")
    log = LogLines()

    log(events.LoginEnded(0, "buyer", "refused", 1, 300, "no username found"))
    log(events.SessionParked(0, "buyer", "no username found", "crawl login orders"))

    assert lines_of(capsys) == [
        "session buyer: could not log in (0.3 s): no username found",
        "session buyer waits for a person; run: crawl login orders",
    ]


@pytest.mark.parametrize(
    ("grant", "what"), [("password", "user name or password"), ("client_credentials", "client secret")]
)
def test_what_a_token_service_refuses_is_named(capsys: pytest.CaptureFixture[str], grant: str, what: str) -> None:
    set_up_logging("INFO")
    log = LogLines()
    why = f"https://auth.test/token says invalid_grant to the grant {grant} (locked)"

    log(events.LoginEnded(0, "buyer", "refused", 1, 300, why))
    log(events.SessionParked(0, "buyer", why, "crawl login orders"))

    assert f"the site refused the {what} of session buyer; put them right, then run: crawl" in lines_of(capsys)[-1]


def test_a_refused_password_is_told_from_a_session_that_waits_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")
    log = LogLines()
    why = "the site refused these credentials on Tuesday"

    log(events.LoginEnded(0, "buyer", "refused", 1, 300, why))
    log(events.SessionParked(0, "buyer", why, "crawl login orders"))

    assert lines_of(capsys)[-1] == (
        "the site refused the user name or password of session buyer; put them right, then run: crawl login orders"
    )


def test_a_paused_host_is_reported_with_the_end_of_its_pause(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")

    LogLines()(events.SlotPaused(0, "a.example", 1_795_000_000.0, "Retry-After"))

    assert lines_of(capsys)[0].startswith("a.example is left alone until 2026-1")


def test_successful_pages_get_no_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")

    LogLines()(events.PageDone(0, "http://a/", 200, "default", 1, 2, 3, 4.0))
    LogLines()(events.PageRetried(0, "http://a/", "503", 1, 2.0))

    assert lines_of(capsys) == []


def test_the_numbers_are_logged_soon_then_every_half_minute_and_not_beside_a_live_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging("INFO")
    log, silent = LogLines(), LogLines(progress=False)

    for second in range(0, 100):
        log(told(1000.0 + second, second))
        silent(told(1000.0 + second, second))

    found = lines_of(capsys)
    assert [line.split()[0] for line in found] == ["2", "6", "14", "30", "60", "90"]
    assert found[3] == "30 pages, 300 waiting, 12.3/s, 2 failed, 1 login, 480 items"


def test_X12_an_event_stays_on_one_line_and_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")

    LogLines()(events.PageFailed(0, "http://a/\x1b[2J", "title \r\n2026-11-23 03:00:00 INFO all is well", 0))

    found = capsys.readouterr().err
    assert found.count("\n") == 1
    assert "\\x1b[2J" in found


def test_X9_an_event_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("DEBUG")

    LogLines()(events.PageRetried(0, "http://u:hunter2@a/?token=abcdef123", "503", 1, 2.0))

    found = capsys.readouterr().err
    assert "again in 2.0 s" in found
    assert "hunter2" not in found
    assert "abcdef123" not in found


def test_quiet_logs_errors_only_and_of_libraries_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("DEBUG", quiet=True)

    logging.getLogger("crawler.engine").warning("slow")
    logging.getLogger("elsewhere").warning("deprecated")
    logging.getLogger("crawler.engine").error("lost")

    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["lost"]


def test_logging_can_be_set_up_again_without_doubling_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO")
    set_up_logging("INFO")

    logging.getLogger("crawler.x").info("once")

    assert capsys.readouterr().err.count("once") == 1


class Full(io.StringIO):
    """A stream whose disk is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_S4_a_log_that_cannot_be_written_ends_nothing_and_goes_on_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("INFO")

    with monkeypatch.context() as full:
        full.setattr(sys, "stderr", Full())
        logging.getLogger("crawler.x").error("nobody reads this")
    logging.getLogger("crawler.x").error("read again")

    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["read again"]


@pytest.mark.parametrize(
    ("environ", "warning"),
    [({}, "\x1b[33mwarning: \x1b[0mslow"), ({"NO_COLOR": "1"}, "warning: slow"), ({"TERM": "dumb"}, "warning: slow")],
    ids=["colours", "no color", "dumb"],
)
def test_a_person_at_a_terminal_reads_lines_without_date_and_logger(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], warning: str
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for name, value in {"TERM": "xterm", **environ}.items():
        monkeypatch.setenv(name, value)
    set_up_logging("INFO")

    logging.getLogger("crawler.run").info("run 7 of orders")
    logging.getLogger("crawler.run").warning("slow")
    logging.getLogger("botocore").warning("deprecated")

    first, second, third = terminal.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d run 7 of orders", first)
    assert second.endswith(f" {warning}")
    assert third.endswith("botocore: deprecated")


@pytest.fixture
def interrupts() -> Iterator[list[int]]:
    """The SIGINTs that the engine's handler has seen; another handler is put in place for it."""
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGINT, before)


def test_P2_a_first_ctrl_c_is_answered_and_reaches_the_engine(
    interrupts: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("INFO")
    notice = StopNotice()
    notice(events.RunStarted(0, 1, "orders", False, 1))

    for _ in range(2):
        signal.raise_signal(signal.SIGINT)
    notice._teller.join(10)  # it says one line and ends
    notice.close()

    assert interrupts == [signal.SIGINT, signal.SIGINT]
    assert lines_of(capsys) == ["stopping: what is in flight is finished and kept; Ctrl-C again leaves at once"]


def test_a_run_that_nobody_stops_says_nothing_of_stopping(
    interrupts: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("INFO")
    notice = StopNotice()
    notice(events.RunStarted(0, 1, "orders", False, 1))
    notice.close()

    assert not notice._teller.is_alive()
    assert lines_of(capsys) == []


def test_a_question_goes_to_standard_error_and_its_answer_is_stripped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(" anna \n"))
    ask = terminal_ask()

    assert ask is not None
    assert ask("user name\x1b[2J: ", False) == "anna"
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "user name\\x1b[2J: ")
    with pytest.raises(EOFError):
        ask("again: ", False)


def test_a_password_is_asked_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: f"{prompt}|{stream is sys.stderr}")
    ask = terminal_ask()

    assert ask is not None
    assert ask("password: ", True) == "password: |True"


def test_nobody_is_asked_when_standard_input_is_closed_or_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("anna\n"))
    assert terminal_ask() is None

    monkeypatch.setattr(sys, "stdin", None)
    assert terminal_ask() is None
