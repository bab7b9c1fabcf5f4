"""Sessions over whole crawls: what the catalogue says of logins, expiry and resuming (rows L)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, NeedsHuman, Request, Response, Session
from crawler.sessions import snapshot
from crawler.sessions.login import keeper
from crawler.sessions.login.states import LoginRecord
from crawler.spider import Spider
from crawler.testing import PracticeSite
from crawler.testing.wire import Answer, Call
from tests.engine.shop import Members, crawl, credentials, opened, stored
from tests.hosts import Net, cookie_page, net, quick_net

__all__ = ["net", "quick_net"]  # fixtures

FIELDS = ("id", "title", "upc", "price")


class Wide(Members):
    """Begins at every list page at once, so that all workers have something to do."""

    name = "wide"
    last_page = 1

    def start(self) -> Iterator[Request]:
        for page in range(1, self.last_page + 1):
            yield Request(f"{self.arguments['site']}/members/?page={page}")


def truth(site: PracticeSite, username: str) -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(username)]


@pytest.fixture
def member_site(make_practice_site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a site, and puts alice's password where the crawl finds it."""

    def make(**options: Any) -> PracticeSite:
        site: PracticeSite = make_practice_site(**{"books": 40, "log_limit": 5_000, **options})
        credentials(monkeypatch, default=site.accounts[0])
        return site

    return make


# --- one session, many threads ----------------------------------------------------------------------------------------


def test_L1_a_serial_session_is_never_refused_by_a_server_that_replaces_its_id(
    member_site: Any, tmp_path: Path
) -> None:
    class Serial(Wide):
        name = "serial"
        sessions = (Identity("default", serial=True),)

    site = member_site(rotate_cookie=True)

    summary = crawl(Serial, site.url, tmp_path, workers=8, per_host=8)

    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert summary.logins == 1
    assert site.record.refused["stale-session"] == 0


def test_L1_answers_that_overtake_each_other_leave_the_cookie_of_the_newest_request(net: Net) -> None:
    overtaken = threading.Event()

    def slow(call: Call) -> Answer:
        overtaken.wait(10)
        return cookie_page("sid=older")

    own = net.host({"/slow": slow, "/quick": cookie_page("sid=newer")})
    session = net.session(own.url)
    with ThreadPoolExecutor(1) as thread:
        older = thread.submit(session.get, f"{own.url}/slow")
        while not own.seen("/slow"):
            time.sleep(0.005)  # the older request must have started
        session.get(f"{own.url}/quick")
        overtaken.set()
        older.result()

    session.get(f"{own.url}/after")
    assert own.header("cookie", "/after") == ["sid=newer"]


def test_L1_as_many_sessions_as_named_log_in_once_each(member_site: Any, monkeypatch: Any, tmp_path: Path) -> None:
    class Three(Members):
        name = "three"
        sessions = ("alice", "bob", "carol")

    site = member_site(books=20)
    credentials(monkeypatch, **{account.username: account for account in site.accounts})

    summary = crawl(Three, site.url, tmp_path)

    assert summary.logins == 3
    assert site.record.logins == {"alice": 1, "bob": 1, "carol": 1}


def test_L2_a_request_among_3000_cookies_of_300_domains_is_prepared_in_a_third_of_a_millisecond(
    quick_net: Net,
) -> None:
    session = quick_net.session("http://site1.test/")
    for site in range(300):
        session.cookies.receive(f"http://site{site}.test/", [f"c{number}=1" for number in range(10)])
    request = Request("http://site1.test/page")

    def prepared_s() -> float:
        started = time.perf_counter()
        for _ in range(100):
            prepared = session.prepare_link(request)
        assert prepared.headers["Cookie"].count("=") == 10
        return (time.perf_counter() - started) / 100

    assert min(prepared_s() for _ in range(10)) < 0.0003


