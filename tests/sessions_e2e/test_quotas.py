"""Accounts with a quota: whole runs against a site that counts what each account sends, and refuses more."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

import crawler.clock
from crawler import File, Identity, QuotaSpent, Request, Response, Session, Spider
from crawler.clock import unix_now
from crawler.engine.store_thread import Inbox
from crawler.errors import UsageError
from crawler.runs import heartbeat, lead
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net, net, quick_net
from tests.long_form import LONG_FORM

__all__ = ["net", "quick_net"]

NAMES = ("anna", "otto", "vera")


class Counting:
    """Answers members, and counts each account by a sliding window. Logins, probes and redirects count as pages do.

    Args:
        limit: Requests in so many seconds.
        tells: Headers that say what is left.
        refusal: Status of what is refused.
        as_page: It is refused by a page that looks as all others.
    """

    def __init__(
        self,
        limit: int,
        per_s: float,
        *,
        pages: int = 0,
        tells: bool = False,
        refusal: int = 429,
        as_page: bool = False,
    ) -> None:
        self.limit, self.per_s, self.pages = limit, per_s, pages
        self.tells, self.refusal, self.as_page = tells, refusal, as_page
        self.sent: dict[str, deque[float]] = {name: deque() for name in NAMES}
        self.refused: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.most = 0
        self._lock = threading.Lock()  # guards all above

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404, b"")
        if call.path == "/login":
            name = call.form().get("user", "")
            return self._counted(name, Answer(body=b"in", headers=[("Set-Cookie", f"who={name}; Path=/")]))
        name = call.cookies().get("who", "")
        if name not in NAMES:
            return Answer(401, b"who are you?")
        links = "".join(f'<a class=page href="/p/{number}">p</a>' for number in range(self.pages))
        body = f"<p class=x>{call.path}</p><a href=/logout>Log out</a>{links if call.path == '/' else ''}".encode()
        return self._counted(name, Answer(body=body), call.path)

    def _counted(self, name: str, answer: Answer, path: str = "") -> Answer:
        with self._lock:
            now, sent = unix_now(), self.sent[name]
            while sent and sent[0] <= now - self.per_s:
                sent.popleft()
            refused = len(sent) >= self.limit
            if refused:
                self.refused[name] += 1
                answer = Answer(200 if self.as_page else self.refusal, b"<p class=limit>enough for now</p>")
            else:
                sent.append(now)
                self.served[path] += 1
                self.most = max(self.most, len(sent))
            ends_in = int(sent[0] + self.per_s - now) + 1
            if self.tells:
                answer.headers += [
                    ("X-RateLimit-Remaining", str(self.limit - len(sent))),
                    ("X-RateLimit-Reset", str(ends_in)),
                ]
            elif refused and not self.as_page:
                answer.headers.append(("Retry-After", str(ends_in)))
            return answer


class Many(Spider):
    """All pages, by whichever account may."""

    name = "many"
    sessions: ClassVar[Any] = NAMES
    logged_out_text = "who are you?"

    def start(self) -> Iterator[Request]:
        yield Request(self.arguments["site"] + "/", session="spread")

    def login(self, session: Session) -> None:
        session.post(self.arguments["site"] + "/login", data={"user": session.name})

    def parse(self, response: Response) -> Iterator[Any]:
        if response.css("p.limit"):
            raise QuotaSpent("the page says that it is enough for now", wait_s=61)
        yield {"id": response.css("p.x::text").get().removeprefix("/p/").strip("/") or "-1"}
        yield from response.follow_all(css="a.page", session="spread")


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(f"CRAWL_{name.upper()}_USERNAME", name)
        monkeypatch.setenv(f"CRAWL_{name.upper()}_PASSWORD", "pa55")


QUIET_S = 0.02  #: without a call: nothing is under way


def next_call(inbox: Inbox, wait_s: float) -> Any:
    """The next call, or `queue.Empty` after a while in which this process got a processor when it wanted one."""
    if wait_s <= 0:
        return inbox._calls.get_nowait()
    quiet_s = min(wait_s, QUIET_S)
    while True:
        began = time.monotonic()
        try:
            return inbox._calls.get(timeout=quiet_s)
        except queue.Empty:
            late_s = time.monotonic() - began - quiet_s
            if late_s < quiet_s / 4 or quiet_s > 1.0 or wait_s <= QUIET_S:
                raise
            quiet_s = max(2 * quiet_s, 10 * late_s)  # a busy machine: what is under way takes longer, too


@contextmanager
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody waits: where the crawl has nothing to do for a while, the clock is put forward by as much."""

    def take(self: Inbox, wait_s: float) -> None:
        try:
            call = next_call(self, wait_s)
            while True:
                call()
                call = self._calls.get_nowait()
        except queue.Empty:
            if wait_s > QUIET_S:
                crawler.clock._BEGAN += wait_s - QUIET_S

    monkeypatch.setattr(Inbox, "take", take)
    monkeypatch.setattr(lead, "LOOK_S", 60.0)  # by the clock that is put forward: hours in steps of 2 s take minutes
    monkeypatch.setattr(heartbeat, "IDLE_S", 60.0)
    began = crawler.clock._BEGAN
    try:
        yield
    finally:
        crawler.clock._BEGAN = began


