"""Forms that are not for logging in, and pages that mention it."""

from __future__ import annotations

import pytest

from tests.sessions.sign_pages import LOGIN_FORM, page, sign


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
def test_a_page_name_that_mentions_logging_out_is_not_a_sign(name: str) -> None:
    article = f"<title>{name} - Wiki</title><form action=/find><input type=text name=q></form><h1>{name}</h1>{LONG}"

    assert sign(page(article)) is None


@pytest.mark.parametrize(
    "rest",
    ["<p>Good bye.</p>", '<p>Good bye.</p><a href="/login">Log in again</a>' + LONG, LONG + LOGIN_FORM],
    ids=["short", "long, with a way to log in", "long, with a form"],
)
def test_such_a_name_on_a_short_page_or_beside_a_way_to_log_in_is_one(rest: str) -> None:
    assert sign(page(f"<title>Your session has expired</title><h1>Your session has expired</h1>{rest}"))
