"""First logins that were let in and ended at once: made once more where it helps, within the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler import Session
from crawler.testing.wire import Answer
from tests.engine.shop import crawl
from tests.hosts import Net, net, quick_net
from tests.sessions_e2e.one_account import _account

from .portal import Home, Portal

__all__ = ["_account", "net", "quick_net"]  # fixtures


@pytest.mark.parametrize(
    ("cookie", "posts", "code"), [("sid=gone; Path=/", 2, 0), ("", 1, 3)], ids=["with a new cookie", "without one"]
)
def test_a_first_login_that_was_let_in_and_ended_at_once_is_made_once_more(
    quick_net: Net, tmp_path: Path, cookie: str, posts: int, code: int
) -> None:
    """A site that refuses leads back to its form; one that lets in leads on, with a session."""
    headers = [("Location", "/welcome"), *([("Set-Cookie", cookie)] if cookie else [])]
    portal = Portal(allowed=("/home", "/welcome"), busy=[Answer(302, b"", headers=headers)])
    own = quick_net.host({"*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.exit_code, len(portal.posts)) == (code, posts)


@pytest.mark.parametrize("times", [2, 20])
def test_a_first_login_that_is_ended_twice_before_its_first_page_is_not_made_a_third_time(
    quick_net: Net, tmp_path: Path, times: int
) -> None:
    """A site may refuse like that, too: with a new cookie and without a word. Three refusals lock many accounts."""
    gone = Answer(302, b"", headers=[("Location", "/welcome"), ("Set-Cookie", "sid=gone; Path=/")])
    portal = Portal(allowed=("/home", "/welcome"), busy=[gone] * times)
    own = quick_net.host({"*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.exit_code, len(portal.posts)) == (3, 2)


def test_logins_end_when_the_budget_is_spent(quick_net: Net, tmp_path: Path) -> None:
    gone = Answer(302, b"", headers=[("Location", "/welcome"), ("Set-Cookie", "sid=gone; Path=/")])
    portal = Portal(allowed=("/home", "/welcome"), busy=[gone] * 20)
    own = quick_net.host({"*": portal})

    run = crawl(Home, own.url, tmp_path, login_budget=1)

    assert (run.exit_code, len(portal.posts)) == (3, 1)
    assert "login_budget" in run.messages[0]


@pytest.mark.parametrize(
    "cookie",
    ["flash=no; Path=/", "login_error=1; Path=/", "messages=abc; Path=/", "XSRF-TOKEN=b; Path=/", "lang=en; Path=/"],
)
def test_a_flash_message_is_not_a_session_and_the_password_is_sent_at_most_twice(
    quick_net: Net, tmp_path: Path, cookie: str
) -> None:
    led = Answer(302, b"", headers=[("Location", "/welcome"), ("Set-Cookie", cookie)])
    portal = Portal(allowed=("/home", "/welcome"), busy=[led] * 20)
    own = quick_net.host({"*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert run.exit_code == 3
    assert len(portal.posts) <= 2


def test_a_cookie_that_only_changes_its_value_does_not_prove_being_let_in(quick_net: Net, tmp_path: Path) -> None:
    class Visits(Home):
        name = "visits"

        def login(self, session: Session) -> None:
            session.cookies.set("sid", "of-a-visitor")
            super().login(session)

    led = Answer(302, b"", headers=[("Location", "/welcome"), ("Set-Cookie", "sid=other; Path=/")])
    portal = Portal(allowed=("/home", "/welcome"), busy=[led] * 20)
    own = quick_net.host({"*": portal})

    run = crawl(Visits, own.url, tmp_path)

    assert run.exit_code == 3
    assert len(portal.posts) <= 2
