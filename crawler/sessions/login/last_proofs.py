"""When a run stops before its end: what its sessions brought is proved once, or fetched again by the next run.

Without that, a session that ends between two runs takes with it all that the first one brought since its last proof,
and runs that stop after fewer pages than that never come to an end. On the scheduler's thread; no login is made for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.ports import Requests
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.unproven import UnprovenPages
from crawler.sessions.pool import SessionPool

_log = logging.getLogger("crawler.engine")


class LastProofs:
    """The last proof of each session of a run that stops.

    Args:
        reopen: Lets pages wait again: of a session, of an epoch, sent since then (None for none).
    """

    def __init__(
        self,
        pool: SessionPool,
        requests: Requests,
        *,
        reopen: Callable[[str, int, float | None], None],
        clock: Callable[[], float],
    ) -> None:
        self._pool, self._requests, self._reopen, self._clock = pool, requests, reopen, clock
        self._begun = False
        self.under_way = 0  #: probes

    def go_on(self, all_unproven: Mapping[str, UnprovenPages]) -> bool:
        """Begin, once. Whether a probe is under way."""
        if not self._begun:
            self._begun = True
            for name, pages in all_unproven.items():
                manager = self._pool.manager(name)
                if pages.evidence.uncovered and manager.record.state is LoginState.READY:
                    self.under_way += 1
                    self._requests.give_task(self._task(manager, pages))
        return self.under_way > 0

    def _task(self, manager: LoginManager, pages: UnprovenPages) -> Callable[[], Callable[[], None]]:
        epoch = manager.record.epoch

        def task() -> Callable[[], None]:
            at = self._clock()
            try:
                good = manager.still_good()
            except Exception:  # noqa: BLE001 - users' code looks at the page; the run is about to end
                _log.exception("session %s: the last probe failed", manager.session.name)
                good = None
            return lambda: self._answered(manager, pages, epoch, (at, good))

        return task

    def _answered(
        self, manager: LoginManager, pages: UnprovenPages, epoch: int, told: tuple[float, bool | None]
    ) -> None:
        self.under_way -= 1
        at, good = told
        if good:
            self._requests.prove(pages.good(at, self._clock()).proved, epoch)
        elif good is not None and manager.expire(epoch, "the run stops, and the probe says that we are logged out"):
            self._reopen(manager.session.name, epoch, pages.lost().since)
