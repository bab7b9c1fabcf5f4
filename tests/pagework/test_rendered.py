"""Between the document of a page and what its browser made of it, without a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crawler import Spider
from crawler.pagework.rendered import Rendering
from crawler.render import Render
from crawler.rendering.showing import RenderingStopped
from crawler.sessions.flow import run
from tests.pagework.test_page_renewal import page_of


class Renderer:
    """Shows pages of which some requests were not sent, since the lease had run out."""

    def __init__(self, *, has_lapsed: bool) -> None:
        self.has_lapsed, self.shown = has_lapsed, []

    def shows(self, url: str) -> bool:
        return True

    def render(self, session: Any, page: Any) -> Any:
        self.shown.append(page)
        requests = SimpleNamespace(
            has_lapsed=self.has_lapsed, is_overtaken=lambda: False, trouble=lambda statuses: None
        )
        return SimpleNamespace(response=page.document, requests=requests, missing="")


def rendered(renderer: Renderer) -> Any:
    parts: Any = SimpleNamespace(renderer=renderer, policy=SimpleNamespace(statuses=frozenset()))
    session: Any = SimpleNamespace()
    page = Rendering(Spider(), parts).of(session, Render(), None, None, lambda: 12.0)
    return run(page.flow(page_of("<p>orders</p>")))


def test_a_page_that_may_be_another_process_s_by_now_goes_back_as_it_was() -> None:
    with pytest.raises(RenderingStopped):
        rendered(Renderer(has_lapsed=True))


def test_a_page_is_shown_with_the_moment_until_which_it_is_ours() -> None:
    renderer = Renderer(has_lapsed=False)

    assert rendered(renderer).body == b"<p>orders</p>"
    assert [each.ours_until() for each in renderer.shown] == [12.0]
