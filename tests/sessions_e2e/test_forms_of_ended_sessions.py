"""Requests that send a form of a session that has ended: `crawl retry` fetches the page of the form again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler import Response
from crawler.output.reasons import failed_for, kinds
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened
from tests.hosts import Net, quick_net
from tests.sessions_e2e.one_account import _account

from .portal import HOME, Home, Portal

__all__ = ["_account", "quick_net"]


class Shop(Portal):
    """A list whose form is good in the session of its page only; the first session ends right after that page."""

    ended = False

    def __call__(self, call: WireRequest) -> Answer:
        sid = call.cookies().get("sid", "")
        if call.path == "/more" and self.lives.get(sid, 0) > 0:
            if not self.ended:
                self.ended, self.lives[sid] = True, 0
                return Answer.redirect("/login")
            if call.form().get("token") != f"of-{sid}":
                return Answer(403, b"<h1>Forbidden</h1>")
            return Answer(body=HOME.replace(b"hello", b"more"))
        answer = super().__call__(call)
        if call.path == "/home" and answer.status == 200:
            form = f"<form method=post action=/more><input type=hidden name=token value=of-{sid}></form>"
            return Answer(body=HOME + form.encode())
        return answer


class Lists(Home):
    name = "lists"

    def parse(self, response: Response) -> Iterator[Any]:
        yield from super().parse(response)
        yield response.form().fill({}).request(self.parse_more)

    def parse_more(self, response: Response) -> Iterator[Any]:
        yield {"text": response.css("p.x::text").get()}


def test_the_reason_names_the_ended_session_and_a_retry_fetches_the_page_of_the_form_again(
    quick_net: Net, tmp_path: Path
) -> None:
    own = quick_net.host({"*": Shop()})

    first = crawl(Lists, own.url, tmp_path)

    assert (first.exit_code, first.failed) == (1, 1)
    assert first.next_command.startswith("crawl retry lists")
    with opened(tmp_path) as raw:
        (error,) = raw.execute("SELECT error FROM crawl_requests WHERE state = 3").fetchone()
    assert "its form is of a session that has ended since; `crawl retry` fetches the page" in error
    assert failed_for("403", error)
    assert own.url not in next(iter(kinds({error: 1})[0])), "they are counted together"

    again = crawl(Lists, own.url, tmp_path, retry=True)

    assert (again.exit_code, again.failed) == (0, 0)
    with opened(tmp_path) as raw:
        texts = sorted(row[0] for row in raw.execute("SELECT text FROM items").fetchall())
        states = [row[0] for row in raw.execute("SELECT state FROM crawl_requests").fetchall()]
        counted = raw.execute("SELECT done, failed, waiting_or_leased FROM crawl_frontiers").fetchone()
    assert texts == ["hello", "more"], "nothing is there twice"
    assert states == [2, 2]
    assert counted == (2, 0, 0)
