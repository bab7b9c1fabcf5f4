"""What is decided about rendered pages, without a browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from crawler import LinkExtractor, Render, Request, Response, Rule, Spider
from crawler.authoring.plain_requests import lines_for, sources
from crawler.engine.processes import how_many
from crawler.errors import NotRendered, SettingsError, SpiderError, UsageError
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.judge import is_hosts_fault
from crawler.outcome import Leased
from crawler.rendering import cookie_sync, launched
from crawler.rendering.browser_tab import BrowserTab
from crawler.rendering.guardian import profiles_in
from crawler.rendering.page_rules import PageRequest, PageRules, told
from crawler.rendering.quiet import QUIET_S, Quiet, enough_s
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.storage import Storage
from crawler.settings import Settings, load

WANTED = Render("tr.order", [("click", "button"), ("scroll_to_end",)], screenshot=True)


# --- how a page is rendered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [None, False, True, Render("p"), WANTED], ids=repr)
def test_how_a_request_is_rendered_is_stored_with_it(wanted: Any) -> None:
    request = Request("http://shop.example/", render=wanted)
    row = Leased(1, request.url, "shop.example", "default", "", 0, 0, request.extras(), 0, 0.0, 1)

    assert Request.of_row(row).render == (Render() if wanted is True else wanted)


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        (["click"], "an action is a tuple"),
        ([("hover", "a")], "there is no action 'hover'; there are: click, fill"),
        ([("click",)], "'click' takes 1 values, as in ('click', 'css')"),
        ([("fill", "#q", 3)], "3 does not fit, as in ('fill', 'css', 'text')"),
        ([("scroll", 0)], "0 does not fit"),
        ([("wait", 61)], "at most 60 seconds"),
        ([("wait", 1)] * 101, "more than 100 actions"),
    ],
    ids=["text", "unknown", "missing", "type", "zero", "long", "many"],
)
def test_an_action_that_does_not_fit_is_refused_where_it_is_written(actions: Sequence[Any], says: str) -> None:
    with pytest.raises(SpiderError) as refused:
        Render(actions=actions)
    assert says in str(refused.value)


def test_names_from_scrapy_playwright_are_answered_with_those_that_have_an_effect() -> None:
    with pytest.raises(SpiderError, match="render=True"):
        Request("http://shop.example/", meta={"playwright": True})
    with pytest.raises(SettingsError, match="render = True"):
        load(command_line={"PLAYWRIGHT_CONTEXTS": "{}"})


def test_a_spider_and_a_rule_say_it_in_the_same_way() -> None:
    class Orders(Spider):
        render = True

    assert Orders.render == Render()
    assert Rule(LinkExtractor(), render={"wait_for": "p"}).render == Render("p")  # type: ignore[arg-type]
    with pytest.raises(SpiderError, match="render='yes'"):
        type("Wrong", (Spider,), {"render": "yes"})


def test_a_page_that_was_seen_plain_is_another_one_rendered_and_the_same_rendering_is_one() -> None:
    admission = Admission(AdmissionRules(["shop.example"], "default"))
    url = "http://shop.example/orders"
    requests = [Request(url), Request(url, render=True), Request(url, render=WANTED), Request(url, render=WANTED)]

    assert len(admission.admit_all(requests, depth=1)) == 3


def test_one_process_has_the_browser_unless_more_are_asked_for() -> None:
    class Orders(Spider):
        name, render = "orders", True

    assert how_many(Settings(), Orders(), automatic=4) == 1
    assert how_many(Settings(processes=2), Orders(), automatic=4) == 2


def test_a_crashed_browser_is_not_the_hosts_fault() -> None:
    assert not is_hosts_fault(NotRendered("http://shop.example/", "the page crashed"))


@pytest.mark.parametrize(("variable", "says"), [("/nowhere/chromium", "there is no browser '/nowhere/chromium'")])
def test_a_missing_browser_is_named_with_what_to_install(
    variable: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_BROWSER", variable)

    with pytest.raises(UsageError, match="apt install chromium") as missing:
        launched.require_browser()
    assert says in str(missing.value)


# --- what a page may ask for ----------------------------------------------------------------------------------------

HERE = "http://shop.example"


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (PageRequest("GET", f"{HERE}/app.js", "script"), ""),
        (PageRequest("GET", f"{HERE}/a.png", "image"), "image"),
        (PageRequest("GET", f"{HERE}/a.woff2", "font"), "font"),
        (PageRequest("GET", f"{HERE}/live", "eventsource"), "eventsource"),
        (PageRequest("POST", f"{HERE}/beacon", "ping"), "tracker"),
        (PageRequest("GET", "https://www.google-analytics.com/a.js", "script"), "tracker"),
        (PageRequest("GET", "https://cdn.example/app.js", "script"), "off-site: cdn.example"),
        (PageRequest("GET", "https://static.more.example/app.js", "script"), ""),
        (PageRequest("GET", "https://more.example/", "document", is_page=True), "off-site: more.example"),
        (PageRequest("GET", f"{HERE}/logout"), "guard: logout"),
        (PageRequest("GET", "ftp://shop.example/"), "scheme ftp"),
    ],
    ids=lambda value: value.url if isinstance(value, PageRequest) else value,
)
def test_a_request_of_a_page_is_refused_by_name(request_: PageRequest, refusal: str) -> None:
    rules = PageRules(lambda host: host == "shop.example", more_hosts=["more.example"])

    def guard(url: str, text: str, rel: str) -> str | None:
        return "logout" if url.endswith("/logout") else None

    assert rules.refusal(request_, guard) == refusal


def test_resources_are_loaded_if_a_setting_allows_them_and_leaving_them_out_gives_no_warning() -> None:
    rules = PageRules(lambda host: True, allow=["image"])

    assert rules.refusal(PageRequest("GET", f"{HERE}/a.png", "image"), None) == ""
    assert told(["image", "tracker", "websocket", "off-site: a.example"]) == ["off-site: a.example"]


# --- cookies and storage ----------------------------------------------------------------------------------------------


def test_scripts_see_the_cookies_of_the_jar_that_are_for_them() -> None:
    jar = Jar()
    jar.receive("https://shop.example/a/b", ["sid=1; HttpOnly", "lang=en; Domain=shop.example; Path=/; Secure", "x=2"])

    shown = cookie_sync.of_jar(jar.dump())

    assert {(name, domain, path) for name, domain, path in shown} == {
        ("lang", ".shop.example", "/"),
        ("x", "shop.example", "/a"),
    }
    assert cookie_sync.hidden_keys(jar.dump()) == {("sid", "shop.example", "/a")}
    twin = Jar()
    twin.load(map(cookie_sync.as_record, shown.values()))
    assert twin.header("https://shop.example/a/c") == "x=2; lang=en"


def test_only_changed_cookies_are_copied() -> None:
    before = cookie_sync.of_browser([{"name": name, "domain": "a", "path": "/", "value": "1"} for name in "xyz"])
    now = {**before, ("x", "a", "/"): {"name": "x", "value": "2"}, ("w", "a", "/"): {"name": "w", "value": "3"}}
    del now["y", "a", "/"]

    changed = cookie_sync.changes(before, now)

    assert [each["name"] for each in changed.given] == ["x", "w"]
    assert changed.gone == [("y", "a", "/")]
    assert not cookie_sync.changes(now, now)


def test_a_page_changes_the_storage_of_its_origin_and_moves_its_version_once() -> None:
    storage = Storage()
    storage.change("https://shop.example:443", "local", {"token": "1", "old": "2"}, [])
    version = storage.version

    storage.change("https://shop.example", "local", {"token": "3"}, ["old"])
    storage.replace_databases("https://shop.example", [])
    storage.replace_databases("https://other.example", [])

    assert dict(storage["https://shop.example"]) == {"token": "3"}
    assert storage.version == version + 1
    assert list(storage) == ["https://shop.example"]


# --- the plain request ------------------------------------------------------------------------------------------------


def response(url: str, body: str, kind: str = "text/html", **asked: Any) -> Response:
    made = Response()
    made.status_code, made.url, made._content = 200, url, body.encode()
    made.headers["Content-Type"] = kind
    made.asked = Request(url, **asked)
    return made


def test_the_request_that_brought_what_scripts_have_shown_is_proposed_with_its_place() -> None:
    rows = [{"id": number, "name": f"Order {number}", "total": 19.5 + number} for number in range(100, 105)]
    shown = "".join(f"<tr><td>{each['name']}<td>{each['total']} EUR" for each in rows)
    page = response(f"{HERE}/orders", f"<h1>Orders</h1><table>{shown}</table><p>5 rows</p>")
    data = json.dumps({"page": {"orders": rows}})
    page.requests = [
        response(f"{HERE}/api/user", '{"user": "ann"}', "application/json"),
        response(f"{HERE}/api/orders", data, "application/json", headers={"x-app": "7", "authorization": "Bearer abc"}),
    ]

    found = sources(response(f"{HERE}/orders", "<h1>Orders</h1><table></table>"), page)
    told_ = "\n".join(lines_for(found, lambda request: True))

    assert (found.texts, found.found) == (11, 10)
    assert [each.answer.url for each in found.requests] == [f"{HERE}/api/orders"]
    assert "yield Request('http://shop.example/api/orders', self.parse_data, headers={'x-app': '7'})" in told_
    assert "10 texts, in response.json()['page']['orders']" in told_
    assert "sign it with authorization" in told_
    assert "tried without a browser: the same" in told_
    assert "abc" not in told_


def test_what_the_browser_tried_to_send_by_itself_is_reported_and_what_the_crawl_refused_is_not() -> None:
    class User:
        told: list[str] = []

        def refused(self, what: str) -> None:
            self.told.append(what)

    tab = BrowserTab(Any, {})
    tab.user = user = User()  # type: ignore[assignment]
    for failure in ("net::ERR_PROXY_CONNECTION_FAILED", "net::ERR_BLOCKED_BY_CLIENT", None):
        tab._failed(SimpleNamespace(url=f"http://shop.example/{failure}", failure=failure))  # type: ignore[arg-type]

    assert user.told == ["not handed over by the browser: shop.example"]


def test_a_page_that_is_the_same_without_a_browser_is_reported_as_such() -> None:
    page = response(HERE, "<h1>Orders</h1>")

    assert list(lines_for(sources(page, page))) == ["the page says the same without a browser: leave `render` out"]


# --- when a page has what it wants -----------------------------------------------------------------------------------


def test_a_page_that_answers_slowly_is_quiet_later() -> None:
    assert (enough_s(0.0), enough_s(0.02), enough_s(0.5)) == (QUIET_S, QUIET_S, 2.0)


def test_a_page_is_quiet_when_nothing_is_under_way_and_only_polls_when_it_asks_for_nothing_new() -> None:
    quiet = Quiet(now=0.0)
    script = quiet.begins("GET", f"{HERE}/app.js")

    assert (quiet.for_s(50.0), quiet.only_polls(50.0)) == (0.0, False)
    quiet.ends(script, now=50.0)
    assert quiet.for_s(50.5) == 0.5
    for second in range(51, 54):
        poll = quiet.begins("GET", f"{HERE}/news")
        assert poll is (second == 51)
        assert quiet.for_s(second) == 0.0
        quiet.ends(poll, now=second + 0.5)
    assert not quiet.only_polls(54.0)
    assert quiet.only_polls(54.5)
    quiet.begin_anew(now=60.0)
    assert (quiet.for_s(60.0), quiet.only_polls(60.0)) == (0.0, False)


def test_a_page_that_is_slow_and_repeats_nothing_does_not_poll() -> None:
    quiet = Quiet(now=0.0)
    quiet.ends(quiet.begins("GET", f"{HERE}/app.js"), now=1.0)

    assert not quiet.only_polls(60.0)
    quiet.ends(quiet.begins("GET", f"{HERE}/app.js"), now=60.0)
    assert quiet.only_polls(60.0)
    quiet.begin_anew(61.0)
    assert not quiet.only_polls(70.0)


def test_only_folders_that_playwright_made_are_removed_with_a_dead_browser() -> None:
    made = b"/usr/bin/chromium\0--headless\0--user-data-dir=/tmp/playwright_chromiumdev_profile-abc\0about:blank\0"
    own = b"/usr/bin/chromium\0--user-data-dir=/srv/profiles/chromium\0--about=playwright\0"

    assert profiles_in(made) == [b"/tmp/playwright_chromiumdev_profile-abc"]
    assert profiles_in(own) == []
    assert profiles_in(b"") == []
