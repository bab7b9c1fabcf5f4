"""What a cookie is, which Set-Cookie lines make one, and where it may go. Pure: `now` is an argument, nothing is kept.

The rules are those of browsers (RFC 6265bis). Two points where a choice had to be made (two more: `cookie_scope`):

- Expires and Max-Age are believed up to the year 9999. Browsers cap them at 400 days to guard people from being
  followed around; a crawl that resumes next year wants what the server said.
- Text is UTF-8 on the wire. Bytes that are not UTF-8 are carried through as surrogate escapes and go back unchanged.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import Final, NamedTuple

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.cookies.dates import parse_cookie_date
from crawler.sessions.cookies.scope import CookieScope, default_path, domain_refusal, parse_origin
from crawler.urls import registrable

MAX_COOKIE_BYTES: Final = 4_096  # name and value. Source: RFC 6265bis section 5.7
MAX_ATTRIBUTE_BYTES: Final = 1_024  # a longer attribute is ignored. Source: RFC 6265bis section 5.6
MAX_LINE_BYTES: Final = 8_192  # a longer Set-Cookie line is ignored whole
LAST_MOMENT: Final = 253_402_300_799.0  # the end of the year 9999

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # TAB is allowed
_DELTA: Final = re.compile(r"-?[0-9]+")
_SAME_SITE: Final = {"strict": "Strict", "lax": "Lax", "none": "None"}


@quick_dataclass
class Cookie:
    """One cookie with all that RFC 6265bis keeps about it.

    Attributes:
        name: May be empty: such a cookie is sent as its bare value.
        value: Never shown by ``repr``.
        domain: Host or domain in lower case and Punycode, without a leading dot; IPv6 without brackets. Empty while a
            cookie that the user set without a domain waits for the first host (see `Jar.bind`).
        host_only: Whether subdomains of *domain* do not get it.
        path: Begins with ``/``.
        same_site: ``"Strict"``, ``"Lax"``, ``"None"``, or None when the server said nothing. Kept, not acted upon:
            a crawl has no third-party pages.
        expires: Seconds since 1970, or None for a cookie of the browser session.
        created: Seconds since 1970 when a cookie of this name, domain and path first came.
        last_used: Seconds since 1970 when it was last sent, or set.
        ticket: Number of the request whose answer set it; 0 when loaded.
        order: Place among the cookies of its site by creation; the clock may jump, this does not.
    """

    name: str
    value: str = field(repr=False)
    domain: str
    host_only: bool = True
    path: str = "/"
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None
    expires: float | None = None
    created: float = 0.0
    last_used: float = 0.0
    ticket: int = 0
    order: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of name and value together."""
        return wire_length(self.name) + wire_length(self.value)

    @property
    def pair(self) -> str:
        """How it stands in a Cookie header."""
        return f"{self.name}={self.value}" if self.name else self.value

    def expired(self, now: float) -> bool:
        """Whether it has ended at *now* (seconds since 1970)."""
        return self.expires is not None and self.expires <= now


class SetCookie(NamedTuple):
    """A Set-Cookie line taken apart; None stands for an attribute that is absent or unreadable."""

    name: str
    value: str
    domain: str | None
    path: str | None
    secure: bool
    http_only: bool
    same_site: str | None
    max_age_s: int | None
    expires: float | None


# --- text and bytes -------------------------------------------------------------------------------------------------


def wire_length(text: str) -> int:
    """Bytes of *text* on the wire. Raises UnicodeEncodeError for lone surrogates that stand for no byte."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def from_wire(value: str | bytes) -> str:
    """The text of a header value as http.client gives it (one character a byte), or of its bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # not from the wire: it is text already
        return value


def to_wire(text: str) -> bytes:
    """The bytes of *text*, including those that were not UTF-8 when they came."""
    return text.encode("utf-8", "surrogateescape")


# --- receiving --------------------------------------------------------------------------------------------------------


def parse_set_cookie(line: str) -> SetCookie | str:
    """Take one Set-Cookie value apart.

    Returns:
        The parts; or, as text without any secret, why the line is ignored. Never raises; costs time in proportion to
        the length of the line, and nothing beyond 8 KiB.

    Source: RFC 6265bis section 5.6.
    """
    if len(line) > MAX_LINE_BYTES:
        return "the line is longer than 8 KiB"
    if _CONTROL.search(line):
        return "control character"
    pair, _, attributes = line.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if not name and not value:
        return "empty"
    try:
        if wire_length(line) > MAX_LINE_BYTES:
            return "the line is longer than 8 KiB"
        if wire_length(name) + wire_length(value) > MAX_COOKIE_BYTES:
            return "name and value are longer than 4,096 bytes"
    except UnicodeEncodeError:
        return "not text"
    domain = path = same_site = max_age_s = expires = None
    secure = http_only = False
    for attribute in attributes.split(";") if attributes else ():
        key, _, text = attribute.partition("=")
        text = text.strip(" \t")
        if len(text) > MAX_ATTRIBUTE_BYTES or wire_length(text) > MAX_ATTRIBUTE_BYTES:
            continue
        match key.strip(" \t").lower():
            case "path":
                path = text
            case "secure":
                secure = True
            case "httponly":
                http_only = True
            case "domain":
                domain = text.removeprefix(".").lower()
            case "samesite":
                same_site = _SAME_SITE.get(text.lower())
            case "max-age" if _DELTA.fullmatch(text):
                max_age_s = int(text)
            case "expires" if (moment := parse_cookie_date(text)) is not None:
                expires = moment
    return SetCookie(name, value, domain, path, secure, http_only, same_site, max_age_s, expires)


