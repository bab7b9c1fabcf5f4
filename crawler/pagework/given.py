"""Runs a callback, and turns what it yields into items, found requests, files, and things kept aside.

`KeptAside` holds what is not a valid item.

`CallbackWatch` reports callbacks that run for too long while they are still running: one that never ends would go
unnoticed otherwise. Nothing is done to them: a thread cannot be stopped from outside. Whoever reads the warning can
stop the run, which does not wait for them beyond `grace`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from crawler.built_forms import noted
from crawler.callback_results import each_of
from crawler.errors import DropItem, ItemRefused, SpiderError
from crawler.frontier.admission import Joined
from crawler.frontier.known import KnownLinks
from crawler.items import NotStorable, refused_by_its_class, rejected, to_row, with_storable_fields
from crawler.late_pattern import late_pattern
from crawler.outcome import Found, ItemRow, Outcome, Rejected, without_numbers
from crawler.pages.filled import Filled
from crawler.pages.following import Followed, handed_out
from crawler.pages.targets import Targets
from crawler.pagework.callback_code import stands_at
from crawler.pagework.links_given import LinksGiven
from crawler.request import NO_LINK, Request
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.urls import absolute

_OFTEN_S = 0.25
_SELDOM_S = 5.0


class CallbackWatch:
    """Watches the callbacks of a process.

    Args:
        limit_s: Seconds, above 0, after which a callback is reported, once.
        tell: Called with its URL and the seconds so far, on this object's thread; it must not wait.
    """

    def __init__(self, limit_s: float, tell: Callable[[str, float], None]) -> None:
        self._limit_s, self._tell = limit_s, tell
        self._lock = threading.Lock()  # guards _running
        self._running: dict[int, tuple[float, str]] = {}  # thread: when its callback began, and for which URL
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="crawl-callbacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop watching; may be called twice, and without `start`."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def begins(self, url: str) -> None:
        """A callback begins, on this thread."""
        with self._lock:
            self._running[threading.get_ident()] = (time.monotonic(), url)

    def ends(self) -> None:
        """It is over, however it went."""
        with self._lock:
            self._running.pop(threading.get_ident(), None)  # gone if it was already reported

    def _watch(self) -> None:
        while not self._over.wait(min(max(self._limit_s / 4, _OFTEN_S), _SELDOM_S)):
            now = time.monotonic()
            with self._lock:
                late = {key: each for key, each in self._running.items() if now - each[0] > self._limit_s}
                for thread in late:
                    del self._running[thread]
            for began, url in late.values():
                self._tell(url, now - began)


_MOST = 1_000  #: per page
_REASONS = 20
_LONGEST_REASON = 200  # characters


class KeptAside:
    """Collects what one page yielded that is not stored: invalid items, and what `on_item` left out. For one thread.

    Args:
        keys: `Spider.keys`.
        session: The one that fetched the page.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]], session: str) -> None:
        self._keys, self._session = keys, session
        self._reasons, self._left_out = Counter[str](), Counter[str]()
        self.rejected: list[Rejected] = []
        self._stopped: ItemRefused | None = None

    def add(self, produced: Any, why: NotStorable) -> None:
        """Keep something; beyond a large number, only count it."""
        self._reasons[str(why)] += 1
        if len(self.rejected) < _MOST:
            self.rejected.append(rejected(produced, why, self._keys, self._session))

    def leave_out(self, why: DropItem) -> None:
        """Count something that is left out."""
        self._left_out[without_numbers(str(why))[:_LONGEST_REASON]] += 1

    def stop(self, error: Exception) -> bool:
        """Keep the item at which a callback ended. Returns whether it was the class of an item that raised."""
        refused = refused_by_its_class(error)
        if refused is None:
            return False
        self.add(*refused)
        self._stopped = ItemRefused(refused[0].kind.__name__, str(refused[1]))
        self._stopped.__cause__ = error
        return True

    def put_into(self, outcome: Outcome, notes: LinksGiven | None, keyed: list[Request]) -> None:
        """Record it in the page's outcome, with a warning for each reason, the most frequent first.

        Args:
            keyed: Files with a key that the page gave.
        Raises:
            StoppedAtItem: The callback ended at one of these.
        """
        if self._left_out:
            outcome.dropped = self._left_out
        if self._reasons:
            if notes is not None:
                notes.incomplete = True  # what was kept aside is to be reported again
            outcome.rejected = self.rejected
            outcome.warnings += tuple(
                f"{count:,} item{'s' if count > 1 else ''} kept out: {why}"
                for why, count in self._reasons.most_common(_REASONS)
            )
        if self._stopped is not None:
            raise StoppedAtItem(self._stopped, keyed)


