"""What belongs to a session, is kept of it and comes back, over whole crawls: the rows L13 to L20 of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, NeedsHuman, Session
from crawler.sessions import snapshot
from crawler.sessions.login.states import LoginRecord
from tests.engine.shop import Members, crawl, opened, stored
from tests.hosts import Net, cookie_page
from tests.sessions.member_site import FIELDS, truth


def test_L13_a_session_goes_on_with_the_user_agent_of_its_login(member_site: Any, tmp_path: Path) -> None:
    site = member_site(bind_user_agent=True)
    crawl(Members, site.url, tmp_path, user_agent="first/1", headers={"Accept-Language": "de"})

    summary = crawl(Members, site.url, tmp_path, user_agent="second/2", fresh=True)

    assert (summary.logins, summary.restored) == (0, 1)
    assert site.record.refused["user-agent"] == 0
    pages = [entry for entry in site.log if entry.url.startswith(f"{site.url}/members/")]
    assert {entry.headers["user-agent"] for entry in pages} == {"first/1"}
    assert {entry.headers["accept-language"] for entry in pages} == {"de"}


def test_L13_a_session_made_through_another_proxy_is_not_taken_up(quick_net: Net) -> None:
    through = quick_net.session("http://shop.test/", proxy="http://127.0.0.1:3128")
    through.cookies.receive("http://shop.test/", ["sid=1"])
    kept = snapshot.take(through, LoginRecord(), url="login").secret
    same = quick_net.session("http://shop.test/", proxy="http://127.0.0.1:3128")
    other = quick_net.session("http://shop.test/")

    assert snapshot.put_back(same, kept)
    assert same.cookies.header("http://shop.test/") == "sid=1"
    assert not snapshot.put_back(other, kept)
    assert not other.cookies.header("http://shop.test/")


ODD_COOKIES = [
    "tab=a\tb",
    "empty=",
    "umlaut=\u00e4\u20ac",
    'quoted="a b"',
    "host=1; HttpOnly; SameSite=Lax",
    "wide=2; Domain=shop.test; Path=/deep",
    "late=3; Max-Age=3600",
    "nameless",
    "eq=a=b==",
]


def test_L15_a_snapshot_of_a_session_loses_nothing_and_does_not_show_itself(quick_net: Net) -> None:
    session = quick_net.session("http://www.shop.test/")
    session.cookies.receive("http://www.shop.test/deep/", ODD_COOKIES)
    session.headers["X-Api-Key"] = "k3y"
    session.note["seen"] = [1, {"a": None}]
    session.login_urls |= {"http://www.shop.test/login"}
    record = LoginRecord()
    taken = snapshot.take(session, record, url="http://shop.test/?token=abcdef")
    twin = quick_net.session("http://www.shop.test/")

    assert snapshot.put_back(twin, taken.secret)

    assert twin.cookies.dump() == session.cookies.dump()
    assert len(twin.cookies.dump()) >= len(ODD_COOKIES) - 1
    url = "http://www.shop.test/deep/page"
    assert twin.cookies.header(url) == session.cookies.header(url)
    assert twin.headers == session.headers
    assert (twin.note, twin.login_urls) == (session.note, session.login_urls)
    assert "abcdef" not in taken.url


def test_L15_a_login_a_page_and_its_cookies_are_committed_together(member_site: Any, tmp_path: Path) -> None:
    site = member_site(rotate_cookie=True)

    class Serial(Members):
        name = "serial"
        sessions = (Identity("default", serial=True),)

    crawl(Serial, site.url, tmp_path)
    summary = crawl(Serial, site.url, tmp_path, fresh=True)

    assert (summary.logins, summary.restored) == (0, 1), "the cookie of the last page is the one that was kept"


@pytest.mark.parametrize("alive", [True, False], ids=["good", "dead"])
def test_L16_resuming_with_a_good_session_logs_in_never_and_with_a_dead_one_once(
    member_site: Any, tmp_path: Path, alive: bool
) -> None:
    site = member_site()
    crawl(Members, site.url, tmp_path, max_pages=5)
    if not alive:
        site.revoke()
    site.reset_record()

    summary = crawl(Members, site.url, tmp_path)

    assert summary.resumed
    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert sum(site.record.logins.values()) == summary.logins == (0 if alive else 1)


def test_L17_a_flood_of_cookies_from_another_host_leaves_the_session_working(net: Net) -> None:
    flood = [f"c{number}={'x' * 3800}" for number in range(60)]
    third = net.host({"/set": cookie_page(*flood[:20])}, address="127.0.0.2")
    own = net.host({"/set": cookie_page("sid=1")})
    session = net.session(own.url)
    session.get(f"{own.url}/set")
    for _ in range(5):
        session.get(f"{third.url}/set")

    session.get(f"{own.url}/page")
    session.get(f"{third.url}/page")

    assert own.header("cookie", "/page") == ["sid=1"]
    assert len(third.header("cookie", "/page")[0]) <= 65_536


@pytest.mark.parametrize("offset_s", [-7200.0, 7200.0], ids=["2-h-late", "2-h-early"])
def test_L18_a_server_whose_clock_is_off_keeps_us_logged_in(member_site: Any, tmp_path: Path, offset_s: float) -> None:
    site = member_site(clock_offset_s=offset_s, cookie_max_age_s=600)
    crawl(Members, site.url, tmp_path)

    summary = crawl(Members, site.url, tmp_path, fresh=True)

    assert (summary.logins, summary.restored) == (0, 1)
    assert site.record.logins == {"alice": 1}


def test_L19_a_login_that_wants_a_person_keeps_its_work_and_ends_with_a_code_of_its_own(
    member_site: Any, tmp_path: Path
) -> None:
    class Asking(Members):
        name = "asking"
        code = ""

        def login(self, session: Session) -> None:
            if not self.code:
                raise NeedsHuman("the code from the mail")
            super().login(session)

    site = member_site()

    before = crawl(Asking, site.url, tmp_path)
    Asking.code = "1234"
    after = crawl(Asking, site.url, tmp_path)

    assert (before.ending, before.exit_code, before.parked) == ("needs human", 7, 1)
    assert "the code from the mail" in before.messages[0]
    assert (after.ending, after.resumed) == ("finished", True)
    assert stored(tmp_path, *FIELDS) == truth(site, "alice")


def test_L20_odd_cookies_of_real_servers_go_where_they_belong(net: Net) -> None:
    lines = ["odd=1; Path=; Version=1", "app=2; Path=/app", "old=3; Path=/app; expires=Thu, 01-Jan-1970 00:00:10 GMT"]
    own = net.host({"/app/login": cookie_page(*lines)})
    session = net.session(own.url)
    session.get(f"{own.url}/app/login")

    for path in ("/app", "/app/x", "/apple", "/"):
        session.get(f"{own.url}{path}")

    assert own.header("cookie", "/app") == own.header("cookie", "/app/x") == ["odd=1; app=2"]
    assert own.header("cookie", "/apple") == own.header("cookie", "/") == []


def test_secrets_of_a_session_are_never_in_clear_text_in_the_store(member_site: Any, tmp_path: Path) -> None:
    site = member_site(books=5)
    crawl(Members, site.url, tmp_path)
    with opened(tmp_path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sids = {value for entry in site.log for value in entry.headers.get("cookie", "").split("sid=")[1:]}
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert sids
    for secret in (*sids, site.accounts[0].password):
        assert secret.encode() not in raw
