"""Where the body of a login goes: redirects, forms that post elsewhere, files (rows B15 to B17 and B20)."""

from __future__ import annotations

import pytest

from crawler.errors import FetchError, InvalidURL, RedirectError
from crawler.testing.wire import Answer
from tests.hosts import Net

SECRET = "wordofpower"
FIELDS = {"user": "alice", "password": SECRET}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B15_a_login_body_never_goes_to_another_origin(net: Net, status: int) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/login": Answer.redirect(f"{other.url}/there", status)})
    session = net.session(own.url, other.url)

    if status in (307, 308):
        with pytest.raises(RedirectError, match="another origin"):
            session.post(f"{own.url}/login", data=FIELDS)
        assert other.calls == []
    else:
        session.post(f"{own.url}/login", data=FIELDS)
        (call,) = other.calls
        assert (call.method, call.body) == ("GET", b"")
        assert not [name for name in call.headers if name.startswith("content-")]
    assert SECRET not in str([(call.headers, call.body) for call in other.calls])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B15_on_the_same_origin_a_post_becomes_a_get_unless_the_status_forbids_it(net: Net, status: int) -> None:
    own = net.host({"/login": Answer.redirect("/there", status)})
    session = net.session(own.url)

    session.post(f"{own.url}/login", data=FIELDS)

    (call,) = own.seen("/there")
    if status in (307, 308):
        assert (call.method, call.body) == ("POST", b"user=alice&password=" + SECRET.encode())
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    else:
        assert (call.method, call.body) == ("GET", b"")
        assert not [name for name in call.headers if name.startswith("content-")]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("status", [301, 302])
def test_B15_no_body_of_another_method_goes_to_another_origin(net: Net, method: str, status: int) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/x": Answer.redirect(f"{other.url}/there", status)})

    with pytest.raises(RedirectError, match="another origin"):
        net.session(own.url).request(method, f"{own.url}/x", data=FIELDS)

    assert other.calls == []


def test_B16_without_redirects_no_second_request_is_sent(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/there")})

    answer = net.session(own.url).get(f"{own.url}/go", allow_redirects=False)

    assert answer.status_code == 302
    assert [call.path for call in own.calls] == ["/go"]


def test_B16_with_a_limit_of_none_the_first_redirect_is_an_error(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/there")})

    with pytest.raises(RedirectError, match="more than 0"):
        net.session(own.url, max_redirects=0).get(f"{own.url}/go")

    assert [call.path for call in own.calls] == ["/go"]


def test_B17_a_login_form_cannot_make_us_send_a_file(net: Net) -> None:
    form = b"""<form method=post enctype="multipart/form-data"><input name=user><input type=password name=password>
        <input type=file name=doc value="/etc/passwd"><button name=go>in</button></form>"""
    own = net.host({"/login": lambda call: Answer(body=form if call.method == "GET" else b"<p>ok</p>")})
    session = net.session(own.url)

    session.submit(session.get(f"{own.url}/login").form(), FIELDS)

    posted = own.calls[-1]
    assert posted.method == "POST"
    assert b'name="doc"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--' in posted.body, (
        "as a browser in which nothing was chosen"
    )
    assert b"passwd" not in posted.body
    assert b"root:" not in posted.body
    assert b"root:" not in posted.body
    assert SECRET.encode() in posted.body


@pytest.mark.parametrize("target", ["//127.0.0.2:{port}/collect", "http://elsewhere.test/collect"])
def test_B20_a_login_form_that_posts_elsewhere_is_refused_and_both_hosts_are_named(net: Net, target: str) -> None:
    other = net.host(address="127.0.0.2")
    action = target.format(port=other.port)
    page = f"<form method=post action={action}><input name=user><input type=password name=password></form>".encode()
    own = net.host({"/login": Answer(body=page)})
    session = net.session(own.url, names={"elsewhere.test": "127.0.0.2"})

    with pytest.raises(FetchError) as caught:
        session.submit(session.get(f"{own.url}/login").form(), FIELDS)

    assert "127.0.0.1" in str(caught.value)
    assert ("127.0.0.2" if "//127" in action else "elsewhere.test") in str(caught.value)
    assert SECRET not in str(caught.value)
    assert other.calls == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "mailto:a@b.test", "ftp://a.test/", "data:,x", "javascript:x"])
def test_a_login_step_cannot_ask_for_another_scheme(net: Net, url: str) -> None:
    session = net.session("http://127.0.0.1:1/")
    session.sending.pace = lambda asked: None

    with pytest.raises(InvalidURL):
        session.get(url)
