"""A login form on a page that was asked for is a sign of being logged out; what only resembles one is none."""

from __future__ import annotations

import pytest

from tests.sessions.sign_pages import LOGIN_FORM, LOGOUT, page, sign

_NEW = "<input type=password name=p autocomplete=new-password>"


@pytest.mark.parametrize(
    "markup",
    [
        LOGIN_FORM,
        "<input type=password name=p>",
        "<INPUT TYPE=PASSWORD NAME=P>",
        "<form><input type='Password' name=p></form>",
        '<form><input class="x" id="y" type = "password"></form>',
        f"<table><form><tr><td>{LOGIN_FORM}</td></tr></form></table>",
        "<form><input type=password name=a><input type=password name=b></form>" + LOGIN_FORM,
        '<input form="f" type="password"><form id="f"></form>',
        f"<form><input name=u>{_NEW}<input type=submit value=Login></form>",
        f"<form><input name=u>{_NEW}<button>Sign in</button></form>",
        f"<form action=/login><input name=u>{_NEW}<button>Go</button></form>",
    ],
    ids=[
        *("usual", "bare", "capitals", "mixed", "spaced", "in-table", "beside-sign-up", "apart"),
        *("new-by-value", "new-by-text", "new-by-address"),
    ],
)
def test_L10_a_login_form_on_another_page_is_logged_out(markup: str) -> None:
    assert sign(page(markup)) == "a login form on a page that is not the login page"


@pytest.mark.parametrize(
    "markup",
    [
        "<form><input type=password name=new><input type=password name=again></form>",
        "<form><input type=password name=old><input type=password name=new><input type=password name=again></form>",
        '<form><input type="password" autocomplete="new-password"></form>',
        f"<form>{_NEW}<button>Log in</button></form>",
        f"<form><input name=u>{_NEW}<button>Sign up</button></form>",
        f"<form action=/register><input name=u type=email>{_NEW}<button>Go</button></form>",
        f"<template>{LOGIN_FORM}</template>",
        f"<noscript>{LOGIN_FORM}</noscript>",
        f"<div hidden>{LOGIN_FORM}</div>",
        f'<div style="display: none">{LOGIN_FORM}</div>',
        f"<dialog>{LOGIN_FORM}</dialog>",
        f"<!-- {LOGIN_FORM} -->",
        f"<script>var form = '{LOGIN_FORM}';</script>",
        "<form><input type=password disabled></form>",
        "<p>Never tell your password to anybody.</p><a href='/password'>Change password</a>",
        '<form><input type="text" name="password_hint" placeholder="password"></form>',
        LOGOUT + "<h1>Delete account</h1><form>Confirm: <input type=password name=confirm></form>",
    ],
    ids=[
        "sign-up",
        "change",
        "new-password",
        "new-alone",
        "new-member",
        "new-member-by-address",
        "template",
        "noscript",
        "hidden",
        "style",
        "dialog",
        "comment",
        "script",
        "disabled",
        "word",
        "hint",
        "confirmation",
    ],
)
def test_a_form_that_only_resembles_a_login_form_is_not_one(markup: str) -> None:
    assert sign(page(markup)) is None


def test_only_web_pages_are_searched() -> None:
    assert sign(page(LOGIN_FORM, content_type="application/json")) is None
    assert sign(page(LOGIN_FORM.encode(), content_type="text/plain")) is None
    assert sign(page(LOGIN_FORM, content_type="")) is not None  # no type: by its first byte
