"""Foreign errors turned into ours where they enter: libcurl's codes, and the exceptions of urllib3 and Python."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator

import pycurl
import urllib3.exceptions as u3

from crawler.errors import (
    BadAnswer,
    ConnectFailed,
    FetchError,
    Incomplete,
    ProxyFailed,
    ProxyRefused,
    Refused,
    TimedOut,
    TLSFailed,
    TooLarge,
    UnknownHost,
    Unreachable,
)
from crawler.fetching.lookup import look_up

_ONCE_MORE_S = 0.5  # to ask why a name did not resolve

# What OpenSSL says, in words that help at 3 a.m.; the first that is found counts.
_TLS_WORDS = (
    ("expired", "its certificate has expired"),
    ("not yet valid", "its certificate is not valid yet"),
    ("hostname mismatch", "its certificate is for another host"),
    ("ip address mismatch", "its certificate is for another address"),
    ("no alternative certificate subject name", "its certificate is for another host"),
    ("does not match target", "its certificate is for another host"),
    ("self-signed", "its certificate is not signed by anyone we trust (self-signed)"),
    ("self signed", "its certificate is not signed by anyone we trust (self-signed)"),
    ("unable to get local issuer", "its certificate is not signed by anyone we trust"),
    ("unable to get issuer", "its certificate is not signed by anyone we trust"),
    ("revoked", "its certificate has been revoked"),
    ("certificate required", "it wants a client certificate"),
    ("protocol version", "it offers no TLS 1.2 or newer"),
    ("unsupported protocol", "it offers no TLS 1.2 or newer"),
    ("wrong version number", "it does not speak TLS"),
    ("http request", "it does not speak TLS"),
    ("packet length too long", "it does not speak TLS"),
    ("record layer failure", "it does not speak TLS"),
    ("trust anchors", "the given file of certificates cannot be read"),
    ("error setting certificate", "the given file of certificates cannot be read"),
    ("could not load", "the given client certificate cannot be read"),
    ("unable to set private key", "the given key cannot be read"),
    ("could not find", "a given certificate file is missing"),
)
#: What the system says when nobody is there. Not among them: no local port left, which passes.
NOBODY_THERE = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN))
_BROKEN_TLS = (
    "syscall",
    "connection reset",
    "unexpected eof",
    "eof occurred",
    "connection was reset",
    "closed abruptly",
)

_NOT_CONNECTED = frozenset((pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT))
_TLS_CODES = frozenset((53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98))
_PROXY_FAILED = 97
_NEVER_SENT = frozenset((3, 4))  # malformed URL, option not built in
_NOT_HTTP = frozenset((1, 8, 61))  # HTTP/0.9 or another protocol, odd reply, a transfer encoding nobody asked for
_TOO_MUCH = frozenset((27, 100))  # header lines beyond what libcurl itself takes
_WORDS = {
    52: "the connection was closed without an answer",
    65: "the connection broke, and a request that may change things is not sent twice",
    16: "broken HTTP framing",
    92: "broken HTTP framing",
}


def tls_words(text: str) -> str:
    """Why a handshake failed, from what OpenSSL or a transport says about it."""
    lower = text.lower().replace("_", " ")  # BoringSSL writes them
    plain = next((words for sign, words in _TLS_WORDS if sign in lower), "the handshake failed")
    return f"no trusted TLS connection: {plain} [{text[:200]}]"


def proxy_words(proxy: str, status: int) -> str:
    """What a proxy's answer to CONNECT means."""
    if status == 407:
        return f"the proxy {proxy} wants other credentials (status 407)"
    return f"the proxy {proxy} refused to connect us (status {status})"


def _host_of(place: str) -> str:
    """The host of a host and port."""
    return place.rpartition(":")[0].strip("[]") if place.rpartition(":")[2].isdigit() else place.strip("[]")


def name_error(url: str, host: str, *, whose: str = "") -> FetchError:
    """Ask the system once more why a name did not resolve; libcurl does not tell. All transfers wait meanwhile."""
    try:
        look_up(url, host, 0, time.monotonic() + _ONCE_MORE_S, lambda: False)
    except socket.gaierror as error:
        return from_gaierror(url, host, error, whose=whose)
    except UnknownHost as error:
        return error
    except (OSError, FetchError):  # a name server that is silent will be asked again by another try
        pass
    return never_sent(ConnectFailed(url, f"the name {host}{whose} did not resolve just now"))


def from_gaierror(url: str, host: str, error: socket.gaierror, *, whose: str = "") -> FetchError:
    """Unknown for good, or a resolver that may answer later."""
    missing = {
        getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
    }
    if error.errno in missing:
        return UnknownHost(url, f"there is no host named {host}{whose}")
    return never_sent(ConnectFailed(url, f"the name {host}{whose} did not resolve just now ({error.strerror})"))


def never_sent(error: FetchError) -> FetchError:
    """*error*, which ended a request before there was a connection that could have carried it."""
    error.sent = False
    return error


def unreachable(url: str, number: int, where: str) -> Unreachable:
    """Our error for a connection that failed because nobody is there.

    Args:
        number: The system's error number, one of `NOBODY_THERE`.
        where: Host and port that were tried, with "the proxy" in front where it is one.
    """
    if number == errno.ECONNREFUSED:
        return Unreachable(url, f"connection refused by {where}")
    return Unreachable(url, f"{os.strerror(number).lower()}: {where}")


