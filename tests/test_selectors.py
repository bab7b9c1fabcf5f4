"""Selectors of a page give what parsel gives, whatever the query and however its result is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree, html
from parsel import Selector

from crawler.pages import first_match, selectors
from crawler.pages.selectors import PageSelector

PAGE = b"""<!DOCTYPE html><html><body id="top"><div class="product big" id="one"><h1 class=" title
main ">First <b>bold</b> tail</h1><p class="price">1 &euro;</p><p class="stock in">in<!-- c --> stock</p></div>
<div class="products"><p></p><p class="Price">no</p><ul class="list"><li class="row a"><a href="/1">one</a></li>
<li class="row b"><a>none</a><a href="/2" class="x"><span>two</span> deep</a></li></ul></div>
<div id="one"><p class="price">2</p></div><p id="last" class="price">3</p></body></html>"""
_TREE = etree.fromstring(PAGE, parser=html.HTMLParser(encoding="utf-8"))
THEIRS, OURS = Selector(root=_TREE, type="html"), PageSelector.over(_TREE)

tags = st.sampled_from(["p", "div", "li", "a", "b", "h1", "span", "ul", "body", "P", "html", "td"])
marks = st.sampled_from(
    [".price", ".product", ".row", ".in", ".x", ".title", ".main", "#one", "#last", "#top", ".Price"]
)
above = st.builds(lambda tag, more: tag + "".join(more) or "div", st.just("") | tags, st.lists(marks, max_size=2))
last = st.builds(lambda tag, more: tag + "".join(more), tags, st.lists(marks, max_size=2))
ends = st.sampled_from(["", "::text", "::attr(href)", "::attr(class)", "::attr(id)"])
without_tag = st.builds("{} {}".format, last, st.lists(marks, min_size=1, max_size=2).map("".join))
child = st.builds("{}{}{}".format, above, st.sampled_from([">", " > ", "> "]), last)
queries = st.builds(
    lambda path, end, what: " ".join([*path, end]) + what, st.lists(above, max_size=3), last | without_tag | child, ends
)


@settings(max_examples=500, deadline=None)
@given(query=queries)
def test_a_query_finds_what_parsel_finds(query: str) -> None:
    for theirs, ours in ((THEIRS, OURS), (THEIRS.css("ul")[0], OURS.css("ul")[0])):
        expected = theirs.css(query)
        selectors._plan.cache_clear()  # as on the first page

        assert first_match.compiled(query) is not None
        assert ours.css(query).get() == expected.get()
        assert bool(ours.css(query)) == bool(expected)
        assert ours.css(query).getall() == expected.getall()
        assert ours.css(query).get() == expected.get()
        assert ours.css(query).css("a").getall() == expected.css("a").getall()


LOOKS: dict[str, Any] = {
    "length": len,
    "items": lambda found: [each.get() for each in found],
    "reversed": lambda found: [each.get() for each in reversed(found)],
    "last": lambda found: found[-1].get(),
    "slice": lambda found: found[1:].getall(),
    "added": lambda found: [each.get() for each in found + found],
    "added to a list": lambda found: [each.get() for each in [] + found],  # noqa: RUF005 - the sum is what is tested
    "unpacked": lambda found: [each.get() for each in (*found,)],
    "expression": lambda found: found.re(r"\d"),
    "first by expression": lambda found: found.re_first(r"\d"),
    "attributes": lambda found: found.attrib,
    "below": lambda found: found.xpath("./a/@href").getall(),
    "first": lambda found: found.get(),
    "first, then all": lambda found: (found.get(), found.getall(), found.get()),
    "copied": lambda found: [each.get() for each in found.copy()],
    "popped": lambda found: (found.pop().get(), len(found)),
    "appended": lambda found: (found.append(found[0]), len(found))[1],
    "compared": lambda found: found == list(found),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_a_result_is_a_list_however_it_is_looked_at(look: Any) -> None:
    selectors._plan.cache_clear()

    assert look(OURS.css("li.row")) == look(THEIRS.css("li.row"))
    assert look(OURS.css("li.row")) == look(THEIRS.css("li.row"))


def test_a_query_whose_matches_were_all_wanted_is_not_answered_by_a_walk_on_the_next_page() -> None:
    selectors._plan.cache_clear()
    OURS.css("li.row").get()
    assert selectors._plan("li.row").walk is not None

    OURS.css("li.row").getall()

    assert selectors._plan("li.row").walk is None


FAR_DOWN = "".join(f"<tr><td class='{'last' if number == 99 else 'row'}'>{number}</td></tr>" for number in range(100))


def _page(rows: str) -> PageSelector:
    return PageSelector.over(html.document_fromstring(f"<table class='t'>{rows}</table>"))


def test_a_query_whose_first_match_is_far_down_on_most_pages_is_no_longer_answered_by_a_walk() -> None:
    selectors._plan.cache_clear()
    page = _page(FAR_DOWN)

    for _ in range(selectors._WALKS):
        assert page.css("table.t td.last::text").get() == "99"

    assert selectors._plan("table.t td.last::text").walk is None
    assert page.css("table.t td.last::text").get() == "99"


def test_a_page_in_ten_without_an_early_match_changes_nothing_for_the_others() -> None:
    selectors._plan.cache_clear()
    far, near = _page(FAR_DOWN), _page("<tr><td class='last'>0</td></tr>")

    for number in range(3 * selectors._WALKS):
        page, wanted = (far, "99") if number % 10 == 0 else (near, "0")
        assert page.css("table.t td.last::text").get() == wanted

    assert selectors._plan("table.t td.last::text").walk is not None


@pytest.mark.parametrize(
    "query", ["li:nth-child(2) a::text", "a[href]", "p, a", "ul > li > a", "ul > .x", "*", "p:not(.price)", ".price"]
)
def test_other_queries_go_parsels_way(query: str) -> None:
    assert first_match.compiled(query) is None
    assert OURS.css(query).getall() == THEIRS.css(query).getall()


def test_what_is_found_stays_when_the_page_changes_after_the_query() -> None:
    page = PageSelector.over(etree.fromstring(PAGE, parser=html.HTMLParser(encoding="utf-8")))
    found = page.css("p.price")
    page.css("div").drop()

    assert found.get() == '<p class="price">1 €</p>'


def test_a_default_stands_in_for_what_is_not_there() -> None:
    assert OURS.css("p.missing::text").get("none") == "none"
    assert not OURS.css("p.missing")


def test_xpath_variables_namespaces_and_functions_work_as_in_parsel() -> None:
    for query, options in (
        ("//a[@href=$url]/@href", {"url": "/2"}),
        ("count(//p)", {}),
        ("//p[has-class('stock')]/text()", {}),
        (r"//p[re:test(@class, '^pr')]/text()", {}),
        ("//*[local-name()='b']", {"namespaces": {"x": "urn:x"}}),
    ):
        assert OURS.xpath(query, **options).getall() == THEIRS.xpath(query, **options).getall()


def test_a_broken_query_is_the_error_of_parsel() -> None:
    for query in ("//p[", "//x:p", "nothing("):
        with pytest.raises(ValueError, match="XPath error"):
            OURS.xpath(query)


def test_a_namespace_registered_on_one_selector_stays_there() -> None:
    page = PageSelector.over(_TREE)
    page.register_namespace("x", "urn:x")

    assert page.xpath("//x:p").getall() == []
    assert "x" not in OURS.namespaces
