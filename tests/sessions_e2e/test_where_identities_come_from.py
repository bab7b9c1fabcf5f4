"""Where the identities of a run come from: the spider, the file of accounts, a setting or a variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler import Identity
from crawler.errors import SettingsError
from crawler.sessions.session_config import configured_identities
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, credentials

from .conftest import write_spider


def tables(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "accounts.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def two_accounts(site: PracticeSite) -> str:
    alice, bob = site.accounts[:2]
    return (
        f'[alice]\nusername = "alice"\npassword = "{alice.password}"\n'
        f'[bob]\nusername = "bob"\npassword = "{bob.password}"\n'
    )


def names(spider: Members, **options: Any) -> list[str]:
    return [identity.name for identity in configured_identities(spider, **options)]


def test_a_spider_that_names_no_sessions_takes_those_of_the_file_of_accounts(
    practice_site: PracticeSite, tmp_path: Path
) -> None:
    file = tables(tmp_path, 'sessions = ["alice", "bob"]\n' + two_accounts(practice_site))

    summary = crawl(Members, practice_site.url, tmp_path, accounts=str(file), max_pages=0)

    assert summary.ending == "finished", summary
    assert practice_site.record.logins == {"alice": 1, "bob": 1}
    assert summary.items == {"items": 200}


def test_the_variable_names_the_sessions_of_one_run(
    practice_site: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spider(project, practice_site, more='sessions = ["alice", "bob"]')
    credentials(monkeypatch, **{account.username: account for account in practice_site.accounts})
    monkeypatch.setenv("CRAWL_SESSIONS", "carol, bob")

    done = command("run", "orders")

    assert done.code == 0, done.err
    assert practice_site.record.logins == {"carol": 1, "bob": 1}


@pytest.mark.parametrize(
    ("declared", "setting", "found"),
    [
        pytest.param(None, "", ["one", "two"], id="the-files-list"),
        pytest.param(("mine",), "", ["mine"], id="the-spider-before-the-file"),
        pytest.param(("mine",), "other,mine", ["other", "mine"], id="the-setting-before-all"),
        pytest.param(("default",), "", ["default"], id="a-spider-that-says-default-means-it"),
    ],
)
def test_the_setting_goes_before_the_spider_and_the_spider_before_the_file(
    declared: tuple[str, ...] | None, setting: str, found: list[str], tmp_path: Path
) -> None:
    spider = Members(site="http://127.0.0.1:9")
    if declared is not None:
        spider.sessions = declared
    file = tables(tmp_path, 'sessions = ["one", "two"]\n')

    assert names(spider, setting=setting, file=file) == found


def test_a_spider_without_a_login_is_not_touched_by_the_file(tmp_path: Path) -> None:
    from crawler import Spider

    class Plain(Spider):
        name = "plain"
        start_urls = ("http://127.0.0.1:9/",)

    file = tables(tmp_path, 'sessions = ["one", "two"]\n[default]\ndelay = 3\n')

    assert configured_identities(Plain(), file=file) == [Identity("default")]


def test_the_file_may_say_proxy_user_agent_and_pace_of_a_session_and_the_spider_goes_before_it(tmp_path: Path) -> None:
    spider = Members(site="http://127.0.0.1:9")
    spider.sessions = (Identity("one", delay=9.0), "two")
    file = tables(
        tmp_path,
        "[one]\ndelay = 1.5\nproxy = 'http://10.0.0.1:3128'\n[two]\nserial = true\nuser_agent = 'usual'\n"
        "[sites.'127.0.0.1'.two]\nuser_agent = 'of the site'\n",
    )

    one, two = configured_identities(spider, file=file)

    assert (one.delay, one.proxy) == (9.0, "http://10.0.0.1:3128")
    assert (two.serial, two.user_agent) == (True, "of the site")


@pytest.mark.parametrize("line", ["delay = -1", "delay = 'slow'", "proxy = 7", "serial = 1"])
def test_a_field_of_the_file_that_does_not_fit_is_named(line: str, tmp_path: Path) -> None:
    field = line.partition(" ")[0]

    with pytest.raises(SettingsError, match=f"{field} of session 'default'"):
        configured_identities(Members(site="http://127.0.0.1:9"), file=tables(tmp_path, f"[default]\n{line}\n"))
