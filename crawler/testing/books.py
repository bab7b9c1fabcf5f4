"""The books and orders of the practice bookshop, and what a perfect crawl of it returns."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.site_options import Account, SiteOptions

ORDERS_PER_PAGE = 10
PRIVATE_PAGES = 3  # pages that robots.txt forbids; the home page links to them

_FIRST = (
    "Quiet",
    "Crimson",
    "Último",
    "Naïve",
    "Long",
    "Borrowed",
    "Paper",
    "Winter",
    "Salt",
    "Broken",
    "Ninth",
    "Feral",
)
_SECOND = ("Harbour", "Atlas", "Garden", "Émigré", "Ledger", "River", "Orchard", "Lantern", "Chapter", "Tide", "Clock")
_THIRD = ("of Dublin", "& Sons", 'called "Home"', "without Maps", "in Łódź", "at <Noon>", "for Two", "of Glass")
_TALE = "a slow tale about people who keep letters in drawers and open them when the weather turns again"
_WORDS = _TALE.split()


@quick_dataclass
class Book:
    """One book; all of it is public except the price, which depends on the customer."""

    id: int
    title: str
    upc: str
    description: str
    pence: int
    stock: int

    def price(self, account: Account) -> str:
        """The price for *account*, as the page shows it, such as ``"£12.34"``."""
        pence = self.pence * (100 - account.discount_percent) // 100
        return f"£{pence // 100}.{pence % 100:02d}"

    def facts(self) -> dict[str, str]:
        """The fields that everyone sees, as text on the page."""
        return {
            "id": str(self.id),
            "title": self.title,
            "upc": self.upc,
            "description": self.description,
            "stock": str(self.stock),
        }


@quick_dataclass
class Order:
    """One order of one account."""

    number: str
    date: str
    total: str
    book_id: int

    def facts(self) -> dict[str, str]:
        """Its fields, as text on the page."""
        return {"order": self.number, "date": self.date, "total": self.total, "book": str(self.book_id)}


class Shop:
    """Books and orders, made from the seed. Thread-safe: an edit replaces the whole list.

    Attributes:
        books: The books for sale, in order.
        edits: How many times they have been edited.
    """

    def __init__(self, options: SiteOptions) -> None:
        dice = random.Random(options.seed)
        self.books = [_make_book(dice, book_id) for book_id in range(1, options.books + 1)]
        self._all = {book.id: book for book in self.books}
        self.edits = 0
        self.accounts = {account.username: account for account in options.accounts}
        self.orders = {
            account.username: _make_orders(self.books, account, options.seed) for account in options.accounts
        }
        self.per_page = options.per_page

    def edit(self, edits: Mapping[int, Mapping[str, Any] | None]) -> None:
        """Changes books while the site runs.

        Args:
            edits: Book number to the fields that change (`Book`); None takes it off sale, an empty mapping puts it
                back.
        Raises:
            ValueError: There is no such book.
        """
        unknown = set(edits) - self._all.keys()
        if unknown:
            raise ValueError(f"there are books 1 to {len(self._all)}, and no book {sorted(unknown)[0]}")
        for_sale = {book.id for book in self.books} - edits.keys()
        for book_id, fields in edits.items():
            if fields is not None:
                self._all[book_id] = replace(self._all[book_id], **fields)
                for_sale.add(book_id)
        self.books = [self._all[book_id] for book_id in sorted(for_sale)]
        self.edits += 1

    def find(self, book_id: int | None) -> Book | None:
        """A book that is for sale, or None."""
        place = bisect_left(self.books, book_id or 0, key=lambda book: book.id)
        found = self.books[place : place + 1]
        return found[0] if found and found[0].id == book_id else None

    @property
    def list_pages(self) -> int:
        """Number of pages in the catalogue."""
        return pages_for(len(self.books), self.per_page)

    def order_pages(self, username: str) -> int:
        """Number of pages that an account's orders fill."""
        return pages_for(len(self.orders[username]), ORDERS_PER_PAGE)

    def on_page(self, page: int) -> list[Book]:
        """The books on list page *page* (from 1); empty when there is no such page."""
        first = (page - 1) * self.per_page
        return self.books[first : first + self.per_page] if page >= 1 else []


