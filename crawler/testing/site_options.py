"""The options of the practice site: its size, its login rules, its hosts and its faults.

Everything is plain data, so that the same options can start a site in this process or in another one.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from crawler.quick_dataclass import quick_dataclass

LoginStyle = Literal["redirect", "soft200", "status401", "masked"]
CodeKind = Literal["totp", "mail"]
LogoutLinks = Literal["one", "all", "sneaky", "none"]

SHOP_PATHS = ("/catalogue/", "/book/", "/members/", "/orders/", "/account/")


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the bookshop, who sees other pages than the other customers.

    Attributes:
        username: Name for the login form; unique.
        password: Its password; not shown in the repr, as no password should be.
        totp_secret: Base32 secret of the one-time codes.
        client_secret: Secret of the OAuth2 client named `client_id`.
        discount_percent: 0 to 99, taken off every price that this customer sees.
        orders: How many orders are listed on /orders/.
    """

    username: str
    password: str = field(repr=False)
    totp_secret: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    discount_percent: int = 0
    orders: int = 23

    @property
    def client_id(self) -> str:
        """The OAuth2 client that acts for this account."""
        return f"client-{self.username}"


def practice_accounts(count: int) -> tuple[Account, ...]:
    """Makes the first *count* customers: alice, bob, carol, then reader-4, reader-5 and so on.

    Args:
        count: 1 or more.
    Returns:
        Always the same accounts for the same *count*; no two share a password, a secret or a discount below 20.
    """
    names = ("alice", "bob", "carol")
    accounts = []
    for index in range(count):
        username = names[index] if index < len(names) else f"reader-{index + 1}"
        digest = hashlib.sha256(f"practice account {username}".encode()).digest()
        accounts.append(
            Account(
                username=username,
                password=f"{username}-{digest[:5].hex()}",
                totp_secret=base64.b32encode(digest[:20]).decode(),
                client_secret=f"client-{digest[20:28].hex()}",
                discount_percent=index % 20,
                orders=23 + 4 * index,
            )
        )
    return tuple(accounts)


