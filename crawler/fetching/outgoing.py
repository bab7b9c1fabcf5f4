"""What goes on the wire, checked once for both transports: method, URL, headers, body and the proxy.

A `requests.PreparedRequest` may hold anything; what leaves this module cannot smuggle a line into the request, names
only http and https, carries no credentials in its URL, and shows the destination no credential that is meant for a
proxy.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from requests import PreparedRequest
from requests.utils import select_proxy

from crawler.errors import Refused
from crawler.fetching.decoding import ACCEPT_ENCODING
from crawler.fetching.limits import Limits
from crawler.headers import fields_of
from crawler.plain_values import class_name_of
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.prepared import Prepared
from crawler.setting_kinds import PROXY_PLACE, PROXY_SCHEME

log = logging.getLogger("crawler.fetching")

PROXY_FORM = "scheme://user:password@host:port"  #: as our messages write it: `redaction` lets it pass
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))  # Source: RFC 9110, section 9.2.2
PORTS = {"http": 80, "https": 443}
_AUTHORITY_MOST = 1024  # userinfo, host (at most 255) and port; what is longer must not fill the cache

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # Source: RFC 9110, section 5.6.2
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]|\\")  # a backslash ends the host for some readers only
_HOST = re.compile(r"[a-z0-9._-]+\Z|[0-9a-f:.]+(?:%[a-z0-9._-]+)?\Z")
_NOT_IN_VALUE = re.compile(r"[\r\n\0]")

Headers = tuple[tuple[tuple[str, str], ...], frozenset[str], str]  #: headers, their names, a proxy's authorization
_DROPPED = frozenset(("expect", "proxy-authorization"))  # no waiting for 100; a proxy's secret has its own place


@quick_dataclass
class Origin:
    """Scheme, host (lower case, without brackets), port, and how they are written in a URL."""

    scheme: str
    host: str
    port: int
    prefix: str


@quick_dataclass
class Proxy:
    """The proxy of one request. Its secrets are part of its identity: they decide which connection may be reused."""

    url: str  # without credentials
    username: str = ""
    password: str = ""
    authorization: str = ""  # a Proxy-Authorization header that the request brought, instead of the two above

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return self.url.partition("://")[2]

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


@quick_dataclass(frozen=False)
class Outgoing:
    """One request as it will be sent.

    Attributes:
        target: Path and query.
        headers: In their order; values encode to latin-1. No Host, Expect or Proxy-Authorization unless asked for.
        names: Lower-case names of the headers.
        body: Bytes, an iterator of bytes, or None for no body.
        length_bytes: Of the body; None when only its end will tell.
        led_by: Address of the inside host whose redirect led here, "" for none (`AddressRule.refuses`).
        limits: What the exchange may cost, where the request says so.
        sink: Takes the body of a 2xx answer; None for memory.
    """

    method: str
    url: str
    origin: Origin
    target: str
    headers: tuple[tuple[str, str], ...]
    names: frozenset[str]
    body: bytes | Iterator[bytes] | None
    length_bytes: int | None
    proxy: Proxy | None
    led_by: str = ""
    limits: Limits | None = None
    sink: Any = None

    @property
    def where(self) -> str:
        """What a connection is made to, for messages: host and port, or the proxy without its secrets."""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        return f"{host}:{self.origin.port}" if self.proxy is None else f"the proxy {self.proxy.place}"

    @property
    def idempotent(self) -> bool:
        return self.method in IDEMPOTENT


@lru_cache(maxsize=4096)
def _origin(scheme: str, authority: str) -> Origin | str:
    """The origin, or why there is none."""
    scheme, place = scheme.lower(), authority.rpartition("@")[2].lower()
    host, port = place, PORTS[scheme]
    bracket = place.rfind("]")
    colon = place.rfind(":")
    if colon > bracket:
        host, digits = place[:colon], place[colon + 1 :]
        if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 6 and 0 < int(digits) < 65536):
            return "no valid port"
        port = int(digits) if digits else port
    if host[:1] == "[":
        host = host[1:-1] if host[-1:] == "]" and ":" in host else ""
    elif ":" in host:
        return "no valid host"
    if not host or len(host) > 255 or not _HOST.match(host) or any(len(label) > 63 for label in host.split(".")):
        return "no valid host"
    written = f"[{host}]" if ":" in host else host
    if port != PORTS[scheme]:
        written = f"{written}:{port}"
    return Origin(scheme, host, port, f"{scheme}://{written}")


@lru_cache(maxsize=1024)
def _is_token(name: str) -> bool:
    return _TOKEN.match(name) is not None


@lru_cache(maxsize=256)
def _proxy(url: str, authorization: str) -> Proxy | None:
    """The proxy that a URL stands for; None for none. The last @ ends the password, whatever that contains.

    Other programs end it at the first one or refuse such a URL. So that a wrong host is noticed, a warning says how it
    was read: once per process, since the results are kept.
    """
    found = PROXY_SCHEME.match(url)
    scheme, rest = (found[1], url[found.end() :]) if found else ("http", url)
    userinfo, _, place = rest.rpartition("@")
    if not PROXY_PLACE.match(place) or _NOT_IN_VALUE.search(userinfo):
        return None
    username, _, password = userinfo.partition(":")
    address = f"{scheme.lower()}://{place.removesuffix('/').lower()}"
    if "@" in userinfo:
        host = address.partition("://")[2]
        log.warning("the proxy's URL is read as %s: its last @ stands before %s; %%40 is an @", PROXY_FORM, host)
    if authorization:
        return Proxy(address, authorization=authorization)
    return Proxy(address, _unescaped(username), _unescaped(password))


def _unescaped(text: str) -> str:
    """*text* with its escapes undone; unchanged where they give no UTF-8: then they are not escapes."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


