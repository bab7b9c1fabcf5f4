"""What steps may do with an item, a request and a page, and what is refused. Needs no server and no thread."""

from __future__ import annotations

import sys
from multiprocessing import Pipe
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crawler import DropItem, IgnoreRequest, Plugin, Request, Spider
from crawler.engine.processes import _Sender
from crawler.errors import SpiderError
from crawler.events import PageDone, RunStarted
from crawler.loading import code_mark
from crawler.outcome import Leased, Outcome, Verdict
from crawler.pagework.assembly import build_spider
from crawler.pagework.given import CallbackResults, CallbackWatch
from crawler.pagework.spider_steps import SpiderSteps
from crawler.settings import Settings, load

URL = "https://shop.test/list"


class Plain(Spider):
    name = "plain"
    start_urls = [URL]


def built(**body: Any) -> Spider:
    return build_spider(type("Made", (Plain,), body), {}, Settings())


def steps(**body: Any) -> SpiderSteps:
    return SpiderSteps(built(**body))


def test_a_spider_without_steps_has_none_to_call() -> None:
    found = steps()

    assert (found.items, found.requests, found.responses) == (False, False, False)


def test_the_spider_comes_first_and_its_plugins_in_their_order() -> None:
    class One(Plugin):
        def on_item(self, item: Any, response: Any) -> Any:
            return {**item, "said": item["said"] + "1"}

    class Two(Plugin):
        def on_item(self, item: Any, response: Any) -> Any:
            return {**item, "said": item["said"] + "2"}

    found = steps(plugins=[One, Two], on_item=lambda self, item, response: {"said": item["said"] + "0"})

    assert found.item({"said": ""}, None) == {"said": "012"}


def moved(request: Request) -> Request:
    request.url = "https://other.test/"
    return request


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(lambda self, request: None, "returned None; return the request", id="nothing"),
        pytest.param(lambda self, request: {}, "returned a dict; return the request", id="something else"),
        pytest.param(lambda self, request: Request("https://other.test/"), "leads to another host", id="another host"),
        pytest.param(
            lambda self, request: setattr(request, "url", "https://b.test/") or request, "another host", id="its URL"
        ),
    ],
)
def test_a_request_step_returns_a_request_to_the_same_host(step: Any, said: str) -> None:
    with pytest.raises(SpiderError, match=said):
        steps(on_request=step).request(Request(URL))


def test_a_request_step_may_sign_the_url_and_add_headers_but_the_session_stays() -> None:
    def sign(self: Spider, request: Request) -> Request:
        return request.replace(url=request.url + "?sign=1", headers={"X-Key": "k"}, session="other")

    rule, sent = steps(on_request=sign).request(Request(URL, session="buyer"))

    assert (rule, sent.url, sent.headers, sent.session) == ("", URL + "?sign=1", {"X-Key": "k"}, "buyer")


def test_what_is_ignored_is_named_by_its_step_and_its_reason() -> None:
    def refuse(self: Spider, request: Request) -> Request:
        raise IgnoreRequest("sold\n out")

    assert steps(on_request=refuse).request(Request(URL))[0] == "on_request: sold out"


def collected(produced: list[Any], **body: Any) -> Outcome:
    """What becomes of what a callback yields."""
    spider = built(**body)
    admission: Any = None
    watch = CallbackWatch(60.0, lambda url, seconds: None)
    given = CallbackResults(spider, Settings(), admission, portion=lambda found: None, watch=watch)
    outcome = Outcome(Leased(1, URL, "shop.test", "default", "", 0, 0, "", 0, 0.0, 1), Verdict.ACCEPT)
    given.collect(outcome, Request(URL), lambda: iter(produced), None, step=SpiderSteps(spider).item_step(None))
    return outcome


def test_dropped_items_are_counted_by_their_reason_and_the_others_are_kept() -> None:
    def check(self: Spider, item: Any, response: Any) -> Any:
        if item["price"] < 5:
            raise DropItem(f"a price of {item['price']} is too low")
        return item

    outcome = collected([{"price": 7}, {"price": 1}, {"price": 2}], on_item=check)

    assert [item.fields for item in outcome.items] == [{"price": 7}]
    assert outcome.dropped == {"a price of N is too low": 2}


def test_an_item_step_that_returns_nothing_ends_the_page_and_says_what_to_write() -> None:
    with pytest.raises(SpiderError, match=r"returned None; return the item, or raise DropItem"):
        collected([{"price": 7}], on_item=lambda self, item, response: None)


def test_what_a_step_makes_of_an_item_is_kept_aside_where_it_is_none() -> None:
    outcome = collected([{"price": 7}], on_item=lambda self, item, response: [item])

    assert [each.reason for each in outcome.rejected] == [
        "a list is no item; yield its members one by one: `yield from`"
    ]


@pytest.mark.parametrize("base", [Plain, Plugin])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param("def on_item(self, item): ...", "has other parameters; write `def on_item", id="parameters"),
        pytest.param("async def on_request(self, request): ...", "is async", id="async"),
        pytest.param("def on_response(self, response): yield response", "has a `yield`", id="yield"),
    ],
)
def test_a_step_that_would_not_run_is_refused_with_its_class(base: type, body: str, said: str) -> None:
    space: dict[str, Any] = {}
    exec(body, space)  # noqa: S102 - the texts above

    with pytest.raises(SpiderError, match=said):
        type("Made", (base,), {name: value for name, value in space.items() if name.startswith("on_")})


def test_a_plugin_belongs_to_the_code_that_read_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mark(text: str) -> str:
        (tmp_path / "some_steps.py").write_text(text)
        return code_mark(built(plugins=[plugin]))

    module = ModuleType("some_steps")
    module.__file__ = str(tmp_path / "some_steps.py")
    monkeypatch.setitem(sys.modules, "some_steps", module)
    plugin = type("Some", (Plugin,), {"__module__": "some_steps"})

    assert mark("price = 1") == mark("price = 1")
    assert mark("price = 1") != mark("price = 2")


@pytest.mark.parametrize(("wanted", "heard"), [(True, ["PageDone"]), (False, [])])
def test_pages_of_other_processes_are_reported_if_an_observer_wants_them(wanted: bool, heard: list[str]) -> None:
    ours, theirs = Pipe()
    tell = _Sender(theirs, wanted)

    tell(RunStarted(1.0, 1, "shop", False, 0))
    tell(PageDone(1.0, URL, 200, "default", 1, 0, 10, 1.0))
    theirs.close()

    told = []
    while ours.poll():
        try:
            told.append(type(ours.recv()).__name__)
        except EOFError:
            break
    ours.close()
    assert told == heard


def test_settings_with_several_words_take_them_with_commas() -> None:
    settings = load(command_line={"plugins": "a, b:C", "may_be_empty": "price,name"}, environ={})

    assert settings.plugins == ("a", "b:C")
    assert settings.may_be_empty == ("price", "name")
