"""Credentials of an identity, sent by a spider without a login step: a site that refuses them is asked no further."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

ITEMS, GOOD_FOR, PER_HOST = 100, 40, 8
UNDER_WAY = PER_HOST + 2  # pages that were handed out, the probe, and the page that refused us once more
SPIDER = """
import os

from crawler import BearerAuth, DigestAuth, Identity, Spider

WORD = os.environ["WORD"]


class Tickets(Spider):
    name = "tickets"
    start_urls = ["{url}{start}"]
    sessions = [{identity}]
    {more}

    def parse(self, response):
        yield from response.follow_all(css="a.t", callback=self.ticket{options})

    def ticket(self, response, number=0):
        yield {{"ticket": response.css("h1::text").get(), "status": response.status_code}}
"""
IDENTITIES = {
    "basic": 'Identity("default", auth=("ann", WORD))',
    "digest": 'Identity("default", auth=DigestAuth("ann", WORD))',
    "token": 'Identity("default", auth=BearerAuth(WORD))',
    "header": 'Identity("default", headers={"Authorization": "Token " + WORD})',
    "key": 'Identity("default", headers={"X-Key": WORD}, secret_headers=("X-Key",))',
    "argument": 'Identity("default", params={"api_key": WORD})',
}
SENT = re.compile(r'username="|^Basic |^Bearer |^Token ')


class Office:
    """Pages for one clerk, whose password is another one after so many pages. Counts who was refused."""

    def __init__(self, kind: str, good_for: int, public: str = "", forbidden: str = "") -> None:
        self.kind, self.good_for, self.public, self.forbidden = kind, good_for, public, forbidden
        self.refused: list[str] = []
        self.strangers: list[str] = []
        self.asked: list[str] = []
        self._pages = 0
        self._lock = threading.Lock()  # guards all of these

    def __call__(self, call: WireRequest) -> Answer:
        path = call.path
        if path == "/robots.txt":
            return Answer(404)
        with self._lock:
            self.asked.append(path)
            word = "old" if self._pages < self.good_for else "new"
            sent, good = self._given(call, word)
            if path not in self.public.split() and (not good or path in self.forbidden.split()):
                (self.refused if sent else self.strangers).append(path)
                challenge = 'Digest realm="o", nonce="n", qop="auth"' if self.kind == "digest" else 'Basic realm="o"'
                return Answer(401, b"no", headers=[("WWW-Authenticate", challenge)])
            self._pages += good
        links = "".join(f"<a class=t href=/t/{number}>t</a>" for number in range(ITEMS)) if path == "/list" else ""
        return Answer(body=f"<title>Office</title><h1>{path}</h1>{links}".encode())

    def _given(self, call: WireRequest, word: str) -> tuple[bool, bool]:
        """Whether credentials came along, and whether they are good."""
        if self.kind == "argument":
            given = re.search(r"api_key=(\w+)", call.query_text)
            return given is not None, given is not None and given[1] == word
        if self.kind == "key":
            key = call.headers.get("x-key", "")
            return bool(key), key == word
        line = call.headers.get("authorization", "")
        pair = base64.b64encode(f"ann:{word}".encode()).decode()
        if self.kind == "digest":
            from tests.sessions_e2e.test_refused_with_each_page import Office as Other

            return bool(line), bool(line) and Other("digest", 0)._is_good(line, call, word)
        good = {"basic": f"Basic {pair}", "token": f"Bearer {word}", "header": f"Token {word}"}[self.kind]
        return bool(SENT.match(line)), line == good


@pytest.fixture
def office(quick_net: Net, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Office]:
    """Puts up the office, and a spider for it."""

    def make(
        kind: str = "basic",
        *,
        good_for: int = GOOD_FOR,
        start: str = "/list",
        identity: str = "",
        more: str = "",
        options: str = "",
        **office: Any,
    ) -> Office:
        made = Office(kind, good_for, **office)
        url = quick_net.host({"*": made}).url
        (project / "spiders").mkdir()
        source = SPIDER.format(
            url=url, start=start, identity=identity or IDENTITIES[kind], more=more.replace("URL", url), options=options
        )
        (project / "spiders" / "tickets.py").write_text(source, encoding="utf-8")
        monkeypatch.setenv("WORD", "old")
        return made

    return make


@pytest.mark.parametrize("kind", IDENTITIES)
def test_L11_credentials_that_are_refused_in_the_middle_of_a_run_are_sent_by_what_was_under_way_and_never_again(
    office: Callable[..., Office], command: Crawl, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = office(kind)

    codes, refused = [], []
    for _ in range(3):
        codes.append(command("run", "tickets", "--quiet").code)
        refused.append(len(made.refused))

    assert codes == [3, 3, 3]
    assert 2 <= refused[0] <= UNDER_WAY
    assert refused == refused[:1] * 3, "no later run sends them"
    assert f"{ITEMS + 1 - GOOD_FOR} parked" in command("status", "tickets").out

    monkeypatch.setenv("WORD", "new")
    assert command("run", "tickets", "--quiet").code == 0, "changed credentials are sent at once"
    assert len(made.refused) == refused[0]
    assert f"{ITEMS + 1} known = {ITEMS + 1} done" in command("status", "tickets").out


def test_a_password_that_was_wrong_from_the_beginning_is_sent_twice_and_by_no_later_run(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office(good_for=0)

    runs = [command("run", "tickets") for _ in range(3)]

    assert [run.code for run in runs] == [3, 3, 3]
    assert made.refused == ["/list", "/list"], "the page, and once more what tells whether it is the page's own"
    assert "the site refused the credentials in `auth` or the headers: 401 from" in runs[0].err
    assert "a changed account or spider is tried at once" in runs[1].err


def test_where_many_pages_begin_a_crawl_the_first_one_goes_alone(office: Callable[..., Office], command: Crawl) -> None:
    made = office(good_for=0, more='start_urls = [f"URL/t/{number}" for number in range(50)]')

    assert command("run", "tickets", "--quiet").code == 3
    assert made.refused == ["/t/0", "/t/0"]

    made.good_for = 10_000
    assert command("login", "tickets", "--force").code == 0
    assert command("run", "tickets", "--quiet").code == 9, "all pages came; they have no link, so there is no item"
    assert "50 known = 50 done" in command("status", "tickets").out


def test_the_file_of_accounts_is_not_named_for_a_password_that_the_spider_gives(
    office: Callable[..., Office], command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(good_for=0)
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "bob")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "another")

    said = [command("run", "tickets").err for _ in range(2)]

    assert "CRAWL_DEFAULT_PASSWORD" not in "".join(said)


def test_the_place_of_the_password_is_named_at_once_where_a_step_takes_it_from_the_account(
    office: Callable[..., Office], command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(good_for=0, identity='"default"', more=BY_STEP.replace('"ann", WORD', "*ACCOUNT"))
    file = Path("spiders/tickets.py")
    text = file.read_text(encoding="utf-8").replace(
        "(*ACCOUNT)", "(session.account.username, session.account.password)"
    )
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "old")

    said = [command("run", "tickets").err for _ in range(2)]

    assert all("belongs where this one came from, CRAWL_DEFAULT_PASSWORD" in each for each in said), said


@pytest.mark.parametrize("options", ["", ", cb_kwargs={'number': 1}"])
def test_where_everybody_gets_the_start_page_a_wrong_password_is_sent_by_what_was_under_way(
    office: Callable[..., Office], command: Crawl, options: str
) -> None:
    made = office(good_for=0, public="/list", options=options)

    codes = [command("run", "tickets", "--quiet").code for _ in range(2)]

    assert codes == [3, 3]
    assert 1 <= len(made.refused) <= UNDER_WAY
    assert made.asked.count("/list") <= 3, "the page, the probe, and a stranger who gets it, too"


BY_STEP = """
    def login(self, session):
        session.auth = ("ann", WORD)
