"""Signs of being logged out or in: found where they are, and not where they are not."""

from __future__ import annotations

import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.response import Response
from crawler.sessions.login.signs import has_login_form, logged_in_sign, logged_out_sign, looks_like_login

URL = "https://shop.example/orders"
LOGIN_FORM = (
    '<form action="/s" method="post"><input name="user"><input type="password" name="p"><button>Go</button></form>'
)
LOGOUT = '<nav><a href="/logout">Log out</a></nav>'


def page(
    markup: str | bytes = "<h1>Orders</h1>",
    url: str = URL,
    status: int = 200,
    content_type: str = "text/html; charset=utf-8",
    through: tuple[str, ...] = (),
) -> Response:
    response = Response()
    response._content = markup if isinstance(markup, bytes) else markup.encode()
    response.url, response.status_code = url, status
    response.headers["Content-Type"] = content_type
    response.history = [page(url=each, status=302) for each in through]
    return response


def sign(response: Response, asked_url: str = URL, **rules: Any) -> str | None:
    return logged_out_sign(response, asked_url=asked_url, **rules)


# --- status and redirects ---------------------------------------------------------------------------------------------


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
def test_a_redirect_elsewhere_is_not(path: str) -> None:
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


# --- login forms ------------------------------------------------------------------------------------------------------


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
    ],
    ids=["usual", "bare", "capitals", "mixed", "spaced", "in-table", "beside-sign-up", "apart"],
)
def test_L10_a_login_form_on_another_page_is_logged_out(markup: str) -> None:
    assert sign(page(markup)) == "a login form on a page that is not the login page"


@pytest.mark.parametrize(
    "markup",
    [
        "<form><input type=password name=new><input type=password name=again></form>",
        "<form><input type=password name=old><input type=password name=new><input type=password name=again></form>",
        '<form><input type="password" autocomplete="new-password"></form>',
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
def test_what_only_resembles_a_login_form_is_not(markup: str) -> None:
    assert sign(page(markup)) is None


def test_only_web_pages_are_searched() -> None:
    assert sign(page(LOGIN_FORM, content_type="application/json")) is None
    assert sign(page(LOGIN_FORM.encode(), content_type="text/plain")) is None
    assert sign(page(LOGIN_FORM, content_type="")) is not None  # no type: by its first byte


# --- what a page says -------------------------------------------------------------------------------------------------

FILLER = "<p>" + "Lorem ipsum dolor sit amet. " * 300 + "</p>"


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
def test_other_titles_are_not(title: str) -> None:
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
def test_a_short_page_that_says_something_else_is_not(markup: str) -> None:
    assert sign(page(f"<html><body>{markup}</body></html>")) is None


# --- marks of the spider ----------------------------------------------------------------------------------------------


def test_L10_a_mark_of_the_logged_out_page_replaces_the_guesses() -> None:
    masked = page("<td class=price>***</td>")

    assert sign(masked, css="td.price:contains('***')") == "the mark of a logged-out page is there"
    assert sign(masked, text=">***<") is not None
    assert sign(page(LOGIN_FORM), css="td.masked") is None
    assert sign(page('{"error": "login required"}', content_type="application/json"), text="login required") is not None
    assert sign(page("{}", content_type="application/json"), css="td.masked") is None


def test_a_mark_of_the_logged_in_page_proves_or_disproves() -> None:
    inside = page(f'<b id="me">anna</b>{LOGIN_FORM}')

    assert sign(inside, logged_in_css="#me") is None
    assert sign(page(), logged_in_css="#me") == "the mark of a logged-in page is missing"
    assert sign(page(), logged_in_text="Hello anna") is not None
    assert sign(page(status=404), logged_in_css="#me") is None
    assert sign(page("{}", content_type="application/json"), logged_in_css="#me") is None


def test_a_text_that_is_not_ascii_is_found_in_any_charset() -> None:
    response = page(
        "Bitte geben Sie Ihr Schlüsselwort ein".encode("latin-1"), content_type="text/html; charset=latin-1"
    )

    assert sign(response, text="Schlüsselwort") is not None


def test_status_and_redirect_count_beside_the_marks() -> None:
    assert sign(page(status=401), css="#none") == "status 401"
    assert sign(page(url="https://shop.example/login", through=(URL,)), css="#none") is not None


# --- logged in --------------------------------------------------------------------------------------------------------


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


# --- robustness and cost ----------------------------------------------------------------------------------------------


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


# --- what a browser would do later, or on a click ---------------------------------------------------------------------

REPORT = "<p>Report of the day</p>"


@pytest.mark.parametrize(
    "markup",
    [
        '<meta http-equiv="refresh" content="1800; url=/login?timeout=1">',
        '<meta content="900;url=/login" http-equiv=Refresh>',
        "<META HTTP-EQUIV='REFRESH' CONTENT='1200, URL=\"/login\"'>",
        '<noscript><meta http-equiv="refresh" content="0; url=/login?nojs"></noscript>',
        '<!-- <meta http-equiv="refresh" content="0; url=/login"> -->',
        '<meta http-equiv="refresh" content="60">',
        '<meta name="description" content="0; url=/login"><meta http-equiv="refresh" content="300; url=/orders">',
        "<script>setTimeout(function(){ location.href='/login?timeout=1' }, 1800000)</script>",
        "<script>setTimeout(() => { if (idle) { location = '/login'; } }, 30 * 60 * 1000)</script>",
        "<script>function out(){location='/login'} setInterval(out, 900000)</script>",
        "<a onclick=\"location.href='/login'\">other account</a>",
    ],
    ids=lambda markup: markup[:60],
)
def test_what_happens_to_an_idle_browser_is_not_what_the_page_says(markup: str) -> None:
    assert sign(page(f"<html><head>{markup}</head>{REPORT}</html>")) is None


@pytest.mark.parametrize(
    "markup",
    [
        '<meta http-equiv="refresh" content="0; url=/login">',
        '<meta content="5;url=/login" http-equiv=Refresh>',
        "<META HTTP-EQUIV='REFRESH' CONTENT='3, URL=\"/login\"'>",
        '<meta http-equiv="refresh" content="0;/login">',
        "<script>location.href='/login'</script>",
        "<script>setTimeout(function(){ location.href='/login' }, 3000)</script>",
        "<script>window.onload = function(){ window.location = '/login' }</script>",
    ],
    ids=lambda markup: markup[:60],
)
def test_a_short_page_that_leads_to_the_login_at_once_is_logged_out(markup: str) -> None:
    assert sign(page(f"<html><head>{markup}</head><p>Please wait</p></html>")) == (
        "it sends the browser on to what looks like a login page"
    )


# --- forms that are not for logging in, and pages that speak of it ----------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "<form action=/email><input name=email type=email><input type=password name=now><button>Save</button>",
        "<form action=/account/delete><input type=password name=pw><button>Delete my account</button>",
        '<form action=/wifi><input name=ssid><input type=password name=key value="hunter2"><button>Go</button>',
        "<form action=/docs/7><input type=password name=pin><input type=submit value='Confirm'>",
        "<form action=/mailbox><input name=host><input name=port><input name=user><input name=from>"
        "<input type=password name=pw><button>Go</button>",
        "<form action=/konto><input name=mail><input type=password name=pw><button>Änderungen speichern</button>",
        "<form action=/profil><input type=password name=pw><button>Enregistrer</button>",
        "<form action=/note><textarea name=text></textarea><input type=password name=pw><button>Go</button>",
    ],
    ids=lambda form: form[:50],
)
def test_a_page_of_a_member_with_one_password_field_and_no_way_to_log_out_is_not_logged_out(form: str) -> None:
    assert sign(page(f"<title>Settings</title><h1>Settings</h1>{form}</form>")) is None


