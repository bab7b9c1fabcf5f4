"""Files between fetch and commit: looked up, put in their place, let go of.

A worker fetches a file into a partial one (`crawler.pages.partials`) and leaves it here, under its request. Just before
its row is committed the scheduler puts it in its place; afterwards nothing about it is kept here. What is never
committed stays a partial file, and the next try continues with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from crawler.errors import UsageError
from crawler.judge import judge_unplaced
from crawler.outcome import FileRow, Outcome
from crawler.pages.file_folder import FileFolder
from crawler.pages.partials import Partial
from crawler.stores.calls import StoreCalls

log = logging.getLogger("crawler.engine")


class FileDesk:
    """The files of one run in this process.

    Args:
        spider: Name of the spider whose files they are.
        frontier: The crawl.
    """

    def __init__(self, folder: FileFolder, calls: StoreCalls, *, spider: str, frontier: int) -> None:
        self.folder, self._calls = folder, calls
        self._spider, self._frontier = spider, frontier
        self._lock = threading.Lock()  # guards _open
        self._open: dict[int, Partial] = {}  # by request

    # --- for workers ------------------------------------------------------------------------------------------------
    def look_up(self, session: str, url: str, key: str, epoch: int) -> tuple[FileRow | None, FileRow | None, str]:
        """What is held: a file that need not be requested, and the version at this URL. Waits for the store.

        Also what one that was taken back has left: ``LINK HASH``, "" for nothing.

        Args:
            epoch: Of the session now: what this crawl was told in an earlier one is asked again.
        """
        (by_key, at_url), left = self._calls(
            lambda store: (
                store.files.held(self._spider, session, url=url, key=key),
                store.files.left_name(self._spider, session, url=url),
            )
        )
        sure = by_key
        if at_url is not None and at_url.frontier == self._frontier and (at_url.proven or at_url.epoch == epoch):
            sure = sure or (at_url if not key else None)  # this crawl has asked already
        if sure is not None and not self.folder.has(sure.hash, sure.size_bytes):
            sure = None
        return sure, at_url, left

    def look_up_keys(self, session: str, keys: Iterable[tuple[str, str]]) -> list[FileRow | None]:
        """For each (url, key): the file with that key, where it is held. Waits for the store once."""
        wanted = list(keys)
        found = self._calls(
            lambda store: [store.files.held(self._spider, session, url=url, key=key)[0] for url, key in wanted]
        )
        return [row if row is not None and self.folder.has(row.hash, row.size_bytes) else None for row in found]

    def paths(self, file: FileRow) -> tuple[str, str]:
        """Where a file is and its readable name, as its item gives them."""
        return str(self.folder.path(file.hash)), self.folder.told(file.link)

    def open(self, request: int, url: str, session: str) -> Partial:
        """The partial file of a request. Raises `partials.Busy`, OSError."""
        with self._lock:
            left = self._open.pop(request, None)
        if left is not None:  # its page was fetched, and not taken: this is the next try
            left.close()
        partial = self.folder.partial(url, session)
        with self._lock:
            self._open[request] = partial
        return partial

    def let_go(self, request: int) -> None:
        """Nothing of this request is about to be committed; the part of its file that came stays for the next try."""
        with self._lock:
            partial = self._open.pop(request, None)
        if partial is not None:
            partial.close()

    # --- for the scheduler ------------------------------------------------------------------------------------------
    def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Put the new files of *outcomes* in their places: their rows are about to be committed."""
        for one in outcomes:
            if one.file is not None and one.file_was in ("new", "changed") and not one.file.id:
                self._publish(one)
            elif one.file is not None and one.file_was == "unchanged" and one.file_before:
                self._point_back(one, one.file)

    def _point_back(self, one: Outcome, file: FileRow) -> None:
        """A version was taken back, and the one before it is right after all: the name leads to that again."""
        try:
            self.folder.point(one.file_before, file.link, file.hash)
        except (OSError, UsageError) as error:
            one.warnings += (f"the readable name of the file leads to another version: {error}",)

    def _publish(self, one: Outcome) -> None:
        file = one.file
        assert file is not None
        partial = self._open.get(one.request.id)
        try:
            if partial is None:
                raise OSError("it no longer exists")
            self.folder.place(partial)
        except OSError as error:
            why = error.strerror or str(error)
            one.items, one.file = [], None
            one.settle(judge_unplaced(why))
            return
        try:
            link = self.folder.name(partial, file.name, one.file_before)
        except (OSError, UsageError) as error:  # the file itself is kept
            link = ""
            one.warnings += (f"the file has no readable name: {error}",)
        one.file = replace(file, link=link)
        for item in one.items:
            item.fields["link"] = self.folder.told(link)

    def committed(self, outcomes: Sequence[Outcome], taken: Iterable[int]) -> None:
        """The rows of *taken* are in the store; those of other requests are not."""
        sure = frozenset(taken)
        for one in outcomes:
            with self._lock:
                partial = self._open.pop(one.request.id, None)
            if partial is None:
                continue
            try:
                if one.request.id in sure and one.file is not None:
                    partial.drop()
                else:
                    partial.close()
            except OSError as error:
                log.warning("%s could not be removed: %s", partial.path, error)

    def close(self) -> None:
        """Let go of everything; what is there stays for the next run."""
        with self._lock:
            left, self._open = list(self._open.values()), {}
        for partial in left:
            partial.close()