_PLAIN = Prepared()  # stands for a request that was prepared by requests itself


def outgoing(request: PreparedRequest, proxies: Mapping[str, str] | None) -> Outgoing:
    """Check *request* and choose its proxy by requests' rules (``http``, ``https://host``, ``all``).

    Raises:
        Refused: Its method, URL, a header or the proxy's URL must not be sent; the text says which.
    """
    url = request.url or ""
    found = _URL.match(url)
    if found is None or _NOT_IN_URL.search(url):
        raise Refused(shown(url), "not an http or https URL, or it has characters that are not allowed in a URL")
    scheme, authority, target = found.groups()
    origin = _origin(scheme, authority) if len(authority) <= _AUTHORITY_MOST else "no valid host"
    if isinstance(origin, str):
        raise Refused(shown(url), origin)
    if target[:1] != "/":
        target = "/" + target
    url = origin.prefix + target
    method = request.method or "GET"
    if not _is_token(method) or method == "CONNECT":
        raise Refused(url, "not a method that can be sent")
    headers, names, authorization = _headers(url, request.headers)
    proxy_url = select_proxy(url, proxies) if proxies else None
    proxy = _proxy(proxy_url, authorization) if proxy_url else None
    if proxy_url and proxy is None:
        raise Refused(
            url,
            f"the proxy's URL is not valid: write http://host:port (or https, socks5h), or {PROXY_FORM} where it wants "
            "credentials; %40 stands for an @, %3A for a colon in them",
        )
    body, length_bytes = _body(url, request.body, headers, names)
    if method == "HEAD" and body is not None:
        raise Refused(url, "HEAD cannot carry a body")
    ours = request if isinstance(request, Prepared) else _PLAIN
    return Outgoing(
        method,
        url,
        origin,
        target,
        headers,
        names,
        body,
        length_bytes,
        proxy,
        ours.led_by,
        ours.limits,
        ours.sink,
    )


def _headers(url: str, given: Mapping[str, Any]) -> Headers:
    fields = fields_of(given)
    try:
        return _checked(tuple(given.items() if fields is None else fields.values()))
    except (ValueError, TypeError) as error:  # TypeError: a value that is no text, nor anything else that is plain
        raise Refused(url, f"header {error} holds characters that would end its line") from None


@lru_cache(maxsize=64)
def _checked(given: tuple[tuple[str, Any], ...]) -> Headers:
    """Most requests of a session have the headers of the one before. Raises ValueError with the name of a bad one."""
    headers: list[tuple[str, str]] = []
    names: set[str] = set()
    authorization = ""
    for name, value in given:
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if not _is_token(name) or not isinstance(value, str) or _NOT_IN_VALUE.search(value):
            raise ValueError(repr(name[:80]))
        lower = name.lower()
        if lower in _DROPPED:
            authorization = value if lower == "proxy-authorization" else authorization
            continue
        if not value.isascii():
            value = _latin(value)
        names.add(lower)
        headers.append((name, value.strip(" \t")))
    if "accept-encoding" not in names:
        names.add("accept-encoding")
        headers.append(("Accept-Encoding", ACCEPT_ENCODING))
    return tuple(headers), frozenset(names), authorization


def _latin(value: str) -> str:
    """*value* such that its latin-1 bytes are what goes out: latin-1 where that can hold it, UTF-8 elsewhere."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def _body(
    url: str, body: Any, headers: tuple[tuple[str, str], ...], names: frozenset[str]
) -> tuple[bytes | Iterator[bytes] | None, int | None]:
    if body is None:
        return None, 0
    if isinstance(body, str):
        body = body.encode("utf-8")
    length: int | None = None
    if "content-length" in names:
        said = next(value for name, value in headers if name.lower() == "content-length")
        if not (said.isascii() and said.isdigit()) or "transfer-encoding" in names:
            raise Refused(url, "header 'Content-Length' is not a number, or contradicts Transfer-Encoding")
        length = int(said)
    if isinstance(body, bytes | bytearray | memoryview):
        if length is not None and length != len(body):
            raise Refused(url, f"header 'Content-Length' says {length}, but the body has {len(body)} bytes")
        return (bytes(body), len(body)) if len(body) else (None, 0)
    if hasattr(body, "read"):
        return _read_pieces(body), length
    if isinstance(body, Iterable):
        return (each.encode("utf-8") if isinstance(each, str) else bytes(each) for each in body), length
    raise Refused(url, f"a body of type {class_name_of(body)} cannot be sent")


def _read_pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(65536):
        yield piece.encode("utf-8") if isinstance(piece, str) else piece


def shown(url: str) -> str:
    """*url* for an error: without userinfo, at most 500 characters."""
    return re.sub(r"//[^/?#]*@", "//", url)[:500]