@quick_dataclass
class SiteOptions:
    """How the practice site behaves.

    Attributes:
        books: Number of books, 1 or more; each has a public page and one behind the login.
        per_page: Books on a list page.
        seed: The same seed gives the same books.
        accounts: The customers.
        hosts: Loopback addresses, all on one port; the first is the main one.
        sso: The other hosts log in through the first one (single sign-on).
        login: What a guest gets in place of a page behind the login: a redirect to the login page, the login page with
            status 200 or 401, or the page with its fields masked.
        one_time_code: Second step after the password: a TOTP code, or a code sent by mail (`mail_code`).
        cookie_name: Name of the session cookie.
        expires_after_s: Seconds until a session expires.
        sliding: Count those seconds from the last use, not from the login.
        expires_after_requests: Requests until a session expires.
        revoke_at: For each number, all sessions end after that many pages behind the login were served.
        rotate_cookie: Every answer replaces the session id; the previous one is refused with 401.
        one_session_per_user: A login ends the older session of the same account.
        bind_user_agent: A session ends when its User-Agent changes.
        login_limit: Login attempts per account and window; more are answered with 429.
        login_window_s: Length of that window in seconds.
        lock_after: Wrong passwords after which an account is locked permanently.
        cookie_max_age_s: Max-Age of the session cookie; without it, the cookie lasts for the browser session.
        token_expires_s: Lifetime of a bearer or OAuth2 access token, in seconds.
        latency_s: Seconds that every shop page takes.
        slow_s: Seconds that /slow/ID and pages made slow by `rate_slow` take.
        rate_503, rate_429, rate_redirect, rate_reset, rate_cut, rate_slow: Share of the answers, 0 to 1, that are
            replaced by a 503, a 429, a redirect that leads back to the page, a reset before the answer, a reset in
            the middle of the body, or made slow.
        fault_paths: Where those rates apply (path prefixes).
        retry_after: Retry-After value sent with the 503 and 429 of those rates; empty for none.
        requests_per_s: More requests per second to one host are answered with 429.
        keep_alive_requests: The server closes a connection without notice after this many answers.
        crawl_delay_s: Crawl-delay in robots.txt.
        robots_status: Status of /robots.txt; its body is empty unless it is 200.
        logout_links: How a signed-in page offers to log out: once, in all spellings, by an address and a text that no
            rule can match, or never.
        delete_links: Orders have links that delete them on GET.
        traps: Pages link to endless calendars, growing paths and session ids in addresses.
        http_links: Pages have plain http links to pages behind the login.
        search_form: A search form comes before all other forms.
        padding_bytes: Filler in each shop page.
        page_validators: Shop pages have an ETag, and an unchanged page is answered with 304.
        invoices: Number of PDF files on /invoices/, behind the login; 0 for none.
        invoices_revised: Numbers of invoices that have a later version than the first: one later for each mention.
        invoice_bytes: Size of each invoice.
        invoice_validators: Invoices have ETag and Last-Modified, and support range requests.
        clock_offset_s: Offset of the server's Date header, in seconds.
        tls_certificate, tls_key: PEM files; with them the site uses https, and plain http on a second port.
        log_limit: Number of requests that the log keeps; the oldest are dropped first.
        control: Offer the control interface on its own port.
    """

    books: int = 100
    per_page: int = 20
    seed: int = 1
    accounts: tuple[Account, ...] = field(default_factory=lambda: practice_accounts(3))
    hosts: tuple[str, ...] = ("127.0.0.1",)
    sso: bool = False
    login: LoginStyle = "redirect"
    one_time_code: CodeKind | None = None
    cookie_name: str = "sid"
    expires_after_s: float | None = None
    sliding: bool = False
    expires_after_requests: int | None = None
    revoke_at: tuple[int, ...] = ()
    rotate_cookie: bool = False
    one_session_per_user: bool = False
    bind_user_agent: bool = False
    login_limit: int | None = None
    login_window_s: float = 60.0
    lock_after: int | None = None
    cookie_max_age_s: int | None = None
    token_expires_s: float = 3600.0
    latency_s: float = 0.0
    slow_s: float = 0.5
    rate_503: float = 0.0
    rate_429: float = 0.0
    rate_redirect: float = 0.0
    rate_reset: float = 0.0
    rate_cut: float = 0.0
    rate_slow: float = 0.0
    fault_paths: tuple[str, ...] = SHOP_PATHS
    retry_after: str = ""
    requests_per_s: float | None = None
    keep_alive_requests: int | None = None
    crawl_delay_s: float | None = None
    robots_status: int = 200
    logout_links: LogoutLinks = "one"
    delete_links: bool = False
    traps: bool = False
    http_links: bool = False
    search_form: bool = False
    padding_bytes: int = 0
    page_validators: bool = False
    invoices: int = 0
    invoices_revised: tuple[int, ...] = ()
    invoice_bytes: int = 20_000
    invoice_validators: bool = True
    clock_offset_s: float = 0.0
    tls_certificate: str | None = None
    tls_key: str | None = None
    log_limit: int = 20_000
    control: bool = False

    def __post_init__(self) -> None:
        if self.books < 1 or self.per_page < 1 or not self.accounts or not self.hosts:
            raise ValueError("a practice site needs at least one book, one book per page, one account and one host")
        names = [account.username for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError(f"two accounts share a name: {names}")
        for name in ("rate_503", "rate_429", "rate_redirect", "rate_reset", "rate_cut", "rate_slow"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)!r}")

    def to_json(self) -> str:
        """These options as one line of JSON, passwords included: it is for the site's own process only."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SiteOptions:
        """The options from the output of `to_json`.

        Raises:
            ValueError: It is not such output, or an option does not exist.
        """
        return cls().changed(json.loads(text))

    def changed(self, changes: dict[str, Any]) -> SiteOptions:
        """A copy with some options replaced; lists become tuples and mappings become accounts.

        Raises:
            ValueError: An option does not exist, or a value is not valid.
        """
        known = {option.name for option in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"the practice site has no option {', '.join(unknown)}")
        values = dict(changes)
        for name, value in values.items():
            if name == "accounts":
                values[name] = tuple(Account(**one) if isinstance(one, dict) else one for one in value)
            elif isinstance(value, list):
                values[name] = tuple(value)
        return dataclasses.replace(self, **values)
