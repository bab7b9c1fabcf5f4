"""The seam below the sessions: what a transport is, and how one is chosen by its name.

``curl`` and ``urllib3`` are built in, and so are ``chrome``, ``firefox`` and ``safari``, which look like these
browsers. A package brings others as entry points of the group ``crawler.transports``: a class or function that is
called with `TransportOptions`. The setting `transport` names the one that all sessions share; `Identity.transport`
another for one session.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Container, Mapping
from dataclasses import field, replace
from typing import Any, Protocol

import requests

from crawler.errors import UsageError
from crawler.fetching.addresses import AddressRule
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.impersonating import BROWSERS, adapter_of
from crawler.fetching.libcurl_options import has_http3, libcurl_name
from crawler.fetching.limits import Limits
from crawler.quick_dataclass import field_names, quick_dataclass
from crawler.response import Response
from crawler.settings import Settings

BUILT_IN = ("curl", "urllib3", *BROWSERS)
GROUP = "crawler.transports"  #: of entry points
_IDLE = 256  #: connections that are kept, of all hosts together; each holds two descriptors and some 70 kB


class Transport(Protocol):
    """Sends requests; an adapter of requests. Safe from any thread: all sessions of a process share one.

    `send` returns the final answer with its body read and decoded, of the class that the options name. It follows no
    redirect, keeps no cookie, and takes nothing from the environment. It raises `crawler.errors.FetchError`, and what
    the body of the request or a sink raises. ``tests/fetching`` holds every transport to this, and to much more.

    One whose requests can be begun in one place and finished in another inherits
    `crawler.fetching.carried.CarriedAdapter`: its transfers need no thread each. With any other, each request has a
    thread that waits for it.

    Attributes:
        sinks: The body of a good answer goes to the ``sink`` of the request as it comes; else all of it is in memory.
        proxies: It goes through http and https proxies.
        socks: It goes through SOCKS proxies.
        keeps_connections: One connection serves several requests.
        browser_headers: It sends the headers of a browser by itself; a session adds none but those that it was given.
    """

    sinks: bool
    proxies: bool
    socks: bool
    keeps_connections: bool
    browser_headers: bool

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its answer; arguments as in requests.

        The *request* may be a `crawler.sessions.prepared.Prepared`, with limits and a sink.
        """
        ...

    def close(self) -> None:
        """Close idle connections now and those in use after their answer; later sends raise `ConnectFailed`."""
        ...

    def abort_all(self) -> None:
        """Make every transfer under way fail within half a second, and every later one at once."""
        ...


@quick_dataclass
class TransportOptions:
    """What a transport is made with.

    Attributes:
        connections: Most idle connections to keep, of all hosts together.
        limits: For requests that bring none of their own.
        address_rule: Asked before each connect; None lets every address pass.
        response_class: Made without arguments; attributes are set on it.
        resolve: Addresses by host, instead of DNS; None for DNS alone.
        http: ``"1.1"``; ``"2"`` or ``"3"`` where a server offers it over TLS; ``"auto"`` for the newest that both know.
    """

    connections: int = 32
    limits: Limits = field(default_factory=Limits)
    address_rule: AddressRule | None = None
    response_class: type[requests.Response] = Response
    resolve: Mapping[str, list[str]] | None = None
    http: str = "1.1"


MakeTransport = Callable[[TransportOptions], Transport]


def limits_of(settings: Settings) -> Limits:
    """What one exchange may cost."""
    return Limits(
        deadline_s=settings.deadline, max_size_bytes=settings.max_size, min_speed_bytes_s=float(settings.min_speed)
    )


def make_transport(settings: Settings, trusted_hosts: Container[str], name: str = "", http: str = "") -> Transport:
    """The transport that sessions of a process share.

    Args:
        trusted_hosts: Hosts that may have private addresses: those of the start URLs; may grow while it is used.
        name: "" for that of the setting.
        http: The same.
    Raises:
        UsageError: There is none of that name, or it cannot speak that version of HTTP.
    """
    check_http(name or settings.transport, http or settings.http)
    rule = None if settings.allow_private else AddressRule(trusted_hosts)
    idle = min(max(2 * settings.workers, min(_IDLE, _open_files() // 4)), connections_allowed())
    options = TransportOptions(idle, limits_of(settings), rule, http=http or settings.http)
    return maker_of(name or settings.transport)(options)


def check_http(transport: str, http: str) -> None:
    """Raise UsageError where *transport* cannot speak that version of HTTP here; "auto" means whatever it can."""
    if transport == "urllib3" and http in ("2", "3"):
        raise UsageError(f"transport urllib3 speaks HTTP/1.1 only, not {http}: leave one of them out")
    if http == "3" and transport in BROWSERS:
        raise UsageError(f"transport {transport} speaks HTTP/2 where it is offered, and no HTTP/3: leave http out")
    if http == "3" and transport == "curl" and not has_http3():
        raise UsageError(
            f"the libcurl here ({libcurl_name()}) is built without HTTP/3: install a pycurl whose libcurl has it, or"
            ' set http = "auto", which takes the newest available version'
        )


def maker_of(name: str) -> MakeTransport:
    """What makes the transport of that name. Raises UsageError where there is none, or it cannot be loaded."""
    if name == "curl":
        from crawler.fetching.libcurl_adapter import CurlAdapter

        return lambda options: CurlAdapter(**_arguments(options))
    if name == "urllib3":
        from crawler.fetching.urllib3_adapter import Urllib3Adapter

        return lambda options: Urllib3Adapter(**_arguments(replace(options, http="")))
    if name in BROWSERS:
        adapter = adapter_of(name)
        return lambda options: adapter(**_arguments(options))
    from importlib.metadata import entry_points  # only for one that is not built in

    found = {each.name: each for each in entry_points(group=GROUP)}
    if name not in found:
        raise UsageError(f"no transport {name!r} is installed; there are: {', '.join([*BUILT_IN, *found])}")
    try:
        made: MakeTransport = found[name].load()
    except Exception as error:
        raise UsageError(f"transport {name} cannot be loaded: {type(error).__name__}: {error}") from error
    return made


def _arguments(options: TransportOptions) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in field_names(TransportOptions)}
    return {name: value for name, value in given.items() if name != "http" or value}


def _open_files() -> int:
    """How many descriptors this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 4 * _IDLE if soft == resource.RLIM_INFINITY else soft