class StoppedAtItem(Exception):
    """A callback ended at an item that its class refuses.

    Attributes:
        error: What is reported about it.
        keyed: Files with a key that it gave before.
    """

    def __init__(self, error: ItemRefused, keyed: list[Request]) -> None:
        super().__init__(str(error))
        self.error, self.keyed = error, keyed


Bare = Callable[[str], str] | None
_SCHEME = late_pattern(r"\s*(?!https?:)([A-Za-z][\w+.-]{1,15}:)")
_PORTION = 2_000  #: links of one page that are held in memory; more go to the frontier before the page is done


class Admits(Protocol):
    """What this needs of `frontier.admission.Admission`."""

    known: KnownLinks

    def session_of(self, session: str | None) -> str: ...

    def admit(self, request: Request, *, depth: int, session: str | None = None, parent: int = 0) -> Found | None: ...

    def admit_links(
        self, links: Iterable[tuple[str, Any]], callback: str, session: str, *, depth: int, parent: int
    ) -> Iterator[tuple[str, Found]]:
        """What `admit` says about plain links, one after the other (`Admission.admit_links`)."""
        for url, link in links:
            row = self.admit(Request.of_link(url, callback, session, link), depth=depth, parent=parent)
            if row is not None:
                yield url, row


class _Requests:
    """The requests that one page gives, as its callback yields them. Used by one thread.

    Args:
        portion, bare, notes: As in `CallbackResults`.

    Attributes:
        joined: Requests that are not sent, since an equal one of the page is.
        keyed: Files with a key, not in any row yet.
    """

    def __init__(
        self,
        admission: Admits,
        portion: Callable[[list[Found]], None],
        outcome: Outcome,
        request: Request,
        bare: Bare,
        notes: LinksGiven | None,
    ) -> None:
        self._admission, self._portion, self._outcome = admission, portion, outcome
        self._bare, self._notes = bare, notes
        self._session, self._depth, self._page = request.session, request.depth + 1, outcome.request.id
        self._found: dict[bytes, Found] = {}
        self.joined = Joined()
        self.keyed: list[Request] = []

    def found(self) -> list[Found]:
        """The rows, without those that were stored before the page."""
        return list(self._found.values())

    def take(self, link: Request) -> None:
        """Take one of any kind. Raises NotStorable."""
        if link.url.startswith(NO_LINK):
            scheme = found[1].lower() if (found := _SCHEME.match(link.url, len(NO_LINK))) is not None else "broken"
            self._outcome.warnings += (f"a link that cannot be fetched was passed over ({scheme})",)
            return
        self._outcome.requests += 1
        if self._bare is not None:
            link = link.replace(url=self._bare(link.url))
        if link.file is not None and _has_key(link, link.file, self.keyed):
            return
        row = self._admission.admit(link, depth=self._depth, session=self._session, parent=self._page)
        if self._notes is not None:
            self._notes.one(link, row)
        if row is not None:
            self.joined.note(link, row)
            outcome = self._outcome
            own = link.body is not None and outcome.session_key and row.session == outcome.session_name
            self._keep(noted(row, outcome.epoch) if own else row)

    def take_rest(self, links: Followed) -> None:
        """Take all links that a callback still has to hand out."""
        session, notes = self._admission.session_of(links.session or self._session), self._notes
        fresh = self._new_among(links, session)
        self._outcome.requests += len(fresh)
        for url, row in self._admission.admit_links(
            fresh, links.callback, session, depth=self._depth, parent=self._page
        ):
            if row.skipped and notes is not None:
                notes.refused(url, row)
            self._keep(row)

    def _keep(self, row: Found) -> None:
        found = self._found
        if row.fingerprint not in found:
            found[row.fingerprint] = row
            if len(found) >= _PORTION:
                self._portion(list(found.values()))
                found.clear()

    def _new_among(self, links: Followed, session: str) -> list[tuple[str, Any]]:
        """Take all links that a callback still has to hand out; URL and element of those that may be new.

        Args:
            session: Name of the one that sends them.
        """
        notes, bare = self._notes, self._bare
        if notes is not None and bare is None and isinstance(links.target, Targets):
            notes.written(links.callback, links.session, links.target, links.left())
        elif notes is not None:
            urls = links.urls()
            notes.several(links.callback, links.session, urls if bare is None else map(bare, urls))
        known, place, site = self._admission.known, links.place, links.site
        fresh, settled, of_all = links.rest(
            known.urls(session), known.written(session, place), known.written(session, site)
        )
        if place:
            if of_all:
                known.settle(session, site, of_all)
            if settled:
                known.settle(session, place, settled)
        if bare is None:
            return fresh
        return [(absolute("", bare(url)).partition("#")[0], link) for url, link in fresh]


