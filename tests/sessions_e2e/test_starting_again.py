"""An application that starts again: its sessions are gone, and for some seconds no page is what it was."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net, net, quick_net
from tests.sessions_e2e.one_account import _account
from tests.sessions_e2e.test_password_changed import FORM, Items

__all__ = ["_account", "net", "quick_net"]  # fixtures
AWAY_S = 2.5


class Starting:
    """Forty pages behind a login; after 15 of them it answers everything with one page for a while.

    Args:
        status: Of that page.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._lock = threading.Lock()  # guards the rest
        self._sessions: set[str] = set()
        self._back_at = 0.0
        self.pages, self.logins = 0, 0

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        with self._lock:
            if time.monotonic() < self._back_at:
                return Answer(self._status, b"<title>Sorry</title><h1>The service starts</h1>")
            if call.method == "POST":
                self.logins += 1
                self._sessions.add(f"s{self.logins}")
                return Answer(302, b"", headers=[("Location", "/list"), ("Set-Cookie", f"sid=s{self.logins}; Path=/")])
            if call.path == "/login":
                return Answer(body=FORM)
            if call.cookies().get("sid") not in self._sessions:
                return Answer(302, b"", headers=[("Location", "/login")])
            self.pages += 1
            if self.pages == 15:
                self._sessions.clear()
                self._back_at = time.monotonic() + AWAY_S
            links = b"".join(b"<a href='/item/%d'>item</a>" % number for number in range(40))
            return Answer(body=b"<title>List</title><a href='/logout'>Log out</a>" + links)


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_login_page_without_its_form_is_waited_for_where_the_step_has_worked_in_this_run(
    status: int, quick_net: Net, tmp_path: Path
) -> None:
    site = Starting(status)
    own = quick_net.host({"*": site})

    run = crawl(Items, own.url, tmp_path)

    assert (run.exit_code, run.ending) == (0, "finished"), run
    assert run.items == {"items": 41}
    assert site.logins == 2


def test_a_login_page_that_never_had_the_form_ends_the_run_at_once(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": Answer(404, b"<title>Sorry</title>"), "/robots.txt": Answer(404)})

    began = time.monotonic()
    run = crawl(Items, own.url, tmp_path)

    assert run.exit_code == 3
    assert time.monotonic() - began < 10
