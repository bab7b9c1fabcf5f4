"""What a page says of this visit in its title, its headings, or in the little that it has to say."""

from __future__ import annotations

import pytest

from tests.sessions.sign_pages import FILLER, LOGOUT, page, sign


@pytest.mark.parametrize(
    "title",
    [
        "Session expired",
        "Your session has expired - Shop",
        "Shop | Please log in",
        "Login required",
        "Sitzung abgelaufen",
        "Bitte melden Sie sich an",
        "Votre session a expiré",
        "La sesión ha caducado",
        "You are not logged in",
        "You have to sign in",
        "Je moet eerst inloggen",
        "É necessário fazer login",
        "Vous n'êtes plus connecté",
        "Sesja wygasła",
        "Sessione scaduta",
        "Authentication required",
        "Du wurdest automatisch ausgeloggt",
        "Log in to continue",
    ],
)
def test_L10_a_title_or_heading_that_says_so_is_logged_out(title: str) -> None:
    assert "title" in str(sign(page(f"<title>{title}</title>{FILLER}")))
    assert "heading" in str(sign(page(f"<title>Shop</title><h1 class=x><b>{title}</b></h1>{FILLER}")))


@pytest.mark.parametrize(
    "title", ["Sign in", "Log in | Shop", "Anmelden \u2013 Shop", "Sign in to Shop", "Connexion : Shop"]
)
def test_L10_a_page_titled_login_that_asks_for_a_name_is_logged_out(title: str) -> None:
    asks = '<form><input type="email" name="user"><button>Next</button></form>'

    assert sign(page(f"<title>{title}</title>{asks}{FILLER}")) is not None
    assert sign(page(f"<title>{title}</title>{FILLER}")) is None  # an article about logging in


@pytest.mark.parametrize(
    "title", ["Login statistics", "Signing of contracts", "Orders", "How to log in", "Logging in Python"]
)
def test_other_titles_are_not_logged_out(title: str) -> None:
    assert sign(page(f'<title>{title}</title><form><input type="text"></form>{FILLER}')) is None


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Please log in to see this page.</p>",
        "<p>Login required</p>",
        "<p>Your session has expired.</p><a href='/'>Home</a>",
        '<meta http-equiv="refresh" content="0; url=/login?next=/orders">',
        "<script>window.location.href = '/users/sign_in';</script>",
        "<script>location.replace('https://shop.example/login')</script>",
        "<h2>Permission denied</h2><a href='/login'>Sign in</a>",
        "<h2>Zugriff verweigert</h2><form action='/anmelden'><button>Weiter</button></form>",
    ],
    ids=["please", "required", "expired", "refresh", "href", "replace", "denied", "denied-de"],
)
def test_L10_a_short_page_that_only_says_so_is_logged_out(markup: str) -> None:
    assert sign(page(f"<html><body>{markup}</body></html>")) is not None


@pytest.mark.parametrize(
    "markup",
    [
        "<h2>Permission denied</h2><p>Ask your administrator.</p>",
        "<p>Order 4711, session 3 of the seminar.</p><a href='/login'>Sign in</a>",
        '<meta http-equiv="refresh" content="5; url=/orders?page=2">',
        "<script>var location_id = '/login';</script>",
        "<h1>Tea</h1><p class=price>Log in to see prices</p><a href='/login'>Sign in</a>",
        LOGOUT + "<p>Please log in again if you see no orders.</p>",
    ],
    ids=["denied", "order", "refresh", "script", "open-page", "logged-in"],
)
def test_a_short_page_that_says_something_else_is_not_logged_out(markup: str) -> None:
    assert sign(page(f"<html><body>{markup}</body></html>")) is None