"""


def test_the_same_holds_for_a_login_step_that_only_sets_the_password(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office(good_for=0, public="/list", identity='"default"', more=BY_STEP)

    refused = []
    for _ in range(2):
        assert command("run", "tickets", "--quiet").code == 3
        refused.append(len(made.refused))

    assert 1 <= refused[0] <= UNDER_WAY
    assert refused[1] == refused[0]


def test_with_such_a_step_a_page_that_refuses_good_credentials_fails_alone_where_everybody_gets_the_start_page(
    office: Callable[..., Office], command: Crawl
) -> None:
    office(good_for=10_000, public="/list", forbidden="/t/50 /t/70", identity='"default"', more=BY_STEP)

    command("run", "tickets", "--quiet")

    assert f"{ITEMS + 1} known = {ITEMS - 1} done + 2 failed" in command("status", "tickets").out


@pytest.mark.parametrize("public", ["", "/list"])
def test_a_page_that_refuses_good_credentials_fails_alone(
    office: Callable[..., Office], command: Crawl, public: str
) -> None:
    made = office(good_for=10_000, public=public, forbidden="/t/50 /t/70")

    command("run", "tickets", "--quiet")

    assert f"{ITEMS + 1} known = {ITEMS - 1} done + 2 failed" in command("status", "tickets").out
    assert made.refused.count("/t/50") == 2, "before and after the proof that the credentials are good"


def test_a_page_that_refuses_good_credentials_reaches_its_errback(
    office: Callable[..., Office], command: Crawl
) -> None:
    more = """
    def refused(self, failure):
        yield {"ticket": failure.request.url[-5:], "status": failure.status}
