"""Where a cookie may go: hosts, domains and paths. Pure; the parse of an origin is remembered.

Two points where a choice had to be made: a cookie never crosses registrable domains, even where a suffix lies between a
domain and its subdomain (browsers keep their cookies by registrable domain too, and it is what lets the jar be cut into
sites); and http to this machine itself (localhost and what is below it, 127.0.0.0/8, ::1) is as secure as https, as
in Chrome, Firefox and curl: nobody can listen in there.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from crawler.errors import InvalidURL
from crawler.urls import host_of, registrable, site_of

_MAX_HEAD_CHARACTERS: Final = 1_024  # scheme, user, host and port of a URL
_MAX_HOST_CHARACTERS: Final = 255


class CookieScope(NamedTuple):
    """The part of a URL that decides which cookies may go there, the path aside.

    Attributes:
        host: Lower case, Punycode, IPv6 without brackets.
        secure: Whether the scheme is https, or the host is this machine.
        site: The registrable domain, or the host itself for addresses, suffixes and single labels.
        numeric: Whether the host is an IP address.
    """

    host: str
    secure: bool
    site: str
    numeric: bool


def is_address(host: str) -> bool:
    """Whether *host* (without brackets) is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether *host* (lower case) is this machine by its name. Source: W3C Secure Contexts, section 3.1."""
    if host.removesuffix(".").rpartition(".")[2] == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=8_192)
def parse_origin(head: str) -> CookieScope | None:
    """The origin of ``https://host:port``; None for what is not http or https, or has no host."""
    if not head[:8].lower().startswith(("https://", "http://")):
        return None
    try:
        host = host_of(head)
    except InvalidURL:
        return None
    if not host or len(host) > _MAX_HOST_CHARACTERS:
        return None
    return CookieScope(host, head[:5].lower() == "https" or is_loopback(host), site_of(host), is_address(host))


def origin_and_path_start(url: str) -> tuple[CookieScope | None, int]:
    """The origin of *url*, None if it has none with cookies; and where its path begins, -1 if it has no path.

    Cheap: the parse of ``https://host:port`` is remembered, so that a new path of a known host costs a look-up.
    """
    end = url.find("/", 8)
    head = url if end < 0 else url[:end]
    if len(head) > _MAX_HEAD_CHARACTERS:
        return None, -1
    if "?" in head or "#" in head:  # the slash found stands in the query
        end = -1
    return parse_origin(head), end


def path_from(url: str, start: int) -> str:
    """The path of *url* as it is sent, without query and fragment; *start* from `origin_and_path_start`."""
    return "/" if start < 0 else url[start:].partition("#")[0].partition("?")[0]


def default_path(path: str) -> str:
    """The path of a cookie whose server named none. Source: RFC 6265bis section 5.1.4."""
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def path_match(path: str, cookie_path: str) -> bool:
    """Whether a cookie of *cookie_path* goes to *path*. Source: RFC 6265bis section 5.1.4."""
    return path.startswith(cookie_path) and (
        len(path) == len(cookie_path) or cookie_path.endswith("/") or path[len(cookie_path)] == "/"
    )


def domain_match(host: str, domain: str) -> bool:
    """Whether *host* is *domain* or lies below it. Source: RFC 6265bis section 5.1.3."""
    return host == domain or (host.endswith("." + domain) and not is_address(host))


def domain_refusal(domain: str, origin: CookieScope) -> str:
    """Why an answer from *origin* may not set a cookie for *domain*, another than its host; "" when it may."""
    if not domain.isascii() or not domain_match(origin.host, domain):
        return "the domain is not that of the host"
    if registrable(domain) is None:
        return "the domain is a public suffix"
    return "" if site_of(domain) == origin.site else "the domain lies beyond a public suffix"
