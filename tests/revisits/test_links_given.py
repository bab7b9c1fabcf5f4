"""What a page gives is the same when it is given again, however its links are written."""

from __future__ import annotations

import pytest

from crawler import Request
from crawler.outcome import Found
from crawler.pages.targets import Targets
from crawler.pagework.links_given import LinksGiven, groups_of
from crawler.stores.contents import pack_text, unpack_text

PAGE = "http://shop.test/a/b.html?x=1"


def given_again(hrefs: list[str], *, base: str = PAGE, charset: str = "utf-8") -> list[str]:
    notes = LinksGiven({})
    notes.written("page", "buyer", Targets(base, charset), hrefs)
    packed = notes.packed()
    assert packed is not None
    groups, refused = groups_of(packed[0])
    assert refused == {}
    assert {(group.callback, group.session) for group in groups} <= {("page", "buyer")}
    return [url for group in groups for url in group.urls]


@pytest.mark.parametrize("text", ["", "/a", "(\u00b5", "/stra\u00dfe\n" * 10, "/page-of-a-list\n" * 500])
def test_a_text_comes_back_from_the_store_whether_it_is_worth_coding_or_not(text: str) -> None:
    coded = pack_text(text)

    assert unpack_text(coded) == text
    assert len(coded) <= min(len(text.encode()), 1_000)


@pytest.mark.parametrize(
    "hrefs",
    [
        pytest.param(["../x", "/y?a=b", "http://other.test/z", "c.html#top"], id="plain"),
        pytest.param(["?page=2", "http:d.html", "", "#top", "mailto:a@b.test"], id="of-the-page-or-nowhere"),
        pytest.param(["/x", "\n/y", "/z\n\n/z", "a\tb"], id="line-ends-and-tabs"),
        pytest.param(["/same", "/same", "/same\n"], id="the-same-twice"),
        pytest.param(["/stra\u00dfe?q=\u00fc", "%C3%A9.html"], id="beyond-ascii"),
        pytest.param([], id="none"),
        pytest.param(["", "#a"], id="none-that-leads-anywhere"),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_links_lead_where_they_led(hrefs: list[str], charset: str) -> None:
    target = Targets(PAGE, charset)

    assert given_again(hrefs, charset=charset) == list(dict.fromkeys(filter(None, map(target, hrefs))))


def test_the_base_of_a_page_counts() -> None:
    assert given_again(["c.html"], base="https://cdn.test/d/") == ["https://cdn.test/d/c.html"]


def test_a_link_that_the_guard_has_refused_by_its_text_stays_refused() -> None:
    notes, link = LinksGiven({}), Request("http://shop.test/x")
    notes.written("", None, Targets(PAGE), ["/x", "/y"])
    notes.refused(link.url, Found(b"1" * 16, link.url, "shop.test", "default", skipped="guard: logout (link text)"))

    packed = notes.packed()

    assert packed is not None
    assert groups_of(packed[0])[1] == {"http://shop.test/x": "guard: logout (link text)"}


def test_a_link_that_another_page_had_refused_is_found_among_those_that_are_written_otherwise() -> None:
    notes = LinksGiven({"http://shop.test/x": "guard: logout (link text)"})
    notes.written("", None, Targets(PAGE), ["../x#top", "/y"])

    packed = notes.packed()

    assert packed is not None
    groups, refused = groups_of(packed[0])
    assert groups[0].urls == ["http://shop.test/x", "http://shop.test/y"]
    assert refused == {"http://shop.test/x": "guard: logout (link text)"}
