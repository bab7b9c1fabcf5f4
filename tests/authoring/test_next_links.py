"""The link to the next page, as `crawl new` writes it: on every page of a list it leads on, and never back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crawler.authoring.first_spider import FirstSpider, reading_of
from crawler.request import Request
from crawler.testing.wire import Answer, WireRequest
from tests.authoring.test_first_spider import page
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

LAST = 4
LIST = "http://shop.test/list"

Pager = Callable[[int], str]


def link(number: int, text: str, more: str = 'class="page-link"', off: str = "") -> str:
    """A link to a page, or what stands in its place where there is no such page."""
    return f'<a {more} href="?page={number}">{text}</a>' if 1 <= number <= LAST else off


def bootstrap(p: int) -> str:
    """Both links have the same class, and so do their parents but for one name."""
    return (
        f'<ul class="pagination"><li class="page-item">{link(p - 1, "previous")}</li><li class="page-item active">'
        f'<span class="page-link">Page {p} of {LAST}</span></li><li class="page-item">{link(p + 1, "next")}</li></ul>'
    )


def named_parent(p: int) -> str:
    before, after = link(p - 1, "&lt;&lt;"), link(p + 1, "go")
    return f'<ul class="pagination"><li class="previous page-item">{before}</li><li class="next page-item">{after}</ul>'


def by_rel(p: int) -> str:
    return link(p - 1, "1", 'class="page-link" rel="prev"') + link(p + 1, "2", 'class="page-link" rel="next"')


def arrows(p: int) -> str:
    return f'<p class="nav">{link(p - 1, "«")} {link(p + 1, "»")}</p>'


def angles(p: int) -> str:
    """The guillemets are the first and the last page here."""
    return f'<p class="nav">{link(1, "«")} {link(p - 1, "&lsaquo;")} {link(p + 1, "&rsaquo;")} {link(LAST, "»")}</p>'


def older(p: int) -> str:
    """Of a weblog: what is older comes next, and is called previous in the names of classes."""
    after, before = link(p + 1, "← Older posts", ""), link(p - 1, "Newer posts →", "")
    return f'<div class="nav-previous">{after}</div><div class="nav-next">{before}</div>'


def labels(p: int) -> str:
    before = link(p - 1, "<i></i>", 'class="page-link" aria-label="Previous"')
    return before + link(p + 1, "<i></i>", 'class="page-link" aria-label="Next"')


def labels_with_numbers(p: int) -> str:
    before = link(p - 1, "<i></i>", f'class="page-link" aria-label="Previous page, page {p - 1}"')
    return before + link(p + 1, "<i></i>", f'class="page-link" aria-label="Next page, page {p + 1}"')


def pictures(p: int) -> str:
    return link(p - 1, '<img src=a.png alt="Previous">') + link(p + 1, '<img src=a.png alt="Next">')


def icons(p: int) -> str:
    before, after = (
        link(p - 1, '<i class="fa fa-chevron-left"></i>'),
        link(p + 1, '<i class="fa fa-chevron-right"></i>'),
    )
    return f'<nav class="pager">{before}{after}</nav>'


def at_both_ends(p: int) -> str:
    return bootstrap(p) + "<p>and once more</p>" + bootstrap(p)


def beside_a_calendar(p: int) -> str:
    return f'<a class="page-link" href="/calendar/{p}">next</a>{bootstrap(p)}'


def one_class_for_both(p: int) -> str:
    """Its name says previous as well as next."""
    return f'<p class="prev-next">{link(p - 1, "previous", "")}</p><p class="prev-next">{link(p + 1, "next", "")}</p>'


def numbers(p: int) -> str:
    entries = [link(n, str(n)) if n != p else f'<span class="page-link">{n}</span>' for n in range(1, LAST + 1)]
    return f'<ul class="pagination">{"".join(f"<li>{each}</li>" for each in entries)}</ul>'


def numbers_with_a_link_to_this_page(p: int) -> str:
    entries = [f'<li class="{"active" if n == p else ""}">{link(n, str(n))}</li>' for n in range(1, LAST + 1)]
    return f'<ul class="pagination">{"".join(entries)}</ul>'


def numbers_alone(p: int) -> str:
    """Nothing says on which page one is."""
    return f'<p id="pager">{"".join(link(n, str(n)) for n in range(1, LAST + 1))}</p>'


def places(p: int) -> str:
    """The place of a link that there is not is kept."""
    before, after = (link(n, "<svg></svg>", off='<span class="page-link"></span>') for n in (p - 1, p + 1))
    return f'<ul class="pagination"><li class="page-item">{before}</li><li class="page-item">{after}</li></ul>'


def fetched(pager: Pager, first: str) -> list[str]:
    """What the spider made from the page at *first* asks for, each address once as a run does."""

    def at(url: str) -> Any:
        number = int(parse_qs(urlsplit(url).query).get("page", ["1"])[0])
        rows = "".join(f"<tr><td>{n}</td><td>Product {n}</td></tr>" for n in range(number * 10 - 9, number * 10))
        return page(f"<body><a href='/'>Home</a><table>{rows}</table>{pager(number)}</body>", url=url)

    namespace: dict[str, Any] = {}
    source = FirstSpider("made", [first], reading_of(at(first))).source()
    exec(compile(source, "made.py", "exec"), namespace)  # noqa: S102
    asked = [first]
    for url in asked:
        given = namespace["Made"]().parse(at(url))
        urls = dict.fromkeys(each.url for each in given if isinstance(each, Request))
        asked += [each for each in urls if each not in asked]
    return asked


@pytest.mark.parametrize(
    "pager",
    [
        bootstrap,
        named_parent,
        by_rel,
        arrows,
        angles,
        older,
        labels,
        labels_with_numbers,
        pictures,
        icons,
        at_both_ends,
        beside_a_calendar,
        one_class_for_both,
        numbers,
        numbers_with_a_link_to_this_page,
        numbers_alone,
        places,
    ],
)
def test_each_page_of_a_list_is_asked_for_once_and_the_first_by_no_second_address(pager: Pager) -> None:
    assert sorted(fetched(pager, LIST)) == [LIST, *(f"{LIST}?page={number}" for number in range(2, LAST + 1))]


@pytest.mark.parametrize("pager", [bootstrap, by_rel, arrows, older, labels, at_both_ends])
def test_from_a_page_amid_the_list_the_spider_goes_on_and_not_back(pager: Pager) -> None:
    assert fetched(pager, f"{LIST}?page=2") == [f"{LIST}?page={number}" for number in range(2, LAST + 1)]


@pytest.mark.parametrize("pager", [numbers, numbers_with_a_link_to_this_page, numbers_alone])
def test_page_numbers_seen_from_a_page_amid_the_list_lead_to_the_first_page_too(pager: Pager) -> None:
    assert sorted(fetched(pager, f"{LIST}?page=2")) == [f"{LIST}?page={number}" for number in range(1, LAST + 1)]


def test_a_crawl_of_the_made_spider_stores_each_product_once(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)

    def listed(request: WireRequest) -> Answer:
        p = int(parse_qs(request.query_text).get("page", ["1"])[0])
        rows = "".join(
            f'<tr><td>{n}</td><td><a href="/item/{n}">Product {n}</a></td></tr>' for n in range(p * 10 - 9, p * 10 + 1)
        )
        return Answer(body=f"<h1>Products</h1><table><tbody>{rows}</tbody></table>{bootstrap(p)}".encode())

    with closing(Host({"/robots.txt": Answer(404), "*": listed}, "127.0.0.1", None)) as host:
        made = crawl("new", "products", f"{host.url}/list")
        run = crawl("run", "products", "--quiet", "-s", "delay=0")
        assert crawl("export", "products", "-o", "products.csv").code == 0

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert "next page: xpath=\"//a[normalize-space()='next']\"" in made.out
    with Path("products.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 10 * LAST