"""
    office(good_for=10_000, forbidden="/t/50", more=more, options=", errback=self.refused")

    command("run", "tickets", "--quiet", "-o", "rows.jsonl")

    assert '{"ticket": "/t/50", "status": 401}' in Path("rows.jsonl").read_text(encoding="utf-8")


def test_a_callback_that_wants_to_see_401_gets_it(office: Callable[..., Office], command: Crawl) -> None:
    made = office(good_for=0, public="/list", more="handle_httpstatus_list = [401]")

    assert command("run", "tickets", "--quiet").code == 0

    assert len(made.refused) == ITEMS


def test_a_request_with_credentials_of_its_own_says_nothing_about_those_of_the_session(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office(
        "header",
        good_for=10_000,
        more="""
    def start(self):
        yield Request("URL/list")
        yield Request("URL/t/none", headers={"Authorization": "Basic bm9ib2R5Om5v"}, callback=self.ticket)
""".replace("Request(", "__import__('crawler').Request("),
    )

    command("run", "tickets", "--quiet")

    assert made.refused == ["/t/none"]
    assert f"{ITEMS + 2} known = {ITEMS + 1} done + 1 failed" in command("status", "tickets").out


def test_the_other_sessions_of_a_spider_go_on_with_what_any_of_them_may_send(
    office: Callable[..., Office], command: Crawl
) -> None:
    identity = 'Identity("wrong", auth=("ann", "no")), Identity("right", auth=("ann", WORD))'
    made = office(good_for=10_000, identity=identity, options=', session="spread"', start="/list")
    file = Path("spiders/tickets.py")
    file.write_text(
        file.read_text(encoding="utf-8").replace(
            "    def parse(",
            "    def start(self):\n"
            "        yield __import__('crawler').Request(self.start_urls[0], session='right')\n\n    def parse(",
            1,
        ),
        encoding="utf-8",
    )

    run = command("run", "tickets", "--quiet")

    assert f"{ITEMS + 1} known = {ITEMS + 1} done" in command("status", "tickets").out, run.err
    assert 1 <= len(made.refused) <= UNDER_WAY


def test_a_file_that_is_refused_counts_like_a_page(office: Callable[..., Office], command: Crawl) -> None:
    made = office(
        more="""
    def ticket(self, response):
        yield File(response.url.replace("/t/", "/f/"), ticket=response.url)
""".replace("File(", "__import__('crawler').File(")
    )
    file = Path("spiders/tickets.py")
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.rindex("    def ticket(")], encoding="utf-8")

    codes = [command("run", "tickets", "--quiet").code for _ in range(2)]

    assert codes == [3, 3]
    assert len(made.refused) <= UNDER_WAY


def test_a_person_asks_whether_they_are_good_and_a_good_answer_lifts_the_refusal(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office()
    assert "the site takes its credentials" in command("login", "tickets").out
    command("run", "tickets", "--quiet")
    before = len(made.refused)

    assert command("login", "tickets").code == 3, "it is known that they are refused"
    assert len(made.refused) == before
    assert command("login", "tickets", "--force").code == 3
    assert len(made.refused) == before + 1

    made.good_for = 10_000  # the site has the old password again
    assert command("login", "tickets", "--force").code == 0
    assert command("run", "tickets", "--quiet").code == 0
    assert len(made.refused) == before + 1


def test_a_person_is_told_where_the_page_tells_nothing(office: Callable[..., Office], command: Crawl) -> None:
    office(public="/list")

    assert "everybody gets the page that was requested" in command("login", "tickets").out


def test_a_site_in_trouble_says_nothing_about_the_credentials(quick_net: Net, project: Path, command: Crawl) -> None:
    answers = iter([200, 401, 503, 503, 200, 401, 401])  # the last but two: the probe, a stranger's, and the page again

    def page(call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        status = next(answers, 200)
        return Answer(status, b"<h1>t</h1><a class=t href=/t/1>t</a>")

    url = quick_net.host({"*": page}).url
    (project / "spiders").mkdir()
    source = SPIDER.format(url=url, start="/list", identity=IDENTITIES["basic"], more="", options="")
    (project / "spiders" / "tickets.py").write_text(source.replace('os.environ["WORD"]', '"old"'), encoding="utf-8")

    command("run", "tickets", "--quiet")

    assert "1 done + 1 failed" in command("status", "tickets").out, "the page alone is refused"


def test_a_token_that_was_changed_is_sent_although_cookies_were_kept_with_the_old_one(
    quick_net: Net, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def page(call: WireRequest) -> Answer:
        seen.append(call.headers.get("authorization", ""))
        return Answer(404) if call.path == "/robots.txt" else Answer(headers=[("Set-Cookie", f"a={len(seen)}")])

    url = quick_net.host({"*": page}).url
    (project / "spiders").mkdir()
    source = SPIDER.format(url=url, start="/list", identity=IDENTITIES["token"], more="", options="")
    (project / "spiders" / "tickets.py").write_text(source, encoding="utf-8")

    for word in ("first", "second"):
        monkeypatch.setenv("WORD", word)
        command("run", "tickets", "--quiet")

    assert seen[-1] == "Bearer second"
    assert "Bearer first" not in seen[seen.index("Bearer second") :]