@pytest.mark.parametrize(("quota", "pages"), [(30, 300), pytest.param(100, 1_000, marks=LONG_FORM)])
def test_three_accounts_with_a_quota_an_hour_bring_all_pages_in_three_runs_and_none_sends_more(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: int, pages: int
) -> None:
    class Quota(Many):
        name = "declared"
        sessions: ClassVar[Any] = [Identity(name, quota=f"{quota}/hour") for name in NAMES]

    site = Counting(quota, 3_600, pages=pages - 1)
    host = quick_net.host({"*": site})

    with fake_clock(monkeypatch):
        options = {"lease": 20_000, "processes": 1}
        runs = [crawl(Quota, host.url, tmp_path, max_pages=most, **options) for most in (pages // 4, pages * 2 // 5, 0)]

    assert [run.exit_code for run in runs] == [5, 5, 0]
    assert not site.refused
    assert site.most <= quota
    assert [int(row["id"]) for row in stored(tmp_path, "id")] == list(range(-1, pages - 1))
    assert sum(run.logins for run in runs) == 3
    assert max(site.served.values()) == 1 or {path: n for path, n in site.served.items() if n > 1}.keys() <= {"", "/"}


def test_a_quota_holds_over_two_processes(quick_net: Net, tmp_path: Path) -> None:
    class Short(Many):
        name = "short"
        sessions: ClassVar[Any] = [Identity(name, quota="30/3 seconds") for name in NAMES]

    site = Counting(30, 3.0, pages=99)
    host = quick_net.host({"*": site})

    summary = crawl(Short, host.url, tmp_path, processes=2)

    assert summary.exit_code == 0
    assert not site.refused
    assert len(stored(tmp_path, "id")) == 100


def test_what_the_site_says_is_left_is_heeded_before_it_refuses(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Counting(20, 900.0, pages=79, tells=True)
    host = quick_net.host({"*": site})

    with fake_clock(monkeypatch):
        summary = crawl(Many, host.url, tmp_path, processes=1, lease=20_000)

    assert summary.exit_code == 0
    assert not site.refused
    assert len(stored(tmp_path, "id")) == 80


@pytest.mark.parametrize(("refusal", "tells", "as_page"), [(429, False, False), (403, True, False), (200, False, True)])
def test_an_account_that_is_refused_rests_and_the_others_go_on(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int, tells: bool, as_page: bool
) -> None:
    site = Counting(10, 60.0, pages=29, tells=tells, refusal=refusal, as_page=as_page)
    site.sent["anna"].extend([unix_now() + 30] * 9)  # somebody else uses her account, too
    host = quick_net.host({"*": site})

    with fake_clock(monkeypatch):
        summary = crawl(Many, host.url, tmp_path, processes=1, lease=20_000)

    assert summary.exit_code == 0
    assert len(stored(tmp_path, "id")) == 30
    assert summary.logins == 3


def test_a_run_begins_with_what_the_last_one_knew_of_a_spent_account(quick_net: Net, tmp_path: Path) -> None:
    class One(Many):
        name = "one"
        sessions: ClassVar[Any] = ("anna",)

    site = Counting(5, 600.0, pages=9, tells=True)
    host = quick_net.host({"*": site})

    first = crawl(One, host.url, tmp_path, processes=1, max_time=1)
    sent = len(host.calls)
    second = crawl(One, host.url, tmp_path, processes=1, max_time=1)

    assert [first.exit_code, second.exit_code] == [5, 5]
    assert len(host.calls) == sent, "nothing of the account was sent"
    assert any("session anna" in message and "go on at" in message for message in second.messages)
    with opened(tmp_path) as database:
        assert database.execute("SELECT count(*) FROM crawl_requests WHERE state = 3").fetchone() == (0,)


@pytest.mark.parametrize("wait_s", [0.0, 30.0])
def test_a_guest_whose_page_says_enough_for_ever_is_asked_a_few_times_and_fails(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_s: float
) -> None:
    class Guest(Spider):
        name = "guest"

        def start(self) -> Iterator[Request]:
            yield Request(self.arguments["site"] + "/")

        def parse(self, response: Response) -> None:
            raise QuotaSpent("enough", wait_s=wait_s)

    host = quick_net.host({"*": Answer(body=b"<p>enough for now</p>"), "/robots.txt": Answer(404, b"")})

    with fake_clock(monkeypatch):
        summary = crawl(Guest, host.url, tmp_path, processes=1, lease=20_000)

    assert summary.exit_code == 1
    assert len(host.seen("/")) == 6
    with opened(tmp_path) as database:
        assert "again and again" in database.execute("SELECT error FROM crawl_urls").fetchone()[0]


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        (Identity("anna", quota="lots"), "100/hour"),
        (Identity("anna", proxies="http://one.test:1"), "list of addresses"),  # type: ignore[arg-type]
        (Identity("anna", http="4"), "'1.1', '2', '3' or 'auto'"),
    ],
)
def test_what_an_identity_says_is_looked_at_before_a_run_is_opened(
    tmp_path: Path, identity: Identity, says: str
) -> None:
    class Wrong(Many):
        name = "wrong"
        sessions: ClassVar[Any] = [identity]

    with pytest.raises(UsageError, match=says):
        crawl(Wrong, "http://127.0.0.1:9", tmp_path)

    assert not (tmp_path / "crawl.db").exists()


def test_a_file_that_is_refused_for_the_quota_parks_the_account_and_not_the_host(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Files(Many):
        name = "filed"

        def parse(self, response: Response) -> Iterator[Any]:
            for link in response.css("a.page::attr(href)").getall():
                yield File(response.urljoin(link), session="spread")

    site = Counting(10, 60.0, pages=24, tells=True, refusal=403)
    site.sent["anna"].extend([unix_now() + 30] * 9)
    host = quick_net.host({"*": site})

    with fake_clock(monkeypatch):
        summary = crawl(Files, host.url, tmp_path, processes=1, lease=20_000)

    assert (summary.exit_code, summary.failed) == (0, 0)
    assert sum(summary.files.values()) == 24
