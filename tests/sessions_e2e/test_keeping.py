"""What is kept of a session: encrypted, with its history, under keys that can be changed, gone when it is cleared."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import BearerAuth, Request, Session
from crawler.sessions.vault import Vault
from crawler.stores.sealed import place_of_snapshot
from crawler.stores.sqlite.locking import FileMembers
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, credentials, stored

from .conftest import MakeSite, write_spider


def raw(folder: Path) -> bytes:
    """All files of the store as they lie on the disk: database, -wal, -shm and what else is there."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


class Rich(Members):
    """A session with every kind of secret, and requests that carry some."""

    name = "rich"

    def login(self, session: Session) -> None:
        super().login(session)
        account, site = session.account, self.arguments["site"]
        answer = session.post(
            f"{site}/api/login", json={"username": account.username, "password": str(account.password)}
        )
        session.auth = BearerAuth(answer.json()["access_token"])
        session.headers["X-Api-Key"] = "key-7f2a9c11"
        session.note["device"] = "device-31c5aa07"
        session.cookies.set("tracker", "cookie-by-hand-55d1", domain="127.0.0.1")

    def start(self) -> Any:
        yield from super().start()
        yield Request(
            f"{self.arguments['site']}/echo",
            self.parse_echo,
            method="POST",
            body="pin=form-body-9911",
            headers={"X-Once": "header-once-4821"},
            cookies={"once": "cookie-once-6677"},
            meta={"ticket": "meta-ticket-2255"},
            dont_filter=True,
        )

    def parse_echo(self, response: Any) -> Any:
        return ()


SECRETS_BY_HAND = (
    "key-7f2a9c11",
    "device-31c5aa07",
    "cookie-by-hand-55d1",
    "form-body-9911",
    "header-once-4821",
    "cookie-once-6677",
    "meta-ticket-2255",
)


