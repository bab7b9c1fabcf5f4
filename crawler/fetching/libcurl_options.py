"""What libcurl is told: once for a route, and for each request only what differs from the last one.

Nothing is left to libcurl that it would take from its surroundings: no redirects, no cookies, no netrc, no proxy
variables, no protocol but http and https.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import certifi
import pycurl

from crawler.fetching.outgoing import Origin, Outgoing, Proxy
from crawler.quick_dataclass import quick_dataclass

_DAY_S = 86_400
_SUPPRESS_CONNECT_HEADERS = 265  # since libcurl 7.54; pycurl has no name for it. Source: curl/curl.h
_PROXY_TYPES = {
    "socks4": pycurl.PROXYTYPE_SOCKS4,
    "socks4a": pycurl.PROXYTYPE_SOCKS4A,
    "socks5": pycurl.PROXYTYPE_SOCKS5,
    "socks5h": pycurl.PROXYTYPE_SOCKS5_HOSTNAME,
}


@quick_dataclass
class Route:
    """What a connection is good for. Two requests share one only when all of this is equal.

    Attributes:
        verify: True, False, or a file or folder of trusted certificates.
        cert: Client certificate and key; the same file twice where one holds both.
    """

    origin: Origin
    proxy: Proxy | None
    verify: bool | str
    cert: tuple[str, str] | None

    def trusts_like(self, other: Route) -> bool:
        """Whether they differ in host and port alone."""
        return self.origin.scheme == other.origin.scheme and (self.proxy, self.verify, self.cert) == (
            other.proxy,
            other.verify,
            other.cert,
        )


def set_route(curl: Any, route: Route, proxy_ca: str) -> None:
    """Tell a new easy handle all that holds for every request of *route*, and of routes that trust like it.

    Args:
        proxy_ca: File of certificates by which an https proxy is verified.
    """
    verified = route.verify is not False
    for option, value in (
        (pycurl.NOSIGNAL, 1),  # libcurl's alarm() would hit other threads
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.NETRC, pycurl.NETRC_IGNORED),
        (pycurl.NOPROXY, ""),  # or no_proxy of the environment would take a request off its proxy
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.HTTP09_ALLOWED, 0),
        (_SUPPRESS_CONNECT_HEADERS, 1),  # or what a proxy says to CONNECT would be taken for the head of the answer
        (pycurl.HTTP_CONTENT_DECODING, 0),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.BUFFERSIZE, 256 * 1024),
        (pycurl.SSL_VERIFYPEER, int(verified)),
        (pycurl.SSL_VERIFYHOST, 2 if verified else 0),
        (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
        (pycurl.HTTPAUTH, pycurl.HTTPAUTH_NONE),
        (pycurl.USERAGENT, ""),  # or pycurl names itself
    ):
        curl.setopt(option, value)
    if isinstance(route.verify, str):
        curl.setopt(pycurl.CAPATH if os.path.isdir(route.verify) else pycurl.CAINFO, route.verify)
    elif verified:
        curl.setopt(pycurl.CAINFO, certifi.where())
    if route.cert is not None:
        curl.setopt(pycurl.SSLCERT, route.cert[0])
        curl.setopt(pycurl.SSLKEY, route.cert[1])
    curl.setopt(pycurl.PROXY, "" if route.proxy is None else route.proxy.url)  # empty: none, not even the environment's
    if route.proxy is not None:
        _set_proxy(curl, route.proxy, route.origin.scheme, proxy_ca)


def _set_proxy(curl: Any, proxy: Proxy, scheme: str, proxy_ca: str) -> None:
    kind = proxy.url.partition(":")[0]
    if kind in _PROXY_TYPES:
        curl.setopt(pycurl.PROXYTYPE, _PROXY_TYPES[kind])
    curl.setopt(pycurl.PROXY_CAINFO, proxy_ca)
    curl.setopt(pycurl.PROXY_SSL_VERIFYPEER, 1)  # its certificate is checked, whether the destination's is or not
    curl.setopt(pycurl.PROXY_SSL_VERIFYHOST, 2)
    curl.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC)
    curl.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)
    curl.setopt(pycurl.HTTPPROXYTUNNEL, int(scheme == "https" and kind not in _PROXY_TYPES))
    if proxy.username:
        curl.setopt(pycurl.PROXYUSERNAME, proxy.username.encode())  # UTF-8. Source: RFC 7617, section 2.1
        curl.setopt(pycurl.PROXYPASSWORD, proxy.password.encode())
    if proxy.authorization:
        curl.setopt(pycurl.PROXYHEADER, [f"Proxy-Authorization: {proxy.authorization}"])


def has_http3() -> bool:
    """Whether this build of libcurl speaks HTTP/3."""
    return bool(pycurl.version_info()[4] & pycurl.VERSION_HTTP3)


def libcurl_name() -> str:
    """The version of libcurl, such as "libcurl/8.23.0"."""
    return next((each for each in str(pycurl.version).split() if each.startswith("libcurl/")), "libcurl")


def http_version(http: str, route: Route) -> int:
    """libcurl's number for what a connection of *route* may speak; without TLS none of them allows more than HTTP/1.1.

    Args:
        http: "1.1"; "2" or "3" where a server offers it; "auto" for the newest that both sides know.
    """
    if http in ("3", "auto") and has_http3() and route.proxy is None and route.origin.scheme == "https":
        return int(pycurl.CURL_HTTP_VERSION_3)  # tried beside the others, which are used where it does not answer
    return int(pycurl.CURL_HTTP_VERSION_1_1 if http == "1.1" else pycurl.CURL_HTTP_VERSION_2TLS)


def set_addresses(curl: Any, origin: Origin, addresses: Sequence[str]) -> None:
    """Connect to *addresses* where DNS would be asked for the host."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    curl.setopt(pycurl.RESOLVE, [f"{host}:{origin.port}:{','.join(addresses)}"])