def test_L3_more_hosts_and_threads_than_connections_lose_no_request(net: Net) -> None:
    hosts = [
        net.host({"*": lambda call: Answer(body=f"{call.host}{call.path}".encode())}, address=f"127.0.0.{number}")
        for number in range(1, 13)
    ]
    session = net.session(*(host.url for host in hosts), adapter=net.adapter(connections=4))

    def fetch(number: int) -> tuple[str, str]:
        host = hosts[number % len(hosts)]
        return session.get(f"{host.url}/{number}").text, f"{host.url.split('/')[2].split(':')[0]}/{number}"

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(fetch, range(240)))

    assert all(got == wanted for got, wanted in answers)
    assert sum(len(host.calls) for host in hosts) == 240


# --- logging in -------------------------------------------------------------------------------------------------------


class Door(Spider):
    """Logs in by a form at /login of the site it is given, and reads one page."""

    name = "door"
    custom_settings = {"robots": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/in"]

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"user": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"id": 1, "text": response.css("p::text").get()}


FORM = b"<form method=post action=/login><input name=user><input type=password name=password></form>"


def fixed_id_site(call: Call) -> Answer:
    """An application that gives an id to every visitor and keeps it through the login."""
    sid = call.cookies().get("sid")
    if call.path == "/login" and call.method == "POST":
        SIGNED_IN.add(sid or "")
        return cookie_page(*([] if sid else ["sid=brand-new"]), location="/in")
    if call.path == "/in" and sid in SIGNED_IN:
        return Answer(body=b"<p>secret page</p>")
    if call.path == "/in":
        return Answer.redirect("/login")
    return Answer(200, FORM, headers=[] if sid else [("Set-Cookie", f"sid=visitor-{next(NUMBERS)}")])


SIGNED_IN: set[str] = set()
NUMBERS = iter(range(1, 1000))


def test_L4_an_id_from_before_the_login_is_not_taken_into_it(quick_net: Net, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "alice")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right")
    own = quick_net.host({"*": fixed_id_site})

    class Visited(Door):
        name = "visited"

        def login(self, session: Session) -> None:
            planted.append(session.cookies.header(f"{own.url}/"))
            super().login(session)

    planted: list[Any] = []
    crawl(Visited, own.url, tmp_path)
    first = own.header("cookie", "/in")[-1]
    SIGNED_IN.clear()  # the server ends all sessions; the old id is still sent with the probe, and must not stay
    summary = crawl(Visited, own.url, tmp_path, fresh=True)

    assert summary.ending == "finished"
    assert [header for header in planted if header] == [], "the jar of a login is a fresh one"
    assert own.header("cookie", "/in")[-1] != first


def test_L5_a_second_login_fetches_the_form_and_its_token_anew(member_site: Any, tmp_path: Path) -> None:
    site = member_site(revoke_at=(10, 25))

    summary = crawl(Wide, site.url, tmp_path, login_budget=20)

    assert summary.ending == "finished"
    assert site.record.logins == {"alice": 3}
    assert site.record.refused["csrf"] == site.record.refused["button"] == 0
    posts = [entry for entry in site.log if entry.method == "POST"]
    assert len({entry.body for entry in posts}) == 3, "a token is never used twice"
    assert all(entry.headers["referer"].startswith(f"{site.url}/login") for entry in posts)
    assert all(entry.headers["origin"] == site.url for entry in posts)


def test_L6_a_session_that_lives_while_it_is_used_costs_one_login(member_site: Any, tmp_path: Path) -> None:
    site = member_site(books=30, sliding=True, expires_after_s=1.2, latency_s=0.05)

    summary = crawl(Members, site.url, tmp_path, workers=1, per_host=1)

    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert summary.elapsed_s > 1.2, "or the test shows nothing"
    assert site.record.logins == {"alice": 1}


def test_L6_a_cookie_that_says_it_lives_is_not_believed(member_site: Any, tmp_path: Path) -> None:
    site = member_site(cookie_max_age_s=86_400)
    crawl(Members, site.url, tmp_path)
    site.expire_now()

    summary = crawl(Members, site.url, tmp_path, fresh=True)

    assert (summary.logins, summary.restored) == (1, 0)
    assert site.record.logins == {"alice": 2}


