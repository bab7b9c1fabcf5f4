"""Which run a worker joins, and with which settings: one that goes on, of the same version of the spider."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from crawler.errors import UsageError
from crawler.runs.begun_with import BegunWith, begun_with
from crawler.settings import Settings
from crawler.signal_event import SignalEvent
from crawler.stores.base import RunRow, Store
from crawler.urls import printable

REPLACED: Final = "replaced"  #: ending of a worker whose files are now another version, for which there is a run

log = logging.getLogger("crawler.engine")

_LOOK_S = 1.0
_SOON_S = 0.1
_TELLS_WITHIN_S = 3.0  #: after its beginning, a run's process records what it began with; earlier versions never did


@dataclass
class Search:
    """What a worker looks for.

    Attributes:
        key: The spider's arguments, as stored.
        wait: Until there is a run.
        told: Set when the worker is told to leave.
        beat: Called with each look: the worker is alive.
        code: The version of the spider that this process has loaded.
        code_on_disk: Finds out which version its files are now.
        is_replaced: Files of the version that was looked for were found; this process cannot load them.
    """

    spider: str
    key: str
    wait: bool
    told: SignalEvent
    beat: Callable[[], None]
    code: str
    code_on_disk: Callable[[], str]
    is_replaced: bool = False
    _said: set[str] = field(default_factory=set)

    def run(self, store: Store) -> RunRow | None:
        """The run to join: the last one, if its end is not recorded, and it is of our version of the spider.

        A run whose members are all dead is continued: it is not over.

        Returns:
            None when we were told to leave meanwhile, or `is_replaced`.
        Raises:
            UsageError: There is none, and we are not to wait.
        """
        while not self.told.is_set():
            found = next((row for row in store.runs.last(self.spider) if row.args == self.key), None)
            if found is not None and found.ended_at is None:
                begun = begun_with(store.values, found)
                if begun is None and store.now() < found.started_at + _TELLS_WITHIN_S:
                    self.told.wait(_SOON_S)
                    continue
                if begun is None or begun.is_of(self.code):
                    return found
                if begun.is_of(self.code_on_disk()):
                    self.is_replaced = True
                    return None
                self._not(of_another_version(found, begun))
            else:
                self._not(
                    f"{self.spider} is not being crawled on {store.path}; `crawl run` begins it, --wait waits for it",
                    f"waiting until a run of {self.spider} begins on {store.path}",
                )
            self.beat()
            self.told.wait(_LOOK_S)
        return None

    def _not(self, why: str, waiting: str = "") -> None:
        """There is no run for us: if we wait for one, say so once. Raises UsageError otherwise."""
        if not self.wait:
            raise UsageError(why)
        said = waiting or f"waiting: {why}"
        if said not in self._said:
            self._said.add(said)
            log.log(logging.INFO if waiting else logging.WARNING, "%s", said)


def of_another_version(run: RunRow, begun: BegunWith) -> str:
    """Why a process does not join a run, and what to do."""
    return (
        f"run {run.id} of {run.spider} was begun with another version of the spider ({printable(begun.process)});"
        f" bring the files of this machine up to date, or end that run (`crawl drain {run.spider}`) and go on from here"
    )


def settings_for(store: Store, run: RunRow, own: Settings) -> Settings:
    """The settings with which a process joins a run: its own, except for what a site notices."""
    begun = begun_with(store.values, run)
    changes: dict[str, Any] = begun.taken(own) if begun is not None else {}
    if changes:
        told = ", ".join(f"{name}={printable(json.dumps(value))}" for name, value in changes.items())
        log.info("as run %d was begun: %s", run.id, told)
    return own.replace(max_pages=run.max_pages, **changes)
