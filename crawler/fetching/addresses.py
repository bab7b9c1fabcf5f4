"""Which addresses a connection may go to: asked after DNS, before connect(), so that no name can hide an address."""

from __future__ import annotations

from collections.abc import Callable, Container

from crawler.urls import is_private


class AddressRule:
    """No private address, except for trusted hosts. Safe from any thread if the given container is.

    With a proxy it is the proxy that resolves and connects: then only a host written as an address is checked.
    """

    def __init__(self, allow_private_hosts: Container[str] | Callable[[str], bool] = ()) -> None:
        """Make the rule.

        Args:
            allow_private_hosts: Hosts, lower case and without brackets, that may have private addresses (those of the
                start URLs), or a function that tells. It is asked for each new connection.
        """
        self._trusted = allow_private_hosts if callable(allow_private_hosts) else allow_private_hosts.__contains__

    def refuses(self, host: str, address: str) -> bool:
        """Whether a connection for *host* must not go to *address* (an IP address as text)."""
        return is_private(address.partition("%")[0]) and not self._trusted(host)

    def refuses_literal(self, host: str) -> bool:
        """The same for a host that is itself an address; False for names, which somebody else will resolve."""
        if not (":" in host or host.rpartition(".")[2][:1].isdigit()):
            return False
        return self.refuses(host, host)
