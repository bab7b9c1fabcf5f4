"""What the parts of the SQLite store share: the connection, the cipher and the clock."""

from __future__ import annotations

from collections.abc import Callable

from crawler.stores.base import Cipher
from crawler.stores.connection import Connection


class Part:
    """One job of the store. The parts are joined by inheritance in `SQLiteStore`; each prepares itself in `_setup`."""

    _connection: Connection
    _cipher: Cipher
    _clock: Callable[[], float]

    def _setup(self) -> None:
        """Make the caches of this part."""

    def now(self) -> float:
        """The store's clock, seconds since 1970."""
        return self._clock()
