"""What a spider fills in: where it lands among the controls of a name, and what errors say."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from crawler.errors import UsageError
from crawler.pages.filled import Filled
from crawler.pages.form_tree import TooMuchMarkup, read_forms
from crawler.response import Request, Response
from tests.sessions.test_forms import page, pairs

RAILS = '<input type="hidden" name="rm" value="0"><input type="checkbox" name="rm" value="1">'
MVC = '<input type="checkbox" name="rm" value="true"><input type="hidden" name="rm" value="false">'
BOXES = "<input type=checkbox name=t value=a checked><input type=checkbox name=t value=b>"
RADIO = "<input type=radio name=r value=1 checked><input type=radio name=r value=2>"
TEXTS = "<input name=x value=1><input name=x value=2>"


def form(inner: str, **arguments: Any) -> Any:
    return page(f"<form method=post>{inner}<button>Go</button></form>").form(**arguments)


@pytest.mark.parametrize(
    ("inner", "data", "expected"),
    [
        (RAILS, {}, ["0"]),
        (RAILS, {"rm": True}, ["0", "1"]),
        (RAILS, {"rm": False}, ["0"]),
        (RAILS, {"rm": "1"}, ["0", "1"]),
        (RAILS, {"rm": "0"}, ["0"]),
        (RAILS, {"rm": ["0", "1"]}, ["0", "1"]),
        (RAILS, {"rm": None}, []),
        (RAILS.replace('value="1"', 'value="1" checked'), {"rm": False}, ["0"]),
        (RAILS.replace('value="1"', ""), {"rm": True}, ["0", "on"]),
        (MVC, {"rm": True}, ["true", "false"]),
        (MVC, {"rm": False}, ["false"]),
        (MVC, {"rm": "true"}, ["true", "false"]),
        (RAILS + '<input type="checkbox" name="rm" value="2">', {"rm": ["2"]}, ["0", "2"]),
        (RADIO.replace("name=r", "name=rm") + '<input type="hidden" name="rm" value="0">', {"rm": "2"}, ["2", "0"]),
        ('<input type="hidden" name="rm"><select name="rm"><option>a<option>b</select>', {"rm": "b"}, ["", "b"]),
        ('<input type="hidden" name="rm" value="old"><input name="rm">', {"rm": "new"}, ["old", "new"]),
    ],
    ids=str,
)
def test_a_box_and_its_hidden_twin(inner: str, data: dict[str, Any], expected: list[str]) -> None:
    assert [value for name, value in pairs(form(inner).fill(data)) if name == "rm"] == expected


@pytest.mark.parametrize(
    ("inner", "data", "expected"),
    [
        (TEXTS, {"x": "9"}, "x=9&x=2"),
        (TEXTS, {"x": ["8", "9"]}, "x=8&x=9"),
        (TEXTS, {"x": ["9"]}, "x=9"),
        (TEXTS, {"x": ["7", "8", "9"]}, "x=7&x=8&x=9"),
        (TEXTS, {"x": []}, ""),
        ("<input type=hidden name=x value=1><input type=hidden name=x value=2>", {"x": "9"}, "x=9"),
        (BOXES, {"t": "b"}, "t=b"),
        (BOXES, {"t": ["a", "b"]}, "t=a&t=b"),
        (BOXES, {"t": False}, ""),
        (RADIO, {"r": 2}, "r=2"),
        (RADIO, {"r": None}, ""),
        ("<select name=s><option value=1>one<option value=2>two</select>", {"s": "two"}, "s=2"),
        ("<select name=s multiple><option>a<option>b<option>c</select>", {"s": ["c", "a"]}, "s=a&s=c"),
        ("<select name=s><option>a<option>b</select>" * 2, {"s": ["b", "a"]}, "s=b&s=a"),
        ("<select name=s><option>a<option>b</select>" * 2, {"s": "b"}, "s=b&s=a"),
        ("<input name=p type=password>", {"p": "ends with a line break\n"}, "p=ends+with+a+line+break"),
        ("<input name=n type=number>", {"n": 12.5}, "n=12.5"),
        ("<input name=d type=date>", {"d": "2026-11-28"}, "d=2026-11-28"),
    ],
    ids=str,
)
def test_what_is_filled_in_lands_where_a_person_would_put_it(inner: str, data: dict[str, Any], expected: str) -> None:
    assert form(inner).fill(data).body.decode() == expected


@pytest.mark.parametrize(
    ("inner", "data", "says"),
    [
        (BOXES, {"t": True}, "'t' are 2 boxes; say which: a, b"),
        (BOXES, {"t": "z"}, "'t' does not have that choice; it has: a, b"),
        (RADIO, {"r": ["1", "2"]}, "only one can be chosen"),
        ("<select name=s><option>a<option>b</select>", {"s": ["a", "b"]}, "only one can be chosen"),
        (
            "<select name=s><option disabled>a<option>b</select>",
            {"s": "a"},
            "that choice of 's' is disabled; it has: b",
        ),
        (
            "<select name=s><option>a</select>",
            {"s": "z"},
            "it has: a. One that the page's script adds goes into extra=",
        ),
        ("<input name=n type=number>", {"n": "1,5"}, "'n' takes a number as browsers write it"),
        ("<input name=d type=date>", {"d": "28.11.2026"}, "'d' takes a date as browsers write it"),
        ("<input name=u disabled><input name=v>", {"u": "1"}, "has a field 'u', but it is disabled; .* extra="),
        (
            "<input name=v>",
            {"token": "1"},
            "no field 'token'.* Its fields: v. A field that the page's script adds .*extra=",
        ),
        (
            "<input name=f type=file>",
            {"f": "/etc/passwd"},
            r"files are never sent from a form: use session.post\(url, files=",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_an_error_that_says_what_does(inner: str, data: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        form(inner).fill(data)
    assert "28.11.2026" not in str(caught.value)
    assert "/etc/passwd" not in str(caught.value)


def test_a_field_of_another_form_and_one_outside_of_all_are_named() -> None:
    response = page("<form id=a><input name=q></form><input name=z><form id=b method=post><input name=u></form>")

    with pytest.raises(UsageError, match=r"no field 'q': that is one of a \(q\). Its fields: u"):
        response.form().fill({"q": "1"})
    with pytest.raises(UsageError, match="no field 'z': it stands outside of every form; give it in extra="):
        response.form().fill({"z": "1"})


@pytest.mark.parametrize(
    ("data", "expected"),
    [({"go": "2"}, "a=&go=2"), ({"go": "1"}, "a=&go=1"), ({}, "a=&go=1"), ({"only": True}, "a=&only=")],
    ids=str,
)
def test_a_button_that_is_filled_in_is_clicked(data: dict[str, Any], expected: str) -> None:
    markup = "<form method=post><input name=a><button name=go value=1>1</button><button name=go value=2>2</button>"

    assert page(f"{markup}<button name=only>3</button></form>").form().fill(data).body.decode() == expected


def test_what_a_script_adds_is_sent_after_the_fields_of_the_form() -> None:
    filled = form("<input name=a value=1>").fill(extra={"__VIEWSTATEENCRYPTED": "", "n": ["1", "2"]})

    assert filled.body == b"a=1&__VIEWSTATEENCRYPTED=&n=1&n=2"


def test_what_a_script_sets_takes_the_place_of_what_the_form_has() -> None:
    markup = "<input type=hidden name=__EVENTTARGET><select name=city><option>a</select><input name=b disabled value=1>"
    filled = form(markup).fill(extra={"__EVENTTARGET": "grid", "city": "made by a script", "b": "2"})

    assert filled.body == b"__EVENTTARGET=grid&city=made+by+a+script&b=2"


def test_without_a_button_the_form_says_where_it_goes() -> None:
    markup = "<form method=post action=/a><button formaction=/b formmethod=get>B</button></form>"
    found = page(markup).form()

    assert (found.fill(click=False).method, found.fill(click=False).url) == ("POST", "https://shop.example/a")
    assert (found.target(), found.target(click=False)) == ("https://shop.example/b", "https://shop.example/a")


# --- forms that lxml puts elsewhere -----------------------------------------------------------------------------------

CLOSED_BY_A_DIV = """<div class="head"><form method="post" action="/login" id="f"><input type="hidden" name="tok"
value="1"></div><div class="body"><input name="u"><input type="password" name="pw"></div>
<div><input type="submit" name="go" value="Go" class="go"></form></div>"""


@pytest.mark.parametrize(
    "arguments",
    [{}, {"css": "form"}, {"css": "div.body"}, {"css": "input[name=pw]"}, {"css": "#f"}, {"id": "f"}, {"index": 0}],
    ids=str,
)
def test_a_form_in_pieces_is_found_by_any_of_them(arguments: dict[str, Any]) -> None:
    found = page(CLOSED_BY_A_DIV).form(**arguments)

    assert list(found.fields) == ["tok", "u", "pw"]
    assert found.fill({"u": "ann", "pw": "x"}).body == b"tok=1&u=ann&pw=x&go=Go"


@pytest.mark.parametrize("query", ["input.go", "input[type=submit]", "[name=go]"])
def test_a_button_outside_of_the_element_of_its_form_is_clicked_by_its_selector(query: str) -> None:
    response = page(CLOSED_BY_A_DIV)

    assert response.form().fill(click=response.css(query)).body.endswith(b"go=Go")


def test_what_looks_like_a_form_in_scripts_comments_and_values_is_none() -> None:
    markup = """<script>document.write("<form id=x><input name=x>")</script><!-- <form id=y><input name=y> -->
    <form id=f method=post><input name=a title="<input name=t></form>" value="<form>"><textarea name=b></form><input>
    </textarea><style>/* </form> */</style><input name=c class=last></form>"""
    response = page(markup)

    assert response.form("input.last").fields == {"a": "<form>", "b": "</form><input>\n    ", "c": ""}
    with pytest.raises(UsageError, match=r"forms there: f \(a, b, c\)$"):
        response.form(id="x")


def test_a_page_with_a_great_many_forms_is_read_in_linear_time() -> None:
    many = "".join(f"<form id=f{number}><input name=a></form>" for number in range(20_000))

    started = time.thread_time()
    response = page(many)
    assert list(response.form(id="f19999").fields) == ["a"]
    assert time.thread_time() - started < 3.0, "0.6 s; 7 s where it grows with the square"
    with pytest.raises(UsageError, match=r"forms there: f0 \(a\), f1 \(a\), .* f29 \(a\)$"):
        page(many[:2_000]).form(id="none")


def test_a_page_with_a_great_many_attributes_is_refused_at_once() -> None:
    values = "".join(f"<a href='/p/{number}' title='> {number}'>x</a>" for number in range(41_000))
    names = " ".join(f"x{number}='>'" for number in range(41_000))

    assert len(read_forms(f"{values}<form><input name=a></form>").forms) == 1
    with pytest.raises(TooMuchMarkup, match=r"41,00\d different attributes, of at most 40,000"):
        read_forms(f"<form {names}><input name=a></form>")


@pytest.mark.parametrize("block", ["<div>", "<section>", "<p><div>"])
def test_a_page_that_is_very_deep_and_large_says_so_at_once(block: str) -> None:
    deep, few = block * 20_001, block * 3_000

    with pytest.raises(UsageError, match=r"tags in more than 2,048 levels, of at most 20,000"):
        page(f"{deep}<form><input name=a></form>").form()
    assert list(page(f"{few}<form><input name=a></form>").form().fields) == ["a"], "lxml does not see it"


def test_a_page_with_more_options_than_are_looked_through_says_so() -> None:
    with pytest.raises(UsageError, match=r"the page has 20,001 options"):
        page("<form><select name=s>" + "<option>1" * 20_001).form()


# --- where the form may be when it is not there ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "says"),
    [
        (
            "<iframe src=/inner/login></iframe>",
            r"a form may be in one: session.get\('https://shop.example/inner/login'\).form\(\)",
        ),
        (
            "<frameset><frame src=menu><frame src=main></frameset>",
            r"session.get\('https://shop.example/menu'\).*; the others: https://shop.example/main",
        ),
        (
            "<base href=/b/><iframe src=login?token=k9w8x7></iframe>",
            r"session.get\('https://shop.example/b/login\?token=\*\*\*'\)",
        ),
        (
            "<meta http-equiv=Refresh content='0; url=/real-login'>",
            r"\(meta refresh\): session.get\('https://shop.example/real-login'\).form\(\)",
        ),
        ("<meta http-equiv=refresh content=\"1;URL='/real'\">", r"session.get\('https://shop.example/real'\)"),
        ("<script src=app.js></script><div id=app></div>", "scripts, which may make its form: .*browser"),
    ],
    ids=["iframe", "frameset", "base", "refresh", "quoted-refresh", "script"],
)
def test_a_page_without_a_form_says_where_it_may_be(markup: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        page(markup).form()


def test_a_form_that_is_named_and_not_there_may_be_in_a_frame() -> None:
    with pytest.raises(UsageError, match=r"forms there: unnamed \(q\). The page has frames.*/login"):
        page("<form><input name=q></form><iframe src=/login></iframe>").form(id="login")


# --- what fill gives can be sent --------------------------------------------------------------------------------------


def test_what_fill_gives_is_a_request_for_a_callback() -> None:
    response = page("<form method=post action=/find enctype=multipart/form-data><input name=q></form>")
    response.asked = Request("https://shop.example/", session="buyer")

    request = response.form().fill({"q": "ink"}).request("parse_hits", meta={"a": 1}, headers={"X-Own": "1"})

    assert (request.method, request.url, request.callback) == ("POST", "https://shop.example/find", "parse_hits")
    assert (request.session, request.meta) == ("buyer", {"a": 1})
    assert request.headers is not None
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert request.headers["Referer"] == "https://shop.example/login?a=1"
    assert request.headers["Origin"] == "https://shop.example"
    assert request.headers["X-Own"] == "1"
    assert b'name="q"\r\n\r\nink\r\n' in (request.body or b"")


def test_a_form_that_gets_is_a_plain_get_without_an_origin() -> None:
    request = page("<form action='/find?old=1'><input name=q></form>").form().fill({"q": "ink & pen"}).request()

    assert (request.method, request.url, request.body) == ("GET", "https://shop.example/find?q=ink+%26+pen", None)
    assert request.headers == {"Referer": "https://shop.example/login?a=1"}


def test_a_form_that_wants_no_referrer_sends_none() -> None:
    filled = page("<form method=post rel='nofollow noreferrer'></form>").form().fill()

    assert filled.all_headers() == {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "https://shop.example",
    }


def test_a_filled_form_shows_no_values() -> None:
    filled = form("<input name=p type=password>").fill({"p": "k9w8x7"})

    assert isinstance(filled, Filled)
    assert "k9w8x7" not in repr(filled) + str(filled)
    assert parse_qsl(filled.body.decode()) == [("p", "k9w8x7")]


def test_an_unusual_charset_of_the_page_is_that_of_the_form() -> None:
    response = Response()
    response._content = b"<meta charset=shift_jis><form method=post><input name=n>"
    response.url, response.status_code = "https://shop.example/", 200
    response.headers["Content-Type"] = "text/html"

    assert response.form().fill({"n": "日本 €"}).body == b"n=%93%FA%96%7B+%26%238364%3B"
