"""Marks of the spider replace the guesses, beside status and redirects."""

from __future__ import annotations

from tests.sessions.sign_pages import LOGIN_FORM, URL, page, sign


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