class Truth:
    """What a perfect crawl finds: addresses and items. Read-only and thread-safe."""

    def __init__(self, shop: Shop, base: str) -> None:
        self._shop, self._base = shop, base

    @cached_property
    def book_urls(self) -> list[str]:
        """Addresses of the public detail pages, in order."""
        return [f"{self._base}/book/{book.id}" for book in self._shop.books]

    @cached_property
    def catalogue_urls(self) -> list[str]:
        """Addresses of the public list pages, in order."""
        return self._pages("/catalogue/", self._shop.list_pages)

    @cached_property
    def member_urls(self) -> list[str]:
        """Addresses of the detail pages behind the login, in order."""
        return [f"{self._base}/members/book/{book.id}" for book in self._shop.books]

    @cached_property
    def member_list_urls(self) -> list[str]:
        """Addresses of the list pages behind the login, in order."""
        return self._pages("/members/", self._shop.list_pages)

    @cached_property
    def private_urls(self) -> list[str]:
        """What robots.txt forbids."""
        return [f"{self._base}/private/{number}" for number in range(1, PRIVATE_PAGES + 1)]

    @cached_property
    def urls(self) -> set[str]:
        """Every public page that can be reached by links from the home page, without the forbidden ones."""
        return {f"{self._base}/", *self.catalogue_urls, *self.book_urls}

    def account_urls(self, username: str) -> set[str]:
        """The pages that a signed-in customer can reach in addition to `urls`."""
        orders = self._pages("/orders/", self._shop.order_pages(username))
        details = [f"{self._base}/orders/{order.number}" for order in self._shop.orders[username]]
        return {f"{self._base}/account/", *orders, *details, *self.member_list_urls, *self.member_urls}

    def catalogue_items(self, username: str | None = None) -> list[dict[str, str]]:
        """One dict for each public book page: id, title, upc, description, stock; and price for a signed-in account."""
        account = self._shop.accounts[username] if username is not None else None
        return [book.facts() | ({"price": book.price(account)} if account else {}) for book in self._shop.books]

    def member_items(self, username: str) -> list[dict[str, str]]:
        """One dict for each book page behind the login: as `catalogue_items`, plus `account`, the name on the page."""
        return [item | {"account": username} for item in self.catalogue_items(username)]

    def order_items(self, username: str) -> list[dict[str, str]]:
        """One dict for each order of the account: order, date, total, book."""
        return [order.facts() for order in self._shop.orders[username]]

    def _pages(self, path: str, count: int) -> list[str]:
        return [f"{self._base}{path}?page={page}" for page in range(1, count + 1)]


def pages_for(count: int, per_page: int) -> int:
    """Number of pages that *count* entries fill; an empty list still has one page."""
    return max(1, -(-count // per_page))


def _make_book(dice: random.Random, book_id: int) -> Book:
    pick = dice.random
    title = (
        f"{_FIRST[int(pick() * len(_FIRST))]} {_SECOND[int(pick() * len(_SECOND))]} "
        f"{_THIRD[int(pick() * len(_THIRD))]} {book_id}"
    )
    start = int(pick() * len(_WORDS))
    words: Iterable[str] = _WORDS[start:] + _WORDS[:start]
    return Book(
        id=book_id,
        title=title,
        upc=f"{book_id:06d}{int(pick() * 16**8):08x}",
        description=" ".join(words).capitalize() + ".",
        pence=500 + int(pick() * 7000),
        stock=int(pick() * 40),
    )


def _make_orders(books: list[Book], account: Account, seed: int) -> list[Order]:
    dice = random.Random(f"{seed} {account.username}")
    orders = []
    for index in range(1, account.orders + 1):
        book = dice.choice(books)
        date = f"20{dice.randint(20, 25)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"
        orders.append(Order(f"{account.username.upper()}-{index:04d}", date, book.price(account), book.id))
    return orders
