"""The signs are found wherever a browser shows them: on the whole page, in any case of its tags, in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from crawler.response import Response
from crawler.sessions.login.login_answers import one_time_code_sign, wrong_password_sign
from crawler.sessions.login.page_marks import refresh_of
from crawler.sessions.login.signs import logged_in_sign, logged_out_sign, wants_login

URL = "https://shop.example/orders"
STYLE = "<style>" + ".a{color:red} " * 400 + "</style>"
ICON = '<svg><path d="' + "M1 2 " * 12_000 + '"/></svg>'
TEXT = "<p>Some words of an article that nobody reads to its end.</p>"
FORM = '<form method="post"><input name="u"><input type="password" name="p"></form>'


def page(markup: str) -> Response:
    response = Response()
    response._content = markup.encode()
    response.url, response.status_code = URL, 200
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    return response


def out(markup: str) -> str | None:
    return logged_out_sign(page(markup), asked_url=URL)


SAYS_SO = {
    "H1": "<H1>Session expired</H1>" + TEXT,
    "H1 with a class": "<H1 class=big>Session expired</H1>" + TEXT,
    "h2, no h1": "<h2>Session expired</h2>" + TEXT,
    "H3, no other": "<H3>Session expired</H3>" + TEXT,
    "h4": "<h4>Session expired</h4>" + TEXT,
    "h1 behind h3 of a menu": "<h3>Menu</h3><h1>Session expired</h1>" + TEXT,
    "an h1 with a logo alone": "<h1><a href=/><img src=/logo.png></a></h1><h2>Session expired</h2>" + TEXT,
    "an icon of 60 kB in the heading": f"<h1>{ICON}Session expired</h1>" + TEXT,
    "behind 300 kB of styles": STYLE * 60 + "<h1>Session expired</h1>" + TEXT,
    "Title": "<Title>Session expired</Title>" + TEXT,
    "a title behind 300 kB": STYLE * 60 + "<title>Session expired</title>" + TEXT,
}


@pytest.mark.parametrize("name", SAYS_SO)
def test_a_heading_counts_however_it_is_written_and_wherever_it_is(name: str) -> None:
    assert out(SAYS_SO[name])
    assert wants_login(page(SAYS_SO[name]), URL)


@pytest.mark.parametrize(
    "markup",
    [
        "<h1>Orders</h1><h2>Session expired</h2>" + TEXT * 40,
        "<h1>Orders</h1><H1>Session expired</H1>" + TEXT * 40,
        "<h2>News</h2><h3>Session expired</h3>" + TEXT * 40,
        "<header>Session expired</header>" + TEXT * 40,
        "<hr>Session expired</hr>" + TEXT * 40,
        "<script>'<h1>Session expired</h1>'</script><h1>Orders</h1>" + TEXT * 40,
        "<!-- <h1>Session expired</h1> --><h1>Orders</h1>" + TEXT * 40,
    ],
)
def test_what_is_not_a_heading_of_the_page_says_nothing(markup: str) -> None:
    assert out(markup) is None


SHORT = {
    "behind styles": STYLE * 2 + "<p>Your session has expired. Please log in again.</p>",
    "behind 100 kB of scripts": "<script>" + "var a = 1;" * 10_000 + "</script><p>You are not logged in.</p>",
    "with a picture in it": f"{ICON}<p>Please log in to continue.</p><p>You have been logged out</p>",
    "in many boxes": "<div class='a b c'>" * 250 + "You have been logged out",
    "a refresh behind 100 kB": STYLE * 20 + "<meta http-equiv=refresh content='0;url=/login'>",
    "a REFRESH behind 100 kB": STYLE * 20 + "<META HTTP-EQUIV=REFRESH CONTENT='0;URL=/login'>",
}


@pytest.mark.parametrize("name", SHORT)
def test_a_page_is_short_by_what_one_reads_on_it(name: str) -> None:
    assert out(SHORT[name])


def test_a_page_with_much_to_read_is_not_short() -> None:
    assert out(TEXT * 40 + "<p>You have been logged out</p>") is None


MIDDLE = {
    "a link": "<a href=/logout>Log out</a>",
    "a form": "<form action=/logout method=post><button>Sign out</button></form>",
    "a label": "<a href=/bye>Log out</a>",
    "capitals": "<A HREF=/LOGOUT>LOG OUT</A>",
    "behind an icon of 60 kB": f"<a href=/bye>{ICON}Log out</a>",
    "German": "<a href=/bye>Abmelden</a>",
}


@pytest.mark.parametrize("around", [1_500, 20_000], ids=["100 kB", "1 MB"])
@pytest.mark.parametrize("name", MIDDLE)
def test_the_way_out_is_found_in_the_middle_of_a_long_page(name: str, around: int) -> None:
    assert logged_in_sign(page(TEXT * around + MIDDLE[name] + TEXT * around))


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- <a href=/logout>Log out</a> -->",
        "<script>'<a href=/logout>Log out</a>'</script>",
        "<SCRIPT><a href=/logout>Log out</a></SCRIPT>",
        "<p>Click on Log out to leave</p>",
        "<!--" + "<a href=/logout>Log out</a>" * 150 + "-->",
    ],
)
def test_what_offers_nothing_in_the_middle_of_a_long_page_proves_nothing(markup: str) -> None:
    assert not logged_in_sign(page(TEXT * 1_500 + markup + TEXT * 1_500))


def test_the_refusal_is_found_behind_any_amount_of_text() -> None:
    long = TEXT * 2_000 + FORM + "<p>The password is wrong.</p>"

    assert wrong_password_sign(page(long)) == "The password is wrong."
    assert wrong_password_sign(page(TEXT * 2_000 + FORM + "<p>Your account is locked.</p>"))
    assert wrong_password_sign(page(f"{TEXT * 2_000}<p>The password is wrong.</p>")) is None, "no form"


def test_a_long_page_without_a_form_that_mentions_locked_accounts_is_not_a_refusal() -> None:
    assert wrong_password_sign(page(TEXT * 2_000 + "<p>Her account was locked.</p>")) is None
    assert wrong_password_sign(page("<p>Your account is locked.</p>"))


def test_a_code_is_asked_for_behind_any_amount_of_text() -> None:
    asks = TEXT * 2_000 + "<p>Enter the verification code from your app</p><form><input name=x></form>"

    assert one_time_code_sign(page(asks))


def test_a_refusal_in_markup_of_any_depth_is_found() -> None:
    deep = "<div>" * 200 + "<p>The password is wrong.</p>"

    assert wrong_password_sign(page(FORM + deep))


WORK: dict[str, Callable[[int], Any]] = {
    "ways out in a comment": lambda n: logged_in_sign(page("<!--" + "<a href=/logout>Log out</a>" * n + "-->")),
    "ways out in scripts": lambda n: logged_in_sign(page("<script>'<a href=/logout>x</a>'</script>" * n)),
    "the word without a tag": lambda n: logged_in_sign(page("logout " * n * 10)),
    "comments never closed": lambda n: logged_in_sign(page("<!-- <script>" * n + "<a href=/logout>x</a>")),
    "headings": lambda n: out("<h3>log" * n),
    "headings with nothing": lambda n: out("<h1></h1>" * n + "<h2>log in</h2>"),
    "titles": lambda n: out("<title" * n + ">log"),
    "tags without text": lambda n: out("<i class=login></i>" * n),
    "comments without text": lambda n: out("<!-- login -->" * n),
    "metas": lambda n: refresh_of(page("<meta http-equiv=refresh content=''>" * n)),
    "metas in comments": lambda n: refresh_of(page("<!-- <meta http-equiv=refresh content='0;url=/a'> -->" * n)),
    "refusals": lambda n: wrong_password_sign(page(FORM + "<p>wrong token.</p>" * n)),
    "locks": lambda n: wrong_password_sign(page(FORM + "account " * n * 5)),
    "boxes": lambda n: wrong_password_sign(page(FORM + "<b>" * n * 5 + "wrong")),
    "text in one line": lambda n: wrong_password_sign(page(FORM + "user wrong code " * n)),
}


def seconds(work: Callable[[int], Any], n: int) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work(n)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("name", WORK)
def test_Z6_twice_as_much_takes_about_twice_as_long(name: str) -> None:
    for _ in range(3):  # a collection of garbage or a neighbour may fall into one of them
        first, second = seconds(WORK[name], 3_000), seconds(WORK[name], 12_000)
        if second < 0.02 or second < 4 * 2 * first:
            return
    raise AssertionError(f"four times as much took {second / first:.1f} times as long ({second:.3f} s)")
