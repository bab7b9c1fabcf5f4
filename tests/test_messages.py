"""Request and Response: what a spider asks with, and what it reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from crawler import Request, Response
from crawler.errors import InvalidURL, SpiderError, UsageError
from crawler.spider import Spider

URL = "http://www.shop.test/dir/page?x=1"


class Shop(Spider):
    name = "shop"

    def parse_item(self, response: Response) -> None:
        return None


def page(body: bytes | str, content_type: str | None = "text/html; charset=utf-8", url: str = URL) -> Response:
    response = Response()
    response._content = body.encode() if isinstance(body, str) else body  # type: ignore[attr-defined]
    response._content_consumed, response.status_code, response.url = True, 200, url  # type: ignore[attr-defined]
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    return response


# --- Request ----------------------------------------------------------------------------------------------------------


def test_a_request_has_an_absolute_url_without_a_fragment() -> None:
    assert Request("HTTP://Shop.Test:80/a/../b?c=d#top").url == "http://shop.test/b?c=d"


@pytest.mark.parametrize("url", ["/relative", "file:///etc/passwd", "mailto:a@b.test", "", "http://", "javascript:x"])
def test_an_invalid_web_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidURL):
        Request(url)


def test_callbacks_are_kept_by_name() -> None:
    spider = Shop()

    assert Request(URL, spider.parse_item, errback="failed").callback == "parse_item"
    assert Request(URL, "parse_item").callback == "parse_item"
    assert Request(URL).callback == ""


@pytest.mark.parametrize("callback", [lambda response: None, print, len], ids=["lambda", "print", "len"])
def test_a_callback_that_could_not_be_found_after_a_restart_is_refused(callback: Any) -> None:
    with pytest.raises(SpiderError, match="stored by name"):
        Request(URL, callback)


def test_forms_and_json_make_a_post_with_its_content_type() -> None:
    form = Request(URL, data={"a": "1 2", "b": ["x", "y"]})
    document = Request(URL, json={"a": [1]}, method="PUT", headers={"X": "1"})

    assert (form.method, form.body) == ("POST", b"a=1+2&b=x&b=y")
    assert form.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert (document.method, document.body) == ("PUT", b'{"a": [1]}')
    assert document.headers == {"Content-Type": "application/json", "X": "1"}


def test_a_request_has_one_body() -> None:
    with pytest.raises(SpiderError, match="one of"):
        Request(URL, body="x", data={"a": "1"})


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
tables = st.dictionaries(texts, values, max_size=3)


@given(
    headers=st.dictionaries(texts, texts, max_size=3),
    cookies=st.dictionaries(texts, texts, max_size=3),
    meta=tables,
    cb_kwargs=tables,
    body=st.none() | st.binary(max_size=50),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    dont_filter=st.booleans(),
)
def test_what_is_stored_of_a_request_comes_back_equal(**given_: Any) -> None:
    first = Request(URL, "parse_item", errback="failed", priority=3, session="buyer", **given_)

    second = Request.restore(
        first.url, callback=first.callback, session="buyer", priority=3, depth=2, extras=first.extras()
    )

    for name in Request.__slots__:
        if name not in ("depth", "link"):
            assert getattr(second, name) == getattr(first, name), name
    assert second.depth == 2


def test_a_plain_get_needs_no_extras() -> None:
    assert Request(URL, "parse_item", priority=3).extras() == ""


def test_values_that_cannot_be_stored_are_refused_with_the_address() -> None:
    with pytest.raises(SpiderError, match="JSON-able"):
        Request(URL, meta={"a": object()}).extras()


BROKEN = [
    "{",
    "[]",
    "7",
    '"x"',
    "null",
    '{"headers": 7}',
    '{"body": 7}',
    '{"meta": [1]}',
    '{"body": "\u20ac"}',
    "[" * 5000,
]


@pytest.mark.parametrize("extras", BROKEN, ids=[each[:20] for each in BROKEN])
def test_X2_a_row_that_was_tampered_with_is_refused_in_our_own_words(extras: str) -> None:
    with pytest.raises(SpiderError, match="cannot be read"):
        Request.restore(URL, callback="", session="", priority=0, depth=0, extras=extras)


def test_a_changed_copy_leaves_the_first_as_it_was() -> None:
    first = Request(URL, meta={"a": 1})
    second = first.replace(url="http://other.test/#x", dont_filter=True, callback="parse_item")
    second.meta["a"] = 2

    assert (first.url, first.dont_filter, first.callback, first.meta) == (URL, False, "", {"a": 1})
    assert (second.url, second.dont_filter, second.callback) == ("http://other.test/", True, "parse_item")
    with pytest.raises(SpiderError, match="no attribute"):
        first.replace(colour="red")


def test_a_changed_copy_wants_to_see_the_statuses_of_its_own_meta() -> None:
    first = Request(URL)

    assert first.replace(meta={"handle_httpstatus_list": [404]}).handle_httpstatus_list == (404,)
    assert first.handle_httpstatus_list == ()


# --- Response -------------------------------------------------------------------------------------------------------


def test_a_response_is_one_of_requests_and_has_selectors() -> None:
    response = page("<h1>Hello</h1><p class=a>x</p>")

    assert isinstance(response, requests.Response)
    assert response.css("h1::text").get() == "Hello"
    assert response.xpath("//p[@class=$name]/text()", name="a").get() == "x"
    assert response.ok


def test_json_is_json() -> None:
    response = page('{"a": [1, {"b": "c"}]}', "application/json")

    assert response.json() == {"a": [1, {"b": "c"}]}
    assert response.selector.jmespath("a[1].b").get() == "c"


def test_links_are_resolved_against_the_base_element() -> None:
    assert page("<a href=x>").urljoin("x?y") == "http://www.shop.test/dir/x?y"
    assert page('<base href="/other/"><a href=x>').urljoin("x") == "http://www.shop.test/other/x"
    assert page('<base href="file:///etc/"><a href=x>').urljoin("x") == "http://www.shop.test/dir/x"


LINKS = """<a href="one">1</a><a href="/two" rel="nofollow">2</a><a href="mailto:a@b.test">m</a>
<a href="javascript:x()">j</a>
<a href="#top">t</a><a>none</a><a href="http://[::bad/">b</a><a href=" three ">3</a><area href="four">"""


def test_all_links_are_followed_but_those_that_lead_nowhere() -> None:
    found = list(page(LINKS).follow_all(css="a"))

    assert [request.url.rpartition("/")[2] for request in found] == ["one", "two", "three"]
    assert [(request.link_text, request.link_rel) for request in found] == [("1", ""), ("2", "nofollow"), ("3", "")]


@pytest.mark.parametrize("how", ["css-attribute", "xpath", "selectors", "texts"])
def test_links_may_be_named_in_many_ways(how: str) -> None:
    response = page(LINKS)
    found = {
        "css-attribute": lambda: response.follow_all(css="a::attr(href)"),
        "xpath": lambda: response.follow_all(xpath="//a"),
        "selectors": lambda: response.follow_all(response.css("a")),
        "texts": lambda: response.follow_all(["one", "/two", " three ", "mailto:x@y.test"]),
    }[how]()

    assert [request.url.rpartition("/")[2] for request in found] == ["one", "two", "three"]


def test_a_followed_link_inherits_the_session_and_takes_what_a_request_takes() -> None:
    response = page(LINKS)
    response.asked = Request(URL, session="buyer")

    (first, *_) = response.follow_all(css="a", meta={"n": 1}, callback="parse_item")

    assert (first.session, first.meta, first.callback) == ("buyer", {"n": 1}, "parse_item")
    assert response.follow("x").session == "buyer"
    assert response.follow("x", session="auditor").session == "auditor"


@pytest.mark.parametrize("link", ["mailto:a@b.test", "javascript:void(0)", "http://[::", "tel:+1"])
def test_a_link_that_cannot_be_fetched_is_text_and_a_request_for_it_is_none_for_the_crawl(link: str) -> None:
    response = page(LINKS)

    assert response.urljoin(link) == link
    assert response.follow(link).url == f"no link: {link}"
    with pytest.raises(InvalidURL):
        Request(response.urljoin(link))


def test_a_missing_link_is_no_address_and_a_broken_one_shows_no_password() -> None:
    assert page(LINKS).urljoin(None) == ""
    assert "secret" not in page(LINKS).urljoin("http://ann:secret@[::")


@pytest.mark.parametrize("arguments", [{}, {"css": "a", "xpath": "//a"}, {"links": [], "css": "a"}], ids=str)
def test_follow_all_takes_one_kind_of_links(arguments: dict[str, Any]) -> None:
    with pytest.raises(SpiderError, match="one of"):
        list(page(LINKS).follow_all(**arguments))


def test_an_invalid_link_is_reported() -> None:
    with pytest.raises(SpiderError, match="not a link"):
        page(LINKS).follow(7)


@pytest.mark.parametrize(
    ("kind", "body", "is_html"),
    [
        ("text/html; charset=x", b"", True),
        ("application/xhtml+xml", b"", True),
        ("text/plain", b"<html>", False),
        (None, b"  <html>", True),
        (None, b"text", False),
        ("", b"<p>", True),
    ],
)
def test_a_web_page_is_recognised_by_its_type_or_else_by_its_first_bytes(
    kind: str | None, body: bytes, is_html: bool
) -> None:
    assert page(body, kind).is_html is is_html


def test_a_user_may_choose_the_encoding_as_with_requests() -> None:
    response = page("\u00fcber".encode("utf-16-le"), "text/html")
    response.encoding = "utf-16-le"

    assert response.text == "\u00fcber"


def test_an_empty_page_has_no_elements_and_no_forms() -> None:
    response = page(b"")

    assert response.css("a").getall() == []
    assert list(response.follow_all(css="a")) == []
    with pytest.raises(UsageError, match="no such form"):
        response.form()


@pytest.mark.parametrize("kind", ["application/xml", "application/json", "text/plain"])
def test_an_answer_that_is_not_a_web_page_has_no_form_and_says_so(kind: str) -> None:
    body = {"application/xml": "<form/>", "application/json": "{}", "text/plain": "x"}[kind]

    with pytest.raises(UsageError, match="no"):
        page(body, kind).form()


def test_meta_and_arguments_are_those_of_the_request() -> None:
    response = page("x")

    assert (response.meta, response.cb_kwargs) == ({}, {})
    response.asked = Request(URL, meta={"a": 1}, cb_kwargs={"b": 2})
    assert (response.meta, response.cb_kwargs) == ({"a": 1}, {"b": 2})
    assert json.dumps(response.meta) == '{"a": 1}'
