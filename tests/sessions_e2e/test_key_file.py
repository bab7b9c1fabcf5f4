"""A key that cannot be read or kept is a fault of the set-up: told as such, before a password is sent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crawler.errors import KeyFileError
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, opened

from .conftest import MakeSite

#: What stands in the place of the user's folder, and what the message says. Nobody can write there, not even root.
FAULTS = {
    "a file in place of the folder": "cannot be written: File exists ({home}/crawl); put that right",
    "a link to nowhere in place of the folder": "cannot be written: File exists ({home}/crawl); put that right",
    "a folder in place of the lock": "cannot be written: Is a directory ({home}/crawl/key.lock); put that right",
    "a folder in place of the key": "cannot be read: Is a directory",
    "a key that others can read": "can be read by others (mode 0644); run: chmod 600 {home}/crawl/key",
    "a file that holds no key": "holds no key; restore it, or remove it and log in again",
    "something other than a key": "key 1 of 1 is not a key: expected 32 random bytes in base64",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's configuration, which `spoil` spoils."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


def spoil(home: Path, fault: str) -> None:
    folder = home / "crawl"
    if fault == "a file in place of the folder":
        folder.write_text("no folder")
        return
    if fault == "a link to nowhere in place of the folder":
        folder.symlink_to(home / "nowhere" / "at all")
        return
    folder.mkdir(mode=0o700)
    if fault.startswith("a folder in place of the "):
        (folder / ("key" if fault.endswith("key") else "key.lock")).mkdir()
        return
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_text({"a file that holds no key": "\n"}.get(fault, "open sesame\n"))
    if fault == "a key that others can read":
        (folder / "key").chmod(0o644)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("words", [("run", "orders"), ("login", "orders")], ids=["run", "login"])
def test_a_useless_key_is_reported_with_its_file_and_no_password_is_sent(
    shop: PracticeSite, command: Crawl, home: Path, fault: str, words: tuple[str, ...]
) -> None:
    spoil(home, fault)

    ended = command(*words)

    assert ended.code == 2, ended.err
    assert ended.err.splitlines()[-1].startswith(f"crawl: {home}/crawl/key: {FAULTS[fault].format(home=home)}")
    assert "could not log in" not in ended.err
    assert "Traceback" not in ended.err
    assert "open sesame" not in ended.err
    assert shop.record.login_posts == {}


def test_once_the_folder_is_put_right_the_same_command_finishes_the_crawl_with_one_login(
    shop: PracticeSite, command: Crawl, home: Path
) -> None:
    spoil(home, "a folder in place of the lock")
    before = [command("run", "orders", "--quiet").code for _ in range(8)]  # as often as cron likes: none counts
    shutil.rmtree(home / "crawl")

    ended = command("run", "orders", "--json")

    assert before == [2] * 8
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["ending"], summary["logins"]) == ("finished", 1)
    assert summary["items"]["items"] > 0
    assert shop.record.login_posts == {"alice": 1}


def test_a_key_in_the_variable_needs_no_folder(
    shop: PracticeSite, command: Crawl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(home, "a file in place of the folder")
    monkeypatch.setenv("CRAWL_KEY", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")

    ended = command("run", "orders")

    assert ended.code == 0, ended.err


def test_a_new_key_that_cannot_be_kept_changes_nothing(shop: PracticeSite, command: Crawl, home: Path) -> None:
    assert command("run", "orders").code == 0
    kept = (home / "crawl" / "key").read_bytes()
    (home / "crawl" / "key.lock").unlink()
    (home / "crawl" / "key.lock").mkdir()

    ended = command("sessions", "rekey")

    assert (ended.code, (home / "crawl" / "key").read_bytes()) == (2, kept)
    assert f"{home}/crawl/key: cannot be written: Is a directory ({home}/crawl/key.lock)" in ended.err
    assert command("run", "orders", "--fresh").code == 0


def test_a_crawl_from_python_raises_the_error_and_leaves_no_claim_behind(
    member_site: MakeSite, home: Path, tmp_path: Path
) -> None:
    site = member_site()
    spoil(home, "a folder in place of the lock")

    with pytest.raises(KeyFileError) as caught:
        crawl(Members, site.url, tmp_path)

    assert caught.value.path == f"{home}/crawl/key"
    with opened(tmp_path) as database:
        assert database.execute("SELECT count(*) FROM crawl_sessions WHERE login_until > 0").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM crawl_logins").fetchone() == (0,)


def test_cookies_of_a_spider_without_a_login_that_cannot_be_kept_are_the_same_error(
    shop: PracticeSite, command: Crawl, project: Path, home: Path
) -> None:
    (project / "spiders" / "guests.py").write_text(
        "from crawler import Spider\n\n\nclass Guests(Spider):\n    name = 'guests'\n"
        f"    start_urls = ['{shop.url}/redirect/1']\n\n    def parse(self, response):\n        yield {{'id': 1}}\n"
    )
    spoil(home, "a folder in place of the lock")

    ended = command("run", "guests")
    shutil.rmtree(home / "crawl")
    again = command("run", "guests", "--json")

    assert ended.code == 2, ended.err
    assert ended.err.splitlines()[-1].startswith(f"crawl: {home}/crawl/key: cannot be written: ")
    assert (again.code, json.loads(again.out)["items"]) == (0, {"items": 1})
