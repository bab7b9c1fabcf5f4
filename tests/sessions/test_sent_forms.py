"""A form that a login step has sent is known again, wherever a page shows it."""

from __future__ import annotations

import pytest
import requests

from crawler.response import Response
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.sent_forms import forms_sent, shown_forms
from crawler.spider import Identity, Spider
from crawler.testing.adapter import ScriptedAdapter, reply
from tests.sessions.managers import SITE, Memory
from tests.sessions.test_always_sent import made_session

SENT = "http://shop.test/signin?_csrf&user"
FORM = '<form method=post action="/signin?next=/o"><input type=hidden name=_csrf value=1>{0}<button>Go</button></form>'
NAME = "<input name=user>"


def page(markup: str, url: str = "http://shop.test/orders") -> Response:
    response = Response()
    response._content, response.url, response.status_code = markup.encode(), url, 200
    response.headers["Content-Type"] = "text/html"
    return response


def prepared(**given: object) -> requests.PreparedRequest:
    return requests.Request("POST", "http://shop.test/signin?next=/o", **given).prepare()  # type: ignore[arg-type]


def test_what_is_sent_as_a_form_is_written_without_values() -> None:
    assert forms_sent(prepared(data={"user": "ann", "_csrf": "1f2e"})) == {SENT}


@pytest.mark.parametrize(
    "given", [{}, {"json": {"user": "ann"}}, {"files": {"file": b"x"}}, {"data": {str(n): "x" for n in range(60)}}]
)
def test_nothing_else_that_is_sent_is_taken_for_a_form(given: dict[str, object]) -> None:
    assert forms_sent(prepared(**given)) == set()


@pytest.mark.parametrize(
    "markup",
    [
        FORM.format(NAME),
        FORM.format("<p><input type=text id=u name='user'></p>"),
        FORM.replace("/signin?next=/o", "HTTP://shop.test/signin").format(NAME),
    ],
    ids=["the same", "other markup", "absolute"],
)
def test_a_page_with_the_form_shows_it(markup: str) -> None:
    assert shown_forms(page(f"<h1>Bank</h1>{markup}"), {SENT}) == {SENT}


@pytest.mark.parametrize(
    "markup",
    [
        "<p>user</p>",
        FORM.format("<input name=user><input name=city>"),
        FORM.format("<input name=user style='display: none'>"),
        FORM.format("<input name=user disabled>"),
        FORM.format("<input type=hidden name=user>"),
        FORM.replace("/signin", "/search").format(NAME),
        FORM.replace("method=post", "").format(NAME),
        f"<template>{FORM.format(NAME)}</template>",
        FORM.replace("/signin?next=/o", "javascript:void(0)").format(NAME),
    ],
)
def test_a_page_with_another_form_does_not(markup: str) -> None:
    assert shown_forms(page(markup), {SENT}) == set()


def test_a_form_that_was_sent_to_its_own_page_is_the_same_on_any_page() -> None:
    to_itself = FORM.replace("/signin?next=/o", "").format(NAME)
    sent = forms_sent(prepared(data={"user": "ann"}, headers={"Referer": "http://shop.test/signin"}))

    assert sent == {"http://shop.test/signin?user", "?user"}
    assert shown_forms(page(to_itself), sent) == {"?user"}
    assert shown_forms(page(to_itself), {SENT}) == set(), "that one was sent elsewhere"
    assert shown_forms(page(to_itself, url="http://shop.test/signin"), sent) == {"?user"}


def test_a_login_that_failed_teaches_nothing_for_good() -> None:
    class Bank(Spider):
        name = "bank"
        start_urls = [f"{SITE}/orders"]

    shown = FORM.replace("/signin?next=/o", "").format(NAME)
    session = made_session(ScriptedAdapter(reply(shown)), identity=Identity("default"))
    prover = LoginManager(session, Bank(), Memory(), probe_url=f"{SITE}/orders").prover
    session.sent.forms = frozenset({"?user"})

    prover.logged_out(fresh=True)

    assert (session.sent.forms, session.member_forms) == (frozenset(), frozenset())


def test_without_a_login_nothing_is_looked_for() -> None:
    assert shown_forms(page(FORM.format(NAME)), ()) == set()
