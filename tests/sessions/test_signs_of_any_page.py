"""No page and no address makes the signs raise, or takes long."""

from __future__ import annotations

import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.login.signs import has_login_form, logged_in_sign, looks_like_login
from tests.sessions.sign_pages import URL, page, sign


@given(
    body=st.lists(
        st.sampled_from(
            [
                b"<",
                b">",
                b"</a",
                b"<a href=",
                b"'",
                b'"',
                b"logout",
                b"password",
                b"<input type=",
                b"<title>",
                b"\xff",
                b"<h1>",
            ]
        )
        | st.binary(max_size=8),
        max_size=40,
    ).map(b"".join)
)
def test_no_page_makes_them_raise(body: bytes) -> None:
    for kind in ("text/html", "application/json", ""):
        response = page(body, content_type=kind)
        sign(response)
        logged_in_sign(response)
        has_login_form(response)


@given(url=st.text())
def test_no_address_makes_them_raise(url: str) -> None:
    looks_like_login(url)
    sign(page(url=url, through=(URL,)), login_urls=[url])


@pytest.mark.parametrize(
    "body",
    [
        b"<input " * 30_000,
        b"<input type=" * 30_000 + b"password",
        b"<a " * 60_000 + b"logout",
        b"logout " * 30_000,
        b"<meta http-equiv=refresh " * 160,
        b"<title>" * 20_000,
        b"<html " * 300,
        b"location = " * 370,
    ],
    ids=lambda body: body[:12].decode(),
)
def test_Z6_no_page_takes_long(body: bytes) -> None:
    response = page(body)
    began = timeit.default_timer()
    sign(response)
    logged_in_sign(response)

    assert timeit.default_timer() - began < 1.0
