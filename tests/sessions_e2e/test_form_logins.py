"""Logins with odd forms through whole crawls: what the server gets, and where nothing may go."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.wire import Answer
from tests.engine.shop import stored
from tests.sessions_e2e.form_site import (
    KNOWN,
    USER,
    Pairs,
    Site,
    Submit,
    account,
    crawl,
    form,
    opened,
    usual,
)

__all__ = ["account", "opened"]  # fixtures


def with_data(**more: Any) -> Submit:
    return lambda session, page, fields: session.submit(page.form(), {**fields, **more})


RAILS = '<input type="hidden" name="rm" value="0"><input type="checkbox" name="rm" value="1">'


MVC = '<input type="checkbox" name="rm" value="true"><input type="hidden" name="rm" value="false">'


LOGINS: dict[str, tuple[str, Pairs, Submit]] = {
    # buttons
    "button-without-a-value": (form(f"{USER}<button name=login>Go</button>"), [*KNOWN, ("login", "")], usual),
    "submit-input-without-a-value": (
        form(f"{USER}<input type=submit name=login value>"),
        [*KNOWN, ("login", "")],
        usual,
    ),
    "image-button": (form(f"{USER}<input type=image name=go>"), [*KNOWN, ("go.x", "0"), ("go.y", "0")], usual),
    "button-outside-of-the-form": (
        f"<form id=f method=post action=/login>{USER}</form><button form=f name=login>Go</button>",
        [*KNOWN, ("login", "")],
        usual,
    ),
    "button-that-says-where": (
        f"<form>{USER}<button formmethod=post formaction=/login name=b value=1>Go</button></form>",
        [*KNOWN, ("b", "1")],
        usual,
    ),
    "button-behind-a-disabled-one": (
        form(f"{USER}<button name=a disabled>A</button><button type=button name=b>B</button><button name=c>C</button>"),
        [*KNOWN, ("c", "")],
        usual,
    ),
    # boxes with hidden twins
    "rails-on": (form(USER + RAILS), [*KNOWN, ("rm", "0"), ("rm", "1")], with_data(rm=True)),
    "rails-off": (form(USER + RAILS), [*KNOWN, ("rm", "0")], with_data(rm=False)),
    "mvc-on": (form(USER + MVC), [*KNOWN, ("rm", "true"), ("rm", "false")], with_data(rm=True)),
    "mvc-off": (form(USER + MVC), [*KNOWN, ("rm", "false")], with_data(rm=False)),
    "rails-by-its-value": (form(USER + RAILS), [*KNOWN, ("rm", "0"), ("rm", "1")], with_data(rm="1")),
    "B17-file-input-with-a-value": (
        form(f"{USER}<input type=file name=doc value=/etc/passwd>"),
        [*KNOWN, ("doc", "")],
        usual,
    ),
    # fields outside of the element of their form
    "closed-by-a-div": (
        f"<div><form method=post action=/login><input type=hidden name=tok value=1></div><div>{USER}</div>"
        "<div><input type=submit name=go value=Go></form></div>",
        [("tok", "1"), *KNOWN, ("go", "Go")],
        usual,
    ),
    "between-rows": (
        f"<table><form method=post action=/login><tr><td>{USER}</td></tr><tr><td><button name=go>Go</button></table>",
        [*KNOWN, ("go", "")],
        usual,
    ),
    "in-a-row": (
        "<table><tr><form method=post action=/login><td><input name=u></td><td><input type=password name=pw></td>"
        "<td><button>Go</button></td></form></tr></table><input name=z>",
        KNOWN,
        usual,
    ),
    "form-in-a-form": (
        f"<form method=post action=/login><form action=/search><input type=hidden name=a value=1>{USER}</form>",
        [("a", "1"), *KNOWN],
        usual,
    ),
    "closed-too-early": (
        f"<form method=post action=/login><div><input type=hidden name=a value=1></form>{USER}<button>Go</button>",
        [("a", "1"), *KNOWN],
        usual,
    ),
    "fields-that-name-their-form": (
        "<form id=l method=post action=/login></form><p><input name=u form=l><input type=password name=pw form=l>",
        KNOWN,
        usual,
    ),
    # selects that send nothing, and others
    "selects": (
        form(
            f"{USER}<select name=a><option value='' disabled selected>Choose<option value=de>DE</select>"
            "<select name=b><optgroup disabled><option>x</optgroup><option>y</select>"
            "<select name=c size=3><option>1<option>2</select><select name=d multiple><option>1</select>"
            "<select name=e><option disabled>1</select><fieldset disabled><select name=f><option>1</select></fieldset>"
        ),
        [*KNOWN, ("b", "y")],
        usual,
    ),
    # what is given to fill, and what a script adds
    "fill-and-extra": (
        form(USER),
        [*KNOWN, ("__VIEWSTATEENCRYPTED", "")],
        lambda session, page, fields: session.submit(page.form().fill(fields, extra={"__VIEWSTATEENCRYPTED": ""})),
    ),
    "submit-with-extra": (
        form(USER),
        [*KNOWN, ("js", "1")],
        lambda session, page, fields: session.submit(page.form(), fields, extra={"js": "1"}),
    ),
    "fill-and-click": (
        form(f"{USER}<button name=go value=a>A</button><button name=go value=b>B</button>"),
        [*KNOWN, ("go", "b")],
        lambda session, page, fields: session.submit(page.form().fill(fields, click="B")),
    ),
    "fill-sent-by-hand": (
        form(USER),
        KNOWN,
        lambda session, page, fields: _by_hand(session, page.form().fill(fields)),
    ),
    "fill-with-headers": (
        form(USER),
        KNOWN,
        lambda session, page, fields: session.submit(page.form().fill(fields), headers={"X-Requested-With": "js"}),
    ),
    "hidden-field-set-by-a-script": (
        form(f"{USER}<input type=hidden name=hash>"),
        [*KNOWN, ("hash", "abc")],
        with_data(hash="abc"),
    ),
}


def _by_hand(session: Any, filled: Any) -> Any:
    return session.request(filled.method, filled.url, data=filled.body, headers=filled.all_headers())


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_sends_what_a_browser_sends(name: str, opened: Callable[..., Site], tmp_path: Path) -> None:
    markup, right, submit = LOGINS[name]
    site = opened(markup, right)

    summary = crawl(tmp_path, site, submit)

    assert site.posted() == [right]
    assert (summary.ending, summary.exit_code, stored(tmp_path, "x")) == ("finished", 0, [{"x": "members"}])


@pytest.mark.parametrize(
    ("submit", "says"),
    [
        (
            lambda session, page, fields: session.submit(page.form(), {"user": "x"}),
            "no field 'user'.* Its fields: u, pw",
        ),
        (lambda session, page, fields: session.submit(page.form("#l")), r"forms there: unnamed \(u, pw, in\)"),
        (
            lambda session, page, fields: session.submit(page.form(), fields, click="Go"),
            "no button 'Go'; its buttons: 'in'",
        ),
        (lambda session, page, fields: session.submit(page.form().fill(fields), fields), "filled in already"),
    ],
    ids=["field", "form", "button", "twice"],
)
def test_what_is_not_there_ends_the_login_with_what_is(
    submit: Submit, says: str, opened: Callable[..., Site], tmp_path: Path
) -> None:
    site = opened(form(f"{USER}<button name=in>In</button>"))

    summary = crawl(tmp_path, site, submit)

    assert summary.exit_code == 3
    assert site.posted() == []
    assert re.search(says, " ".join(summary.messages)), summary.messages


def test_a_login_form_in_a_frame_is_named_and_what_the_error_says_works(
    opened: Callable[..., Site], tmp_path: Path
) -> None:
    inner = opened(form(USER))
    inner.host.routes["/start"] = Answer(body=b"<title>Login</title><iframe src=/login></iframe>")

    refused = crawl(tmp_path, inner, page_url=f"{inner.url}/start")
    assert f"a form may be in one: session.get('{inner.url}/login').form()" in " ".join(refused.messages)

    def framed(session: Any, page: Any, fields: dict[str, str]) -> Any:
        return session.submit(session.get(f"{inner.url}/login").form(), fields)

    assert crawl(tmp_path / "2", inner, framed, page_url=f"{inner.url}/start").ending == "finished"


# --- from a callback --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["request", "filled"])
def test_a_callback_sends_a_form(way: str, opened: Callable[..., Site], tmp_path: Path) -> None:
    def parse(self: Any, response: Any) -> Any:
        if response.url.endswith("/find"):
            yield {"x": response.css("p.x::text").get(), "referer": response.asked.headers["Referer"]}
        elif way == "request":
            yield response.form().fill({"q": "ink"}, extra={"js": "1"}).request(self.parse)
        else:
            yield response.form().fill({"q": "ink"}, extra={"js": "1"})

    site = opened(form(USER))

    summary = crawl(tmp_path, site, parse=parse)

    assert (summary.ending, summary.items) == ("finished", {"items": 1})
    assert stored(tmp_path, "x", "referer") == [{"x": "q=ink, go=, js=1", "referer": f"{site.url}/home"}]