@pytest.mark.parametrize(
    "form",
    [
        "<form action=/s><input name=user><input type=password name=p><button>Go</button>",
        "<form action=/login><input type=password name=p><button>Confirm</button>",
        "<form action=/s><input type=password name=p><input type=submit>",
        "<form action=/s><input name=tenant><input name=user><input type=password name=p><button>Weiter</button>",
        "<form action=/s><input name=user><input type=password name=p><button>Apply</button><a href=/login>Log in</a>",
        "<form action=/s><input type=email value='ann@x.example'><input type=password name=p><button>OK</button>",
    ],
    ids=lambda form: form[:60],
)
def test_a_form_that_may_be_a_login_is_still_taken_for_one(form: str) -> None:
    assert sign(page(f"<title>Welcome</title>{form}</form>")) == "a login form on a page that is not the login page"


LONG = "<p>" + "Why do sites end a session, and what can an administrator do about it? " * 40 + "</p>"


@pytest.mark.parametrize(
    "name",
    [
        "Session expired: what the message means",
        "Questions and answers: You have been logged out?",
        "Please log in: how to word a form",
        "Login required errors in 2025",
        "Your session has timed out, and other messages",
        "Sign in to your account: a design study",
    ],
)
def test_the_name_of_a_page_that_speaks_of_logging_out_is_no_sign(name: str) -> None:
    article = f"<title>{name} - Wiki</title><form action=/find><input type=text name=q></form><h1>{name}</h1>{LONG}"

    assert sign(page(article)) is None


@pytest.mark.parametrize(
    "rest",
    ["<p>Good bye.</p>", '<p>Good bye.</p><a href="/login">Log in again</a>' + LONG, LONG + LOGIN_FORM],
    ids=["short", "long, with a way to log in", "long, with a form"],
)
def test_such_a_name_on_a_short_page_or_beside_a_way_to_log_in_is_one(rest: str) -> None:
    assert sign(page(f"<title>Your session has expired</title><h1>Your session has expired</h1>{rest}"))
