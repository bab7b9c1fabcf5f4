"""What the answer to a login says: refused, locked, a code wanted, a captcha; and nothing where nothing is said."""

from __future__ import annotations

import timeit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.forms import find_form
from crawler.response import Response
from crawler.sessions.login.signs import (
    captcha_sign,
    logged_in_sign,
    logged_out_sign,
    one_time_code_sign,
    wrong_password_sign,
)
from crawler.testing import PracticeSite, totp
from crawler.urls import printable

FORM = '<form method="post"><label>Password <input type="password" name="p"></label><button>Log in</button></form>'


def page(markup: str, status: int = 200, content_type: str = "text/html") -> Response:
    response = Response()
    response._content, response.url, response.status_code = markup.encode(), "https://shop.example/login", status
    response.headers["Content-Type"] = content_type
    return response


@pytest.mark.parametrize(
    "text",
    [
        "Please enter a correct username and password. Note that both fields may be case-sensitive.",
        "Incorrect username or password.",
        "Invalid credentials",
        "Your <b>password</b> is <i>wrong</i>!",
        "The email or password you entered did not match our records.",
        "The password you\u2019ve entered is incorrect.",
        "Unknown user",
        "Login failed, try again",
        "Benutzername oder Passwort ist falsch.",
        "Die Anmeldedaten sind ungültig.",
        "Anmeldung fehlgeschlagen",
        "Das Passwort stimmt leider nicht.",
        "Identifiant ou mot de passe incorrect",
        "Usuario o contraseña incorrectos",
        "Nome utente o password errati",
        "Onjuist wachtwoord",
        "Senha incorreta",
        "Nieprawidłowy login lub hasło",
        "Fel lösenord",
    ],
)
def test_L11_the_form_again_with_a_refusal_is_a_wrong_password(text: str) -> None:
    said = wrong_password_sign(page(f"<h1>Log in</h1><p class=error>{text}</p>{FORM}"))

    assert said is not None
    assert "\n" not in said
    assert len(said) <= 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Forgot password?",
        "CSRF verification failed. Your session may have expired.",
        "The verification code is invalid. Enter your password again.",
        "Invalid request token, log in again.",
        "Please enable JavaScript: login failed to load in this browser",
        "Wrong turn? Go home.",
        "<span hidden>Invalid password</span>",
        "<div style='display: none'>Incorrect password</div>",
        "<script>var message = 'Invalid password';</script>",
        "<a href='/help'>Invalid password?</a>",
        "Unauthorized login attempts are logged.",
        "Cookies are blocked. Your login needs them.",
    ],
    ids=lambda text: text[:30] or "nothing",
)
def test_anything_else_on_the_form_is_not_a_wrong_password(text: str) -> None:
    assert wrong_password_sign(page(f"<h1>Log in</h1><p>{text}</p>{FORM}")) is None


def test_a_refusal_without_the_form_is_about_something_else() -> None:
    assert wrong_password_sign(page("<p>Invalid password policy: your login page</p>")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Your account is locked.",
        "Ihr Konto wurde gesperrt",
        "Too many failed login attempts",
        "Zu viele Anmeldeversuche",
        "Votre compte est bloqué",
    ],
)
def test_L11_a_locked_account_must_not_be_tried_again(text: str) -> None:
    assert text.split()[-1].strip(".") in str(wrong_password_sign(page(f"<p>{text}</p>")))


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ('{"error": "invalid_grant"}', 400, True),
        ('{"error": "invalid_credentials"}', 200, True),
        ('{"message": "Wrong password"}', 403, True),
        ('{"detail": "The password is incorrect"}', 422, True),
        ('{"error": "invalid_request"}', 400, False),
        ('{"error": "server exploded, login failed"}', 500, False),
        ('{"ok": true}', 200, False),
    ],
)
def test_L11_json_logins_refuse_in_their_own_words(body: str, status: int, expected: bool) -> None:
    assert (wrong_password_sign(page(body, status, "application/json")) is not None) is expected


def test_L11_401_is_a_refusal_whatever_is_on_the_page() -> None:
    assert wrong_password_sign(page("", 401)) == "status 401"


def test_X12_what_is_quoted_from_the_page_is_printable() -> None:
    said = wrong_password_sign(page(f"<p>\x1b]0;x\x07 Invalid password for \u202eanna</p>{FORM}"))

    assert said is not None
    assert said.isprintable()


# --- one-time codes and captchas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "markup",
    [
        '<input name="x" autocomplete="one-time-code">',
        '<input name="otp">',
        '<input type="tel" name="verification_code">',
        '<input id="auth-code" name="c">',
        '<input name="user[otp_attempt]">',
        '<input type="number" name="token2fa"><p>x</p>',
        '<h1>Two-factor authentication</h1><input name="x">',
        "<p>Enter the 6-digit verification code</p><input name=x>",
        "<p>Bitte geben Sie den Bestätigungscode ein</p><input name=x>",
    ],
)
def test_L19_a_page_that_wants_a_code_is_recognised(markup: str) -> None:
    assert one_time_code_sign(page(f"<form method=post>{markup}<button>Go on</button></form>")) is not None


