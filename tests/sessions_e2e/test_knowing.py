"""Knowing that we are logged in: probe before anything else, one login when it fails, nothing from the other side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Session, clock
from crawler.testing import LoggedRequest, PracticeSite
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, opened, stored
from tests.hosts import Host

from .conftest import MakeSite
from .test_login_helpers import Api

FIELDS = ("id", "title", "upc", "price")
STYLES = ["redirect", "soft200", "status401"]


def truth(site: PracticeSite, username: str = "alice") -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(username)]


def paths(entries: list[LoggedRequest], site: PracticeSite) -> list[tuple[str, str]]:
    """Method and path of each request but those for robots.txt."""
    seen = [(entry.method, entry.url.removeprefix(site.url)) for entry in entries]
    return [each for each in seen if each[1] != "/robots.txt"]


class Probed(Members):
    """Proves its session on a page that is none of those that it crawls."""

    name = "probed"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.probe_url = f"{arguments['site']}/account/"


# --- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_L16_a_good_session_is_proved_by_one_probe_before_any_queued_request_leaves(
    style: str, member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(login=style)
    assert crawl(Probed, site.url, tmp_path, max_pages=5, workers=4).ending == "limit"
    site.reset_record()

    summary = crawl(Probed, site.url, tmp_path, workers=4)

    assert (summary.ending, summary.logins, summary.restored) == ("finished", 0, 1)
    asked = paths(site.log, site)
    assert asked[0] == ("GET", "/account/")
    assert asked.count(("GET", "/account/")) == 1
    assert all(path.startswith("/members/") for _, path in asked[1:])
    assert stored(tmp_path, *FIELDS) == truth(site)


@pytest.mark.parametrize("style", STYLES)
def test_L16_a_dead_session_costs_one_probe_and_one_login_before_any_queued_request_leaves(
    style: str, member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(login=style)
    crawl(Probed, site.url, tmp_path, max_pages=5, workers=4)
    site.expire_now()
    site.reset_record()

    summary = crawl(Probed, site.url, tmp_path, workers=4)

    assert (summary.ending, summary.logins) == ("finished", 1)
    asked = paths(site.log, site)
    first_page = next(number for number, (_, path) in enumerate(asked) if path.startswith("/members/"))
    before = [each for each in asked[:first_page] if not each[1].startswith("/login?")]
    after_post = [("GET", "/account/")] * 2  # where the login led, and the probe
    assert before == [("GET", "/account/"), ("GET", "/login"), ("POST", "/login"), *after_post]
    assert site.record.logins == {"alice": 1}
    assert site.record.refused["logged-out"] == 1, "the probe only: no queued request went out in vain"
    assert stored(tmp_path, *FIELDS) == truth(site)


def test_cookies_that_have_ended_are_not_sent_when_a_session_is_taken_up(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(cookie_max_age_s=3600)
    crawl(Probed, site.url, tmp_path, max_pages=3)
    site.reset_record()
    now = clock.unix_now
    monkeypatch.setattr("crawler.sessions.snapshot.unix_now", lambda: now() + 7200)

    summary = crawl(Probed, site.url, tmp_path, max_pages=3)

    probe = next(entry for entry in site.log if entry.url.endswith("/account/"))
    assert "; sid=" not in f"; {probe.headers.get('cookie', '')}"
    assert summary.logins == 1


# --- what "logged out" looks like -------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_L7_every_way_to_show_a_guest_out_is_understood_without_a_line_of_the_spider(
    style: str, member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=60, login=style, revoke_at=(7, 30, 55))

    summary = crawl(Members, site.url, tmp_path, workers=8, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site)
    assert site.record.logins == {"alice": 4}


class StartsAtThePage(Members):
    """Its login step asks for the members' page, since the site shows the form there."""

    name = "startsatthepage"

    def login(self, session: Session) -> None:
        page = session.get(self.start_urls[0])
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})


def test_L10_a_page_that_showed_its_form_to_the_login_step_is_not_a_login_page_afterwards(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=60, login="soft200", revoke_at=(4, 40))

    summary = crawl(StartsAtThePage, site.url, tmp_path, workers=4, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site)
    assert site.record.logins == {"alice": 3}


