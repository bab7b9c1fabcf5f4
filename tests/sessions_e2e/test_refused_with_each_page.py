"""Credentials that go with every request, and that a site refuses from one moment on: how often they are sent."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

ITEMS, GOOD_FOR, PER_HOST = 100, 40, 8
SPIDER = """
from crawler import BearerAuth, DigestAuth, Identity, Spider


class Tickets(Spider):
    name = "{name}"
    start_urls = ["{url}/list"]
    {more}

    def login(self, session):
        {step}

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.ticket)

    def ticket(self, response):
        yield {{"ticket": response.css("h1::text").get()}}
"""
KEY = """
    def identities(self):
        return [Identity("default", headers={"X-Key": "old"}, secret_headers=("X-Key",))]
"""
STEPS = {
    "basic": "session.auth = (session.account.username, session.account.password)",
    "digest": "session.auth = DigestAuth(session.account.username, session.account.password)",
    "token": "session.auth = BearerAuth(session.account.get('token'))",
    "header": "session.headers['Authorization'] = 'Token ' + session.account.get('token')",
    "key": "pass",
}


class Office:
    """Pages for one clerk, whose password is another one after so many pages. Counts who was refused."""

    def __init__(self, kind: str, good_for: int) -> None:
        self.kind, self.good_for = kind, good_for
        self.refused: list[str] = []
        self._pages = 0
        self._lock = threading.Lock()  # guards all of these

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        given = call.headers.get("x-key" if self.kind == "key" else "authorization", "")
        with self._lock:
            word = "old" if self._pages < self.good_for else "new"
            good = self._is_good(given, call, word)
            self._pages += good
            if not good:
                self.refused += [call.path] if given else []
                challenge = 'Digest realm="o", nonce="n", qop="auth"' if self.kind == "digest" else 'Basic realm="o"'
                return Answer(401, b"no", headers=[("WWW-Authenticate", challenge)])
        links = "".join(f"<a href=/t/{number}>t</a>" for number in range(ITEMS)) if call.path == "/list" else ""
        return Answer(body=f"<title>Office</title><h1>{call.path}</h1>{links}".encode())

    def _is_good(self, given: str, call: WireRequest, word: str) -> bool:
        if self.kind != "digest":
            pair = base64.b64encode(f"ann:{word}".encode()).decode()
            return given == {"basic": f"Basic {pair}", "token": f"Bearer {word}", "header": f"Token {word}"}.get(
                self.kind, word
            )
        fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', given)}

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one, two = digest(f"ann:o:{word}"), digest(f"{call.method}:{call.path}")
        parts = [one, "n", fields.get("nc", ""), fields.get("cnonce", ""), "auth", two]
        return fields.get("response") == digest(":".join(parts))


@pytest.fixture
def office(quick_net: Net, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Office]:
    """Puts up the office, and a spider for it."""

    def make(kind: str, *, good_for: int = GOOD_FOR, names: tuple[str, ...] = ("tickets",)) -> Office:
        made = Office(kind, good_for)
        url = quick_net.host({"*": made}).url
        more = ""
        if kind == "key":
            more = KEY
        (project / "spiders").mkdir()
        for name in names:
            source = SPIDER.format(name=name, url=url, more=more, step=STEPS[kind])
            (project / "spiders" / f"{name}.py").write_text(source, encoding="utf-8")
        password(monkeypatch, kind, "old")
        return made

    return make


def password(monkeypatch: pytest.MonkeyPatch, kind: str, word: str) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_TOKEN" if kind in ("token", "header") else "CRAWL_DEFAULT_PASSWORD", word)


@pytest.mark.parametrize("kind", STEPS)
def test_L11_refused_credentials_are_sent_by_what_was_under_way_and_one_probe_and_by_no_later_run(
    office: Callable[..., Office], command: Crawl, kind: str
) -> None:
    made = office(kind)

    codes, refused = [], []
    for _ in range(4):
        codes.append(command("run", "tickets", "--quiet").code)
        refused.append(len(made.refused))

    assert codes == [3, 3, 3, 3]
    assert 2 <= refused[0] <= PER_HOST + 1, "the pages under way, and one probe"
    assert made.refused[: refused[0]].count("/list") <= 1, "digest knows by itself that its password is refused"
    assert refused == refused[:1] * 4, "no later run sends them"


@pytest.mark.parametrize("kind", ["basic", "digest", "token"])
def test_changed_credentials_are_sent_at_once_and_the_run_goes_on(
    office: Callable[..., Office], command: Crawl, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = office(kind)
    command("run", "tickets", "--quiet")
    assert "the site refused these credentials on" in command("run", "tickets").err
    before = len(made.refused)

    password(monkeypatch, kind, "new")
    mended = command("run", "tickets", "--quiet")

    assert mended.code == 0, mended.err
    assert len(made.refused) == before
    assert f"{ITEMS + 1} known = {ITEMS + 1} done" in command("status", "tickets").out


def test_another_spider_with_the_same_account_does_not_send_them_either(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office("basic", names=("tickets", "more"))
    command("run", "tickets", "--quiet")
    before = len(made.refused)

    assert command("run", "more", "--quiet").code == 3

    assert len(made.refused) == before


def test_a_person_who_insists_sends_them_once_and_a_good_answer_lifts_the_refusal(
    office: Callable[..., Office], command: Crawl
) -> None:
    made = office("basic")
    command("run", "tickets", "--quiet")
    before = len(made.refused)

    assert command("login", "tickets", "--force").code == 3
    assert made.refused[before:] == ["/list"]

    made.good_for = 10_000  # the site has the old password again
    assert command("run", "tickets", "--quiet").code == 3, "nobody has told us"
    assert command("login", "tickets", "--force").code == 0
    assert command("run", "tickets", "--quiet").code == 0
    assert made.refused[before:] == ["/list"]