@pytest.mark.parametrize(
    "markup",
    [
        FORM,
        '<input name="zip_code">',
        '<input type="hidden" name="otp">',
        '<input name="promo"><p>Enter your promo code</p>',
        "<p>Two-factor authentication is on.</p>",
        f"<p>We use two-factor authentication</p>{FORM}",
        '<input name="photo"><input name="topic">',
    ],
)
def test_other_pages_want_no_code(markup: str) -> None:
    assert one_time_code_sign(page(markup)) is None


@pytest.mark.parametrize(
    ("markup", "name"),
    [
        ('<div class="g-recaptcha" data-sitekey="x"></div>', "g-recaptcha"),
        ('<div class="h-captcha"></div>', "h-captcha"),
        ('<div class="cf-turnstile"></div>', "cf-turnstile"),
        ('<img src="/captcha.png"><input name="x">', "captcha"),
        (FORM, None),
    ],
)
def test_L19_a_captcha_is_recognised(markup: str, name: str | None) -> None:
    assert captcha_sign(page(markup)) == name


@given(
    body=st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<form>",
                "<input type=password>",
                "<input name=otp>",
                "invalid password",
                "captcha",
                "locked",
                "\n",
            ]
        )
        | st.text(max_size=8),
        max_size=40,
    ).map("".join)
)
def test_no_page_makes_them_raise(body: str) -> None:
    for kind in ("text/html", "application/json", "text/xml", ""):
        response = page(body, content_type=kind)
        for said in (wrong_password_sign(response), one_time_code_sign(response), captcha_sign(response)):
            assert said is None or printable(said) == said


def test_C1_deep_and_long_pages_are_read_in_bounded_time() -> None:
    began = timeit.default_timer()
    for markup in ("<div>" * 50_000 + FORM, "<b>" * 2_000 + "Invalid password" + FORM, "<p>word</p>" * 100_000 + FORM):
        wrong_password_sign(page(markup))
        one_time_code_sign(page(markup))

    assert timeit.default_timer() - began < 5.0


# --- a real site ------------------------------------------------------------------------------------------------------


class Browser:
    """Enough of a session to log in with."""

    def __init__(self, site: PracticeSite) -> None:
        self.http, self.site = requests.Session(), site
        self.http.trust_env = False

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str) -> Response:
        return self._ours(self.http.get(self.site.url + path))

    def submit(self, response: Response, data: dict[str, str]) -> Response:
        filled = find_form(response).fill(data)
        headers = {**filled.headers, "Referer": filled.referer, "Origin": filled.origin}
        return self._ours(self.http.request(filled.method, filled.url, data=filled.body, headers=headers))

    @staticmethod
    def _ours(answer: requests.Response) -> Response:
        ours = Response()
        ours.__dict__.update(answer.__dict__)
        return ours


def test_the_practice_site_is_read_right(practice_site: PracticeSite) -> None:
    account = practice_site.accounts[0]
    with Browser(practice_site) as browser:
        wanted = f"{practice_site.url}/members/?page=1"
        login_page = browser.get("/members/?page=1")
        assert "redirected" in str(logged_out_sign(login_page, asked_url=wanted))
        assert not logged_in_sign(login_page)

        refused = browser.submit(login_page, {"username": account.username, "password": "wrong"})
        assert refused.status_code == 200
        assert "Please enter a correct name and password" in str(wrong_password_sign(refused))

        inside = browser.submit(refused, {"username": account.username, "password": account.password})
        assert wrong_password_sign(inside) is None
        assert logged_out_sign(inside, asked_url=inside.url) is None
        assert logged_in_sign(inside)
        members = browser.get("/members/?page=1")
        assert logged_out_sign(members, asked_url=wanted) is None
        assert logged_in_sign(members)


@pytest.mark.parametrize("style", ["soft200", "status401"])
def test_L10_the_practice_site_in_its_other_ways_is_read_right(make_practice_site, style: str) -> None:  # type: ignore[no-untyped-def]
    site = make_practice_site(login=style)
    with Browser(site) as browser:
        for path in ("/members/?page=1", "/account/", "/orders/?page=1"):
            assert logged_out_sign(browser.get(path), asked_url=site.url + path) is not None
        for path in ("/", "/catalogue/?page=1", "/book/1"):  # open to guests
            assert logged_out_sign(browser.get(path), asked_url=site.url + path) is None


def test_L19_the_practice_site_asks_for_a_code(make_practice_site) -> None:  # type: ignore[no-untyped-def]
    site = make_practice_site(one_time_code="totp")
    account = site.accounts[0]
    with Browser(site) as browser:
        code_page = browser.submit(browser.get("/login"), {"username": account.username, "password": account.password})
        assert one_time_code_sign(code_page) is not None
        assert wrong_password_sign(code_page) is None
        wrong = browser.submit(code_page, {"code": "000000"})
        assert one_time_code_sign(wrong) is not None
        assert wrong_password_sign(wrong) is None  # it was the code
        assert logged_in_sign(browser.submit(wrong, {"code": totp(account.totp_secret)}))
