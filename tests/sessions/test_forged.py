"""A page that says that the request was taken for a forged one is known in the words of several frameworks."""

from __future__ import annotations

import pytest

from crawler.sessions.login.forged import took_for_forged
from tests.sessions.sign_pages import page

ARTICLE = "<p>" + "A site asks a browser for a secret with each form. " * 60 + "</p>"


@pytest.mark.parametrize(
    ("markup", "status"),
    [
        ("<title>Possible cross-site request forgery</title><h1>RT</h1>" + ARTICLE, 200),
        ("<title>403 Forbidden</title><h1>Forbidden</h1><p>CSRF verification failed. Request aborted.</p>", 403),
        ("<title>Error 403 No valid crumb was included in the request</title><h2>HTTP ERROR 403</h2>", 403),
        ("<h3 class=error-title>REQUEST CHECK FAILED</h3><p>For your protection, access is secured.</p>", 403),
        ("<title>The change you wanted was rejected (422)</title>", 422),
        ("<h1>ActionController::InvalidAuthenticityToken</h1><p>Can't verify CSRF token authenticity.</p>", 422),
        ("<p class=error>The CSRF token is invalid. Please try to resubmit the form.</p>", 200),
        ("<p class=error>Invalid CSRF-token</p>", 400),
        ("<p>Incorrect sesskey submitted, form not accepted!</p>", 200),
    ],
    ids=["rt", "django", "jenkins", "roundcube", "rails", "rails log", "symfony", "gitea", "moodle"],
)
def test_a_page_that_takes_the_request_for_a_forged_one_has_a_warning(markup: str, status: int) -> None:
    (said,) = took_for_forged(page(f"<html><body>{markup}</body></html>", status=status))

    assert said.startswith("it took the request for a forged one (CSRF)")


@pytest.mark.parametrize(
    "markup",
    [
        "<title>Cross-site request forgery - an encyclopedia</title><h1>Cross-site request forgery</h1>" + ARTICLE,
        "<title>Django</title><p>Django then says: CSRF verification failed. Request aborted.</p>" + ARTICLE,
        "<title>Ticket 17</title><meta name=csrf-token content=ab><script>headers['X-CSRF-Token']</script>",
        "<title>Course</title><a href='/course/view.php?id=2&sesskey=ab'>Edit</a>",
        "<title>Petty theft and forgery</title><p>The forger was caught.</p>",
        "",
    ],
    ids=["article", "article of a framework", "token", "sesskey", "other forgery", "empty"],
)
def test_a_page_about_forged_requests_or_with_a_token_has_none(markup: str) -> None:
    assert took_for_forged(page(f"<html><body>{markup}</body></html>")) == ()


def test_what_is_no_page_has_none() -> None:
    assert took_for_forged(page("possible cross-site request forgery", content_type="text/plain")) == ()
