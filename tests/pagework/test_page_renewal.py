"""The page of an app that renews a token is loaded once more where all was slow, and only then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crawler.pagework.page_renewal import load
from crawler.response import Response
from crawler.sessions.auth.storage_token import PageRefresh

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


@pytest.mark.parametrize(
    ("html", "lasted_s", "brings", "shown"),
    [(EMPTY, 11.0, 1, 1), (EMPTY, 11.0, 2, 2), (EMPTY, 11.0, 9, 2), (EMPTY, 2.0, 9, 1), (FORM, 11.0, 9, 1)],
    ids=["renewed at once", "renewed by the second", "never", "quick", "asks for a login"],
)
def test_a_page_whose_scripts_may_have_given_up_is_loaded_once_more(
    html: str, lasted_s: float, brings: int, shown: int
) -> None:
    renderer = Renderer(html, lasted_s, brings)
    session: Any = SimpleNamespace(prepare_request=lambda request: SimpleNamespace(), send=lambda asked: page_of(EMPTY))
    parts: Any = SimpleNamespace(policy=SimpleNamespace(statuses=frozenset()), renderer=renderer, hop_guard=None)

    load(parts, session, PageRefresh("http://app.test/"), renderer.renewed)

    assert renderer.shown == shown
