"""Links of a page: requests for whoever asks for them, one piece for the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crawler import Request
from crawler.pages.following import Followed, handed_out


def links() -> Followed:
    return Followed(["http://shop.test/1", "http://shop.test/2", "http://shop.test/3"], [None] * 3, "page", "buyer")


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
    assert [url for url, _ in following.rest()] == ["http://shop.test/2", "http://shop.test/3"]
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
    assert len(followed.rest()) == 2
    assert followed.rest() == []
    assert list(followed) == []
