"""What a login step has at hand: forms, JSON, basic, digest, bearer, codes, OAuth2, and three places of secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import BearerAuth, DigestAuth, Response, Session
from crawler.testing import PracticeSite, totp
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl
from tests.sessions_e2e.api_logins import Api, complete

from .conftest import MakeSite, write_spider


# --- forms and the rest -----------------------------------------------------------------------------------------------
def test_L5_hidden_fields_and_the_clicked_button_go_along(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site()

    assert crawl(Members, site.url, tmp_path).ending == "finished"

    posted = next(entry for entry in site.log if entry.method == "POST")
    assert "csrf_token=" in posted.body
    assert "form_id=login" in posted.body
    assert "action=sign-in" in posted.body
    assert (posted.headers["origin"], posted.headers["referer"]) == (site.url, f"{site.url}/login")


def test_the_first_form_of_a_page_need_not_be_the_login_form(member_site: MakeSite, tmp_path: Path) -> None:
    assert crawl(Members, member_site(search_form=True).url, tmp_path).ending == "finished"


def test_a_json_login_and_its_bearer_token_are_kept_for_the_next_run(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site()
    crawl(Api, site.url, tmp_path, max_pages=3)

    rest = crawl(Api, site.url, tmp_path)

    assert (rest.ending, rest.logins, rest.restored) == ("finished", 0, 1)
    assert complete(site, tmp_path)
    assert site.record.logins == {"alice": 1}


def test_a_token_in_a_header_is_kept_too(member_site: MakeSite, tmp_path: Path) -> None:
    class InHeader(Api):
        name = "inheader"

        def login(self, session: Session) -> None:
            super().login(session)
            bearer, session.auth = session.auth, None
            assert isinstance(bearer, BearerAuth)
            session.headers["Authorization"] = f"Bearer {bearer.dump()['token']}"

    site = member_site()
    crawl(InHeader, site.url, tmp_path, max_pages=3)

    assert crawl(InHeader, site.url, tmp_path).logins == 0
    assert complete(site, tmp_path)


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_L14_basic_and_digest_need_no_login_page_and_come_back_with_the_session(
    kind: str, member_site: MakeSite, tmp_path: Path
) -> None:
    class Pages(Members):
        name = "pages"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/{kind}/{number}" for number in range(1, 21)]

        def login(self, session: Session) -> None:
            pair = (session.account.username, session.account.password)
            session.auth = pair if kind == "basic" else DigestAuth(*pair)

        def parse(self, response: Response) -> Iterator[Any]:
            yield {"id": response.css("p.id::text").get(), "account": response.css("p.account::text").get()}

    site = member_site()

    crawl(Pages, site.url, tmp_path, max_pages=5, workers=8)
    rest = crawl(Pages, site.url, tmp_path, workers=8)

    assert (rest.ending, rest.logins, rest.restored) == ("finished", 0, 1)
    assert complete(site, tmp_path)
    assert site.record.failed_logins == {}, "no nonce was used twice"


def test_L14_an_auth_once_and_a_cookie_from_then_on(member_site: MakeSite, tmp_path: Path) -> None:
    class Once(Members):
        name = "once"

        def login(self, session: Session) -> None:
            session.get(
                f"{self.arguments['site']}/basic/login", auth=(session.account.username, session.account.password)
            )

    site = member_site()

    assert crawl(Once, site.url, tmp_path).ending == "finished"
    signed = [entry.url for entry in site.log if "authorization" in entry.headers]
    assert signed == [f"{site.url}/basic/login", f"{site.url}/account/"], "the step itself, and where it led"


class TwoSteps(Members):
    """Password, then a code."""

    name = "twosteps"

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        page = session.submit(page.form(), {"username": session.account.username, "password": session.account.password})
        session.submit(page.form(), {"code": session.account.otp()})


def test_a_one_time_code_is_made_from_its_secret(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(one_time_code="totp")
    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", site.accounts[0].totp_secret)

    summary = crawl(TwoSteps, site.url, tmp_path)

    assert (summary.ending, summary.logins) == ("finished", 1)
    codes = {totp(site.accounts[0].totp_secret, time.time() + drift) for drift in (-60, -30, 0, 30)}
    assert any(f"code={code}" in entry.body for entry in site.log for code in codes)


def test_a_site_that_does_not_ask_for_the_code_this_time_still_lets_us_in(
    member_site: MakeSite, tmp_path: Path
) -> None:
    """Known devices, known addresses: a second step is often asked for now and then only."""

    class Careful(Members):
        name = "careful"

        def login(self, session: Session) -> None:
            with session.step("password form"):
                page = session.get(f"{self.arguments['site']}/login")
                account = session.account
                page = session.submit(page.form(), {"username": account.username, "password": account.password})
            with session.step("code"):
                session.submit(page.form(), {"code": "123456"})

    site = member_site()

    summary = crawl(Careful, site.url, tmp_path)

    assert (summary.ending, summary.logins, summary.messages) == ("finished", 1, [])
    assert site.record.logins == {"alice": 1}


def test_a_code_that_was_refused_is_not_a_wrong_password(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(one_time_code="totp")
    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", "JBSWY3DPEHPK3PXP")

    summary = crawl(TwoSteps, site.url, tmp_path)

    assert summary.exit_code == 3
    assert "refused" not in summary.messages[0]
    assert site.record.failed_logins == {"alice": 1}


# --- where secrets are ------------------------------------------------------------------------------------------------
def test_X10_a_whole_run_with_the_password_in_a_private_file(
    practice_site: PracticeSite, project: Path, command: Crawl, tmp_path: Path
) -> None:
    write_spider(project, practice_site)
    file = tmp_path / "config" / "crawl" / "accounts.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'[default]\nusername = "alice"\npassword = "{practice_site.accounts[0].password}"\n')

    file.chmod(0o644)
    open_to_others = command("run", "orders", "--quiet")
    file.chmod(0o600)
    private = command("run", "orders", "--quiet")

    assert (open_to_others.code, private.code) == (2, 0)
    assert f"chmod 600 {file}" in open_to_others.err
    assert practice_site.record.logins == {"alice": 1}


def test_a_whole_run_with_the_password_in_the_keyring(
    practice_site: PracticeSite, project: Path, command: Crawl
) -> None:
    keyring = pytest.importorskip("keyring", reason="extra 'keyring' is not installed")
    before = keyring.get_keyring()  # asked first once there is the class below, it would choose that one
    password = practice_site.accounts[0].password

    class Ring(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
        """One entry, as `keyring set crawl:127.0.0.1 alice` makes it."""

        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return password if (service, username) == ("crawl:127.0.0.1", "alice") else None

        def get_credential(self, service: str, username: str | None) -> Any:
            return keyring.credentials.SimpleCredential("alice", password) if service == "crawl:127.0.0.1" else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

        def delete_password(self, service: str, username: str) -> None:
            raise NotImplementedError

    write_spider(project, practice_site)
    keyring.set_keyring(Ring())
    try:
        done = command("run", "orders", "-s", "log_level=DEBUG")
    finally:
        keyring.set_keyring(before)

    assert done.code == 0, done.err
    assert password not in done.out + done.err
    assert practice_site.record.logins == {"alice": 1}


def test_no_credentials_at_all_is_one_line_that_names_every_place(
    practice_site: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, practice_site)

    done = command("run", "orders", "--quiet")

    assert done.code == 3
    for place in ("CRAWL_DEFAULT_USERNAME", "accounts.toml", "keyring", "no terminal to ask at"):
        assert place in done.err
    assert practice_site.record.login_posts == {}
