"""A session that a page of its app renews, as the login manager sees it: who loads the page is scripted here."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from crawler import BearerAuth, PageRefresh, Render, Response, TokenRefresh
from crawler.errors import NotRendered
from crawler.rendering.page_requests import landed_at
from crawler.rendering.showing import AsItIs
from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import dump_auth, load_auth
from crawler.sessions.auth.tokens import sent_token_end, token_end
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.storage import Storage
from crawler.spider import Spider
from crawler.stores.policy.login_policy import LoginBook, Trying, begun, ended, may_begin
from crawler.testing.adapter import ScriptedAdapter, reply
from tests.sessions.managers import IN, SITE, Door, Memory, Row, manager, settle

LOST = reply('{"error": "who are you"}', status=401)
PAGE = PageRefresh(f"{SITE}/app")


class ByHand(Door):
    """A person logs in."""

    login = Spider.login  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.sessions.login.renewal.is_equipped", lambda: True)


def loaded(*tokens: str | Exception) -> Callable[..., Response]:
    """What loads the page: each time it brings the next of these tokens, the last one again and again."""
    left = list(tokens)

    def load(session: Any, refresh: PageRefresh, renewed: Callable[[], bool]) -> Response:
        token = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(token, Exception):
            raise token
        session.storage.change(SITE, "local", {"token": token}, [])
        page = Response()
        page.status_code, page.url, page._content = 200, refresh.url, b"<p>app</p>"
        return page

    return load


def made(desk: Memory, adapter: ScriptedAdapter, *tokens: str | Exception, spider: Door | None = None) -> LoginManager:
    """A manager whose session keeps its token in the storage."""
    found = manager(adapter, desk, spider or ByHand(), loads_page=loaded(*tokens))
    found.session.auth = BearerAuth.from_storage(SITE, "token", refresh=PAGE)
    found.session.begins_as_it_is()
    return found


def stored(token: str = "old") -> Memory:
    """A store with a session that somebody has logged in."""
    desk = Memory()
    one = made(desk, site(IN), "unused")
    one.session.storage.change(SITE, "local", {"token": token}, [])
    taken = snapshot.take(one.session, one.record, url="browser")
    desk.row = Row(1, 1, taken.secret, True, 1.0, 1.0)
    return desk


def site(*probes: Any) -> ScriptedAdapter:
    return ScriptedAdapter().on(f"{SITE}/in", *probes)


def jwt(ends: float) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps({'exp': ends}).encode()).decode().rstrip('=')}.eA"


def test_a_stored_session_whose_token_has_ended_is_renewed_kept_and_no_login() -> None:
    desk = stored()
    one = made(desk, site(LOST, IN), "new")

    found = settle(one, desk)

    assert (found.ready, found.how, desk.ended) == (True, "renewed", ["renewed"])
    assert desk.row is not None
    assert (desk.row.epoch, "new" in desk.row.secret, desk.book.attempts) == (2, True, ())


def test_a_page_is_loaded_when_the_token_has_ended_and_not_while_it_still_lets_the_page_in() -> None:
    now = time.time()
    desk = stored(jwt(now + 5))
    assert desk.row is not None
    desk.row.logged_in_at = now - 95
    loads_at: list[float] = []

    def load(session: Any, refresh: PageRefresh, renewed: Callable[[], bool]) -> Response:
        loads_at.append(time.time() + desk.ahead_s)
        return loaded("new")(session, refresh, renewed)

    one = manager(site(IN), desk, ByHand(), loads_page=load)
    one.session.auth = BearerAuth.from_storage(SITE, "token", refresh=PAGE)
    one.session.begins_as_it_is()

    assert settle(one, desk).how == "restored"
    one.expire(1, "its token has ended")
    found = settle(one, desk)

    assert (found.ready, found.how) == (True, "renewed")
    assert len(loads_at) == 1
    assert loads_at[0] >= now + 5


def test_another_process_takes_the_renewed_session_over_and_loads_no_page() -> None:
    desk = stored()
    first, second = made(desk, site(LOST, IN), "new"), made(desk, site(IN), AssertionError("it is renewed already"))
    second.prepare()
    settle(first, desk)

    second.expire(1, "status 401")
    found = settle(second, desk)

    assert (found.how, second.session.storage[SITE]["token"], desk.ended) == ("adopted", "new", ["renewed"])


def test_a_page_that_brings_no_token_is_loaded_once_and_a_person_is_asked_for() -> None:
    desk = stored()
    one = made(desk, site(LOST), "old")

    found = settle(one, desk)
    later = one.prepare()

    assert found.error is not None
    assert "has brought no new token to 'token'" in found.error.why
    assert "crawl login door --browser" in found.error.why
    assert (later.ready, desk.ended) == (False, ["unsent"])


def test_a_spider_that_logs_in_does_so_where_the_page_does_not_help() -> None:
    desk = stored()
    adapter = site(LOST, IN).on(f"{SITE}/login", reply("ok", cookies={"sid": "1"}), method="POST")
    one = made(desk, adapter, "old", spider=Door())
    one.session.storage.change(SITE, "local", {"token": "old"}, [])

    found = settle(one, desk)

    assert (found.how, desk.ended) == ("login", ["unsent", "ok"])


def test_a_page_that_cannot_be_loaded_is_tried_again_with_growing_pauses() -> None:
    desk = stored()
    one = made(desk, site(LOST, IN), *[NotRendered(PAGE.url, "the browser crashed")] * 3, "new")

    found = settle(one, desk)

    assert (found.how, desk.ended) == ("renewed", ["absent"] * 3 + ["renewed"])
    assert desk.ahead_s > 3.0


@pytest.mark.parametrize("signs_itself", [False, True], ids=["plain", "page"])
def test_a_redirect_keeps_the_token_of_the_storage_unless_a_page_signs_its_requests_itself(signs_itself: bool) -> None:
    adapter = ScriptedAdapter().on(f"{SITE}/old", reply("", 302, {"Location": f"{SITE}/new"})).on(f"{SITE}/new", IN)
    one = made(Memory(), adapter, "new")
    one.session.storage.change(SITE, "local", {"token": "old"}, [])
    asked = one.session.prepare_request(requests.Request("GET", f"{SITE}/old", auth=AsItIs() if signs_itself else None))
    asked.signs_itself = signs_itself

    page = one.session.send(asked)

    sent = [each.request.headers.get("Authorization") for each in (*page.history, page)]
    assert (page.url, sent) == (f"{SITE}/new", [None if signs_itself else "Bearer old"] * 2)


def test_a_renewal_is_not_in_the_way_of_logins_nor_they_in_its() -> None:
    now, book = 1_000.0, LoginBook()
    login, renewal = Trying("door", "v1", "mark", budget=1), Trying("door", "v1", renews=True, budget=1)
    for token in range(1, 100):  # some of them were killed, and never ended
        book = begun(book, renewal, token=token, now=now)
        book = ended(book, "renewed", token=token, now=now) if token % 2 else book
    assert may_begin(book, login, now).until == 0.0

    book = ended(begun(book, login, token=200, now=now), "refused", token=200, now=now)
    assert may_begin(book, login, now).kind == "refused"
    assert may_begin(book, renewal, now).until == 0.0

    book = ended(begun(book, renewal, token=201, now=now), "busy", token=201, now=now, asked_s=60.0)
    assert may_begin(book, renewal, now).kind == "passing"


def test_for_a_token_in_the_storage_its_end_and_its_renewing_page_are_known() -> None:
    storage, ends = Storage(), time.time() + 60
    storage.change(SITE, "local", {"token": jwt(ends), "refresh": jwt(ends + 1)}, [])
    plain = BearerAuth.from_storage(SITE, "token")
    by_page = BearerAuth.from_storage(SITE, "token", refresh=PAGE)
    by_token = BearerAuth.from_storage(SITE, "token", refresh=TokenRefresh(f"{SITE}/t", "web", ("refresh",)))

    sent = [sent_token_end(dump_auth(each), {}, storage) for each in (plain, by_page, by_token)]
    lasts = [token_end(dump_auth(each), {}, storage) for each in (plain, by_page, by_token)]

    assert sent == [ends, ends, None]
    assert lasts == [ends, None, ends + 1]


@pytest.mark.parametrize("refresh", [PAGE, PageRefresh(PAGE.url, Render("p", [("click", "a")]))], ids=["bare", "more"])
def test_how_a_page_renews_is_kept_with_the_session(refresh: PageRefresh) -> None:
    auth = BearerAuth.from_storage(SITE, "token", refresh=refresh)

    kept = load_auth(json.loads(json.dumps(dump_auth(auth))))

    assert dump_auth(kept) == dump_auth(auth)


@pytest.mark.parametrize(
    ("locations", "lands"),
    [
        (["/b"], "http://shop.test/b"),
        (["/b#code=1"], "http://shop.test/b#code=1"),
        (["/a#state", "/b"], "http://shop.test/b#state"),
        (["/a#state", "/b#"], "http://shop.test/b"),
    ],
    ids=["none", "of the last", "handed on", "taken away"],
)
def test_where_redirects_end_has_the_fragment_that_a_browser_would_show(locations: list[str], lands: str) -> None:
    page = Response()
    page.url = "http://shop.test/b"
    for location in locations:
        hop = requests.Response()
        hop.headers["Location"] = location
        page.history.append(hop)

    assert landed_at(page) == lands
