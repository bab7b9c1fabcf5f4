"""One file, from a leased request to its Outcome: requested so that nothing is fetched twice, judged, made an item.

It takes the same path as a page (`page_work`), but for the middle: the body goes into a partial file and not into
memory, and no callback runs. Runs on worker threads; keeps nothing between files.
"""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crawler.clock import unix_now
from crawler.errors import BadAnswer, CrawlError, FetchError, NotKept, StatusError, TooLarge, Transient, WrongFile
from crawler.fetching.fetcher import Fetched, Fetcher
from crawler.fetching.file_asking import validators_of
from crawler.fetching.file_sink import PAGE_BYTES, FileSink
from crawler.frontier.host_slot import Learned
from crawler.judge import Known, describe, is_hosts_fault, judge, judge_held, pause_s
from crawler.outcome import FileRow, ItemRow, Outcome, Verdict
from crawler.pages.downloads import clean_name, name_of
from crawler.pages.kinds import HEAD_BYTES, MARKUP_TYPES, image_size, is_markup, media_type, type_of, why_not
from crawler.pages.partials import Busy, Partial
from crawler.pagework.account_rest import account_has_to_rest
from crawler.pagework.file_desk import FileDesk
from crawler.pagework.file_rules import (
    FileRules,
    can_go_on,
    conditions_of,
    item_of,
    key_text_of,
    wanted_type,
    wants_markup,
)
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.flow import Call, Flow
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.watch import refuses_guests
from crawler.sessions.prepared import HopGuard
from crawler.sessions.session import Session
from crawler.stores.calls import Stopped
from crawler.urls import host_of, redact

_BUSY_S = 0.5  #: until we look again at a file that another request is fetching
_MOVED_BYTES = 64 * 1024  #: a try that brought this many and was cut does not count: the next one continues from there
_CHUNK_BYTES = 1 << 20  #: more than a transport gives a sink at once
_JUDGED = frozenset({"application/json", "text/plain", "application/xml", "text/xml"}) | MARKUP_TYPES
_Out = Callable[[Response], str | None]  # why an answer shows that the session is logged out, or refused


@quick_dataclass(frozen=False)
class _Job:
    """One file on its way.

    Attributes:
        at_url: The version that is held of this URL, None for none.
        left: Name and hash of a later one that was taken back, "" for none.
        wanted: Media types that it must have, "" for any.
        explicit: The spider has said so.
        sink: Of the last sending.
        began_bytes: Bytes that were there before the first sending of this turn.
    """

    request: Request
    session: Session
    partial: Partial
    at_url: FileRow | None
    wanted: str
    explicit: bool
    max_bytes: int
    left: str = ""
    sink: FileSink | None = None
    began_bytes: int = 0


