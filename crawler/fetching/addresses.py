"""Which addresses a connection may go to: asked after DNS, before connect(), so that no name can hide an address."""

from __future__ import annotations

from collections.abc import Callable, Container
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from crawler.urls import is_private

_INSIDE: Final = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
)  # where an organisation keeps its own servers


class AddressRule:
    """No private address, except for trusted hosts. Safe from any thread if the given container is.

    A trusted host that had a public address in this run and then turns private is refused: it was not an internal host
    when it was trusted, and whoever controls its name now points it at our network (DNS rebinding).

    With a proxy it is the proxy that resolves and connects: then only a host written as an address is checked.
    """

    def __init__(self, allow_private_hosts: Container[str] | Callable[[str], bool] = ()) -> None:
        """Make the rule.

        Args:
            allow_private_hosts: Hosts, lower case and without brackets, that may have private addresses (those of the
                start URLs), or a function that decides. It is called for each new connection.
        """
        self._trusted = allow_private_hosts if callable(allow_private_hosts) else allow_private_hosts.__contains__
        self._public: set[str] = set()  # trusted hosts that had a public address; these two sets only grow
        self._led: set[str] = set()  # private hosts that a private host of ours has led to

    def refuses(self, host: str, address: str, led_by: str = "") -> str:
        """Why a connection for *host* must not go to *address* (an IP address as text); "" when it may.

        Args:
            led_by: Address of the host that redirected here, if it may lead to other hosts of its network, as the
                start page of an intranet leads to its single sign-on; "" for none.
        """
        address = address.partition("%")[0]
        trusted = self._trusted(host)
        if not is_private(address):
            if trusted:
                self._public.add(host)
            return ""
        if trusted and host in self._public:
            return f"{host} had a public address when this run began, and has the private address {address} now"
        if trusted or host in self._led:
            return ""
        if led_by and may_lead(led_by, address):
            self._led.add(host)
            return ""
        return (
            f"{host} has the private address {address}: if the crawl belongs there, name it: in allowed_domains for "
            "its pages, in login_url or Identity(..., origins=[...]) for a login there, which is enough "
            "(allow_private=true allows the connection, and no page of another host)"
        )

    def refuses_literal(self, host: str, led_by: str = "") -> str:
        """The same for a host that is itself an address; "" for names, which are resolved elsewhere."""
        if not (":" in host or host.rpartition(".")[2][:1].isdigit()):
            return ""
        return self.refuses(host, host, led_by)


def may_lead(one: str, other: str) -> bool:
    """Whether a server at *one* may redirect us to *other*: both are inside one network, or both on this machine.

    What runs on this machine may lead inside, never the other way; and nothing may lead to link-local addresses, where
    clouds keep their credentials.
    """
    return (_kind(one), _kind(other)) in (("inside", "inside"), ("loopback", "loopback"), ("loopback", "inside"))


def _kind(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback:
        return "loopback"
    return "inside" if any(ip in network for network in _INSIDE if network.version == ip.version) else ""
