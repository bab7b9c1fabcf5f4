"""A site that allows one session an account, while somebody else uses that account in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler import Request
from crawler.cli import main
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net, quick_net
from tests.sessions_e2e.one_account import _account

from .portal import FORM, Home, Portal

__all__ = ["_account", "quick_net"]


class OneSession(Portal):
    """The other browser logs in again as soon as it finds itself logged out: each session of ours sees one page."""

    def __init__(self, *, kicks: int) -> None:
        super().__init__(allowed=("/home",))
        self.kicks, self.pages_each = kicks, 3  # the probe's page is one of them

    def __call__(self, call: WireRequest) -> Answer:
        if len(self.posts) > self.kicks:
            self.lives = dict.fromkeys(self.lives, 1000)
        answer = super().__call__(call)
        if call.path == "/home" and answer.status == 302:
            return Answer(body=b"<p>You were signed out. You logged in from another device.</p>" + FORM)
        return answer


class Pages(Home):
    name = "pages"

    def start(self) -> Iterator[Request]:
        for number in range(20):
            yield Request(f"{self.arguments['site']}/home?page={number}")


def test_logins_give_way_to_somebody_else_and_the_summary_and_the_status_name_the_cause(
    quick_net: Net, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = OneSession(kicks=3)
    own = quick_net.host({"*": site})

    run = crawl(Pages, own.url, tmp_path)

    assert (run.exit_code, run.pages) == (0, 20)
    assert site.posts[3] - site.posts[2] > 1.5, "it waits before it ends the other session once more"
    told = [each for each in run.messages if "in use elsewhere" in each]
    assert len(told) == 1
    assert "logged in from another device" in told[0]
    with pytest.raises(SystemExit):
        main(["status", "pages", "--store", str(tmp_path / "crawl.db")])
    assert "in use elsewhere" in capsys.readouterr().out
