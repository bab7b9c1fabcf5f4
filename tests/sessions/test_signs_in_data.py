"""Data that says nothing but that nobody is logged in, and data that only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sessions.sign_pages import page

URL, LOGIN = "https://shop.test/api/orders", "https://shop.test/api/login"


def said(data: Any, *, url: str = URL, kind: str = "application/json") -> str | None:
    from crawler.sessions.login.signs import logged_out_sign

    body = data if isinstance(data, str) else json.dumps(data)
    return logged_out_sign(page(body, url=url, content_type=kind), asked_url=url, login_urls=(LOGIN,))


@pytest.mark.parametrize(
    "data",
    [
        {"success": False, "message": "session expired"},
        {"success": False, "data": None, "message": "Your session has timed out."},
        {"code": 401, "msg": "x", "data": []},
        {"status": "401", "error": "x"},
        {"statusCode": 401},
        {"error": "token_expired"},
        {"error": "invalid_token", "error_description": "x"},
        {"error": {"code": "UNAUTHENTICATED", "message": "x"}},
        {"errors": [{"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}], "data": None},
        {"errors": ["Unauthorized"]},
        {"ok": False, "errorMessage": "AccessTokenExpired"},
        {"detail": "Authentication credentials were not provided."},
        {"message": "Bitte melden Sie sich erneut an"},
        {"result": "fail", "message": "Please log in", "redirect": "/login"},
        {"message": "Sitzung abgelaufen", "path": "/api/orders", "timestamp": 1},
    ],
    ids=json.dumps,
)
def test_data_that_only_says_that_nobody_is_logged_in_is_a_sign(data: Any) -> None:
    assert (said(data) or "").startswith("its data says ")
    assert said(data, kind="application/problem+json")


@pytest.mark.parametrize(
    "data",
    [
        {"success": True, "data": [{"id": 1, "message": "session expired"}]},
        {"id": 7, "title": "Session expired", "body": "What to do"},
        {"success": True, "message": "Your session expired sessions were removed"},
        {"ok": True, "message": "please log in to comment"},
        {"success": False, "message": "order not found"},
        {"success": False, "message": "You may not see this order"},
        {"error": "access_denied"},
        {"error": "invalid csrf token"},
        {"error": "page token expired"},
        {"error": "rate_limited", "code": 429},
        {"code": 200, "message": "ok", "total": 401},
        {"message": "", "code": 0},
        {"token": "t1", "message": "token expired"},
        ["session expired"],
        "session expired",
        '{"message": "session expired"',
        {"message": "session expired", "note": "x" * 3_000},
        {},
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_other_data_is_no_sign(data: Any) -> None:
    assert said(data) is None


def test_the_answer_of_the_login_itself_is_none_nor_is_text_of_another_kind() -> None:
    refusal = {"success": False, "message": "session expired"}

    assert said(refusal, url=LOGIN) is None
    assert said(refusal, kind="text/plain") is None


def test_deep_data_is_read_in_bounded_time() -> None:
    assert said('{"error":' * 150 + '"login"' + "}" * 150) is not None
    assert said("[" * 1_900 + "401") is None
