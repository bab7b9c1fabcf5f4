"""The pages of the practice bookshop: home, catalogue, books, members, account and orders."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape

from crawler.testing.books import ORDERS_PER_PAGE, Book, Order, Shop, pages_for
from crawler.testing.layout import Layout, VisitorRequest, private_links
from crawler.testing.login_pages import LoginForms
from crawler.testing.logins import Sessions
from crawler.testing.site_options import Account
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

Handler = Callable[[VisitorRequest], Answer]

_HOME = (
    '<h1>The Practice Bookshop</h1><p>Books, and prices for <a href="/account/">customers</a>.</p>'
    f'<p><a href="/catalogue/?page=1">All books</a> <a href="mailto:shop@example.org">Write to us</a> '
    f'<a href="#top">Top</a></p><p class="private">{private_links()}</p>'
).encode()
_NO_PRICE = b'<p class="price">log in to see prices</p>'


class ShopPages:
    """Home, catalogue, books and what customers see. Thread-safe."""

    def __init__(self, shop: Shop, layout: Layout, forms: LoginForms, sessions: Sessions, recorder: Recorder) -> None:
        self._shop, self._layout, self._forms = shop, layout, forms
        self._sessions, self._recorder = sessions, recorder
        # rendered once for each edit of the books; two threads may render the same page, with the same result
        self._details: dict[Book, bytes] = {}
        self._lists: dict[tuple[int, str, int], bytes] = {}
        self._lock = threading.Lock()  # guards _deleted
        self._deleted: set[str] = set()
        self._total = "total"  # class of that cell; an assignment is atomic

    def routes(self) -> dict[str, Handler]:
        """The handlers, by the first part of the path."""
        return {
            "": self.home,
            "catalogue": self.catalogue,
            "book": self.book,
            "members": self.members,
            "account": self.account,
            "orders": self.orders,
            "search": self.search,
            "private": self.private,
            "redesign": self.redesign,
        }

    def redesign(self, visit: VisitorRequest) -> Answer:
        """``/redesign``: from now on the total of an order has another class, to test what that breaks."""
        self._total = "amount"
        return self._layout.page(visit, "Redesign", "<h1>Orders look different now</h1>")

    def home(self, visit: VisitorRequest) -> Answer:
        """The home page; ``/?do=signout`` logs out."""
        if visit.call.query_text and visit.call.query().get("do") == "signout":
            return self._forms.leave(visit)
        return self._layout.page(visit, "The Practice Bookshop", _HOME)

    def catalogue(self, visit: VisitorRequest) -> Answer:
        """A list page of public books."""
        return self._list(visit, "catalogue", "/book/")

    def book(self, visit: VisitorRequest) -> Answer:
        """A public book; its price is for customers."""
        book = self._find(visit.number())
        if book is None:
            return self._layout.not_found(visit)
        price = _NO_PRICE if visit.session is None else self._price(book, visit.session.username)
        return self._layout.page(visit, book.title, self._detail(book) + price)

    def members(self, visit: VisitorRequest) -> Answer:
        """A list page or a book behind the login."""
        if visit.session is None and (self._forms.options.login != "masked" or len(visit.parts) < 3):
            return self._forms.guest(visit)
        if len(visit.parts) < 3:
            self._granted(visit)
            return self._list(visit, "members", "/members/book/")
        book = self._find(visit.number(2)) if visit.parts[1] == "book" else None
        if book is None:
            return self._layout.not_found(visit)
        if visit.session is None:
            self._recorder.count("refused", "logged-out")
            return self._layout.page(visit, book.title, self._detail(book) + _NO_PRICE)
        self._granted(visit)
        return self._layout.page(visit, book.title, self._detail(book) + self._price(book, visit.session.username))

    def account(self, visit: VisitorRequest) -> Answer:
        """The customer's own page; ``/account/log-off`` logs out."""
        if visit.parts[1:] == ["log-off"]:
            return self._forms.leave(visit)
        if visit.session is None:
            return self._forms.guest(visit)
        self._granted(visit)
        account = self._shop.accounts[visit.session.username]
        content = (
            f'<h1>Your account</h1><p class="name">{escape(account.username)}</p>'
            f'<p class="discount">{account.discount_percent} %</p><p class="orders">{account.orders}</p>'
        )
        return self._layout.page(visit, "Your account", content)

    def orders(self, visit: VisitorRequest) -> Answer:
        """The customer's orders, one of them, or its deletion on GET."""
        if visit.session is None:
            return self._forms.guest(visit)
        self._granted(visit)
        username = visit.session.username
        with self._lock:
            orders = [order for order in self._shop.orders[username] if order.number not in self._deleted]
        if len(visit.parts) < 2:
            return self._order_list(visit, orders)
        order = next((one for one in orders if one.number == visit.parts[1]), None)
        if order is None:
            return self._layout.not_found(visit)
        if visit.parts[2:] == ["delete"]:
            with self._lock:
                self._deleted.add(order.number)
            self._recorder.deleted(order.number)
            return Answer.redirect("/orders/?page=1")
        return self._layout.page(visit, order.number, f'<h1>Order</h1><div class="order">{self._order(order)}</div>')

    def search(self, visit: VisitorRequest) -> Answer:
        """Books with the word in their title, at most one page."""
        word = visit.call.query().get("q", "").lower()
        found = [book for book in self._shop.books if word and word in book.title.lower()][: self._shop.per_page]
        links = "".join(f'<li><a href="/book/{book.id}">{escape(book.title)}</a></li>' for book in found)
        return self._layout.page(visit, "Search", f"<h1>{len(found)} found</h1><ul>{links}</ul>")

    def private(self, visit: VisitorRequest) -> Answer:
        """Pages that robots.txt forbids."""
        return self._layout.page(visit, "Private", "<h1>No crawler should be here</h1>")

    def _granted(self, visit: VisitorRequest) -> None:
        if visit.session is not None:
            self._sessions.granted(visit.session.username)

    def _find(self, book_id: int | None) -> Book | None:
        return self._shop.find(book_id)

    def _price(self, book: Book, username: str) -> bytes:
        account: Account = self._shop.accounts[username]
        return f'<p class="price">{book.price(account)}</p>'.encode()

    def _detail(self, book: Book) -> bytes:
        content = self._details.get(book)
        if content is None:
            content = (
                f'<h1 class="title">{escape(book.title)}</h1><p class="id">{book.id}</p><p class="upc">{book.upc}</p>'
                f'<p class="description">{escape(book.description)}</p>'
                f'<p><span class="stock">{book.stock}</span> in stock</p>'
            ).encode()
            self._details[book] = content
        return content

    def _list(self, visit: VisitorRequest, area: str, detail: str) -> Answer:
        page = visit.page()
        key = (self._shop.edits, area, page)
        content = self._lists.get(key)
        if content is None:
            books = self._shop.on_page(page)
            if not books:
                return self._layout.not_found(visit)
            rows = "".join(
                f'<li><a class="book" href="{detail}{book.id}">{escape(book.title)}</a> '
                f'<a class="cover" href="{detail}{book.id}"><i>cover</i></a> '
                f'<a class="reviews" href="{detail}{book.id}#reviews">reviews</a></li>'
                for book in books
            )
            content = f"<h1>Books</h1><ol>{rows}</ol>{_pager(f'/{area}/', page, self._shop.list_pages)}".encode()
            self._lists[key] = content
        return self._layout.page(visit, f"Books, page {page}", content)

    def _order_list(self, visit: VisitorRequest, orders: list[Order]) -> Answer:
        page = visit.page()
        pages = pages_for(len(orders), ORDERS_PER_PAGE)
        if not 1 <= page <= pages:
            return self._layout.not_found(visit)
        shown = orders[(page - 1) * ORDERS_PER_PAGE : page * ORDERS_PER_PAGE]
        rows = "".join(f'<tr class="order">{self._row(order)}</tr>' for order in shown)
        return self._layout.page(
            visit, "Your orders", f"<h1>Your orders</h1><table>{rows}</table>{_pager('/orders/', page, pages)}"
        )

    def _row(self, order: Order) -> str:
        delete = (
            f'<td><a href="/orders/{order.number}/delete">Delete</a></td>' if self._layout.options.delete_links else ""
        )
        return (
            f'<td class="id"><a href="/orders/{order.number}">{order.number}</a></td><td class="date">{order.date}</td>'
            f'<td class="{self._total}">{order.total}</td><td class="book">{order.book_id}</td>{delete}'
        )

    def _order(self, order: Order) -> str:
        return (
            f'<span class="id">{order.number}</span> <span class="date">{order.date}</span> '
            f'<span class="total">{order.total}</span> <span class="book">{order.book_id}</span>'
        )


def _pager(path: str, page: int, pages: int) -> str:
    links = []
    if page > 1:
        links.append(f'<a class="previous" href="{path}?page={page - 1}">previous</a>')
    if page < pages:
        links.append(f'<a class="next" href="{path}?page={page + 1}">next</a>')
    return f'<p class="pager">{" ".join(links)}</p>'
