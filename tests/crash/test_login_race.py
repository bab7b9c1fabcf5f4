"""L4, L8: a page that is sent while its session logs in has nothing to do with that login.

Found by the soak: a worker that had taken a page just before the session was lost sent it with the login's new jar; the
answer, made for a guest, replaced the cookie that the form's token belonged to, and the login was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from crawler import Request, Session
from tests.engine.shop import Members, crawl, credentials

pytestmark = pytest.mark.crash
T = TypeVar("T")


def elsewhere(call: Callable[[], T]) -> T:
    """What *call* returns on another thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def test_L8_a_page_sent_in_the_middle_of_a_login_does_not_spoil_it(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Interrupted(Members):
        name = "interrupted"

        def login(self, session: Session) -> None:
            request = Request(f"{self.arguments['site']}/members/book/1")
            late = elsewhere(lambda: session.prepare_link(request))
            page = session.get(f"{self.arguments['site']}/login")
            elsewhere(lambda: session.send(late))
            session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    site = make_site_process(books=20, login="soft200")  # the late answer is a login page with a cookie of its own
    credentials(monkeypatch, default=site.accounts[0])

    summary = crawl(Interrupted, site.url, tmp_path)

    assert (summary.ending, summary.logins) == ("finished", 1), summary.messages
    assert site.record.refused["csrf"] == 0
