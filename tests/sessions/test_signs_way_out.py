"""A way to log out proves that we are logged in; words about it prove nothing."""

from __future__ import annotations

import pytest

from crawler.sessions.login.signs import logged_in_sign
from tests.sessions.sign_pages import FILLER, LOGOUT, page


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="/logout">x</a>',
        '<A HREF="/LogOut.aspx">x</A>',
        "<a class=x href=/accounts/logout/?next=/ >x</a>",
        '<a href="/user/signout?token=1">x</a>',
        '<a href="/wp-login.php?action=logout&amp;_wpnonce=1">x</a>',
        '<a href="?do=log-out">x</a>',
        '<form id="logout-form" method="post" action="/admin/logout/"><button>x</button></form>',
        '<a href="/x"> Log out </a>',
        '<a href="/x"><i class="icon"></i><span>Sign Out</span></a>',
        '<button type="submit">Log off (anna)</button>',
        '<input type="submit" value="Logout">',
        '<a href="/x">Abmelden</a>',
        '<a href="/abmelden">x</a>',
        '<a href="/x">Déconnexion</a>',
        '<a href="/x">Se déconnecter</a>',
        '<a href="/x">Cerrar sesión</a>',
        '<a href="/x" title="Log out"><svg></svg></a>',
    ],
)
def test_a_way_to_log_out_proves_that_we_are_logged_in(markup: str) -> None:
    for filler in ("", FILLER):
        assert logged_in_sign(page(f"<html><body>{filler}{markup}{filler}</body></html>"))


@pytest.mark.parametrize(
    ("language", "text"), [("nl", "Uitloggen"), ("pl", "Wyloguj się"), ("sv", "Logga ut"), ("pt", "Terminar sessão")]
)
def test_the_language_of_the_page_says_which_words_count(language: str, text: str) -> None:
    assert logged_in_sign(page(f'<html lang="{language}-XX"><body><a href="/x">{text}</a></body></html>'))


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Remember to log out.</p>",
        '<a href="/help/how-to-log-out">How to log out of all devices</a>',
        '<a href="/help">How to log out</a>',
        '<a href="/blogout">x</a>',
        '<a href="/login">Log in</a>',
        '<a href="/checkout">Checkout</a> <p>layout without logout</p>',
        "<script>var menu = '<a href=\"/logout\">Log out</a>';</script>",
        '<!-- <a href="/logout">Log out</a> -->',
        '<a href="/">Home</a> Log out <a href="/x">x</a>',
        '<a href="/connexion">Connexion</a>',
        '<img src="/logout.png">',
    ],
)
def test_words_about_logging_out_prove_nothing(markup: str) -> None:
    assert not logged_in_sign(page(f"<html><body>{markup}</body></html>"))


def test_the_way_out_of_a_long_page_is_found_at_its_edges() -> None:
    filler = FILLER * 40

    assert logged_in_sign(page(LOGOUT + filler))
    assert logged_in_sign(page(filler + LOGOUT))


def test_a_mark_of_the_spider_replaces_the_way_out() -> None:
    assert logged_in_sign(page('<b id="me">x</b>'), css="#me")
    assert not logged_in_sign(page(LOGOUT), css="#me")
    assert logged_in_sign(page('{"user": "anna"}', content_type="application/json"), text='"anna"')
