"""What several threads change at once stays right where no lock of the interpreter puts them in turn.

On an interpreter with such a lock a thread is stopped between two instructions here, or asked in the middle of a step
of C, as another one would be without it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from crawler.engine.host_slots import HostSlots
from crawler.engine.stopping import RunLimits
from crawler.engine.store_thread import Inbox
from crawler.engine.workers import Workers, _PageUnderWay
from crawler.fetching import validators
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.frontier.host_slot import Ready
from crawler.frontier.known import KnownLinks
from crawler.outcome import Found, PageVisit
from crawler.pagework.revisits import Revisits
from crawler.request import Request
from crawler.sessions.sent_headers import SentHeaders
from crawler.settings import Settings
from tests.engine.parts import leased

_TURNED = {_PageUnderWay._came.__code__, _PageUnderWay._read.__code__}


def let_others_go(frame: FrameType, event: str, argument: Any) -> Any:
    """Trace: between any two instructions of what is looked at, the other threads have their turn."""
    if frame.f_code not in _TURNED:
        return None
    frame.f_trace_opcodes = True
    time.sleep(0)
    return let_others_go


@pytest.mark.skipif(sys.gettrace() is not None, reason="somebody else traces")
def test_answers_that_come_in_at_the_same_moment_as_others_are_read_leave_nothing_to_be_waited_for() -> None:
    workers = Workers(4, lambda *_: iter(()), Inbox(1), HostSlots(Settings(), {}), RunLimits(Settings(), began_at=0.0))
    manager: Any = None
    workers._computing.give = lambda task, **_: None  # type: ignore[method-assign]

    def come_in_and_are_read(first: int) -> None:
        for number in range(first, first + 100):
            page = _PageUnderWay(workers, Ready(leased(number), manager))
            page._is_answered, page._flow = True, (step for step in ())
            page._advance = lambda go_on: None  # type: ignore[method-assign]
            page._came(200, lambda: None)
            page._read(lambda: None)

    threading.settrace(let_others_go)
    try:
        threads = [threading.Thread(target=come_in_and_are_read, args=(number,)) for number in (0, 1_000, 2_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        threading.settrace(None)  # type: ignore[arg-type]

    assert not workers.goes_on("a.test")
    workers.close()


def test_links_to_other_sites_are_forgotten_while_another_thread_meets_another_session() -> None:
    known = KnownLinks()

    class Asked(set[str]):
        def __len__(self) -> int:
            known._see("http://a.test/", f"session {len(known._urls)}")
            return super().__len__()

    known._urls = {"one": Asked(), "two": Asked()}
    refused = [Found(bytes([n]), f"http://b.test/{n}", "b.test", "one", "", 0, 1, "", "off-site") for n in range(3)]
    known._refused = refused

    known._forget_refused()

    assert known.urls("session 2") == {"http://a.test/"}


class Added(str):
    """A name of a header; whoever looks it up lets another thread add one to *headers*."""

    headers: CaseInsensitiveDict[str]

    def __hash__(self) -> int:
        self.headers[f"X-{len(self.headers)}"] = "added"
        return super().__hash__()


def test_a_header_is_added_while_a_request_takes_the_headers_of_its_session() -> None:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    name = Added("Accept")
    name.headers = headers
    headers._store["accept"] = (name, "text/html")  # type: ignore[attr-defined]
    headers["Accept-Language"] = "en"

    sent = SentHeaders(frozenset()).of(headers, own=True)

    assert sent["Accept-Language"] == "en"


class Growing(CaseInsensitiveDict[str]):
    """Headers to which another thread adds one between any two steps of who goes through them."""

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self[f"X-{len(self)}"] = "added"
            yield name


def test_a_header_is_added_while_a_page_is_asked_whether_it_has_changed() -> None:
    session: Any = SimpleNamespace(key="default", headers=Growing({"Accept": "text/html", "Accept-Language": "en"}))
    vary = validators.varies_by({"Vary": "Accept-Language"}, {"Accept-Language": "en"})
    visit = PageVisit(0.0, etag='"1"', vary=vary or "", code="c", session="default")
    revisits = Revisits(Settings(), "c", Admission(AdmissionRules((), "default")), lambda name: name, ("default",))

    asking = revisits.asking(leased(visit=visit), Request("http://a.test/1"), session)

    assert asking is not None