class MeetsAForbiddenPage(Members):
    """One page answers 403: this customer may not see it."""

    name = "forbidden"

    def start(self) -> Iterator[Request]:
        yield Request(self.start_urls[0])
        yield Request(f"{self.arguments['site']}/status/403", session="default")


def test_a_403_alone_is_not_logged_out(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site()

    summary = crawl(MeetsAForbiddenPage, site.url, tmp_path)

    assert site.record.statuses[403] == 1, "the page must be there to be met"
    assert (summary.ending, summary.failed, summary.logins) == ("failures", 1, 1)
    assert site.record.logins == {"alice": 1}
    assert stored(tmp_path, *FIELDS) == truth(site)


MARKS = {
    "function": {"is_logged_out": lambda self, response: not response.css("span.account")},
    "logged_out_css": {"logged_out_css": "form#login"},
    "logged_out_text": {"logged_out_text": "log in to see prices"},
    "logged_in_css": {"logged_in_css": "span.account"},
    "logged_in_text": {"logged_in_text": "Log out"},
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_spider_may_say_itself_what_logged_out_looks_like(mark: str, member_site: MakeSite, tmp_path: Path) -> None:
    """On a site that shows guests the same pages with the price masked, which no guess can tell."""
    site = member_site(books=40, login="masked", revoke_at=(10, 30))
    more: dict[str, Any] = {"name": "marked", **MARKS[mark]}
    if mark == "logged_out_css":
        more["logged_out_css"] = "nav a[href='/login']"
    spider = type("Marked", (Probed,), more)

    summary = crawl(spider, site.url, tmp_path, workers=4, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site)
    assert site.record.logins == {"alice": 3}


def test_L11_a_login_is_proved_by_the_probe_and_not_by_its_status(member_site: MakeSite, tmp_path: Path) -> None:
    class Forgetful(Members):
        """Its login step ends with a 200, but it never sent the form."""

        name = "forgetful"

        def login(self, session: Session) -> None:
            session.get(f"{self.arguments['site']}/catalogue/?page=1").raise_for_status()

    site = member_site()

    summary = crawl(Forgetful, site.url, tmp_path)

    assert (summary.ending, summary.exit_code, summary.items) == ("login failed", 3, {})
    assert "still shows that we are logged out" in summary.messages[0]


class LosesAtOnce(Members):
    """Right after each of the first logins somebody ends the session."""

    name = "losesatonce"
    losses = 0
    end: Any = None

    def login(self, session: Session) -> None:
        super().login(session)
        if LosesAtOnce.losses:
            LosesAtOnce.losses -= 1
            LosesAtOnce.end()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("losses", "logins", "ending"), [(3, 4, "finished"), (9, 6, "login failed")], ids=["now-and-then", "always"]
)
def test_a_login_that_is_lost_before_it_was_proved_is_made_again_within_the_budget(
    losses: int, logins: int, ending: str, style: str, member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(login=style)
    LosesAtOnce.losses, LosesAtOnce.end = losses, site.expire_now

    summary = crawl(LosesAtOnce, site.url, tmp_path, login_budget=6)

    assert summary.ending == ending, summary
    assert site.record.logins == {"alice": logins}


@pytest.mark.parametrize("style", ["redirect", "soft200"])
def test_a_login_that_is_lost_on_the_way_to_its_first_page_is_made_again(
    style: str, member_site: MakeSite, tmp_path: Path
) -> None:
    class LosesOnTheWay(Members):
        """The session ends between the answer to the form and the page that it leads to."""

        name = "losesontheway"
        posts = 0

        def login(self, session: Session) -> None:
            def end(answer: Any, **kwargs: Any) -> None:
                if answer.request.method == "POST" and LosesOnTheWay.posts == 0:
                    LosesOnTheWay.posts += 1
                    site.expire_now()

            session.hooks["response"] = [end]
            try:
                super().login(session)
            finally:
                session.hooks["response"] = []

    site = member_site(login=style)

    summary = crawl(LosesOnTheWay, site.url, tmp_path)

    assert summary.ending == "finished", summary
    assert site.record.logins == {"alice": 2}


def test_L11_a_wrong_password_that_leads_back_to_the_form_in_unknown_words_is_one_attempt(tmp_path: Path) -> None:
    posts: list[str] = []

    def form(call: WireRequest) -> Answer:
        if call.method == "POST":
            posts.append(call.target)
            return Answer.redirect("/who?again=1")
        return Answer(
            200,
            b"<form method=post><p>Hm?</p><input name=name><input type=password name=pin><button>Go</button></form>",
        )

    class Unlucky(Members):
        name = "unlucky"

        def login(self, session: Session) -> None:
            page = session.get(f"{self.arguments['site']}/who")
            session.submit(page.form(), {"name": "anna", "pin": "1234"})

    host = Host(
        {"/robots.txt": Answer.text("", 404), "/who": form, "*": lambda call: Answer.redirect("/who")},
        "127.0.0.1",
        None,
    )
    try:
        summary = crawl(Unlucky, host.url, tmp_path)
    finally:
        host.close()

    assert (summary.exit_code, len(posts)) == (3, 1)


# --- quarantine -------------------------------------------------------------------------------------------------------


def test_pages_of_a_lost_session_that_prove_nothing_are_fetched_again_and_the_run_says_how_many(
    member_site: MakeSite, tmp_path: Path
) -> None:
    class Guessing(Probed):
        """Masked pages look like any others; only the probe tells."""

        name = "guessing"

        def start(self) -> Iterator[Request]:
            for page in range(1, 6):
                yield Request(f"{self.arguments['site']}/members/?page={page}")

    site = member_site(books=100, login="masked", logout_links="none", revoke_at=(60,))

    summary = crawl(Guessing, site.url, tmp_path, workers=4, probe_every=20, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site)
    assert summary.rechecked > 0
    assert json.loads(json.dumps(summary.as_dict()))["rechecked"] == summary.rechecked
    with opened(tmp_path) as database:
        assert database.execute("SELECT count(*) FROM items WHERE price LIKE '%log in%'").fetchone() == (0,)


def test_a_routine_probe_costs_no_page_a_second_request(member_site: MakeSite, tmp_path: Path) -> None:
    """Pages of an API never show by themselves that somebody is logged in, so the session is probed now and then."""
    site = member_site(books=120, latency_s=0.005)

    summary = crawl(Api, site.url, tmp_path, workers=8, probe_every=10)

    assert (summary.ending, summary.rechecked, summary.logins) == ("finished", 0, 1)
    assert summary.pages == summary.known
    probes = sum(number for url, number in site.record.hits.items() if url.endswith("/api/me"))
    assert probes > 5, "otherwise nothing was tried"


def test_a_loss_found_only_by_a_routine_probe_is_recovered(member_site: MakeSite, tmp_path: Path) -> None:
    class Guessing(Probed):
        name = "guessing"

        def start(self) -> Iterator[Request]:
            for page in range(1, 6):
                yield Request(f"{self.arguments['site']}/members/?page={page}")

    site = member_site(books=100, login="masked", logout_links="none", latency_s=0.005, revoke_at=(40, 75))

    summary = crawl(Guessing, site.url, tmp_path, workers=8, probe_every=15, login_budget=20)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert summary.logins == 3


# --- spiders of one project -------------------------------------------------------------------------------------------


def test_stale_answers_of_an_older_login_start_no_login(member_site: MakeSite, tmp_path: Path) -> None:
    """All workers meet the login page at once; each answer is of the epoch that was lost."""
    site = member_site(books=100, latency_s=0.01, revoke_at=(40,))

    class Wide(Members):
        name = "wide"

        def start(self) -> Iterator[Request]:
            for page in range(1, 6):
                yield Request(f"{self.arguments['site']}/members/?page={page}")

    summary = crawl(Wide, site.url, tmp_path, workers=32, per_host=32)

    assert summary.ending == "finished", summary
    assert site.record.logins == {"alice": 2}
    assert site.record.refused["logged-out"] > 2, "several workers must have met the login page"
    assert summary.retried == 0, "nobody's attempts were counted"
    assert stored(tmp_path, *FIELDS) == truth(site)


def test_two_spiders_at_once_share_the_login_after_an_expiry(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=60, latency_s=0.005, revoke_at=(30,))
    spiders = [type(f"Spider{number}", (Members,), {"name": f"spider{number}"}) for number in range(2)]
    threads = [threading.Thread(target=crawl, args=(spider, site.url, tmp_path)) for spider in spiders]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert site.record.logins == {"alice": 2}
    assert len(stored(tmp_path, *FIELDS)) == 120