def test_L7_sessions_revoked_again_and_again_lose_no_item(member_site: Any, tmp_path: Path) -> None:
    class All(Wide):
        name = "all"
        last_page = 6

    site = member_site(books=120, revoke_at=(20, 45, 70, 95))

    summary = crawl(All, site.url, tmp_path, workers=8, login_budget=20)

    assert summary.ending == "finished"
    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert site.record.logins == {"alice": 5}


def test_L8_with_32_threads_there_is_one_login_per_expiry_although_the_site_limits_logins(
    member_site: Any, tmp_path: Path
) -> None:
    class All(Wide):
        name = "all"
        last_page = 6

    site = member_site(books=120, revoke_at=(30, 80), login_limit=3, login_window_s=600.0, latency_s=0.002)

    summary = crawl(All, site.url, tmp_path, workers=32, per_host=32, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert site.record.login_posts == {"alice": 3}
    assert site.record.refused["too-many-logins"] == 0


def test_L8_logins_that_never_prove_themselves_end_after_few_with_a_code_of_their_own(
    quick_net: Net, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "alice")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right")
    own = quick_net.host({"/login": Answer(body=FORM), "/in": Answer.redirect("/login")})

    summary = crawl(Door, own.url, tmp_path, workers=8)

    assert (summary.ending, summary.exit_code) == ("login failed", 3)
    assert len([call for call in own.calls if call.method == "POST"]) <= 3
    assert summary.items == {}


def test_L9_one_account_is_one_session_so_that_nobody_is_kicked_out(member_site: Any, tmp_path: Path) -> None:
    site = member_site(one_session_per_user=True)

    crawl(Wide, site.url, tmp_path, workers=16, per_host=16)

    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert site.record.logins == {"alice": 1}
    assert site.record.refused["logged-out"] <= 1, "only the first probe, if any, came as a guest"


@pytest.mark.parametrize("style", ["redirect", "soft200", "status401", "masked"])
def test_L10_no_login_page_is_ever_among_the_items(member_site: Any, tmp_path: Path, style: str) -> None:
    class Careful(Wide):
        name = "careful"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.probe_url = f"{arguments['site']}/account/"

    site = member_site(login=style, revoke_at=(12, 26), logout_links="none")

    summary = crawl(Careful, site.url, tmp_path, login_budget=20, probe_every=10)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert not [
        row for row in stored(tmp_path, "title", "price") if "log in" in f"{row['title']} {row['price']}".lower()
    ]


def test_L12_a_login_that_answers_503_is_tried_again_but_never_more_than_three_times_in_all(
    quick_net: Net, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "alice")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right")
    monkeypatch.setattr(keeper, "_SPACING_S", (0.02, 0.04))
    busy = {
        "/login": lambda call: Answer(503 if call.method == "POST" else 200, FORM),
        "/in": Answer.redirect("/login"),
    }
    own = quick_net.host(busy)

    summary = crawl(Door, own.url, tmp_path, workers=8, retries=10)

    assert (summary.ending, summary.exit_code) == ("login failed", 3)
    assert 2 <= len([call for call in own.calls if call.method == "POST"]) <= keeper.TRANSIENT_ATTEMPTS == 3


# --- what belongs to a session ----------------------------------------------------------------------------------------


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
    session.login_urls.add("http://www.shop.test/login")
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
    assert len(third.header("cookie", "/page")[0]) <= 8190


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


def test_secrets_of_a_session_never_stand_in_the_clear_in_the_store(member_site: Any, tmp_path: Path) -> None:
    site = member_site(books=5)
    crawl(Members, site.url, tmp_path)
    with opened(tmp_path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sids = {value for entry in site.log for value in entry.headers.get("cookie", "").split("sid=")[1:]}
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert sids
    for secret in (*sids, site.accounts[0].password):
        assert secret.encode() not in raw
