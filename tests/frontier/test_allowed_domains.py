"""`allowed_domains` as people write them: understood, or refused with the right spelling before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Response, Spider
from crawler.errors import SpiderError
from crawler.frontier.admission import allowed_hosts
from crawler.testing.wire import Answer
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]

UNDERSTOOD = {
    "shop.example": "shop.example",
    "Shop.Example": "shop.example",
    "shop.example.": "shop.example",
    ".shop.example": "shop.example",
    "*.shop.example": "shop.example",
    " shop.example ": "shop.example",
    "shop.example:8000": "shop.example",
    "http://shop.example": "shop.example",
    "https://shop.example/": "shop.example",
    "HTTPS://shop.example:8443/": "shop.example",
    "//shop.example": "shop.example",
    "127.0.0.1:8000": "127.0.0.1",
    "http://127.0.0.1:8000/": "127.0.0.1",
    "localhost:8000": "localhost",
    "::1": "::1",
    "[::1]:8000": "::1",
    "http://[::1]:8000/": "::1",
    "b\u00fccher.example": "xn--bcher-kva.example",
}
REFUSED: dict[Any, str] = {
    "https://shop.example/orders": "write 'shop.example'",
    "shop.example/orders": "write 'shop.example'",
    "shop.example/?page=1": "write 'shop.example'",
    "": "is not a host",
    "*": "is not a host",
    "shop.*": "is not a host",
    "shop example": "is not a host",
    "ann:secret-word@shop.example": "is not a host",
    ":8000": "is not a host",
    "http://": "is not a host",
    None: "is not a host",
}


@pytest.mark.parametrize("written", UNDERSTOOD, ids=repr)
def test_a_host_is_understood_however_it_is_written(written: str) -> None:
    assert allowed_hosts([written]) == (UNDERSTOOD[written],)


@pytest.mark.parametrize("written", REFUSED, ids=repr)
def test_an_invalid_host_is_refused_with_the_right_spelling(written: Any) -> None:
    with pytest.raises(SpiderError, match="allowed_domains") as refused:
        allowed_hosts([written])

    assert REFUSED[written] in str(refused.value)
    assert "secret-word" not in str(refused.value)


def test_a_text_given_as_an_argument_is_a_list() -> None:
    assert allowed_hosts("a.example, b.example:80") == ("a.example", "b.example")


@pytest.mark.parametrize("form", ["{place}", "http://{place}/", "http://{place}"])
def test_a_crawl_with_the_address_of_its_site_in_allowed_domains_brings_its_pages(
    form: str, quick_net: Net, tmp_path: Path
) -> None:
    own = quick_net.host({"/": Answer(body=b"<a href=/b>b</a>")})

    class Shop(Spider):
        name = "shop"
        start_urls = (own.url + "/",)
        allowed_domains = (form.format(place=own.url.removeprefix("http://")),)

        def parse(self, response: Response) -> Any:
            yield {"url": response.url}
            yield from response.follow_all(css="a")

    summary = crawler.run(Shop, settings={"store": str(tmp_path / "crawl.db")})

    assert (summary.ending, summary.pages, summary.items) == ("finished", 2, {"items": 2})


def test_a_page_in_allowed_domains_ends_before_anything_is_sent_or_stored(tmp_path: Path) -> None:
    class Shop(Spider):
        name = "shop"
        start_urls = ("http://127.0.0.1:9/",)
        allowed_domains = ("http://127.0.0.1:9/orders",)

    with pytest.raises(SpiderError, match=r"write '127\.0\.0\.1'"):
        crawler.run(Shop, settings={"store": str(tmp_path / "crawl.db")})

    assert not (tmp_path / "crawl.db").exists()