class CallbackResults:
    """Collects what callbacks of one spider give. Safe from any thread: it keeps nothing between pages.

    Args:
        portion: Takes found requests of a page that has very many, before the page is committed.
        watch: Watches callbacks while they run.
    """

    def __init__(
        self,
        spider: Spider,
        settings: Settings,
        admission: Admits,
        *,
        portion: Callable[[list[Found]], None],
        watch: CallbackWatch,
    ) -> None:
        self._admission, self._portion, self._watch = admission, portion, watch
        self._callback_time_s = settings.callback_time
        self._keys: Mapping[str, Sequence[str]] = spider.keys
        self._spider = spider
        self._methods = {""}  # callbacks known to exist; safe from any thread: it is only added to

    def collect(
        self,
        outcome: Outcome,
        request: Request,
        call: Callable[[], Any],
        bare: Bare,
        notes: LinksGiven | None = None,
        step: Callable[[Any], Any] | None = None,
    ) -> list[Request]:
        """Run a callback and sort what it yields into items and found requests.

        Returns:
            Files with a key, which are not among the requests yet.
        Raises:
            StoppedAtItem: It ended at an item that its class refuses; the outcome has what it gave before.

        Args:
            bare: Takes out of a URL what the session adds to each one; None where it adds nothing.
            notes: Where all requests that it yields are noted.
            step: What each item passes through; None where it is kept as it is.
        """
        started = time.perf_counter()
        items: list[ItemRow] = []
        returned: list[str] = []  # what is lost
        aside: KeptAside | None = None
        requests = _Requests(self._admission, self._portion, outcome, request, bare, notes)
        keys, fetched_by, methods = self._keys, outcome.session_name, self._methods

        self._watch.begins(request.url)
        try:
            results = call()
            for produced in each_of(results, returned.append):
                try:
                    if isinstance(produced, Request):
                        try:
                            if not (produced.callback in methods and produced.errback in methods):
                                self._check_methods(produced)
                            requests.take(produced)
                        except SpiderError as error:
                            place = stands_at(results)
                            raise SpiderError(f"{error}{f' at {place}' if place else ''}") from None
                        following = handed_out(results)
                        if following is not None:
                            requests.take_rest(following)
                    elif type(produced) is Filled:
                        requests.take(produced.request())
                    elif produced is not None:
                        items.append(to_row(produced if step is None else step(produced), keys, fetched_by))
                except NotStorable as why:
                    (aside := aside or KeptAside(keys, fetched_by)).add(produced, why)
                except DropItem as why:
                    (aside := aside or KeptAside(keys, fetched_by)).leave_out(why)
        except Exception as error:
            if not (aside := aside or KeptAside(keys, fetched_by)).stop(error):
                raise
        finally:
            self._watch.ends()
        outcome.items, outcome.found = items, requests.found()
        outcome.warnings += tuple(returned) + requests.joined.told("page")
        if time.perf_counter() - started > self._callback_time_s:
            outcome.warnings += (f"callback took {time.perf_counter() - started:.1f} s",)
        if aside is not None:
            aside.put_into(outcome, notes, requests.keyed)
        return requests.keyed

    def _check_methods(self, link: Request) -> None:
        """Refuse a request whose callback is not a method: once stored, it would fail in every run.

        Raises:
            SpiderError: It is none.
        """
        for name in (link.callback, link.errback):
            self._spider.callback(name)
            self._methods.add(name)


def _has_key(link: Request, file: Mapping[str, Any], keyed: list[Request]) -> bool:
    """Whether a file may be held under its key: then it is added to *keyed*. Raises NotStorable.

    Its fields are plain values from here on.
    """
    link.file = with_storable_fields(file)
    if link.file["key"]:
        keyed.append(link)
    return bool(link.file["key"])
