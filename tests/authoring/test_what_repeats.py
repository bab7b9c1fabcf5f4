"""Which of the things that repeat on a page are its list, and which of their links is their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crawler.authoring.repeating import find_list
from crawler.testing.wire import Answer
from tests.authoring.test_first_spider import items_of, page
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


def each(make: Callable[[int], str], count: int = 12) -> str:
    """The elements of a list."""
    return "".join(make(number) for number in range(1, count + 1))


EDITOR = (
    "<form method=post action=/change><input name=Subject value=x><select name=s><option>a<option>b</select></form>"
)
TICKETS = (
    "<table><tbody><tr><th>#<th>Subject<th>Status</tr><tr><th><th>Requestor<th>Created</tr></tbody>{rows}</table>"
    "<div class=foot>Page <span><b>1</b> {pages}</span></div>"
)


def ticket(number: int, editor: str = "") -> str:
    """As in a list of Request Tracker: two rows in a table body of its own, perhaps with forms to change it there."""
    link = f"<b><a href=/ticket?id={number}>{{}}</a></b>"
    return (
        f"<tbody class=list-item><tr class=odd><td>{link.format(number)}"
        f"<td>{editor}{link.format(f'Problem number {number}')}<td>{editor}<span>new</span></tr>"
        f"<tr class=odd><td>&nbsp;<td><small>r{number}@x.test</small><td><small>{number} days</small></tr></tbody>"
    )


@pytest.mark.parametrize("editor", ["", EDITOR], ids=["plain", "editable"])
def test_an_entry_of_several_rows_is_one_item_and_page_numbers_are_none(
    project: Path, crawl: Crawl, editor: str
) -> None:
    pages = each(lambda number: f"<a href='/tickets?Page={number}'>{number}</a> ", 5)
    html = TICKETS.format(rows=each(lambda number: ticket(number, editor), 25), pages=pages)
    routes = {"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "/tickets": Answer(body=html.encode())}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        made = crawl("new", "tickets", f"{host.url}/tickets")
        run = crawl("run", "tickets", "--limit-pages", "1", "--json")
        crawl("export", "tickets", "-o", "tickets.jsonl")

    assert '25 x response.css("tbody.list-item") with ' in made.out, made.out + made.err
    assert json.loads(run.out)["items"] == {"items": 25}, run.err
    items = [json.loads(line) for line in Path("tickets.jsonl").read_text().splitlines()]
    wanted = ("Problem number 7", "r7@x.test", "7 days", f"{host.url}/ticket?id=7")
    assert tuple(items[6][name] for name in ("subject", "requestor", "created", "url")) == wanted


NUMBERS = each(lambda number: f"<a href='?p={number}'>{number}</a> ", 40) + "<a href='?p=2'>Next</a>"


@pytest.mark.parametrize(
    ("small", "rows", "count"),
    [
        pytest.param(NUMBERS, each(lambda n: f"<li><b>Row {n}</b></li>", 3), 3, id="pages"),
        pytest.param(
            "".join(f"<a href=/l/{letter}>{letter}</a>" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            each(lambda n: f"<li><a href=/w/{n}>Word {n}</a></li>"),
            12,
            id="letters",
        ),
        pytest.param(
            "".join(f"<a href=/y/{year}>{year}</a>" for year in range(1990, 2020)),
            each(lambda n: f"<li><b>Row {n}</b> <i>of {n}</i></li>"),
            12,
            id="years",
        ),
        pytest.param(
            NUMBERS, each(lambda n: f"<li><a href=/p/{n}><img src=/{n}.png></a></li>"), 12, id="beside-pictures"
        ),
    ],
)
def test_links_to_the_pages_of_a_list_are_not_its_entries(small: str, rows: str, count: int) -> None:
    found = find_list(page(f"<body><div class=small>{small}</div><ul>{rows}</ul></body>"))

    assert found is not None
    assert (found.rows, found.count) == ('response.css("ul > li")', count)


CARD = (
    "<div class=card><div class=cover><a href=/book/{n}><img src=/{n}.png></a></div><div class=meta>"
    "<a href=/book/{n}><p>Book {n}</p></a><p class=by>"
    "<a class=author href=/author/{m}>Author {m}</a></p></div></div>"
)
POST = (
    "<article><a class=cat href=/c/{m}>News {m}</a><h2><a href=/post/{n}>Post {n}</a></h2>"
    "<a class=comments href=/post/{n}#comments>{n} comments</a> <a class=by href=/u/{n}>User {n}</a></article>"
)


@pytest.mark.parametrize(
    ("card", "url"),
    [
        pytest.param(CARD, "/book/5", id="twice-beside-an-author"),
        pytest.param(CARD.replace("{m}", "{n}"), "/book/5", id="twice-beside-an-author-each"),
        pytest.param(POST, "/post/5", id="heading-after-a-category"),
        pytest.param(
            "<li><a href=/u/{n}><img src=/{n}.png></a><a class=who href=/u/{n}>User {n}</a>"
            "<h3><a href=/post/{n}>Post {n}</a></h3></li>",
            "/post/5",
            id="heading-beside-a-user-twice",
        ),
        pytest.param(
            "<li><a href=/u/{n}><img src=/{n}.png></a><a class=p href=/post/{n}>Post {n}</a></li>",
            "/post/5",
            id="first-text-beside-a-picture",
        ),
        pytest.param(
            "<li><a href=/p/{n}><img src=/{n}.png></a><p class=name>Lamp {n}</p><a class=by href=/s/{n}>Seller {n}</a>"
            "<a class=buy href=/cart?add={n}>Buy</a></li>",
            "/p/5",
            id="picture-beside-a-seller",
        ),
        pytest.param(
            "<a class=card href=/p/{n}><h3>Lamp {n}</h3><p class=price>{n}.50</p></a>", "/p/5", id="around-the-card"
        ),
        pytest.param(
            "<li class=topic><a href=/t/{n} class=topictitle>Topic {n}</a> by <a href=/u/{n} class=user>User {n}</a>"
            "<span class=last>by <a href=/u/9{n} class=user>User 9{n}</a></span></li>",
            "/t/5",
            id="topic-beside-users",
        ),
        pytest.param("<p><b>Order {n}</b> <a href=/o/{n}>open</a></p>", None, id="button-that-is-no-field"),
        pytest.param("<li>Order {n} <i>of {m} <a href=/o/{n}>open</a></i></li>", "/o/5", id="button-inside-a-field"),
        pytest.param("<li><a href=#/book/{n}>Book {n}</a></li>", "/list?page=1#/book/5", id="page-of-scripts"),
    ],
)
def test_the_address_of_an_item_is_the_link_to_its_own_page(card: str, url: str | None) -> None:
    html = each(lambda number: card.format(n=number, m=number % 3))

    items = items_of(page(f"<body><main>{html}</main></body>"))

    assert len(items) == 12
    assert items[4].get("url") == (f"http://shop.test{url}" if url else None)


def test_columns_are_named_by_the_heading_above_them_also_where_one_is_wide() -> None:
    rows = each(
        lambda number: f"<tr><td><input type=checkbox><td><a href=/o/{number}>O{number}</a><td>{number}.50</tr>"
    )

    items = items_of(page(f"<table><tr><th colspan=2>Order<th>Price</tr>{rows}</table>"))

    assert items[2]["price"] == "3.50"


def test_tables_side_by_side_are_not_taken_for_entries_by_the_places_of_their_cells() -> None:
    def section(number: int) -> str:
        rows = each(lambda row: f"<tr><td>{row} of {number}<td>{row * number} pieces</tr>", 8)
        return f"<div class=section><h2>Part {number}</h2><table>{rows}</table></div>"

    items = items_of(page(f"<body>{each(section, 3)}</body>"))

    assert items == [{"title": f"Part {number}"} for number in (1, 2, 3)]


def test_a_form_that_is_an_entry_is_one_but_a_form_to_be_filled_in_is_none() -> None:
    product = "<form class=product><b>Lamp {n}</b><input type=hidden name=id value={n}><button>Buy</button></form>"
    setting = "<div class=setting><form><label>Name {n}</label><input name=n{n}></form></div>"

    found = find_list(page(f"<body>{each(lambda n: product.format(n=n))}</body>"))

    assert found is not None
    assert found.rows == 'response.css("form.product")'
    assert find_list(page(f"<body>{each(lambda n: setting.format(n=n))}</body>")) is None


def test_elements_of_two_classes_in_turn_are_one_list() -> None:
    """Beside other elements of the same tag, so that the tag alone does not find them."""
    entries = each(
        lambda number: f"<div class={('light', 'dark')[number % 2]}><b>No. {number}</b><i>{number} EUR</i></div>"
    )

    found = find_list(page(f"<body><section><div class=pager>All of them</div>{entries}</section></body>"))

    assert found is not None
    assert (found.rows, found.count) == ('response.css("div.dark, div.light")', 12)