class FileWork:
    """What workers do with the request of a file. Safe from any thread.

    Args:
        allows_host: Whether a host belongs to the crawl: redirects of files may lead nowhere else.
        logged_out: ``(session, page, asked URL) -> reason or None``.
        keys: `Spider.keys`.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        desk: FileDesk,
        rules: FileRules,
        *,
        allows_host: Callable[[str], bool],
        logged_out: Callable[[Session, Response, str], str | None],
        keys: Mapping[str, Sequence[str]],
    ) -> None:
        self._fetcher, self._desk, self._rules = fetcher, desk, rules
        self._allows_host, self._logged_out = allows_host, logged_out
        self._keys = keys

    def flow(
        self,
        outcome: Outcome,
        request: Request,
        manager: LoginManager,
        *,
        patient: bool,
        hop_guard: HopGuard | None,
        answered: Callable[[Outcome], Learned],
    ) -> Flow[None]:
        """The steps of one file; fills in *outcome*.

        Args:
            hop_guard: Redirects that must not be followed.
            answered: Called when the answer is in; returns what is known about its host from then on.
        """
        spec: dict[str, Any] = request.file or {}
        session, watched = manager.session, manager.wants_login
        identity, key = session.key, key_text_of(request)
        refused = manager.without_step.check(outcome.request.id, request)
        seen_out = (lambda page: self._logged_out(session, page, request.url)) if watched else refused
        try:
            sure, at_url, left = yield Call(lambda: self._desk.look_up(identity, request.url, key, session.epoch))
        except Stopped:
            return
        if sure is not None:
            self.take_held(outcome, request, sure)
            return
        try:
            partial = self._desk.open(outcome.request.id, request.url, identity)
        except Busy:
            outcome.not_before = unix_now() + _BUSY_S
            return
        except OSError as error:
            why = f"no file can be created in {self._desk.folder.root}: {error.strerror}"
            raise NotKept(request.url, why) from error
        wanted, explicit = wanted_type(spec, request.url)
        job = _Job(
            request,
            session,
            partial,
            at_url if at_url is not None and self._desk.folder.has(at_url.hash, at_url.size_bytes) else None,
            wanted,
            explicit,
            int(spec.get("max_size") or self._rules.limits.max_size_bytes or 0),
            left,
            began_bytes=partial.size_bytes,
        )
        try:
            fetched = yield from self._fetch(job, outcome, seen_out, patient, hop_guard)
            outcome.host_fault = is_hosts_fault(fetched.error) and not isinstance(fetched.error, NotKept)
            asked_s = pause_s(fetched)
            if asked_s:
                outcome.pause_slot_until = unix_now() + asked_s
            if fetched.error is not None:
                outcome.error = describe(fetched.error)
            rests = account_has_to_rest(outcome, fetched, session)
            learned = answered(outcome)
            outcome.pause_slot_until = learned.pause_until
            self._settle(job, outcome, fetched, watched, Known(host_given_up=learned.given_up, account_rests=rests))
        finally:
            if outcome.file_was not in ("new", "changed"):
                self._desk.let_go(outcome.request.id)

    def take_held(self, outcome: Outcome, request: Request, file: FileRow) -> None:
        """Take a held file without a request: only its item remains to be made."""
        outcome.settle(judge_held())
        outcome.sent_at, outcome.epoch = file.sent_at, file.epoch
        outcome.proven = file.proven or bool(file.key)
        self._take(outcome, request, file, "held")

    def held(self, session: Session, files: list[Request]) -> Flow[list[ItemRow | None]]:
        """For each of *files*, all with a key: its item, where it is held; None where it is to be fetched."""
        wanted = [(each.url, str((each.file or {})["key"])) for each in files]
        found = yield Call(lambda: self._desk.look_up_keys(session.key, wanted))
        return [
            None if row is None else item_of(file, row, self._desk.paths(row), self._keys, session.name)
            for file, row in zip(files, found, strict=True)
        ]

    # --- asking -----------------------------------------------------------------------------------------------------
    def _fetch(self, job: _Job, outcome: Outcome, out: _Out, patient: bool, guard: HopGuard | None) -> Flow[Fetched]:
        started = time.perf_counter()  # first: as in `Fetcher.flow`
        fetched = Fetched(sent_at=unix_now(), epoch=job.session.epoch)
        seen: list[Response] = []

        def send() -> Flow[Response]:
            fetched.epoch = job.session.epoch
            response = yield from self._send(job, guard)
            seen.append(response)
            if reason := out(response):
                fetched.logged_out = reason
            elif response.status_code >= 400:
                raise self._fetcher.status_error(response)
            return response

        try:
            fetched.response, fetched.tries = yield from self._fetcher.policy.flow(
                send, attempt=outcome.request.attempt, method="GET", patient=patient
            )
        except FetchError as error:
            fetched.error, fetched.tries = error, getattr(error, "tries", 1)
            fetched.response = seen[-1] if seen and isinstance(error, StatusError) else None
        except CrawlError as error:
            fetched.unsent(error)
        fetched.elapsed_ms = (time.perf_counter() - started) * 1000
        outcome.sent_at, outcome.elapsed_ms, outcome.epoch = fetched.sent_at, fetched.elapsed_ms, fetched.epoch
        outcome.tries = fetched.tries
        if fetched.response is not None:
            outcome.status = fetched.response.status_code
            outcome.final_url = fetched.response.url if fetched.response.history else ""
            outcome.size_bytes = job.sink.received_bytes if job.sink is not None else 0
        elif fetched.error is not None:
            outcome.status = getattr(fetched.error, "status", 0)
        return fetched

    def _send(self, job: _Job, hop_guard: HopGuard | None) -> Flow[Response]:
        """One sending. A part that does not fit is answered by asking for the whole file, once."""
        for again in (False, True):
            conditions, asked_from = conditions_of(job.partial, job.at_url)
            try:
                response = yield from self._exchange(job, conditions, asked_from, hop_guard)
            except BadAnswer:
                if again or not asked_from or job.sink is None or not job.sink.began:
                    raise
            else:
                if response.status_code != 416 or not asked_from or again:
                    return response
            job.partial.forget()
        raise AssertionError("unreachable")

    def _exchange(
        self, job: _Job, conditions: dict[str, str], asked_from: int, hop_guard: HopGuard | None
    ) -> Flow[Response]:
        session, request = job.session, job.request
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **(request.headers or {}), **conditions}
        limits = replace(self._rules.limits, max_size_bytes=job.max_bytes + _CHUNK_BYTES)  # the sink counts exactly
        is_page = bool(job.wanted) or (asked_from > 0 and job.partial.state.declared not in MARKUP_TYPES)
        job.sink = sink = FileSink(
            job.partial,
            request.url,
            asked_from=asked_from,
            max_bytes=job.max_bytes,
            is_page=is_page and not wants_markup(job.wanted),
        )
        prepared = session.prepare_link(request.replace(headers=headers), hop_guard)
        prepared.sink, prepared.own_limits = sink, limits
        try:
            response = yield from session.flow(prepared)
        finally:
            sink.finish()
        response.asked, response.session_name = request, session.name
        if session.params:
            response.url = session.bare(response.url)
        self._give_page(job, sink, response)
        return response

    def _give_page(self, job: _Job, sink: FileSink, response: Response) -> None:
        """What the session judge looks at: a page that came instead, or a short file that may be one."""
        if response.status_code >= 300:
            return
        if not sink.began:  # an adapter that does not support sinks
            sink.take(response)
        if sink.page is not None:
            response._content = sink.page.getvalue()
            return
        head = job.partial.head(HEAD_BYTES)
        if media_type(response.headers.get("Content-Type")) in _JUDGED or is_markup(head):
            response._content = job.partial.head(PAGE_BYTES)
        else:
            response.is_file = True

    # --- judging ----------------------------------------------------------------------------------------------------
    def _settle(self, job: _Job, outcome: Outcome, fetched: Fetched, watched: bool, known: Known) -> None:
        goes_on = self._goes_on(job, fetched)
        if goes_on:
            outcome.tries = 0  # it continues where it was cut, and does not count as a failed try
        elif isinstance(fetched.error, TooLarge):
            job.partial.forget()  # its beginning is of no more use
        rule = self._landing(fetched)
        if not rule:
            self._make_item(job, outcome, fetched, watched)
        known = replace(known, attempt=outcome.request.attempt, rule=rule, goes_on=goes_on)
        judged = judge(fetched, known, self._fetcher.policy)
        outcome.settle(judged)
        if watched and judged.verdict is not Verdict.LOGIN:
            outcome.proven = False  # a file has no link to log out
        if judged.verdict is Verdict.RETRY:
            outcome.not_before = unix_now() + judged.wait_s
        elif judged.verdict is Verdict.LOGIN:
            outcome.login_wanted, outcome.refuses_guests = fetched.epoch, refuses_guests(fetched.response)

    @staticmethod
    def _goes_on(job: _Job, fetched: Fetched) -> bool:
        """Whether a good part of the file came before it was cut, and the next try can continue from there."""
        moved = job.partial.size_bytes - job.began_bytes >= _MOVED_BYTES
        return isinstance(fetched.error, Transient) and moved and can_go_on(job.partial)

    def _landing(self, fetched: Fetched) -> str:
        """The rule that forbids where redirects ended; "" for none."""
        response = fetched.response if fetched.error is None else None
        if response is None or not response.history or self._allows_host(host_of(response.url)):
            return ""
        return f"off-site: redirected to {redact(response.url)}"

    def _make_item(self, job: _Job, outcome: Outcome, fetched: Fetched, watched: bool) -> None:
        """Make the item from what came; if that fails, the reason becomes part of the exchange before it is judged."""
        if fetched.error is not None or fetched.logged_out or fetched.response is None:
            return
        try:
            self._accept(job, outcome, fetched.response)
        except NotKept as error:
            fetched.error = error
        except WrongFile as error:
            if watched and job.sink is not None and job.sink.page is not None:  # perhaps a login page of its own kind
                fetched.logged_out = str(error.why)
            else:
                fetched.error = error

    def _accept(self, job: _Job, outcome: Outcome, response: Response) -> None:
        """Make the item. Raises WrongFile, NotKept."""
        url, partial, sink = job.request.url, job.partial, job.sink
        if response.status_code == 304:
            if partial.is_whole:  # fetched before a kill, and never committed
                self._take_fetched(job, outcome)
            elif job.at_url is not None:
                known = validators_of(*map(response.headers.get, ("ETag", "Last-Modified", "Date")))
                self._take_unchanged(job, outcome, job.at_url, known.etag, known.modified)
            else:
                raise WrongFile(url, "the server says that nothing has changed, although it was not asked")
        elif response.status_code not in (200, 203, 206) or sink is None or not sink.began:
            raise WrongFile(url, f"an answer with status {response.status_code} is not a file")
        elif sink.page is not None:
            self._rules.instead(response)
            raise WrongFile(url, f"a web page came instead of {job.wanted or partial.state.declared or 'the file'}")
        else:
            self._take_fetched(job, outcome)

    def _take_unchanged(self, job: _Job, outcome: Outcome, known: FileRow, etag: str, modified: str) -> None:
        """The version that is held is the current one; under a new key it gets a row of its own."""
        key, outcome.file_before = key_text_of(job.request) or known.key, job.left
        same = replace(known, key=key, id=known.id if key == known.key else 0)
        self._take(
            outcome, job.request, replace(same, etag=etag or same.etag, modified=modified or same.modified), "unchanged"
        )

    def _take_fetched(self, job: _Job, outcome: Outcome) -> None:
        """All bytes are there: a different version from the one that is held, or the same once more."""
        spec: dict[str, Any] = job.request.file or {}
        partial, url = job.partial, job.request.url
        head, declared = partial.head(HEAD_BYTES), partial.state.declared
        self._refuse_wrong(job, head, declared)
        size = image_size(head)
        if size is not None and size.pixels > self._rules.max_pixels:
            partial.forget()
            much = f"an image of {size.width} x {size.height} pixels, more than {self._rules.max_pixels}"
            raise WrongFile(url, f"{much} (setting max_image_pixels)")
        try:
            state = partial.finish()
        except OSError as error:
            raise NotKept(url, f"the file could not be kept: {error.strerror}") from error
        before = job.at_url
        if before is not None and before.hash == state.hash:
            partial.forget()
            self._take_unchanged(job, outcome, before, state.etag, state.modified)
            return
        name = clean_name(spec.get("name") or name_of(outcome.final_url or url, state.disposition))
        file = FileRow(
            session=job.session.key,
            url=url,
            key=key_text_of(job.request),
            hash=state.hash,
            size_bytes=state.size_bytes,
            type=type_of(head, declared, mimetypes.guess_type(name)[0] or ""),
            name=name,
            etag=state.etag,
            modified=state.modified,
            width=size.width if size is not None else None,
            height=size.height if size is not None else None,
        )
        self._take(outcome, job.request, file, "new" if before is None else "changed")
        outcome.file_before = job.left or (f"{before.link} {before.hash}" if before is not None and before.link else "")

    def _take(self, outcome: Outcome, request: Request, file: FileRow, how: str) -> None:
        outcome.file, outcome.file_was = file, how
        outcome.items = [item_of(request, file, self._desk.paths(file), self._keys, outcome.session_name)]

    @staticmethod
    def _refuse_wrong(job: _Job, head: bytes, declared: str) -> None:
        wrong = why_not(job.wanted, head, declared)
        if not head:
            wrong = f"it is empty, not a file of type {job.wanted}" if job.wanted else ""
        if wrong and (job.explicit or not head or is_markup(head)):
            job.partial.forget()
            raise WrongFile(job.request.url, wrong)