class RequestOptions:
    """The options that change from request to request. Used by one thread at a time."""

    def __init__(self, curl: Any, failed: Callable[[BaseException], None]) -> None:
        """Nothing has been set yet.

        Args:
            failed: Called with what the body of a request raised.
        """
        self._curl, self._failed = curl, failed
        self._special = False  # something differs from a plain GET
        self._fresh = False
        self._lines: list[str] = []
        self._given: tuple[tuple[str, str], ...] | None = None  # what the lines were made of, for a plain GET
        self._connect_s: float | None = -1.0

    def set(self, asked: Outgoing, connect_s: float | None, *, fresh: bool) -> None:
        """Prepare for *asked*.

        Args:
            connect_s: Seconds to connect, TLS included; None for no limit.
            fresh: On a new connection.
        """
        curl = self._curl
        curl.setopt(pycurl.URL, asked.url)
        if connect_s != self._connect_s:
            self._connect_s = connect_s
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int((_DAY_S if connect_s is None else connect_s) * 1000)))
        if self._special:
            self._unset_special()
        fresh = fresh or (asked.body is None and not asked.idempotent)
        if fresh != self._fresh:
            self._fresh = fresh
            curl.setopt(pycurl.FRESH_CONNECT, int(fresh))
        special = asked.method != "GET" or asked.body is not None
        if asked.headers is self._given and not special:
            return
        self._given = None if special else asked.headers
        lines = [f"{name}: {value}" if value else f"{name};" for name, value in asked.headers]
        if "accept" not in asked.names:
            lines.append("Accept:")
        if special:
            lines += ["Expect:"] if "content-type" in asked.names else ["Expect:", "Content-Type:"]
            self._set_special(asked, lines)
        if lines != self._lines:
            self._lines = lines
            curl.setopt(pycurl.HTTPHEADER, [each if each.isascii() else each.encode("latin-1") for each in lines])

    def _set_special(self, asked: Outgoing, lines: list[str]) -> None:
        """A method other than GET, or a body.

        libcurl sends a request again by itself when a kept connection turns out to be dead. A request that may change
        things must not be repeated like that: its body comes from a source that does not rewind, or (see `set`) it gets
        a new connection.
        """
        curl, body = self._curl, asked.body
        self._special = True
        if asked.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
            return
        if body is not None or asked.method == "POST":
            source = _Source(body if body is not None else b"", asked.idempotent, self._failed)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.READFUNCTION, source.read)
            curl.setopt(pycurl.SEEKFUNCTION, source.seek)
            curl.setopt(pycurl.POSTFIELDSIZE_LARGE, -1 if asked.length_bytes is None else asked.length_bytes)
            if asked.length_bytes is None and "transfer-encoding" not in asked.names:
                lines.append("Transfer-Encoding: chunked")
        if asked.method != "POST":
            curl.setopt(pycurl.CUSTOMREQUEST, asked.method)

    def _unset_special(self) -> None:
        self._special = False
        self._curl.setopt(pycurl.HTTPGET, 1)  # ends POST and NOBODY, too
        self._curl.unsetopt(pycurl.CUSTOMREQUEST)


class _Source:
    """The body of a request as libcurl pulls it."""

    def __init__(self, body: bytes | Iterator[bytes], rewinds: bool, failed: Callable[[BaseException], None]) -> None:
        self._whole = body if isinstance(body, bytes) else None
        self._pieces = iter((body,)) if isinstance(body, bytes) else body
        self._rest = memoryview(b"")
        self._rewinds, self._failed = rewinds and self._whole is not None, failed

    def read(self, size: int) -> bytes | int:
        try:
            while not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    return b""
                self._rest = memoryview(piece)
            taken, self._rest = self._rest[:size], self._rest[size:]
            return bytes(taken)
        except BaseException as error:  # noqa: BLE001 - libcurl cannot pass it on
            self._failed(error)
            return int(pycurl.READFUNC_ABORT)

    def seek(self, offset: int, origin: int) -> int:
        if not self._rewinds or self._whole is None:
            return int(pycurl.SEEKFUNC_FAIL)
        self._pieces, self._rest = iter(()), memoryview(self._whole)[offset:]
        return int(pycurl.SEEKFUNC_OK)
