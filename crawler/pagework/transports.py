"""The transports of a process: one for each name and version of HTTP, shared by its sessions."""

from __future__ import annotations

from typing import cast

from requests.adapters import BaseAdapter

from crawler.fetching.transport import Transport, make_transport
from crawler.settings import Settings


class Transports:
    """Made when first needed, under the pool's lock; closed here, not by a session.

    Args:
        trusted: Hosts that may be private; it grows.
    """

    def __init__(self, settings: Settings, trusted: set[str]) -> None:
        self._settings, self._trusted = settings, trusted
        self._made: dict[tuple[str, str], Transport] = {}

    def get(self, name: str = "", http: str = "") -> BaseAdapter:
        """The transport of the setting, or of a name; sessions share it, and it is closed here."""
        kind = name or self._settings.transport, http or self._settings.http
        if kind not in self._made:
            self._made[kind] = make_transport(self._settings, self._trusted, *kind)
        return cast(BaseAdapter, self._made[kind])  # requests needs nothing that it lacks

    def abort_all(self) -> None:
        """Make every transfer under way fail, and every later one."""
        for each in list(self._made.values()):
            each.abort_all()

    def close(self) -> None:
        """Hang up."""
        for each in list(self._made.values()):
            each.close()
