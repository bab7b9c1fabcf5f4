"""`crawl accounts add`: credentials where jobs find them, for their owner alone, and nothing overwritten."""

from __future__ import annotations

import io
import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Crawl


def typing(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What comes on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_credentials_are_added_beside_what_is_there_and_shown_to_nobody(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    password = 'p"\\w\x7f \u20ac'

    typing(monkeypatch, f"ann\n{password}\n")
    one = crawl("accounts", "add", "https://www.shop.co.uk/login")
    typing(monkeypatch, "other-password\n")
    two = crawl("accounts", "add", "shop.co.uk", "-u", "otto", "--session", "auditor 2")
    typing(monkeypatch, f"{password}\n")
    again = crawl("accounts", "add", "shop.co.uk", "-u", "ann")

    assert (one.code, two.code, again.code) == (0, 0, 0), one.err + two.err + again.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {
        "sites": {
            "shop.co.uk": {
                "default": {"username": "ann", "password": password},
                "auditor 2": {"username": "otto", "password": "other-password"},
            }
        }
    }
    assert "other-password" not in one.out + two.out + one.err + two.err


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        pytest.param(["shop.test"], "ann\n", "no password was given", id="no-password"),
        pytest.param(["shop.test"], "", "no user name was given", id="nothing"),
        pytest.param(["ftp://shop.test"], "a\nb\n", "ftp://shop.test", id="no-site"),
        pytest.param(["shop.test", "-u", "other"], "secret-word\n", "already, with other values", id="there"),
    ],
)
def test_what_does_not_fit_is_one_line_and_changes_nothing(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, words: list[str], given: str, said: str
) -> None:
    typing(monkeypatch, "the-first\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    file = project.parent / "config" / "crawl" / "accounts.toml"
    before = file.read_text()
    typing(monkeypatch, given)

    done = crawl("accounts", "add", *words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err
    assert "secret-word" not in done.err
    assert file.read_text() == before


def test_a_password_that_was_refused_is_replaced_and_what_else_is_there_stays(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    typing(monkeypatch, "mistyped\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    others = '[buyer]\npassword = "of another"\n\n# of my own\n'
    table = '[ sites."shop.test".default ] # mine\n"username" = "ann"\nproxy = "http://p.test:8080"\n'
    table += 'password = "mistyped"\n'
    file.write_text(f'{others}{table}\n[sites."shop.test".second]\npassword = "theirs"\n')

    typing(monkeypatch, "right\n")
    done = crawl("accounts", "add", "shop.test", "-u", "anna", "--replace")

    assert done.code == 0, done.err
    assert file.read_text().startswith(others)
    assert "# mine\n" in file.read_text()
    assert tomllib.loads(file.read_text()) == {
        "buyer": {"password": "of another"},
        "sites": {
            "shop.test": {
                "default": {"username": "anna", "password": "right", "proxy": "http://p.test:8080"},
                "second": {"password": "theirs"},
            }
        },
    }


def test_a_table_that_cannot_be_told_from_its_text_is_left_to_its_owner(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    typing(monkeypatch, "mistyped\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    before = '[sites]\n"shop.test" = { default = { username = "ann", password = "old" } }\n'
    file.write_text(before)

    typing(monkeypatch, "right\n")
    done = crawl("accounts", "add", "shop.test", "-u", "ann", "--replace")

    assert (done.code, file.read_text()) == (2, before)
    assert "write it yourself" in done.err
