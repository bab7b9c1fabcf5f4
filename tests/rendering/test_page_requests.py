"""What a page asks for, sent through its session: limits, turns, connections, what is kept. Without a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from email.utils import formatdate
from typing import Any

import pytest

from crawler import Session, Spider
from crawler.clock import unix_now
from crawler.engine.application import visitor
from crawler.engine.host_slots import HostSlots
from crawler.engine.leasing import Connections
from crawler.engine.store_thread import Inbox
from crawler.errors import FetchError, NotRendered, TimedOut, TooLarge
from crawler.fetching.limits import Limits
from crawler.render import Render
from crawler.rendering.page_requests import NotSent, PagePolicy, PageRequests
from crawler.rendering.page_rules import PageRequest, PageRules
from crawler.rendering.script_cache import ScriptCache, fresh_for_s
from crawler.rendering.showing import Showing
from crawler.response import Response
from crawler.settings import Settings
from tests.rendering.script_shop import ScriptShop, open_shop

Make = Callable[..., PageRequests]


@pytest.fixture(scope="module")
def shop() -> Iterator[ScriptShop]:
    with open_shop() as made:
        made.pages["/big"] = 200, {"Content-Type": "text/plain"}, "x" * 600
        made.pages["/busy"] = 503, {"Retry-After": "7"}, "busy"
        made.pages["/out"] = 302, {"Location": "/logout"}, ""
        made.pages["/fresh.js"] = 200, {"Content-Type": "text/javascript", "Cache-Control": "max-age=60"}, "1"
        yield made


@pytest.fixture
def session(shop: ScriptShop, tmp_path: Any) -> Iterator[Session]:
    class Orders(Spider):
        name = "orders"
        start_urls = (shop.url,)

    with visitor(Orders, settings={"store": str(tmp_path / "crawl.db")}) as visits:
        yield visits.session()


@pytest.fixture
def make(session: Session) -> Make:
    def made(*, most_bytes: int = 10_000, left_s: float = 30.0, connection: Any = None, **given: Any) -> PageRequests:
        rules = PageRules(lambda host: host == "127.0.0.1")
        policy = PagePolicy(
            rules,
            Limits(max_size_bytes=most_bytes),
            lambda session, url: "robots" if "/hidden/" in url else "",
            connection or (lambda session, url, ends: nullcontext()),
        )
        guard = lambda url, text, rel: "logout" if "logout" in url + text.lower() else None  # noqa: E731
        return PageRequests(policy, session, Showing(Response(), Render(), guard, **given), time.monotonic() + left_s)

    return made


def test_all_that_a_page_loads_together_may_be_no_larger_than_one_answer(shop: ScriptShop, make: Make) -> None:
    requests = make(most_bytes=1_000)

    assert requests.send(PageRequest("GET", f"{shop.url}/big")).ok
    with pytest.raises(TooLarge):
        requests.send(PageRequest("GET", f"{shop.url}/big"))
    assert requests.trouble(frozenset({503})) is None, "another try would bring as much"


def test_nothing_is_sent_after_the_deadline_or_by_a_session_that_has_logged_in_anew(
    shop: ScriptShop, make: Make, session: Session
) -> None:
    late, void = make(left_s=-1.0), make()
    shop.asked.clear()

    with pytest.raises(TimedOut):
        late.send(PageRequest("GET", f"{shop.url}/big"))
    session.epoch += 1
    with pytest.raises(NotRendered, match="logged in anew"):
        void.send(PageRequest("GET", f"{shop.url}/big"))
    assert void.is_overtaken()
    assert not shop.asked


def test_a_page_sends_nothing_more_once_it_may_be_another_process_s_also_after_a_redirect(
    shop: ScriptShop, make: Make
) -> None:
    shop.pages["/moved"] = 302, {"Location": "/big"}, ""
    moments = iter([unix_now() + 60, unix_now() - 1])
    ours, lapsed = make(ours_until=lambda: unix_now() + 60), make(ours_until=lambda: next(moments))
    shop.asked.clear()

    assert ours.send(PageRequest("GET", f"{shop.url}/moved")).ok
    assert not ours.has_lapsed
    with pytest.raises(NotRendered, match="lease ran out"):
        lapsed.send(PageRequest("GET", f"{shop.url}/moved"))
    assert lapsed.has_lapsed
    assert shop.asked == {"GET /moved": 2, "GET /big": 1}


def test_what_a_rule_refuses_is_counted_by_its_name_also_at_the_end_of_a_redirect(shop: ScriptShop, make: Make) -> None:
    requests = make()
    shop.asked.clear()

    for path in ("/logout", "/out", "/hidden/data"):
        with pytest.raises(NotSent):
            requests.send(PageRequest("GET", shop.url + path))
    assert requests.refused == {"guard: logout": 2, "robots": 1}
    assert shop.asked == {"GET /out": 1}
    assert requests.guarded(shop.url, "Logout", "") == "logout"


def test_a_page_lacks_what_came_last_and_was_no_answer(shop: ScriptShop, make: Make) -> None:
    requests = make()

    requests.send(PageRequest("GET", f"{shop.url}/busy"))
    trouble = requests.trouble(frozenset({503}))
    assert getattr(trouble, "status_code", 0) == 503
    shop.pages["/busy"] = 200, {}, "now"
    requests.send(PageRequest("GET", f"{shop.url}/busy"))
    assert requests.trouble(frozenset({503})) is None
    with pytest.raises(FetchError):
        requests.send(PageRequest("GET", "http://127.0.0.1:9/"))
    assert isinstance(requests.trouble(frozenset()), FetchError)


def test_a_request_of_a_page_waits_for_its_turn_and_for_a_connection(
    shop: ScriptShop, make: Make, session: Session
) -> None:
    turns, stopping = list[str](), threading.Event()
    session.sending.pace = turns.append
    slots, inbox = HostSlots(Settings(per_host=1, throttle=False), {}), Inbox(1)
    connections = Connections(slots, inbox, stopping)
    slot = shop.url.removeprefix("http://")
    requests = make(left_s=0.3, connection=lambda session, url, ends: connections.held(slot, ends))

    assert requests.send(PageRequest("GET", f"{shop.url}/big")).ok
    with connections.held(slot, time.monotonic() + 1), pytest.raises(TimedOut, match="no connection"):
        requests.send(PageRequest("GET", f"{shop.url}/big?2"))
    assert slots.lender.borrow(slot, now=0.0), "both were given back"
    assert turns == [f"{shop.url}/big", f"{shop.url}/big?2"]


def test_a_script_signs_its_requests_itself_and_the_browser_does_not_reveal_who_we_are(
    shop: ScriptShop, make: Make, session: Session
) -> None:
    session.auth = ("ann", "secret")
    shop.headers.clear()
    given = (("authorization", "Bearer abc"), ("user-agent", "Chrome"), ("sec-ch-ua", "Chromium"), ("x-app", "7"))

    make().send(PageRequest("GET", f"{shop.url}/api/orders", headers=given))
    make().send(PageRequest("GET", f"{shop.url}/api/orders"))

    first, second = shop.headers
    assert (first["authorization"], first["x-app"]) == ("Bearer abc", "7")
    assert first["user-agent"].startswith("crawl-sessions/")
    assert "sec-ch-ua" not in first
    assert second["authorization"].startswith("Basic ")


def test_a_script_that_is_fresh_is_asked_for_once(shop: ScriptShop, make: Make) -> None:
    requests = make()
    shop.asked.clear()

    for _ in range(3):
        requests.send(PageRequest("GET", f"{shop.url}/fresh.js", "script"))
        requests.send(PageRequest("GET", f"{shop.url}/fresh.js", "fetch"))

    assert shop.asked == {"GET /fresh.js": 4}


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({"Cache-Control": "public, max-age=60", "Age": "10"}, 50.0),
        ({"Cache-Control": "max-age=60, no-cache"}, 0.0),
        ({"Cache-Control": "no-store", "Last-Modified": formatdate(NOW - 1000)}, 0.0),
        ({"Expires": formatdate(NOW + 30), "Date": formatdate(NOW)}, 30.0),
        ({"Expires": "0"}, 0.0),
        ({"Last-Modified": formatdate(NOW - 1000)}, 100.0),
        ({"Last-Modified": formatdate(NOW - 10_000_000)}, 3_600.0),
        ({"Cache-Control": "max-age=60", "Vary": "Accept-Encoding"}, 60.0),
        ({"Cache-Control": "max-age=60", "Vary": "Cookie"}, 0.0),
        ({"Cache-Control": "max-age=60", "Set-Cookie": "a=1"}, 0.0),
        ({}, 0.0),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_answer_is_fresh_for_as_long_as_its_server_says(headers: dict[str, str], fresh_s: float) -> None:
    assert max(fresh_for_s(headers, NOW), 0.0) == fresh_s


def test_what_was_used_least_lately_goes_first(shop: ScriptShop, make: Make, session: Session) -> None:
    cache = ScriptCache(most_bytes=2)
    asked = [PageRequest("GET", f"{shop.url}/{name}.js", "script") for name in "abc"]
    answer = make().send(PageRequest("GET", f"{shop.url}/fresh.js"))

    for each in asked[:2]:
        cache.put(session, each, answer, NOW)
    assert cache.get(session, asked[0], NOW) is answer
    cache.put(session, asked[2], answer, NOW)

    assert [cache.get(session, each, NOW) is answer for each in asked] == [True, False, True]
    assert cache.get(session, asked[0], NOW + 61) is None
