"""The page of an app that renews a token is loaded once more where all was slow or too early, and only then."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from crawler import BearerAuth, PageRefresh
from crawler.pagework.page_renewal import load
from crawler.response import Response
from crawler.sessions.storage import Storage
from tests.sessions.test_renewal_by_page import jwt

EMPTY, FORM = (
    "<p>Loading ...</p>",
    "<form method=post><input name=u><input type=password name=p><button>Log in</button></form>",
)


def page_of(html: str) -> Response:
    made = Response()
    made.status_code, made.url = 200, "http://app.test/"
    made.headers["Content-Type"] = "text/html; charset=utf-8"
    made._content = html.encode()
    return made


class Renderer:
    """Shows pages that last so many seconds; from the one of the number *brings* on there is a token."""

    def __init__(self, html: str, lasted_s: float, brings: int) -> None:
        self.page, self.lasted_s, self.brings, self.shown = page_of(html), lasted_s, brings, 0

    def shows(self, url: str) -> bool:
        return True

    def render(self, *given: Any) -> Any:
        self.shown += 1
        requests = SimpleNamespace(lasted_s=self.lasted_s, trouble=lambda statuses: None)
        return SimpleNamespace(response=self.page, requests=requests)

    def renewed(self) -> bool:
        return self.shown >= self.brings


HOURS_AGO, JUST_NOW = -7_200.0, -1.0


@pytest.mark.parametrize(
    ("html", "lasted_s", "ended_s", "brings", "shown"),
    [
        (EMPTY, 11.0, HOURS_AGO, 1, 1),
        (EMPTY, 11.0, HOURS_AGO, 2, 2),
        (EMPTY, 11.0, JUST_NOW, 9, 2),
        (EMPTY, 2.0, HOURS_AGO, 9, 1),
        (EMPTY, 2.0, JUST_NOW, 2, 2),
        (FORM, 11.0, JUST_NOW, 9, 1),
    ],
    ids=[
        "renewed at once",
        "renewed by the second",
        "never",
        "quick",
        "the site's clock is behind",
        "asks for a login",
    ],
)
def test_a_page_whose_scripts_may_have_given_up_or_seen_no_need_is_loaded_once_more(
    html: str, lasted_s: float, ended_s: float, brings: int, shown: int
) -> None:
    renderer = Renderer(html, lasted_s, brings)
    refresh = PageRefresh("http://app.test/")
    storage = Storage()
    storage.change("http://app.test", "local", {"token": jwt(time.time() + ended_s)}, [])
    session: Any = SimpleNamespace(
        prepare_request=lambda request: SimpleNamespace(),
        send=lambda asked: page_of(EMPTY),
        auth=BearerAuth.from_storage("http://app.test", "token", refresh=refresh),
        storage=storage,
    )
    parts: Any = SimpleNamespace(policy=SimpleNamespace(statuses=frozenset()), renderer=renderer, hop_guard=None)

    load(parts, session, refresh, renderer.renewed)

    assert renderer.shown == shown