def cookie_from(
    line: str, origin: CookieScope, path: str, *, now: float, clock_lead_s: float = 0.0, ticket: int = 0
) -> Cookie | str:
    """Make the cookie that an answer from *origin* and *path* sets by *line*.

    Args:
        line: The value of one Set-Cookie header.
        origin: Where the answer came from.
        path: Path of the URL, as sent.
        now: Seconds since 1970 when the answer came.
        clock_lead_s: Seconds by which our clock is ahead of the server's; Expires is moved by it.
        ticket: Number of the request.
    Returns:
        The cookie, already expired where the server deletes one; or why there is none, as text without any secret.

    Source: RFC 6265bis section 5.7, but for the steps that need to know the cookies at hand (see `SiteCookies`).
    """
    parsed = parse_set_cookie(line)
    if isinstance(parsed, str):
        return parsed
    domain, host_only = origin.host, True
    if parsed.domain and parsed.domain != origin.host:
        refusal = domain_refusal(parsed.domain, origin)
        if refusal:
            return refusal
        domain, host_only = parsed.domain, False
    elif parsed.domain:
        host_only = origin.numeric or registrable(domain) is None  # a suffix may keep its own cookies, alone
    if parsed.secure and not origin.secure:
        return "Secure, but not from https"
    if parsed.same_site == "None" and not parsed.secure:
        return "SameSite=None without Secure"
    if not parsed.name and has_prefix(parsed.value):
        return "a prefix without a name"
    refusal = prefix_refusal(parsed.name, secure=parsed.secure, bound=host_only and parsed.path == "/")
    if refusal:
        return refusal
    expires: float | None = None
    if parsed.max_age_s is not None:
        expires = min(now + min(parsed.max_age_s, LAST_MOMENT), LAST_MOMENT) if parsed.max_age_s > 0 else 0.0
    elif parsed.expires is not None:
        expires = min(parsed.expires + clock_lead_s, LAST_MOMENT)
    return Cookie(
        parsed.name,
        parsed.value,
        domain,
        host_only,
        parsed.path if parsed.path and parsed.path.startswith("/") else default_path(path),
        parsed.secure,
        parsed.http_only,
        parsed.same_site,
        expires,
        now,
        now,
        ticket,
    )


def has_prefix(name: str) -> bool:
    """Whether *name* begins with ``__Secure-`` or ``__Host-``, in any case."""
    return name[:2] == "__" and name.lower().startswith(("__secure-", "__host-"))


def prefix_refusal(name: str, *, secure: bool, bound: bool) -> str:
    """Why a cookie of this name breaks the promise of its prefix; "" when it does not.

    Args:
        name: Of the cookie.
        secure: Its flag.
        bound: Whether it is host-only and its server named the path ``/``.
    """
    if not has_prefix(name):
        return ""
    if not secure:
        return "its prefix promises Secure"
    return "" if bound or not name.lower().startswith("__host-") else "its prefix promises one host and the path /"


# --- cookies that do not come from an answer -------------------------------------------------------------------------


def checked(cookie: Cookie) -> Cookie:
    """*cookie* as the jar may keep it when a user, a file or the store brings it.

    The domain is brought into its form; suffixes and addresses are host-only; a prefix gets the flags that it promises.

    Raises:
        ValueError: It could not be sent as it is, or would be read as two. Says why, not the value.
    """
    name, value = cookie.name, cookie.value
    if _CONTROL.search(name) or _CONTROL.search(value) or _CONTROL.search(cookie.path):
        raise ValueError(f"cookie {name[:80]!r}: control characters cannot be sent")
    if "=" in name or ";" in name or ";" in value or ";" in cookie.path or name != name.strip(" \t"):
        raise ValueError(
            f"cookie {name[:80]!r}: ';' (and '=' or outer blanks in a name) would be read as something else"
        )
    if not name and not value:
        raise ValueError("a cookie needs a name or a value")
    try:
        if cookie.size_bytes > MAX_COOKIE_BYTES or wire_length(cookie.path) > MAX_LINE_BYTES:
            raise ValueError(f"cookie {name[:80]!r}: longer than 4,096 bytes")
    except UnicodeEncodeError:
        raise ValueError(f"cookie {name[:80]!r}: not text that can be sent") from None
    domain, host_only, path, secure = cookie.domain, cookie.host_only, cookie.path, cookie.secure
    if domain:
        origin = parse_origin("http://" + (f"[{domain}]" if ":" in domain else domain.removeprefix(".")))
        if origin is None or any(mark in domain for mark in "/?#@\\"):
            raise ValueError(f"cookie {name[:80]!r}: {domain[:80]!r} is not a host")
        domain = origin.host
        host_only = host_only or origin.numeric or registrable(domain) is None
    if has_prefix(name or value):
        if not name:
            raise ValueError("a cookie without a name cannot have a prefix")
        secure = True
        if name.lower().startswith("__host-"):
            host_only, path = True, "/"
    if not path.startswith("/"):
        path = "/"
    if (domain, host_only, path, secure) == (cookie.domain, cookie.host_only, cookie.path, cookie.secure):
        return cookie
    return replace(cookie, domain=domain, host_only=host_only, path=path, secure=secure)