def from_curl(
    error: pycurl.error, url: str, host: str, *, answered: bool, connect_status: int, proxy: str
) -> FetchError:
    """Our error for one of libcurl's.

    Args:
        host: Of the URL.
        answered: The head of the final answer was there.
        connect_status: What a proxy answered to CONNECT, or 0.
        proxy: Host and port of the proxy that the request went through, or "".
    """
    code, text = error.args[0], str(error.args[1])
    through = f" through the proxy {proxy}" if proxy else ""
    if code == pycurl.E_COULDNT_RESOLVE_PROXY:
        return name_error(url, _host_of(proxy), whose=", the proxy")
    if code == pycurl.E_COULDNT_CONNECT and proxy and connect_status < 300:
        return never_sent(ProxyFailed(url, f"no connection to the proxy {proxy} ({text})"))
    if code == _PROXY_FAILED or "SOCKS" in text:
        said = text.lower()
        of_us = any(sign in said for sign in ("authentication", "credential"))
        kind = ProxyRefused if of_us else Refused if "rejected" in said or "denied" in said else ConnectFailed
        return never_sent(kind(url, f"the proxy {proxy} did not connect us ({text})"))
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return never_sent(ConnectFailed(url, f"{text}{through}")) if proxy else name_error(url, host)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return never_sent(TimedOut(url, f"no connection{through} in time"))
    if code in (401, 403, 407) or connect_status in (401, 403, 407):
        return (Refused if connect_status == 403 else ProxyRefused)(url, proxy_words(proxy, connect_status))
    if connect_status >= 300:  # mostly about the host that it should have connected us to
        return never_sent(ConnectFailed(url, proxy_words(proxy, connect_status)))
    if code in _TLS_CODES or code == pycurl.E_SSL_CONNECT_ERROR:
        if code == pycurl.E_SSL_CONNECT_ERROR and any(sign in text.lower() for sign in _BROKEN_TLS):
            return never_sent(ConnectFailed(url, f"the connection{through} broke in the TLS handshake"))
        return TLSFailed(url, tls_words(text))
    if "Location" in text:
        return BadAnswer(url, "several Location headers that differ")
    if code in _NOT_HTTP:
        return BadAnswer(url, f"the answer is not HTTP ({text})")
    if code in _TOO_MUCH or (code == pycurl.E_RECV_ERROR and "header" in text.lower() and "large" in text.lower()):
        return BadAnswer(url, f"too many or too long header lines ({text})")
    if code == pycurl.E_FILESIZE_EXCEEDED:
        return TooLarge(url, "too large")
    if code in _NEVER_SENT:
        return Refused(url, f"not a URL that can be sent ({text})")
    if answered:
        return Incomplete(url, f"the answer broke off ({text})")
    failed = ConnectFailed(url, f"{_WORDS.get(code, text)}{through}")
    return never_sent(failed) if code in _NOT_CONNECTED else failed


def no_descriptor_left(error: BaseException) -> bool:
    """Whether the process, or the system, has run out of file descriptors."""
    return any(isinstance(each, OSError) and each.errno in (errno.EMFILE, errno.ENFILE) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """*error* and what lies below it: causes, contexts, reasons and wrapped arguments."""
    waiting: list[object] = [error]
    met: set[int] = set()
    while waiting and len(met) < 50:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in met:
            continue
        met.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def from_urllib3(error: Exception, url: str, host: str, *, answered: bool, proxy: str, where: str = "") -> FetchError:
    """Our error for one raised by urllib3, http.client, ssl or a socket; arguments as in `from_curl`.

    Args:
        where: Where the connection was to go, see `unreachable`.
    """
    through = f" through the proxy {proxy}" if proxy else ""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, FetchError):
            return each
    for each in chain:
        if isinstance(each, socket.gaierror):
            return (
                from_gaierror(url, _host_of(proxy), each, whose=", the proxy")
                if proxy
                else from_gaierror(url, host, each)
            )
        if isinstance(each, TimeoutError | u3.ConnectTimeoutError | u3.ReadTimeoutError):
            late = TimedOut(url, f"no connection or no byte{through} in time")
            return never_sent(late) if isinstance(each, u3.ConnectTimeoutError) else late
        if isinstance(each, ssl.SSLError | ssl.CertificateError):
            if any(sign in str(each).lower() for sign in _BROKEN_TLS):
                break
            return (
                Incomplete(url, f"the answer broke off ({each})") if answered else TLSFailed(url, tls_words(str(each)))
            )
        if isinstance(each, OSError) and "Tunnel connection failed" in str(each):
            status = int((str(each).partition("failed: ")[2][:3] or "0").strip() or 0)
            kind = ProxyRefused if status in (401, 407) else Refused if status == 403 else ConnectFailed
            return kind(url, proxy_words(proxy, status))
        if isinstance(each, OSError) and each.errno in NOBODY_THERE and not answered:
            return unreachable(url, each.errno, where or host)
        if isinstance(each, http.client.LineTooLong):
            return BadAnswer(url, f"a line without end ({each})")
        if isinstance(each, u3.LocationValueError | u3.InsecureRequestWarning):
            return Refused(url, f"not a URL that can be sent ({each})")
    why = str(chain[-1]) or type(chain[-1]).__name__
    if answered:
        return Incomplete(url, f"the answer broke off ({why})")
    failed = ConnectFailed(url, f"no connection{through}, or it broke before the answer ({why})")
    return never_sent(failed) if any(isinstance(each, u3.NewConnectionError) for each in chain) else failed
