"""A status or a redirect that says that we are logged out, and those that do not."""

from __future__ import annotations

import pytest

from tests.sessions.sign_pages import LOGIN_FORM, LOGOUT, URL, page, sign


def test_401_is_logged_out_whatever_the_page_is() -> None:
    assert sign(page("{}", status=401, content_type="application/json")) == "status 401"


@pytest.mark.parametrize("status", [200, 403, 404, 429, 500, 503])
def test_other_statuses_alone_say_nothing(status: int) -> None:
    assert sign(page("<h1>Sorry</h1><p>You may not see this.</p>", status=status)) is None


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/login/",
        "/Login.aspx?ReturnUrl=%2forders",
        "/signin",
        "/sign-in",
        "/users/sign_in",
        "/anmelden",
        "/accounts/login/?next=/orders",
        "/wp-login.php?redirect_to=x",
        "/session/new",
        "/sessions/new",
        "/auth/realms/shop/protocol/openid-connect/auth?client_id=x",
        "/oauth2/authorize?x=1",
        "/index.php?action=login",
        "/index.php?route=account/login",
        "/user/login.html",
        "/de/connexion",
        "/login/code",
        "/mfa/verify",
        "/fr/se-connecter",
    ],
)
def test_a_redirect_that_ends_at_what_looks_like_a_login_page_is_logged_out(path: str) -> None:
    response = page("<h1>Hello</h1>", url=f"https://shop.example{path}", through=(URL,))

    assert "redirected to what looks like a login page" in str(sign(response))


@pytest.mark.parametrize(
    "path",
    [
        "/orders/2",
        "/blog/how-to-login-safely",
        "/loginhistory",
        "/signing",
        "/author/anna",
        "/authorize-me",
        "/catalog/in",
    ],
)
def test_a_redirect_elsewhere_is_not_logged_out(path: str) -> None:
    assert sign(page(url=f"https://shop.example{path}", through=(URL,))) is None


def test_a_login_page_that_was_only_passed_through_does_not_count() -> None:
    assert sign(page(through=(URL, "https://shop.example/login?next=/orders"))) is None


def test_a_page_that_looks_like_a_login_page_but_offers_to_log_out_is_not_one() -> None:
    assert sign(page(LOGOUT, url="https://shop.example/help/login", through=(URL,))) is None


@pytest.mark.parametrize("asked", ["https://shop.example/login", "https://shop.example/login?next=/"])
def test_whoever_asks_for_the_login_page_gets_it(asked: str) -> None:
    assert sign(page(LOGIN_FORM, url=asked), asked) is None
    assert sign(page(LOGIN_FORM, url=asked), asked, login_urls=["https://shop.example/login"]) is None


@pytest.mark.parametrize(
    ("known", "landed", "expected"),
    [
        ("https://shop.example/enter", "https://shop.example/enter?next=/orders", True),
        ("https://shop.example/enter/", "https://shop.example/enter", True),
        ("/enter", "https://shop.example/enter", True),
        ("https://shop.example/index.php?do=hello", "https://shop.example/index.php?x=1&do=hello", True),
        ("https://shop.example/index.php?do=hello", "https://shop.example/index.php?do=orders", False),
        ("https://shop.example/enter", "https://other.example/enter", False),
        ("https://shop.example/enter", "https://shop.example/center", False),
        ("http://[broken", "https://shop.example/enter", False),
    ],
)
def test_a_redirect_to_a_known_login_page_is_logged_out(known: str, landed: str, expected: bool) -> None:
    reason = sign(page(LOGOUT, url=landed, through=(URL,)), login_urls=[known])

    assert (reason is not None and "redirected to the login page" in reason) is expected


def test_X9_the_reason_holds_no_secret_of_the_address() -> None:
    reason = sign(page(url="https://u:hunter22@shop.example/login?token=k9w8x7", through=(URL,)))

    assert reason is not None
    assert "hunter22" not in reason + "k9w8x7"[:0]
    assert "k9w8x7" not in reason


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/login?next=/orders", "redirected to what looks like a login page"),
        ("https://sso.example/enter", "redirected to the login page"),
        ("/orders/2", None),
        ("http://[", None),
    ],
)
def test_a_redirect_to_the_login_page_that_a_callback_wants_to_see_is_logged_out_too(
    location: str, said: str | None
) -> None:
    response = page("", status=302)
    response.headers["Location"] = location

    found = sign(response, login_urls=("https://sso.example/enter",))

    assert found is None if said is None else said in str(found)
