"""Links of a page: requests for whoever asks for them, one piece for the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crawler import Request
from crawler.pages.following import Followed, handed_out
from crawler.pages.targets import Targets, of_site


def links() -> Followed:
    target = Targets("http://shop.test/a.html")
    hrefs = ["/1", "mailto:shop@example.org", "2", "http://shop.test/3#top", "#top"]
    return Followed(hrefs, [None] * 5, target, place=target.place, callback="page", session="buyer")


def handing_out(followed: Followed) -> Iterator[Any]:
    yield {"an": "item"}
    yield from followed
    yield "after"


def nested(followed: Followed) -> Iterator[Any]:
    yield from handing_out(followed)


def in_a_loop(followed: Followed) -> Iterator[Any]:
    for request in followed:
        request.priority = 5
        yield request


def from_a_list(followed: Followed) -> Iterator[Any]:
    yield from list(followed)


def test_whoever_asks_gets_one_request_a_link() -> None:
    requests = list(links())

    assert [request.url for request in requests] == [f"http://shop.test/{number}" for number in (1, 2, 3)]
    assert {(request.callback, request.session, request.method) for request in requests} == {("page", "buyer", "GET")}
    assert all(isinstance(request, Request) for request in requests)


@pytest.mark.parametrize("callback", [handing_out, nested])
def test_links_that_a_callback_hands_out_are_taken_in_one_piece(callback: Callable[[Followed], Iterator[Any]]) -> None:
    produced = callback(links())

    assert next(produced) == {"an": "item"}
    assert handed_out(produced) is None
    assert next(produced).url == "http://shop.test/1"
    following = handed_out(produced)
    assert following is not None
    fresh, settled, _ = following.rest((), ())
    assert [url for url, _ in fresh] == ["http://shop.test/2", "http://shop.test/3"]
    assert settled == ["mailto:shop@example.org", "#top"]
    assert next(produced) == "after"


@pytest.mark.parametrize("callback", [in_a_loop, from_a_list])
def test_links_that_a_callback_looks_at_itself_are_not_taken_from_it(
    callback: Callable[[Followed], Iterator[Any]],
) -> None:
    produced = callback(links())

    for number in (1, 2, 3):
        assert next(produced).url == f"http://shop.test/{number}"
        assert handed_out(produced) is None


def test_a_callback_may_return_the_links_themselves() -> None:
    followed = links()
    next(followed)

    assert handed_out(followed) is followed
    assert len(followed.rest((), ())[0]) == 2
    assert followed.rest((), ()) == ([], [], [])
    assert list(followed) == []


def followed(*hrefs: str, page: str = "http://shop.test/a/b.html") -> Followed:
    target = Targets(page)
    return Followed(list(hrefs), list(hrefs), target, place=target.place)


def test_a_link_that_is_known_as_it_is_written_is_not_looked_at() -> None:
    def never(href: str) -> str:
        raise AssertionError(href)

    links = Followed(["../x", "/y"], [None, None], never, place="here")

    assert links.rest((), {"../x", "/y"}) == ([], [], [])


def test_a_link_to_a_known_url_is_settled_in_every_way_it_is_written() -> None:
    links = followed("../x", "/x#top", "//shop.test/x", "HTTP://shop.test/x", "new")

    fresh, of_folder, of_all = links.rest({"http://shop.test/x"}, ())

    assert fresh == [("http://shop.test/a/new", "new")]
    assert of_folder == ["../x"]
    assert of_all == ["/x#top", "//shop.test/x", "HTTP://shop.test/x"]


def test_several_spellings_of_a_new_link_are_one_and_its_first_element_counts() -> None:
    fresh, *settled = followed("/x#1", "/x", "../x", "/x").rest((), ())

    assert fresh == [("http://shop.test/x", "/x#1")]
    assert settled == [[], []]


@pytest.mark.parametrize("href", ["?page=2", "http:b.html", "", " ?page=2"])
def test_what_leads_elsewhere_from_another_page_of_the_folder_is_not_settled(href: str) -> None:
    links = followed(href)
    target = Targets("http://shop.test/a/b.html")(href)

    assert links.rest({target}, ())[1:] == ([], [])


def test_links_that_nobody_can_fetch_are_passed_over_and_settled() -> None:
    links = followed("mailto:a@b.test", "javascript:print()", "#top", "http://[broken/")

    _, of_folder, of_all = links.rest((), ())
    assert of_folder == ["mailto:a@b.test", "javascript:print()", "#top"]
    assert of_all == ["http://[broken/"]
    assert next(iter(followed("mailto:a@b.test", "/x", "#top"))).url == "http://shop.test/x"


def test_the_place_of_links_is_their_folder_and_the_charset_of_the_page() -> None:
    places = {
        Targets("http://shop.test/a/b.html").place,
        Targets("http://shop.test/a/c.html?x=/y/").place,
        Targets("http://shop.test/a/#/z/").place,
    }

    assert len(places) == 1
    assert Targets("http://shop.test/b/c.html").place not in places
    assert Targets("https://shop.test/a/b.html").place not in places
    assert Targets("http://shop.test/a/b.html", "cp1252").place not in places


@pytest.mark.parametrize("href", ["/x", "//shop.test/x", "http://shop.test/x", "/x?y#z"])
def test_links_from_the_root_are_the_same_for_the_whole_site(href: str) -> None:
    here, there = Targets("http://shop.test/a/b.html"), Targets("http://shop.test/c/d/e.html")

    assert of_site(href)
    assert here.site == there.site
    assert here(href) == there(href)
    assert followed(href).rest((), (), {href}) == ([], [], [])


@pytest.mark.parametrize("href", ["x", "../x", "./x", "?x", "#x", "", "http:x", " /x"])
def test_other_links_depend_on_their_page(href: str) -> None:
    assert not of_site(href)
