"""Single pages in a real browser, one for all of these tests: what is done on them, and what goes in and out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler import Render, Request, Response, Session, Spider
from crawler.engine.application import visitor
from crawler.errors import GuardRefused, NotRendered, TimedOut
from crawler.pagework.single_page import Visitor
from crawler.process_tree import command_of, descendants
from crawler.rendering import quiet, renderer
from crawler.rendering.guardian import read
from tests.long_form import LONG_FORM
from tests.rendering.needs_browser import needs_browser
from tests.rendering.script_shop import ScriptShop, open_shop

pytestmark = needs_browser

HTML = {"Content-Type": "text/html; charset=utf-8"}


def ticks(pid: int) -> int:
    """What a process has computed, in ticks of 10 ms."""
    fields = read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def is_quiet() -> bool:
    """Whether no page of our browsers computes."""
    renderers = [pid for pid in descendants(os.getpid()) if "--type=renderer" in command_of(pid)]
    before = sum(map(ticks, renderers))
    time.sleep(0.1)
    return sum(map(ticks, renderers)) - before < 5


@pytest.fixture(scope="module")
def shop() -> Iterator[ScriptShop]:
    with open_shop() as made:
        yield made


@pytest.fixture(scope="module")
def visits(shop: ScriptShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Fetches and renders pages of the shop, logged in."""

    class Orders(Spider):
        name = "orders"
        start_urls = (f"{shop.url}/orders",)

        def login(self, session: Session) -> None:
            page = session.get(f"{shop.url}/login")
            session.submit(page.form(), {"user": "ann", "password": "secret"})

    folder = tmp_path_factory.mktemp("pages")
    settings = {"store": str(folder / "crawl.db"), "timeout": 2, "render_hosts": "localhost"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        with visitor(Orders, settings=settings) as made:
            yield made


@pytest.fixture
def render(shop: ScriptShop, visits: Visitor, request: pytest.FixtureRequest) -> Any:
    """Shows a body as a page of the shop."""
    path = f"/{request.node.name.partition('[')[0]}"

    def rendered(body: str, *actions: Any, wait_for: str = "", screenshot: bool = False) -> Response:
        shop.pages[path] = 200, HTML, f"<!doctype html><title>Page</title>{body}"
        wanted = Render(wait_for, actions, screenshot=screenshot)
        return visits.fetch(Request(shop.url + path, render=wanted))

    return rendered


def test_a_field_is_filled_a_key_pressed_a_button_clicked(render: Any) -> None:
    page = render(
        "<input id=q><p id=seen></p><button onclick=\"seen.textContent += '!'\">more</button>"
        "<script>q.onkeydown = event => { if (event.key === 'Enter') seen.textContent = q.value }</script>",
        ("fill", "#q", "tea"),
        ("press", "#q", "Enter"),
        ("click", "button"),
        ("wait", 0.01),
        ("scroll", 1),
        screenshot=True,
    )

    assert page.css("#seen::text").get() == "tea!"
    assert page.screenshot is not None
    assert page.screenshot.startswith(b"\x89PNG")
    assert page.status == 200


def test_an_endless_list_is_scrolled_as_often_as_requested(render: Any) -> None:
    more = (
        "<div id=list></div><script>function more() { for (let n = 0; n < 20; n++) list.append("
        "Object.assign(document.createElement('p'), {textContent: 'row', style: 'height: 200px'})) }"
        "more(); onscroll = () => { if (document.querySelectorAll('p').length < %d) more() }</script>"
    )

    whole = render(more % 60, ("scroll_to_end", 10))
    part = render(more % 10_000, ("scroll_to_end", 2))

    assert len(whole.css("p")) == 60
    assert whole.warnings == []
    assert len(part.css("p")) == 60
    assert part.warnings == ["scroll_to_end: there may be more after 2 times"]


def test_late_content_is_waited_for_and_missing_content_is_reported(render: Any) -> None:
    late = "<script>setTimeout(() => document.body.append(document.createElement('b')), 200)</script>"

    assert render(late, wait_for="b").css("b")
    with pytest.raises(NotRendered, match="it did not appear: i#never"):
        render(late, wait_for="i#never")


def test_cookies_and_storage_go_both_ways_and_scripts_see_no_cookie_that_is_not_theirs(
    shop: ScriptShop, visits: Visitor, render: Any
) -> None:
    visits.login()
    session, shop.cookies[:] = visits.session(), []
    session.cookies.set("ours", "1")
    session.storage.change(shop.url, "local", {"given": "to the page"}, [])
    session.storage.change(shop.url, "session", {"tab": "as well"}, [])

    page = render(
        "<p id=cookies></p><p id=kept></p><script>cookies.textContent = document.cookie;"
        "kept.textContent = localStorage.given + ', ' + sessionStorage.tab;"
        "document.cookie = 'theirs=2'; localStorage.token = 'written'; delete localStorage.given;"
        "sessionStorage.step = '3'; const opened = indexedDB.open('app', 1);"
        "opened.onupgradeneeded = () => opened.result.createObjectStore('keys');"
        "opened.onsuccess = () => { const keys = opened.result.transaction('keys', 'readwrite').objectStore('keys');"
        "keys.put('abc', 'token'); fetch('/api/orders') }</script>"
    )

    seen = page.css("#cookies::text").get("")
    assert "ours=1" in seen
    assert "sid=" not in seen
    assert page.css("#kept::text").get() == "to the page, as well"
    assert {"ours=1", "theirs=2", "sid=s1"} <= set(shop.cookies[-1].split("; "))
    kept = session.storage[shop.url]
    assert (kept["token"], kept["step"], kept.get("given")) == ("written", "3", None)
    assert kept.find("app/keys") == "abc"
    assert session.cookies.get("theirs") == "2"
    again = render("<p id=kept></p><script>kept.textContent = localStorage.token + document.cookie</script>")
    assert again.css("#kept::text").get("").startswith("written")
    assert "theirs=2" in again.css("#kept::text").get("")


def test_a_page_that_scripts_lead_to_is_the_one_at_its_address(shop: ScriptShop, render: Any) -> None:
    shop.pages["/moved"] = 302, {"Location": "/landed"}, ""
    shop.pages["/landed"] = 200, HTML, "<p id=here></p><script>here.textContent = location.pathname</script>"
    shop.pages["/away"] = 302, {"Location": "http://elsewhere.example/"}, ""

    page = render("<script>location.href = '/moved'</script>")
    stays = render("<p>here</p><script>location.href = '/away'</script>")

    assert page.url == f"{shop.url}/landed"
    assert page.css("#here::text").get() == "/landed"
    assert shop.asked["GET /landed"] == 1
    assert stays.css("p::text").get() == "here"
    assert stays.warnings == ["not sent for the page: off-site: elsewhere.example (1)"]


def test_a_click_on_what_logs_out_is_refused_by_its_text(shop: ScriptShop, render: Any) -> None:
    with pytest.raises(GuardRefused, match="a click on #out: logout"):
        render("<a id=out href='/session/9'>Log out</a>", ("click", "#out"))
    assert not shop.asked["GET /session/9"]


def test_a_page_leads_to_no_private_address_opens_no_window_and_no_socket(shop: ScriptShop, render: Any) -> None:
    local = shop.url.replace("127.0.0.1", "localhost")

    page = render(
        f"<p id=seen></p><script>fetch('{local}/inside').catch(() => {{ seen.textContent = 'refused' }});"
        "open('/window'); new EventSource('/events'); new WebSocket('ws://' + location.host + '/socket')</script>"
    )

    assert page.css("#seen::text").get() == "refused"
    assert page.warnings == [
        "not sent for the page: a new window (1)",
        "not sent for the page: robots.txt of localhost cannot be read (1)",
    ]
    for path in ("/inside", "/window", "/events", "/socket"):
        assert not shop.asked[f"GET {path}"]


def test_workers_of_a_page_are_answered_and_there_are_none_that_pages_share(shop: ScriptShop, render: Any) -> None:
    script = {"Content-Type": "text/javascript"}
    shop.pages["/worker.js"] = 200, script, "fetch('/from-a-worker').then(answer => answer.text()).then(postMessage)"
    shop.pages["/from-a-worker"] = 200, script, "fetched"

    page = render(
        "<p id=shared></p><script>shared.textContent = typeof SharedWorker;"
        "new Worker('/worker.js').onmessage = event => document.body.append("
        "Object.assign(document.createElement('b'), {textContent: event.data}))</script>",
        wait_for="b",
    )

    assert page.css("b::text").get() == "fetched"
    assert page.css("#shared::text").get() == "undefined", "what they ask for could not be answered"


def test_a_page_that_asks_on_and_on_is_taken_as_it_is(render: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "POLLS_S", 0.3)

    page = render("<p>news</p><script>setInterval(() => fetch('/api/orders'), 20)</script>")

    assert page.css("p::text").get() == "news"
    assert page.warnings == ["the page keeps requesting the same things: it was taken as it was"]


@LONG_FORM
def test_a_browser_that_is_too_old_is_started_anew_and_the_session_goes_on(
    visits: Visitor, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits.login()
    visits.session().cookies.set("kept", "1")
    render("<p>first</p>")
    thread: Any = visits._parts.renderer._thread
    first = thread._browser
    assert first.memory_bytes() > 10_000_000
    monkeypatch.setattr(thread, "_care", replace(thread._care, age_s=0.0))

    render("<p>the last one of its browser</p>")
    monkeypatch.undo()
    page = render("<p></p><script>document.querySelector('p').textContent = document.cookie</script>")

    assert not first.is_alive
    assert "kept=1" in page.css("p::text").get("")


def test_a_page_that_computes_for_ever_ends_at_its_deadline_and_the_next_one_is_shown(
    visits: Visitor, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    render("<p>one before</p>")
    thread: Any = visits._parts.renderer._thread
    monkeypatch.setattr(thread, "_care", replace(thread._care, deadline_s=0.3))

    with pytest.raises(TimedOut):
        render("<script>while (true) {}</script>")
    monkeypatch.undo()

    assert render("<p>next</p>").css("p::text").get() == "next"
    ends = time.monotonic() + 40
    while not is_quiet() and time.monotonic() < ends:  # a closed page ends a moment later
        pass
    assert is_quiet(), "nothing computes on"


def test_a_browser_that_hangs_is_ended_and_named_and_the_next_page_says_so(
    visits: Visitor, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = None
    while first is None or first.is_old:  # a page of another test may have been the last of a browser
        render("<p>one before</p>")
        thread: Any = visits._parts.renderer._thread
        first = thread._browser
    monkeypatch.setattr(renderer, "_WATCHED_EVERY_S", 0.05)
    monkeypatch.setattr(renderer, "_PATIENCE_S", 0.5)
    os.kill(first._root, signal.SIGSTOP)
    thread.call(woken(thread))  # it looks every five seconds otherwise

    with pytest.raises(NotRendered, match="the browser has not answered for 1 s"):
        render("<p>never shown</p>")
    monkeypatch.undo()

    page = render("<p>next</p>")
    assert page.css("p::text").get() == "next"
    assert page.warnings == ["the browser has not answered for 1 s and was replaced"]
    assert not command_of(first._root)


async def woken(thread: Any) -> None:
    """Let it begin to watch its browser anew."""
    thread._watching.add(asyncio.ensure_future(thread._watch(thread._browser)))


def test_data_and_files_are_not_rendered(shop: ScriptShop, visits: Visitor, tmp_path: Path) -> None:
    shop.pages["/data"] = 200, {"Content-Type": "application/json"}, "{}"

    assert visits.fetch(Request(f"{shop.url}/data", render=True)).body == b"{}"