def test_X11_no_file_of_the_store_holds_a_secret_while_it_is_open_and_afterwards(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=30)
    looked: list[bytes] = []

    class Looking(Rich):
        name = "looking"

        def parse_book(self, response: Any) -> Any:
            looked.append(raw(tmp_path))  # while the log holds what the database does not yet
            yield from super().parse_book(response)

    summary = crawl(Looking, site.url, tmp_path, workers=2)
    assert summary.ending == "finished", summary
    looked.append(raw(tmp_path))

    sent = "\n".join(f"{entry.headers} {entry.body}" for entry in site.log)
    secrets = {*SECRETS_BY_HAND, str(site.accounts[0].password)}
    secrets |= set(re.findall(r"sid(?:_visitor)?=([^;'\s]+)", sent))
    secrets |= set(re.findall(r"csrf_token=([^&\s]+)", sent))
    secrets |= set(re.findall(r"Bearer ([\w-]+)", sent))
    assert len(secrets) >= len(SECRETS_BY_HAND) + 5
    assert all(secret in sent for secret in SECRETS_BY_HAND[2:6]), "they must have been in use"
    assert sum("-wal" in path.name for path in tmp_path.iterdir()) <= 1
    assert [secret for secret in secrets for files in looked if secret.encode() in files] == []
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_requests_with_secrets_survive_an_interruption_encrypted(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30)
    crawl(Rich, site.url, tmp_path, max_pages=1, workers=1)
    assert b"form-body-9911" not in raw(tmp_path)

    assert crawl(Rich, site.url, tmp_path).ending == "finished"

    posted = next(entry for entry in site.log if entry.url.endswith("/echo"))
    assert posted.body == "pin=form-body-9911"
    assert posted.headers["x-once"] == "header-once-4821"


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_lost_key_means_one_login_and_one_line(
    shop: PracticeSite, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_KEY", Vault.new_key())
    assert command("run", "orders", "--limit-pages", "1").code == 5
    monkeypatch.setenv("CRAWL_KEY", Vault.new_key())

    listed = command("sessions", "list")
    shown = command("sessions", "show", "default")
    again = command("run", "orders")

    assert (listed.code, shown.code, again.code) == (0, 0, 0)
    assert "cannot be read with the keys at hand; the next run logs in again" in shown.err
    said = [line for line in again.err.splitlines() if "cannot be read with the keys at hand" in line]
    assert len(said) == 1
    assert shop.record.logins == {"alice": 2}
    assert command("run", "orders", "--fresh").code == 0
    assert shop.record.logins == {"alice": 2}


def test_requests_that_a_lost_key_has_sealed_are_left_with_that_reason_and_the_rest_is_done(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(books=30)
    monkeypatch.setenv("CRAWL_KEY", Vault.new_key())
    crawl(Rich, site.url, tmp_path, max_pages=1, workers=1)
    monkeypatch.setenv("CRAWL_KEY", Vault.new_key())

    summary = crawl(Rich, site.url, tmp_path)

    assert (summary.ending, summary.failed, summary.parked, summary.logins) == ("usage", 0, 1, 1), summary
    assert len(stored(tmp_path, "id")) == 30
    assert any("1 request waits" in message and "CRAWL_KEY" in message for message in summary.messages)


def test_rekey_puts_all_secrets_under_a_new_key_and_the_old_one_may_go(
    shop: PracticeSite, project: Path, command: Crawl, tmp_path: Path
) -> None:
    command("run", "orders", "--limit-pages", "1")
    key_file = tmp_path / "config" / "crawl" / "key"
    old = key_file.read_text()
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as database:
        sealed = [row[0] for row in database.execute("SELECT secret FROM crawl_session_history")]

    done = command("sessions", "rekey", "--drop-old")

    assert done.code == 0, done.err
    assert re.search(r"^\d+ secrets are encrypted with the new key [0-9a-f]{16}\nforgot 1 old keys", done.out)
    assert old.strip() not in key_file.read_text()
    assert key_file.stat().st_mode & 0o777 == 0o600
    files = raw(project / "data")
    assert [each for each in sealed if each in files] == []
    assert command("run", "orders").code == 0
    assert shop.record.logins == {"alice": 1}, "the session was read with the new key"
    assert command("sessions", "diff", "1", "1").code == 0, "the history, too"


def test_the_key_of_a_run_that_is_going_is_not_dropped(
    shop: PracticeSite, project: Path, command: Crawl, tmp_path: Path
) -> None:
    command("run", "orders", "--limit-pages", "1")
    store = project / "data" / "crawl.db"
    old = (tmp_path / "config" / "crawl" / "key").read_text()
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE crawl_runs SET ended_at = NULL")

    with closing(FileMembers(str(store))) as members:
        members.take("orders", "process 4711")
        refused = command("sessions", "rekey", "--drop-old")
        assert (refused.code, "orders is running" in refused.err) == (2, True)
        assert (tmp_path / "config" / "crawl" / "key").read_text() == old, "nothing was changed"
        assert command("sessions", "rekey").code == 0, "a further key does no harm"

    assert command("sessions", "rekey", "--drop-old").code == 0


def test_with_the_key_in_a_variable_the_person_is_told_how_to_rotate(
    shop: PracticeSite, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Vault.new_key(), Vault.new_key()
    monkeypatch.setenv("CRAWL_KEY", first)
    command("run", "orders", "--limit-pages", "1")

    told = command("sessions", "rekey")
    monkeypatch.setenv("CRAWL_KEY", f"{second},{first}")
    rotated = command("sessions", "rekey")
    monkeypatch.setenv("CRAWL_KEY", second)
    after = command("run", "orders")

    assert told.code == 2
    assert "openssl rand -base64 32" in told.err
    assert first not in told.err
    assert rotated.code == 0, rotated.err
    assert after.code == 0
    assert shop.record.logins == {"alice": 1}


# --- history ----------------------------------------------------------------------------------------------------------


def test_every_change_is_reported_with_moment_url_run_and_login(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    shop.change(rotate_cookie=True)
    command("run", "orders", "--limit-pages", "2", "-w", "1")

    lines = command("sessions", "history", "default").out.splitlines()

    assert lines[0].split() == ["change", "at", "by", "run", "login", "cookies"]
    assert f"{shop.url}/orders/" in lines[1]
    assert lines[-1].split()[3:] == ["login", "1", "1", "2"]
    assert [int(line.split()[0]) for line in lines[1:]] == sorted(range(1, len(lines)), reverse=True)


def test_diff_names_what_changed_and_shows_no_value(shop: PracticeSite, project: Path, command: Crawl) -> None:
    command("run", "orders", "--quiet")
    command("login", "orders", "--force")

    done = command("sessions", "diff", "1", "2")

    assert "~ cookie sid of 127.0.0.1/: value" in done.out.splitlines()
    values = [each["value"] for each in json.loads(command("sessions", "export", "default").out)["cookies"]]
    assert len(values) == 2
    assert not [value for value in values if value in done.out]


def make_a_day_older(file: Path) -> None:
    """Move the history to yesterday; what is sealed is bound to its moment."""
    vault = Vault.load()
    with closing(sqlite3.connect(file)) as database, database:
        for number, key, epoch, at, sealed in database.execute(
            "SELECT id, key, epoch, at, secret FROM crawl_session_history"
        ).fetchall():
            text, earlier = vault.open(sealed, place_of_snapshot(key, epoch, at)), at - 86_400
            database.execute(
                "UPDATE crawl_session_history SET at = ?, secret = ? WHERE id = ?",
                (earlier, vault.seal(text, place_of_snapshot(key, epoch, earlier)), number),
            )


@pytest.mark.parametrize("by", ["number", "moment"])
def test_a_restored_snapshot_logs_in_again_without_a_login(
    by: str, shop: PracticeSite, project: Path, command: Crawl
) -> None:
    command("run", "orders", "--quiet")
    make_a_day_older(project / "data" / "crawl.db")
    command("login", "orders", "--force")
    old = command("sessions", "history", "default").out.splitlines()[-1]
    number, day = old.split()[0], old.split()[1]

    restored = command("sessions", "restore", "default", "--at", number if by == "number" else day)
    shop.reset_record()
    done = command("run", "orders", "--fresh", "--json")

    assert (restored.code, done.code) == (0, 0), restored.err + done.err
    assert json.loads(done.out)["logins"] == 0
    assert shop.record.login_posts == {}
    assert {entry.session for entry in shop.log if entry.account} == {"alice#1"}, "the session of the first login"


def test_a_restored_snapshot_that_is_dead_costs_one_login(shop: PracticeSite, command: Crawl) -> None:
    command("run", "orders", "--quiet")
    shop.expire_now()
    command("login", "orders", "--force")
    command("sessions", "restore", "default", "--at", "1")

    done = command("run", "orders", "--fresh", "--json")

    assert (done.code, json.loads(done.out)["logins"]) == (0, 1)


# --- clearing ---------------------------------------------------------------------------------------------------------


def test_X11_clear_leaves_nothing_of_a_session_in_the_raw_file(
    practice_site: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, alice=practice_site.accounts[0], bob=practice_site.accounts[1])
    write_spider(project, practice_site, more='sessions = ["alice", "bob"]')
    practice_site.change(rotate_cookie=True)
    command("run", "orders", "--quiet")
    data = project / "data"
    with closing(sqlite3.connect(data / "crawl.db")) as database:
        rows = dict(database.execute("SELECT name, secret FROM crawl_sessions"))
        history = [row[0] for row in database.execute("SELECT secret FROM crawl_session_history WHERE name = 'bob'")]
    assert len(history) > 1
    assert rows["bob"] in raw(data)

    done = command("sessions", "clear", "bob")

    assert (done.code, done.out.strip()) == (0, f"removed {practice_site.url.removeprefix('http://')}|account|bob")
    files = raw(data)
    assert [sealed for sealed in (rows["bob"], *history) if sealed in files or sealed[21:53] in files] == []
    assert rows["alice"] in files
    assert "bob" not in command("sessions", "list").out
    practice_site.change(rotate_cookie=False)
    again = command("run", "orders", "--fresh", "--json")
    assert json.loads(again.out)["logins"] == 1
    assert practice_site.record.logins == {"alice": 1, "bob": 2}


def test_clearing_everything_has_to_be_requested_explicitly(shop: PracticeSite, command: Crawl) -> None:
    command("login", "orders")

    assert command("sessions", "clear").code == 2
    assert command("sessions", "clear", "--all").code == 0
    assert "no session is stored yet" in command("sessions", "list").err
