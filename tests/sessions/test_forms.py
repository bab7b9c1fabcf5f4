"""Forms: what is sent is what a browser sends, and it goes only where it may go."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from crawler.errors import InvalidURL, Refused, UsageError
from crawler.pages.filled import Filled
from crawler.pages.forms import Form, find_form
from crawler.response import Response
from crawler.sessions.secrets import Secret

LOGIN = """
<form id="search" action="/search"><input name="q"></form>
<form id="login" method="post" action="/session?next=/orders">
  <input type="hidden" name="csrf" value="t0ken&amp;=é"><input type="hidden" name="empty" value="">
  <input name="user"><input type="password" name="pass"><input type="checkbox" name="keep" value="yes">
  <input type="checkbox" name="news" checked><input type="radio" name="role" value="buyer" checked>
  <input type="radio" name="role" value="auditor"><textarea name="note">hello
world</textarea>
  <select name="lang"><option value="de">Deutsch</option><option value="en" selected>English</option></select>
  <select name="tags" multiple><option selected>a</option><option>b</option><option selected>c</option></select>
  <button type="button" name="js" value="1">Show</button>
  <button name="action" value="login">Log in</button><button name="action" value="register">Register</button>
</form>
"""


def page(
    markup: str | bytes, url: str = "https://shop.example/login?a=1#top", content_type: str = "text/html"
) -> Response:
    response = Response()
    response._content = markup if isinstance(markup, bytes) else markup.encode()
    response.url, response.status_code = url, 200
    response.headers["Content-Type"] = content_type
    return response


def pairs(filled: Filled) -> list[tuple[str, str]]:
    return parse_qsl(filled.body.decode(), keep_blank_values=True)


# --- finding ----------------------------------------------------------------------------------------------------------


def test_the_login_form_is_found_among_others() -> None:
    form = find_form(page(LOGIN))

    assert (form.method, form.action) == ("POST", "https://shop.example/session?next=/orders")


def test_a_login_form_goes_before_the_form_to_sign_up() -> None:
    sign_up = "<form id=up method=post><input type=password name=p1><input type=password name=p2></form>"

    assert "login" in repr(find_form(page(sign_up + LOGIN)))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"css": "#search"}, "q"),
        ({"css": "input[name=q]"}, "q"),
        ({"css": "div.box"}, "z"),
        ({"id": "search"}, "q"),
        ({"name": "third"}, "z"),
        ({"index": 2}, "z"),
        ({"index": -1}, "z"),
        ({"css": "form", "index": 1}, "user"),
    ],
    ids=str,
)
def test_a_form_is_found_by_its_marks(arguments: dict[str, Any], field: str) -> None:
    markup = LOGIN + '<div class="box"><form name="third"><input name="z"></form></div>'

    assert field in find_form(page(markup), **arguments).fields


def test_without_a_password_the_form_that_posts_is_taken() -> None:
    markup = '<form><input name="q"></form><form method="POST"><input name="user"></form>'

    assert "user" in find_form(page(markup)).fields


@pytest.mark.parametrize("arguments", [{"id": "x"}, {"css": "#x"}, {"index": 9}, {"name": "x"}], ids=str)
def test_a_missing_form_is_an_error_that_lists_those_there(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"search \(q\), login \(csrf, empty, user"):
        find_form(page(LOGIN), **arguments)


def test_a_page_without_forms_and_an_answer_that_is_not_a_page_say_so() -> None:
    with pytest.raises(UsageError, match="forms there: none"):
        find_form(page("<p>hi</p>"))
    with pytest.raises(UsageError, match="not a web page"):
        find_form(page("{}", content_type="application/json"))


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        (
            "<title>Shop</title><h1>Scheduled <b>maintenance</b></h1>",
            "forms there: none. The page says 'Scheduled maint",
        ),
        ("<title>Please wait</title><script>x()</script>", "The page says 'Please wait'. The page has scripts"),
        (f"<h1>{'long ' * 40}</h1>", "forms there: none$"),
    ],
    ids=["a heading", "a title, and scripts", "an article"],
)
def test_what_a_page_without_forms_says_is_part_of_the_error(markup: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_form(page(markup))


# --- filling ----------------------------------------------------------------------------------------------------------


def test_L5_hidden_fields_and_the_first_button_are_sent_with_what_is_filled_in() -> None:
    filled = find_form(page(LOGIN)).fill({"user": "anna", "pass": Secret("p&ss=wörd")})

    assert (filled.method, filled.url) == ("POST", "https://shop.example/session?next=/orders")
    assert filled.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert sorted(pairs(filled)) == sorted(
        [
            ("csrf", "t0ken&=é"),
            ("empty", ""),
            ("user", "anna"),
            ("pass", "p&ss=wörd"),
            ("news", "on"),
            ("role", "buyer"),
            ("note", "hello\r\nworld"),
            ("lang", "en"),
            ("tags", "a"),
            ("tags", "c"),
            ("action", "login"),
        ]
    )


@pytest.mark.parametrize("click", ["register", "Register"], ids=["value", "text"])
def test_another_button_is_clicked_by_value_or_text(click: str) -> None:
    assert ("action", "register") in pairs(find_form(page(LOGIN)).fill(click=click))
    assert ("action", "login") not in pairs(find_form(page(LOGIN)).fill(click=click))


def test_a_button_is_clicked_by_its_selector() -> None:
    response = page(LOGIN)
    for button in (response.css("button[value=register]"), response.css("button[value=register]")[0]):
        assert ("action", "register") in pairs(response.form().fill(click=button))


def test_no_button_is_clicked_on_demand() -> None:
    assert not [pair for pair in pairs(find_form(page(LOGIN)).fill(click=False)) if pair[0] == "action"]


def test_a_button_may_say_where_how_and_as_what_the_form_is_sent() -> None:
    markup = (
        '<form method="post" action="/a"><input name="x" value="1"><button>Go</button>'
        '<button name="b" formaction="/b" formmethod="get" value="2">Elsewhere</button></form>'
    )
    filled = find_form(page(markup)).fill(click="Elsewhere")

    assert (filled.method, filled.url, filled.body) == ("GET", "https://shop.example/b?x=1&b=2", b"")


def test_an_image_button_sends_the_place_of_the_click() -> None:
    markup = '<form method="post"><input type="image" name="go" value="v" alt="Enter"></form>'

    assert pairs(find_form(page(markup)).fill(click="Enter")) == [("go.x", "0"), ("go.y", "0")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"keep": True}, [("keep", "yes")]),
        ({"news": False}, []),
        ({"news": None}, []),
        ({"role": "auditor"}, [("role", "auditor")]),
        ({"lang": "Deutsch"}, [("lang", "de")]),
        ({"lang": "de"}, [("lang", "de")]),
        ({"tags": ["b"]}, [("tags", "b")]),
        ({"tags": []}, []),
        ({"user": 42}, [("user", "42")]),
        ({"csrf": None}, []),
    ],
    ids=str,
)
def test_every_kind_of_field_can_be_filled(data: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    filled = find_form(page(LOGIN)).fill(data)

    assert [pair for pair in pairs(filled) if pair[0] in data] == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"username": "x"}, "no field 'username'; did you mean 'user'"),
        ({"zzzzzz": "x"}, "no field 'zzzzzz'. Its fields: csrf, empty, user"),
        ({"lang": "fr"}, "'lang' does not have that choice; it has: de, Deutsch, en, English"),
        ({"role": "root"}, "'role' does not have that choice"),
        ({"user": object()}, "takes a string or a number"),
        ({"user": True}, "takes a string or a number"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused_with_a_hint(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_form(page(LOGIN)).fill(data)


def test_an_unknown_button_is_refused_with_those_there() -> None:
    with pytest.raises(UsageError, match="no button 'Go'; its buttons: 'action', 'action'"):
        find_form(page(LOGIN)).fill(click="Go")


def test_fields_that_a_script_would_add_are_given_apart() -> None:
    assert ("js_token", "1") in pairs(find_form(page(LOGIN)).fill(extra={"js_token": "1"}))


def test_X9_errors_and_reprs_never_hold_values() -> None:
    form = find_form(page(LOGIN, url="https://shop.example/login?token=k9w8x7"))
    with pytest.raises(UsageError) as caught:
        form.fill({"pasword": "k9w8x7"})

    assert "k9w8x7" not in str(caught.value) + repr(form) + repr(form.fill({"pass": "k9w8x7"}))


# --- as browsers see it -----------------------------------------------------------------------------------------------


def test_B17_file_inputs_are_never_sent_nor_filled() -> None:
    form = find_form(
        page('<form method="post"><input type="file" name="f" value="/etc/passwd"><input name="x"></form>')
    )

    assert pairs(form.fill({"x": "1"})) == [("f", ""), ("x", "1")], "as a browser in which no file was chosen"
    assert "f" not in form.fields
    with pytest.raises(UsageError, match="files are never sent"):
        form.fill({"f": "/etc/passwd"})


def test_disabled_controls_are_not_sent() -> None:
    markup = """<form method="post"><input name="a" disabled value="1">
    <fieldset disabled><legend><input name="b" value="1"></legend><input name="c" value="1"></fieldset>
    <datalist><input name="d" value="1"></datalist>
    <button disabled name="e">1</button><button name="g" value="1">2</button></form>"""

    assert pairs(find_form(page(markup)).fill()) == [("b", "1"), ("g", "1")]


def test_controls_elsewhere_on_the_page_belong_to_the_form_they_name() -> None:
    markup = """<input form="f" name="before" value="1"><form id="f" method="post"><input name="in" value="1">
    <input form="other" name="not" value="1"></form><button form="f" name="after" value="1">Go</button>"""
    form = find_form(page(markup))

    assert sorted(pairs(form.fill({"before": "2"}))) == [("after", "1"), ("before", "2"), ("in", "1")]


def test_filling_twice_gives_the_same_and_leaves_the_page_as_it_was() -> None:
    response = page(LOGIN)
    before = response.selector.get()
    form = response.form()

    assert form.fill({"user": "a"}).body == form.fill({"user": "a"}).body
    assert response.selector.get() == before


def test_a_multipart_form_is_sent_as_multipart() -> None:
    inputs = '<input name="a" value="é&amp;"><input name="a" value="2">'
    markup = f'<form method="post" enctype="multipart/form-data">{inputs}</form>'
    filled = find_form(page(markup)).fill()
    boundary = filled.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n") for part in filled.body.split(b"--" + boundary)[1:-1]]

    assert [(b'name="a"' in head, value.removesuffix(b"\r\n")) for head, _, value in parts] == [
        (True, "é&".encode()),
        (True, b"2"),
    ]


@pytest.mark.parametrize(
    ("content_type", "attribute"),
    [("text/html; charset=iso-8859-1", ""), ("text/html", ' accept-charset="latin1"')],
    ids=["page", "attribute"],
)
def test_fields_travel_in_the_charset_of_the_page(content_type: str, attribute: str) -> None:
    for method in ("post", "get"):
        markup = f'<form method="{method}"{attribute}><input name="n"></form>'.encode("latin-1")
        filled = find_form(page(markup, content_type=content_type)).fill({"n": "é€"})
        sent = filled.body.decode() if method == "post" else filled.url.partition("?")[2]
        assert parse_qs(sent, encoding="cp1252") in ({"n": ["é€"]}, {"n": ["é&#8364;"]})
        assert "%E9" in sent


# --- where it goes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "head", "expected"),
    [
        ("", "", "https://shop.example/a/login?a=1"),
        (None, "", "https://shop.example/a/login?a=1"),
        (" \n", "", "https://shop.example/a/login?a=1"),
        ("", '<base href="/other/">', "https://shop.example/a/login?a=1"),
        ("post", '<base href="/other/">', "https://shop.example/other/post"),
        ("../x#frag", "", "https://shop.example/x"),
        ("//auth.shop.example/x", "", "https://auth.shop.example/x"),
    ],
    ids=repr,
)
def test_the_action_is_resolved_as_browsers_do(action: str | None, head: str, expected: str) -> None:
    attribute = f'action="{action}"' if action is not None else ""
    form = find_form(page(f'{head}<form method="post" {attribute}></form>', url="https://shop.example/a/login?a=1#top"))

    assert form.action == expected
    assert form.fill().url == expected


@pytest.mark.parametrize(
    ("action", "allow"),
    [
        ("https://evil.example/x", "evil.example"),
        ("http://shop.example/x", "http://shop.example"),
        ("http://evil.example/x", "http://evil.example"),
    ],
    ids=["other-site", "weaker", "both"],
)
def test_B20_a_form_to_another_site_or_over_http_is_refused_unless_named(action: str, allow: str) -> None:
    form = find_form(page(f'<form method="post" action="{action}"><input name="pass"></form>'))

    with pytest.raises(Refused) as caught:
        form.fill({"pass": "hunter22"})
    assert "shop.example" in str(caught.value)
    assert action.split("/")[2] in str(caught.value)
    assert allow in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert form.fill({"pass": "x"}, allow=[allow]).url == action


def test_B20_the_button_cannot_send_it_elsewhere_either() -> None:
    markup = '<form method="post"><button formaction="https://evil.example/">Go</button></form>'

    with pytest.raises(Refused, match=r"evil\.example"):
        find_form(page(markup)).fill()


def test_B20_a_public_suffix_is_not_a_site() -> None:
    markup = '<form method="post" action="https://mallory.github.io/"></form>'

    with pytest.raises(Refused):
        find_form(page(markup, url="https://alice.github.io/login")).fill()


def test_a_form_of_a_script_is_refused() -> None:
    with pytest.raises(InvalidURL):
        find_form(page('<form action="javascript:go()"></form>')).fill()
    with pytest.raises(UsageError, match="method=dialog"):
        find_form(page('<form method="dialog"><button>x</button></form>')).fill()


def test_L5_referer_and_origin_are_those_of_the_page() -> None:
    form = find_form(page('<form method="post"></form>', url="https://u:p@shop.example/login?a=1#top"))
    filled = form.fill()

    assert (filled.referer, filled.origin) == ("https://shop.example/login?a=1", "https://shop.example")


def test_another_origin_sees_only_the_origin_of_the_page() -> None:
    markup = '<form method="post" action="https://auth.shop.example/x"></form>'
    filled = find_form(page(markup, url="https://shop.example:8443/login?token=1")).fill(allow=["auth.shop.example"])

    assert (filled.referer, filled.origin) == ("https://shop.example:8443/", "https://shop.example:8443")


def test_fields_show_what_is_there() -> None:
    fields = find_form(page(LOGIN)).fields

    assert fields == {
        "csrf": "t0ken&=é",
        "empty": "",
        "user": "",
        "pass": "",
        "keep": None,
        "news": "on",
        "role": "buyer",
        "note": "hello\nworld",
        "lang": "en",
        "tags": ["a", "c"],
    }


def test_a_form_that_is_not_closed_keeps_its_fields() -> None:
    form = find_form(
        page('<table><form method="post"><tr><td><input name="a" value="1"><td><input type=password name=p>')
    )

    assert isinstance(form, Form)
    assert pairs(form.fill({"p": "2"})) == [("a", "1"), ("p", "2")]
