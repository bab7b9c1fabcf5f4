"""What a login step has at hand: forms, JSON, basic, digest, bearer, codes, OAuth2, and three places of secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import BearerAuth, DigestAuth, Identity, OAuth2, Response, Session, Spider
from crawler.testing import PracticeSite, totp
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, credentials, stored

from .conftest import MakeSite, write_spider


class Api(Spider):
    """The site's JSON pages: they want a token in a header."""

    name = "api"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/api/books?page=1"]
        self.probe_url = f"{arguments['site']}/api/me"

    def login(self, session: Session) -> None:
        account = session.account
        answer = session.post(
            f"{self.arguments['site']}/api/login", json={"username": account.username, "password": account.password}
        )
        session.auth = BearerAuth(answer.json()["access_token"])

    def parse(self, response: Response) -> Iterator[Any]:
        found = response.json()
        for url in found["books"]:
            yield response.follow(url, self.parse_book)
        if found["next"]:
            yield response.follow(found["next"])

    def parse_book(self, response: Response) -> Iterator[Any]:
        book = response.json()
        yield {"id": str(book["id"]), "price": str(book["price"]), "account": book["account"]}


class Service(Api):
    """The same as an application of its own (OAuth2), without a login step."""

    name = "service"
    grant: Any = "client_credentials"

    def login(self, session: Session) -> None:
        session.auth = OAuth2.of(session, f"{self.arguments['site']}/oauth/token", grant=self.grant)


class AsUser(Service):
    """With a password grant, which brings a refresh token."""

    name = "asuser"
    grant = "password"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts what an OAuth2 client needs where the session looks for it."""

    def put(site: PracticeSite) -> None:
        alice = site.accounts[0]
        credentials(monkeypatch, default=alice)
        monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_ID", alice.client_id)
        monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_SECRET", alice.client_secret)

    return put


def complete(site: PracticeSite, folder: Path) -> bool:
    rows = stored(folder, "id", "account")
    return [(int(row["id"]), row["account"]) for row in rows] == [
        (number, "alice") for number in range(1, site.options.books + 1)
    ]


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


def test_a_site_that_does_not_ask_for_the_code_this_time_lets_us_in_all_the_same(
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


def test_a_code_that_was_refused_is_no_wrong_password(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(one_time_code="totp")
    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", "JBSWY3DPEHPK3PXP")

    summary = crawl(TwoSteps, site.url, tmp_path)

    assert summary.exit_code == 3
    assert "refused" not in summary.messages[0]
    assert site.record.failed_logins == {"alice": 1}


# --- OAuth2 -----------------------------------------------------------------------------------------------------------


def test_client_credentials_are_asked_for_a_token_once_and_a_second_run_goes_on_with_it(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=30)
    client(site)

    first = crawl(Service, site.url, tmp_path, workers=8, max_pages=10)
    second = crawl(Service, site.url, tmp_path, workers=8)

    assert (first.logins, second.logins, second.restored, second.ending) == (1, 0, 1, "finished")
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 1}


def test_a_token_that_is_about_to_end_is_renewed_before_with_the_refresh_token(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=40, token_expires_s=1.0, latency_s=0.02)
    client(site)

    summary = crawl(AsUser, site.url, tmp_path, workers=2, delay=0.06)

    assert (summary.ending, summary.logins) == ("finished", 1)
    assert complete(site, tmp_path)
    tokens = site.record.tokens
    assert tokens["password"] == 1
    assert tokens["refresh_token"] >= 2
    assert site.record.refused["token"] == 0, "no page met an old token"


def test_L8_revoked_tokens_are_renewed_on_401_once_for_all_workers(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=60, latency_s=0.01)
    client(site)

    class Revoked(Service):
        name = "revoked"
        pages = 0

        def parse_book(self, response: Response) -> Iterator[Any]:
            Revoked.pages += 1
            if Revoked.pages in (10, 30):
                site.expire_now()
            yield from super().parse_book(response)

    summary = crawl(Revoked, site.url, tmp_path, workers=8)

    assert (summary.ending, summary.failed, summary.retried) == ("finished", 0, 0)
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 3}
    assert site.record.refused["token"] >= 2


def test_the_newest_refresh_token_is_what_the_next_run_has(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    """It is good once: had the run kept the first one, the next run would have to log in."""
    site = make_practice_site(books=30, latency_s=0.01)
    client(site)

    class Renewing(AsUser):
        name = "renewing"
        pages = 0

        def parse_book(self, response: Response) -> Iterator[Any]:
            Renewing.pages += 1
            if Renewing.pages == 5:
                assert isinstance(self.auth, OAuth2)
                self.auth.renew()
            yield from super().parse_book(response)

        def login(self, session: Session) -> None:
            super().login(session)
            self.auth = session.auth

    crawl(Renewing, site.url, tmp_path, workers=1, max_pages=20)
    assert site.record.tokens == {"password": 1, "refresh_token": 1}
    site.change(token_expires_s=3600.0)

    rest = crawl(AsUser, site.url, tmp_path)

    assert (rest.logins, rest.restored) == (0, 1)
    assert site.record.tokens == {"password": 1, "refresh_token": 1}


def test_an_identity_may_bring_its_oauth2_without_any_login_step(make_practice_site: MakeSite, tmp_path: Path) -> None:
    site = make_practice_site(books=20)
    alice = site.accounts[0]

    class Machine(Api):
        name = "machine"
        login = Spider.login
        sessions = ("default",)

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            auth = OAuth2(
                f"{arguments['site']}/oauth/token", client_id=alice.client_id, client_secret=alice.client_secret
            )
            self.sessions = (Identity("default", auth=auth),)

    crawl(Machine, site.url, tmp_path, max_pages=4, workers=4)
    rest = crawl(Machine, site.url, tmp_path, workers=4)

    assert rest.ending == "finished", rest
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 1}


def test_a_refused_client_is_a_wrong_password(
    make_practice_site: MakeSite, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_practice_site(books=5)
    client(site)
    monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_SECRET", "client-of-nobody")

    runs = [crawl(Service, site.url, tmp_path) for _ in range(2)]

    assert [run.exit_code for run in runs] == [3, 3]
    assert "says invalid_client to the grant client_credentials" in runs[0].messages[0]
    assert "the site refused these credentials on" in runs[1].messages[0]
    assert site.record.failed_logins == {"client-alice": 1}


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
