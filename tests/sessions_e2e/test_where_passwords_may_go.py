"""Where a login step may send a password: our own origins, and those that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import stored
from tests.sessions_e2e.form_site import (
    KNOWN,
    USER,
    Site,
    Submit,
    account,
    crawl,
    form,
    opened,
    usual,
)

__all__ = ["account", "opened"]  # fixtures


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
    assert f"nothing is filled in on {other.url}, which is not an origin of session 'default'; {shop.url} led" in said
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
def test_naming_another_host_permits_nothing(submit: Submit, opened: Callable[..., Site], tmp_path: Path) -> None:
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
