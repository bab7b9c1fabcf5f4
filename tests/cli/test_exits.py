"""One line and one code for every way a command can end."""

from __future__ import annotations

import errno
import inspect

import pytest
import typer

from crawler import errors
from crawler.cli import exits
from crawler.cli.exits import TABLE, code_for, exit_codes, line_for


def ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    with pytest.raises(typer.Exit) as caught, exit_codes():
        raise error
    return caught.value.exit_code, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.SettingsError("x"), 2),
        (errors.SpiderError("x"), 2),
        (errors.InvalidURL("x"), 2),
        (errors.StatusError("http://a/", 503), 1),
        (errors.TLSFailed("http://a/", "expired"), 1),
        (errors.LoginFailed("default", "x"), 3),
        (errors.WrongPassword("default", "x"), 3),
        (errors.LoginBudgetSpent("default", "x"), 3),
        (errors.NoCredentials("default", "x"), 3),
        (errors.VaultError("default", "x"), 3),
        (errors.AlreadyRunning("orders", "process 1"), 4),
        (errors.StoreFull("a.db", "x"), 6),
        (errors.StoreBusy("a.db", "x"), 6),
        (errors.StoreDamaged("a.db", "x"), 6),
        (errors.SchemaTooNew("a.db", "x"), 6),
        pytest.param(errors.StoreReadOnly("a.db", "x"), 2, id="S6_StoreReadOnly"),
        (errors.KeyFileError("key", "x"), 2),
        (errors.NeedsHuman("default", "a code"), 7),
        (PermissionError(errno.EACCES, "Permission denied", "data"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "out.csv"), 6),
        (KeyboardInterrupt(), 130),
        (EOFError(), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_each_cause_has_its_code_and_one_line(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found, lines = ended(error, capsys)

    assert found == code
    assert len(lines) == 1
    assert lines[0].startswith("crawl: ")


def test_every_error_of_the_tree_has_a_code_of_the_table() -> None:
    known = {row[0] for row in TABLE}
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]

    assert len(kinds) > 25
    assert all(code_for(kind.__new__(kind)) in known - {exits.BUG} for kind in kinds)


def test_no_code_is_in_the_table_twice() -> None:
    assert len({row[0] for row in TABLE}) == len(TABLE)


def test_a_closed_reader_of_our_output_is_not_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exits, "mute", lambda stream: None)

    assert ended(BrokenPipeError(), capsys) == (0, [])


def test_an_unforeseen_error_shows_where_it_comes_from_and_has_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = ended(ZeroDivisionError("by \x1b[2Jzero"), capsys)

    assert code == exits.BUG
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("crawl: ZeroDivisionError: by \\x1b[2Jzero")


def test_a_traceback_is_shown_only_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exits, "show_tracebacks", True)

    code, lines = ended(errors.SpiderError("no spider"), capsys)

    assert (code, lines[0], lines[-1]) == (2, "Traceback (most recent call last):", "crawl: no spider")


def test_X9_a_secret_in_the_text_of_an_error_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.TimedOut("https://anna:hunter2@shop.example/?token=abcdef123", "no answer in 30 s")

    _, lines = ended(error, capsys)

    assert "hunter2" not in lines[0]
    assert "abcdef123" not in lines[0]
    assert "shop.example" in lines[0]


def test_X12_an_error_stays_on_one_line_whatever_a_page_put_into_it(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.LoginFailed("default", "title \x1b]0;evil\x07 \r\n2026 INFO all is well")

    _, lines = ended(error, capsys)

    assert len(lines) == 1
    assert "\\x1b]0;evil\\x07 \\x0d\\x0a2026" in lines[0]


def test_the_line_says_what_to_do() -> None:
    assert "--if-running" in line_for(errors.AlreadyRunning("orders", "process 7"))
    assert "crawl login" in line_for(errors.WrongPassword("default", "refused"))
