"""Why requests are put aside, as stored with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import errors
from crawler.errors import LoginFailed, NeedsHuman, SessionError, WrongPassword
from crawler.sessions.login.put_aside import as_errors, as_stored

KINDS = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, SessionError) and each is not SessionError
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_each_kind_comes_back_as_it_was(kind: type[SessionError]) -> None:
    (back,) = as_errors([as_stored({"buyer": kind("buyer", "so it is")})])

    assert (type(back), back.session, back.why) == (kind, "buyer", "so it is")


def test_an_error_that_only_a_spider_knows_is_the_nearest_that_all_know() -> None:
    class NeedsMyPhone(NeedsHuman):
        pass

    (back,) = as_errors([as_stored({"buyer": NeedsMyPhone("buyer", "the phone")})])

    assert type(back) is NeedsHuman


def test_each_session_is_reported_once_for_many_texts_and_foreign_texts_are_skipped() -> None:
    both = as_stored({"ann": WrongPassword("ann", "no"), "bob": NeedsHuman("bob", "a code")})

    found = as_errors(
        ["", both, "StatusError: 503", "OSError: session 'x': y", as_stored({"ann": LoginFailed("ann", "later")})]
    )

    assert [(type(each), each.session) for each in found] == [(WrongPassword, "ann"), (NeedsHuman, "bob")]


@given(name=st.text(min_size=1), why=st.text())
def test_any_name_and_any_words_come_back_on_one_line(name: str, why: str) -> None:
    (back,) = as_errors([as_stored({name: LoginFailed(name, why)})])

    assert (back.session, back.why) == (name, " ".join(why.split()))
