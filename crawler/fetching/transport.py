"""The engine below the sessions: one adapter for all of them, by the setting `transport`."""

from __future__ import annotations

import resource
from collections.abc import Container

from requests.adapters import BaseAdapter

from crawler.fetching.addresses import AddressRule
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.limits import Limits
from crawler.response import Response
from crawler.settings import Settings

_IDLE = 256  #: connections that are kept, of all hosts together; each holds two descriptors and some 70 kB


def limits_of(settings: Settings) -> Limits:
    """What one exchange may cost."""
    return Limits(
        deadline_s=settings.deadline, max_size_bytes=settings.max_size, min_speed_bytes_s=float(settings.min_speed)
    )


def _open_files() -> int:
    """How many descriptors this process may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 4 * _IDLE if soft == resource.RLIM_INFINITY else soft


def make_transport(settings: Settings, trusted_hosts: Container[str]) -> BaseAdapter:
    """The adapter that the sessions of a process share.

    Args:
        trusted_hosts: Hosts that may have private addresses: those of the start URLs; may grow while it is used.
    """
    idle = min(max(2 * settings.workers, min(_IDLE, _open_files() // 4)), connections_allowed())
    rule = None if settings.allow_private else AddressRule(trusted_hosts)
    if settings.transport == "urllib3":
        from crawler.fetching.pooled import PooledAdapter

        return PooledAdapter(connections=idle, limits=limits_of(settings), address_rule=rule, response_class=Response)
    from crawler.fetching.curl import CurlAdapter

    return CurlAdapter(connections=idle, limits=limits_of(settings), address_rule=rule, response_class=Response)
