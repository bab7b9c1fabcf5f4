"""Keys of Scrapy's meta: what is heeded, what is refused unsent, and what is said to have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Response, Spider
from crawler.errors import SpiderError
from crawler.habits import of_text
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, stored
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "proxy": ({"proxy": "http://anna:word@127.0.0.9:1"}, "an Identity with a `proxy`"),
    "proxy without a scheme": ({"proxy": "proxy.example:3128"}, "`proxy` in custom_settings"),
    "cookiejar": ({"cookiejar": 0}, "a name for each jar in the `sessions`"),
    "bindaddress": ({"bindaddress": ("127.0.0.2", 0)}, "session.mount(...)"),
}
OWN: list[dict[str, Any]] = [
    {"proxy": True},
    {"proxy": None},
    {"proxy": "Mr Smith"},
    {"proxy": {"name": "by proxy"}},
    {"proxy": ""},
    {"cookiejar": None},
    {"bindaddress": None},
    {"download_timeout": "long"},
    {"dont_retry": False},
    {"max_retry_times": None},
]


class Asking(Spider):
    """Asks for one page with `given` as its meta."""

    name = "asking"
    custom_settings = {"robots": False}
    given: dict[str, Any] = {}

    def start(self) -> Iterator[Request]:
        yield Request(f"{self.arguments['site']}/", self.parse, meta=self.given, errback=self.failed)

    def parse(self, response: Response) -> Any:
        yield {"status": response.status_code, "path": response.url.rpartition("/")[2]}

    def failed(self, error: Any) -> Any:
        yield {"status": error.status, "path": "errback"}


def asking(meta: dict[str, Any], **more: Any) -> type[Asking]:
    return type("Asking", (Asking,), {"given": meta, **more})


@pytest.mark.parametrize(("meta", "said"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_must_not_go_out_without_it_is_refused(
    quick_net: Net, tmp_path: Path, meta: dict[str, Any], said: str
) -> None:
    own = quick_net.host()

    with pytest.raises(SpiderError) as refused:
        crawl(asking(meta), own.url, tmp_path)

    assert said in str(refused.value)
    assert "word" not in str(refused.value), "a password is not shown"
    assert own.seen("/") == []


def test_a_proxy_that_is_put_into_meta_later_is_refused_as_well(quick_net: Net, tmp_path: Path) -> None:
    class Later(Asking):
        def start(self) -> Iterator[Request]:
            request = Request(f"{self.arguments['site']}/")
            request.meta["proxy"] = "http://127.0.0.9:1"
            yield request

    own = quick_net.host()
    with pytest.raises(SpiderError, match="no effect here"):
        crawl(Later, own.url, tmp_path)

    assert own.seen("/") == []


@pytest.mark.parametrize("meta", OWN, ids=str)
def test_a_value_that_scrapy_would_not_take_is_the_users_own(
    quick_net: Net, tmp_path: Path, meta: dict[str, Any]
) -> None:
    summary = crawl(asking(meta), quick_net.host().url, tmp_path)

    assert (summary.ending, summary.messages) == ("finished", [])


def test_what_has_no_effect_is_said_once_in_one_line(quick_net: Net, tmp_path: Path) -> None:
    class Many(Asking):
        def start(self) -> Iterator[Request]:
            for number in range(3):
                meta = {"download_timeout": 5} if number else {"download_timeout": 5, "dont_retry": True}
                yield Request(f"{self.arguments['site']}/{number}", meta=meta)

    summary = crawl(Many, quick_net.host().url, tmp_path)

    assert summary.messages == [
        "without effect in meta: dont_retry (1 request; instead: `retries` in custom_settings),"
        " download_timeout (3 requests; instead: `deadline` in custom_settings)"
    ]


MOVED = {"/": Answer.redirect("/there")}
HEEDED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Answer], tuple[int, str]]] = {
    "followed": ({}, {}, MOVED, (200, "there")),
    "a redirect that is wanted": ({"handle_httpstatus_list": [302]}, {}, MOVED, (302, "")),
    "one that the spider wants": ({}, {"handle_httpstatus_list": [302]}, MOVED, (302, "")),
    "another one is wanted": ({"handle_httpstatus_list": [301]}, {}, MOVED, (200, "there")),
    "dont_redirect": ({"dont_redirect": True}, {}, MOVED, (302, "errback")),
    "both": ({"dont_redirect": True, "handle_httpstatus_list": [302]}, {}, MOVED, (302, "")),
    "all": ({"handle_httpstatus_all": True}, {}, MOVED, (302, "")),
    "all, and an error": ({"handle_httpstatus_all": True}, {}, {"/": Answer(404)}, (404, "")),
    "an error that is wanted": ({"handle_httpstatus_list": [404]}, {}, {"/": Answer(404)}, (404, "")),
}


@pytest.mark.parametrize("transport", ["curl", "urllib3"])
@pytest.mark.parametrize(("meta", "more", "site", "row"), HEEDED.values(), ids=HEEDED)
def test_redirects_and_errors_that_a_callback_wants_to_see_are_given_to_it(
    quick_net: Net,
    tmp_path: Path,
    meta: dict[str, Any],
    more: dict[str, Any],
    site: dict[str, Answer],
    row: tuple[int, str],
    transport: str,
) -> None:
    own = quick_net.host(site)

    crawl(asking(meta, **more), own.url, tmp_path, transport=transport)

    assert [(found["status"], found["path"]) for found in stored(tmp_path, "status", "path")] == [row]
    assert len(own.seen("/there")) == (row[1] == "there")


def test_the_depth_that_scrapy_puts_into_meta_is_answered() -> None:
    assert "`max_depth` is a limit" in of_text("KeyError: 'depth'")
    assert not of_text("KeyError: 'depths'")
