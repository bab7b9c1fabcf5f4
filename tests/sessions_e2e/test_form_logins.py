"""Logins with odd forms through whole crawls: what the server gets, and where nothing may go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from crawler import Identity, Spider, run
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import stored
from tests.hosts import Host

USER = '<input name="u"><input type="password" name="pw">'
KNOWN = [("u", "ann"), ("pw", "s3cret-Pw")]
MEMBERS = b"<title>Members</title><p class=x>members</p><a href=/logout>Log out</a>"
Pairs = list[tuple[str, str]]
Submit = Callable[[Any, Any, dict[str, str]], Any]


def pairs(call: WireRequest) -> Pairs:
    return parse_qsl(call.body.decode(), keep_blank_values=True)


class Site:
    """A site that lets in who sends exactly the fields that are right, and shows guests its form."""

    def __init__(self, form: str, right: Pairs, address: str = "127.0.0.1") -> None:
        self.form, self.right = form, right
        self.host = Host({"/login": self._login, "/home": self._home, "/find": self._find}, address, None)
        self.url = self.host.url

    def _login(self, call: WireRequest) -> Answer:
        if call.method == "POST" and pairs(call) == self.right:
            return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", "sid=ok; Path=/")])
        return Answer(body=f"<!doctype html><title>Login</title>{self.form}".encode())

    def _home(self, call: WireRequest) -> Answer:
        if "sid=ok" not in call.headers.get("cookie", ""):
            return Answer(302, headers=[("Location", "/login")])
        return Answer(
            body=MEMBERS + b"<form method=post action=/find><input name=q><button name=go>Find</button></form>"
        )

    def _find(self, call: WireRequest) -> Answer:
        words = ", ".join(f"{name}={value}" for name, value in pairs(call))
        return Answer(body=f"<title>Hits</title><p class=x>{words}</p><a href=/logout>Log out</a>".encode())

    def posted(self) -> list[Pairs]:
        return [pairs(call) for call in self.host.calls if call.method == "POST" and call.path == "/login"]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "s3cret-Pw")


@pytest.fixture
def opened() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def open_site(form: str, right: Pairs | None = None, address: str = "127.0.0.1") -> Site:
        sites.append(Site(form, right if right is not None else KNOWN, address))
        return sites[-1]

    yield open_site
    for site in sites:
        site.host.close()


def usual(session: Any, page: Any, fields: dict[str, str]) -> Any:
    return session.submit(page.form(), fields)


class Members(Spider):
    """Logs in with the form of `page_url`, in the way of `submit`."""

    name = "members"
    submit: Submit = staticmethod(usual)
    page_url = ""

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/home"]

    def login(self, session: Any) -> None:
        page = session.get(self.page_url or f"{self.arguments['site']}/login")
        type(self).submit(session, page, {"u": session.account.username, "pw": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"x": response.css("p.x::text").get()}


def crawl(folder: Path, site: Site, submit: Submit = usual, settings: Any = None, **attributes: Any) -> Summary:
    spider = type("Members", (Members,), {"submit": staticmethod(submit), **attributes})
    options = {"store": str(folder / "crawl.db"), "backoff": 0.05, **(settings or {})}
    return run(spider, arguments={"site": site.url}, settings=options)


def form(inner: str) -> str:
    return f"<form method=post action=/login>{inner}</form>"


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


# --- where a password may go ------------------------------------------------------------------------------------------


def led_away(opened: Callable[..., Site], address: str) -> tuple[Site, Site]:
    """A site whose login page leads to the form of another one, and that other one."""
    shop, other = opened(form(USER)), opened(form(USER), [], address)
    shop.host.routes["/login"] = Answer(302, headers=[("Location", f"{other.url}/login")])
    return shop, other


def test_a_password_is_not_posted_to_another_port_that_the_login_page_leads_to(
    opened: Callable[..., Site], tmp_path: Path
) -> None:
    shop, other = led_away(opened, "127.0.0.1")

    summary = crawl(tmp_path, shop)

    said = " ".join(summary.messages)
    assert (summary.exit_code, summary.logins) == (3, 0)
    assert other.posted() == []
    assert f"nothing is filled in on {other.url}, which is no origin of session 'default'; {shop.url} led there" in said
    assert f"allow=['{other.url}']" in said
    assert f"Identity('default', origins=('{other.url}',))" in said
    assert "s3cret" not in said


def filled_first(session: Any, page: Any, fields: dict[str, str]) -> Any:
    return session.submit(page.form().fill(fields))


def single_sign_on(shop: Site, sign_on: Site) -> None:
    """The form of *sign_on* ends with one that goes to *shop*, as a script would send it."""
    back = f"<form method=post action={shop.url}/acs><input type=hidden name=SAMLResponse value=x></form>"

    def login(call: WireRequest) -> Answer:
        return Answer(body=(back if call.method == "POST" else sign_on.form).encode())

    def acs(call: WireRequest) -> Answer:
        return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", "sid=ok; Path=/")])

    sign_on.host.routes["/login"] = login
    shop.host.routes["/acs"] = acs


def both_steps(**options: Any) -> Submit:
    def submit(session: Any, page: Any, fields: dict[str, str]) -> Any:
        page = session.submit(page.form(), fields, **options)
        return session.submit(page.form(), {}, **options)

    return submit


@pytest.mark.parametrize("named", ["allow", "allow-in-fill", "login_url", "identity", "host", "allow_private"])
def test_a_single_sign_on_that_is_named_gets_the_password(
    named: str, opened: Callable[..., Site], tmp_path: Path
) -> None:
    shop, sign_on = led_away(opened, "127.0.0.1")
    single_sign_on(shop, sign_on)
    submit, more, settings = both_steps(), {}, {}
    if named == "allow":
        submit = both_steps(allow=[sign_on.url])
    elif named == "host":
        submit = both_steps(allow=["127.0.0.1"])
    elif named == "login_url":
        more = {"login_url": f"{sign_on.url}/login"}
    elif named == "identity":
        more = {"sessions": [Identity("default", origins=(sign_on.url,))]}
    elif named == "allow_private":
        settings = {"allow_private": True}
    else:

        def submit(session: Any, page: Any, fields: dict[str, str]) -> Any:
            page = session.submit(page.form().fill(fields, allow=[sign_on.url]))
            return session.submit(page.form().fill(allow=[shop.url]), allow=[sign_on.url])

    summary = crawl(tmp_path, shop, submit, settings, **more)

    assert (summary.ending, stored(tmp_path, "x")) == ("finished", [{"x": "members"}]), summary.messages
    assert sign_on.posted() == [KNOWN]


@pytest.mark.parametrize(
    "submit", [usual, filled_first, both_steps(allow=["elsewhere.example"])], ids=["form", "filled", "other"]
)
def test_naming_another_host_lets_nothing_go(submit: Submit, opened: Callable[..., Site], tmp_path: Path) -> None:
    shop, other = led_away(opened, "127.0.0.1")

    assert crawl(tmp_path, shop, submit).exit_code == 3
    assert other.posted() == []


def test_a_form_of_our_own_page_that_posts_to_another_port_is_refused_unless_it_is_named(
    opened: Callable[..., Site], tmp_path: Path
) -> None:
    other = opened("", [])
    shop = opened(f"<form method=post action={other.url}/login>{USER}</form>")

    summary = crawl(tmp_path, shop)

    assert summary.exit_code == 3
    assert other.posted() == []
    assert f"on {shop.url} to another port, {other.url}; if that is right, name it: allow=['{other.url}']" in " ".join(
        summary.messages
    )
    crawl(tmp_path / "2", shop, lambda session, page, fields: session.submit(page.form(), fields, allow=[other.url]))
    assert other.posted() == [KNOWN]


def test_B20_a_form_of_our_own_page_that_posts_to_another_site_is_refused(
    opened: Callable[..., Site], tmp_path: Path
) -> None:
    other = opened("", [], "127.0.0.2")
    shop = opened(f"<form method=post>{USER}<button formaction={other.url}/login>Go</button></form>")

    summary = crawl(tmp_path, shop, settings={"allow_private": True})

    assert summary.exit_code == 3
    assert other.host.calls == []
    assert (
        "on 127.0.0.1 to 127.0.0.2, which is another site; if that is right, name it: allow=['127.0.0.2']"
        in " ".join(summary.messages)
    )


def test_our_own_origins_may_be_posted_to_from_each_other(opened: Callable[..., Site], tmp_path: Path) -> None:
    other = opened("", [])
    shop = opened(f"<form method=post action={other.url}/login>{USER}</form>")

    crawl(tmp_path, shop, probe_url=f"{other.url}/home")

    assert other.posted() == [KNOWN]
