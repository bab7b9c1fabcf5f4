"""Logging in and again, over whole crawls: the rows L4 to L12 of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Session
from crawler.sessions.login import patience
from crawler.spider import Spider
from crawler.stores.policy import login_policy
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, stored
from tests.hosts import Net, cookie_page
from tests.sessions.member_site import FIELDS, Wide, truth


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


def fixed_id_site(call: WireRequest) -> Answer:
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


def test_L12_a_login_that_answers_503_is_tried_again_after_pauses_and_given_up_when_they_become_too_long(
    quick_net: Net, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "alice")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right")
    monkeypatch.setitem(login_policy._PASSING_S, "busy", (0.02, 0.04, 1.0))
    monkeypatch.setattr(patience, "PATIENCE_S", 1.0)
    busy = {
        "/login": lambda call: Answer(503 if call.method == "POST" else 200, FORM),
        "/in": Answer.redirect("/login"),
    }
    own = quick_net.host(busy)

    summary = crawl(Door, own.url, tmp_path, workers=8, retries=10)

    assert (summary.ending, summary.exit_code) == ("login failed", 3)
    assert len([call for call in own.calls if call.method == "POST"]) == 3
    assert "waited for" in summary.messages[0]
